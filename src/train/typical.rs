//! What is usual of each feature in the training part, for the model's card.

use std::collections::BTreeMap;

use super::dataset::{Dataset, Part, Row};
use crate::classify::typical::{Seen, TypicalCard, TypicalValue};
use crate::classify::values::value_of;
use crate::event::annotated::FeatureValue;
use crate::features::Space;

/// One entry per feature: median or most frequent word of the normal rows (of all where none is normal or none of them has
/// the feature), and what all rows reach. Each distinct row counts once.
pub fn of_training(dataset: &Dataset) -> Vec<TypicalCard> {
    let space = &dataset.space;
    let rows: Vec<&Row> = dataset.part(Part::Training).collect();
    let is_normal = |row: &&&Row| dataset.about.classes[usize::from(row.label)].category == "normal";
    let normal: Vec<&Row> = rows.iter().filter(is_normal).copied().collect();
    let entry = |feature: usize| {
        let (normal, seen) = match space.numbers().binary_search(&feature) {
            Ok(place) => {
                let (of_normal, of_all) = (numbers(&normal, place), numbers(&rows, place));
                let usual = median(if of_normal.is_empty() { &of_all } else { &of_normal });
                (TypicalValue::Number(usual), Some(seen(&of_all)))
            }
            Err(_) => {
                let usual = most_frequent(&normal, space, feature).or_else(|| most_frequent(&rows, space, feature));
                (TypicalValue::Word(usual.unwrap_or_else(|| "missing".to_owned())), None)
            }
        };
        TypicalCard { feature: space.features()[feature].name.clone(), normal, seen }
    };
    (0..space.features().len()).map(entry).collect()
}

/// The finite values of a number.
fn numbers(rows: &[&Row], place: usize) -> Vec<f32> {
    rows.iter().map(|row| row.features.numeric[place]).filter(|value| value.is_finite()).collect()
}

/// The middle value, the lower of two; 0 of none.
fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

fn seen(values: &[f32]) -> Seen {
    Seen {
        least: values.iter().copied().reduce(f32::min).unwrap_or_default(),
        most: values.iter().copied().reduce(f32::max).unwrap_or_default(),
        whole: values.iter().all(|value| value.fract() == 0.0),
    }
}

/// The word that most rows have, the first in the alphabet of equals.
fn most_frequent(rows: &[&Row], space: &Space, feature: usize) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        if let FeatureValue::Symbol(word) = value_of(feature, space, row.features.row()) {
            *counts.entry(word.to_string()).or_default() += 1;
        }
    }
    let most = counts.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
    most.map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_value_of_the_data() {
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), median(&[])], [2.0, 1.0, 0.0]);
    }

    #[test]
    fn values_are_whole_only_when_all_are() {
        assert_eq!(seen(&[3.0, 0.0]), Seen { least: 0.0, most: 3.0, whole: true });
        assert!(!seen(&[3.0, 0.5]).whole);
    }
}
