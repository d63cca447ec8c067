//! What is written of the dialects of events: a part of `raw.rs`, by the same rules. The types hold all of them, so it
//! is used as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `normalise`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Normalise {
    /// Whether connections get `network.community_id` where they lack it.
    pub community_id: bool,
    /// Whether connections get `source.ip`, `source.port`, `destination.ip`, `destination.port`, `network.transport`, `event.start` and `event.end` where they lack them.
    pub ecs_fields: bool,
    /// Dialects of events that content alone does not tell; the first that applies counts.
    pub dialects: Vec<DialectRule>,
    /// What sources that speak no known dialect call the parts of a connection; the first that applies counts.
    pub mappings: Vec<Mapping>,
}

impl Default for Normalise {
    fn default() -> Self {
        Self { community_id: true, ecs_fields: true, dialects: Vec::new(), mappings: Vec::new() }
    }
}

/// A dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DialectName {
    /// Records of KDD-99 or NSL-KDD.
    Kdd,
    /// Zeek's own names.
    Zeek,
    /// Zeek as Elastic's pipelines leave it.
    ZeekEcs,
    /// Zeek as Security Onion leaves it.
    SecurityOnion,
    /// Suricata's EVE.
    Suricata,
    /// NetFlow and IPFIX of Logstash's codec.
    Netflow,
    /// Flows in ECS.
    Ecs,
    /// Argus.
    Argus,
    /// Flow logs of AWS VPC.
    AwsVpc,
    /// No connection, whatever it looks like.
    Other,
}

impl DialectName {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kdd => "kdd",
            Self::Zeek => "zeek",
            Self::ZeekEcs => "zeek_ecs",
            Self::SecurityOnion => "security_onion",
            Self::Suricata => "suricata",
            Self::Netflow => "netflow",
            Self::Ecs => "ecs",
            Self::Argus => "argus",
            Self::AwsVpc => "aws_vpc",
            Self::Other => "other",
        }
    }
}

/// Events whose field has this value, or a list with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The field, such as `tags` or `event.dataset`.
    #[schemars(extend("minLength" = 1))]
    pub field: String,
    /// The text that it must be.
    pub equals: String,
}

/// An item of `normalise.dialects`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DialectRule {
    /// Which events.
    pub when: When,
    /// Their dialect.
    pub dialect: DialectName,
}

/// What the bytes of a source count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountedBytes {
    /// Payload alone.
    Payload,
    /// From the IP header on.
    #[default]
    Ip,
    /// Whole frames.
    Frames,
}

/// The unit of a source's durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// An item of `normalise.mappings`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Which events; without this key all that have the fields that must be there.
    pub when: Option<When>,
    /// The field with the client's address.
    #[schemars(extend("minLength" = 1))]
    pub source_ip: String,
    /// The field with the client's port.
    pub source_port: Option<String>,
    /// The field with the bytes that the client sent.
    pub source_bytes: Option<String>,
    /// The field with the packets that the client sent.
    pub source_packets: Option<String>,
    /// The field with the TCP flags of the client, or-ed: a number, or hexadecimal behind `0x`.
    pub source_flags: Option<String>,
    /// The field with the server's address.
    #[schemars(extend("minLength" = 1))]
    pub destination_ip: String,
    /// The field with the server's port.
    pub destination_port: Option<String>,
    /// The field with the bytes that the server sent.
    pub destination_bytes: Option<String>,
    /// The field with the packets that the server sent.
    pub destination_packets: Option<String>,
    /// The field with the TCP flags of the server, or-ed.
    pub destination_flags: Option<String>,
    /// The field with the protocol above IP, by name or by number.
    #[schemars(extend("minLength" = 1))]
    pub transport: String,
    /// The field with the application protocol.
    pub application: Option<String>,
    /// The field with the ending in Zeek's letters, such as `SF`.
    pub state: Option<String>,
    /// The field with the time of the first packet: a text, or a number since the epoch in any unit.
    pub start: Option<String>,
    /// The field with the time of the last packet.
    pub end: Option<String>,
    /// The field with how long it lasted.
    pub duration: Option<String>,
    /// The unit of `duration`.
    #[serde(default)]
    pub duration_unit: TimeUnit,
    /// What bytes count.
    #[serde(default)]
    pub bytes: CountedBytes,
    /// Whether an event tells one side only, and the other side has an event of its own.
    #[serde(default)]
    pub one_way: bool,
}
