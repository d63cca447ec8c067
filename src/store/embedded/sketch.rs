//! Estimates with bounded memory: quantiles and numbers of distinct values. Few values are kept exactly.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rustc_hash::FxHashSet;

/// Values up to which quantiles are exact.
const EXACT_QUANTILES: usize = 4096;
/// Relative error of a quantile of more values.
const ACCURACY: f64 = 0.005;
/// Values up to which the number of distinct values is exact.
const EXACT_DISTINCT: usize = 20_000;
/// Registers of the estimate beyond: a standard error of 1.04 / sqrt(2^14) = 0.8 %.
const REGISTER_BITS: u32 = 14;

/// Quantiles of a stream of numbers.
///
/// Source of the estimate: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
/// relative-error guarantees", VLDB 2019.
#[derive(Debug, Clone, Default)]
pub(super) struct Quantiles {
    exact: Vec<f64>,
    /// Counts by logarithm, once there are too many values: negative ones, zeros, positive ones.
    logarithmic: Option<Box<Logarithmic>>,
}

#[derive(Debug, Clone, Default)]
struct Logarithmic {
    negative: BTreeMap<i32, u64>,
    zeros: u64,
    positive: BTreeMap<i32, u64>,
    min: f64,
    max: f64,
}

impl Quantiles {
    /// Takes one more value.
    pub(super) fn add(&mut self, value: f64) {
        if let Some(logarithmic) = &mut self.logarithmic {
            return logarithmic.add(value);
        }
        self.exact.push(value);
        if self.exact.len() > EXACT_QUANTILES {
            let mut logarithmic = Logarithmic { min: f64::INFINITY, max: f64::NEG_INFINITY, ..Logarithmic::default() };
            self.exact.drain(..).for_each(|value| logarithmic.add(value));
            self.logarithmic = Some(Box::new(logarithmic));
        }
    }

    /// Takes all values of another.
    pub(super) fn merge(&mut self, other: Self) {
        let mut other = other;
        if self.logarithmic.is_none() && other.logarithmic.is_some() {
            std::mem::swap(self, &mut other);
        }
        if let (Some(into), Some(from)) = (&mut self.logarithmic, &other.logarithmic) {
            into.merge(from);
        }
        other.exact.into_iter().for_each(|value| self.add(value));
    }

    /// The value below which `percent` of the values lie; none where there are none.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        let share = percent.clamp(0.0, 100.0) / 100.0;
        if let Some(logarithmic) = &self.logarithmic {
            return Some(logarithmic.quantile(share));
        }
        let mut sorted = self.exact.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let place = share * last as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        Some(sorted[below] + (sorted[above] - sorted[below]) * place.fract())
    }
}

impl Logarithmic {
    fn add(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value > 0.0 {
            *self.positive.entry(place(value)).or_default() += 1;
        } else if value < 0.0 {
            *self.negative.entry(place(-value)).or_default() += 1;
        } else {
            self.zeros += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.zeros += other.zeros;
        for (into, from) in [(&mut self.negative, &other.negative), (&mut self.positive, &other.positive)] {
            for (place, count) in from {
                *into.entry(*place).or_default() += count;
            }
        }
    }

    fn quantile(&self, share: f64) -> f64 {
        let below: u64 = self.negative.values().sum();
        let above: u64 = self.positive.values().sum();
        let rank = (share * (below + self.zeros + above - 1) as f64) as u64;
        let negative = self.negative.iter().rev().map(|(place, count)| (-value(*place), *count));
        let positive = self.positive.iter().map(|(place, count)| (value(*place), *count));
        let mut seen = 0;
        for (value, count) in negative.chain([(0.0, self.zeros)]).chain(positive) {
            seen += count;
            if seen > rank {
                return value.clamp(self.min, self.max);
            }
        }
        self.max
    }
}

fn growth() -> f64 {
    (1.0 + ACCURACY) / (1.0 - ACCURACY)
}

fn place(value: f64) -> i32 {
    (value.ln() / growth().ln()).ceil() as i32
}

fn value(place: i32) -> f64 {
    2.0 * growth().powi(place) / (growth() + 1.0)
}

/// The number of distinct values of a stream.
///
/// Source of the estimate: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", AofA 2007, with 64-bit hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct Distinct {
    exact: FxHashSet<u64>,
    registers: Vec<u8>,
}

