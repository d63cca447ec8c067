//! ECS names that an event of another dialect answers to, so that a metric is declared once for all of them.

use super::connection::{Connection, Transport};
use super::dialect::Names;
use super::scalar::Captured;
use super::slots::Slots;
use crate::features::symbols::FLAGS;

/// A field of ECS that a connection has under another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canonical {
    /// `source.ip`
    SourceAddress,
    /// `source.port`
    SourcePort,
    /// `destination.ip`
    DestinationAddress,
    /// `destination.port`
    DestinationPort,
    /// `network.transport`
    Transport,
    /// `network.protocol`
    Protocol,
    /// `source.bytes`, the payload
    SourceBytes,
    /// `destination.bytes`, the payload
    DestinationBytes,
    /// `network.bytes`: both together, or the one that is known
    Bytes,
    /// `event.duration`, nanoseconds
    Duration,
    /// `connection.state`, in Zeek's letters
    State,
}

/// How connections end, in Zeek's letters.
const STATES: [&str; 13] = ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];

impl Canonical {
    /// The field that `path` names, if connections have it. (`host.name` and `user.name` they do not.)
    pub fn of(path: &str) -> Option<Self> {
        Some(match path {
            "source.ip" => Self::SourceAddress,
            "source.port" => Self::SourcePort,
            "destination.ip" => Self::DestinationAddress,
            "destination.port" => Self::DestinationPort,
            "network.transport" => Self::Transport,
            "network.protocol" => Self::Protocol,
            "source.bytes" => Self::SourceBytes,
            "destination.bytes" => Self::DestinationBytes,
            "network.bytes" => Self::Bytes,
            "event.duration" => Self::Duration,
            "connection.state" => Self::State,
            _ => return None,
        })
    }
}

/// What `field` is of a connection whose texts lie where `names` says.
pub fn of_connection(field: Canonical, connection: &Connection<'_>, names: &Names, slots: &Slots) -> Captured {
    let count = |count: Option<u64>| count.map_or(Captured::Absent, |count| Captured::Number(count as f64));
    let (sent, received) = (connection.source.bytes, connection.destination.bytes);
    match field {
        Canonical::SourceAddress => slots.at(names.source),
        Canonical::SourcePort => count(connection.source.port.map(u64::from)),
        Canonical::DestinationAddress => slots.at(names.destination),
        Canonical::DestinationPort => count(connection.destination.port.map(u64::from)),
        Canonical::Transport => match connection.transport {
            Transport::Other => slots.at(names.transport),
            known => Captured::Transport(known),
        },
        Canonical::Protocol if connection.application.is_some() => slots.at(names.application),
        Canonical::Protocol => Captured::Absent,
        Canonical::SourceBytes => count(sent),
        Canonical::DestinationBytes => count(received),
        Canonical::Bytes => count(sent.map(|sent| sent.saturating_add(received.unwrap_or(0))).or(received)),
        Canonical::Duration => {
            connection.duration.map_or(Captured::Absent, |seconds| Captured::Number((seconds * 1e9).round()))
        }
        Canonical::State => state(connection).map_or(Captured::Absent, Captured::Word),
    }
}

/// The state in the source's words where these are Zeek's, else as it was understood.
fn state(connection: &Connection<'_>) -> Option<&'static str> {
    let own = connection.state.and_then(|own| STATES.iter().find(|state| **state == own));
    own.or_else(|| FLAGS.get(connection.symbols.flag.place()?)).copied()
}
