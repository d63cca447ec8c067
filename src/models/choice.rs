//! Which model is to judge: of the record and the configuration, the later word.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::record::{Entry, Record};
use super::shelf::Shelf;
use crate::classify::{LoadedModel, Models};
use crate::config::Model;
use crate::event::ReceivedTime;

/// What the configuration says of models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// `classify.model`.
    pub model: Model,
    /// `classify.shadow`.
    pub shadow: Option<Model>,
}

/// Which models are to judge, as far as the record and the configuration say.
#[derive(Debug, Clone, PartialEq)]
pub struct Judging {
    /// The one whose verdicts count.
    pub active: Model,
    /// The one that is compared with it.
    pub shadow: Option<Model>,
    /// Why the record does not count, where it cannot be read.
    pub notice: Option<String>,
}

/// What is to be in place, loaded and checked.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The models.
    pub models: Models,
    /// The record that says so. Not written: until the next change it follows from what is on the disk.
    pub record: Record,
    /// What was asked for and cannot be had.
    pub notice: Option<String>,
}

/// The word `by` of entries that the configuration made.
const BY_CONFIGURATION: &str = "configuration";

impl Configured {
    /// The models that a start would put in place, without a look at whether they can be used.
    pub fn judging(&self, shelf: &Shelf) -> Judging {
        let (record, notice) = match Record::read(shelf.folder()) {
            Ok(record) => (record, None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        let (active, shadow) = self.wanted(record.as_ref());
        Judging { active, shadow, notice }
    }

    /// The model that judges by this record, and its shadow, without a look at whether they can.
    fn wanted(&self, record: Option<&Record>) -> (Model, Option<Model>) {
        let active = record.filter(|record| record.configured.model == self.model);
        let shadow = record.filter(|record| record.configured.shadow == self.shadow);
        (
            active.map_or_else(|| self.model.clone(), |record| record.active.model.clone()),
            shadow
                .map_or_else(|| self.shadow.clone(), |record| record.shadow.as_ref().map(|entry| entry.model.clone())),
        )
    }
}

/// Loads what is to judge. Where the activated model cannot be used, the configured one judges and the notice says so.
///
/// # Errors
/// When the configured model has to judge and cannot be used.
pub(super) fn choose(shelf: &Shelf, configured: &Configured, now: ReceivedTime) -> Result<Chosen, ModelError> {
    let mut notices = Vec::new();
    let kept = Record::read(shelf.folder()).unwrap_or_else(|fault| {
        notices.push(format!("{fault}; {} judges, as classify.model says", configured.model));
        None
    });
    let (wanted, wanted_shadow) = configured.wanted(kept.as_ref());
    let fresh = |model: &Model, loaded: &LoadedModel| Entry::new(model, loaded, now, BY_CONFIGURATION);
    let (active, loaded) = match kept.as_ref().filter(|kept| kept.active.model == wanted) {
        // an entry keeps its time; where it is the configured model all the same, there is nothing to fall back to
        Some(kept) => match load_entry(shelf, &kept.active) {
            Ok(loaded) => (Entry { hash: loaded.info().hash.clone(), ..kept.active.clone() }, loaded),
            Err(fault) if wanted == configured.model => return Err(fault),
            Err(fault) => {
                notices.push(format!(
                    "{wanted} was activated and cannot be used ({fault}); {} judges, as classify.model says",
                    configured.model
                ));
                let loaded = shelf.load(&configured.model)?;
                (fresh(&configured.model, &loaded), loaded)
            }
        },
        None => {
            let loaded = shelf.load(&wanted)?;
            (fresh(&wanted, &loaded), loaded)
        }
    };
    let mut shadow = None;
    if let Some(model) = wanted_shadow {
        match shelf.load(&model) {
            Ok(other) if other.info().hash == active.hash => {
                tracing::info!(%model, "the shadow model is the one that judges; there is nothing to compare");
            }
            Ok(other) => shadow = Some((fresh(&model, &other), Arc::new(other))),
            Err(fault) => notices.push(format!("{model} cannot be used as a shadow: {fault}")),
        }
    }
    let (shadow_entry, shadow) = shadow.unzip();
    let record = continued(kept, active, shadow_entry, configured.clone());
    let models = Models { active: Arc::new(loaded), shadow };
    let notice = (!notices.is_empty()).then(|| notices.join("; "));
    Ok(Chosen { models, record, notice })
}

/// The record with these models in place: the one on the disk, or the one that the next change continues from.
fn continued(kept: Option<Record>, active: Entry, shadow: Option<Entry>, configured: Configured) -> Record {
    let Some(mut record) = kept else { return Record::first(active, shadow, configured) };
    if record.active.model == active.model {
        record.active = active;
    } else {
        record = record.with_active(active);
    }
    if record.shadow.as_ref().map(|entry| &entry.hash) != shadow.as_ref().map(|entry| &entry.hash) {
        record = record.with_shadow(shadow);
    }
    record.configured = configured;
    record
}

/// Loads a model that was activated. One of the shelf must still be the same; one that ships may be newer, as the
/// program is.
fn load_entry(shelf: &Shelf, entry: &Entry) -> Result<LoadedModel, ModelError> {
    let loaded = shelf.load(&entry.model)?;
    let found = &loaded.info().hash;
    if *found == entry.hash {
        return Ok(loaded);
    }
    if matches!(entry.model, Model::Stored { .. }) {
        return Err(ModelError::Changed { model: entry.model.clone(), kept: entry.hash.clone(), found: found.clone() });
    }
    tracing::info!(model = %entry.model, before = entry.hash, now = found, "the model has changed since it was activated");
    Ok(loaded)
}
