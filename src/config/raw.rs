//! The configuration as it is written: every key with its type, its default, its range and its meaning.
//!
//! The reference, the JSON Schema, the environment variables and the refusal of unknown keys all come from here.
//! Ranges that a type cannot say stand in the schema: `range`, and `x-minimum`, `x-maximum` for durations and sizes.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normalise::Normalise;
use super::raw_elastic::Elasticsearch;
use super::raw_patterns::Patterns;
use super::raw_streams::{Kafka, KafkaStore, Syslog};
use super::security::raw::{Security, Tls};
use super::units::{DurationText, SizeText};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn seconds(count: u64) -> DurationText {
    DurationText(Duration::from_secs(count))
}

/// The configuration of oversight: one YAML file in which every key is optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    /// Address and port that events, searches and the web page come in by.
    #[schemars(extend("x-kind" = "address"))]
    pub listen: String,
    /// Allow an address that other machines can reach although nobody has to authenticate, or nothing is encrypted.
    pub listen_unprotected: bool,
    /// How long stopping may take in all; what is not done by then is left to the next start.
    #[schemars(extend("x-minimum" = "1s", "x-maximum" = "1h"))]
    pub stop_within: DurationText,
    /// The folder that holds the spool, the embedded index and all other state.
    #[schemars(extend("minLength" = 1))]
    pub data_dir: PathBuf,
    /// Limits on requests and connections.
    pub http: Http,
    /// How events are taken.
    pub ingest: Ingest,
    /// The door in Elasticsearch's shape: `_bulk`, and what clients ask before they send.
    pub bulk: Bulk,
    /// Events from syslog senders.
    pub syslog: Syslog,
    /// Events from Kafka.
    pub kafka: Kafka,
    /// The queue on disk between the answer to a sender and the store.
    pub spool: Spool,
    /// Judging what the spool holds, and writing it to the store.
    pub enrich: Enrich,
    /// How events are understood.
    pub normalise: Normalise,
    /// The neural network's verdict on each event.
    pub classify: Classify,
    /// How anomalous the metrics are that the events touch.
    pub anomaly: Anomaly,
    /// Where annotated documents go.
    pub store: Store,
    /// Who may do what; where nobody is named here, everybody may do everything.
    pub security: Security,
    /// Encryption of requests, and certificates of clients.
    pub tls: Tls,
    /// The log on stderr.
    pub log: Log,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9292".to_owned(),
            listen_unprotected: false,
            stop_within: seconds(60),
            data_dir: "oversight-data".into(),
            http: Http::default(),
            ingest: Ingest::default(),
            bulk: Bulk::default(),
            syslog: Syslog::default(),
            kafka: Kafka::default(),
            spool: Spool::default(),
            enrich: Enrich::default(),
            normalise: Normalise::default(),
            classify: Classify::default(),
            anomaly: Anomaly::default(),
            store: Store::default(),
            security: Security::default(),
            tls: Tls::default(),
            log: Log::default(),
        }
    }
}

/// `http`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The largest body as it comes over the wire; a larger one is answered 413.
    #[schemars(extend("x-minimum" = "1KiB", "x-maximum" = "2GiB"))]
    pub max_body: SizeText,
    /// The largest body after decompression; a larger one is answered 413.
    #[schemars(extend("x-minimum" = "1KiB", "x-maximum" = "2GiB"))]
    pub max_decompressed: SizeText,
    /// How many times its size on the wire a body may be after decompression; counts beyond its first 16 MiB, where one that unfolds further is answered 413.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub max_ratio: usize,
    /// The largest single event; a larger one becomes a dead letter.
    #[schemars(extend("x-minimum" = "1KiB", "x-maximum" = "2GiB"))]
    pub max_event: SizeText,
    /// How deep objects and lists may lie in one another in an event.
    #[schemars(range(min = 2, max = 127))]
    pub max_depth: usize,
    /// The most events in one body; a body with more is answered 413.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_events: usize,
    /// The most fields in one event, those of nested objects counted; an event with more becomes a dead letter.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_fields: usize,
    /// Memory for bodies that are being taken; beyond it requests are answered 429.
    #[schemars(extend("x-minimum" = "1MiB"))]
    pub max_in_flight: SizeText,
    /// Connections held open at once; further ones are answered 503 or wait.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Connections of one address (IPv6: of one /64) at once; without this key half of `http.max_connections`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections_per_address: Option<usize>,
    /// How long a client may take for a request's headers, and how long an idle connection is kept.
    #[schemars(extend("x-minimum" = "1s"))]
    pub header_timeout: DurationText,
    /// How long a client may take for a request's body.
    #[schemars(extend("x-minimum" = "1s"))]
    pub body_timeout: DurationText,
    /// How long a client may take to fetch an answer; then it is cut off.
    #[schemars(extend("x-minimum" = "1s"))]
    pub write_timeout: DurationText,
    /// How long the disk may take until a request is answered 429 instead of 200.
    #[schemars(extend("x-minimum" = "10ms", "x-maximum" = "10s"))]
    pub answer_within: DurationText,
    /// How long `/v1/enrich` may take to annotate a body before it is answered 503.
    #[schemars(extend("x-minimum" = "10ms", "x-maximum" = "1m"))]
    pub enrich_within: DurationText,
    /// How long requests that are being answered may still take when oversight stops.
    pub drain: DurationText,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            max_body: SizeText(64 * MIB),
            max_decompressed: SizeText(256 * MIB),
            max_ratio: 500,
            max_event: SizeText(16 * MIB),
            max_depth: 64,
            max_events: 200_000,
            max_fields: 10_000,
            max_in_flight: SizeText(512 * MIB),
            max_connections: 1024,
            max_connections_per_address: None,
            header_timeout: seconds(75),
            body_timeout: seconds(30),
            write_timeout: seconds(30),
            answer_within: seconds(1),
            enrich_within: seconds(5),
            drain: seconds(10),
        }
    }
}

