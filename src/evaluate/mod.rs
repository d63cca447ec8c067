//! How well a model does on a file of labelled records.

use std::io;
use std::path::{Path, PathBuf};

use crate::classify::{ClassifyError, Explain, LoadedModel};
use crate::normalise::file::open;

mod kdd;
mod masked;
mod report;

pub use masked::masked;
pub use report::{BadLine, BadLines, ClassifierReport};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines of a KDD Cup 1999 or NSL-KDD file, with their label.
    Kdd,
}

/// Why a file could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The data cannot be read.
    #[error("{}: cannot be read ({source}); give a KDD file with labels, plain or gzip", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No line of it is a labelled record.
    #[error("{}: none of its {lines} lines is a KDD record with a label{first}", file.display())]
    NothingToJudge {
        /// The file.
        file: PathBuf,
        /// Lines read.
        lines: u64,
        /// The first fault, in words.
        first: String,
    },
    /// The model looks at other features.
    #[error("the model looks at '{feature}', which is a field of events and not a feature of KDD records")]
    OtherFeatures {
        /// The first of them.
        feature: String,
    },
    /// The network cannot be run.
    #[error(transparent)]
    Classify(#[from] ClassifyError),
}

/// Judges every record of a file and compares; `progress` is told the number of lines read now and then.
///
/// Lines that are no labelled record are counted and reported, and spoil nothing.
///
/// # Errors
/// When the file cannot be read, holds no labelled record, or the network cannot be run.
pub fn classifier(
    model: &LoadedModel,
    file: &Path,
    format: Format,
    progress: &mut dyn FnMut(u64),
) -> Result<ClassifierReport, EvaluateError> {
    if let Some(feature) = model.space().features().iter().find(|feature| feature.field.is_some()) {
        return Err(EvaluateError::OtherFeatures { feature: feature.name.clone() });
    }
    let reader = open(file).map_err(|source| EvaluateError::Read { file: file.to_owned(), source })?;
    let mut judge = model.classifier_with(Explain::NEVER);
    match format {
        Format::Kdd => kdd::judge(&model.info(), judge.as_mut(), reader, file, progress),
    }
}
