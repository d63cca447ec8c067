//! Turns the configuration into the settings of each room.

use std::path::Path;

use crate::anomaly::{self, MetricDeclaration};
use crate::classify::{Explain, ModelSource};
use crate::config::{Config, Faults, Loader, Model};
use crate::{ingest, spool, store};

/// Reads configurations in which the metrics are checked too.
pub fn loader() -> Loader {
    Loader::new().metrics::<MetricDeclaration>()
}

/// The configuration in `file`, or the defaults, under the environment of this process.
///
/// # Errors
/// With every fault there is.
pub fn load(file: Option<&Path>) -> Result<Config, Faults> {
    // a variable that is not text cannot be one of ours: their names and values are plain
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    loader().load(file, std::env::vars_os().filter_map(text))
}

/// For the spool.
pub fn spool(config: &Config) -> spool::Settings {
    spool::Settings {
        folder: config.data_dir.join("spool"),
        max_bytes: config.spool.max_bytes,
        segment_bytes: config.spool.segment_bytes,
        dead_letter_bytes: config.spool.dead_letter_bytes,
        retry_window: config.retry_window,
    }
}

/// For the store's writer.
pub fn writer(config: &Config) -> store::writer::Settings {
    store::writer::Settings { in_flight: config.store.in_flight, ..store::writer::Settings::default() }
}

/// The model that judges.
pub fn model(config: &Config) -> ModelSource {
    match &config.classify.model {
        Model::Builtin(name) => ModelSource::Builtin(name.clone()),
        Model::Folder(path) => ModelSource::Folder(path.clone()),
    }
}

/// Which verdicts are explained.
pub fn explain(config: &Config) -> Explain {
    Explain { per_batch: config.classify.explain_per_batch, ..Explain::default() }
}