/// `ingest`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ingest {
    /// For how long the same body, sent again because an answer was lost, is taken only once; 0s takes every body.
    #[schemars(extend("x-maximum" = "1h"))]
    pub retry_window: DurationText,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { retry_window: seconds(120) }
    }
}

/// What a bulk request meets when there is no room for its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overload {
    /// `close` for rsyslog before 8.2606, as far as it can be told; `answer` for all others.
    Auto,
    /// 429, with a complete bulk answer in which every item says so too.
    Answer,
    /// The connection is closed without an answer.
    Close,
}

/// `bulk`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bulk {
    /// The version of Elasticsearch that clients are told. Beats want at least their own, unless told otherwise.
    #[schemars(extend("x-kind" = "version"))]
    pub version: String,
    /// Whether an answer tells of bad documents (item status 400). They are in the dead letters either way.
    pub report_bad_documents: bool,
    /// What a sender meets when there is no room: `answer` is 429 in the status and in every item, `close` ends the
    /// connection without an answer, which is all that rsyslog before 8.2606 understands, and `auto` does so for it alone.
    pub overload: Overload,
    /// For how long a 429 is held back, because some senders repeat at once.
    #[schemars(extend("x-maximum" = "5s"))]
    pub overload_delay: DurationText,
}

impl Default for Bulk {
    fn default() -> Self {
        Self {
            version: "8.19.0".to_owned(),
            report_bad_documents: false,
            overload: Overload::Auto,
            overload_delay: seconds(1),
        }
    }
}

/// `spool`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// Room on disk for events that the store does not have yet; when it is full, senders are answered 429.
    #[schemars(extend("x-minimum" = "64KiB"))]
    pub max_size: SizeText,
    /// Size of one file of the spool; space is given back a file at a time. At most `spool.max_size`.
    #[schemars(extend("x-minimum" = "16KiB", "x-maximum" = "4GiB"))]
    pub segment_size: SizeText,
    /// Room on disk for dead letters; beyond it the oldest are deleted.
    #[schemars(extend("x-minimum" = "64KiB"))]
    pub dead_letters_max_size: SizeText,
}

impl Default for Spool {
    fn default() -> Self {
        Self { max_size: SizeText(10 * GIB), segment_size: SizeText(64 * MIB), dead_letters_max_size: SizeText(GIB) }
    }
}

/// `enrich`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Enrich {
    /// Whether events are judged; without it they go to the store as they came.
    pub enabled: bool,
    /// The most events that are judged and written together; fewer when fewer are waiting.
    #[schemars(range(min = 1, max = 65_536))]
    pub batch: usize,
}

impl Default for Enrich {
    fn default() -> Self {
        Self { enabled: true, batch: 512 }
    }
}

/// `classify`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Classify {
    /// Whether the network judges events.
    pub enabled: bool,
    /// The model that judges until another is activated: `builtin:` and the name of one that ships, `stored:NAME/VERSION` for one of `oversight model import`, or a folder.
    #[schemars(extend("x-kind" = "model"))]
    pub model: String,
    /// A model that judges the same events beside it, so that the two can be compared; its verdicts are written nowhere. Written as `model` is; `none` for none.
    #[schemars(extend("x-kind" = "model"))]
    pub shadow: Option<String>,
    /// A second model, whose verdicts count as well: it judges what the first one cannot, for lack of its features. Written as `model` is; `none` for none.
    #[schemars(extend("x-kind" = "model"))]
    pub second: Option<String>,
    /// What the second model judges: the `rest`, or `all` that it can; then its verdict on what both judge stands apart, under `oversight.second`.
    pub second_judges: SecondJudges,
    /// How many of 10,000 normal connections may be called something else; the model's card tells what its thresholds cost and find. Without it, the threshold is the card's own.
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub max_false_alarms: Option<f64>,
    /// Hosts that call, scan or carry for a good reason (monitors, load balancers, scanners of one's own, backups), as addresses, networks such as 10.1.0.0/16, or private, public, loopback, link_local or multicast: what they open is judged as all else and told as no attack; `excused` says what it would have been.
    pub known_hosts: Vec<String>,
    /// How far back the drift of inputs and the disagreement of a shadow model look.
    #[schemars(extend("x-minimum" = "1m", "x-maximum" = "31d"))]
    pub window: DurationText,
    /// Detections of each batch that are explained by themselves. Where much waits at once, others are told what holds of those alike: see
    /// docs/evaluation.md.
    #[schemars(range(max = 65_536))]
    pub explain_per_batch: usize,
    /// How a class is decided on.
    pub decision: Decision,
}

