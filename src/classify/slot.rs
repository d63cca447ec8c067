//! The models in use: an active one and perhaps one in its shadow, exchanged together in one step, and perhaps a second one that judges
//! beside whichever is active.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::{Classifier, Explain, LoadedModel};

/// The models at one moment.
#[derive(Debug, Clone)]
pub struct Models {
    /// Its verdicts count.
    pub active: Arc<LoadedModel>,
    /// Its verdicts are only compared.
    pub shadow: Option<Arc<LoadedModel>>,
}

/// Holds the models for all workers.
#[derive(Debug)]
pub struct Slot {
    models: RwLock<Models>,
    /// How often the models were exchanged; written only under the lock.
    exchanges: AtomicU64,
    second: Option<Second>,
}

/// One worker's classifiers, made anew after each exchange.
pub struct Follower {
    slot: Arc<Slot>,
    explain: Explain,
    seen: u64,
    models: Models,
    classifiers: Classifiers,
}

/// A second model, whose verdicts count too.
#[derive(Debug, Clone)]
pub struct Second {
    /// It.
    pub model: Arc<LoadedModel>,
    /// Whether it judges all that it can; else only what the active model cannot.
    pub all: bool,
}

/// Classifiers of one state of the slot.
pub struct Classifiers {
    /// Of the active model.
    pub active: Box<dyn Classifier>,
    /// Of the second model, where there is one and it is another than the active one.
    pub second: Option<Box<dyn Classifier>>,
    /// Of the shadow model, where there is one; it explains nothing.
    pub shadow: Option<Box<dyn Classifier>>,
}

impl Slot {
    /// A slot with a model and none in its shadow.
    pub fn new(active: Arc<LoadedModel>) -> Self {
        Self { models: RwLock::new(Models { active, shadow: None }), second: None, exchanges: AtomicU64::new(0) }
    }

    /// The same with a second model, which stays whatever is exchanged.
    #[must_use]
    pub fn with_second(self, second: Option<Second>) -> Self {
        Self { second, ..self }
    }

    /// The active model.
    pub fn current(&self) -> Arc<LoadedModel> {
        self.models().active
    }

    /// Both models, of the same moment.
    pub fn models(&self) -> Models {
        self.read().0
    }

    /// Puts other models in place and gives back those they replace.
    pub fn exchange(&self, models: Models) -> Models {
        let mut place = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *place, models);
        self.exchanges.fetch_add(1, Ordering::Release);
        before
    }

    fn read(&self) -> (Models, u64) {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        (models.clone(), self.exchanges.load(Ordering::Acquire))
    }
}

impl Follower {
    /// Classifiers of what is in the slot now.
    pub fn new(slot: Arc<Slot>, explain: Explain) -> Self {
        let (models, seen) = slot.read();
        let classifiers = Classifiers::new(&models, slot.second.as_ref(), explain);
        Self { slot, explain, seen, classifiers, models }
    }

    /// Follows the slot, once before each batch: one atomic load where the models are still the same. Tells whether they
    /// are others, which may look at other features.
    pub fn follow(&mut self) -> bool {
        let exchanged = self.slot.exchanges.load(Ordering::Acquire) != self.seen;
        if exchanged {
            let (models, seen) = self.slot.read();
            self.classifiers = Classifiers::new(&models, self.slot.second.as_ref(), self.explain);
            (self.models, self.seen) = (models, seen);
        }
        exchanged
    }

    /// The classifiers, as of when it followed last.
    pub fn classifiers(&mut self) -> &mut Classifiers {
        &mut self.classifiers
    }

    /// The second model, where it is another than the active one.
    pub fn second(&self) -> Option<&Second> {
        self.slot.second.as_ref().filter(|_| self.classifiers.second.is_some())
    }

    /// The models of the classifiers that were given last.
    pub fn models(&self) -> &Models {
        &self.models
    }
}

impl Classifiers {
    fn new(models: &Models, second: Option<&Second>, explain: Explain) -> Self {
        let shadow = models.shadow.as_ref().map(|shadow| shadow.classifier_with(Explain::NEVER));
        let other = second.filter(|second| second.model.info().hash != models.active.info().hash);
        let second = other.map(|second| second.model.classifier_with(explain));
        Self { active: models.active.classifier_with(explain), second, shadow }
    }
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use std::path::Path;

    use super::super::{sample, weights};
    use super::*;
    use crate::features::{FeatureVector, Matrix};

    fn model(version: &str) -> Arc<LoadedModel> {
        let mut card = sample::card();
        card.version = version.to_owned();
        let bytes = weights::write(&sample::weights());
        Arc::new(LoadedModel::from_files(Path::new("sample"), &card.to_json(), &bytes).expect("sound"))
    }

    /// The version that judges next.
    fn judging(follower: &mut Follower) -> String {
        let mut out = Vec::new();
        follower.follow();
        let row = Matrix::from_iter([FeatureVector::MISSING]);
        follower.classifiers().active.classify(&row, &mut out).expect("runs");
        out[0].model.version.clone()
    }

    #[test]
    fn workers_follow_an_exchange_with_their_next_batch() {
        let slot = Arc::new(Slot::new(model("1")));
        let mut follower = Follower::new(Arc::clone(&slot), Explain::default());
        assert_eq!(judging(&mut follower), "1");
        assert!(follower.classifiers().shadow.is_none());
        let before = slot.exchange(Models { active: model("2"), shadow: Some(slot.current()) });
        assert_eq!(before.active.info().version, "1");
        assert_eq!(judging(&mut follower), "2");
        assert!(follower.classifiers().shadow.is_some() && !follower.follow());
        assert_eq!(slot.current().info().version, "2");
    }

    #[test]
    fn active_and_shadow_are_always_those_of_one_exchange() {
        let slot = Arc::new(Slot::new(model("0")));
        let (one, two) = (model("1"), model("2"));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..2000 {
                    let (active, shadow) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
                    slot.exchange(Models { active: Arc::clone(active), shadow: Some(Arc::clone(shadow)) });
                }
            });
            for _ in 0..2000 {
                let seen = slot.models();
                if let Some(shadow) = seen.shadow {
                    assert!(!Arc::ptr_eq(&seen.active, &shadow));
                }
            }
        });
    }
}
