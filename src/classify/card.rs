//! The card of a model: everything about it that is not a weight, as JSON.
//!
//! Unknown keys are refused, so that a card written for a newer form is not half understood. What the card
//! claims is compared with this program and with the weights in [`check`](super::check).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::drift::DriftCard;
use super::encode::Curve;
use super::labels::{mark_of, needs_content};
use super::quality::ClassFigures;
use super::typical::TypicalCard;
use crate::event::annotated::{AttackRef, Label, ModelInfo};
use crate::features::{CONTENT_GROUP, Feature, Kind, Space, SpaceFault};

/// The form of card that this program reads and writes.
pub const FORMAT: u32 = 2;

/// The card's file in a model folder.
pub const CARD_FILE: &str = "card.json";

/// The TorchScript file in the folder of a model that has one.
pub const SCRIPT_FILE: &str = "network.pt";

/// The weights' file in a model folder.
pub const WEIGHTS_FILE: &str = "weights.safetensors";

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// [`FORMAT`].
    pub format: u32,
    /// Such as `kdd99`.
    pub name: String,
    /// Such as `1`.
    pub version: String,
    /// What it is for, in a sentence.
    pub description: String,
    /// What it looks at.
    pub schema: Schema,
    /// How numbers are scaled.
    pub encoding: EncodingCard,
    /// What is usual of each feature, in order; empty where nothing is known of it, and then explanations cannot say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub typical: Vec<TypicalCard>,
    /// Sizes of the network.
    pub network: NetworkCard,
    /// The weights that belong to this card.
    pub weights: WeightsCard,
    /// The classes in the order of the outputs.
    pub labels: Vec<LabelCard>,
    /// How outputs become probabilities.
    pub calibration: Calibration,
    /// Which classes cannot be excluded; none for a model that states no coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformal: Option<ConformalCard>,
    /// How unlikeness is measured.
    pub novelty: NoveltyCard,
    /// When an event is taken for something unknown; none for a model that knows no ignorance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_set: Option<OpenSetCard>,
    /// How a class is decided on.
    pub decision: Decision,
    /// What it learned from; none where that is not known, as of an imported network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// What it does on data it has not seen; none where that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Where its training data lie, to see how far other data lie from them; older cards have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftCard>,
}

/// The features a model looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// [`Schema::digest`] of what stands below.
    pub hash: String,
    /// An event of which fewer features are known is not judged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub least_known: usize,
    /// Texts in the fields of events that mean that nothing is known, beside the empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The features in order, each with its kind and where an event has it.
    pub features: Vec<Feature>,
}

/// Scaling of the numeric features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodingCard {
    /// Scaled values are held within ± this.
    pub limit: f32,
    /// One entry per numeric feature, in order.
    pub numeric: Vec<NumericCard>,
    /// How symbols and missing values are encoded, in words.
    pub meaning: String,
}

/// Scaling of one numeric feature: (curve(x) − mean) / deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericCard {
    /// Its name.
    pub feature: String,
    /// How it is bent first.
    pub curve: Curve,
    /// Mean of the bent values in the training part.
    pub mean: f32,
    /// Their standard deviation, never smaller than a floor.
    pub deviation: f32,
}

/// Sizes of the network: dense layers with an activation between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkCard {
    /// Inputs after encoding.
    pub inputs: usize,
    /// The hidden layers.
    pub hidden: Vec<HiddenCard>,
    /// Classes.
    pub outputs: usize,
    /// A TorchScript file that takes what the one hidden layer makes and gives the outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<ScriptCard>,
}

/// A TorchScript file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptCard {
    /// BLAKE3 of the file, in hexadecimal digits.
    pub blake3: String,
    /// What it gives.
    pub gives: Gives,
}

/// What a network from elsewhere gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gives {
    /// Logits.
    #[default]
    Logits,
    /// Probabilities.
    Probabilities,
}

/// A hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenCard {
    /// How many units it has.
    pub units: usize,
    /// What is done with their sums.
    pub activation: Activation,
}

/// What is done with a unit's sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Negative sums become 0.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// Nothing.
    Linear,
}

/// The weights file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsCard {
    /// BLAKE3 of the file, in hexadecimal digits.
    pub blake3: String,
    /// Shape of each tensor.
    pub tensors: BTreeMap<String, Vec<usize>>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelCard {
    /// Such as `neptune`.
    pub name: String,
    /// One of the decision's categories.
    pub category: String,
    /// MITRE ATT&CK tactic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tactic: Option<AttackCard>,
    /// MITRE ATT&CK technique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technique: Option<AttackCard>,
    /// Risk of a certain detection, 0 to 100.
    pub risk: f32,
    /// The group of features that it shows itself in: where none of them is known it is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The feature that marks it by definition, where the model looks at it: where that is known to be 0 it is not told. The card's
    /// figures are those of the network alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// A tactic or technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackCard {
    /// `T1595`.
    pub id: String,
    /// `Active Scanning`.
    pub name: String,
}

/// How logits become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Logits are divided by this before the softmax.
    pub temperature: f32,
}

/// Which classes cannot be excluded: split conformal prediction, by groups of classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConformalCard {
    /// What the sets are, in words.
    pub meaning: String,
    /// Least chance that the set of a row holds its class, for rows drawn like the validation part.
    pub coverage: f64,
    /// The probability from which on a class belongs to the set, in the order of the labels.
    pub thresholds: Vec<f32>,
    /// Validation rows that the threshold of each class rests on.
    pub rests_on: Vec<u64>,
}

