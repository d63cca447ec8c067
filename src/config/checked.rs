//! The configuration after the check: typed, complete, and never validated again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::telemetry::log;

use super::model::Model;
use super::normalise::Normalise;
use super::raw::{Decision, Overload, SecondJudges};
use super::raw_elastic::RetentionDays;
use super::raw_patterns::Patterns;
use super::raw_streams::{KafkaKey, SyslogFraming};
use super::secret::Secret;
use super::security::{Security, Tls};
use super::show::Shown;
use super::zone::TimeZone;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where requests come in; loopback, or protected, or `listen_unprotected` was set.
    pub listen: SocketAddr,
    /// Whether it may be reached by other machines without protection.
    pub listen_unprotected: bool,
    /// Who may do what.
    pub security: Security,
    /// Encryption; none where requests come in the clear.
    pub tls: Option<Tls>,
    /// How long stopping may take, all steps together.
    pub stop_within: Duration,
    /// The folder of all state.
    pub data_dir: PathBuf,
    /// Limits on requests and connections.
    pub http: Http,
    /// For how long a body that is sent again is taken once; zero takes every body.
    pub retry_window: Duration,
    /// The door in Elasticsearch's shape.
    pub bulk: Bulk,
    /// Events from syslog senders.
    pub syslog: Syslog,
    /// Events from Kafka; none where no brokers are given.
    pub kafka_input: Option<KafkaInput>,
    /// The queue on disk.
    pub spool: Spool,
    /// Judging and writing.
    pub enrich: Enrich,
    /// How events are understood.
    pub normalise: Normalise,
    /// The network's verdicts.
    pub classify: Classify,
    /// Metrics and their scores.
    pub anomaly: Anomaly,
    /// Where documents go.
    pub store: Store,
    /// The log.
    pub log: log::Settings,
    /// Every key with its value and origin, secrets masked.
    pub(super) shown: Vec<Shown>,
}

/// Limits on requests and connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Bytes of a body as it comes over the wire.
    pub max_body: u64,
    /// Bytes of a body after decompression; at least `max_body`.
    pub max_decompressed: u64,
    /// How many times its size on the wire a large body may be.
    pub max_ratio: usize,
    /// Bytes of one event; at most `max_decompressed`.
    pub max_event: u64,
    /// Levels of nesting in one event.
    pub max_depth: usize,
    /// The most events in one body.
    pub max_events: usize,
    /// The most fields in one event.
    pub max_fields: usize,
    /// Memory for bodies that are being taken, in bytes.
    pub max_in_flight: u64,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections of one address at once.
    pub max_connections_per_address: usize,
    /// For a request's headers, and for idle connections.
    pub header_timeout: Duration,
    /// For a request's body.
    pub body_timeout: Duration,
    /// For a client to take an answer.
    pub write_timeout: Duration,
    /// Until a request is answered 429 where the disk is slow.
    pub answer_within: Duration,
    /// How long `/v1/enrich` may take before it is answered 503.
    pub enrich_within: Duration,
    /// For requests in progress at the end.
    pub drain: Duration,
}

/// The door in Elasticsearch's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// The version that clients are told: three numbers.
    pub version: String,
    /// Whether answers tell of bad documents.
    pub report_bad_documents: bool,
    /// What a sender meets when there is no room.
    pub overload: Overload,
    /// How long a 429 is held back.
    pub overload_delay: Duration,
}

/// Events from syslog senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// For TCP; loopback, or `syslog.listen_unprotected` was set.
    pub listen_tcp: Option<SocketAddr>,
    /// For UDP; likewise.
    pub listen_udp: Option<SocketAddr>,
    /// How messages on a connection are told apart.
    pub framing: SyslogFraming,
    /// Of times that do not say theirs.
    pub time_zone: TimeZone,
    /// Bytes of the longest message.
    pub max_message: u64,
    /// Connections at once.
    pub max_connections: usize,
    /// For connections on which nothing comes.
    pub idle_timeout: Duration,
    /// For the rest of a message.
    pub message_timeout: Duration,
    /// Bytes of the kernel's buffer for datagrams.
    pub udp_receive_buffer: u64,
    /// Bytes of datagrams that wait.
    pub udp_queue: u64,
    /// Whether lines are kept as they came.
    pub keep_original: bool,
}

