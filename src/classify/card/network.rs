//! What a card says of the network and its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
