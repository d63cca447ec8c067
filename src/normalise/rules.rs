//! What is known of events beside what they say: dialects that content alone does not tell, and field mappings for
//! sources that speak none of ours. They come from the configuration and are asked before content is.

use super::dialect::{Dialect, Found};
use super::mapping::{CompiledMapping, Mapping};
use super::scalar::Scalar;
use super::slots::Slots;

/// All that is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// The dialect of every event.
    pub always: Option<Dialect>,
    /// The dialects of some; the first that applies counts.
    pub dialects: Vec<DialectRule>,
    /// Field mappings; the first that applies counts.
    pub mappings: Vec<Mapping>,
}

/// Says the dialect of some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectRule {
    /// Which.
    pub when: Condition,
    /// Their dialect.
    pub dialect: Dialect,
}

/// Holds for events whose field has this value, or an array with it, such as `tags`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The path of the field.
    pub field: String,
    /// The text that it must be.
    pub value: String,
}

impl Rules {
    /// The paths that are looked at, in the order in which [`Self::compile`] wants their slots.
    pub(super) fn paths(&self) -> impl Iterator<Item = String> {
        let conditions = self.dialects.iter().map(|rule| rule.when.field.clone());
        conditions.chain(self.mappings.iter().flat_map(Mapping::paths))
    }

    /// The rules over slots.
    pub(super) fn compile(&self, slots: &[u32]) -> Compiled {
        let mut slots = slots.iter().copied();
        let dialects = self.dialects.iter().zip(slots.by_ref());
        let dialects = dialects.map(|(rule, slot)| (CompiledCondition::new(&rule.when, slot), rule.dialect)).collect();
        let mappings = self.mappings.iter().map(|mapping| mapping.compile(&mut slots)).collect();
        Compiled { always: self.always, dialects, mappings }
    }
}

/// [`Rules`] over slots.
#[derive(Debug)]
pub(super) struct Compiled {
    always: Option<Dialect>,
    dialects: Vec<(CompiledCondition, Dialect)>,
    mappings: Vec<CompiledMapping>,
}

impl Compiled {
    /// The dialect that the rules say.
    pub fn dialect(&self, slots: &Slots, body: &str) -> Option<Dialect> {
        self.always.or_else(|| {
            self.dialects.iter().find(|(condition, _)| condition.holds(slots, body)).map(|(_, dialect)| *dialect)
        })
    }

    /// The connection that a mapping finds.
    pub fn mapped<'a>(&self, slots: &Slots, body: &'a str) -> Option<Found<'a>> {
        self.mappings.iter().find_map(|mapping| mapping.connection(slots, body))
    }
}

/// A [`Condition`] over a slot.
#[derive(Debug)]
pub(super) struct CompiledCondition {
    slot: u32,
    value: String,
}

impl CompiledCondition {
    /// `condition`, whose field lies in `slot`.
    pub fn new(condition: &Condition, slot: u32) -> Self {
        Self { slot, value: condition.value.clone() }
    }

    /// Whether it holds for the event in the slots.
    pub fn holds(&self, slots: &Slots, body: &str) -> bool {
        slots.at(self.slot).values(body).any(|value| matches!(value, Scalar::Str(text) if text == self.value.as_str()))
    }
}
