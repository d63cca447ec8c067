//! What would have had to be otherwise for a verdict to be normal: the smallest change of one feature, or else of two.
//!
//! A change moves the strongest features towards values that training has seen; the network is asked at some points of each
//! way, and then between the last point that is no longer normal and the first that is. What is claimed was asked: the event with
//! these values is normal, and a claim of "at most" or "at least" holds at every point that was asked beyond. Where a
//! point beyond is an attack again, only the value itself is claimed. It is a statement about the model, not about the world: a
//! real event with this one value would have had others too.

use super::typical::{Range, Seen, Typical};
use super::values::{set, value_of};
use crate::event::annotated::{Condition, FeatureValue, Relation};
use crate::features::{Matrix, Row, Sample, Space};

/// Features that are tried, the strongest first.
const TRIED: usize = 6;
/// Features that are tried in pairs.
const PAIRED: usize = 5;
/// Points on a way that are asked first.
const COARSE: usize = 8;
/// Points between two of them that are asked then, and again between two of those.
const FINE: usize = 7;
/// Ways that are looked at more closely.
const CLOSER: usize = 3;
/// A change of a symbol counts as much as moving a number through this share of all that training has seen.
const SYMBOL_DISTANCE: f32 = 0.25;

/// An attack, and the features that speak for its verdict, the strongest first.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// The event.
    pub row: Row<'a>,
    /// The space that it is of.
    pub space: &'a Space,
    /// Places of features in that space.
    pub strongest: Vec<usize>,
}

impl Case<'_> {
    fn value(&self, feature: usize) -> FeatureValue {
        value_of(feature, self.space, self.row)
    }

    fn matrix(&self, events: impl Iterator<Item = Sample>) -> Matrix {
        let mut matrix = Matrix::new(self.space.shape());
        events.for_each(|event| matrix.push(event.row()));
        matrix
    }
}

/// Says of each event whether its verdict is normal.
pub trait Judge {
    /// Why it could not.
    type Error;

    /// One answer for each event.
    ///
    /// # Errors
    /// When the network cannot be run.
    fn are_normal(&mut self, events: &Matrix) -> Result<Vec<bool>, Self::Error>;
}

/// The conditions under which the case would have been normal; none where no change of one or two features was found.
///
/// # Errors
/// When the network cannot be run.
pub fn search<J: Judge>(case: &Case<'_>, typical: &Typical, judge: &mut J) -> Result<Vec<Condition>, J::Error> {
    let features = || case.strongest.iter().copied();
    let single: Vec<Way> = features().take(TRIED).flat_map(|feature| ways_of(feature, case, typical)).collect();
    let found = best(case, &single, judge)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let towards: Vec<Step> =
        features().filter_map(|feature| Step::towards_normal(feature, case, typical)).take(PAIRED).collect();
    let pairs =
        towards.iter().enumerate().flat_map(|(place, one)| towards[place + 1..].iter().map(move |two| (one, two)));
    let pairs: Vec<Way> = pairs.map(|(one, two)| Way { steps: vec![one.clone(), two.clone()] }).collect();
    best(case, &pairs, judge)
}

/// One or two features that change together, each from the event's value to another.
#[derive(Debug, Clone)]
struct Way {
    steps: Vec<Step>,
}

/// How one feature changes.
#[derive(Debug, Clone)]
struct Step {
    feature: usize,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    /// Along its range.
    Number { from: f32, to: f32, range: Range },
    /// To another word, at once.
    Word(FeatureValue),
}

/// A way with the part of it after which the verdict is normal.
#[derive(Debug, Clone, Copy)]
struct Turn<'a> {
    way: &'a Way,
    /// The verdict is no longer normal here (or this is the event itself), …
    attack: f32,
    /// … and normal here, …
    normal: f32,
    /// … as it is at all points asked beyond.
    stays: bool,
}