/// Events from Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaInput {
    /// At least one.
    pub brokers: Vec<String>,
    /// At least one.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// Further settings of librdkafka; none of those that are set here.
    pub properties: Vec<(String, Secret)>,
}

/// Topics that documents go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaStore {
    /// At least one.
    pub brokers: Vec<String>,
    /// For events.
    pub events_topic: String,
    /// For anomalies.
    pub anomalies_topic: String,
    /// What decides the partition.
    pub key: KafkaKey,
    /// Further settings of librdkafka; none of those that are set here.
    pub properties: Vec<(String, Secret)>,
}

/// The queue on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    /// Bytes on disk before senders are answered 429.
    pub max_bytes: u64,
    /// Bytes of one file; at most `max_bytes`.
    pub segment_bytes: u64,
    /// Bytes of dead letters.
    pub dead_letter_bytes: u64,
}

/// Judging and writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrich {
    /// Whether events are judged at all.
    pub enabled: bool,
    /// Events a batch; at least 1.
    pub batch: usize,
}

/// The network's verdicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Classify {
    /// Whether events are classified.
    pub enabled: bool,
    /// The model that judges until another is activated.
    pub model: Model,
    /// One that is compared with it.
    pub shadow: Option<Model>,
    /// One that judges beside it.
    pub second: Option<Model>,
    /// What that one judges.
    pub second_judges: SecondJudges,
    /// False alarms among 10,000 normal connections that are allowed.
    pub max_false_alarms: Option<f64>,
    /// Hosts whose connections are told as no attacks, as they are written.
    pub known_hosts: Vec<String>,
    /// How far back comparisons look.
    pub window: Duration,
    /// Verdicts of each batch that are explained.
    pub explain_per_batch: usize,
    /// How a class is decided on.
    pub decision: Decision,
}

/// Metrics and their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Whether metrics are counted.
    pub enabled: bool,
    /// The declarations as written, each readable as the type that [`super::Loader::metrics`] was given; none for
    /// the shipped ones.
    pub metrics: Option<Vec<serde_json::Value>>,
    /// Score from which on an anomaly is recorded, 0 to 100.
    pub threshold: f64,
    /// How late an event may come.
    pub lateness: Duration,
    /// Series at once.
    pub max_series: usize,
    /// Bytes on disk of series that are set aside; 0 sets none aside.
    pub max_aside: u64,
    /// Time between two snapshots.
    pub snapshot_every: Duration,
    /// The zone of metrics that say none, as it is written.
    pub zone: String,
    /// What to look for beside metrics, as it is written.
    pub patterns: Patterns,
}

/// Where documents go, and how they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Which store.
    pub kind: StoreKind,
    /// Batches on their way at once.
    pub in_flight: usize,
    /// Bytes of documents a batch.
    pub batch_bytes: u64,
}

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// An index of its own.
    Embedded(Embedded),
    /// Elasticsearch or OpenSearch.
    Elasticsearch(Elasticsearch),
    /// Topics of a Kafka cluster.
    Kafka(KafkaStore),
}

/// An index of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Days that are kept; at least 1.
    pub retention_days: u32,
    /// Bytes of memory for what is not in the index yet.
    pub memory: u64,
    /// Bytes on disk.
    pub max_bytes: u64,
}

/// Elasticsearch or OpenSearch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elasticsearch {
    /// Addresses of one cluster; at least one.
    pub urls: Vec<String>,
    /// How to authenticate.
    pub credentials: Credentials,
    /// PEM file of its authority.
    pub ca_file: Option<PathBuf>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// For one request.
    pub timeout: Duration,
    /// What index names begin with.
    pub index_prefix: String,
    /// Whether templates are installed at the start.
    pub install_templates: bool,
    /// Whether documents go to data streams.
    pub data_streams: bool,
    /// How often it is written how it goes, a second at least; none writes nothing of that.
    pub health_every: Option<Duration>,
    /// What the names of the indices of detections in four fields begin with; none writes them nowhere.
    pub threat_index: Option<String>,
    /// After how many days documents are deleted.
    pub retention_days: RetentionDays,
}

/// How to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    None,
    /// By user name and password.
    Password {
        /// The user's name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// By API key, in its encoded form.
    ApiKey(Secret),
}
