//! The one integration binary: a sentence per module.

/// Documents reach a real Elasticsearch and a real OpenSearch, once, whatever the engine does meanwhile.
mod elasticsearch;
/// An engine that misbehaves loses no document and blocks none.
mod engine_faults;
/// The index templates take every shape of event that real sources write.
mod engine_templates;
/// What the tests stand on.
mod harness;
