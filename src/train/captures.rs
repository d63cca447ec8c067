//! Thresholds and figures of a model that has learned from several captures, by what networks say of captures that they have not seen.
//!
//! Captures differ in size by chance, so each counts alike: shares are means over captures, and within one distinct rows count once.

use std::collections::BTreeMap;

use super::crossed::Crossed;
use super::dataset::Dataset;
use super::measure::Belief;
use super::ready::Normal;
use super::steady;
use crate::classify::card::{CaptureFigures, OpenSetCard, OperatingPoint};
use crate::classify::novelty::OpenSet;
use crate::event::annotated::Verdict;

/// False alarms among 10,000 normal connections for which thresholds are told.
const TOLD: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// Sets the threshold of alarms so that in the mean over captures at most this share of the normal rows is no longer called normal, and
/// tells the thresholds of other shares.
pub fn set_thresholds(
    open_set: &mut OpenSetCard,
    crossed: &Crossed,
    dataset: &Dataset,
    normal: &Normal,
    temperature: f32,
    false_alarms: f64,
) {
    let (ordinary, attacks) = beliefs(crossed, normal, temperature);
    let threshold = |share: f64| least_threshold(&ordinary, share);
    let found = |threshold: f32| mean(attacks.values().map(|beliefs| share_above(beliefs, threshold)));
    let point = |alarms: &f64| {
        let normal_up_to = threshold(alarms / 1e4);
        OperatingPoint { false_alarms: *alarms, normal_up_to, found: steady(found(normal_up_to)) }
    };
    open_set.normal_up_to = threshold(false_alarms);
    open_set.points = TOLD.iter().map(point).collect();
    open_set.meaning = format!(
        "in the mean over {} captures at most {:.0} in 10,000 distinct normal rows are not called normal, judged by networks that have \
         not seen the capture; points tell other thresholds and what they find, in the mean over captures and classes; no promise for \
         other data",
        dataset.captures.len(),
        1e4 * false_alarms
    );
}

/// By capture, and by capture and class, the beliefs in an attack.
type Beliefs<K> = BTreeMap<K, Vec<f32>>;

fn beliefs(crossed: &Crossed, normal: &Normal, temperature: f32) -> (Beliefs<u16>, Beliefs<(u16, u16)>) {
    let (mut ordinary, mut attacks) = (Beliefs::new(), Beliefs::new());
    for ((label, belief), capture) in crossed.outputs.rows(temperature).zip(&crossed.captures) {
        let attack = normal.attack(&belief);
        match normal.is(label) {
            true => ordinary.entry(*capture).or_default().push(attack),
            false => attacks.entry((*capture, label)).or_default().push(attack),
        }
    }
    (ordinary, attacks)
}

/// The least threshold, of four decimals, above which lies at most this share in the mean.
fn least_threshold(ordinary: &Beliefs<u16>, share: f64) -> f32 {
    let above = |step: u32| mean(ordinary.values().map(|beliefs| share_above(beliefs, step as f32 / 1e4)));
    let (mut low, mut high) = (0, 10_000);
    while low < high {
        let middle = (low + high) / 2;
        if above(middle) <= share { high = middle } else { low = middle + 1 }
    }
    low as f32 / 1e4
}

fn share_above(beliefs: &[f32], threshold: f32) -> f64 {
    beliefs.iter().filter(|belief| **belief > threshold).count() as f64 / beliefs.len().max(1) as f64
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count.max(1))
}

/// How each class of each capture comes out.
pub fn figures(
    crossed: &Crossed,
    dataset: &Dataset,
    normal: &Normal,
    open_set: &OpenSetCard,
    temperature: f32,
) -> Vec<CaptureFigures> {
    let open_set = OpenSet::new(Some(open_set));
    let mut sums = BTreeMap::<(u16, u16), Sum>::new();
    let rows = crossed.outputs.rows(temperature).zip(&crossed.captures).zip(&crossed.outputs.counts);
    for (((label, belief), capture), count) in rows {
        let own = family(dataset, label) == family(dataset, decided(&belief, normal, open_set));
        let verdict = verdict(&belief, normal, open_set);
        sums.entry((*capture, label)).or_default().add(verdict, own, *count);
    }
    let told = |((capture, label), sum): (&(u16, u16), &Sum)| CaptureFigures {
        capture: dataset.captures[usize::from(*capture)].name.clone(),
        label: dataset.labels[usize::from(*label)].clone(),
        records: sum.records.all,
        distinct: sum.distinct.all,
        not_normal: sum.records.share(sum.records.not_normal),
        not_normal_distinct: sum.distinct.share(sum.distinct.not_normal),
        family: sum.records.share(sum.records.family),
        unknown: sum.records.share(sum.records.unknown),
    };
    sums.iter().map(told).collect()
}

fn family(dataset: &Dataset, label: u16) -> usize {
    dataset.about.category(usize::from(label))
}

/// The class that a document would carry.
fn decided(belief: &Belief, normal: &Normal, open_set: OpenSet) -> u16 {
    let most_probable = belief.most_probable() as u16;
    match open_set.is_calm(normal.of_belief(belief), belief.unknown) {
        true => normal.most_probable(belief).unwrap_or(most_probable),
        false => most_probable,
    }
}

fn verdict(belief: &Belief, normal: &Normal, open_set: OpenSet) -> Verdict {
    let class = decided(belief, normal, open_set);
    open_set.verdict(normal.is(class), normal.of_belief(belief), belief.unknown)
}

/// Counts of one class of one capture.
#[derive(Default)]
struct Sum {
    records: Counts,
    distinct: Counts,
}

#[derive(Default)]
struct Counts {
    all: u64,
    not_normal: u64,
    family: u64,
    unknown: u64,
}

impl Sum {
    fn add(&mut self, verdict: Verdict, own_family: bool, count: u64) {
        for (counts, by) in [(&mut self.records, count), (&mut self.distinct, 1)] {
            counts.all += by;
            counts.not_normal += if verdict == Verdict::Normal { 0 } else { by };
            counts.unknown += if verdict == Verdict::Unknown { by } else { 0 };
            counts.family += if own_family && verdict != Verdict::Unknown { by } else { 0 };
        }
    }
}

impl Counts {
    fn share(&self, of: u64) -> f64 {
        steady(of as f64 / self.all.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_lets_each_capture_count_alike() {
        let even: Vec<f32> = (0..1000).map(|step| step as f32 / 1000.0).collect();
        let ordinary = Beliefs::from([(0, even), (1, vec![0.0; 10])]);
        // 2 % of the first are 1 % in the mean of both
        let threshold = least_threshold(&ordinary, 0.01);
        assert!((0.978..0.981).contains(&threshold), "{threshold}");
        assert_eq!(least_threshold(&ordinary, 1.0), 0.0);
        assert_eq!(least_threshold(&ordinary, 0.0), 0.999);
    }
}
