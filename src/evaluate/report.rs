//! What an evaluation found, as JSON. A figure whose denominator is zero is 0; one that needs two kinds of records, of
//! which there is only one, is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::families::Families;
use super::priors::Adapted;
use super::tally::{Called, Tally};
use super::{Done, Options, Rule};
use crate::classify::card::Card;
use crate::classify::quality::{ClassFigures, Confusion};
use crate::classify::ranking::{Ranking, RocPoint};
use crate::classify::reliability::{CurvePoint, Reliability};

/// Bad lines that are reported one by one; the rest are only counted.
const REPORTED: usize = 20;

/// Points of a ROC curve that are kept.
const ROC_POINTS: usize = 200;

/// Counts by actual, then predicted name; zeros left out.
pub type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// What a classifier does on labelled records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassifierReport {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Name of the file.
    pub data: String,
    /// By which rule classes and families were decided on: `cup`, `most_probable` or `least_cost`.
    pub decision: &'static str,
    /// Records scored.
    pub records: u64,
    /// Share of records whose class was found or, where the model has no such class, whose family was.
    pub accuracy: f64,
    /// Share of records whose family was found.
    pub accuracy_families: f64,
    /// Unweighted mean of F1 over the model's classes that occur in the data.
    pub macro_f1: f64,
    /// How many classes that is.
    pub macro_f1_classes: usize,
    /// Mean cost per record where the family of the least expected cost is decided on.
    pub cost: f64,
    /// The same where the family of the most probable class is.
    pub cost_most_probable: f64,
    /// Expected calibration error of the belief in the strongest family.
    pub ece: f64,
    /// Attack or not.
    pub binary: Binary,
    /// Attacks of kinds that the model has not learnt.
    pub never_seen: NeverSeen,
    /// Figures by family, as decided.
    pub families: BTreeMap<String, ClassFigures>,
    /// Counts by family, as decided.
    pub family_confusion: Counts,
    /// Figures by class of the model.
    pub per_class: BTreeMap<String, ClassFigures>,
    /// Counts by label.
    pub confusion: Counts,
    /// How often each class was decided on.
    pub labels: BTreeMap<String, u64>,
    /// Whether probabilities mean what they say.
    pub calibration: Calibration,
    /// How many of normal records, learnt attacks and attacks not learnt were called normal, known and unknown.
    pub verdicts: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The sets of classes that could not be excluded; of a model that states a coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conformal: Option<Conformal>,
    /// How decisions come out when the shares of the families are estimated from the records; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapted_priors: Option<AdaptedPriors>,
    /// How fast it was.
    pub speed: Speed,
    /// Records that are not scored, since nobody knows their label.
    pub foreign_labels: ForeignLabels,
    /// Lines that are no labelled record.
    pub bad_lines: BadLines,
}

/// Figures of "an attack or not", by the verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Binary {
    /// Share of records called rightly.
    pub accuracy: f64,
    /// Share of the attacks called an attack.
    pub recall: f64,
    /// Share of what is called an attack that is one.
    pub precision: f64,
    /// Share of the normal records called an attack.
    pub false_alarm_rate: f64,
    /// The same in 10,000.
    pub false_alarms_per_10000: f64,
    /// Attacks in the data.
    pub attacks: u64,
    /// Normal records in the data.
    pub normals: u64,
    /// Area under the ROC curve of the belief that it is an attack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
}

/// Figures of attacks whose label the model lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeverSeen {
    /// How many.
    pub records: u64,
    /// Share of them called normal.
    pub called_normal: f64,
    /// Area under the ROC curve of novelty: the chance that one of them is more novel than a normal record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
    /// The same of the belief that it is an attack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc_attack: Option<f64>,
    /// Share of them found by that belief at a threshold that calls one normal record in a hundred an attack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_at_1_percent: Option<f64>,
    /// By label.
    pub types: BTreeMap<String, StrangerFigures>,
    /// The ROC curve of novelty, thinned.
    pub roc: Vec<RocPoint>,
    /// The ROC curve of the belief that it is an attack, thinned.
    pub roc_attack: Vec<RocPoint>,
}

/// Figures of one kind of attack that the model lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrangerFigures {
    /// Its family.
    pub family: String,
    /// How many.
    pub records: u64,
    /// Share called normal.
    pub called_normal: f64,
    /// Share whose family was decided on.
    pub family_found: f64,
}

/// Whether probabilities mean what they say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// The belief in the strongest family.
    pub families: Curve,
    /// The probability of the most probable class, over records whose label is a class.
    pub classes: Curve,
    /// The belief that it is an attack.
    pub attacks: Curve,
}

