//! How well a model does on labelled connections of live traffic: files of Zeek, Suricata, Argus and so on whose records carry `label`
//! and perhaps `detailed-label`, as the sets of the Stratosphere laboratory do.
//!
//! Every connection is measured as it would be when it comes in, so a file is read from front to back, each as a capture of its own. What
//! counts is whether an attack is called normal, and something normal not: such sets name their attacks as they like. Records that are
//! neither benign nor malicious (`Background`, `Unknown`) are counted apart and judged by nobody.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::EvaluateError;
use crate::classify::{CHUNK, Classifier, Explain, LoadedModel};
use crate::event::ReceivedTime;
use crate::event::annotated::{Classification, Verdict};
use crate::features::{Gatherer, Matrix, Meter, Row, word_of};
use crate::normalise::records::{self, Format, SourceError};
use crate::normalise::{FieldId, Normaliser, View};

/// Where records have their label, and what they call it more closely.
const LABELS: [&str; 4] = ["label", "Label", "detailed-label", "detailedlabel"];
/// Labels of what is no attack.
const BENIGN: [&str; 2] = ["benign", "normal"];
/// Labels that say nothing.
const NOTHING: [&str; 5] = ["", "-", "(empty)", "background", "unknown"];

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConnectionReport {
    /// The model's name.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Files read.
    pub files: u64,
    /// Labelled connections.
    pub records: u64,
    /// Distinct ones of them: no two have the same features and label.
    pub distinct: u64,
    /// Mean of the share of attacks not called normal and of the share of normal ones called so.
    pub balanced_accuracy: f64,
    /// The same of the distinct ones.
    pub balanced_accuracy_distinct: f64,
    /// By label: of attacks the share not called normal, of `benign` the share called normal.
    pub recall: BTreeMap<String, f64>,
    /// Share of the normal ones that are not called normal, by whatever name.
    pub false_alarm_rate: f64,
    /// The same among 10,000.
    pub false_alarms_per_10000: f64,
    /// Share of all with the verdict unknown.
    pub unknown_rate: f64,
    /// By label how many are called what: the class of a known attack, `normal` or `unknown`.
    pub called: BTreeMap<String, BTreeMap<String, u64>>,
    /// Connections without a label that says something.
    pub unlabelled: u64,
    /// Connections of which too few features are known.
    pub unjudged: u64,
    /// Lines that could not be read.
    pub bad_lines: u64,
}

/// Judges the labelled connections of a file, or of all files below a folder.
///
/// # Errors
/// When a file cannot be read, or none holds a labelled connection.
pub fn connections(
    model: &LoadedModel,
    data: &Path,
    progress: &mut dyn FnMut(u64, &Path),
) -> Result<ConnectionReport, EvaluateError> {
    let mut judge = model.classifier_with(Explain::NEVER);
    let mut run = Run::new(judge.as_mut());
    for file in files(data).map_err(|source| EvaluateError::Read { file: data.to_owned(), source })? {
        run.file(&file, progress)?;
    }
    let Run { tally, .. } = run;
    if tally.records.all() == 0 {
        return Err(EvaluateError::NoLabelledConnection { file: data.to_owned(), unlabelled: tally.unlabelled });
    }
    Ok(tally.report(model))
}

/// The file itself, or all below the folder, in order.
fn files(data: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !data.is_dir() {
        return Ok(vec![data.to_owned()]);
    }
    let mut entries = std::fs::read_dir(data)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    let below: Vec<Vec<PathBuf>> = entries.iter().map(|entry| files(entry)).collect::<std::io::Result<_>>()?;
    Ok(below.concat())
}

/// An evaluation under way.
struct Run<'a> {
    classifier: &'a mut dyn Classifier,
    gatherer: Gatherer,
    waiting: Matrix,
    labels: Vec<String>,
    verdicts: Vec<Classification>,
    tally: Tally,
}

