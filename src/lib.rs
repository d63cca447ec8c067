//! oversight: a sidecar to Logstash and Elasticsearch. It takes events over HTTP, says of each whether it is an
//! attack and which, how anomalous the metrics are that it touches, and writes the annotated documents to
//! Elasticsearch, OpenSearch or an index of its own.
//!
//! # One event followed through
//!
//! 1. [`access`] says whether its sender may send. [`ingest`] reads the request body within its limits, splits it into
//!    members and checks each. Bad members go to the dead letters.
//! 2. [`spool`] writes the body as one frame and syncs it, together with all that wait at that moment; the
//!    events have their sequence numbers now, and the client gets its 200.
//! 3. [`app::worker`] reads what is waiting in the spool, and takes the events of one batch through
//!    [`normalise`] (what is this event?), [`features`] (the 41 numbers a network looks at), [`anomaly`] (the metrics
//!    it counts for) and [`classify`] (the verdict of the network that [`models`] has put in place).
//! 4. [`app::document`] splices what was found into the event's own bytes.
//! 5. [`store::writer`] writes the documents until each has a final outcome, and
//! 6. the [`spool`] lets go of the settled events, in whole segments.
//!
//! # Who may use whom
//!
//! All rooms may use `event`, `clock`, `files`, `config` and `telemetry`. Beyond that, only these edges are allowed (a test
//! reads every path against this table):
//!
//! | room | may use |
//! | --- | --- |
//! | ingest | spool, access |
//! | normalise | features |
//! | features | normalise |
//! | classify | features |
//! | anomaly | normalise |
//! | models | features, classify, access |
//! | api | ingest, spool, classify, anomaly, models, store, access |
//! | setup | store |
//! | simulate | normalise, features |
//! | train | normalise, features, classify, anomaly |
//! | evaluate | normalise, features, classify, anomaly |
//! | app, cli | all |
//!
//! tch stays under `classify` and `train`, the elasticsearch crate under `store/elasticsearch`, tantivy under
//! `store/embedded`, rdkafka under `ingest/kafka` and `store/kafka`, syslog_loose under `ingest/syslog`, hdf5-reader under
//! `classify/import`, plotters under `evaluate/page`, warp under `ingest`, `api` and `ui`. `ui` uses none of the other rooms:
//! the page knows oversight by its API alone.

pub mod app;
pub mod cli;
pub mod clock;
pub mod files;

pub mod event;

pub mod access;
pub mod anomaly;
pub mod classify;
pub mod features;
pub mod ingest;
pub mod models;
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
pub mod ui;
