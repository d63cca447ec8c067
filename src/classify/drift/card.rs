//! The part of a model's card that says where its training data lie.

use serde::{Deserialize, Serialize};

use crate::classify::Fault;
use crate::features::{Kind, Space};

/// Where the records that a model learned from lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftCard {
    /// Records that it was measured on: those of the training part, each as often as it occurs.
    pub records: u64,
    /// One entry per feature, in order.
    pub features: Vec<Distribution>,
}

/// Where the values of one feature lie; shares are of all records and sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// A number.
    Number {
        /// Its name.
        feature: String,
        /// Upper ends of the bins, ascending; a value that equals one lies below it, and one bin lies above the last.
        edges: Vec<f32>,
        /// Share of each bin: one more than there are edges.
        shares: Vec<f64>,
        /// Share of records without it.
        missing: f64,
    },
    /// A symbol.
    Symbol {
        /// Its name.
        feature: String,
        /// The most frequent words, most frequent first.
        words: Vec<String>,
        /// Their shares.
        shares: Vec<f64>,
        /// Share of all other words together.
        other: f64,
        /// Share of records without it.
        missing: f64,
    },
}

impl Distribution {
    /// The feature's name.
    pub fn feature(&self) -> &str {
        match self {
            Self::Number { feature, .. } | Self::Symbol { feature, .. } => feature,
        }
    }

    /// The shares in the order of the bins; missing is the last.
    pub fn bins(&self) -> Vec<f64> {
        match self {
            Self::Number { shares, missing, .. } => [shares.as_slice(), &[*missing]].concat(),
            Self::Symbol { shares, other, missing, .. } => [shares.as_slice(), &[*other, *missing]].concat(),
        }
    }
}

/// Whether a card's distribution holds together and is of the features of its space.
///
/// # Errors
/// The first fault found.
pub(in crate::classify) fn check(card: &DriftCard, space: &Space) -> Result<(), Fault> {
    let wrong = |key: String, what: String| Err(Fault::Value { key, what });
    let features = space.features();
    if card.features.len() != features.len() {
        return wrong("drift.features".to_owned(), format!("{} entries for {}", card.features.len(), features.len()));
    }
    for (place, (found, feature)) in card.features.iter().zip(features).enumerate() {
        let key = || format!("drift.features[{place}]");
        if found.feature() != feature.name {
            return wrong(key(), format!("'{}' stands where '{}' belongs", found.feature(), feature.name));
        }
        let fits = match (found, &feature.kind) {
            (Distribution::Number { edges, shares, .. }, Kind::Number) => {
                let rise = edges.is_sorted_by(|low, high| low < high) && edges.iter().all(|edge| edge.is_finite());
                rise && shares.len() == edges.len() + 1
            }
            (Distribution::Symbol { words, shares, .. }, Kind::Symbol(_)) => shares.len() == words.len(),
            _ => false,
        };
        if !fits {
            return wrong(key(), "bins and shares do not belong together".to_owned());
        }
        let bins = found.bins();
        let sum: f64 = bins.iter().sum();
        if !bins.iter().all(|share| (0.0..=1.0).contains(share)) || (sum - 1.0).abs() > 1e-3 {
            return wrong(key(), format!("shares must be within 0 and 1 and sum to 1, they sum to {sum}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{card, vectors};
    use super::*;

    #[test]
    fn each_lie_of_a_card_is_refused_with_its_place() {
        type Lie = fn(&mut DriftCard);
        let lies: [(Lie, &str); 4] = [
            (|card| drop(card.features.pop()), "drift.features: 40 entries for 41"),
            (|card| card.features.swap(4, 5), "drift.features[4]: 'dst_bytes' stands where 'src_bytes' belongs"),
            (
                |card| {
                    let Distribution::Number { shares, .. } = &mut card.features[0] else { return };
                    shares[0] = 0.9;
                },
                "drift.features[0]: shares must be",
            ),
            (
                |card| {
                    let Distribution::Number { edges, .. } = &mut card.features[0] else { return };
                    edges.reverse();
                },
                "drift.features[0]: bins and shares",
            ),
        ];
        for (lie, expected) in lies {
            let mut card = card(&vectors([1.0, 2.0, 3.0]));
            lie(&mut card);
            let fault = check(&card, &Space::kdd99()).expect_err("must be refused").to_string();
            assert!(fault.starts_with(expected), "'{fault}' is not '{expected}'");
        }
    }
}
