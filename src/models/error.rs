//! Why a model cannot be put in place, or on the shelf.

use std::io;
use std::path::{Path, PathBuf};

use crate::classify::LoadError;
use crate::classify::import::ImportError;
use crate::config::Model;

/// Why a model cannot be used; says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A network from elsewhere cannot be taken.
    #[error(transparent)]
    Network(#[from] ImportError),
    /// A text that names no model that could be activated.
    #[error("'{0}' names no model; write NAME/VERSION for one that was imported, or builtin:NAME")]
    NoName(String),
    /// There is no such model.
    #[error("there is no model {name}/{version}; `oversight model list` names those there are")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The version asked for.
        version: String,
    },
    /// What lies on the shelf is not what was put there.
    #[error(
        "{model}: its card is another than the one imported (BLAKE3 {found}, it was {kept}); import the model again"
    )]
    Changed {
        /// Which.
        model: Model,
        /// BLAKE3 of the card that was imported or activated.
        kept: String,
        /// That of the card there is.
        found: String,
    },
    /// Another model of that name and version is there.
    #[error(
        "{name}/{version} is there already with other content (BLAKE3 {there}, this one is {found}); give the model another version"
    )]
    Taken {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// BLAKE3 of the card that is there.
        there: String,
        /// That of the card to be imported.
        found: String,
    },
    /// A card's name or version cannot be that of a folder.
    #[error(
        "the card's {key} is '{text}'; a stored model's may have 1 to 64 letters, digits or any of . _ -, beginning with a letter or digit"
    )]
    Name {
        /// `name` or `version`.
        key: &'static str,
        /// What the card says.
        text: String,
    },
    /// The place to import from is no model folder.
    #[error("{}: is no model folder; it holds card.json and the weights that the card names", .0.display())]
    NoFolder(PathBuf),
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The record of activated models cannot be understood.
    #[error("{}: cannot be understood ({what}); activate a model to write it anew", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Somebody else was faster.
    #[error("the models were changed meanwhile: this is revision {found}, not {expected}; look again")]
    Moved {
        /// The revision that the caller knew.
        expected: u64,
        /// The revision there is.
        found: u64,
    },
    /// There is nothing to roll back to.
    #[error("no model judged before the one that does")]
    NothingEarlier,
    /// A model cannot be compared with itself.
    #[error("{0} is the model that judges; a shadow is another one")]
    OwnShadow(Model),
}

impl ModelError {
    /// A fault of the system at a path.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
