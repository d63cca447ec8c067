//! What the workers have seen of the models in place: handed over by them now and then, read by whoever asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::drift::{Drift, DriftReading};
use super::shadow::{Pairs, Shadow, ShadowReading};
use crate::classify::Models;
use crate::clock::Clock;
use crate::event::annotated::ModelInfo;
use crate::telemetry::catalogue;
use crate::telemetry::metric::Sample;

/// Classes that the metric of disagreements tells apart; the rest are one more, `(other)`.
const MOST_CLASSES: usize = 64;

/// Shared by the workers, the metrics and the API.
#[derive(Debug)]
pub struct Observed {
    clock: Clock,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    drift: Drift,
    shadow: Option<Shadow>,
    /// Disagreements since the start of the process, whichever the models were.
    disagreed: BTreeMap<String, u64>,
}

impl Observed {
    /// Nothing is seen yet of these models.
    pub fn new(models: &Models, window: Duration, clock: Clock) -> Self {
        let state = State {
            drift: Drift::new(&models.active, window),
            shadow: Shadow::new(models, clock.now(), window),
            disagreed: BTreeMap::new(),
        };
        Self { clock, window, state: Mutex::new(state) }
    }

    /// From now on these models are in place; what was seen of others is let go.
    pub fn follow(&self, models: &Models) {
        let mut state = self.state();
        if !state.drift.is_of(&models.active.info()) {
            state.drift = Drift::new(&models.active, self.window);
        }
        if !state.shadow.as_ref().is_some_and(|shadow| shadow.is_of(models)) {
            state.shadow = Shadow::new(models, self.clock.now(), self.window);
        }
    }

    /// Takes over what a worker has counted against this model; what is of another by now is let go.
    pub(super) fn add_inputs(&self, model: &ModelInfo, sampled: u64, counts: &[u32]) {
        let mut state = self.state();
        if state.drift.is_of(model) {
            state.drift.add(self.clock.monotonic(), sampled, counts);
        }
    }

    /// Takes over what a worker has compared.
    pub(super) fn add_comparisons(&self, models: &Models, pairs: &Pairs, failed: u64) {
        catalogue::SHADOW_COMPARED.add(pairs.values().sum());
        catalogue::SHADOW_FAILURES.add(failed);
        let mut state = self.state();
        let Some(shadow) = state.shadow.as_mut().filter(|shadow| shadow.is_of(models)) else { return };
        for (class, events) in shadow.add(self.clock.monotonic(), pairs, failed) {
            let full = state.disagreed.len() >= MOST_CLASSES && !state.disagreed.contains_key(&class);
            *state.disagreed.entry(if full { "(other)".to_owned() } else { class }).or_default() += events;
        }
    }

    /// How far the inputs are from the training data.
    pub fn drift(&self) -> DriftReading {
        self.state().drift.read(self.clock.monotonic(), self.window)
    }

    /// How the shadow compares; none without one.
    pub fn shadow(&self) -> Option<ShadowReading> {
        self.state().shadow.as_mut().map(|shadow| shadow.read(self.clock.monotonic(), self.window))
    }

    /// Brings the metrics up to date.
    pub fn measure(&self) {
        let drift = self.drift();
        catalogue::DRIFT_SAMPLED.set(i64::try_from(drift.sampled).unwrap_or(i64::MAX));
        let index = |feature: super::drift::Feature| Sample {
            labels: vec![("feature", feature.drift.feature)],
            value: feature.drift.psi,
        };
        catalogue::FEATURE_DRIFT.set(if drift.enough {
            drift.features.into_iter().map(index).collect()
        } else {
            Vec::new()
        });
        let share = self.shadow().and_then(|shadow| Some((shadow.shadow, shadow.window.share?)));
        let share = share.map(|(model, value)| Sample { labels: vec![("shadow", model)], value });
        catalogue::SHADOW_DISAGREEMENT.set(share.into_iter().collect());
        let disagreed = self.state().disagreed.clone();
        let sample = |(class, events): (String, u64)| Sample { labels: vec![("class", class)], value: events as f64 };
        catalogue::SHADOW_DISAGREED.set(disagreed.into_iter().map(sample).collect());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
