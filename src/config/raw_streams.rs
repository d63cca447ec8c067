//! What is written of syslog and Kafka: a part of `raw.rs`, by the same rules.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretSource;
use super::units::{DurationText, SizeText};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// How messages on a TCP connection are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyslogFraming {
    /// As the first byte of each connection says: a digit for octet counting.
    Auto,
    /// `LENGTH SP MESSAGE`
    OctetCounting,
    /// A line each.
    Newline,
}

/// `syslog`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Syslog {
    /// Address and port for syslog over TCP; without this key there is none.
    #[schemars(extend("x-kind" = "address"))]
    pub listen_tcp: Option<String>,
    /// Address and port for syslog over UDP; without this key there is none.
    #[schemars(extend("x-kind" = "address"))]
    pub listen_udp: Option<String>,
    /// Allow addresses that other machines can reach; syslog has no authentication, so whoever reaches them can write.
    pub listen_unprotected: bool,
    /// How messages on a TCP connection are told apart.
    pub framing: SyslogFraming,
    /// The time zone of times that do not say theirs (RFC 3164); `local` is this machine's, summer time included.
    #[schemars(extend("x-kind" = "time-zone"))]
    pub time_zone: String,
    /// The longest message; what is longer is cut there and tagged `syslog_cut`.
    #[schemars(extend("x-minimum" = "480B", "x-maximum" = "16MiB"))]
    pub max_message: SizeText,
    /// TCP connections held open at once; further ones wait.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections: usize,
    /// After so long without a byte a TCP connection is closed; a sender may lose the message that it writes just then.
    #[schemars(extend("x-minimum" = "1s"))]
    pub idle_timeout: DurationText,
    /// How long the rest of a message may take that has begun on a TCP connection.
    #[schemars(extend("x-minimum" = "1s"))]
    pub message_timeout: DurationText,
    /// The kernel's buffer for datagrams; `net.core.rmem_max` bounds it.
    #[schemars(extend("x-minimum" = "4KiB", "x-maximum" = "1GiB"))]
    pub udp_receive_buffer: SizeText,
    /// Memory for datagrams that wait for the spool; beyond it they are dropped and counted.
    #[schemars(extend("x-minimum" = "64KiB", "x-maximum" = "1GiB"))]
    pub udp_queue: SizeText,
    /// Whether the line as it came is kept as `event.original`.
    pub keep_original: bool,
}

impl Default for Syslog {
    fn default() -> Self {
        Self {
            listen_tcp: None,
            listen_udp: None,
            listen_unprotected: false,
            framing: SyslogFraming::Auto,
            time_zone: "utc".to_owned(),
            max_message: SizeText(64 * KIB),
            max_connections: 512,
            idle_timeout: DurationText(Duration::from_secs(3600)),
            message_timeout: DurationText(Duration::from_secs(30)),
            udp_receive_buffer: SizeText(8 * MIB),
            udp_queue: SizeText(64 * MIB),
            keep_original: true,
        }
    }
}

/// `kafka`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kafka {
    /// Topics that events are read from.
    pub input: KafkaInput,
}

/// `kafka.input`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaInput {
    /// Brokers of one cluster, each `host:port`; without this key nothing is read from Kafka.
    pub brokers: Vec<String>,
    /// Topics that events are read from.
    pub topics: Vec<String>,
    /// Consumer group; all oversights of one group share the topics' partitions.
    #[schemars(extend("minLength" = 1))]
    pub group: String,
    /// Further settings of librdkafka by its own names, such as `sasl.password`; each value is a text, {file: PATH} or {env: NAME}.
    pub properties: BTreeMap<String, SecretSource>,
}

impl Default for KafkaInput {
    fn default() -> Self {
        Self { brokers: Vec::new(), topics: Vec::new(), group: "oversight".to_owned(), properties: BTreeMap::new() }
    }
}

/// What decides the partition of a document in Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KafkaKey {
    /// Its id.
    DocumentId,
    /// The host that a connection went to, else the id.
    DestinationHost,
}

/// `store.kafka`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaStore {
    /// Brokers of one cluster, each `host:port`.
    pub brokers: Vec<String>,
    /// The topic for annotated events.
    #[schemars(extend("minLength" = 1))]
    pub events_topic: String,
    /// The topic for anomalies.
    #[schemars(extend("minLength" = 1))]
    pub anomalies_topic: String,
    /// What decides the partition: what has the same key stays in order.
    pub key: KafkaKey,
    /// Further settings of librdkafka by its own names, such as `sasl.password`; each value is a text, {file: PATH} or {env: NAME}.
    pub properties: BTreeMap<String, SecretSource>,
}

impl Default for KafkaStore {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            events_topic: "oversight-events".to_owned(),
            anomalies_topic: "oversight-anomalies".to_owned(),
            key: KafkaKey::DocumentId,
            properties: BTreeMap::new(),
        }
    }
}
