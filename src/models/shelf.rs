//! The shelf: `<data_dir>/models/<name>/<version>/`, one folder for each imported model.
//!
//! A folder holds the files of the model as they came, and `import.json` with the BLAKE3 of its card, which names that of the
//! weights. It appears whole, by a rename after everything in it was checked and synced, and is not changed afterwards.
//! Names that begin with a dot are imports under way, or what a crash has left of one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::ModelError;
use super::import::{Import, Incoming};
use crate::classify::card::{CARD_FILE, Card, DecisionRule};
use crate::classify::import::{Recipe, import};
use crate::classify::{self, BUILTIN, LoadedModel, ModelSource};
use crate::clock::Clock;
use crate::config::Model;

/// The models that can be activated: those that were imported, and those that ship.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    /// In place of the rule that a card names.
    rule: Option<DecisionRule>,
    /// How many false alarms among 10,000 normal connections are allowed; as many as the model's card says without this.
    false_alarms: Option<f64>,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Imported {
    /// What the model is called from now on.
    pub model: Model,
    /// BLAKE3 of its card.
    pub hash: String,
    /// It was there before, with the same content.
    pub already: bool,
}

/// A model of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// What it is called in commands and requests.
    pub model: Model,
    /// The card's name.
    pub name: String,
    /// The card's version.
    pub version: String,
    /// BLAKE3 of its card; none where it cannot be read.
    pub hash: Option<String>,
    /// When it was imported; none for one that ships.
    pub imported: Option<String>,
    /// Why it could not be activated; none where nothing speaks against it at a glance.
    pub fault: Option<String>,
}