/// What the second model judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondJudges {
    /// What the first model cannot.
    Rest,
    /// All that it can.
    All,
}

/// How a class is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The most probable class.
    MostProbable,
    /// The most probable class of the category with the least expected cost by the model's own cost matrix.
    LeastCost,
}

impl Default for Classify {
    fn default() -> Self {
        Self {
            enabled: true,
            model: "builtin:flow".to_owned(),
            shadow: None,
            second: Some("builtin:kdd99".to_owned()),
            second_judges: SecondJudges::Rest,
            max_false_alarms: None,
            known_hosts: Vec::new(),
            window: seconds(3600),
            explain_per_batch: 16,
            decision: Decision::MostProbable,
        }
    }
}

/// `anomaly`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Anomaly {
    /// Whether metrics are counted and scored.
    pub enabled: bool,
    /// The metrics; without this key the ones that ship.
    pub metrics: Option<Vec<serde_json::Value>>,
    /// The score from which on an anomaly is recorded.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub threshold: f64,
    /// How late an event may come and still count in the time it belongs to.
    #[schemars(extend("x-maximum" = "1d"))]
    pub lateness: DurationText,
    /// Series (a metric of one entity) held in memory; beyond it the least recently used are set aside on disk.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_series: usize,
    /// How much disk series take that are set aside, below `data_dir`; beyond it those that were away longest are forgotten. With `0B` none is set aside.
    pub max_aside: SizeText,
    /// How often what was learnt is saved.
    #[schemars(extend("x-minimum" = "1s"))]
    pub snapshot_every: DurationText,
    /// Whose hours and days metrics go by that say no `zone` of their own: `UTC`, a name of the time zone database such as `Europe/Vienna`, or a
    /// rule such as `CET-1CEST,M3.5.0,M10.5.0/3`. With another one metrics are learnt anew.
    pub zone: String,
    /// What no single connection shows.
    pub patterns: Patterns,
}

impl Default for Anomaly {
    fn default() -> Self {
        Self {
            enabled: true,
            metrics: None,
            threshold: 75.0,
            lateness: seconds(120),
            max_series: 200_000,
            max_aside: SizeText(1_000_000_000),
            snapshot_every: seconds(60),
            zone: "UTC".to_owned(),
            patterns: Patterns::default(),
        }
    }
}

/// Which store there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// An index of its own under `data_dir`.
    Embedded,
    /// Elasticsearch or OpenSearch.
    Elasticsearch,
    /// Topics of a Kafka cluster.
    Kafka,
}

/// `store`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Which store; without this key elasticsearch where `store.elasticsearch.url` is given, else embedded.
    pub kind: Option<StoreKind>,
    /// Batches that are on their way to the store at once.
    #[schemars(range(min = 1, max = 64))]
    pub in_flight: usize,
    /// The most bytes of documents in one batch.
    #[schemars(extend("x-minimum" = "64KiB", "x-maximum" = "100MB"))]
    pub batch_bytes: SizeText,
    /// Elasticsearch or OpenSearch.
    pub elasticsearch: Elasticsearch,
    /// The index of its own.
    pub embedded: Embedded,
    /// Topics of a Kafka cluster.
    pub kafka: KafkaStore,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: None,
            in_flight: 4,
            batch_bytes: SizeText(8 * MIB),
            elasticsearch: Elasticsearch::default(),
            embedded: Embedded::default(),
            kafka: KafkaStore::default(),
        }
    }
}

/// `store.embedded`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Embedded {
    /// Days that are kept; older ones are deleted a whole day at a time.
    #[schemars(range(min = 1, max = 36_500))]
    pub retention_days: u32,
    /// Memory for documents that are not in the index yet.
    #[schemars(extend("x-minimum" = "16MiB", "x-maximum" = "4GiB"))]
    pub memory: SizeText,
    /// Room on disk; beyond it the oldest days are deleted.
    #[schemars(extend("x-minimum" = "16MiB"))]
    pub max_size: SizeText,
}

impl Default for Embedded {
    fn default() -> Self {
        Self { retention_days: 30, memory: SizeText(64 * MIB), max_size: SizeText(20 * GIB) }
    }
}

/// From which importance on lines are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Somebody must act.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens, a few lines a minute.
    Info,
    /// For finding faults.
    Debug,
    /// Everything.
    Trace,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `log`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// From which importance on lines are written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}

/// The smallest segment size that follows a small spool: a quarter of it, but not less than this.
pub(super) const SMALLEST_SEGMENT: u64 = 16 * KIB;
