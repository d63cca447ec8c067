//! The card of a model: everything about it that is not a weight, as JSON.
//!
//! Unknown keys are refused, so that a card written for a newer form is not half understood. What the card
//! claims is compared with this program and with the weights in [`check`](super::check).

mod deciding;
mod label;
mod network;
mod schema;
mod training;

pub use deciding::{Calibration, ConformalCard, Decision, DecisionRule, NoveltyCard, OpenSetCard, OperatingPoint};
pub use label::{AttackCard, LabelCard};
pub use network::{Activation, Gives, HiddenCard, NetworkCard, ScriptCard, WeightsCard};
pub use schema::{EncodingCard, NumericCard, Schema};
pub use training::{AlsoCard, CaptureFigures, ClassCounts, Figures, LeftOut, Quality, Scores, SetFigures, Training};

use serde::{Deserialize, Serialize};

use super::drift::DriftCard;
use super::typical::TypicalCard;
use crate::event::annotated::ModelInfo;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Kind, Space};

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
