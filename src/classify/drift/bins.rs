//! Counts vectors in the bins of a card, and compares the counts with it.

use serde::Serialize;

use super::bin_of;
use super::card::{Distribution, DriftCard};
use crate::features::symbols::Symbol;
use crate::features::{Row, Space};

/// A share that is smaller counts as this much, so that an empty bin has a logarithm.
const LEAST_SHARE: f64 = 1e-4;

/// Puts rows of features into the bins of a card: counts of all features in one row of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// For each number of a row: the edges, and where the bins begin.
    numbers: Vec<(Vec<f32>, usize)>,
    /// For each symbol of a row: the bin of each word of the vocabulary, then where the bins begin and end.
    symbols: Vec<(Vec<usize>, usize, usize)>,
    /// For each feature, in the order of the card: where its bins begin, and the shares in training.
    features: Vec<(usize, Distribution)>,
    width: usize,
}

/// How one feature stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureDrift {
    /// Its name.
    pub feature: String,
    /// The population stability index.
    pub psi: f64,
    /// Share of records without it now.
    pub missing: f64,
    /// Share of training records without it.
    pub missing_in_training: f64,
}

impl Bins {
    /// The bins of a card that has been checked, of this space.
    pub fn new(card: &DriftCard, space: &Space) -> Self {
        let mut bins = Self { numbers: Vec::new(), symbols: Vec::new(), features: Vec::new(), width: 0 };
        for distribution in &card.features {
            let (first, width) = (bins.width, distribution.bins().len());
            match distribution {
                Distribution::Number { edges, .. } => bins.numbers.push((edges.clone(), first)),
                Distribution::Symbol { words, .. } => {
                    let own = |word: &str| words.iter().position(|named| named == word).unwrap_or(words.len());
                    let places = space.words(bins.symbols.len()).iter().map(|word| own(word)).collect();
                    bins.symbols.push((places, first, first + width));
                }
            }
            bins.features.push((first, distribution.clone()));
            bins.width += width;
        }
        bins
    }

    /// How many counts [`Bins::count`] needs.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds one row to the counts of every feature.
    ///
    /// # Panics
    /// When `counts` is shorter than [`Bins::width`].
    pub fn count(&self, row: Row<'_>, counts: &mut [u32]) {
        for (value, (edges, first)) in row.numeric.iter().zip(&self.numbers) {
            let bin = if value.is_finite() { bin_of(edges, *value) } else { edges.len() + 1 };
            counts[first + bin] += 1;
        }
        for (symbol, (places, first, end)) in row.symbols.iter().zip(&self.symbols) {
            let bin = match symbol.place() {
                Some(place) if place < places.len() => first + places[place],
                None if *symbol == Symbol::MISSING => end - 1,
                _ => end - 2,
            };
            counts[bin] += 1;
        }
    }

    /// Compares counts with the training data: one entry per feature, in order; none where nothing was counted.
    pub fn compare(&self, counts: &[u64]) -> Vec<FeatureDrift> {
        let drift = |(first, then): &(usize, Distribution)| {
            let expected = then.bins();
            let counted = &counts[*first..first + expected.len()];
            let total: u64 = counted.iter().sum();
            let now: Vec<f64> = counted.iter().map(|count| *count as f64 / total.max(1) as f64).collect();
            (total > 0).then(|| FeatureDrift {
                feature: then.feature().to_owned(),
                psi: stability_index(&expected, &now),
                missing: now.last().copied().unwrap_or_default(),
                missing_in_training: expected.last().copied().unwrap_or_default(),
            })
        };
        self.features.iter().filter_map(drift).collect()
    }
}

/// The population stability index of two rows of shares over the same bins.
pub fn stability_index(expected: &[f64], actual: &[f64]) -> f64 {
    let part = |(then, now): (&f64, &f64)| {
        let (then, now) = (then.max(LEAST_SHARE), now.max(LEAST_SHARE));
        (now - then) * (now / then).ln()
    };
    expected.iter().zip(actual).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::super::LARGE;
    use super::super::card::check;
    use super::super::samples::{card, vectors};
    use super::*;
    use crate::features::symbols::SERVICES;
    use crate::features::{FeatureVector, Matrix};

    fn compared(card: &DriftCard, vectors: &[FeatureVector]) -> Vec<FeatureDrift> {
        let bins = Bins::new(card, &Space::kdd99());
        let mut counts = vec![0; bins.width()];
        let rows: Matrix = vectors.iter().copied().collect();
        (0..rows.len()).for_each(|place| bins.count(rows.row(place), &mut counts));
        bins.compare(&counts.into_iter().map(u64::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_index_is_the_one_of_the_books() {
        // worked by hand: (0.2 − 0.1) ln 2 + (0.8 − 0.9) ln (8/9)
        let expected = 0.1 * 2f64.ln() - 0.1 * (8.0f64 / 9.0).ln();
        assert!((stability_index(&[0.1, 0.9], &[0.2, 0.8]) - expected).abs() < 1e-12);
        assert_eq!(stability_index(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
        assert!(stability_index(&[0.0, 1.0], &[1.0, 0.0]).is_finite(), "an empty bin has a logarithm");
    }

    #[test]
    fn the_same_data_do_not_drift_and_other_data_drift_where_they_differ() {
        let then = vectors((0..1000).map(|n| n as f32));
        let card = card(&then);
        check(&card, &Space::kdd99()).expect("sound");
        assert!(compared(&card, &then).iter().all(|drift| drift.psi < 1e-6), "{:?}", compared(&card, &then));
        let mut now = vectors((0..1000).map(|n| (n / 2) as f32));
        now.iter_mut().for_each(|vector| vector.symbols.service = Symbol::MISSING);
        let drift = compared(&card, &now);
        assert!(drift[0].psi > LARGE, "half of the durations are gone: {:?}", drift[0]);
        assert_eq!((drift[2].missing, drift[2].missing_in_training), (1.0, 0.0));
        assert!(drift[2].psi > LARGE);
        let others = drift.iter().enumerate().filter(|(place, _)| ![0, 2].contains(place));
        assert!(others.clone().count() == 39 && others.clone().all(|(_, drift)| drift.psi < 1e-6));
    }

    #[test]
    fn a_word_that_training_has_not_seen_is_among_the_others() {
        let card = card(&vectors([1.0, 2.0]));
        let mut now = vectors([1.0, 2.0]);
        now[0].symbols.service = Symbol::of(SERVICES, "ssh");
        now[1].symbols.service = Symbol::UNKNOWN;
        let Distribution::Symbol { words, other, .. } = &card.features[2] else { panic!("service is a symbol") };
        assert_eq!((words.as_slice(), *other), (["http".to_owned()].as_slice(), 0.0));
        assert!(compared(&card, &now)[2].psi > LARGE);
    }
}
