//! A model folder on its way onto the shelf: copied and synced beside its place, which it takes as a whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use crate::classify::card::CARD_FILE;
use crate::files;

/// What is known of an import, beside the model's own files.
const FILE: &str = "import.json";
/// Files of a model folder at most; more of them are not one model.
const MOST_FILES: usize = 64;

/// What is kept of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// BLAKE3 of the card.
    pub hash: String,
    /// When it was imported.
    pub at: String,
    /// Where it came from.
    pub from: String,
}

impl Import {
    /// What is kept in the folder of a stored model.
    pub fn read(place: &Path) -> Result<Self, ModelError> {
        let path = place.join(FILE);
        let bytes = fs::read(&path).map_err(ModelError::at(&path))?;
        serde_json::from_slice(&bytes)
            .map_err(|fault| ModelError::File { path, source: io::Error::new(io::ErrorKind::InvalidData, fault) })
    }
}

/// A copy of a model folder; what is not finished is removed.
pub struct Incoming {
    /// Where it lies until then.
    pub folder: PathBuf,
}

impl Incoming {
    /// Copies and syncs the files of `source` into a hidden folder of the shelf.
    pub fn of(source: &Path, shelf: &Path) -> Result<Self, ModelError> {
        if !source.join(CARD_FILE).is_file() {
            return Err(ModelError::NoFolder(source.to_owned()));
        }
        let files = files_of(source)?;
        let copy = Self::empty(shelf)?;
        for file in files {
            let target = copy.folder.join(file.file_name().unwrap_or_default());
            fs::copy(&file, &target).map_err(ModelError::at(&file))?;
            File::open(&target).and_then(|file| file.sync_all()).map_err(ModelError::at(&target))?;
        }
        Ok(copy)
    }

    /// A hidden folder of the shelf, for what is still to be made.
    pub fn empty(shelf: &Path) -> Result<Self, ModelError> {
        let folder = shelf.join(format!(".import-{:016x}", rand::random::<u64>()));
        fs::create_dir_all(&folder).map_err(ModelError::at(&folder))?;
        Ok(Self { folder })
    }

    /// Gives it its place, for good.
    pub fn finish(self, import: &Import, place: &Path) -> Result<(), ModelError> {
        let about = serde_json::to_vec_pretty(import).expect("texts are written to memory");
        let file = self.folder.join(FILE);
        files::write(&file, &about).map_err(ModelError::at(&file))?;
        let parent = place.parent().expect("a version lies in the folder of a name");
        fs::create_dir_all(parent).map_err(ModelError::at(parent))?;
        fs::rename(&self.folder, place).map_err(ModelError::at(place))?;
        for folder in [Some(parent), parent.parent()].into_iter().flatten() {
            files::sync_folder(folder).map_err(ModelError::at(folder))?;
        }
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // it has its place by now, or nobody needs it; what stays is hidden
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The plain files of a folder; what an earlier import wrote beside them is left out.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(ModelError::at(folder))? {
        let path = entry.map_err(ModelError::at(folder))?.path();
        if path.is_file() && path.file_name().is_some_and(|name| name != FILE) {
            files.push(path);
        }
    }
    if files.len() > MOST_FILES {
        return Err(ModelError::NoFolder(folder.to_owned()));
    }
    Ok(files)
}
