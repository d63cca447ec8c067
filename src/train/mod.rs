//! Makes models: data file in, model folder out.
//!
//! Equal rows never lie on both sides of a split; everything is decided by the seed, so the same data, settings and
//! machine give the same weights. What the card says of quality was measured on rows that training has not seen.

use std::path::PathBuf;

use crate::classify::card::Card;

mod adversary;
mod calibrate;
mod captures;
mod crossed;
pub mod dataset;
mod draws;
mod ensemble;
mod error;
mod fit;
mod fitted;
mod kdd;
mod measure;
mod own;
mod pace;
mod ready;
mod rehearse;
mod shown;
mod teachers;
mod trained;
mod trainee;
mod typical;
mod unlike;

pub use calibrate::calibrate;
pub use error::TrainError;
pub use kdd::{kdd99, own, rows};
pub use own::{Labelled, Own, OwnError, Spec, labelled};

/// Scaled values are held within ± this.
const LIMIT: f32 = 10.0;

/// A figure without the digits in which two runs may differ: a product of matrices is not summed in the same order wherever
/// they lie in memory.
fn steady(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

/// What to train and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A KDD file, plain or gzip, or a folder that holds `kddcup.data_10_percent.gz`.
    pub data: PathBuf,
    /// More KDD rows, NSL-KDD for one; those that the first file has too are passed over.
    pub also: Option<PathBuf>,
    /// The model folder to write; one that is there is replaced once the new one is complete.
    pub output: PathBuf,
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Decides the split, the first weights, the order of the rows and what is masked.
    pub seed: u64,
    /// Passes of each member over as many rows as the training part has.
    pub epochs: u32,
    /// Rows in a step.
    pub batch: usize,
    /// Networks whose logits are averaged.
    pub members: u16,
    /// Units of the hidden layers of each.
    pub hidden: Vec<usize>,
    /// The one network that learns from the others and stands for them; none lays them out as one.
    pub student: Option<Student>,
    /// Highest step width of the optimiser (AdamW); it falls to nearly nothing along a cosine.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
    /// Threads for libtorch; results are the same for the same number. The network is so small that one is as fast as
    /// two on a quiet machine, and on a busy one two wait for each other.
    pub threads: u16,
    /// How far classes are evened out: a class of n distinct rows is drawn in proportion to n to the power of this.
    pub class_power: f64,
    /// How much repetition counts: a row that occurs n times is drawn in proportion to n to the power of this.
    pub repeat_power: f64,
    /// Share of training rows whose content features are masked.
    pub mask_content: f64,
    /// Share of training rows in which a group of features is masked that may be missing together, where there is no content.
    pub mask_group: f64,
    /// Share of training rows of which single features are masked.
    pub mask_single: f64,
    /// Share of training rows of which every feature is masked with a chance of one half: rows of which little is known.
    pub mask_half: f64,
    /// Made-up rows that are like no class, for each row of the data.
    pub made_up: f64,
    /// How far numbers are moved at random, in their standard deviations.
    pub noise: f64,
    /// How far all that a host does goes faster or slower at random: the standard deviation of the factor's logarithm.
    pub pace: f64,
    /// Share of the certainty that is spread over all classes.
    pub smoothing: f64,
    /// Share of the rows that are mixed with another one of their class.
    pub mix: f64,
    /// How much the network heeds an adversary who guesses captures; 0 for none.
    pub adversary: f64,
    /// Share of the validation rows that are normal which may be taken for something else.
    pub false_alarms: f64,
    /// Least share of rows whose conformal set is to hold their class.
    pub coverage: f64,
    /// Whether to train six more times, each time without some attacks, to find out how attacks come out that are not known.
    pub rehearse: bool,
    /// In how many rounds the groups of captures are left out in turn; each has one of its own where none is given.
    pub rounds: Option<usize>,
    /// Classes that are left out of training, to see how novel they come out.
    pub leave_out: Vec<String>,
}

/// One network that learns what several make of the rows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Student {
    /// Units of its hidden layers.
    pub hidden: Vec<usize>,
    /// Its passes over as many rows as there are.
    pub epochs: u32,
}

/// Where training stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The file is read.
    Read {
        /// Lines.
        records: u64,
        /// Distinct rows.
        distinct: u64,
    },
    /// A model is trained that will judge attacks it has not seen, and is then thrown away.
    Rehearsal {
        /// Counted from 1.
        round: usize,
        /// How many there will be.
        of: usize,
        /// The attacks.
        without: String,
    },
    /// A pass is done.
    Epoch {
        /// Counted from 1.
        epoch: u32,
        /// How many there will be.
        of: u32,
        /// Mean loss on the training rows and the made-up ones, in nats.
        loss: f64,
    },
}

/// What training made.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The model folder.
    pub folder: PathBuf,
    /// The card in it, with the quality on the test part.
    pub card: Card,
}

impl Settings {
    /// Passes of all networks of one fitting together.
    pub fn passes(&self) -> u32 {
        self.epochs * u32::from(self.members) + self.student.as_ref().map_or(0, |student| student.epochs)
    }

    /// The same for a spec with captures: what is alike within a capture is soon learned by heart, so the networks are smaller and see
    /// it less often.
    #[must_use]
    pub fn of_captures(self) -> Self {
        Self { epochs: 4, members: 2, hidden: vec![64, 32], decay: 3e-2, repeat_power: 0.0, false_alarms: 0.01, ..self }
    }

    /// The settings that the built-in model was trained with.
    pub fn new(data: PathBuf, output: PathBuf) -> Self {
        Self {
            data,
            also: None,
            output,
            name: "kdd99".to_owned(),
            version: "3".to_owned(),
            seed: 1999,
            epochs: 16,
            batch: 512,
            members: 3,
            hidden: vec![96, 48],
            student: None,
            rate: 3e-3,
            decay: 1e-2,
            threads: 1,
            class_power: 0.5,
            repeat_power: 0.25,
            mask_content: 0.35,
            mask_group: 0.2,
            mask_single: 0.25,
            mask_half: 0.02,
            made_up: 0.5,
            noise: 0.0,
            pace: 0.0,
            smoothing: 0.0,
            mix: 0.0,
            adversary: 0.0,
            false_alarms: 0.003,
            coverage: 0.95,
            rehearse: false,
            rounds: None,
            leave_out: Vec::new(),
        }
    }
}
