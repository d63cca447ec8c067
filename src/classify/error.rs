//! Why a model is not taken, and why a batch could not be judged.

use std::io;
use std::path::PathBuf;

use crate::features::{Shape, SpaceFault};

/// Why a batch could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    /// libtorch reports a fault.
    #[error("the network could not be run: {0}")]
    Network(String),
    /// The rows are not of the model's feature space.
    #[error("rows of {} numbers and {} symbols came to a model that looks at {} and {}", found.numbers, found.symbols, needed.numbers, needed.symbols)]
    Shape {
        /// What came.
        found: Shape,
        /// What the model looks at.
        needed: Shape,
    },
}

/// A model folder cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written ({reason})", file.display())]
pub struct FolderError {
    /// The file or folder.
    pub file: PathBuf,
    /// What the system says, or what is there already.
    pub reason: io::Error,
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No model of that name is built in.
    #[error("no model '{name}' is built in; there are 'flow' and 'kdd99', or give the folder of a model")]
    UnknownBuiltin {
        /// The name asked for.
        name: String,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read ({source}); a model folder holds card.json and weights.safetensors", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is there and does not hold what it must.
    #[error("{}: {fault}", file.display())]
    Refused {
        /// The file at fault.
        file: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// libtorch would not take the weights.
    #[error("libtorch does not take the weights: {0}")]
    Network(String),
    /// This program holds no libtorch.
    #[error("this program was built without the feature 'torch' and cannot run models; use a build with it")]
    WithoutTorch,
}

/// What is wrong with a file of a model.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not the JSON of a card.
    #[error("is not a model card: {0}")]
    Json(#[from] serde_json::Error),
    /// A form of card that this program does not know.
    #[error("has format {found}, this program reads {known}; train the model again or use the matching version")]
    Format {
        /// What the card says.
        found: u32,
        /// What this program reads.
        known: u32,
    },
    /// The hash is not that of the features and vocabularies beside it.
    #[error(
        "schema.hash is {claimed}, but its features and vocabularies hash to {actual}; the card was changed by hand"
    )]
    SchemaHash {
        /// What the card says.
        claimed: String,
        /// What follows from its content.
        actual: String,
    },
    /// The features make no space, or are others than this program measures.
    #[error("schema.features: {0}")]
    Schema(#[from] SpaceFault),
    /// A value of the card is impossible.
    #[error("{key}: {what}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The weights are others than those the card was written for.
    #[error(
        "is not the file that the card belongs to: BLAKE3 {actual}, the card says {claimed}; copy both files again"
    )]
    WeightsHash {
        /// What the card says.
        claimed: String,
        /// That of the file.
        actual: String,
    },
    /// Not a safetensors file.
    #[error("is not a safetensors file, or only a part of one: {0}")]
    Safetensors(String),
    /// A tensor is not there.
    #[error("tensor '{name}' is missing")]
    TensorMissing {
        /// Its name.
        name: String,
    },
    /// A tensor that the network has no place for.
    #[error("tensor '{name}' has no place in the network that the card describes")]
    TensorSurplus {
        /// Its name.
        name: String,
    },
    /// A tensor of a wrong shape or type.
    #[error("tensor '{name}' is {found}, the network needs {needed}")]
    Shape {
        /// Its name.
        name: String,
        /// What it is.
        found: String,
        /// What it must be.
        needed: String,
    },
    /// A TorchScript file cannot be run.
    #[error("is no TorchScript file that can be run here: {0}")]
    Script(String),
    /// A weight is NaN or infinite.
    #[error("tensor '{name}' holds a number that is not finite, at place {place}")]
    NotFinite {
        /// Its name.
        name: String,
        /// The first such place.
        place: usize,
    },
}
