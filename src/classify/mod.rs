//! 5 JUDGE: feature vector in, verdict out.

use crate::event::annotated::Classification;
use crate::features::FeatureVector;

/// Judges feature vectors. Each worker owns one, so it may keep scratch space.
pub trait Classifier: Send {
    /// Judges a batch; the verdicts are appended to `out` in the order of `batch`.
    ///
    /// # Errors
    /// When the network cannot be run; nothing has been appended then.
    fn classify(&mut self, batch: &[FeatureVector], out: &mut Vec<Classification>) -> Result<(), ClassifyError>;
}

/// Why a batch could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    /// libtorch reports a fault.
    #[error("the network could not be run: {0}")]
    Network(String),
}
