//! What is added to an event: the verdict on it and the scores of the metrics it touches.

use std::sync::Arc;

use super::Probability;

/// What a class of a model stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The class, such as `neptune`.
    pub name: String,
    /// Its family: `normal`, `probe`, `dos`, `u2r`, `r2l` for KDD-99.
    pub category: String,
    /// MITRE ATT&CK tactic, where the class has one.
    pub tactic: Option<AttackRef>,
    /// MITRE ATT&CK technique, where the class has one.
    pub technique: Option<AttackRef>,
    /// Risk of a certain detection, 0 to 100; `event.risk_score` is this times the probability.
    pub risk: f32,
}

impl Label {
    /// Whether this is the class of events that are no attack.
    pub fn is_normal(&self) -> bool {
        self.category == "normal"
    }
}

/// A tactic or technique of MITRE ATT&CK.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackRef {
    /// `TA0043`, `T1595.001`.
    pub id: String,
    /// `Reconnaissance`, `Scanning IP Blocks`.
    pub name: String,
}

/// What a verdict refers to by number: the model's name, version, classes and features.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Such as `kdd99`.
    pub name: String,
    /// Such as `1`.
    pub version: String,
    /// BLAKE3 of its card in hexadecimal digits; as the card names the hash of the weights, it is that of both.
    pub hash: String,
    /// The classes, in the order of the network's outputs.
    pub labels: Vec<Label>,
    /// The features, in the order of the network's inputs before encoding.
    pub features: Vec<String>,
}

/// How many classes a verdict names.
pub const TOP: usize = 3;

/// The verdict of a model on one event.
#[derive(Debug, Clone)]
pub struct Classification {
    /// Who judged.
    pub model: Arc<ModelInfo>,
    /// The class decided on: index into the model's labels.
    pub label: u16,
    /// Calibrated probability of that class.
    pub probability: Probability,
    /// The most probable classes, best first.
    pub top: [(u16, Probability); TOP],
    /// How unlike the training data the event is: 0 (like it) to 1 (unlike).
    pub novelty: Probability,
    /// Features that were known for this event; the rest were missing and judged as such.
    pub features_known: u16,
    /// What spoke for the class, strongest first; empty where it was not asked for.
    pub explanation: Vec<Contribution>,
}

/// What one feature contributed to a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Index into the model's features.
    pub feature: u16,
    /// The event's value: a number, or a symbol such as `tcp`.
    pub value: FeatureValue,
    /// Share of the class's logit, in logits: positive speaks for the class.
    pub contribution: f32,
}

/// The value of a feature as a person reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureValue {
    /// A measured number.
    Number(f32),
    /// A symbol, such as a service.
    Symbol(Arc<str>),
    /// Not known for this event.
    Missing,
}
