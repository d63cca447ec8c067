//! What is wrong with a configuration: all of it at once, each fault with its place, its key and what is allowed.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Place {
    /// In the file as a whole.
    File,
    /// In this line of the file, counted from 1.
    Line(usize),
    /// In this environment variable.
    Variable(String),
    /// Nowhere: it is the default.
    #[default]
    Default,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// The key's path, such as `http.max_body`; empty where no key is at fault.
    pub key: String,
    /// What is wrong and what is allowed.
    pub problem: String,
}

/// All faults of a configuration, in the order of the file's lines, then of the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    file: Option<PathBuf>,
    faults: Vec<Fault>,
}

impl Faults {
    /// Of the configuration in `file`, or of one without a file.
    pub(super) fn new(file: Option<&Path>, mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self { file: file.map(Path::to_owned), faults }
    }

    /// Each fault.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }
}

impl fmt::Display for Faults {
    /// One fault a line, such as `oversight.yml:12: http.max_bdy: unknown key; did you mean max_body?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or(Path::new("configuration")).display();
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            match &fault.place {
                Place::File => write!(f, "{file}: ")?,
                Place::Line(line) => write!(f, "{file}:{line}: ")?,
                Place::Variable(name) => write!(f, "{name}: ")?,
                Place::Default => {}
            }
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            f.write_str(&fault.problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
