//! Explanations for events that are alike: in a flood one is explained, and those like it are told the same with their own values.
//!
//! Alike are two detections of one verdict and class that have the same symbols, lack the same features, and whose numbers, as the network
//! sees them (bent and scaled), lie in the same half of a standard deviation. Where none such was explained, those do of which all but the
//! numbers is the same. A flood says the same over and over, so few kinds of events stand for nearly all of its detections; what an explanation costs
//! is paid for each kind and not for each event.

use std::hash::Hasher;
use std::num::NonZeroUsize;

use arrayvec::ArrayVec;
use lru::LruCache;
use rustc_hash::{FxBuildHasher, FxHasher};

use super::choice::Kind;
use super::encode::Missing;
use super::explain::NAMED;
use crate::event::annotated::Contribution;
use crate::features::symbols::Symbol;

/// Kinds of events that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("more than none");
/// Steps of a standard deviation.
const STEPS: f32 = 2.0;
/// Kinds not met before that are explained in one batch beside those that are chosen anyway.
const NEW: usize = 4;

/// Features and their contributions, the strongest first.
pub type Named = ArrayVec<(u16, f32), NAMED>;

/// What was explained last, by kind of event. Of one worker.
#[derive(Debug)]
pub struct Alike {
    known: LruCache<u64, Named, FxBuildHasher>,
    /// By event of the batch: which kind it is of; none for what is no detection.
    kinds: Vec<Option<Kinds>>,
}

/// Which kind an event is of, and of which whatever its numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kinds {
    near: u64,
    far: u64,
}

impl Default for Alike {
    fn default() -> Self {
        Self { known: LruCache::with_hasher(REMEMBERED, FxBuildHasher), kinds: Vec::new() }
    }
}

impl Alike {
    /// Begins another batch.
    pub fn clear(&mut self) {
        self.kinds.clear();
    }

    /// Takes the next event of the batch in: its verdict, and what the network saw of it.
    pub fn note(&mut self, verdict: Kind, numbers: &[f32], missing: Missing<'_>, symbols: &[Symbol]) {
        self.kinds.push(verdict.0.is_alarm().then(|| Kinds::of(verdict, numbers, missing, symbols)));
    }

    /// Adds to `chosen` the places of up to `most` detections, and no more than [`NEW`], each of a kind that nothing is known of.
    pub fn choose_new(&self, chosen: &mut Vec<usize>, most: usize) {
        let mut met: ArrayVec<u64, NEW> = ArrayVec::new();
        let of_chosen: Vec<u64> =
            chosen.iter().filter_map(|place| self.kinds[*place]).map(|kinds| kinds.near).collect();
        for (place, kinds) in self.kinds.iter().enumerate() {
            if met.len() >= NEW.min(most) {
                break;
            }
            let Some(Kinds { near, .. }) = kinds else { continue };
            if !met.contains(near) && !of_chosen.contains(near) && !self.known.contains(near) {
                met.push(*near);
                chosen.push(place);
            }
        }
    }

    /// Keeps what was found out about an event of the batch for those like it.
    pub fn learn(&mut self, place: usize, explanation: &[Contribution]) {
        if let Some(Kinds { near, far }) = self.kinds[place] {
            let named: Named = explanation.iter().map(|one| (one.feature, one.contribution)).take(NAMED).collect();
            self.known.put(far, named.clone());
            self.known.put(near, named);
        }
    }

    /// What is known of the kind of an event of the batch.
    pub fn of(&mut self, place: usize) -> Option<&Named> {
        let Kinds { near, far } = self.kinds[place]?;
        let known = if self.known.contains(&near) { near } else { far };
        self.known.get(&known)
    }
}

impl Kinds {
    fn of((verdict, class): Kind, numbers: &[f32], missing: Missing<'_>, symbols: &[Symbol]) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write_u64((verdict as u64) << 32 | u64::from(class));
        missing.0.iter().for_each(|word| hasher.write_u64(*word));
        symbols.iter().for_each(|symbol| hasher.write_u16(symbol.number()));
        let far = hasher.finish();
        for eight in numbers.chunks(8) {
            let mut word = [0; 8];
            // a cast holds what lies beyond at the ends
            word.iter_mut().zip(eight).for_each(|(step, number)| *step = (number * STEPS).floor() as i8 as u8);
            hasher.write_u64(u64::from_le_bytes(word));
        }
        Self { near: hasher.finish(), far }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::annotated::{FeatureValue, Verdict};

    const FLOOD: Kind = (Verdict::Known, 3);

    fn noted(alike: &mut Alike, numbers: &[[f32; 2]]) {
        alike.clear();
        for row in numbers {
            alike.note(FLOOD, row, Missing(&[0]), &[Symbol::UNKNOWN]);
        }
    }

    fn explanation(contribution: f32) -> Vec<Contribution> {
        let value = FeatureValue::Missing;
        vec![Contribution { feature: 1, value: value.clone(), typical: value, contribution }]
    }

    #[test]
    fn events_in_the_same_steps_are_alike_and_others_are_not() {
        let mut alike = Alike::default();
        noted(&mut alike, &[[0.10, -3.0], [0.40, -2.9], [0.60, -3.0], [f32::INFINITY, -3.0]]);
        alike.learn(0, &explanation(1.5));
        alike.learn(3, &explanation(2.5));
        let known: Vec<_> = (0..4).map(|place| alike.of(place).map(|named| named[0])).collect();
        let [near, last] = [Some((1, 1.5)), Some((1, 2.5))];
        assert_eq!(known, [near, near, last, last], "of the third only all but its numbers has been met");
    }

    #[test]
    fn another_class_verdict_symbol_or_lack_is_another_kind() {
        let mut alike = Alike::default();
        let normal = (Verdict::Normal, 3);
        for verdict in [FLOOD, (Verdict::Unknown, 3), (Verdict::Known, 4), normal] {
            alike.note(verdict, &[1.0], Missing(&[0]), &[Symbol::UNKNOWN]);
        }
        alike.note(FLOOD, &[1.0], Missing(&[1]), &[Symbol::UNKNOWN]);
        alike.note(FLOOD, &[1.0], Missing(&[0]), &[Symbol::MISSING]);
        (0..6).for_each(|place| alike.learn(place, &explanation(place as f32)));
        let found: Vec<Option<f32>> = (0..6).map(|place| alike.of(place).map(|named| named[0].1)).collect();
        assert_eq!(found, [Some(0.0), Some(1.0), Some(2.0), None, Some(4.0), Some(5.0)]);
    }

    #[test]
    fn a_few_kinds_that_are_new_are_chosen_and_each_once() {
        let mut alike = Alike::default();
        let rows: Vec<[f32; 2]> = (0..40).map(|row| [(row % 10) as f32, 0.0]).collect();
        noted(&mut alike, &rows);
        let mut chosen = vec![0];
        alike.choose_new(&mut chosen, 16);
        assert_eq!(chosen, [0, 1, 2, 3, 4]);
        chosen.iter().for_each(|place| alike.learn(*place, &explanation(1.0)));
        let mut chosen = Vec::new();
        alike.choose_new(&mut chosen, 2);
        assert_eq!(chosen, [5, 6], "no more than are allowed");
    }
}
