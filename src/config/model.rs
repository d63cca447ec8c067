//! Which model: one that ships, one of the store of models, or a folder. The text form is the same in the
//! configuration, on the command line, in requests and in what is kept on disk.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Characters of a name or version at most.
const LONGEST: usize = 64;

/// Which model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Model {
    /// One that ships, by name: `builtin:kdd99`.
    Builtin(String),
    /// One of the store: `stored:NAME/VERSION`.
    Stored {
        /// Its name; [`Model::is_name`] holds.
        name: String,
        /// Its version; likewise.
        version: String,
    },
    /// A model folder: any other text.
    Folder(PathBuf),
}

/// A text that names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' names no model: write builtin:NAME, stored:NAME/VERSION, or a folder")]
pub struct NoModel(String);

impl Model {
    /// Whether this can be the name or the version of a stored model: 1 to 64 letters, digits or any of `. _ -`, beginning
    /// with a letter or digit. So it is one folder's name, and never a hidden one.
    pub fn is_name(text: &str) -> bool {
        let ordinary = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        text.len() <= LONGEST && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(ordinary)
    }

    /// The stored model of this name and version; none where they cannot be such.
    pub fn stored(name: &str, version: &str) -> Option<Self> {
        let fit = Self::is_name(name) && Self::is_name(version);
        fit.then(|| Self::Stored { name: name.to_owned(), version: version.to_owned() })
    }
}

impl FromStr for Model {
    type Err = NoModel;

    fn from_str(text: &str) -> Result<Self, NoModel> {
        let wrong = || NoModel(text.chars().take(200).collect());
        if let Some(name) = text.strip_prefix("builtin:") {
            return if name.is_empty() { Err(wrong()) } else { Ok(Self::Builtin(name.to_owned())) };
        }
        if let Some(stored) = text.strip_prefix("stored:") {
            let (name, version) = stored.split_once('/').ok_or_else(wrong)?;
            return Self::stored(name, version).ok_or_else(wrong);
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self::Folder(text.into())) }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Stored { name, version } => write!(f, "stored:{name}/{version}"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

impl TryFrom<String> for Model {
    type Error = NoModel;

    fn try_from(text: String) -> Result<Self, NoModel> {
        text.parse()
    }
}

impl From<Model> for String {
    fn from(model: Model) -> Self {
        model.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_alike() {
        for text in ["builtin:kdd99", "stored:own/2.0-rc_1", "./models/own", "own/2"] {
            assert_eq!(text.parse::<Model>().expect("valid").to_string(), text);
        }
        assert_eq!("own/2".parse(), Ok(Model::Folder("own/2".into())));
    }

    #[test]
    fn no_name_leaves_the_store() {
        for text in
            ["", "builtin:", "stored:", "stored:own", "stored:../x", "stored:a/..", "stored:a/b/c", "stored:.a/1"]
        {
            assert!(text.parse::<Model>().is_err(), "{text}");
        }
        assert!(Model::stored("a", &"1".repeat(65)).is_none() && Model::stored("ä", "1").is_none());
    }
}
