//! What a card says of how the model was made, and how good it was on what it had not seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::quality::ClassFigures;
use super::super::reliability::CurvePoint;

/// What a model learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Name of the data file.
    pub data: String,
    /// BLAKE3 of its content, decompressed.
    pub blake3: String,
    /// A second file that gave rows which the first lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<AlsoCard>,
    /// Lines read.
    pub records: u64,
    /// Rows that differ in features or label.
    pub distinct: u64,
    /// How the parts were made, in words.
    pub split: String,
    /// Seed of the split, the first weights, the order and the masks.
    pub seed: u64,
    /// The numbers among the settings of training.
    pub settings: BTreeMap<String, f64>,
    /// Passes over the training part, and the one whose weights were kept.
    pub epochs: u32,
    /// The pass whose weights were kept, counted from 1.
    pub best_epoch: u32,
    /// Counts by class.
    pub classes: Vec<ClassCounts>,
}

/// A second data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsoCard {
    /// Name of the file.
    pub data: String,
    /// BLAKE3 of its content, decompressed.
    pub blake3: String,
    /// Its rows that the first file lacks.
    pub distinct: u64,
}

/// How many rows of a class there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassCounts {
    /// The class.
    pub label: String,
    /// Lines of the file.
    pub records: u64,
    /// Distinct rows.
    pub distinct: u64,
    /// Distinct rows in the training part.
    pub training: u64,
    /// In the validation part.
    pub validation: u64,
    /// In the test part.
    pub test: u64,
}

/// Quality on the test part, which training has not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// With all features.
    pub whole: Figures,
    /// With the content features (columns 10 to 22) missing, as connection logs lack them; none where the model has no
    /// such features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_missing: Option<Figures>,
    /// A class counts as frequent from this many distinct rows in the file on.
    pub frequent_from: u64,
    /// Share of the test rows whose conformal set holds their class, and how many classes the sets have in the mean; none
    /// for a model that states no coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<SetFigures>,
    /// How attacks come out that training has not seen, from models that were trained without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never_seen: Vec<LeftOut>,
    /// How each class of each capture comes out with networks that have learned nothing of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<CaptureFigures>,
}

/// How a class of a capture comes out that training has not seen. Shares are of records, except where they are of distinct rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureFigures {
    /// The capture.
    pub capture: String,
    /// The class.
    pub label: String,
    /// Its records.
    pub records: u64,
    /// Its distinct rows.
    pub distinct: u64,
    /// Share not called normal: found, or for the normal class false alarms.
    pub not_normal: f64,
    /// The same of the distinct rows.
    pub not_normal_distinct: f64,
    /// Share called by its own family.
    pub family: f64,
    /// Share called unknown.
    pub unknown: f64,
}

/// What conformal sets are like on the test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFigures {
    /// Share of the distinct rows whose set holds their class.
    pub covered: f64,
    /// The same by category.
    pub covered_by_category: BTreeMap<String, f64>,
    /// Mean number of classes.
    pub mean_size: f64,
}

/// How a class that training has not seen comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The class.
    pub label: String,
    /// Its distinct rows.
    pub rows: u64,
    /// Share of them with the verdict normal.
    pub called_normal: f64,
    /// Share with the verdict unknown; the rest are taken for another attack.
    pub called_unknown: f64,
    /// Chance that one of them is more probably an attack, known or not, than a normal row of the test part (area under the
    /// ROC curve).
    pub alarm_auc: f64,
    /// Chance that one of them is more novel than a row of the test part.
    pub novelty_auc: f64,
}

/// Figures of one view of the test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Each distinct row counted once.
    pub distinct: Scores,
    /// Each row counted as often as it occurs in the file.
    pub weighted: Scores,
    /// Expected calibration error (15 equal bins, distinct rows) without the temperature.
    pub calibration_error_before: f64,
    /// The same with it.
    pub calibration_error_after: f64,
    /// Distinct rows by their class, then by the class that is most probable; zeros are left out. Empty in cards of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confusion: BTreeMap<String, BTreeMap<String, u64>>,
    /// How often the most probable class is right, by how probable it is said to be: the bins of the error above that hold
    /// rows. Empty in cards of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<CurvePoint>,
}

/// Scores under one way of counting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Rows counted.
    pub records: u64,
    /// Share judged right.
    pub accuracy: f64,
    /// Mean F1 of the frequent classes.
    pub macro_f1_frequent: f64,
    /// Mean F1 of all classes in the part.
    pub macro_f1_all: f64,
    /// Share of normal rows judged an attack.
    pub false_alarms: f64,
    /// Mean cost per row by the decision costs.
    pub cost: f64,
    /// Figures by class.
    pub per_class: BTreeMap<String, ClassFigures>,
}
