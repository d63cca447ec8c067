//! What an event says to a metric: its amount, its value, and whose it is.

use super::declare::Function;
use super::fields::{Fields, MISSING, Reading, Value};
use super::metric::Metric;
use super::recall::hashes_of_list;
use super::series::{SEPARATOR, Sample};
use super::tally::information;

/// Texts of entities are cut here; their hash is over the whole.
const LONGEST_VALUE: usize = 256;

impl Metric {
    /// What an event adds to a bucket of this metric; none where it lacks the field.
    #[inline]
    pub(super) fn sample(&self, readings: &[Reading], fields: &impl Fields) -> Option<Sample> {
        let Some((_, field)) = self.field else { return Some(Sample::Amount(1.0)) };
        let reading = readings[field];
        match self.function {
            Function::Information if reading.hash != MISSING => {
                Some(Sample::Once(reading.hash, with_text(fields, field, information)))
            }
            Function::Distinct
            | Function::FirstSeen
            | Function::Growth
            | Function::Rare
            | Function::Entropy
            | Function::Information
            | Function::ListChanges => (reading.hash != MISSING).then_some(Sample::Hash(reading.hash)),
            _ => reading.number.is_finite().then_some(Sample::Amount(reading.number)),
        }
    }

    /// The members of the event's list, where the function looks at one.
    #[inline]
    pub(super) fn list(&self, fields: &impl Fields) -> Vec<u64> {
        match &self.field {
            Some((_, field)) if self.function == Function::ListChanges => with_text(fields, *field, hashes_of_list),
            _ => Vec::new(),
        }
    }

    pub(super) fn entity_text(&self, fields: &impl Fields) -> Box<str> {
        let mut text = String::new();
        for (place, (_, id)) in self.entity.iter().enumerate() {
            if place > 0 {
                text.push(SEPARATOR);
            }
            let from = text.len();
            if let Some(value) = fields.field(*id) {
                value.write_to(&mut text);
            }
            while text.len() > from + LONGEST_VALUE {
                text.pop();
            }
            if text[from..].contains(SEPARATOR) {
                let clean = text[from..].replace(SEPARATOR, " ");
                text.truncate(from);
                text.push_str(&clean);
            }
        }
        text.into_boxed_str()
    }
}

/// What `of` says of the text of a field, of numbers and flags as they are written.
fn with_text<T>(fields: &impl Fields, field: usize, of: impl Fn(&str) -> T) -> T {
    match fields.field(field) {
        Some(Value::Text(text)) => of(&text),
        Some(other) => {
            let mut text = String::new();
            other.write_to(&mut text);
            of(&text)
        }
        None => of(""),
    }
}