/// A calibration curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Expected calibration error over 15 equal bins.
    pub ece: f64,
    /// The bins that hold records.
    pub curve: Vec<CurvePoint>,
}

/// Decisions with shares that were estimated without labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdaptedPriors {
    /// Share of each family that the model's probabilities assume.
    pub assumed: BTreeMap<String, f64>,
    /// Share of each family, as estimated.
    pub estimated: BTreeMap<String, f64>,
    /// Share of each family in the data, by its labels.
    pub actual: BTreeMap<String, f64>,
    /// Rounds of estimation.
    pub rounds: u32,
    /// Mean cost per record, least expected cost deciding.
    pub cost: f64,
    /// Mean cost per record, the most probable family deciding.
    pub cost_most_probable: f64,
    /// Figures by family, least expected cost deciding.
    pub families: BTreeMap<String, ClassFigures>,
}

/// Sets of classes, over records whose label is a class of the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conformal {
    /// The coverage that the model's card states, for rows drawn like those it was fitted to.
    pub stated: f64,
    /// Share of the sets that hold the label.
    pub covered: f64,
    /// Mean number of classes in a set.
    pub mean_size: f64,
}

/// How fast it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Speed {
    /// Microseconds a record in the classifier, in batches of 1,024.
    pub classify_micros: f64,
    /// Microseconds a record, reading and counting included.
    pub whole_micros: f64,
    /// Seconds for the whole file.
    pub seconds: f64,
}

/// Records whose label nobody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ForeignLabels {
    /// How many.
    pub count: u64,
    /// Some of the labels, each with the line where it stands first.
    pub first: BTreeMap<String, u64>,
}

/// Lines that could not be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BadLines {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<BadLine>,
}

/// A line that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl BadLines {
    /// Counts a line and keeps it while there is room.
    pub fn add(&mut self, line: u64, reason: String) {
        self.count += 1;
        if self.first.len() < REPORTED {
            self.first.push(BadLine { line, reason });
        }
    }
}

impl ForeignLabels {
    /// Counts a record and keeps its label while there is room.
    pub fn add(&mut self, line: u64, label: String) {
        self.count += 1;
        if self.first.len() < REPORTED {
            self.first.entry(label).or_insert(line);
        }
    }

    /// The first of them in words.
    pub(super) fn first(&self) -> Option<String> {
        let (label, line) = self.first.iter().min_by_key(|(_, line)| **line)?;
        Some(format!("; line {line}: nobody knows the label '{label}'"))
    }
}

impl ClassifierReport {
    /// The report on a run.
    pub(super) fn new(card: &Card, options: &Options, done: Done) -> Self {
        let Done { tally, bad, foreign, judging, took, judged } = done;
        let families = tally.families();
        let learnt = |name: &str| card.labels.iter().any(|label| label.name == name);
        let mut per_class = tally.classes.per_class();
        per_class.retain(|name, _| learnt(name));
        let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6 / judged.max(1) as f64;
        Self {
            model: card.name.clone(),
            version: card.version.clone(),
            data: options.data.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            decision: match options.rule {
                Rule::Cup => "cup",
                Rule::MostProbable => "most_probable",
                Rule::LeastCost => "least_cost",
            },
            records: tally.records(),
            accuracy: share(tally.right, tally.records()),
            accuracy_families: tally.decided.accuracy(),
            macro_f1: tally.classes.macro_f1(learnt),
            macro_f1_classes: per_class.values().filter(|figures| figures.support > 0).count(),
            cost: tally.cheapest.mean_cost(families.costs()),
            cost_most_probable: tally.most_probable.mean_cost(families.costs()),
            ece: tally.of_families.error(),
            binary: Binary::new(&tally),
            never_seen: NeverSeen::new(&tally),
            families: complete(&tally.decided),
            family_confusion: tally.decided.by_name(),
            per_class,
            confusion: tally.classes.by_name(),
            labels: tally.classes.predicted(),
            calibration: Calibration {
                families: Curve::new(&tally.of_families),
                classes: Curve::new(&tally.of_classes),
                attacks: Curve::new(&tally.of_attacks),
            },
            verdicts: tally.verdicts.clone(),
            conformal: card.conformal.as_ref().map(|conformal| Conformal {
                stated: conformal.coverage,
                covered: share(tally.sets.covered, tally.sets.records),
                mean_size: tally.sets.classes as f64 / tally.sets.records.max(1) as f64,
            }),
            adapted_priors: tally.sketch.as_ref().map(|sketch| AdaptedPriors::new(&sketch.adapt(families), families)),
            speed: Speed { classify_micros: micros(judging), whole_micros: micros(took), seconds: took.as_secs_f64() },
            foreign_labels: foreign,
            bad_lines: bad,
        }
    }
}

