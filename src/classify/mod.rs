//! 5 JUDGE: a row of feature values in, verdict out.
//!
//! A model is a folder of two files, `card.json` and `weights.safetensors`; [`load`] takes it only when everything in
//! it holds together. Its card states the [`Space`](crate::features::Space) of features that it looks at. A [`LoadedModel`] is shared; each worker has a
//! [`Classifier`] of its own on the same weights. [`Slot`] exchanges models while the program runs.
//!
//! Always: every row is legal, with whatever is missing or unknown; probabilities are finite and sum to 1; the same
//! row gets the same verdict in every batch of every size, up to rounding.

use std::path::PathBuf;
use std::sync::Arc;

use crate::event::annotated::Classification;
use crate::features::{Matrix, Space};

pub mod calibrate;
pub mod card;
pub mod check;
pub mod conformal;
pub mod decide;
pub mod declare;
pub mod drift;
pub mod encode;
mod error;
pub mod folder;
pub mod import;
pub mod labels;
pub mod novelty;
pub mod quality;
pub mod ranking;
mod rapid;
pub mod reliability;
mod slot;
pub mod typical;
pub mod values;

#[cfg(feature = "torch")]
mod alike;
#[cfg(feature = "torch")]
mod choice;
#[cfg(feature = "torch")]
pub mod counterfactual;
#[cfg(feature = "torch")]
pub mod explain;
#[cfg(feature = "torch")]
mod model;
#[cfg(feature = "torch")]
pub mod network;
#[cfg(feature = "torch")]
mod script;
#[cfg(feature = "torch")]
pub mod weights;

#[cfg(not(feature = "torch"))]
#[path = "without_torch.rs"]
mod model;

#[cfg(all(test, feature = "torch"))]
pub(crate) mod sample;

pub use error::{ClassifyError, Fault, FolderError, LoadError};
pub use model::{LoadedModel, init_runtime, load};
pub use slot::{Classifiers, Follower, Models, Second, Slot};

/// Judges rows of feature values. Each worker owns one, so it may keep scratch space.
pub trait Classifier: Send {
    /// The space that its rows are of.
    fn space(&self) -> &Arc<Space>;

    /// Judges a batch; the verdicts are appended to `out` in the order of `batch`.
    ///
    /// # Errors
    /// When the network cannot be run, or the rows are of another space; nothing has been appended then.
    fn classify(&mut self, batch: &Matrix, out: &mut Vec<Classification>) -> Result<(), ClassifyError>;

    /// The calibrated probabilities of all classes for the event at this place of the last batch that was judged; where it
    /// had more than [`CHUNK`] events, the place counts within its last part.
    ///
    /// # Panics
    /// When there are not so many.
    fn probabilities(&self, event: usize) -> &[f32];
}

/// The models that are part of this program.
pub const BUILTIN: [&str; 2] = ["flow", "kdd99"];

/// Most events that are run through the network at once: bounds the scratch space to what a core keeps near.
pub const CHUNK: usize = 256;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// One that is part of this program: `flow` or `kdd99`.
    Builtin(String),
    /// A model folder.
    Folder(PathBuf),
}

/// Which verdicts are explained. An explanation costs as much as judging some seventy events, and a counterfactual several hundred, so
/// every detection gets its own while little waits; in a flood a few do, and the others are told what holds of those like them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explain {
    /// Whose verdicts.
    pub verdicts: Explained,
    /// At most so many in a batch.
    pub per_batch: usize,
    /// In a flood, of one class at most one in so many events.
    pub apart: u64,
    /// Points on the path of the integrated gradients; more is more exact.
    pub steps: usize,
    /// Whether it is also looked for what would have made the verdict normal.
    pub counterfactuals: bool,
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
        Self { verdicts: Explained::Attacks, per_batch: 16, apart: 8192, steps: 16, counterfactuals: true }
    }
}

impl Explain {
    /// None is explained.
    pub const NEVER: Self =
        Self { verdicts: Explained::Attacks, per_batch: 0, apart: 0, steps: 1, counterfactuals: false };
}
