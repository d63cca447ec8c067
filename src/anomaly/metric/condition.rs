//! Which events count for a metric.

use super::check::Check;
use crate::anomaly::declare::{ConditionDeclaration, Literal};
use crate::anomaly::fields::{MISSING, Reading, Value};
use crate::config::Networks;

/// The largest number of different `in_network` conditions: they have a bit each.
const MOST_NETWORKS: usize = u32::BITS as usize;

/// A checked condition.
#[derive(Debug, Clone)]
pub(in crate::anomaly) struct Condition {
    pub(super) field: usize,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists(bool),
    /// Hashes of the values, sorted.
    OneOf(Vec<u64>),
    Within(f64, f64),
    /// This bit of [`Reading::networks`].
    InNetwork(u32),
}

impl Condition {
    pub(super) fn holds(&self, reading: Reading) -> bool {
        match &self.test {
            Test::Exists(wanted) => (reading.hash != MISSING) == *wanted,
            Test::OneOf(hashes) => hashes.binary_search(&reading.hash).is_ok(),
            Test::InNetwork(bit) => reading.networks & bit != 0,
            // false for NaN, so for what is no number
            Test::Within(low, high) => reading.number >= *low && reading.number <= *high,
        }
    }
}

impl Check<'_> {
    pub(super) fn condition(&mut self, declared: &ConditionDeclaration) -> Condition {
        let range = declared.at_least.is_some() || declared.at_most.is_some();
        let kinds = [
            declared.equals.is_some(),
            !declared.one_of.is_empty(),
            declared.exists.is_some(),
            !declared.in_network.is_empty(),
            range,
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            let wanted = "exactly one of equals, one_of, exists, in_network, at_least with at_most";
            self.fault("where", &declared.field, wanted);
        }
        let field = self.path("where", &declared.field);
        let literals = declared.equals.iter().chain(&declared.one_of);
        let test = if let Some(wanted) = declared.exists {
            Test::Exists(wanted)
        } else if !declared.in_network.is_empty() {
            Test::InNetwork(self.network(field, &declared.in_network))
        } else if range {
            let (low, high) =
                (declared.at_least.unwrap_or(f64::NEG_INFINITY), declared.at_most.unwrap_or(f64::INFINITY));
            if low.is_nan() || high.is_nan() || low > high {
                self.fault("where", &format!("{low} to {high}"), "at_least not above at_most");
            }
            Test::Within(low, high)
        } else {
            let mut hashes: Vec<u64> = literals.map(hash_of_literal).collect();
            hashes.sort_unstable();
            Test::OneOf(hashes)
        };
        Condition { field, test }
    }

    /// The bit of these networks of a field, which are new or were named before.
    fn network(&mut self, field: usize, texts: &[String]) -> u32 {
        let networks = match Networks::parse(texts) {
            Ok(networks) => (field, networks),
            Err(text) => {
                self.fault(
                    "where",
                    &text,
                    "a block such as 10.0.0.0/8, private, public, loopback, link_local or multicast",
                );
                return 0;
            }
        };
        let known = self.networks.iter().position(|other| *other == networks);
        let place = known.unwrap_or(self.networks.len());
        if known.is_none() {
            self.networks.push(networks);
        }
        if place >= MOST_NETWORKS {
            self.fault("where", &texts.join(", "), "at most 32 different in_network conditions over all metrics");
            return 0;
        }
        1 << place
    }
}

fn hash_of_literal(literal: &Literal) -> u64 {
    let value = match literal {
        Literal::Flag(flag) => Value::Flag(*flag),
        Literal::Number(number) => Value::Number(*number),
        Literal::Text(text) => Value::Text(text.as_str().into()),
    };
    Reading::of(Some(value)).hash
}
