//! How well a model does on a file of labelled records.
//!
//! A file is read once, from front to back, and memory does not grow with its length. Labels that the model lacks are scored
//! by their family and as attacks that it has never seen; labels that nobody knows are counted apart; nothing in a file
//! ends an evaluation but that it cannot be read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::classify::card::{Card, DecisionRule};
use crate::classify::{CHUNK, Classifier, ClassifyError, Explain, LoadedModel};
use crate::event::annotated::Classification;
use crate::features::{FeatureVector, Gatherer, Matrix, Sample};
use crate::normalise::file::open_counting;

pub mod backtest;
pub mod connections;
mod families;
mod kdd;
mod masked;
pub mod page;
mod priors;
mod report;
pub mod series;
mod shown;
mod tally;
pub mod text;

pub use masked::masked;
pub use report::{BadLine, BadLines, ClassifierReport, ForeignLabels};

use families::Families;
use kdd::{Line, Lines};
use priors::Sketch;
use tally::Tally;

/// By which rule classes and families are decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// Classes as documents carry them, families by the least expected cost: as the cup scored.
    #[default]
    Cup,
    /// Both by the most probable class.
    MostProbable,
    /// Both by the least expected cost.
    LeastCost,
}

impl Rule {
    /// The rule that the model decides on classes by.
    pub fn of_classes(self) -> DecisionRule {
        match self {
            Self::Cup | Self::MostProbable => DecisionRule::MostProbable,
            Self::LeastCost => DecisionRule::LeastCost,
        }
    }
}

/// What is to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The records, plain or gzip.
    pub data: PathBuf,
    /// By which rule is decided.
    pub rule: Rule,
    /// Whether it is also measured how decisions come out when the shares of the families are estimated from the file.
    pub adapt_priors: bool,
}

/// Where an evaluation stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Lines read.
    pub lines: u64,
    /// Share of the file's bytes, 0 to 1.
    pub read: f64,
}

/// Why a file could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The data cannot be read.
    #[error("{}: cannot be read ({source}); give a KDD file with labels, plain or gzip", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No line of it is a labelled record.
    #[error("{}: none of its {lines} lines is a record with a label that is known{first}", file.display())]
    NothingToJudge {
        /// The file.
        file: PathBuf,
        /// Lines read.
        lines: u64,
        /// The first fault, in words.
        first: String,
    },
    /// The model looks at other features.
    #[error(
        "the model looks at '{feature}', which is a field of events and not a feature of KDD records; measure it on rows that have \
         it, with --spec SPEC (docs/evaluation.md)"
    )]
    OtherFeatures {
        /// The first of them.
        feature: String,
    },
    /// The model's card does not say which shares its probabilities assume.
    #[error(
        "the card of this model counts no validation rows by class, so it is not known which shares its probabilities assume; \
         leave --adapt-priors out"
    )]
    NoShares,
    /// The network cannot be run.
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    /// A file of events cannot be read.
    #[error(transparent)]
    Source(#[from] crate::normalise::records::SourceError),
    /// No connection has a label.
    #[error("{}: holds no connection with a label ({unlabelled} without); records must have `label`, as Zeek logs of labelled sets do", file.display())]
    NoLabelledConnection {
        /// The file or folder.
        file: PathBuf,
        /// Connections without one.
        unlabelled: u64,
    },
}

/// A row of labelled data that is no KDD file.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRow {
    /// In the space of the model.
    pub features: Sample,
    /// Its label.
    pub label: String,
    /// The family of the label, where the model lacks it.
    pub family: String,
}

/// Judges every record of a KDD file and compares; `progress` is told now and then how far it is. The model decides on classes by
/// the rule that was set for it ([`Rule::of_classes`] of that in `options`).
///
/// Lines that are no labelled record are counted and reported, and spoil nothing.
///
/// # Errors
/// When the file cannot be read, holds no labelled record, or the network cannot be run.
pub fn classifier(
    model: &LoadedModel,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<ClassifierReport, EvaluateError> {
    if let Some(feature) = model.space().features().iter().find(|feature| feature.field.is_some()) {
        return Err(EvaluateError::OtherFeatures { feature: feature.name.clone() });
    }
    let mut judge = model.classifier_with(Explain::NEVER);
    let run = Run::new(model.card(), options, judge.as_mut())?;
    let done = run.file(&options.data, progress)?;
    Ok(ClassifierReport::new(model.card(), options, done))
}

/// The same for rows that `read` gives, each with its line, or the reason why it is none.
///
/// # Errors
/// What `read` gives, when there is no labelled row, or when the network cannot be run.
pub fn rows<E: From<EvaluateError>>(
    model: &LoadedModel,
    options: &Options,
    read: impl FnOnce(&mut dyn FnMut(u64, Result<LabelledRow, String>)) -> Result<(), E>,
) -> Result<ClassifierReport, E> {
    let mut judge = model.classifier_with(Explain::NEVER);
    let mut run = Run::new(model.card(), options, judge.as_mut())?;
    let (mut lines, mut fault) = (0, None);
    read(&mut |line, row| {
        lines = line;
        if fault.is_none() {
            fault = run.take_row(line, row).err();
        }
    })?;
    let done = fault.map_or_else(|| run.done(), Err)?;
    done.some_were_judged(&options.data, lines)?;
    Ok(ClassifierReport::new(model.card(), options, done))
}

/// The shares of the families that a model's probabilities were calibrated on.
fn assumed(card: &Card) -> Result<Vec<f64>, EvaluateError> {
    let training = card.training.as_ref().ok_or(EvaluateError::NoShares)?;
    let of_label = |name: &str| training.classes.iter().find(|class| class.label == name);
    let rows = |category: &String| -> u64 {
        let labels = card.labels.iter().filter(|label| label.category == *category);
        labels.filter_map(|label| of_label(&label.name)).map(|class| class.validation).sum()
    };
    let rows: Vec<u64> = card.decision.categories.iter().map(rows).collect();
    let all: u64 = rows.iter().sum();
    if all == 0 {
        return Err(EvaluateError::NoShares);
    }
    Ok(rows.into_iter().map(|rows| rows as f64 / all as f64).collect())
}

/// An evaluation while it runs.
struct Run<'a> {
    started: Instant,
    tally: Tally,
    classifier: &'a mut dyn Classifier,
    gatherer: Gatherer,
    waiting: Matrix,
    labels: Vec<(u64, String)>,
    verdicts: Vec<Classification>,
    bad: BadLines,
    foreign: ForeignLabels,
    judging: Duration,
    judged: u64,
}

