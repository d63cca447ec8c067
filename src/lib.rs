//! oversight: a sidecar to Logstash and Elasticsearch.

pub mod app;
pub mod clock;

pub mod event;

pub mod anomaly;
pub mod classify;
pub mod features;
pub mod ingest;
pub mod normalise;
pub mod spool;
pub mod store;

pub mod api;
pub mod config;
pub mod evaluate;
pub mod setup;
pub mod simulate;
pub mod telemetry;
#[cfg(feature = "torch")]
pub mod train;
