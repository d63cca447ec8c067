//! What one worker counts while it judges: without locks, handed over once a second.

use std::sync::Arc;
use std::time::Duration;

use super::observed::Observed;
use super::shadow::Pairs;
use crate::classify::drift::Bins;
use crate::classify::{LoadedModel, Models};
use crate::clock::Clock;
use crate::event::annotated::Classification;
use crate::features::Matrix;

/// How often counts are handed over.
const EVERY: Duration = Duration::from_secs(1);

/// Of so many events one is counted for drift, in the mean; the gaps are random, so that no rhythm of the traffic meets them.
pub const SAMPLE: u32 = 8;

/// Counts for one worker.
pub struct Watch {
    observed: Arc<Observed>,
    clock: Clock,
    handed_over: Duration,
    inputs: Option<Inputs>,
    gap: Gap,
    comparisons: Option<Comparisons>,
}

/// Rows counted against one model.
struct Inputs {
    model: Arc<LoadedModel>,
    bins: Option<Arc<Bins>>,
    sampled: u64,
    counts: Vec<u32>,
}

/// Verdicts of two models.
struct Comparisons {
    models: Models,
    pairs: Pairs,
    failed: u64,
}

impl Watch {
    /// What is counted goes to `observed`.
    pub fn new(observed: Arc<Observed>, clock: Clock) -> Self {
        let handed_over = clock.monotonic();
        Self { observed, clock, handed_over, inputs: None, gap: Gap::new(), comparisons: None }
    }

    /// Counts some of the rows that this model has judged.
    pub fn inputs(&mut self, model: &Arc<LoadedModel>, rows: &Matrix) {
        if !self.inputs.as_ref().is_some_and(|inputs| Arc::ptr_eq(&inputs.model, model)) {
            self.hand_over_inputs();
            self.inputs = Some(Inputs::new(Arc::clone(model)));
        }
        let Some(Inputs { bins: Some(bins), sampled, counts, .. }) = &mut self.inputs else { return };
        while let Some(place) = self.gap.next(rows.len()) {
            bins.count(rows.row(place), counts);
            *sampled += 1;
        }
    }

    /// Compares the verdicts of the model that judges, and of the shadow, on the same events.
    pub fn compared<'a>(
        &mut self,
        models: &Models,
        verdicts: impl Iterator<Item = (&'a Classification, &'a Classification)>,
    ) {
        let pairs = &mut self.comparisons_of(models).pairs;
        for (active, shadow) in verdicts {
            *pairs.entry((active.label, shadow.label)).or_default() += 1;
        }
    }

    /// Counts a batch that the shadow could not judge.
    pub fn failed(&mut self, models: &Models) {
        self.comparisons_of(models).failed += 1;
    }

    /// Hands over what was counted, if it is time.
    pub fn tick(&mut self) {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.handed_over) >= EVERY {
            self.handed_over = now;
            self.hand_over_inputs();
            self.hand_over_comparisons();
        }
    }

    fn comparisons_of(&mut self, models: &Models) -> &mut Comparisons {
        if !self.comparisons.as_ref().is_some_and(|comparisons| comparisons.are_of(models)) {
            self.hand_over_comparisons();
            self.comparisons = None;
        }
        self.comparisons.get_or_insert_with(|| Comparisons {
            models: models.clone(),
            pairs: Pairs::default(),
            failed: 0,
        })
    }

    fn hand_over_inputs(&mut self) {
        let Some(inputs) = self.inputs.as_mut().filter(|inputs| inputs.sampled > 0) else { return };
        self.observed.add_inputs(&inputs.model.info(), inputs.sampled, &inputs.counts);
        inputs.sampled = 0;
        inputs.counts.fill(0);
    }

    fn hand_over_comparisons(&mut self) {
        let Some(comparisons) = &mut self.comparisons else { return };
        if !comparisons.pairs.is_empty() || comparisons.failed > 0 {
            self.observed.add_comparisons(&comparisons.models, &comparisons.pairs, comparisons.failed);
            comparisons.pairs.clear();
            comparisons.failed = 0;
        }
    }
}

impl Inputs {
    fn new(model: Arc<LoadedModel>) -> Self {
        let bins = model.bins();
        let counts = vec![0; bins.as_ref().map_or(0, |bins| bins.width())];
        Self { model, bins, sampled: 0, counts }
    }
}

impl Comparisons {
    fn are_of(&self, models: &Models) -> bool {
        let same = |one: &Arc<LoadedModel>, other: &Arc<LoadedModel>| Arc::ptr_eq(one, other);
        same(&self.models.active, &models.active)
            && match (&self.models.shadow, &models.shadow) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                _ => false,
            }
    }
}

/// Chooses one event in [`SAMPLE`], across the borders of batches.
struct Gap {
    /// Place of the next one, counted from the start of the batch.
    next: usize,
    state: u32,
}

impl Gap {
    fn new() -> Self {
        Self { next: 0, state: 0x9E37_79B9 }
    }

    /// The next place in a batch of this length; none when the batch is through.
    fn next(&mut self, length: usize) -> Option<usize> {
        if self.next >= length {
            self.next -= length;
            return None;
        }
        let place = self.next;
        // Marsaglia's xorshift: the quality that a gap needs, in three instructions
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        // 1 to 2n - 1, n in the mean
        self.next += 1 + (self.state % (2 * SAMPLE - 1)) as usize;
        Some(place)
    }
}