impl<'a> Run<'a> {
    fn new(classifier: &'a mut dyn Classifier) -> Self {
        Self {
            waiting: Matrix::new(classifier.space().shape()),
            gatherer: Gatherer::new(classifier.space().clone(), LABELS.len()),
            classifier,
            labels: Vec::with_capacity(CHUNK),
            verdicts: Vec::with_capacity(CHUNK),
            tally: Tally::default(),
        }
    }

    fn file(&mut self, file: &Path, progress: &mut dyn FnMut(u64, &Path)) -> Result<(), EvaluateError> {
        let paths: Vec<String> =
            LABELS.iter().map(|path| (*path).to_owned()).chain(self.gatherer.fields().iter().cloned()).collect();
        let (mut normaliser, mut meter) = (Normaliser::new(&paths), Meter::default());
        self.tally.files += 1;
        for event in records::open(file, Format::Auto, ReceivedTime::from_micros(0).as_event_time())? {
            let event = match event {
                Ok(event) => event,
                Err(SourceError::Line { .. } | SourceError::Capture { .. }) => {
                    self.tally.bad_lines += 1;
                    continue;
                }
                Err(fault) => return Err(fault.into()),
            };
            let Ok(view) = normaliser.read(event.as_bytes()) else {
                self.tally.bad_lines += 1;
                continue;
            };
            if let Some(measured) = meter.measure(&view) {
                match label(&view) {
                    None => self.tally.unlabelled += 1,
                    Some(label) => {
                        let (features, flow) = (Some(&measured.features), measured.flow.as_ref());
                        if self.gatherer.gather(features, flow, Some(&view), &mut self.waiting) {
                            self.labels.push(label);
                        } else {
                            self.tally.unjudged += 1;
                        }
                    }
                }
            }
            normaliser.recycle(view);
            if self.labels.len() == CHUNK {
                self.settle()?;
                progress(self.tally.records.all(), file);
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> Result<(), EvaluateError> {
        if self.labels.is_empty() {
            return Ok(());
        }
        self.verdicts.clear();
        self.classifier.classify(&self.waiting, &mut self.verdicts)?;
        let rows = self.waiting.rows(0..self.waiting.len());
        for ((verdict, label), row) in self.verdicts.iter().zip(self.labels.drain(..)).zip(rows.iter()) {
            self.tally.add(&label, verdict, row);
        }
        self.waiting.clear();
        Ok(())
    }
}

/// What a record is called: `benign`, or how an attack is called most closely; none where its label says nothing.
fn label(view: &View<'_>) -> Option<String> {
    let text = |place: usize| {
        let mut text = String::new();
        let value = view.field(FieldId(u32::try_from(place).expect("few fields")))?;
        Some(word_of(&value, &mut text).trim().to_owned())
    };
    let said = |text: &String| !NOTHING.contains(&text.to_lowercase().as_str());
    let plain = text(0).or_else(|| text(1)).filter(said)?;
    if BENIGN.contains(&plain.to_lowercase().as_str()) {
        return Some(BENIGN[0].to_owned());
    }
    Some(text(2).or_else(|| text(3)).filter(said).unwrap_or(plain))
}

/// What has been judged.
#[derive(Default)]
struct Tally {
    files: u64,
    records: Counts,
    distinct: Counts,
    seen: HashSet<[u8; 32]>,
    called: BTreeMap<String, BTreeMap<String, u64>>,
    unlabelled: u64,
    unjudged: u64,
    bad_lines: u64,
}

/// By label: how many, and how many of them were judged rightly.
#[derive(Default)]
struct Counts(BTreeMap<String, (u64, u64)>);

impl Tally {
    fn add(&mut self, label: &str, verdict: &Classification, row: Row<'_>) {
        let right = (verdict.verdict == Verdict::Normal) == (label == BENIGN[0]);
        self.records.add(label, right);
        if self.seen.insert(digest(label, row)) {
            self.distinct.add(label, right);
        }
        let called = match verdict.verdict {
            Verdict::Known => verdict.model.labels[usize::from(verdict.label)].name.as_str(),
            other => other.name(),
        };
        *self.called.entry(label.to_owned()).or_default().entry(called.to_owned()).or_default() += 1;
    }

    fn report(self, model: &LoadedModel) -> ConnectionReport {
        let info = model.info();
        let unknown: u64 = self.called.values().filter_map(|called| called.get(Verdict::Unknown.name())).sum();
        let alarms = 1.0 - self.records.right(|label| label == BENIGN[0]).unwrap_or(1.0);
        let recall = |(label, (all, right)): (&String, &(u64, u64))| (label.clone(), *right as f64 / *all as f64);
        ConnectionReport {
            model: info.name.clone(),
            version: info.version.clone(),
            files: self.files,
            records: self.records.all(),
            distinct: self.distinct.all(),
            balanced_accuracy: self.records.balanced(),
            balanced_accuracy_distinct: self.distinct.balanced(),
            recall: self.records.0.iter().map(recall).collect(),
            false_alarm_rate: alarms,
            false_alarms_per_10000: 1e4 * alarms,
            unknown_rate: unknown as f64 / self.records.all() as f64,
            called: self.called,
            unlabelled: self.unlabelled,
            unjudged: self.unjudged,
            bad_lines: self.bad_lines,
        }
    }
}

impl Counts {
    fn add(&mut self, label: &str, right: bool) {
        let count = self.0.entry(label.to_owned()).or_default();
        *count = (count.0 + 1, count.1 + u64::from(right));
    }

    fn all(&self) -> u64 {
        self.0.values().map(|(all, _)| all).sum()
    }

    /// Share judged rightly of all with such labels; none where there is none.
    fn right(&self, of: impl Fn(&str) -> bool) -> Option<f64> {
        let counts = self.0.iter().filter(|(label, _)| of(label)).map(|(_, count)| *count);
        let (all, right) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        (all > 0).then(|| right as f64 / all as f64)
    }

    /// The mean over attacks and what is none; of one alone where there is no other.
    fn balanced(&self) -> f64 {
        let sides = [self.right(|label| label == BENIGN[0]), self.right(|label| label != BENIGN[0])];
        let known: Vec<f64> = sides.into_iter().flatten().collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }
}

fn digest(label: &str, row: Row<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(label.as_bytes());
    for value in row.numeric {
        // every missing number is the same one, whatever its bits
        let bits = if value.is_nan() { u32::MAX } else { value.to_bits() };
        hasher.update(&bits.to_le_bytes());
    }
    for symbol in row.symbols {
        hasher.update(&symbol.number().to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The report as lines of text.
pub fn text(report: &ConnectionReport) -> String {
    let mut out = format!(
        "{} (version {}) on {} labelled connections, {} of them distinct, in {} files\n\n\
         balanced accuracy   {:.4}, of distinct ones {:.4}\n\
         false alarms        {:.1} of 10,000 normal connections\n\
         called unknown      {:.2} %\n\n",
        report.model,
        report.version,
        report.records,
        report.distinct,
        report.files,
        report.balanced_accuracy,
        report.balanced_accuracy_distinct,
        report.false_alarms_per_10000,
        100.0 * report.unknown_rate,
    );
    for (label, recall) in &report.recall {
        let mut called: Vec<(&String, &u64)> = report.called.get(label).into_iter().flatten().collect();
        called.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let called: Vec<String> = called.iter().map(|(name, count)| format!("{name} {count}")).collect();
        out.push_str(&format!("{label:<28} {:>6.2} % right; called {}\n", 100.0 * recall, called.join(", ")));
    }
    if report.unlabelled + report.unjudged + report.bad_lines > 0 {
        let (unlabelled, unjudged, bad) = (report.unlabelled, report.unjudged, report.bad_lines);
        out.push_str(&format!("\n{unlabelled} connections without a label, {unjudged} of which too little is known, {bad} bad lines\n"));
    }
    out
}
