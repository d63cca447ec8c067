//! Turns what the configuration says of dialects into the rules of `normalise`.

use crate::config::Config;
use crate::config::normalise::{self as raw, CountedBytes, TimeUnit};
use crate::normalise::{Bytes, Condition, Dialect, DialectRule, MappedField, Mapping, Rules, Unit};

use super::flow::FlowFields;

/// What is known of events beside what they say.
pub fn rules(config: &Config) -> Rules {
    let dialects = config.normalise.dialects.iter().map(|rule| DialectRule {
        when: condition(&rule.when),
        dialect: Dialect::of(rule.dialect.name()).expect("both lists have the same names, as a test holds"),
    });
    Rules {
        always: None,
        dialects: dialects.collect(),
        mappings: config.normalise.mappings.iter().map(mapping).collect(),
    }
}

/// Which ECS fields of their connections stored documents get.
pub(super) fn flow_fields(config: &Config) -> FlowFields {
    FlowFields { community_id: config.normalise.community_id, tuple: config.normalise.ecs_fields }
}

fn condition(when: &raw::When) -> Condition {
    Condition { field: when.field.clone(), value: when.equals.clone() }
}

fn mapping(raw: &raw::Mapping) -> Mapping {
    let optional = [
        (MappedField::SourcePort, &raw.source_port),
        (MappedField::SourceBytes, &raw.source_bytes),
        (MappedField::SourcePackets, &raw.source_packets),
        (MappedField::SourceFlags, &raw.source_flags),
        (MappedField::DestinationPort, &raw.destination_port),
        (MappedField::DestinationBytes, &raw.destination_bytes),
        (MappedField::DestinationPackets, &raw.destination_packets),
        (MappedField::DestinationFlags, &raw.destination_flags),
        (MappedField::Application, &raw.application),
        (MappedField::State, &raw.state),
        (MappedField::Start, &raw.start),
        (MappedField::End, &raw.end),
        (MappedField::Duration, &raw.duration),
    ];
    let given = optional.into_iter().filter_map(|(field, path)| Some((field, path.clone()?)));
    let needed = [
        (MappedField::SourceIp, &raw.source_ip),
        (MappedField::DestinationIp, &raw.destination_ip),
        (MappedField::Transport, &raw.transport),
    ];
    Mapping {
        when: raw.when.as_ref().map(condition),
        fields: needed.into_iter().map(|(field, path)| (field, path.clone())).chain(given).collect(),
        bytes: match raw.bytes {
            CountedBytes::Payload => Bytes::Payload,
            CountedBytes::Ip => Bytes::Ip,
            CountedBytes::Frames => Bytes::Frames,
        },
        duration: match raw.duration_unit {
            TimeUnit::S => Unit::Seconds,
            TimeUnit::Ms => Unit::Milliseconds,
            TimeUnit::Us => Unit::Microseconds,
            TimeUnit::Ns => Unit::Nanoseconds,
        },
        one_way: raw.one_way,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::configuration;
    use crate::normalise::{Address, Normaliser, Record};

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oversight.yml");
        std::fs::write(&path, text).unwrap();
        configuration::loader().load(Some(&path), std::iter::empty()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn every_name_of_a_dialect_in_the_configuration_is_one() {
        for name in Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Mapped).map(Dialect::name) {
            let text = format!("normalise: {{dialects: [{{when: {{field: tags, equals: x}}, dialect: {name}}}]}}");
            assert_eq!(rules(&config(&text)).dialects[0].dialect.name(), name);
        }
    }

    #[test]
    fn a_mapping_makes_a_connection_of_any_event_without_code() {
        let rules = rules(&config(
            "normalise:\n  mappings:\n    - {when: {field: tags, equals: firewall}, source_ip: fw.src, destination_ip: fw.dst, \
             transport: fw.proto, destination_port: fw.dpt, source_bytes: fw.sent, source_packets: fw.n, duration: fw.ms, \
             duration_unit: ms, source_flags: fw.flags, start: fw.at}\n",
        ));
        let mut normaliser = Normaliser::with_rules(&["destination.port".to_owned()], &rules);
        let body = br#"{"tags":["a","firewall"],"fw":{"src":"10.0.0.1","dst":"10.0.0.2","proto":6,"dpt":"22","sent":264,"n":2,"ms":1500,"flags":"0x13","at":1700000000123}}"#;
        let view = normaliser.read(body).unwrap();
        assert_eq!(view.dialect, Dialect::Mapped);
        let Record::Connection(connection) = view.record else { panic!("a connection") };
        assert_eq!(connection.source.address, Address::of("10.0.0.1"));
        assert_eq!((connection.destination.port, connection.duration), (Some(22), Some(1.5)));
        assert_eq!((connection.source.bytes, connection.state), (Some(264 - 2 * 52), Some("SF")));
        assert_eq!(connection.start.map(|start| start.micros()), Some(1_700_000_000_123_000));
        let untagged = String::from_utf8_lossy(body).replace("firewall", "other");
        assert_eq!(normaliser.read(untagged.as_bytes()).unwrap().record, Record::Other);
    }

    #[test]
    fn what_the_configuration_says_goes_before_what_the_content_looks_like() {
        let rules = rules(&config("normalise: {dialects: [{when: {field: agent.name, equals: lab}, dialect: other}]}"));
        let mut normaliser = Normaliser::with_rules(&[], &rules);
        let read = |normaliser: &mut Normaliser, agent: &str| {
            let body = format!(
                r#"{{"agent":{{"name":"{agent}"}},"uid":"C","proto":"tcp","id.orig_h":"1.1.1.1","id.resp_h":"2.2.2.2","conn_state":"SF"}}"#
            );
            let view = normaliser.read(body.as_bytes()).unwrap();
            (view.dialect, matches!(view.record, Record::Connection(_)))
        };
        assert_eq!(read(&mut normaliser, "lab"), (Dialect::Other, false));
        assert_eq!(read(&mut normaliser, "field"), (Dialect::Zeek, true));
    }
}
