//! How a network from elsewhere is fed, and what its outputs mean: a YAML file beside it, read like the configuration.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ImportError;
use crate::classify::card::{Activation, Gives, LabelCard};
use crate::classify::declare::{AttackSpec, LabelSpec};
use crate::classify::encode::Curve;
use crate::classify::labels::label_of;
use crate::config;
use crate::features::{Feature, Kind, NAMES};

/// A recipe as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// Its version.
    #[serde(default = "one")]
    pub version: String,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub description: String,
    /// What it looks at, in the order of its inputs.
    pub features: Vec<FeatureRecipe>,
    /// What its outputs stand for, in order.
    pub labels: Vec<LabelRecipe>,
    /// The layers of a safetensors file, in order; other files name their own.
    #[serde(default)]
    pub layers: Vec<LayerRecipe>,
    /// What the outputs of a TorchScript file are; of other files it is seen.
    #[serde(default)]
    pub gives: Gives,
    /// What logits are divided by before the softmax: more than 1 for a network that is too sure of itself.
    #[serde(default = "one_degree")]
    #[schemars(range(min = 0.01, max = 100))]
    pub temperature: f32,
    /// An event is judged where at least so many features are known; one without this key.
    #[serde(default)]
    pub least_known: Option<usize>,
    /// Texts in the fields of events that stand for "not known", beside the empty one.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// A feature, and what the network was fed for it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureRecipe {
    /// Its name: one of the 41 of KDD-99, which are measured, or any with a field.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// The path of the field in events.
    #[serde(default)]
    pub field: Option<String>,
    /// What its values are.
    pub kind: KindRecipe,
    /// The words of a symbol, in the order of their codes.
    #[serde(default)]
    pub words: Vec<String>,
    /// How words become inputs.
    #[serde(default)]
    pub encoding: WordEncoding,
    /// The code of a word that the network was not trained with; without it such a word adds nothing.
    #[serde(default)]
    pub unknown: Option<f32>,
    /// What a value that is not known counts as, before scaling; without it it adds nothing.
    #[serde(default)]
    pub missing: Option<f32>,
    /// How a number is bent before it is scaled.
    #[serde(default)]
    pub curve: CurveRecipe,
    /// How it is scaled; left as it is without this key.
    #[serde(default)]
    pub scale: Option<ScaleRecipe>,
}

/// What the values of a feature are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindRecipe {
    /// Numbers.
    Number,
    /// Words.
    Symbol,
}

/// How words become inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WordEncoding {
    /// One input: the place of the word in the list, counted from 0, as scikit-learn's LabelEncoder has it.
    #[default]
    Label,
    /// An input for each word, 1 where it is this word.
    OneHot,
}

/// How a number is bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CurveRecipe {
    /// Not at all.
    #[default]
    Linear,
    /// ln(1 + x).
    Log1p,
}

/// How a number is scaled, by one of two pairs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleRecipe {
    /// Standard scaling: what becomes 0.
    #[serde(default)]
    pub mean: Option<f32>,
    /// Standard scaling: what is divided by.
    #[serde(default)]
    pub deviation: Option<f32>,
    /// Min-max scaling: what becomes 0.
    #[serde(default)]
    pub least: Option<f32>,
    /// Min-max scaling: what becomes 1.
    #[serde(default)]
    pub greatest: Option<f32>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelRecipe {
    /// Its name; of a label of the KDD-99 files the rest is known.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
    /// Its family, `normal` for events that are no attack.
    #[serde(default)]
    pub category: Option<String>,
    /// Risk of a certain detection.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub risk: Option<f32>,
    /// MITRE ATT&CK tactic.
    #[serde(default)]
    pub tactic: Option<AttackSpec>,
    /// MITRE ATT&CK technique.
    #[serde(default)]
    pub technique: Option<AttackSpec>,
}

/// A dense layer of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerRecipe {
    /// The tensor of its weights.
    pub weight: String,
    /// The tensor of its biases; none where it has no biases.
    #[serde(default)]
    pub bias: Option<String>,
    /// How the weights lie: `inputs_first` as in Keras, `outputs_first` as in PyTorch.
    #[serde(default)]
    pub order: Order,
    /// What stands behind it.
    pub activation: AfterLayer,
}

/// How weights lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// A row for each output.
    #[default]
    OutputsFirst,
    /// A row for each input.
    InputsFirst,
}

/// What stands behind a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterLayer {
    /// max(x, 0).
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// Nothing.
    Linear,
    /// Shares that sum to 1; behind the last layer only.
    Softmax,
}

