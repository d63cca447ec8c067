//! What a card says of how outputs become verdicts.

use serde::{Deserialize, Serialize};

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