/// What a run has found.
struct Done {
    tally: Tally,
    bad: BadLines,
    foreign: ForeignLabels,
    /// Time in the classifier, and of everything.
    judging: Duration,
    took: Duration,
    /// Records that went through the classifier.
    judged: u64,
}

/// Why a row is not judged, as an event would not be.
const TOO_LITTLE: &str = "fewer features are known than the model needs";

impl Done {
    fn some_were_judged(&self, file: &Path, lines: u64) -> Result<(), EvaluateError> {
        if self.tally.records() > 0 {
            return Ok(());
        }
        let first = self.bad.first.first().map(|bad| format!("; line {}: {}", bad.line, bad.reason));
        let first = first.or_else(|| self.foreign.first()).unwrap_or_default();
        Err(EvaluateError::NothingToJudge { file: file.to_owned(), lines, first })
    }
}

impl<'a> Run<'a> {
    fn new(card: &Card, options: &Options, classifier: &'a mut dyn Classifier) -> Result<Self, EvaluateError> {
        let sketch = options.adapt_priors.then(|| assumed(card)).transpose()?.map(Sketch::new);
        let labels: Vec<String> = card.labels.iter().map(|label| label.name.clone()).collect();
        Ok(Self {
            started: Instant::now(),
            tally: Tally::new(Families::new(card), &labels, options.rule, sketch),
            waiting: Matrix::new(classifier.space().shape()),
            gatherer: Gatherer::new(Arc::clone(classifier.space()), 0),
            classifier,
            labels: Vec::with_capacity(CHUNK),
            verdicts: Vec::with_capacity(CHUNK),
            bad: BadLines::default(),
            foreign: ForeignLabels::default(),
            judging: Duration::ZERO,
            judged: 0,
        })
    }

    /// Judges a whole file.
    fn file(mut self, file: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Done, EvaluateError> {
        let failed = |source| EvaluateError::Read { file: file.to_owned(), source };
        let (size, read) = (std::fs::metadata(file).map_err(failed)?.len(), Arc::default());
        let mut lines = Lines::new(open_counting(file, &read).map_err(failed)?);
        while let Some(line) = lines.next().map_err(failed)? {
            match line {
                Line::Record(features, label) => {
                    if self.take(lines.number(), *features, label)? {
                        let read = read.load(Ordering::Relaxed) as f64 / size.max(1) as f64;
                        progress(Progress { lines: lines.number(), read: read.min(1.0) });
                    }
                }
                Line::Empty => {}
                Line::Bad(reason) => self.bad.add(lines.number(), reason),
            }
        }
        let done = self.done()?;
        progress(Progress { lines: lines.number(), read: 1.0 });
        done.some_were_judged(file, lines.number())?;
        Ok(done)
    }

    /// Takes in the next record; says whether those that were waiting have been judged.
    fn take(&mut self, line: u64, features: FeatureVector, label: String) -> Result<bool, EvaluateError> {
        if !self.gatherer.gather(Some(&features), None, None, &mut self.waiting) {
            self.bad.add(line, TOO_LITTLE.to_owned());
            return Ok(false);
        }
        self.wait(line, label)
    }

    /// Takes in the next row.
    fn take_row(&mut self, line: u64, row: Result<LabelledRow, String>) -> Result<(), EvaluateError> {
        match row {
            Err(reason) => self.bad.add(line, reason),
            Ok(row) if row.features.row().known() < self.classifier.space().least_known() => {
                self.bad.add(line, TOO_LITTLE.to_owned());
            }
            Ok(row) => {
                self.tally.declare(&row.label, &row.family);
                self.waiting.push(row.features.row());
                self.wait(line, row.label)?;
            }
        }
        Ok(())
    }

    /// Notes the label of the row that came last; says whether those that were waiting have been judged.
    fn wait(&mut self, line: u64, label: String) -> Result<bool, EvaluateError> {
        self.labels.push((line, label));
        if self.waiting.len() < CHUNK {
            return Ok(false);
        }
        self.settle()?;
        Ok(true)
    }

    /// Judges the rest.
    fn done(mut self) -> Result<Done, EvaluateError> {
        self.settle()?;
        let Self { tally, bad, foreign, judging, judged, started, .. } = self;
        Ok(Done { tally, bad, foreign, judging, took: started.elapsed(), judged })
    }

    fn settle(&mut self) -> Result<(), EvaluateError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        self.verdicts.clear();
        self.classifier.classify(&self.waiting, &mut self.verdicts)?;
        self.judging += started.elapsed();
        self.judged += self.waiting.len() as u64;
        for ((event, verdict), (line, label)) in self.verdicts.iter().enumerate().zip(self.labels.drain(..)) {
            if !self.tally.add(&label, verdict, self.classifier.probabilities(event)) {
                self.foreign.add(line, label);
            }
        }
        self.waiting.clear();
        Ok(())
    }
}

#[cfg(all(test, feature = "torch"))]
mod tests;