impl AfterLayer {
    /// As a hidden layer has it; none for softmax.
    pub fn hidden(self) -> Option<Activation> {
        match self {
            Self::Relu => Some(Activation::Relu),
            Self::Tanh => Some(Activation::Tanh),
            Self::Sigmoid => Some(Activation::Sigmoid),
            Self::Linear => Some(Activation::Linear),
            Self::Softmax => None,
        }
    }
}

fn one() -> String {
    "1".to_owned()
}

fn one_degree() -> f32 {
    1.0
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// With every fault of the file.
    pub fn load(file: &Path) -> Result<Self, ImportError> {
        let recipe: Self = config::document(file)?;
        for feature in &recipe.features {
            feature.check().map_err(|what| ImportError::Recipe {
                file: file.to_owned(),
                key: format!("features.{}", feature.name),
                what: what.to_owned(),
            })?;
        }
        Ok(recipe)
    }

    /// The classes as a card has them.
    pub fn labels(&self) -> Vec<LabelCard> {
        self.labels.iter().map(LabelRecipe::card).collect()
    }
}

impl FeatureRecipe {
    fn check(&self) -> Result<(), &'static str> {
        let symbol = self.kind == KindRecipe::Symbol;
        let mut words = self.words.clone();
        words.sort();
        words.dedup();
        if symbol == self.words.is_empty() {
            return Err(if symbol { "a symbol needs its words" } else { "words are for symbols" });
        }
        if words.len() < self.words.len() {
            return Err("a word stands there twice");
        }
        if symbol && self.curve == CurveRecipe::Log1p {
            return Err("a curve is for numbers");
        }
        if self.encoding == WordEncoding::OneHot && (self.scale.is_some() || self.unknown.is_some()) {
            return Err("one_hot inputs are 0 and 1: no scale, and no code for unknown words");
        }
        if self.field.is_none() && !NAMES.contains(&self.name.as_str()) {
            return Err(
                "is none of the features that this program measures; give the field of the event that holds it",
            );
        }
        self.scaling().map(|_| ())
    }

    /// What becomes 0, and what is divided by.
    ///
    /// # Errors
    /// When the recipe does not say one pair of numbers that can scale.
    pub fn scaling(&self) -> Result<(f32, f32), &'static str> {
        let Some(scale) = self.scale else { return Ok((0.0, 1.0)) };
        let (from, unit) = match (scale.mean, scale.deviation, scale.least, scale.greatest) {
            (Some(mean), Some(deviation), None, None) => (mean, deviation),
            (None, None, Some(least), Some(greatest)) => (least, greatest - least),
            _ => return Err("scale takes mean and deviation, or least and greatest"),
        };
        // a feature that never changed in training: the scalers that people use leave it in units of 1
        let unit = if unit == 0.0 { 1.0 } else { unit };
        let sound = from.is_finite() && unit.is_normal() && unit > 0.0 && (1.0 / unit).is_finite();
        if sound { Ok((from, unit)) } else { Err("scale must be finite, and its unit positive") }
    }

    /// How many inputs the network has for it.
    pub fn inputs(&self) -> usize {
        if self.kind == KindRecipe::Symbol && self.encoding == WordEncoding::OneHot { self.words.len() } else { 1 }
    }

    /// It as a space has it: its words sorted.
    pub fn feature(&self) -> Feature {
        let mut words: Vec<Arc<str>> = self.words.iter().map(|word| Arc::from(word.as_str())).collect();
        words.sort();
        Feature {
            name: self.name.clone(),
            field: self.field.clone(),
            group: None,
            kind: if self.kind == KindRecipe::Symbol { Kind::Symbol(words) } else { Kind::Number },
        }
    }

    /// How it is bent.
    pub fn curve(&self) -> Curve {
        match self.curve {
            CurveRecipe::Linear => Curve::Linear,
            CurveRecipe::Log1p => Curve::Log1p,
        }
    }
}

impl LabelRecipe {
    fn card(&self) -> LabelCard {
        let known = label_of(&self.name).filter(|_| self.category.is_none()).map(LabelCard::from);
        let declared = LabelSpec {
            category: self.category.clone().or(known.as_ref().map(|known| known.category.clone())),
            risk: self.risk.or(known.as_ref().map(|known| known.risk)),
            tactic: self.tactic.clone(),
            technique: self.technique.clone(),
        };
        let card = declared.card(&self.name);
        let (tactic, technique) = known.map(|known| (known.tactic, known.technique)).unwrap_or_default();
        LabelCard { tactic: card.tactic.or(tactic), technique: card.technique.or(technique), ..card }
    }
}
