//! The configuration: one YAML file in which every key is optional, and the environment over it.
//!
//! The way of a value: `tree` reads YAML and keeps lines, `environment` lays variables over it, `walk` holds it
//! against the schema that `schema` generates from the types in `raw`, `check` holds the rules between keys and gives
//! the [`Config`]. What always holds:
//!
//! - All faults are told at once, each with file and line (or variable), key, value and what is allowed; only broken
//!   YAML syntax stands alone, since nothing after it can be trusted.
//! - Unknown keys and unknown `OVERSIGHT_*` variables are faults, told with the nearest known name.
//! - No secret is printed: not by `Debug`, not by [`Config::show`], not in a fault.
//! - Past [`load`] nothing is validated again.

mod check;
pub mod checked;
mod document;
mod environment;
mod fault;
mod model;
mod networks;
pub mod normalise;
mod raw;
mod raw_elastic;
mod raw_patterns;
mod raw_streams;
mod reference;
mod schema;
mod secret;
pub mod security;
mod show;
mod streams;
mod tree;
mod units;
mod walk;
mod zone;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use checked::{Bulk, Classify, Config, Credentials, StoreKind};
pub use document::document;
pub use fault::{Fault, Faults, Place};
pub use model::{Model, NoModel};
pub use networks::Networks;
pub use raw::{Decision, Overload, SecondJudges};
pub use raw_elastic::RetentionDays;
pub use raw_patterns::Patterns;
pub use raw_streams::{KafkaKey, SyslogFraming};
pub use secret::Secret;
pub use security::{Role, Security};
pub use show::Shown;
pub use units::{DurationText, NoDuration, NoSize, SizeText};
pub use walk::nearest;
pub use zone::{NoTimeZone, TimeZone};

use raw::Raw;
use schema::Schema;

/// A larger file is no configuration.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Reads the configuration in the file `path`, or the defaults where there is none, under the environment `env`.
///
/// # Errors
/// With every fault there is.
pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Config, Faults> {
    Loader::new().load(path, env)
}

/// Reads configurations, and describes them.
#[derive(Debug, Clone)]
pub struct Loader {
    schema: Schema,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// One that takes the items of `anomaly.metrics` as they come.
    pub fn new() -> Self {
        Self { schema: Schema::generate() }
    }

    /// Makes `T` the type of the items of `anomaly.metrics`: its keys are then checked, described and refused like
    /// all others, and each item that [`load`](Self::load) gives back can be read as a `T`.
    #[must_use]
    pub fn metrics<T: JsonSchema + DeserializeOwned>(self) -> Self {
        Self { schema: self.schema.with_metric::<T>() }
    }

    /// Reads the configuration in the file `path`, or the defaults where there is none, under the environment `env`.
    ///
    /// # Errors
    /// With every fault there is.
    pub fn load(&self, path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Config, Faults> {
        let text = path.map_or(Ok(String::new()), read_config).map_err(|fault| Faults::new(path, vec![fault]))?;
        self.parse(&text, env).map_err(|faults| Faults::new(path, faults))
    }

    fn parse(&self, text: &str, env: impl Iterator<Item = (String, String)>) -> Result<Config, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut root = tree::parse(text, &mut faults);
        let variables: BTreeMap<String, String> = env.collect();
        environment::apply(&self.schema, &mut root, &variables, &mut faults);
        let values = walk::read(&self.schema, &root, &mut faults);
        let mut raw: Raw = serde_json::from_value(values).map_err(|error| {
            // the schema says less than the types somewhere; the types win
            let problem = error.to_string();
            faults.push(Fault { place: Place::File, key: String::new(), problem });
            std::mem::take(&mut faults)
        })?;
        let config = check::check(&mut raw, &root, &variables, &mut faults);
        if faults.is_empty() {
            Ok(Config { shown: show::collect(&self.schema, &raw, &root), ..config })
        } else {
            Err(faults)
        }
    }

    /// The reference of all keys as Markdown.
    pub fn reference(&self) -> String {
        reference::markdown(&self.schema)
    }

    /// The JSON Schema of the file, draft 2020-12, for editors and other programs.
    pub fn json_schema(&self) -> &serde_json::Value {
        self.schema.json()
    }
}

fn read_config(path: &Path) -> Result<String, Fault> {
    let text = read_file(path)?;
    if text.trim().is_empty() {
        let problem = "empty; write {} where all defaults are wanted, or start without a file".to_owned();
        return Err(Fault { place: Place::File, key: String::new(), problem });
    }
    Ok(text)
}

fn read_file(path: &Path) -> Result<String, Fault> {
    let fault = |problem: String| Fault { place: Place::File, key: String::new(), problem };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| fault(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(fault(format!("larger than {}; is it a configuration?", SizeText(MAX_FILE_BYTES))));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        Fault { place: Place::Line(line), key: String::new(), problem: "not UTF-8; save the file as UTF-8".to_owned() }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests;
