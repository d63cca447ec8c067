//! Every document field that oversight writes or relies on, once: ECS names, and its own under `oversight.`.

/// The event's time.
pub const TIMESTAMP: &str = "@timestamp";
/// Everything of our own lies below this object.
pub const OVERSIGHT: &str = "oversight";
/// `oversight.classification`: the network's verdict.
pub const CLASSIFICATION: &str = "classification";
/// `oversight.second`: the verdict of a second network on what both judge, in the same form.
pub const SECOND: &str = "second";
/// `oversight.features`: the dialect that the event spoke, and which features it told not or by estimate.
pub const FEATURES: &str = "features";
/// `oversight.related`: how many other records told about the connection, by kind; what was asked for (`asked`), what
/// alerts and notices were called (`said`) and what kinds of files were seen (`file_types`).
pub const RELATED: &str = "related";
/// `oversight.anomaly`: the scores of the metrics that an event touches.
pub const ANOMALY: &str = "anomaly";
/// `oversight.ingest`: id and time of receipt; index, pipeline and id that a bulk action named.
pub const INGEST: &str = "ingest";
/// ECS `threat`: framework, tactic and technique.
pub const THREAT: &str = "threat";
/// ECS `event`: gets `risk_score`.
pub const EVENT: &str = "event";
/// ECS `event.risk_score`, 0 to 100.
pub const RISK_SCORE: &str = "risk_score";
/// The label's name, for aggregations.
pub const LABEL: &str = "oversight.classification.label";
/// Whether an event is normal, a known attack or something unknown.
pub const VERDICT: &str = "oversight.classification.verdict";
/// The classes that cannot be excluded, by name.
pub const SET: &str = "oversight.classification.set";
/// Why the verdict was given, as a sentence; where it was explained.
pub const REASON: &str = "oversight.classification.reason";
/// What would have made the verdict normal: `text`, and `changes` of one or two features.
pub const COUNTERFACTUAL: &str = "oversight.classification.counterfactual";