impl ClassifierReport {
    /// The wrong class that records of a label were most often taken for, and how many of them were.
    pub fn taken_for(&self, label: &str) -> Option<(&str, u64)> {
        let guesses = self.confusion.get(label)?.iter().filter(|(guess, _)| *guess != label);
        guesses.max_by_key(|(_, records)| **records).map(|(guess, records)| (guess.as_str(), *records))
    }
}

impl Binary {
    fn new(tally: &Tally) -> Self {
        let called = |sum: (u64, u64), one: &Called| (sum.0 + one.records, sum.1 + one.attack);
        let strangers = tally.never_seen.values().map(|stranger| &stranger.called);
        let (attacks, found) = strangers.chain([&tally.known]).fold((0, 0), called);
        let Called { records: normals, attack: alarms } = tally.normals;
        let rate = share(alarms, normals);
        Self {
            accuracy: share(found + normals - alarms, attacks + normals),
            recall: share(found, attacks),
            precision: share(found, found + alarms),
            false_alarm_rate: rate,
            false_alarms_per_10000: rate * 1e4,
            attacks,
            normals,
            auroc: tally.attacks.area(),
        }
    }
}

impl NeverSeen {
    fn new(tally: &Tally) -> Self {
        let names = tally.families().names();
        let figures = tally.never_seen.iter().map(|(label, stranger)| {
            let Called { records, attack } = stranger.called;
            let figures = StrangerFigures {
                family: names[stranger.family].clone(),
                records,
                called_normal: share(records - attack, records),
                family_found: share(stranger.family_found, records),
            };
            (label.clone(), figures)
        });
        let sum = |count: fn(&Called) -> u64| tally.never_seen.values().map(|stranger| count(&stranger.called)).sum();
        let (records, attack): (u64, u64) = (sum(|called| called.records), sum(|called| called.attack));
        Self {
            records,
            called_normal: share(records - attack, records),
            auroc: tally.by_novelty.area(),
            auroc_attack: tally.by_belief.area(),
            found_at_1_percent: tally.by_belief.found_at(0.01),
            types: figures.collect(),
            roc: thinned(&tally.by_novelty),
            roc_attack: thinned(&tally.by_belief),
        }
    }
}

impl Curve {
    fn new(said: &Reliability) -> Self {
        Self { ece: said.error(), curve: said.curve() }
    }
}

impl AdaptedPriors {
    fn new(adapted: &Adapted, families: &Families) -> Self {
        let named = |shares: &[f64]| families.names().iter().cloned().zip(shares.iter().copied()).collect();
        let actual: Vec<f64> = (0..families.names().len())
            .map(|family| (0..families.names().len()).map(|guess| adapted.cheapest.count(family, guess)).sum())
            .map(|records| share(records, adapted.cheapest.records()))
            .collect();
        Self {
            assumed: named(&adapted.assumed),
            estimated: named(&adapted.shares),
            actual: named(&actual),
            rounds: adapted.rounds,
            cost: adapted.cheapest.mean_cost(families.costs()),
            cost_most_probable: adapted.most_probable.mean_cost(families.costs()),
            families: complete(&adapted.cheapest),
        }
    }
}

/// Figures of every class, also of those that occur nowhere.
fn complete(confusion: &Confusion) -> BTreeMap<String, ClassFigures> {
    let mut figures = confusion.per_class();
    let none = ClassFigures { precision: 0.0, recall: 0.0, f1: 0.0, support: 0 };
    for name in confusion.names() {
        figures.entry(name.clone()).or_insert(none);
    }
    figures
}

/// Points of a curve that show its shape: the first and last, and those that lie apart.
fn thinned(ranking: &Ranking) -> Vec<RocPoint> {
    let Some(points) = ranking.curve() else { return Vec::new() };
    let apart = 2.0 / ROC_POINTS as f64;
    let mut kept: Vec<RocPoint> = Vec::with_capacity(ROC_POINTS + 2);
    for (place, point) in points.iter().enumerate() {
        let far =
            kept.last().is_none_or(|last| point.false_alarms - last.false_alarms + point.found - last.found >= apart);
        if far || place + 1 == points.len() {
            kept.push(*point);
        }
    }
    kept
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