impl Step {
    fn towards_normal(feature: usize, case: &Case<'_>, typical: &Typical) -> Option<Self> {
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
    fn value(&self, part: f32) -> FeatureValue {
        match &self.change {
            Change::Word(word) => word.clone(),
            Change::Number { from, to, range } => {
                let value = range.between(*from, *to, part).clamp(range.seen.least, range.seen.most);
                FeatureValue::Number(if range.seen.whole { onwards(value, *from, *to, 1.0) } else { value })
            }
        }
    }

    /// The same with as few digits as say it, rounded onwards.
    fn rounded(&self, part: f32) -> FeatureValue {
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
    fn relation(&self) -> Relation {
        match &self.change {
            Change::Word(_) => Relation::Equal,
            Change::Number { from, to, .. } if to < from => Relation::AtMost,
            Change::Number { .. } => Relation::AtLeast,
        }
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

impl Way {
    fn at(&self, part: f32, case: &Case<'_>) -> Sample {
        self.with(case, |step| step.value(part))
    }

    fn with(&self, case: &Case<'_>, value: impl Fn(&Step) -> FeatureValue) -> Sample {
        let mut changed = Sample::from(case.row);
        self.steps.iter().for_each(|step| set(step.feature, &value(step), case.space, &mut changed));
        changed
    }

    fn distance(&self, part: f32) -> f32 {
        self.steps.iter().map(|step| step.distance(part)).sum()
    }

    /// Points that are asked first: only the end where nothing lies between.
    fn points(&self) -> usize {
        let moves = |step: &Step| matches!(step.change, Change::Number { .. });
        if self.steps.iter().any(moves) { COARSE } else { 1 }
    }
}

/// The ways on which a single feature may change: a number down and up, a symbol to the usual word.
fn ways_of(feature: usize, case: &Case<'_>, typical: &Typical) -> Vec<Way> {
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

/// The conditions of the way with the smallest change; none where no way leads to normal.
fn best<J: Judge>(case: &Case<'_>, ways: &[Way], judge: &mut J) -> Result<Vec<Condition>, J::Error> {
    let mut turns = coarse(case, ways, judge)?;
    turns.sort_by(|a, b| a.way.distance(a.normal).total_cmp(&b.way.distance(b.normal)));
    turns.truncate(CLOSER);
    for _ in 0..2 {
        closer(case, &mut turns, judge)?;
    }
    turns.sort_by(|a, b| a.way.distance(a.normal).total_cmp(&b.way.distance(b.normal)));
    turns.first().map_or(Ok(Vec::new()), |turn| claim(case, turn, judge))
}

/// Where each way turns normal first, of those that do.
fn coarse<'w, J: Judge>(case: &Case<'_>, ways: &'w [Way], judge: &mut J) -> Result<Vec<Turn<'w>>, J::Error> {
    let part = |point: usize, of: usize| point as f32 / of as f32;
    let asked = ways.iter().flat_map(|way| (1..=way.points()).map(move |point| (way, part(point, way.points()))));
    let events = case.matrix(asked.map(|(way, part)| way.at(part, case)));
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let answers = judge.are_normal(&events)?;
    let (mut turns, mut rest) = (Vec::new(), answers.as_slice());
    for way in ways {
        let (answers, others) = rest.split_at(way.points());
        rest = others;
        if let Some(first) = answers.iter().position(|normal| *normal) {
            turns.push(Turn {
                way,
                attack: part(first, way.points()),
                normal: part(first + 1, way.points()),
                stays: answers[first..].iter().all(|normal| *normal),
            });
        }
    }
    Ok(turns)
}

/// Narrows each turn down to one of the parts between points that are asked anew.
fn closer<J: Judge>(case: &Case<'_>, turns: &mut [Turn<'_>], judge: &mut J) -> Result<(), J::Error> {
    let part =
        |turn: &Turn<'_>, point: usize| turn.attack + (turn.normal - turn.attack) * point as f32 / (FINE + 1) as f32;
    let event = |turn: &Turn<'_>, point| turn.way.at(part(turn, point), case);
    let moving = turns.iter().filter(|turn| turn.way.points() > 1);
    let events = case.matrix(moving.flat_map(|turn| (1..=FINE).map(move |point| event(turn, point))));
    if events.is_empty() {
        return Ok(());
    }
    let answers = judge.are_normal(&events)?;
    let moving = turns.iter_mut().filter(|turn| turn.way.points() > 1);
    for (turn, answers) in moving.zip(answers.chunks_exact(FINE)) {
        let first = answers.iter().position(|normal| *normal);
        turn.stays &= first.is_none_or(|first| answers[first..].iter().all(|normal| *normal));
        let (attack, normal) = match first {
            Some(first) => (part(turn, first), part(turn, first + 1)),
            None => (part(turn, FINE), turn.normal),
        };
        (turn.attack, turn.normal) = (attack, normal);
    }
    Ok(())
}

/// What may be said of a turn, asked once more with the values that are said.
fn claim<J: Judge>(case: &Case<'_>, turn: &Turn<'_>, judge: &mut J) -> Result<Vec<Condition>, J::Error> {
    let steps = &turn.way.steps;
    let rounded = turn.way.with(case, |step| step.rounded(turn.normal));
    let mut events = vec![rounded];
    if let [one, two] = steps.as_slice() {
        // "at most … and at most …" claims the corners too
        for (near, far) in [(one, two), (two, one)] {
            let corner =
                |step: &Step| if step.feature == far.feature { far.value(1.0) } else { near.rounded(turn.normal) };
            events.push(turn.way.with(case, corner));
        }
    }
    let answers = judge.are_normal(&case.matrix(events.into_iter()))?;
    let stays = turn.stays && answers.iter().all(|normal| *normal);
    let condition = |step: &Step| Condition {
        feature: u16::try_from(step.feature).expect("features are few"),
        relation: if stays { step.relation() } else { Relation::Equal },
        value: if answers[0] { step.rounded(turn.normal) } else { step.value(turn.normal) },
    };
    Ok(steps.iter().map(condition).collect())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::encode::Curve;
    use super::super::typical::{TypicalCard, TypicalValue};
    use super::*;
    use crate::features::{MEASURED, NAMES};

    const SRC_BYTES: usize = 4;
    const COUNT: usize = 22;
    const SERROR_RATE: usize = 24;

    /// Normal by a rule on the numbers, which are asked for by feature.
    struct Rule<F>(F, usize);

    impl<F: FnMut(&dyn Fn(usize) -> f32) -> bool> Judge for Rule<F> {
        type Error = Infallible;

        fn are_normal(&mut self, events: &Matrix) -> Result<Vec<bool>, Infallible> {
            self.1 += events.len();
            let space = Space::kdd99();
            let number = |row: Row<'_>, feature| match value_of(feature, &space, row) {
                FeatureValue::Number(number) => number,
                other => panic!("{other:?}"),
            };
            let rows = events.rows(0..events.len());
            Ok(rows.iter().map(|row| (self.0)(&|feature| number(row, feature))).collect())
        }
    }

    fn typical() -> Typical {
        let space = Space::kdd99();
        let is_number = |place: &usize| space.numbers().contains(place);
        let entry = |(place, name): (usize, &&str)| {
            let rate = name.ends_with("_rate");
            let seen = Seen { least: 0.0, most: if rate { 1.0 } else { 10_000.0 }, whole: !rate };
            let (normal, seen) = match is_number(&place) {
                true => (TypicalValue::Number(0.0), Some(seen)),
                false => (TypicalValue::Word("SF".to_owned()), None),
            };
            TypicalCard { feature: (*name).to_owned(), normal, seen }
        };
        let bent = |place: usize| if NAMES[place].ends_with("_rate") { Curve::Linear } else { Curve::Log1p };
        let curves: Vec<_> = (0..NAMES.len()).map(|place| is_number(&place).then(|| bent(place))).collect();
        let entries: Vec<TypicalCard> = NAMES.iter().enumerate().map(entry).collect();
        Typical::new(&entries, space.features(), &curves).expect("sound")
    }

    fn event(values: &[(usize, f32)]) -> Sample {
        let mut sample = Sample::missing(MEASURED);
        let number = |value: f32| FeatureValue::Number(value);
        values.iter().for_each(|(feature, value)| set(*feature, &number(*value), &Space::kdd99(), &mut sample));
        sample
    }

    /// Conditions as words, for an event of these values, the strongest first; and how many events were asked.
    fn found(values: &[(usize, f32)], rule: impl FnMut(&dyn Fn(usize) -> f32) -> bool) -> (String, usize) {
        let (sample, space) = (event(values), Space::kdd99());
        let case =
            Case { row: sample.row(), space: &space, strongest: values.iter().map(|(feature, _)| *feature).collect() };
        let mut judge = Rule(rule, 0);
        let Ok(conditions) = search(&case, &typical(), &mut judge);
        let word = |condition: &Condition| {
            let FeatureValue::Number(value) = condition.value else { panic!("{condition:?}") };
            format!("{} {} {value}", NAMES[usize::from(condition.feature)], condition.relation.operator())
        };
        (conditions.iter().map(word).collect::<Vec<_>>().join(", "), judge.1)
    }

    #[test]
    fn the_threshold_of_one_feature_is_found_and_said_in_few_digits() {
        let (said, asked) = found(&[(SERROR_RATE, 1.0), (COUNT, 500.0)], |number| number(SERROR_RATE) < 0.3137);
        assert_eq!(said, "serror_rate <= 0.31");
        assert!(asked < 100, "{asked}");
    }

    #[test]
    fn whole_numbers_stay_whole_and_may_have_to_grow() {
        assert_eq!(found(&[(COUNT, 511.0)], |number| number(COUNT) < 12.5).0, "count <= 12");
        assert_eq!(found(&[(SRC_BYTES, 3.0)], |number| number(SRC_BYTES) > 41.5).0, "src_bytes >= 42");
    }

    #[test]
    fn of_several_ways_the_smallest_change_is_told() {
        let rule = |number: &dyn Fn(usize) -> f32| number(SERROR_RATE) < 0.9 || number(COUNT) < 1.0;
        assert_eq!(found(&[(COUNT, 511.0), (SERROR_RATE, 1.0)], rule).0, "serror_rate <= 0.89");
    }

    #[test]
    fn where_more_of_the_same_is_an_attack_again_only_the_value_is_claimed() {
        let rule = |number: &dyn Fn(usize) -> f32| (0.4..0.6).contains(&number(SERROR_RATE));
        let (said, _) = found(&[(SERROR_RATE, 1.0)], rule);
        assert_eq!(said, "serror_rate = 0.59");
    }

    #[test]
    fn two_features_are_changed_where_one_does_not_do() {
        let rule = |number: &dyn Fn(usize) -> f32| number(SERROR_RATE) < 0.5 && number(COUNT) < 100.0;
        let (said, asked) = found(&[(SERROR_RATE, 1.0), (COUNT, 511.0)], rule);
        let [rate, count] = said.split(", ").collect::<Vec<_>>()[..] else { panic!("{said}") };
        assert!(rate.starts_with("serror_rate <= 0.4"), "{said}");
        assert!(count.starts_with("count <= "), "{said}");
        assert!(asked < 150, "{asked}");
    }

    #[test]
    fn nothing_is_claimed_where_nothing_helps_or_nothing_is_known_to_be_usual() {
        assert_eq!(found(&[(SERROR_RATE, 1.0)], |_| false).0, "");
        let (sample, space) = (event(&[(SERROR_RATE, 1.0)]), Space::kdd99());
        let case = Case { row: sample.row(), space: &space, strongest: vec![SERROR_RATE] };
        let Ok(conditions) = search(&case, &Typical::default(), &mut Rule(|_: &dyn Fn(usize) -> f32| true, 0));
        assert_eq!(conditions, []);
    }
}
