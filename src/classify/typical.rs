//! What is usual of each feature: its value in normal events, and how far it reached in training.
//!
//! Explanations set an event's values beside these, and counterfactuals stay within these ranges.

use serde::{Deserialize, Serialize};

use super::encode::Curve;
use crate::event::annotated::FeatureValue;
use crate::features::Feature;

/// The card's entry for one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypicalCard {
    /// Its name.
    pub feature: String,
    /// The median of the normal training rows; of a symbol the most frequent word.
    pub normal: TypicalValue,
    /// Values that training has seen; none for a symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// A typical value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TypicalValue {
    /// Of a numeric feature.
    Number(f32),
    /// Of a symbolic one.
    Word(String),
}

/// Values of a numeric feature in training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The smallest.
    pub least: f32,
    /// The largest.
    pub most: f32,
    /// Whether all were whole numbers: then a threshold between two of them means nothing.
    pub whole: bool,
}

/// What is usual of the features of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Typical {
    features: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    normal: FeatureValue,
    range: Option<Range>,
}

/// Values of a numeric feature in training, and how differences between them are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The smallest, the largest, and whether all were whole.
    pub seen: Seen,
    /// How the network's encoding bends them.
    pub curve: Curve,
}

impl Typical {
    /// From a card's entries; `curves` has the curve of each feature, none for symbols. No entries are allowed: nothing is
    /// known to be usual then.
    ///
    /// # Errors
    /// The place of the first entry that is impossible, and what is wrong with it.
    pub fn new(
        entries: &[TypicalCard],
        features: &[Feature],
        curves: &[Option<Curve>],
    ) -> Result<Self, (usize, String)> {
        if !entries.is_empty() && entries.len() != features.len() {
            let what = format!("{} entries for {} features", entries.len(), features.len());
            return Err((entries.len().min(features.len()), what));
        }
        let of_features = features.iter().zip(curves);
        let entry = |((place, entry), (feature, curve)): ((usize, &TypicalCard), (&Feature, &Option<Curve>))| {
            Entry::new(entry, &feature.name, *curve).map_err(|what| (place, what))
        };
        let features = entries.iter().enumerate().zip(of_features).map(entry).collect::<Result<_, _>>()?;
        Ok(Self { features })
    }

    /// The usual value of a feature; missing where nothing is known.
    pub fn normal(&self, feature: usize) -> FeatureValue {
        self.features.get(feature).map_or(FeatureValue::Missing, |entry| entry.normal.clone())
    }

    /// The range of a numeric feature.
    pub fn range(&self, feature: usize) -> Option<Range> {
        self.features.get(feature).and_then(|entry| entry.range)
    }
}

impl Entry {
    fn new(card: &TypicalCard, name: &str, curve: Option<Curve>) -> Result<Self, String> {
        if card.feature != name {
            return Err(format!("'{}' stands where '{name}' belongs", card.feature));
        }
        match (&card.normal, card.seen, curve) {
            (TypicalValue::Word(word), None, None) => {
                Ok(Self { normal: FeatureValue::Symbol(word.as_str().into()), range: None })
            }
            (TypicalValue::Number(normal), Some(seen), Some(curve)) => {
                if !(seen.least.is_finite() && seen.most.is_finite() && (seen.least..=seen.most).contains(normal)) {
                    return Err(format!("{normal} does not lie within {} and {}", seen.least, seen.most));
                }
                Ok(Self { normal: FeatureValue::Number(*normal), range: Some(Range { seen, curve }) })
            }
            (_, _, Some(_)) => Err("a numeric feature needs a number and the values seen".to_owned()),
            (_, _, None) => Err("a symbolic feature needs a word and no range".to_owned()),
        }
    }
}

impl Range {
    /// The value after `part` of the way from one value to another, on the bent scale; whole numbers are not kept whole.
    pub fn between(&self, from: f32, to: f32, part: f32) -> f32 {
        let (start, end) = (self.curve.bend(from), self.curve.bend(to));
        self.curve.unbend(start + part * (end - start))
    }

    /// How far two values are from each other, as a share of all that training has seen.
    pub fn distance(&self, one: f32, other: f32) -> f32 {
        let whole = self.curve.bend(self.seen.most) - self.curve.bend(self.seen.least);
        (self.curve.bend(one) - self.curve.bend(other)).abs() / whole.max(f32::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Kind;

    fn entries() -> Vec<TypicalCard> {
        let seen = Seen { least: 0.0, most: 1.0e6, whole: true };
        vec![
            TypicalCard { feature: "src_bytes".to_owned(), normal: TypicalValue::Number(232.0), seen: Some(seen) },
            TypicalCard { feature: "flag".to_owned(), normal: TypicalValue::Word("SF".to_owned()), seen: None },
        ]
    }

    fn read(entries: &[TypicalCard]) -> Result<Typical, (usize, String)> {
        let feature = |name: &str, kind| Feature { name: name.to_owned(), field: None, group: None, kind };
        let flag = Kind::Symbol(vec!["SF".into()]);
        let features = [feature("src_bytes", Kind::Number), feature("flag", flag)];
        Typical::new(entries, &features, &[Some(Curve::Log1p), None])
    }

    #[test]
    fn what_the_card_says_is_usual() {
        let typical = read(&entries()).expect("sound");
        assert_eq!(typical.normal(0), FeatureValue::Number(232.0));
        assert_eq!(typical.normal(1), FeatureValue::Symbol("SF".into()));
        let range = typical.range(0).expect("a number");
        assert!((range.between(0.0, 1.0e6, 0.5) - 999.0).abs() < 1.0, "on the logarithm");
        assert!((range.distance(0.0, 999.0) - 0.5).abs() < 1e-3);
        assert_eq!(typical.range(1), None);
    }

    #[test]
    fn a_card_without_entries_knows_nothing_usual() {
        let typical = read(&[]).expect("sound");
        assert_eq!((typical.normal(0), typical.range(0)), (FeatureValue::Missing, None));
    }

    #[test]
    fn each_lie_is_told_with_its_place() {
        let fault = |change: fn(&mut Vec<TypicalCard>)| {
            let mut entries = entries();
            change(&mut entries);
            read(&entries).expect_err("refused")
        };
        assert_eq!(fault(|entries| drop(entries.pop())), (1, "1 entries for 2 features".to_owned()));
        assert_eq!(fault(|entries| entries.swap(0, 1)).0, 0);
        assert_eq!(
            fault(|entries| entries[0].normal = TypicalValue::Number(-1.0)).1,
            "-1 does not lie within 0 and 1000000"
        );
        assert!(fault(|entries| entries[0].seen = None).1.contains("the values seen"));
        assert!(fault(|entries| entries[1].normal = TypicalValue::Number(0.0)).1.contains("needs a word"));
    }
}
