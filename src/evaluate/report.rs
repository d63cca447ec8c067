//! What an evaluation found, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::classify::quality::{ClassFigures, Confusion};

/// Bad lines that are reported one by one; the rest are only counted.
const REPORTED: usize = 20;

/// What a classifier does on labelled records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassifierReport {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Records judged.
    pub records: u64,
    /// Share of records whose verdict is their label. A label that the model lacks is never judged right.
    pub accuracy: f64,
    /// Unweighted mean of F1 over the labels present in the data, those that the model lacks among them (with 0).
    pub macro_f1: f64,
    /// Mean cost per record by the matrix of the KDD Cup 1999.
    pub cost: f64,
    /// Records whose label has no known family, which `cost` leaves out.
    pub cost_left_out: u64,
    /// Share of normal records judged an attack.
    pub false_alarms: f64,
    /// Counts by actual, then predicted label; zeros left out.
    pub confusion: BTreeMap<String, BTreeMap<String, u64>>,
    /// The same by family; a label of no known family counts as `unknown`.
    pub by_category: BTreeMap<String, BTreeMap<String, u64>>,
    /// Figures by label.
    pub per_class: BTreeMap<String, ClassFigures>,
    /// How often each label was the verdict.
    pub labels: BTreeMap<String, u64>,
    /// Records by label, of the labels that the model lacks.
    pub unknown_labels: BTreeMap<String, u64>,
    /// Lines that are no labelled record.
    pub bad_lines: BadLines,
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

impl ClassifierReport {
    /// The report on these counts.
    pub fn new(
        model: (&str, &str),
        confusion: &Confusion,
        unknown_labels: BTreeMap<String, u64>,
        bad_lines: BadLines,
    ) -> Self {
        let cost = confusion.cost();
        Self {
            model: model.0.to_owned(),
            version: model.1.to_owned(),
            records: confusion.records(),
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(|_| true),
            cost: cost.mean,
            cost_left_out: cost.left_out,
            false_alarms: confusion.false_alarms(),
            confusion: confusion.by_name(),
            by_category: confusion.by_category(),
            per_class: confusion.per_class(),
            labels: confusion.predicted(),
            unknown_labels,
            bad_lines,
        }
    }
}