impl Distinct {
    /// Takes one more value.
    pub(super) fn add(&mut self, value: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        self.add_hash(hasher.finish());
    }

    fn add_hash(&mut self, hash: u64) {
        if !self.registers.is_empty() {
            return self.register(hash);
        }
        self.exact.insert(hash);
        if self.exact.len() > EXACT_DISTINCT {
            self.registers = vec![0; 1 << REGISTER_BITS];
            for hash in std::mem::take(&mut self.exact) {
                self.register(hash);
            }
        }
    }

    fn register(&mut self, hash: u64) {
        let register = &mut self.registers[(hash >> (64 - REGISTER_BITS)) as usize];
        let rank = ((hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1))).leading_zeros() + 1;
        *register = (*register).max(u8::try_from(rank).expect("at most 64"));
    }

    /// Takes all values of another.
    pub(super) fn merge(&mut self, other: Self) {
        let mut other = other;
        if self.registers.is_empty() && !other.registers.is_empty() {
            std::mem::swap(self, &mut other);
        }
        for (into, from) in self.registers.iter_mut().zip(&other.registers) {
            *into = (*into).max(*from);
        }
        other.exact.into_iter().for_each(|hash| self.add_hash(hash));
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        if self.registers.is_empty() {
            return self.exact.len() as u64;
        }
        let registers = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|rank| 0.5_f64.powi(i32::from(*rank))).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        if estimate <= 2.5 * registers && empty > 0 {
            return (registers * (registers / empty as f64).ln()).round() as u64;
        }
        estimate.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    #[test]
    fn few_values_have_exact_quantiles() {
        let mut quantiles = Quantiles::default();
        (1..=5).for_each(|value| quantiles.add(f64::from(value)));
        assert_eq!(quantiles.percentile(50.0), Some(3.0));
        assert_eq!(quantiles.percentile(25.0), Some(2.0));
        assert_eq!(quantiles.percentile(90.0), Some(4.6));
        assert_eq!(Quantiles::default().percentile(50.0), None);
    }

    #[test]
    fn many_values_have_quantiles_within_the_accuracy() {
        let mut parts: Vec<Quantiles> = (0..4).map(|_| Quantiles::default()).collect();
        (-20_000..80_000).for_each(|value| parts[(value & 3) as usize].add(f64::from(value)));
        let mut all = Quantiles::default();
        parts.into_iter().for_each(|part| all.merge(part));
        for (percent, expected) in [(0.0, -20_000.0), (10.0, -10_000.0), (50.0, 30_000.0), (99.0, 79_000.0)] {
            let found = all.percentile(percent).expect("not empty");
            assert!((found - expected).abs() <= expected.abs() * 0.011, "{percent}: {found}");
        }
    }

    #[test]
    fn few_distinct_values_are_counted_and_many_estimated() {
        let mut distinct = Distinct::default();
        (0..15_000).chain(0..15_000).for_each(|value| distinct.add(&value));
        assert_eq!(distinct.count(), 15_000);
        let mut other = Distinct::default();
        (10_000..300_000).for_each(|value| other.add(&value));
        distinct.merge(other);
        let error = (distinct.count() as f64 / 300_000.0 - 1.0).abs();
        assert!(error < 0.03, "{}", distinct.count());
    }

    proptest! {
        #[test]
        fn merging_in_any_order_gives_the_same(values in proptest::collection::vec(-1e6..1e6_f64, 1..50), split in 0_usize..50) {
            let split = split.min(values.len());
            let of = |values: &[f64]| {
                let mut quantiles = Quantiles::default();
                values.iter().for_each(|value| quantiles.add(*value));
                quantiles
            };
            let mut merged = of(&values[split..]);
            merged.merge(of(&values[..split]));
            assert_eq!(merged.percentile(75.0), of(&values).percentile(75.0));
        }
    }
}
