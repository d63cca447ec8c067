//! What a source tells of a connection, as far as flow features are made of it: what it does not tell cannot be looked at.

use super::own;
use crate::normalise::Connection;

/// What may be told of a connection, in the order of the bits of [`untold`].
pub const FACTS: [&str; 8] =
    ["duration", "bytes_out", "bytes_in", "packets_out", "packets_in", "ending", "history", "name"];

/// What is not told of this connection.
pub fn untold(connection: &Connection<'_>) -> u8 {
    let (source, destination) = (&connection.source, &connection.destination);
    let absent = [
        connection.duration.is_none(),
        source.bytes.is_none(),
        destination.bytes.is_none(),
        source.packets.is_none(),
        destination.packets.is_none(),
        own::ending(connection).is_none(),
        connection.history.is_none(),
        connection.name.is_none(),
    ];
    absent.into_iter().enumerate().fold(0, |bits, (place, absent)| bits | u8::from(absent) << place)
}

/// The feature of KDD-99 (a place in [`NAMES`](crate::features::NAMES)) that says the same as the fact at this place; an estimate of one is one
/// of the other.
pub fn same_of_kdd(fact: usize) -> Option<usize> {
    match FACTS[fact] {
        "bytes_out" => Some(4),
        "bytes_in" => Some(5),
        "ending" => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FEATURES, FlowSettings, FlowWindows, is_always_told};
    use super::*;
    use crate::event::ReceivedTime;
    use crate::features::NAMES;
    use crate::normalise::{Normaliser, Record};

    fn names(bits: u8) -> Vec<&'static str> {
        FACTS.into_iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1).map(|(_, name)| name).collect()
    }

    #[test]
    fn what_a_source_does_not_tell_is_named() {
        let mut normaliser = Normaliser::new(&[]);
        let mut of = |event: &str| {
            let view = normaliser.read(event.as_bytes()).expect("an event");
            let Record::Connection(connection) = &view.record else { panic!("a connection: {event}") };
            names(untold(connection))
        };
        let zeek = r#"{"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":80,"proto":"tcp",
            "duration":1.5,"orig_bytes":10,"resp_bytes":20,"conn_state":"SF","history":"ShADadFf","orig_pkts":4,"resp_pkts":5}"#;
        assert_eq!(of(zeek), ["name"]);
        // one side of it, without a history
        let vpc = "{\"srcaddr\":\"10.0.0.1\",\"dstaddr\":\"10.0.0.2\",\"srcport\":50000,\"dstport\":80,\"protocol\":6,\
                   \"packets\":4,\"bytes\":400,\"start\":1600000000,\"end\":1600000002}";
        let untold = of(vpc);
        assert!(["bytes_in", "packets_in", "history", "name"].iter().all(|name| untold.contains(name)), "{untold:?}");
        assert!(!untold.contains(&"bytes_out") && !untold.contains(&"packets_out"), "{untold:?}");
    }

    #[test]
    fn counts_of_company_are_told_of_a_connection_of_which_nothing_else_is() {
        let bare = r#"{"uid":"C1","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","proto":"tcp","_path":"conn"}"#;
        let mut normaliser = Normaliser::new(&[]);
        let view = normaliser.read(bare.as_bytes()).expect("an event");
        let mut windows = FlowWindows::new(&FlowSettings::default());
        let time = ReceivedTime::from_micros(1_600_000_000_000_000).as_event_time();
        let vector = windows.measure(&view.record, time).expect("a connection");
        let told = |name: &str| vector.named(name).is_some_and(f32::is_finite);
        let always: Vec<&str> = FEATURES.iter().map(|one| one.name).filter(|name| is_always_told(name)).collect();
        assert_eq!(always.len(), 39);
        assert_eq!(always.iter().filter(|name| !told(name)).count(), 0);
        assert!(!told("flow_bytes_out") && !told("flow_originator_bytes_2m"), "and bytes are not");
    }

    #[test]
    fn facts_that_kdd_has_too_are_those_of_its_names() {
        let same: Vec<_> = (0..FACTS.len()).filter_map(|fact| Some((FACTS[fact], NAMES[same_of_kdd(fact)?]))).collect();
        assert_eq!(same, [("bytes_out", "src_bytes"), ("bytes_in", "dst_bytes"), ("ending", "flag")]);
    }
}
