//! 5 JUDGE: feature vector in, verdict out.
//!
//! A model is a folder of two files, `card.json` and `weights.safetensors`; [`load`] takes it only when everything in
//! it holds together and fits the features of this program. A [`LoadedModel`] is shared; each worker has a
//! [`Classifier`] of its own on the same weights. [`Slot`] exchanges models while the program runs.
//!
//! Always: every feature vector is legal, with whatever is missing or unknown; probabilities are finite and sum to 1; the same
//! vector gets the same verdict in every batch of every size, up to rounding.

use std::path::PathBuf;

use crate::event::annotated::Classification;
use crate::features::FeatureVector;

pub mod calibrate;
pub mod card;
pub mod check;
pub mod conformal;
pub mod decide;
pub mod drift;
pub mod encode;
mod error;
pub mod labels;
pub mod novelty;
pub mod quality;
mod rapid;
mod slot;

#[cfg(feature = "torch")]
pub mod explain;
#[cfg(feature = "torch")]
mod model;
#[cfg(feature = "torch")]
pub mod network;
#[cfg(feature = "torch")]
pub mod weights;

#[cfg(not(feature = "torch"))]
#[path = "without_torch.rs"]
mod model;

#[cfg(all(test, feature = "torch"))]
pub(crate) mod sample;

pub use error::{ClassifyError, Fault, LoadError};
pub use model::{LoadedModel, init_runtime, load};
pub use slot::{Classifiers, Follower, Models, Slot};

/// Judges feature vectors. Each worker owns one, so it may keep scratch space.
pub trait Classifier: Send {
    /// Judges a batch; the verdicts are appended to `out` in the order of `batch`.
    ///
    /// # Errors
    /// When the network cannot be run; nothing has been appended then.
    fn classify(&mut self, batch: &[FeatureVector], out: &mut Vec<Classification>) -> Result<(), ClassifyError>;
}

/// The models that are part of this program.
pub const BUILTIN: [&str; 1] = ["kdd99"];

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// One that is part of this program: `kdd99`.
    Builtin(String),
    /// A model folder.
    Folder(PathBuf),
}

/// Which verdicts are explained. An explanation costs as much as judging some fifty events, so a batch gets a few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explain {
    /// Whose verdicts.
    pub verdicts: Explained,
    /// At most so many in a batch, each of another class: a flood of one attack is explained once.
    pub per_batch: usize,
    /// Points on the path of the integrated gradients; more is more exact.
    pub steps: usize,
}

/// Verdicts that are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// Those of a class that is not normal.
    Attacks,
    /// All.
    All,
}

impl Default for Explain {
    fn default() -> Self {
        Self { verdicts: Explained::Attacks, per_batch: 4, steps: 16 }
    }
}

impl Explain {
    /// None is explained.
    pub const NEVER: Self = Self { verdicts: Explained::Attacks, per_batch: 0, steps: 1 };
}
