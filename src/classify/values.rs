//! Features of a row by their place in its space, read and changed one by one: for explanations, not for the hot path.

use std::sync::Arc;

use crate::event::annotated::FeatureValue;
use crate::features::symbols::Symbol;
use crate::features::{Row, Sample, Space};

/// The value of a feature as a person reads it.
pub fn value_of(feature: usize, space: &Space, row: Row<'_>) -> FeatureValue {
    if let Ok(place) = space.symbols().binary_search(&feature) {
        return match row.symbols[place] {
            Symbol::MISSING => FeatureValue::Missing,
            symbol => FeatureValue::Symbol(Arc::from(symbol.word(space.words(place)))),
        };
    }
    let value = space.numbers().binary_search(&feature).map_or(f32::NAN, |place| row.numeric[place]);
    if value.is_finite() { FeatureValue::Number(value) } else { FeatureValue::Missing }
}

/// Gives a feature another value. A word outside of the vocabulary becomes unknown; a word for a number, or a number
/// for a symbol, makes the feature missing.
pub fn set(feature: usize, value: &FeatureValue, space: &Space, sample: &mut Sample) {
    if let Ok(place) = space.symbols().binary_search(&feature) {
        sample.symbols[place] = match value {
            FeatureValue::Symbol(word) => Symbol::of(space.words(place), word),
            FeatureValue::Number(_) | FeatureValue::Missing => Symbol::MISSING,
        };
    } else if let Ok(place) = space.numbers().binary_search(&feature) {
        sample.numeric[place] = match value {
            FeatureValue::Number(number) => *number,
            FeatureValue::Symbol(_) | FeatureValue::Missing => f32::NAN,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::MEASURED;

    #[test]
    fn what_is_set_is_read_again() {
        let space = Space::kdd99();
        let values = |feature: usize| match space.symbols().binary_search(&feature) {
            Ok(place) => FeatureValue::Symbol(Arc::clone(&space.words(place)[1])),
            Err(_) => FeatureValue::Number(feature as f32),
        };
        let mut sample = Sample::missing(MEASURED);
        let features = 0..space.features().len();
        features.clone().for_each(|feature| set(feature, &values(feature), &space, &mut sample));
        assert_eq!(sample.row().known(), 41);
        for feature in features {
            let name = &space.features()[feature].name;
            assert_eq!(value_of(feature, &space, sample.row()), values(feature), "{name}");
            set(feature, &FeatureValue::Missing, &space, &mut sample);
            assert_eq!(value_of(feature, &space, sample.row()), FeatureValue::Missing, "{name}");
        }
    }

    #[test]
    fn a_strange_word_is_unknown() {
        let (space, mut sample) = (Space::kdd99(), Sample::missing(MEASURED));
        set(2, &FeatureValue::Symbol("gopher2".into()), &space, &mut sample);
        assert_eq!(value_of(2, &space, sample.row()), FeatureValue::Symbol("unknown".into()));
    }
}