impl Shelf {
    /// The shelf in this data folder; it need not be there.
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("models"), rule: None, false_alarms: None }
    }

    /// The same shelf, whose models decide by this rule, whatever their cards say.
    #[must_use]
    pub fn deciding(self, rule: DecisionRule) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// The same with models that cost at most so many false alarms among 10,000 normal connections, where they have a choice.
    #[must_use]
    pub fn allowing(self, false_alarms: Option<f64>) -> Self {
        Self { false_alarms, ..self }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Loads a model and checks everything about it; one of the shelf must be what was imported.
    ///
    /// # Errors
    /// When it is not there, or not whole.
    pub fn load(&self, model: &Model) -> Result<LoadedModel, ModelError> {
        let source = match model {
            Model::Builtin(name) => ModelSource::Builtin(name.clone()),
            Model::Folder(folder) => ModelSource::Folder(folder.clone()),
            Model::Stored { name, version } => ModelSource::Folder(self.place(name, version)),
        };
        let import = match model {
            Model::Stored { name, version } => Some(self.import_of(name, version)?),
            _ => None,
        };
        let loaded = classify::load(&source)?;
        let loaded = match self.rule {
            Some(rule) => loaded.deciding(rule),
            None => loaded,
        };
        let loaded = match self.false_alarms {
            Some(false_alarms) => loaded.allowing(false_alarms),
            None => loaded,
        };
        match import {
            Some(import) if import.hash != loaded.info().hash => {
                Err(ModelError::Changed { model: model.clone(), kept: import.hash, found: loaded.info().hash.clone() })
            }
            _ => Ok(loaded),
        }
    }

    /// The model that has this name and version: an imported one, else one that ships.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, name: &str, version: &str) -> Result<Model, ModelError> {
        if let Some(model) = Model::stored(name, version).filter(|_| self.place(name, version).is_dir()) {
            return Ok(model);
        }
        let builtin = Model::Builtin(name.to_owned());
        if BUILTIN.contains(&name) && self.load(&builtin)?.info().version == version {
            return Ok(builtin);
        }
        Err(ModelError::Unknown { name: name.to_owned(), version: version.to_owned() })
    }

    /// The model that somebody means by `NAME/VERSION`, `stored:NAME/VERSION` or `builtin:NAME`.
    ///
    /// # Errors
    /// When it is none of these, or there is no such model.
    pub fn named(&self, text: &str) -> Result<Model, ModelError> {
        match text.parse() {
            Ok(Model::Folder(_)) | Err(_) => {}
            Ok(model) => return Ok(model),
        }
        match text.split_once('/') {
            Some((name, version)) if Model::stored(name, version).is_some() => self.find(name, version),
            _ => Err(ModelError::NoName(text.chars().take(200).collect())),
        }
    }

    /// All models, those that ship first, then by name and version.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ModelError> {
        let mut listed: Vec<Listed> = BUILTIN.iter().map(|name| self.shipped(name)).collect();
        for name in names_in(&self.folder)? {
            for version in names_in(&self.folder.join(&name))? {
                listed.push(self.glance(name.clone(), version));
            }
        }
        Ok(listed)
    }

    /// Copies the model folder `source` (or the folder whose `card.json` it is) onto the shelf, once it is found whole.
    ///
    /// # Errors
    /// When it is no sound model, its name cannot be stored, another of that name and version is there, or the disk
    /// refuses; nothing has changed then.
    pub fn import(&self, source: &Path, clock: &Clock) -> Result<Imported, ModelError> {
        let source = if source.file_name().is_some_and(|name| name == CARD_FILE) {
            source.parent().unwrap_or(Path::new("."))
        } else {
            source
        };
        self.take(Incoming::of(source, &self.folder)?, source, clock)
    }

    /// Makes a model of the network in `file`, which is fed as `recipe` says, and puts it onto the shelf.
    ///
    /// # Errors
    /// When the network is not understood or does not fit the recipe, and as [`Self::import`].
    pub fn import_network(&self, file: &Path, recipe: &Recipe, clock: &Clock) -> Result<Imported, ModelError> {
        let made = Incoming::empty(&self.folder)?;
        import(file, recipe, &made.folder)?;
        self.take(made, file, clock)
    }

    fn take(&self, copy: Incoming, source: &Path, clock: &Clock) -> Result<Imported, ModelError> {
        let loaded = classify::load(&ModelSource::Folder(copy.folder.clone()))?;
        let (info, hash) = (loaded.info(), loaded.info().hash.clone());
        let model = storable(loaded.card())?;
        if let Some(already) = self.standing_in_the_way(&model, &info.name, &info.version, &hash)? {
            return Ok(already);
        }
        let from = fs::canonicalize(source).unwrap_or_else(|_| source.to_owned()).display().to_string();
        let import = Import { hash: hash.clone(), at: clock.now().to_string(), from };
        copy.finish(&import, &self.place(&info.name, &info.version))?;
        Ok(Imported { model, hash, already: false })
    }

    /// Whether the place is taken: by the same content, which is fine, or by other content, which is an error.
    fn standing_in_the_way(
        &self,
        model: &Model,
        name: &str,
        version: &str,
        hash: &str,
    ) -> Result<Option<Imported>, ModelError> {
        let (there, whole) = match self.find(name, version) {
            Err(ModelError::Unknown { .. }) => return Ok(None),
            Err(fault) => return Err(fault),
            Ok(found @ Model::Stored { .. }) => match self.import_of(name, version) {
                Ok(import) => (import.hash, self.load(&found).map(|_| found)),
                Err(fault) => (hash.to_owned(), Err(fault)),
            },
            Ok(found) => (self.load(&found)?.info().hash.clone(), Ok(found)),
        };
        if there != hash {
            let (name, version) = (name.to_owned(), version.to_owned());
            return Err(ModelError::Taken { name, version, there, found: hash.to_owned() });
        }
        match whole {
            Ok(model) => Ok(Some(Imported { model, hash: there, already: true })),
            Err(fault) => {
                tracing::warn!(%model, %fault, "what lies on the shelf is damaged, and is replaced by what is imported");
                let place = self.place(name, version);
                fs::remove_dir_all(&place).map_err(ModelError::at(&place))?;
                Ok(None)
            }
        }
    }

    fn shipped(&self, name: &str) -> Listed {
        let model = Model::Builtin(name.to_owned());
        let loaded = self.load(&model).map(|loaded| loaded.info());
        let (version, hash, fault) = match loaded {
            Ok(info) => (info.version.clone(), Some(info.hash.clone()), None),
            Err(fault) => (String::new(), None, Some(fault.to_string())),
        };
        Listed { model, name: name.to_owned(), version, hash, imported: None, fault }
    }

    /// What can be said of a stored model without reading its weights.
    fn glance(&self, name: String, version: String) -> Listed {
        let model = Model::Stored { name: name.clone(), version: version.clone() };
        let import = self.import_of(&name, &version);
        let card = self.place(&name, &version).join(CARD_FILE);
        let fault = match (&import, fs::read(&card)) {
            (Err(fault), _) => Some(fault.to_string()),
            (_, Err(source)) => Some(ModelError::File { path: card, source }.to_string()),
            (Ok(import), Ok(bytes)) => {
                let found = blake3::hash(&bytes).to_hex().to_string();
                (found != import.hash)
                    .then(|| ModelError::Changed { model: model.clone(), kept: import.hash.clone(), found }.to_string())
            }
        };
        let (hash, imported) = import.map(|import| (import.hash, import.at)).ok().unzip();
        Listed { model, name, version, hash, imported, fault }
    }

    fn import_of(&self, name: &str, version: &str) -> Result<Import, ModelError> {
        let place = self.place(name, version);
        if !place.is_dir() {
            return Err(ModelError::Unknown { name: name.to_owned(), version: version.to_owned() });
        }
        Import::read(&place)
    }

    fn place(&self, name: &str, version: &str) -> PathBuf {
        self.folder.join(name).join(version)
    }
}

/// What a model of this card is called on the shelf.
fn storable(card: &Card) -> Result<Model, ModelError> {
    for (key, text) in [("name", &card.name), ("version", &card.version)] {
        if !Model::is_name(text) {
            return Err(ModelError::Name { key, text: text.clone() });
        }
    }
    Ok(Model::Stored { name: card.name.clone(), version: card.version.clone() })
}

