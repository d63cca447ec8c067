//! The smallest changes that make a detection normal: found, needed, and bounded.

use std::convert::Infallible;

use super::super::encode::Curve;
use super::super::typical::{Seen, TypicalCard, TypicalValue};
use super::super::values::set;
use super::*;
use crate::features::{MEASURED, NAMES, Sample};

const SRC_BYTES: usize = 4;
const COUNT: usize = 22;
const SERROR_RATE: usize = 24;

/// Normal by a rule on the numbers, which are asked for by feature.
struct Rule<F>(F, usize);

impl<F: FnMut(&dyn Fn(usize) -> f32) -> bool> Judge for Rule<F> {
    type Error = Infallible;

    fn ask(&mut self, events: &Matrix) -> Result<Vec<Answer>, Infallible> {
        self.1 += events.len();
        let space = Space::kdd99();
        let number = |row: Row<'_>, feature| match value_of(feature, &space, row) {
            FeatureValue::Number(number) => number,
            other => panic!("{other:?}"),
        };
        let rows = events.rows(0..events.len());
        let answer = |normal| Answer { normal, belief: if normal { 0.0 } else { -1.0 } };
        Ok(rows.iter().map(|row| answer((self.0)(&|feature| number(row, feature)))).collect())
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
    let case = Case {
        row: sample.row(),
        space: &space,
        strongest: values.iter().map(|(feature, _)| *feature).collect(),
        thorough: true,
    };
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
fn of_many_features_only_those_are_named_without_which_it_is_an_attack() {
    let all = [SERROR_RATE, 25, 26, 27, 37, 38, COUNT].map(|feature| (feature, 1.0));
    let rule = |number: &dyn Fn(usize) -> f32| [25, 27, 38].iter().all(|rate| number(*rate) < 0.5);
    let (said, asked) = found(&all, rule);
    let named: Vec<&str> = said.split(", ").map(|one| one.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(named, [NAMES[25], NAMES[27], NAMES[38]], "{said}");
    assert!(said.contains("<= 0.4"), "{said}");
    assert!(asked < 300, "{asked}");
}

#[test]
fn what_is_far_from_normal_in_too_much_has_none() {
    let all: Vec<(usize, f32)> = (24..38).map(|feature| (feature, 1.0)).collect();
    let rule = |number: &dyn Fn(usize) -> f32| (24..38).all(|rate| number(rate) < 0.5);
    assert_eq!(found(&all, rule).0, "");
}

#[test]
fn where_one_of_many_is_an_attack_again_beyond_only_the_values_are_claimed() {
    let all = [SERROR_RATE, 25, 26].map(|feature| (feature, 1.0));
    let rule = |number: &dyn Fn(usize) -> f32| {
        let rates = [SERROR_RATE, 25, 26].map(number);
        // normal only while the three fall together
        rates.iter().all(|rate| *rate < 0.5) && rates.iter().all(|rate| (rate - rates[0]).abs() < 0.2)
    };
    let (said, _) = found(&all, rule);
    assert!(said.split(", ").count() == 3 && said.matches(" = ").count() == 3, "{said}");
}

#[test]
fn nothing_is_claimed_where_nothing_helps_or_nothing_is_known_to_be_usual() {
    assert_eq!(found(&[(SERROR_RATE, 1.0)], |_| false).0, "");
    let (sample, space) = (event(&[(SERROR_RATE, 1.0)]), Space::kdd99());
    let case = Case { row: sample.row(), space: &space, strongest: vec![SERROR_RATE], thorough: true };
    let Ok(conditions) = search(&case, &Typical::default(), &mut Rule(|_: &dyn Fn(usize) -> f32| true, 0));
    assert_eq!(conditions, []);
}
