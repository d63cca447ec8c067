//! How well a score tells two kinds of records apart: ROC curve and the area under it, counted in one pass.
//!
//! Scores are kept to 15 bits of their mantissa, so that memory is bounded by how many scores differ by more than a
//! thirty-thousandth, and not by the number of records. Those that differ by less count as equal.

use rustc_hash::FxHashMap;
use serde::Serialize;

/// Bits of a score that are dropped.
const DROPPED: u32 = 8;

/// Scores of records that should rank high and of those that should rank low.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranking {
    /// Counts of high and low by score.
    cells: FxHashMap<u32, (u64, u64)>,
}

/// A point of a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocPoint {
    /// Share of the low records at or above some score.
    pub false_alarms: f64,
    /// Share of the high records at or above it.
    pub found: f64,
}

impl Ranking {
    /// Of these scores of records that should rank high, and low.
    pub fn of(high: &[f32], low: &[f32]) -> Self {
        let mut ranking = Self::default();
        high.iter().for_each(|score| ranking.add_high(*score));
        low.iter().for_each(|score| ranking.add_low(*score));
        ranking
    }

    /// Counts a record that should rank high; a score that is not a number ranks lowest.
    pub fn add_high(&mut self, score: f32) {
        self.cells.entry(place(score)).or_default().0 += 1;
    }

    /// Counts a record that should rank low.
    pub fn add_low(&mut self, score: f32) {
        self.cells.entry(place(score)).or_default().1 += 1;
    }

    /// The chance that a high record ranks above a low one, equal ones counting half; none where there are not both.
    pub fn area(&self) -> Option<f64> {
        let points = self.curve()?;
        let strip =
            |pair: &[RocPoint]| (pair[1].false_alarms - pair[0].false_alarms) * (pair[0].found + pair[1].found) / 2.0;
        Some(points.windows(2).map(strip).sum())
    }

    /// Share of the high records found when at most this share of the low ones is.
    pub fn found_at(&self, false_alarms: f64) -> Option<f64> {
        let points = self.curve()?;
        points.iter().take_while(|point| point.false_alarms <= false_alarms).last().map(|point| point.found)
    }

    /// From (0, 0) to (1, 1), one point for each score that occurs; none where there are not both kinds.
    pub fn curve(&self) -> Option<Vec<RocPoint>> {
        let (high, low) = self.cells.values().fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
        if high == 0 || low == 0 {
            return None;
        }
        let mut cells: Vec<(&u32, &(u64, u64))> = self.cells.iter().collect();
        cells.sort_unstable_by(|a, b| b.0.cmp(a.0));
        let (mut found, mut alarms) = (0, 0);
        let mut points = vec![RocPoint { false_alarms: 0.0, found: 0.0 }];
        for (_, (of_high, of_low)) in cells {
            (found, alarms) = (found + of_high, alarms + of_low);
            points.push(RocPoint { false_alarms: alarms as f64 / low as f64, found: found as f64 / high as f64 });
        }
        Some(points)
    }
}

/// A number that orders scores; bits of negative floats run backwards.
fn place(score: f32) -> u32 {
    if score.is_nan() {
        return 0;
    }
    // −0 and 0 are the same score
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    ordered >> DROPPED
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    #[test]
    fn the_area_is_the_chance_to_rank_above() {
        assert_eq!(Ranking::of(&[2.0, 3.0], &[0.0, 1.0]).area(), Some(1.0));
        assert_eq!(Ranking::of(&[0.0], &[-0.0]).area(), Some(0.5));
        assert_eq!(Ranking::of(&[1.0, 3.0], &[2.0]).area(), Some(0.5));
        assert_eq!(Ranking::of(&[-3.0], &[-2.0, f32::NEG_INFINITY]).area(), Some(0.5));
        assert_eq!(Ranking::of(&[f32::NAN], &[-2.0]).area(), Some(0.0));
        assert_eq!(Ranking::of(&[1.0], &[]).area(), None);
    }

    #[test]
    fn found_at_so_many_false_alarms_is_read_from_the_curve() {
        let ranking = Ranking::of(&[0.9, 0.8, 0.3, 0.1], &[0.85, 0.2, 0.15, 0.05]);
        assert_eq!(ranking.found_at(0.0), Some(0.25));
        assert_eq!(ranking.found_at(0.25), Some(0.75));
        assert_eq!(ranking.found_at(1.0), Some(1.0));
    }

    proptest! {
        #[test]
        fn the_area_is_that_of_comparing_all_pairs(
            high in proptest::collection::vec(-200i16..200, 1..30), low in proptest::collection::vec(-200i16..200, 1..30),
        ) {
            // scores that are nearly equal count as equal, so these differ by a hundredth at least
            let hundredths = |scores: Vec<i16>| scores.into_iter().map(|score| f32::from(score) / 100.0).collect();
            let (high, low): (Vec<f32>, Vec<f32>) = (hundredths(high), hundredths(low));
            let chance = |a: f32, b: f32| if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
            let pairs: f64 = high.iter().flat_map(|a| low.iter().map(move |b| chance(*a, *b))).sum();
            let exact = pairs / (high.len() * low.len()) as f64;
            let area = Ranking::of(&high, &low).area().expect("both kinds");
            prop_assert!((area - exact).abs() < 1e-3, "{area}, by pairs {exact}");
        }
    }
}