/// Folders in this folder whose names are those of models or versions, in order; none where it is not there.
fn names_in(folder: &Path) -> Result<Vec<String>, ModelError> {
    let entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(ModelError::at(folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ModelError::at(folder))?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if Model::is_name(&name) && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;
    use crate::event::ReceivedTime;
    use crate::models::samples::write_model;

    fn clock() -> Clock {
        Clock::manual(ReceivedTime::from_micros(1_790_000_000_000_000))
    }

    #[test]
    fn an_imported_model_lies_there_whole_and_is_listed_beside_the_one_that_ships() {
        let folder = tempfile::tempdir().unwrap();
        let source = write_model(folder.path(), "own", "2");
        let shelf = Shelf::new(&folder.path().join("data"));
        assert_eq!(shelf.list().unwrap().len(), 1, "one ships");
        let imported = shelf.import(&source, &clock()).unwrap();
        assert_eq!((imported.model.to_string().as_str(), imported.already), ("stored:own/2", false));
        let listed = shelf.list().unwrap();
        assert_eq!((listed.len(), listed[0].model.to_string().as_str()), (2, "builtin:kdd99"));
        assert_eq!((&listed[1].hash, &listed[1].fault), (&Some(imported.hash.clone()), &None));
        assert_eq!(listed[1].imported.as_deref(), Some("2026-09-21T14:13:20.000Z"));
        assert_eq!(shelf.load(&imported.model).unwrap().info().hash, imported.hash);
        assert_eq!(shelf.find("own", "2").unwrap(), imported.model);
        let left = fs::read_dir(shelf.folder()).unwrap().count();
        assert_eq!(left, 1, "nothing of the import lies beside it");
        // by its card's path, and once more
        let again = shelf.import(&source.join(CARD_FILE), &clock()).unwrap();
        assert!(again.already && again.hash == imported.hash);
    }

    #[test]
    fn other_content_of_the_same_name_and_version_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path());
        let first = shelf.import(&write_model(&folder.path().join("a"), "own", "1"), &clock()).unwrap();
        let other = write_model(&folder.path().join("b"), "own", "1");
        let card = fs::read_to_string(other.join(CARD_FILE)).unwrap();
        fs::write(other.join(CARD_FILE), card.replace("made up", "made up anew")).unwrap();
        let fault = shelf.import(&other, &clock()).unwrap_err().to_string();
        assert!(fault.contains("own/1 is there already with other content"), "{fault}");
        assert_eq!(shelf.load(&first.model).unwrap().info().hash, first.hash);
    }

    #[test]
    fn what_is_no_model_or_has_no_storable_name_never_reaches_the_shelf() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(&folder.path().join("data"));
        let refused = |source: &Path| shelf.import(source, &clock()).unwrap_err().to_string();
        assert!(refused(folder.path()).contains("is no model folder"));
        let source = write_model(folder.path(), "../out", "1");
        assert!(refused(&source).contains("the card's name is '../out'"), "{}", refused(&source));
        let torn = write_model(folder.path(), "torn", "1");
        let weights = torn.join("weights.safetensors");
        let bytes = fs::read(&weights).unwrap();
        fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
        assert!(refused(&torn).contains("is not a safetensors file, or only a part of one"), "{}", refused(&torn));
        assert_eq!(shelf.list().unwrap().len(), 1);
        assert_eq!(fs::read_dir(shelf.folder()).unwrap().count(), 0, "and nothing is left of it");
    }

    #[test]
    fn damage_is_said_and_importing_again_repairs_it() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path());
        let source = write_model(&folder.path().join("a"), "own", "1");
        let model = shelf.import(&source, &clock()).unwrap().model;
        let place = shelf.folder().join("own/1");
        let card = fs::read_to_string(place.join(CARD_FILE)).unwrap();
        fs::write(place.join(CARD_FILE), card.replace("made up", "tampered")).unwrap();
        let fault = shelf.load(&model).unwrap_err().to_string();
        assert!(fault.contains("its card is another than the one imported"), "{fault}");
        assert_eq!(shelf.list().unwrap()[1].fault.as_deref(), Some(fault.as_str()));
        fs::remove_file(place.join("weights.safetensors")).unwrap();
        assert!(!shelf.import(&source, &clock()).unwrap().already);
        shelf.load(&model).unwrap();
        fs::remove_dir_all(&place).unwrap();
        assert!(matches!(shelf.load(&model), Err(ModelError::Unknown { .. })));
    }

    #[test]
    fn the_model_that_ships_is_found_by_its_version_and_its_name_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path());
        let builtin = shelf.load(&Model::Builtin("kdd99".to_owned())).unwrap();
        let version = builtin.info().version.clone();
        assert_eq!(shelf.find("kdd99", &version).unwrap().to_string(), "builtin:kdd99");
        let fault = shelf.import(&write_model(folder.path(), "kdd99", &version), &clock()).unwrap_err();
        assert!(matches!(fault, ModelError::Taken { .. }), "{fault}");
    }
}
