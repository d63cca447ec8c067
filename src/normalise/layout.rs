//! Where an event's JSON can be added to without writing it anew.

use super::json::Span;

/// The places in a body that matter to somebody who adds to it; all are byte offsets from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// The event's closing brace.
    pub end: u32,
    /// The event is `{}`, so what is added needs no comma before it.
    pub empty: bool,
    /// There is a top-level `@timestamp`, readable or not.
    pub timestamp: bool,
    /// The top-level key `event`.
    pub event: Member,
    /// There is an `event.risk_score`, nested or dotted.
    pub risk_score: bool,
    /// The top-level key `threat`.
    pub threat: Member,
    /// The top-level key `oversight`.
    pub oversight: Member,
    /// The top-level key `source`.
    pub source: Member,
    /// The top-level key `destination`.
    pub destination: Member,
    /// The top-level key `network`.
    pub network: Member,
    /// Which ECS fields of its connection the event has itself; nothing is looked up for what is no connection.
    pub told: Told,
}

/// Fields that an event has, nested or dotted, be it with `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// `source.ip`
    pub source_ip: bool,
    /// `source.port`
    pub source_port: bool,
    /// `destination.ip`
    pub destination_ip: bool,
    /// `destination.port`
    pub destination_port: bool,
    /// `network.transport`
    pub transport: bool,
    /// `network.community_id`
    pub community_id: bool,
    /// `event.start`
    pub start: bool,
    /// `event.end`
    pub end: bool,
}

/// One top-level key. Where it comes twice, the last one counts, as for most readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    /// What its value is.
    pub form: Form,
    /// A dotted key such as `threat.framework` stands beside it or in its place.
    pub dotted: bool,
}

impl Member {
    /// Whether the event says anything under this key, in whatever form.
    pub fn is_there(&self) -> bool {
        self.dotted || self.form != Form::Absent
    }
}

/// The value of a top-level key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// There is no such key.
    #[default]
    Absent,
    /// An object: something can be added before its closing brace, which is the last byte of `value`.
    Object {
        /// From its opening brace to behind its closing one.
        value: Span,
        /// It has no members.
        empty: bool,
    },
    /// Something else, `null` included.
    Other(Span),
}
