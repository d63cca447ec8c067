//! Metrics after the check: fields have numbers, spans are times, and nothing is doubtful any more.

mod check;
mod condition;

use std::fmt;
use std::sync::Arc;

use check::Check;
use condition::Condition;

use super::declare::{Direction, Function, Gap, Method, MetricDeclaration};
use super::fields::{Fields, MISSING, Reading, Value, mix};
use super::joint::{self, Member};
use super::maintenance::Maintenance;
use super::render::{bytes_in_words, number_in_words};
use super::zone::Zone;
use crate::config::Networks;

/// The largest number of metrics.
const MOST_METRICS: usize = 1000;

/// Checked metrics, and the field paths they read.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(super) list: Vec<Metric>,
    pub(super) paths: Vec<String>,
    /// The number of an address field, and networks that conditions on it name.
    networks: Vec<(usize, Networks)>,
}

impl Metrics {
    /// Checks declarations.
    ///
    /// # Errors
    /// All faults at once, in the order of the declarations.
    pub fn check(declared: &[MetricDeclaration]) -> Result<Self, Vec<Fault>> {
        let mut checked = Self::default();
        let mut faults = Vec::new();
        if declared.len() > MOST_METRICS {
            let found = declared.len().to_string();
            let wanted = format!("at most {MOST_METRICS} metrics");
            faults.push(Fault { place: MOST_METRICS, name: String::new(), key: "metrics", found, wanted });
        }
        for (place, declaration) in declared.iter().enumerate() {
            let (paths, networks) = (&mut checked.paths, &mut checked.networks);
            let mut check = Check { place, declaration, paths, networks, faults: &mut faults };
            let metric = check.metric();
            if declared[..place].iter().any(|earlier| earlier.name == declaration.name) {
                check.fault("name", &declaration.name, "a name that no earlier metric has");
            }
            checked.list.push(metric);
        }
        joint::link(&mut checked.list, declared, &mut faults);
        if faults.is_empty() { Ok(checked) } else { Err(faults) }
    }

    /// Tells for each address in which of the networks it lies that conditions name.
    pub(super) fn locate(&self, fields: &impl Fields, readings: &mut [Reading]) {
        for (bit, (field, networks)) in self.networks.iter().enumerate() {
            let address = match fields.field(*field) {
                Some(Value::Text(text)) => text.parse().ok(),
                _ => None,
            };
            if address.is_some_and(|address| networks.contain(address)) {
                readings[*field].networks |= 1 << bit;
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// What is wrong with a declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Place of the metric in the list, from 0.
    pub place: usize,
    /// Its name, which may be what is wrong.
    pub name: String,
    /// The key below the metric.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
    /// What is allowed.
    pub wanted: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metrics[{}] ({}): {} is '{}', wanted {}", self.place, self.name, self.key, self.found, self.wanted)
    }
}

/// One checked metric.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    pub name: String,
    pub title: String,
    pub conditions: Vec<Condition>,
    /// Names and numbers of the fields of the entity, `by` last.
    pub entity: Vec<(String, usize)>,
    pub has_by: bool,
    pub function: Function,
    pub field: Option<(String, usize)>,
    /// Microseconds.
    pub span: i64,
    /// Microseconds.
    pub lateness: i64,
    pub peak: Option<String>,
    pub dip: Option<String>,
    pub direction: Direction,
    pub minimum_deviation: f64,
    pub gap: Gap,
    pub detector: Method,
    /// How long closed buckets wait for late events, in microseconds; none where only those wait that gave a record.
    pub corrections: Option<i64>,
    pub maintenance: Vec<Maintenance>,
    /// Whose clock it goes by; none for UTC.
    pub zone: Option<Arc<Zone>>,
    /// The metrics that it looks at together, in place of events.
    pub members: Vec<Member>,
    /// The places of those that look at it, and as which of their members.
    pub feeds: Vec<(usize, usize)>,
    /// Changes with the declaration; state that was learnt under another one is not used.
    pub digest: u64,
}

impl Metric {
    /// Whether the event at hand counts.
    #[inline]
    pub(super) fn admits(&self, readings: &[Reading]) -> bool {
        !self.is_joint() && self.conditions.iter().all(|condition| condition.holds(readings[condition.field]))
    }

    /// The key of the event's series; none where a field of the entity is missing.
    #[inline]
    pub(super) fn key(&self, readings: &[Reading]) -> Option<u64> {
        self.entity.iter().try_fold(self.digest, |key, (_, field)| {
            let hash = readings[*field].hash;
            (hash != MISSING).then(|| mix(key, hash))
        })
    }

    /// Whether high values can be anomalous.
    pub(super) fn high(&self) -> bool {
        self.direction != Direction::Low
    }

    /// Whether low values can be anomalous.
    pub(super) fn low(&self) -> bool {
        self.direction != Direction::High
    }

    /// Whether its values are counts of bytes, for words.
    pub(super) fn in_bytes(&self) -> bool {
        let field = self.field.as_ref().map_or("", |(path, _)| path.as_str());
        let keeps_unit = matches!(
            self.function,
            Function::Sum | Function::Mean | Function::Max | Function::Min | Function::Increase
        );
        keeps_unit && field.ends_with("bytes")
    }

    /// A value of it as a person reads it.
    pub(super) fn in_words(&self, value: f64) -> String {
        match self.function {
            Function::Joint => format!("{} bits", number_in_words(value)),
            _ if self.in_bytes() => bytes_in_words(value),
            _ => number_in_words(value),
        }
    }
}

#[cfg(test)]
mod tests;
