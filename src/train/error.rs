//! Why no model was made.

use std::io;
use std::path::PathBuf;

use super::own::OwnError;
use crate::classify::{FolderError, LoadError};
use crate::normalise::kdd::LineError;

/// Why training ended without a model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The data cannot be read.
    #[error("{}: cannot be read ({source}); give a KDD file, plain or gzip, or the folder of kddcup.data_10_percent.gz", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not a KDD record. Training takes no file in part.
    #[error("{}, line {line}: {source}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: LineError,
    },
    /// A line has no label, or one that no KDD file has.
    #[error("{}, line {line}: '{label}' is no label of a KDD file", file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What stands there.
        label: String,
    },
    /// A file of one's own cannot be learned from.
    #[error(transparent)]
    Own(#[from] OwnError),
    /// Too little to learn from.
    #[error("{}: {what}", file.display())]
    TooLittle {
        /// The file.
        file: PathBuf,
        /// What is lacking.
        what: String,
    },
    /// A setting is impossible.
    #[error("{setting}: {what}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// libtorch reports a fault.
    #[error("libtorch reports a fault: {0}")]
    Network(#[from] tch::TchError),
    /// Training went astray.
    #[error("the loss was no longer a number in epoch {epoch}; try a smaller rate")]
    Diverged {
        /// Counted from 1.
        epoch: u32,
    },
    /// The table of rows cannot be written.
    #[error("the rows cannot be written: {0}")]
    Rows(String),
    /// The model folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The model that is to be calibrated cannot be used.
    #[error(transparent)]
    Model(LoadError),
    /// What was made does not pass the checks of loading.
    #[error("the model that was made cannot be loaded: {0}")]
    Unsound(#[from] LoadError),
}
