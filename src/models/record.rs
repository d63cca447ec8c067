//! Which model was activated: `<data_dir>/models/active.json`.
//!
//! Written whole and synced, before the model counts. Each activation puts the model before it on a pile, and a rollback takes it
//! from there, so that two rollbacks lead two steps back.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::choice::Configured;
use super::error::ModelError;
use crate::classify::LoadedModel;
use crate::config::Model;
use crate::event::ReceivedTime;
use crate::files;

/// The form of record that this program reads and writes.
const FORMAT: u32 = 1;
/// Models on the pile at most; the oldest go.
const DEEPEST: usize = 32;

/// What was activated, and what before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`].
    format: u32,
    /// Grows with each change: what `ETag` shows and `If-Match` asks for.
    pub revision: u64,
    /// The model that judges.
    pub active: Entry,
    /// The one that is compared with it.
    pub shadow: Option<Entry>,
    /// Those that judged before, the latest first.
    pub earlier: Vec<Entry>,
    /// What the configuration said then: where it says something else now, that is the later word.
    pub configured: Configured,
}

/// A model that was put in place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called.
    pub model: Model,
    /// The card's name.
    pub name: String,
    /// The card's version.
    pub version: String,
    /// BLAKE3 of its card.
    pub hash: String,
    /// When it was put in place.
    pub at: String,
    /// By what: `api`, `command line`, `configuration` or `rollback`.
    pub by: String,
}

impl Entry {
    /// Of a model that is put in place now.
    pub(super) fn new(model: &Model, loaded: &LoadedModel, at: ReceivedTime, by: &str) -> Self {
        let info = loaded.info();
        Self {
            model: model.clone(),
            name: info.name.clone(),
            version: info.version.clone(),
            hash: info.hash.clone(),
            at: at.to_string(),
            by: by.to_owned(),
        }
    }
}

impl Record {
    /// The first record: the configured models judge.
    pub(super) fn first(active: Entry, shadow: Option<Entry>, configured: Configured) -> Self {
        Self { format: FORMAT, revision: 0, active, shadow, earlier: Vec::new(), configured }
    }

    /// Where it lies in the folder of the shelf.
    pub(super) fn path_in(shelf: &Path) -> PathBuf {
        shelf.join("active.json")
    }

    /// The record in the folder of the shelf; none where nothing was ever activated.
    ///
    /// # Errors
    /// When it cannot be read, or was cut off or changed by hand.
    pub(super) fn read(shelf: &Path) -> Result<Option<Self>, ModelError> {
        let path = Self::path_in(shelf);
        let Some(bytes) = files::read(&path).map_err(ModelError::at(&path))? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes)
            .map_err(|fault| ModelError::Record { path: path.clone(), what: fault.to_string() })?;
        if record.format != FORMAT {
            let what = format!("it has format {}, this program reads {FORMAT}", record.format);
            return Err(ModelError::Record { path, what });
        }
        Ok(Some(record))
    }

    /// Puts it on the disk.
    ///
    /// # Errors
    /// When the disk refuses; what was there still is.
    pub(super) fn write(&self, shelf: &Path) -> Result<(), ModelError> {
        let path = Self::path_in(shelf);
        let bytes = serde_json::to_vec_pretty(self).expect("texts and numbers are written to memory");
        files::write(&path, &bytes).map_err(ModelError::at(&path))
    }

    /// The same with another model that judges; one that judged in its own shadow is there no more.
    pub(super) fn with_active(mut self, entry: Entry) -> Self {
        self.revision += 1;
        if self.shadow.as_ref().is_some_and(|shadow| shadow.hash == entry.hash) {
            self.shadow = None;
        }
        self.earlier.insert(0, std::mem::replace(&mut self.active, entry));
        self.earlier.truncate(DEEPEST);
        self
    }

    /// The same one step back, with the model as it was found to be now.
    pub(super) fn rolled_back(mut self, entry: Entry) -> Self {
        self = self.with_active(entry);
        // the model that is left, and the one that is back in place
        self.earlier.drain(..self.earlier.len().min(2));
        self
    }

    /// The same with another shadow, or none.
    pub(super) fn with_shadow(mut self, shadow: Option<Entry>) -> Self {
        self.revision += 1;
        self.shadow = shadow;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: &str) -> Entry {
        Entry {
            model: Model::stored("own", version).unwrap(),
            name: "own".to_owned(),
            version: version.to_owned(),
            hash: version.repeat(4),
            at: "2026-11-22T10:00:00.000Z".to_owned(),
            by: "api".to_owned(),
        }
    }

    fn record() -> Record {
        let configured = Configured { model: "builtin:kdd99".parse().unwrap(), shadow: None };
        Record::first(entry("1"), Some(entry("3")), configured)
    }

    #[test]
    fn two_rollbacks_lead_two_steps_back() {
        let record = record().with_active(entry("2")).with_active(entry("3"));
        assert_eq!((record.revision, &record.shadow), (2, &None), "a model is not its own shadow");
        assert_eq!(record.earlier, [entry("2"), entry("1")]);
        let back = record.earlier[0].clone();
        let record = record.rolled_back(back);
        assert_eq!((&record.active, record.earlier.as_slice()), (&entry("2"), [entry("1")].as_slice()));
        let back = record.earlier[0].clone();
        let record = record.rolled_back(back);
        assert_eq!((&record.active, record.earlier.len(), record.revision), (&entry("1"), 0, 4));
    }

    #[test]
    fn it_reads_back_and_every_part_of_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), None);
        let record = record().with_active(entry("2"));
        record.write(folder.path()).unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), Some(record));
        let path = Record::path_in(folder.path());
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let fault = Record::read(folder.path()).unwrap_err().to_string();
            assert!(fault.contains("active.json: cannot be understood"), "{length}: {fault}");
        }
        std::fs::write(&path, String::from_utf8(whole).unwrap().replace("\"format\": 1", "\"format\": 2")).unwrap();
        assert!(Record::read(folder.path()).unwrap_err().to_string().contains("format 2, this program reads 1"));
    }
}
