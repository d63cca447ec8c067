//! What it costs a model that features are missing: labelled records are judged as they are, and without the features.

use std::sync::Arc;

use crate::classify::quality::Confusion;
use crate::classify::{Explain, LoadedModel};
use crate::features::symbols::Symbol;
use crate::features::{FeatureVector, Gatherer, Matrix, name_of_numeric};

use super::{BadLines, ClassifierReport, EvaluateError};

/// Records judged at once.
const BATCH: usize = 512;

/// Judges labelled records without the features whose bits are set, in the order of [`NAMES`](crate::features::NAMES).
///
/// # Errors
/// When the network cannot be run.
pub fn masked(
    model: &LoadedModel,
    rows: &[(FeatureVector, String)],
    missing: u64,
) -> Result<ClassifierReport, EvaluateError> {
    let info = model.info();
    let mut classifier = model.classifier_with(Explain::NEVER);
    let mut confusion = Confusion::new(info.labels.iter().map(|label| label.name.clone()));
    let mut unknown = std::collections::BTreeMap::new();
    let mut gatherer = Gatherer::new(Arc::clone(model.space()), 0);
    let (mut seen, mut verdicts) = (Matrix::new(model.space().shape()), Vec::with_capacity(BATCH));
    for batch in rows.chunks(BATCH) {
        seen.clear();
        verdicts.clear();
        let judged = |(features, _): &&(FeatureVector, String)| {
            gatherer.gather(Some(&without(features, missing)), None, &mut seen)
        };
        let judged: Vec<_> = batch.iter().filter(judged).collect();
        classifier.classify(&seen, &mut verdicts)?;
        for ((_, label), verdict) in judged.into_iter().zip(&verdicts) {
            let actual = confusion.place(label);
            if actual >= info.labels.len() {
                *unknown.entry(label.clone()).or_default() += 1;
            }
            confusion.add(actual, usize::from(verdict.label), 1);
        }
    }
    Ok(ClassifierReport::new((&info.name, &info.version), &confusion, unknown, BadLines::default()))
}

/// The features without those whose bits are set.
fn without(features: &FeatureVector, missing: u64) -> FeatureVector {
    let mut features = *features;
    let gone = |place: usize| missing >> place & 1 == 1;
    for (index, value) in features.numeric.iter_mut().enumerate() {
        if gone(name_of_numeric(index)) {
            *value = f32::NAN;
        }
    }
    let symbols = &mut features.symbols;
    for (place, symbol) in [(1, &mut symbols.protocol), (2, &mut symbols.service), (3, &mut symbols.flag)] {
        if gone(place) {
            *symbol = Symbol::MISSING;
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::kdd::parse_line;

    #[test]
    fn exactly_the_features_that_are_named_go() {
        let line = "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
        let features = parse_line(line).unwrap().features;
        for place in 0..41 {
            assert_eq!(without(&features, 1 << place).known(), 40, "{place}");
        }
        let few = without(&features, 0b1000_0000_1000);
        assert_eq!((few.symbols.flag, few.symbols.service == features.symbols.service), (Symbol::MISSING, true));
        assert!(few.numeric[8].is_nan(), "logged_in");
    }
}
