//! Makes models: data file in, model folder out.
//!
//! Equal rows never lie on both sides of a split; everything is decided by the seed, so the same data, settings and
//! machine give the same weights. What the card says of quality was measured on rows that training has not seen.

use std::path::PathBuf;

use crate::classify::card::Card;

pub mod dataset;
mod error;
mod export;
mod fit;
mod kdd;
mod measure;

pub use error::TrainError;
pub use kdd::kdd99;

/// What to train and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A KDD file, plain or gzip, or a folder that holds `kddcup.data_10_percent.gz`.
    pub data: PathBuf,
    /// The model folder to write; one that is there is replaced once the new one is complete.
    pub output: PathBuf,
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Decides the split, the first weights, the order of the rows and what is masked.
    pub seed: u64,
    /// Passes over as many rows as the training part has; 0 writes the untrained network.
    pub epochs: u32,
    /// Rows in a step.
    pub batch: usize,
    /// Units of the hidden layers.
    pub hidden: Vec<usize>,
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
    /// Share of training rows of which single features are masked.
    pub mask_single: f64,
    /// Classes that are left out of training, to see how novel they come out.
    pub leave_out: Vec<String>,
}

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress {
    /// The file is read.
    Read {
        /// Lines.
        records: u64,
        /// Distinct rows.
        distinct: u64,
    },
    /// A pass is done.
    Epoch {
        /// Counted from 1.
        epoch: u32,
        /// How many there will be.
        of: u32,
        /// Mean loss on the training rows, in nats.
        loss: f64,
        /// Macro F1 of the frequent classes on the validation part, mean of whole rows and rows without content
        /// features; what the best epoch is chosen by.
        validation: f64,
    },
}

/// What training made.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The model folder.
    pub folder: PathBuf,
    /// The card in it, with the quality on the test part.
    pub card: Card,
    /// Novelty of rows of the classes that were left out, as measured on all their rows.
    pub left_out: Vec<LeftOut>,
}

/// How a class that training has not seen comes out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The class.
    pub label: String,
    /// Its distinct rows.
    pub rows: u64,
    /// Share of them judged normal.
    pub normal: f64,
    /// Share of them judged normal with a novelty below 0.99.
    pub normal_and_ordinary: f64,
    /// Chance that one of them is more novel than a row of the test part (area under the ROC curve).
    pub novelty_auc: f64,
}

impl Settings {
    /// The settings that the built-in model was trained with.
    pub fn new(data: PathBuf, output: PathBuf) -> Self {
        Self {
            data,
            output,
            name: "kdd99".to_owned(),
            version: "1".to_owned(),
            seed: 1999,
            epochs: 16,
            batch: 512,
            hidden: vec![128, 64],
            rate: 3e-3,
            decay: 1e-2,
            threads: 1,
            class_power: 0.5,
            repeat_power: 0.25,
            mask_content: 0.35,
            mask_single: 0.25,
            leave_out: Vec::new(),
        }
    }
}
