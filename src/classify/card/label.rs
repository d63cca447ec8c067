//! What a card says of a class.

use serde::{Deserialize, Serialize};

use super::super::labels::{mark_of, needs_content};
use crate::event::annotated::{AttackRef, Label};
use crate::features::CONTENT_GROUP;

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
