//! Labels as a person declares them, in a training spec or a recipe of import.

use schemars::JsonSchema;
use serde::Deserialize;

use super::card::{AttackCard, LabelCard};

/// The category of events that are no attack.
pub const NORMAL: &str = "normal";
/// Elastic Security's level "high".
const RISK: f32 = 73.0;
/// The family of a label of which nothing is said.
const ATTACK: &str = "attack";

/// What is known of a label.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// Its family; `attack` without this key.
    #[serde(default)]
    pub category: Option<String>,
    /// Risk of a certain detection; 73 (high) without this key.
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

/// A tactic or technique.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttackSpec {
    /// `T1595`.
    pub id: String,
    /// `Active Scanning`.
    pub name: String,
}

impl LabelSpec {
    /// The class `name` as a card has it.
    pub fn card(self, name: &str) -> LabelCard {
        let category = self.category.unwrap_or_else(|| if name == NORMAL { NORMAL } else { ATTACK }.to_owned());
        let refer = |attack: AttackSpec| AttackCard { id: attack.id, name: attack.name };
        LabelCard {
            name: name.to_owned(),
            risk: self.risk.unwrap_or(if category == NORMAL { 0.0 } else { RISK }),
            category,
            tactic: self.tactic.map(refer),
            technique: self.technique.map(refer),
            needs: None,
            mark: None,
        }
    }
}
