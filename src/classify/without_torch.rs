//! The face of [`model`](super) in a program without libtorch: no model can be loaded, and that is said.

use std::convert::Infallible;
use std::sync::Arc;

use super::card::{Card, DecisionRule};
use super::drift::Bins;
use super::{Classifier, Explain, LoadError, ModelSource};
use crate::event::annotated::ModelInfo;
use crate::features::Space;

/// There is none in a program without libtorch.
#[derive(Debug)]
pub struct LoadedModel(Infallible);

/// Loads no model.
///
/// # Errors
/// Always: [`LoadError::WithoutTorch`].
pub fn load(_source: &ModelSource) -> Result<LoadedModel, LoadError> {
    Err(LoadError::WithoutTorch)
}

/// Prepares nothing: there is no libtorch.
pub fn init_runtime() {}

impl LoadedModel {
    /// Name, version, hash, classes and features.
    pub fn info(&self) -> Arc<ModelInfo> {
        match self.0 {}
    }

    /// Bins of what it learned from.
    pub fn bins(&self) -> Option<Arc<Bins>> {
        match self.0 {}
    }

    /// Everything that is known of the model.
    pub fn card(&self) -> &Card {
        match self.0 {}
    }

    /// The same model, deciding by another rule.
    #[must_use]
    pub fn deciding(self, _rule: DecisionRule) -> Self {
        self
    }

    /// The same model with another threshold.
    #[must_use]
    pub fn allowing(self, _false_alarms: f64) -> Self {
        self
    }

    /// The features it looks at.
    pub fn space(&self) -> &Arc<Space> {
        match self.0 {}
    }

    /// A classifier for one worker.
    pub fn classifier(&self) -> Box<dyn Classifier> {
        match self.0 {}
    }

    /// A classifier for one worker.
    pub fn classifier_with(&self, _explain: Explain) -> Box<dyn Classifier> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_says_that_this_program_has_no_libtorch() {
        let refusal = load(&ModelSource::Builtin("kdd99".to_owned())).expect_err("refused").to_string();
        assert!(refusal.contains("built without the feature 'torch'"), "{refusal}");
    }
}
