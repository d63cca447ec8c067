//! ECS names that an event of another dialect answers to, so that a metric is declared once for all of them.

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
}

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
            _ => return None,
        })
    }
}
