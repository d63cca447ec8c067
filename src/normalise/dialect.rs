//! Which dialect an event speaks, by what it has; or as the configuration says.

use super::assemble::Facts;
use super::slots::Slots;
use super::{argus, ecs, kdd, netflow, suricata, vpc, zeek};

/// A dialect that events come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// A record of KDD-99 or NSL-KDD.
    Kdd,
    /// Zeek, with its own names.
    Zeek,
    /// Zeek, as Elastic's Filebeat module and integration leave it.
    ZeekEcs,
    /// Zeek, as Security Onion leaves it.
    SecurityOnion,
    /// Suricata's EVE, plain or wrapped.
    Suricata,
    /// NetFlow and IPFIX as Logstash's codec writes them.
    NetFlow,
    /// Flows in ECS: Packetbeat, Filebeat's netflow input, and others.
    Ecs,
    /// Argus.
    Argus,
    /// Flow logs of AWS VPC.
    Vpc,
    /// A field mapping of the configuration.
    Mapped,
    /// None of them.
    Other,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Kdd,
        Self::Zeek,
        Self::ZeekEcs,
        Self::SecurityOnion,
        Self::Suricata,
        Self::NetFlow,
        Self::Ecs,
        Self::Argus,
        Self::Vpc,
        Self::Mapped,
        Self::Other,
    ];

    /// Its name in configuration, documents and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kdd => "kdd",
            Self::Zeek => "zeek",
            Self::ZeekEcs => "zeek_ecs",
            Self::SecurityOnion => "security_onion",
            Self::Suricata => "suricata",
            Self::NetFlow => "netflow",
            Self::Ecs => "ecs",
            Self::Argus => "argus",
            Self::Vpc => "aws_vpc",
            Self::Mapped => "mapped",
            Self::Other => "other",
        }
    }

    /// The dialect of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// A connection among the slots.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// What is told of it.
    pub facts: Facts<'a>,
    /// Where its texts lie.
    pub names: Names,
    /// Only what one side sent is told; the other side has a record of its own.
    pub one_way: bool,
}

/// The slots that answer to ECS names.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// `source.ip`
    pub source: u32,
    /// `destination.ip`
    pub destination: u32,
    /// `network.transport`
    pub transport: u32,
    /// `network.protocol`
    pub application: u32,
}

/// The dialect of the record in the slots, other than KDD's, and its connection if it tells of one. `told` is what the
/// configuration says of it.
#[inline]
pub fn recognise<'a>(slots: &Slots, body: &'a str, told: Option<Dialect>) -> (Dialect, Option<Found<'a>>) {
    let dialect = told.unwrap_or_else(|| by_content(slots));
    let found = match dialect {
        Dialect::Zeek => zeek::connection(slots, body, told.is_some()),
        Dialect::Suricata => suricata::connection(slots, body),
        Dialect::NetFlow => netflow::connection(slots, body),
        Dialect::Ecs | Dialect::ZeekEcs | Dialect::SecurityOnion => {
            ecs::connection(slots, body, ecs::shape(slots, body, told))
        }
        Dialect::Argus => argus::connection(slots, body),
        Dialect::Vpc => vpc::connection(slots, body),
        Dialect::Kdd | Dialect::Mapped | Dialect::Other => None,
    };
    match (dialect, told) {
        (Dialect::Ecs, None) => (ecs::shape(slots, body, None), found),
        _ => (dialect, found),
    }
}

/// By which fields are there: each question is a load or two.
#[inline]
fn by_content(slots: &Slots) -> Dialect {
    if zeek::is_ours(slots) {
        Dialect::Zeek
    } else if suricata::is_ours(slots) {
        Dialect::Suricata
    } else if netflow::is_ours(slots) {
        Dialect::NetFlow
    } else if vpc::is_ours(slots) {
        Dialect::Vpc
    } else if argus::is_ours(slots) {
        Dialect::Argus
    } else if ecs::is_ours(slots) {
        Dialect::Ecs
    } else {
        Dialect::Other
    }
}

/// Whether the record in the slots is one of KDD-99, and where it lies.
pub fn kdd_record(slots: &Slots, told: Option<Dialect>) -> Option<u32> {
    if told.is_some_and(|dialect| dialect != Dialect::Kdd) {
        return None;
    }
    kdd::record(slots)
}