#[cfg(test)]
#[cfg(feature = "torch")]
mod tests {
    use super::super::samples::{write_changed, write_model};
    use super::super::shelf::Shelf;
    use super::*;
    use crate::classify::drift::{ENOUGH, LARGE};
    use crate::classify::sample;
    use crate::config::Model;
    use crate::event::ReceivedTime;
    use crate::features::FeatureVector;

    const HOUR: Duration = Duration::from_secs(3600);

    fn clock() -> Clock {
        Clock::manual(ReceivedTime::from_micros(1_790_000_000_000_000))
    }

    fn loaded(folder: std::path::PathBuf) -> Arc<LoadedModel> {
        let shelf = Shelf::new(std::path::Path::new("none"));
        Arc::new(shelf.load(&Model::Folder(folder)).unwrap())
    }

    fn vectors(count: usize) -> impl Iterator<Item = FeatureVector> {
        sample::vectors().into_iter().cycle().take(count)
    }

    #[test]
    fn one_event_in_eight_is_counted_whatever_the_batches_are() {
        for batch in [1, 3, 16, 1000] {
            let mut gap = Gap::new();
            let mut taken = 0;
            for _ in 0..80_000 / batch {
                while let Some(place) = gap.next(batch) {
                    assert!(place < batch);
                    taken += 1;
                }
            }
            assert!((9_600..10_400).contains(&taken), "{taken} of 80,000 in batches of {batch}");
        }
    }

    #[test]
    fn inputs_like_the_training_data_do_not_drift_others_do_and_the_window_forgets() {
        let folder = tempfile::tempdir().unwrap();
        let model = loaded(write_model(folder.path(), "own", "1"));
        let models = Models { active: Arc::clone(&model), shadow: None };
        let clock = clock();
        let observed = Arc::new(Observed::new(&models, HOUR, clock.clone()));
        let mut watch = Watch::new(Arc::clone(&observed), clock.clone());
        let mut judge = |rows: Matrix| {
            watch.inputs(&model, &rows);
            clock.advance(EVERY);
            watch.tick();
        };
        assert!(!observed.drift().enough && observed.drift().hint().is_none());
        judge(vectors(40_000).collect());
        let drift = observed.drift();
        assert!(drift.enough && drift.sampled > ENOUGH && drift.features[0].drift.psi < 0.02, "{drift:?}");
        assert_eq!((drift.features.len(), drift.hint()), (41, None));
        clock.advance(HOUR);
        assert_eq!(observed.drift().sampled, 0);
        let with_many_bytes = |mut vector: FeatureVector| {
            vector.numeric[1] = 1e6;
            vector
        };
        judge(vectors(40_000).map(with_many_bytes).collect());
        let drift = observed.drift();
        let worst = &drift.features[0];
        assert!(worst.drift.feature == "src_bytes" && worst.drift.psi > LARGE && worst.state == "other", "{worst:?}");
        assert!(drift.hint().unwrap().contains("1 of 41 features"), "{:?}", drift.hint());
    }

    #[test]
    fn a_shadow_is_counted_by_pairs_of_classes_and_an_exchange_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let active = loaded(write_model(folder.path(), "own", "1"));
        // the same weights with two names exchanged: it disagrees exactly where one of the two is told
        let exchanged = write_changed(folder.path(), "own", "2", |card| card.labels.swap(0, 1));
        let models = Models { active: Arc::clone(&active), shadow: Some(loaded(exchanged)) };
        let clock = clock();
        let observed = Arc::new(Observed::new(&models, HOUR, clock.clone()));
        let mut watch = Watch::new(Arc::clone(&observed), clock.clone());
        let judged = |model: &LoadedModel| {
            let mut out = Vec::new();
            model.classifier().classify(&vectors(400).collect(), &mut out).unwrap();
            out
        };
        let (one, other) = (judged(&active), judged(models.shadow.as_ref().unwrap()));
        let told = one.iter().filter(|verdict| verdict.label < 2).count() as u64;
        assert!(told > 0, "the sample tells one of the two");
        watch.compared(&models, one.iter().zip(&other));
        watch.failed(&models);
        assert_eq!(observed.shadow().unwrap().compared, 0, "not handed over yet");
        clock.advance(EVERY);
        watch.tick();
        let reading = observed.shadow().unwrap();
        assert_eq!((reading.compared, reading.disagreed, reading.failed_batches), (400, told, 1));
        assert_eq!(reading.window.share, Some(told as f64 / 400.0));
        assert_eq!(reading.attacks_of_active_only + reading.attacks_of_shadow_only, told);
        assert_eq!(reading.pairs.iter().map(|pair| pair.events).sum::<u64>(), told);
        assert_eq!((reading.active.as_str(), reading.shadow.as_str()), ("own/1", "own/2"));
        clock.advance(HOUR);
        assert_eq!(observed.shadow().unwrap().window.share, None);
        observed.follow(&Models { active: Arc::clone(&active), shadow: None });
        assert!(observed.shadow().is_none());
        // what a worker still has of the exchanged ones is let go
        watch.compared(&models, one.iter().zip(&other));
        clock.advance(EVERY);
        watch.tick();
        assert!(observed.shadow().is_none());
    }
}
