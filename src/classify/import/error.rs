//! Why a network from elsewhere is not taken.

use std::io;
use std::path::PathBuf;

use crate::classify::{Fault, FolderError, LoadError};
use crate::config::Faults;
use crate::features::SpaceFault;

/// Why a network could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The recipe has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// Something in the recipe cannot be.
    #[error("{}: {key}: {what}", file.display())]
    Recipe {
        /// The recipe.
        file: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The features of the recipe make no space.
    #[error("features: {0}")]
    Space(SpaceFault),
    /// The file cannot be read.
    #[error("{}: cannot be read ({source})", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is of no known form.
    #[error("{}: is neither HDF5 of Keras (network.h5), nor safetensors, nor TorchScript{}", file.display(), if *keras_zip { "; it may be Keras' own zip: save it again as HDF5, with model.save('network.h5')" } else { "" })]
    Form {
        /// The file.
        file: PathBuf,
        /// It looks like a `.keras` file.
        keras_zip: bool,
    },
    /// The HDF5 file cannot be read.
    #[error("the HDF5 file cannot be read: {0}")]
    Hdf5(String),
    /// The HDF5 file holds weights alone.
    #[error(
        "the HDF5 file has no model_config: it holds weights alone; save the whole model, with model.save('network.h5')"
    )]
    NoConfig,
    /// The model's own description is not understood.
    #[error("the model_config of the file is not understood: {0}")]
    Config(String),
    /// A layer of a kind that is not understood.
    #[error("layer '{layer}' is a {kind}; Dense layers, with Activation and Dropout between them, are understood")]
    UnknownLayer {
        /// Its name.
        layer: String,
        /// Its kind.
        kind: String,
    },
    /// An activation that is not understood.
    #[error(
        "layer '{layer}' has the activation '{activation}'; relu, tanh, sigmoid, linear and softmax are understood"
    )]
    UnknownActivation {
        /// The layer.
        layer: String,
        /// The activation.
        activation: String,
    },
    /// A layer is not as it must be.
    #[error("'{layer}' {what}")]
    Layer {
        /// The layer, tensor or feature.
        layer: String,
        /// What is wrong with it.
        what: String,
    },
    /// The network has no dense layer.
    #[error("the network has no dense layer")]
    NoDense,
    /// The safetensors file cannot be read.
    #[error("the safetensors file cannot be read: {0}")]
    Safetensors(String),
    /// The recipe does not say what the tensors are.
    #[error("a safetensors file does not say what its tensors are: list its layers in the recipe; it holds {tensors}")]
    NoLayers {
        /// Names of all.
        tensors: String,
    },
    /// The network takes another number of inputs than the recipe feeds it.
    #[error("the network has {network} inputs, and the features of the recipe make {recipe}")]
    Inputs {
        /// Inputs of the first layer.
        network: usize,
        /// What the recipe makes.
        recipe: usize,
    },
    /// The network has another number of outputs than the recipe has labels.
    #[error("the network has {network} outputs, and the recipe names {recipe} labels")]
    Outputs {
        /// Outputs of the last layer.
        network: usize,
        /// Labels of the recipe.
        recipe: usize,
    },
    /// What was made does not hold together.
    #[error("the recipe makes no sound model: {0}")]
    Card(Fault),
    /// What was made cannot be loaded.
    #[error("the imported model cannot be loaded: {0}")]
    Unsound(#[from] LoadError),
    /// The model folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}
