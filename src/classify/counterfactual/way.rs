//! Ways from an event towards what is usual: some features that change together, each from its value to another.

use super::super::typical::{Range, Seen, Typical};
use super::super::values::set;
use super::Case;
use crate::event::annotated::{FeatureValue, Relation};
use crate::features::Sample;

/// Points on a way that are asked first.
const COARSE: usize = 8;
/// A change of a symbol counts as much as moving a number through this share of all that training has seen.
const SYMBOL_DISTANCE: f32 = 0.25;

/// Features that change together, each from the event's value to another.
#[derive(Debug, Clone)]
pub struct Way {
    /// How each changes.
    pub steps: Vec<Step>,
}

/// How one feature changes.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its place in the space.
    pub feature: usize,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    /// Along its range.
    Number { from: f32, to: f32, range: Range },
    /// To another word, at once.
    Word(FeatureValue),
}

impl Step {
    /// From the event's value to the usual one; none where it is usual, or nothing is known of either.
    pub fn towards_normal(feature: usize, case: &Case<'_>, typical: &Typical) -> Option<Self> {
        let (value, normal) = (case.value(feature), typical.normal(feature));
        if value == normal {
            return None;
        }
        let change = match (value, normal) {
            (FeatureValue::Number(from), FeatureValue::Number(to)) => {
                Change::Number { from, to, range: typical.range(feature)? }
            }
            (FeatureValue::Symbol(_), word @ FeatureValue::Symbol(_)) => Change::Word(word),
            _ => return None,
        };
        Some(Self { feature, change })
    }

    /// The value after `part` of the way; whole where training has seen only whole ones.
    pub fn value(&self, part: f32) -> FeatureValue {
        match &self.change {
            Change::Word(word) => word.clone(),
            Change::Number { from, to, range } => {
                let value = range.between(*from, *to, part).clamp(range.seen.least, range.seen.most);
                FeatureValue::Number(if range.seen.whole { onwards(value, *from, *to, 1.0) } else { value })
            }
        }
    }

    /// The same with as few digits as say it, rounded onwards.
    pub fn rounded(&self, part: f32) -> FeatureValue {
        match (&self.change, self.value(part)) {
            (Change::Number { from, to, range }, FeatureValue::Number(value)) if !range.seen.whole && value != 0.0 => {
                let unit = 10f32.powf(value.abs().log10().floor() - 1.0);
                FeatureValue::Number(onwards(value, *from, *to, unit))
            }
            (_, value) => value,
        }
    }

    fn distance(&self, part: f32) -> f32 {
        match (&self.change, self.value(part)) {
            (Change::Number { from, range, .. }, FeatureValue::Number(value)) => range.distance(*from, value),
            _ => SYMBOL_DISTANCE,
        }
    }

    /// What may be claimed when all values from here to the end are normal.
    pub fn relation(&self) -> Relation {
        match &self.change {
            Change::Word(_) => Relation::Equal,
            Change::Number { from, to, .. } if to < from => Relation::AtMost,
            Change::Number { .. } => Relation::AtLeast,
        }
    }
}

impl Way {
    /// The event after `part` of the way.
    pub fn at(&self, part: f32, case: &Case<'_>) -> Sample {
        self.with(case, |step| step.value(part))
    }

    /// The event with such a value in the place of each feature that changes.
    pub fn with(&self, case: &Case<'_>, value: impl Fn(&Step) -> FeatureValue) -> Sample {
        let mut changed = Sample::from(case.row);
        self.steps.iter().for_each(|step| set(step.feature, &value(step), case.space, &mut changed));
        changed
    }

    /// How far the event has been moved after `part` of the way.
    pub fn distance(&self, part: f32) -> f32 {
        self.steps.iter().map(|step| step.distance(part)).sum()
    }

    /// Points that are asked first: only the end where nothing lies between.
    pub fn points(&self) -> usize {
        let moves = |step: &Step| matches!(step.change, Change::Number { .. });
        if self.steps.iter().any(moves) { COARSE } else { 1 }
    }
}

/// The next multiple of `unit` in the direction of the change, not beyond its end.
fn onwards(value: f32, from: f32, to: f32, unit: f32) -> f32 {
    // in f64, where a multiple of a decimal unit comes out as the f32 nearest to what a person writes
    let (scaled, inverse) = (f64::from(value) / f64::from(unit), (1.0 / f64::from(unit)).round());
    // a value that is a multiple but for rounding stays
    let near = (scaled - scaled.round()).abs() < 1e-4;
    let whole = if near {
        scaled.round()
    } else if to < from {
        scaled.floor()
    } else {
        scaled.ceil()
    };
    let rounded = if unit < 1.0 { whole / inverse } else { whole * f64::from(unit) };
    (rounded as f32).clamp(from.min(to), from.max(to))
}

/// The ways on which a single feature may change: a number down and up, a symbol to the usual word.
pub fn ways_of(feature: usize, case: &Case<'_>, typical: &Typical) -> Vec<Way> {
    let of_step = |change| Way { steps: vec![Step { feature, change }] };
    match (case.value(feature), typical.range(feature)) {
        (FeatureValue::Number(from), Some(range)) => {
            let Seen { least, most, .. } = range.seen;
            let ends = [(from > least).then_some(least), (from < most).then_some(most)];
            ends.into_iter().flatten().map(|to| of_step(Change::Number { from, to, range })).collect()
        }
        (FeatureValue::Symbol(_), None) => {
            Step::towards_normal(feature, case, typical).map(|step| of_step(step.change)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
