//! What if the families were as frequent as these records look? Their shares are estimated without looking at a label,
//! and the decisions made again.
//!
//! Source: Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities" (2002):
//! expectation maximisation over the posterior beliefs. Those are kept as cells of nearly equal ones, at most
//! [`MOST`], so that memory is bounded.

use rustc_hash::FxHashMap;

use super::families::{Families, strongest};
use crate::classify::quality::Confusion;

/// Most cells; when there are more, they are made coarser.
const MOST: usize = 1 << 16;
/// Steps of the logarithm of the odds in a cell, at first.
const STEP: f64 = 0.125;
/// Odds beyond e to the power of this are not told apart.
const EXTREME: f64 = 20.0;
/// Estimation ends when no share moves by more than this, or after so many rounds.
const STILL: f64 = 1e-7;
const ROUNDS: u32 = 2000;

/// The beliefs of all records, with their actual families.
#[derive(Debug, Clone)]
pub struct Sketch {
    assumed: Vec<f64>,
    step: f64,
    cells: FxHashMap<Vec<i16>, Cell>,
}

#[derive(Debug, Clone)]
struct Cell {
    records: u64,
    /// Sums.
    beliefs: Vec<f64>,
    /// Records by actual family.
    actual: Vec<u64>,
}

/// What the records look like, and how decisions come out when that is believed.
#[derive(Debug, Clone)]
pub struct Adapted {
    /// Share of each family, as estimated.
    pub shares: Vec<f64>,
    /// Share of each family that the model's probabilities assume.
    pub assumed: Vec<f64>,
    /// Rounds of estimation.
    pub rounds: u32,
    /// Actual family × family of the least expected cost.
    pub cheapest: Confusion,
    /// Actual family × most probable family.
    pub most_probable: Confusion,
}

impl Sketch {
    /// For a model whose probabilities assume these shares of its families.
    pub fn new(assumed: Vec<f64>) -> Self {
        Self { assumed, step: STEP, cells: FxHashMap::default() }
    }

    /// Counts a record.
    pub fn add(&mut self, actual: usize, beliefs: &[f64]) {
        let key = key(beliefs, self.step);
        let cell = self.cells.entry(key).or_insert_with(|| Cell::empty(beliefs.len()));
        cell.records += 1;
        cell.beliefs.iter_mut().zip(beliefs).for_each(|(sum, belief)| *sum += belief);
        cell.actual[actual] += 1;
        while self.cells.len() > MOST {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        self.step *= 2.0;
        let mut cells: FxHashMap<Vec<i16>, Cell> = FxHashMap::default();
        for cell in self.cells.values() {
            let into = cells.entry(key(&cell.mean(), self.step)).or_insert_with(|| Cell::empty(cell.beliefs.len()));
            into.records += cell.records;
            into.beliefs.iter_mut().zip(&cell.beliefs).for_each(|(sum, belief)| *sum += belief);
            into.actual.iter_mut().zip(&cell.actual).for_each(|(sum, records)| *sum += records);
        }
        self.cells = cells;
    }

    /// Estimates the shares and decides anew.
    pub fn adapt(&self, families: &Families) -> Adapted {
        // sorted, so that sums come out the same in every run
        let mut cells: Vec<(&Vec<i16>, &Cell)> = self.cells.iter().collect();
        cells.sort_unstable_by_key(|(key, _)| *key);
        let cells: Vec<(Vec<f64>, &Cell)> = cells.into_iter().map(|(_, cell)| (cell.mean(), cell)).collect();
        let (shares, rounds) = self.shares(&cells);
        let confusion = || Confusion::new(families.names().to_vec());
        let (mut cheapest, mut most_probable) = (confusion(), confusion());
        for (beliefs, cell) in &cells {
            let adapted = moved(beliefs, &shares, &self.assumed);
            let (cheap, probable) = (families.cheapest(&adapted), strongest(&adapted));
            for (actual, records) in cell.actual.iter().enumerate().filter(|(_, records)| **records > 0) {
                cheapest.add(actual, cheap, *records);
                most_probable.add(actual, probable, *records);
            }
        }
        Adapted { shares, assumed: self.assumed.clone(), rounds, cheapest, most_probable }
    }

    fn shares(&self, cells: &[(Vec<f64>, &Cell)]) -> (Vec<f64>, u32) {
        let records: u64 = cells.iter().map(|(_, cell)| cell.records).sum();
        let mut shares = self.assumed.clone();
        for round in 1..=ROUNDS {
            let mut next = vec![0.0; shares.len()];
            for (beliefs, cell) in cells {
                let weight = cell.records as f64 / records.max(1) as f64;
                let adapted = moved(beliefs, &shares, &self.assumed);
                next.iter_mut().zip(adapted).for_each(|(sum, belief)| *sum += weight * belief);
            }
            let change = shares.iter().zip(&next).map(|(old, new)| (old - new).abs()).fold(0.0, f64::max);
            shares = next;
            if change < STILL {
                return (shares, round);
            }
        }
        (shares, ROUNDS)
    }
}

impl Cell {
    fn empty(families: usize) -> Self {
        Self { records: 0, beliefs: vec![0.0; families], actual: vec![0; families] }
    }

