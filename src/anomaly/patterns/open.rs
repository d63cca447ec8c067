//! Connections that are still open: Zeek's open_conn.log and conn_long.log tell of them again and again, until conn.log does
//! for the last time. They are no connections for anything else, which would count them several times.

use super::super::fields::{Fields, Value};
use super::call::Call;
use crate::normalise::{Address, Transport};

/// What is read of an event, in the order of [`Path`].
pub(super) const PATHS: [&str; 7] = ["_path", "id.orig_h", "id.resp_h", "id.resp_p", "duration", "orig_bytes", "proto"];

/// A place in [`PATHS`].
#[derive(Clone, Copy)]
enum Path {
    Log,
    Originator,
    Responder,
    Port,
    Duration,
    Sent,
    Protocol,
}

/// Logs that tell of open connections.
const LOGS: [&str; 2] = ["open_conn", "conn_long"];

/// Gives `take` the open connection that an event tells of, if it does; `first` is the place of the first of [`PATHS`].
pub(super) fn each(fields: &impl Fields, first: usize, take: impl FnOnce(&Call<'_>)) {
    let text = |path: Path| match fields.field(first + path as usize) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let number = |path: Path| match fields.field(first + path as usize) {
        Some(Value::Number(number)) => Some(number),
        Some(Value::Text(text)) => text.parse().ok(),
        _ => None,
    };
    if !text(Path::Log).is_some_and(|log| LOGS.contains(&&*log)) {
        return;
    }
    let (Some(source), Some(destination)) = (text(Path::Originator), text(Path::Responder)) else { return };
    take(&Call {
        source: Address::of(&source),
        destination: Address::of(&destination),
        port: number(Path::Port).map_or(0, |port| port as u16),
        transport: text(Path::Protocol).map_or(Transport::Other, |protocol| Transport::of(&protocol)),
        sent: number(Path::Sent).map(|sent| sent as u64),
        duration: number(Path::Duration),
        started: None,
        name: None,
        is_again: true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event with these values in the order of the paths.
    struct Event([&'static str; 7]);

    impl Fields for Event {
        fn field(&self, id: usize) -> Option<Value<'_>> {
            self.0.get(id).map(|text| Value::Text((*text).into()))
        }
    }

    #[test]
    fn an_open_connection_is_read_and_other_logs_are_left_alone() {
        let mut durations = Vec::new();
        for log in ["open_conn", "conn", "conn_long"] {
            let event = Event([log, "10.0.0.1", "10.0.0.2", "22", "7200.5", "900", "tcp"]);
            each(&event, 0, |call| durations.push((call.port, call.duration, call.sent)));
        }
        assert_eq!(durations, [(22, Some(7200.5), Some(900)); 2]);
    }
}