/// When an event is taken for something unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSetCard {
    /// What the thresholds mean and how they were chosen, in words.
    pub meaning: String,
    /// Whether the network has one output more than classes: the logit of rows that are like none of them.
    pub unlike_output: bool,
    /// An event of a normal class is normal while the belief that it is an attack, known or not, is at most this.
    pub normal_up_to: f32,
    /// An event of an attack's class is a known attack while the belief in something unlike all classes is at most this.
    pub known_up_to: f32,
    /// Other thresholds to choose from, by the false alarms that they cost, fewest first; empty where none were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<OperatingPoint>,
}

/// A threshold of alarms, and what it costs and finds on captures that were not learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Normal connections among 10,000 that are not called normal.
    pub false_alarms: f64,
    /// In the place of [`OpenSetCard::normal_up_to`].
    pub normal_up_to: f32,
    /// Share of the attacks that are not called normal.
    pub found: f64,
}

/// How unlikeness is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoveltyCard {
    /// What the figure is and is not, in words.
    pub meaning: String,
    /// Ranks 0 to 1, ascending.
    pub ranks: Vec<f32>,
    /// Raw unlikeness at these ranks of the validation part, ascending.
    pub quantiles: Vec<f32>,
}

/// How a class is decided on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The rule.
    pub rule: DecisionRule,
    /// The categories in the order of `costs`.
    pub categories: Vec<String>,
    /// Cost of each predicted category (column) for each actual one (row).
    pub costs: Vec<Vec<f64>>,
    /// By category: how many times its share in calibration it is assumed to have where least cost decides; empty where the
    /// shares are taken as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// By category: what an unknown attack counts for where least cost decides; empty where it counts for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<f64>,
}

/// Rules of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionRule {
    /// The most probable class.
    #[serde(alias = "arg_max")]
    MostProbable,
    /// The most probable class of the category that is expected to cost least.
    LeastCost,
}

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

impl Schema {
    /// The schema of a model that looks at `space`.
    pub fn of(space: &Space) -> Self {
        let (missing, features) = (space.missing().to_vec(), space.features().to_vec());
        let mut schema = Self { hash: String::new(), least_known: space.least_known(), missing, features };
        schema.hash = schema.digest();
        schema
    }

    /// The space that it describes.
    ///
    /// # Errors
    /// When it is none.
    pub fn space(&self) -> Result<Space, SpaceFault> {
        Ok(Space::new(self.features.clone(), self.least_known)?.with_missing(self.missing.clone()))
    }

    /// BLAKE3 over the features, their order and their words, in hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut put = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        };
        put(&self.least_known.to_string());
        self.missing.iter().for_each(|text| put(text));
        for feature in &self.features {
            put(&feature.name);
            put(feature.field.as_deref().unwrap_or("\u{1}"));
            put(feature.group.as_deref().unwrap_or("\u{1}"));
            match &feature.kind {
                Kind::Number => put("\u{1}"),
                Kind::Symbol(words) => words.iter().for_each(|word| put(word)),
            }
            put("\u{2}");
        }
        hasher.finalize().to_hex().to_string()
    }
}

impl Card {
    /// What verdicts refer to; `hash` is that of the card's file.
    pub fn info(&self, hash: &str) -> ModelInfo {
        ModelInfo {
            name: self.name.clone(),
            version: self.version.clone(),
            hash: hash.to_owned(),
            labels: self.labels.iter().map(LabelCard::label).collect(),
            features: self.schema.features.iter().map(|feature| feature.name.clone()).collect(),
        }
    }

    /// For each class, in order, whether it is told only where some feature of this group is known.
    pub fn needing(&self, group: &str) -> Vec<bool> {
        self.labels.iter().map(|label| label.needs.as_deref() == Some(group)).collect()
    }

    /// The card as it stands in its file.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a card has only string keys and finite numbers");
        bytes.push(b'\n');
        bytes
    }
}

impl LabelCard {
    /// The class as verdicts name it.
    pub fn label(&self) -> Label {
        let refer = |card: &Option<AttackCard>| {
            card.as_ref().map(|card| AttackRef { id: card.id.clone(), name: card.name.clone() })
        };
        Label {
            name: self.name.clone(),
            category: self.category.clone(),
            tactic: refer(&self.tactic),
            technique: refer(&self.technique),
            risk: self.risk,
        }
    }
}

impl From<Label> for LabelCard {
    fn from(label: Label) -> Self {
        let card = |attack: AttackRef| AttackCard { id: attack.id, name: attack.name };
        Self {
            needs: needs_content(&label.name).then(|| CONTENT_GROUP.to_owned()),
            mark: mark_of(&label.name).map(str::to_owned),
            name: label.name,
            category: label.category,
            tactic: label.tactic.map(card),
            technique: label.technique.map(card),
            risk: label.risk,
        }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_hash_changes_with_order_with_a_word_and_with_a_field() {
        let schema = Schema::of(&Space::kdd99());
        let changed = |change: fn(&mut Schema)| {
            let mut other = schema.clone();
            change(&mut other);
            other.digest()
        };
        let changes: [fn(&mut Schema); 4] = [
            |schema| schema.features.swap(4, 5),
            |schema| schema.features[3].kind = Kind::Symbol(vec!["SF".into()]),
            |schema| schema.features[4].field = Some("src_bytes".to_owned()),
            |schema| schema.least_known = 1,
        ];
        assert!(changes.into_iter().all(|change| changed(change) != schema.hash));
        assert_eq!(changed(|_| {}), schema.hash);
    }
}