    fn mean(&self) -> Vec<f64> {
        self.beliefs.iter().map(|sum| sum / self.records as f64).collect()
    }
}

/// The beliefs of one who expects `shares` where the model assumes others.
fn moved(beliefs: &[f64], shares: &[f64], assumed: &[f64]) -> Vec<f64> {
    let ratio = |(share, assumed): (&f64, &f64)| if *assumed > 0.0 { share / assumed } else { 0.0 };
    let ratios = shares.iter().zip(assumed).map(ratio);
    let mut moved: Vec<f64> = beliefs.iter().zip(ratios).map(|(belief, ratio)| belief * ratio).collect();
    let sum: f64 = moved.iter().sum();
    if sum > 0.0 {
        moved.iter_mut().for_each(|belief| *belief /= sum);
        return moved;
    }
    beliefs.to_vec()
}

/// The cell of these beliefs: the logarithms of their odds, in steps.
fn key(beliefs: &[f64], step: f64) -> Vec<i16> {
    let odds = |belief: &f64| (belief / (1.0 - belief).max(f64::MIN_POSITIVE)).max(f64::MIN_POSITIVE).ln();
    beliefs.iter().map(|belief| (odds(belief).clamp(-EXTREME, EXTREME) / step).round() as i16).collect()
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;
    use crate::classify::{ModelSource, load};

    fn families() -> Families {
        Families::new(load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound").card())
    }

    /// Beliefs of a model that knows normal from probe in three quarters of the cases, at even shares.
    fn sketch(normals: u64, probes: u64) -> Sketch {
        let mut sketch = Sketch::new(vec![0.5, 0.5, 0.0, 0.0, 0.0]);
        let (looks_normal, looks_probe) = ([0.75, 0.25, 0.0, 0.0, 0.0], [0.25, 0.75, 0.0, 0.0, 0.0]);
        for (actual, records, own, other) in
            [(0, normals, looks_normal, looks_probe), (1, probes, looks_probe, looks_normal)]
        {
            (0..records).for_each(|record| sketch.add(actual, if record % 4 > 0 { &own } else { &other }));
        }
        sketch
    }

    #[test]
    fn shares_are_found_without_a_label() {
        let adapted = sketch(900, 100).adapt(&families());
        assert!((adapted.shares[0] - 0.9).abs() < 0.01, "{:?}", adapted.shares);
        // at nine to one what looks like a probe is still more probably normal
        assert_eq!(adapted.most_probable.count(0, 0), 900);
        assert_eq!(adapted.most_probable.records(), 1000);
    }

    #[test]
    fn memory_is_bounded_whatever_the_beliefs_are() {
        let mut sketch = Sketch::new(vec![0.2; 5]);
        let mut state = 1u64;
        for _ in 0..3 * MOST {
            let mut beliefs = [0.0; 5].map(|_: f64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f64 + 1.0
            });
            let sum: f64 = beliefs.iter().sum();
            beliefs.iter_mut().for_each(|belief| *belief /= sum);
            sketch.add(0, &beliefs);
        }
        assert!(sketch.cells.len() <= MOST);
        assert_eq!(sketch.cells.values().map(|cell| cell.records).sum::<u64>(), 3 * MOST as u64);
    }
}
