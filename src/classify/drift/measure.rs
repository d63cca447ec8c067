//! Measures where training data lie.

use std::sync::Arc;

use super::bin_of;
use super::card::{Distribution, DriftCard};
use crate::features::symbols::Symbol;
use crate::features::{Row, Space};

/// Bins that the known values of a number are cut into at most.
const CUTS: u64 = 10;
/// Words that have a bin of their own at most.
const WORDS: usize = 10;

/// Measures where these records lie; each counts as often as the number beside it says.
pub fn measure<'a>(space: &Space, records: impl Iterator<Item = (Row<'a>, u64)> + Clone) -> DriftCard {
    let total: u64 = records.clone().map(|(_, count)| count).sum();
    let mut features: Vec<Option<Distribution>> = vec![None; space.features().len()];
    for (place, feature) in space.numbers().iter().enumerate() {
        let values = records.clone().map(|(row, count)| (row.numeric[place], count));
        features[*feature] = Some(number(&space.features()[*feature].name, values, total));
    }
    for (place, feature) in space.symbols().iter().enumerate() {
        let symbols = records.clone().map(|(row, count)| (row.symbols[place], count));
        features[*feature] = Some(symbol(&space.features()[*feature].name, space.words(place), symbols, total));
    }
    DriftCard { records: total, features: features.into_iter().flatten().collect() }
}

fn number(feature: &str, values: impl Iterator<Item = (f32, u64)>, total: u64) -> Distribution {
    let mut known: Vec<(f32, u64)> = values.filter(|(value, _)| value.is_finite()).collect();
    known.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let sum: u64 = known.iter().map(|(_, count)| count).sum();
    let mut edges: Vec<f32> = Vec::new();
    let (mut below, mut tenths) = (0, 0);
    for group in known.chunk_by(|one, other| one.0 == other.0) {
        below += group.iter().map(|(_, count)| count).sum::<u64>();
        let reached = below * CUTS / sum;
        // nothing lies above the last tenth; a feature that never varies has an edge all the same, to see it vary
        if reached > tenths && (reached < CUTS || edges.is_empty()) {
            edges.push(group[0].0);
            tenths = reached;
        }
    }
    let mut counts = vec![0; edges.len() + 1];
    known.iter().for_each(|(value, count)| counts[bin_of(&edges, *value)] += count);
    let shares = counts.into_iter().map(|count| share(count, total)).collect();
    Distribution::Number { feature: feature.to_owned(), edges, shares, missing: share(total - sum, total) }
}

fn symbol(
    feature: &str,
    vocabulary: &[Arc<str>],
    symbols: impl Iterator<Item = (Symbol, u64)>,
    total: u64,
) -> Distribution {
    let mut counts: Vec<(u64, &str)> = vocabulary.iter().map(|word| (0, &**word)).collect();
    let mut missing = 0;
    for (symbol, count) in symbols {
        match symbol.place() {
            Some(place) if place < counts.len() => counts[place].0 += count,
            None if symbol == Symbol::MISSING => missing += count,
            _ => {}
        }
    }
    // the sort is stable, so that equals stay in the order of the vocabulary
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counts.retain(|(count, _)| *count > 0);
    counts.truncate(WORDS);
    let named: u64 = counts.iter().map(|(count, _)| count).sum();
    Distribution::Symbol {
        feature: feature.to_owned(),
        words: counts.iter().map(|(_, word)| (*word).to_owned()).collect(),
        shares: counts.iter().map(|(count, _)| share(*count, total)).collect(),
        other: share(total - named - missing, total),
        missing: share(missing, total),
    }
}

/// A share with six decimals: more than any index can tell apart.
fn share(count: u64, total: u64) -> f64 {
    (count as f64 / total.max(1) as f64 * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::samples::{card, vectors};
    use super::*;
    use crate::features::Matrix;

    #[test]
    fn numbers_are_cut_into_ten_equal_parts_and_repeated_values_share_one() {
        let Distribution::Number { edges, shares, missing, .. } =
            &card(&vectors((0..1000).map(|n| n as f32))).features[0]
        else {
            panic!("duration is a number")
        };
        assert_eq!(edges, &[99.0, 199.0, 299.0, 399.0, 499.0, 599.0, 699.0, 799.0, 899.0]);
        assert!(shares.iter().all(|share| (share - 0.1).abs() < 1e-9) && *missing == 0.0, "{shares:?}");
        let mostly_zero = vectors((0..100).map(|n| if n < 95 { 0.0 } else { n as f32 }));
        let Distribution::Number { edges, shares, .. } = &card(&mostly_zero).features[0] else { panic!() };
        assert_eq!((edges.as_slice(), shares.as_slice()), ([0.0].as_slice(), [0.95, 0.05].as_slice()));
        let Distribution::Number { edges, shares, .. } = &card(&vectors([0.0; 9])).features[0] else { panic!() };
        assert_eq!((edges.as_slice(), shares.as_slice()), ([0.0].as_slice(), [1.0, 0.0].as_slice()));
    }

    #[test]
    fn a_record_that_occurs_often_counts_as_often() {
        let rows: Matrix = vectors([1.0, 2.0]).into_iter().collect();
        let card = measure(&Space::kdd99(), (0..2).map(|place| (rows.row(place), [3, 1][place])));
        assert_eq!(card.records, 4);
        assert_eq!(card.features[0].bins(), [0.75, 0.25, 0.0], "{:?}", card.features[0]);
    }
}
