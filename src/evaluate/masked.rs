//! What it costs a model that features are missing: labelled records are judged as they are, and without the features.

use std::path::PathBuf;

use crate::classify::{Explain, LoadedModel};
use crate::features::symbols::Symbol;
use crate::features::{FeatureVector, name_of_numeric};

use super::{ClassifierReport, EvaluateError, Options, Rule, Run};

/// Judges labelled records without the features whose bits are set, in the order of [`NAMES`](crate::features::NAMES).
///
/// # Errors
/// When the network cannot be run.
pub fn masked(
    model: &LoadedModel,
    rows: &[(FeatureVector, String)],
    missing: u64,
) -> Result<ClassifierReport, EvaluateError> {
    let options = Options { data: PathBuf::new(), rule: Rule::Cup, adapt_priors: false };
    let mut judge = model.classifier_with(Explain::NEVER);
    let mut run = Run::new(model.card(), &options, judge.as_mut())?;
    for (line, (features, label)) in (1..).zip(rows) {
        run.take(line, without(features, missing), label.clone())?;
    }
    Ok(ClassifierReport::new(model.card(), &options, run.done()?))
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
