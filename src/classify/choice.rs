//! Which verdicts of a batch are explained in full, with a counterfactual: while little waits every detection, then one of each kind in a
//! batch, and in a flood one of a kind now and then. What the others are told is that of events [alike](super::alike).
//!
//! As a batch is what was waiting, its size says how busy the machine is. An explanation costs as much as judging some seventy events,
//! so what a flood is told about itself over and over would be most of its cost.

use rustc_hash::FxHashMap;

use crate::event::annotated::Verdict;

use super::{Explain, Explained};

/// Events of a batch up to which nothing is in a hurry.
pub const CALM: usize = 64;

/// Events of a batch beyond which much is in a hurry: more than two bodies as Logstash sends them wait.
const BUSY: usize = 256;

/// Remembers what was explained last. Of one worker.
#[derive(Debug, Default)]
pub struct Choice {
    /// Events seen.
    seen: u64,
    /// By kind of verdict: after how many events one was chosen last.
    last: FxHashMap<Kind, u64>,
}

/// What a verdict says, without how sure it is.
pub type Kind = (Verdict, u16);

impl Choice {
    /// The places of those among the verdicts of one batch that are to be explained.
    pub fn of(&mut self, explain: Explain, batch: impl ExactSizeIterator<Item = Kind>) -> Vec<usize> {
        let events = batch.len();
        let mut chosen = Vec::new();
        for (place, kind) in batch.enumerate() {
            if chosen.len() >= explain.per_batch {
                break;
            }
            if explain.verdicts != Explained::All && !kind.0.is_alarm() {
                continue;
            }
            let position = self.seen + place as u64;
            let apart = if events > BUSY { explain.apart } else { place as u64 + 1 };
            if events <= CALM || self.last.get(&kind).is_none_or(|last| position - last >= apart) {
                self.last.insert(kind, position);
                chosen.push(place);
            }
        }
        self.seen += events as u64;
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPLAIN: Explain =
        Explain { verdicts: Explained::Attacks, per_batch: 16, apart: 1000, steps: 1, counterfactuals: false };

    fn chosen(choice: &mut Choice, labels: &[(u16, usize)]) -> Vec<usize> {
        let kind = |label| (if label == 0 { Verdict::Normal } else { Verdict::Known }, label);
        let batch: Vec<Kind> = labels.iter().flat_map(|(label, events)| vec![kind(*label); *events]).collect();
        choice.of(EXPLAIN, batch.into_iter())
    }

    #[test]
    fn every_detection_is_chosen_while_little_waits_up_to_the_limit() {
        let mut choice = Choice::default();
        assert_eq!(chosen(&mut choice, &[(0, 2), (1, 3), (0, 1)]), [2, 3, 4]);
        assert_eq!(chosen(&mut choice, &[(1, CALM)]).len(), 16);
    }

    #[test]
    fn a_flood_is_explained_once_in_so_many_events_and_each_kind_of_it() {
        let mut choice = Choice::default();
        assert_eq!(chosen(&mut choice, &[(1, 500)]), [0]);
        assert!(chosen(&mut choice, &[(1, 500)]).is_empty(), "too soon");
        assert_eq!(chosen(&mut choice, &[(1, 300), (2, 200)]), [0, 300], "a thousand later, and something new");
    }

    #[test]
    fn of_a_few_bodies_one_of_each_kind_is_chosen() {
        let mut choice = Choice::default();
        for _ in 0..2 {
            assert_eq!(chosen(&mut choice, &[(1, 100), (0, 20), (2, 5), (1, 5)]), [0, 120]);
        }
    }

    #[test]
    fn what_was_explained_in_calm_is_not_explained_again_at_once_when_the_flood_comes() {
        let mut choice = Choice::default();
        assert_eq!(chosen(&mut choice, &[(1, 10)]).len(), 10);
        assert!(chosen(&mut choice, &[(1, 900)]).is_empty());
    }
}
