//! Drift as it stands: what the workers have counted within the window, against the model's training data.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::window::Window;
use crate::classify::LoadedModel;
use crate::classify::drift::{Bins, ENOUGH, FeatureDrift, LARGE, NOTABLE};
use crate::event::annotated::ModelInfo;

/// Features that a hint names.
const NAMED: usize = 3;

/// What is counted against one model.
#[derive(Debug)]
pub(super) struct Drift {
    model: Arc<ModelInfo>,
    bins: Option<Arc<Bins>>,
    window: Window<Counts>,
}

/// Counts of a stretch of time.
#[derive(Debug, Default)]
struct Counts {
    sampled: u64,
    /// In the order of the bins; empty until something is counted.
    bins: Vec<u64>,
}

/// How far the inputs are from the training data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReading {
    /// The model whose training data they are compared with.
    pub model: String,
    /// BLAKE3 of its card.
    pub hash: String,
    /// Length of the window.
    #[serde(rename = "window_seconds", serialize_with = "as_seconds")]
    pub window: Duration,
    /// Events within it that were looked at.
    pub sampled: u64,
    /// Whether they are enough for the indices to say something.
    pub enough: bool,
    /// Why nothing can be compared; none where it can.
    pub reason: Option<String>,
    /// From here on a feature counts as changed, and as another distribution.
    pub thresholds: [f64; 2],
    /// The features, the most changed first.
    pub features: Vec<Feature>,
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feature {
    /// Its figures.
    #[serde(flatten)]
    pub drift: FeatureDrift,
    /// `stable`, `changed` or `other`, by the thresholds.
    pub state: &'static str,
}

impl Drift {
    /// Nothing is counted yet against this model.
    pub fn new(model: &LoadedModel, window: Duration) -> Self {
        Self { model: model.info(), bins: model.bins(), window: Window::new(window) }
    }

    /// Whether it is this model that is counted against.
    pub fn is_of(&self, model: &ModelInfo) -> bool {
        self.model.hash == model.hash
    }

    /// Takes over what a worker has counted.
    pub fn add(&mut self, now: Duration, sampled: u64, counts: &[u32]) {
        let slot = self.window.now(now);
        slot.sampled += sampled;
        slot.bins.resize(counts.len(), 0);
        slot.bins.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(*count));
    }

    /// How it stands.
    pub fn read(&mut self, now: Duration, window: Duration) -> DriftReading {
        let (mut sampled, mut sum) = (0, vec![0; self.bins.as_ref().map_or(0, |bins| bins.width())]);
        for counts in self.window.within(now) {
            sampled += counts.sampled;
            sum.iter_mut().zip(&counts.bins).for_each(|(sum, count)| *sum += count);
        }
        let mut drifts = self.bins.as_ref().map(|bins| bins.compare(&sum)).unwrap_or_default();
        drifts.sort_by(|one, other| other.psi.total_cmp(&one.psi));
        let reason = self.bins.is_none().then(|| {
            "the model's card does not say how its training data are distributed; train it with this version".to_owned()
        });
        DriftReading {
            model: format!("{}/{}", self.model.name, self.model.version),
            hash: self.model.hash.clone(),
            window,
            sampled,
            enough: sampled >= ENOUGH,
            reason,
            thresholds: [NOTABLE, LARGE],
            features: drifts.into_iter().map(|drift| Feature { state: state(drift.psi), drift }).collect(),
        }
    }
}

impl DriftReading {
    /// One sentence where features are distributed otherwise than in training.
    pub fn hint(&self) -> Option<String> {
        let other: Vec<&FeatureDrift> =
            self.features.iter().map(|feature| &feature.drift).filter(|drift| drift.psi >= LARGE).collect();
        if !self.enough || other.is_empty() {
            return None;
        }
        let absent = other.iter().filter(|drift| drift.missing > 0.5 && drift.missing_in_training < 0.5).count();
        let named: Vec<String> =
            other.iter().take(NAMED).map(|drift| format!("{} {:.2}", drift.feature, drift.psi)).collect();
        Some(format!(
            "{} of {} features are distributed otherwise than in the training data of {} (stability index from {LARGE} on; {absent} of them mostly missing): {}; see /v1/models/drift",
            other.len(),
            self.features.len(),
            self.model,
            named.join(", "),
        ))
    }
}

fn state(psi: f64) -> &'static str {
    match psi {
        psi if psi >= LARGE => "other",
        psi if psi >= NOTABLE => "changed",
        _ => "stable",
    }
}

pub(super) fn as_seconds<S: Serializer>(window: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(window.as_secs())
}
