//! How good the features are that events bring: for each dialect, how often each of the 41 of KDD-99, and each fact that flow features are
//! made of, was told, estimated or missing.
//! Patterns are counted, not features, so that an event costs one addition.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::features::NAMES;
use crate::features::flow::told::{FACTS, same_of_kdd};
use crate::normalise::Dialect;

use super::quality::Quality;

/// Patterns that are told apart. Further ones are counted as events only.
const MOST_PATTERNS: usize = 4096;

/// Counts of events.
#[derive(Debug, Default)]
pub struct Census {
    patterns: FxHashMap<Quality, u64>,
    events: BTreeMap<Dialect, u64>,
}

/// What is known of one dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DialectReport {
    /// Its name.
    pub dialect: &'static str,
    /// Events that spoke it.
    pub events: u64,
    /// Those of them whose features were measured.
    pub measured: u64,
    /// The features in the order of KDD-99.
    pub features: Vec<FeatureReport>,
    /// What flow features are made of, of its connections; nothing where it told of none.
    pub facts: Vec<FeatureReport>,
    /// Whether a model that looks at flow features judged its connections.
    pub by_flow: bool,
}

/// How often one feature was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeatureReport {
    /// Its name.
    pub feature: &'static str,
    /// As the source says it.
    pub real: u64,
    /// Estimated.
    pub approximated: u64,
    /// Not told.
    pub missing: u64,
    /// How it was estimated, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<&'static str>,
}

impl DialectReport {
    /// What the model looks at that judged.
    pub fn looked_at(&self) -> &[FeatureReport] {
        if self.by_flow { &self.facts } else { &self.features }
    }
}

impl Census {
    /// Counts an event of a dialect, with what its features are like if they were measured.
    pub fn add(&mut self, dialect: Dialect, quality: Option<Quality>) {
        *self.events.entry(dialect).or_default() += 1;
        if let Some(quality) = quality
            && (self.patterns.len() < MOST_PATTERNS || self.patterns.contains_key(&quality))
        {
            *self.patterns.entry(quality).or_default() += 1;
        }
    }

    /// Adds what `other` counted, and empties it.
    fn take(&mut self, other: &mut Self) {
        for (dialect, count) in std::mem::take(&mut other.events) {
            *self.events.entry(dialect).or_default() += count;
        }
        for (quality, count) in other.patterns.drain() {
            if self.patterns.len() < MOST_PATTERNS || self.patterns.contains_key(&quality) {
                *self.patterns.entry(quality).or_default() += count;
            }
        }
    }

    /// What was counted, for each dialect that was met.
    pub fn report(&self) -> Vec<DialectReport> {
        let reports = self.events.iter().map(|(dialect, events)| {
            let patterns = || self.patterns.iter().filter(|(quality, _)| quality.dialect == *dialect);
            let counted = |holds: &dyn Fn(&Quality) -> bool| -> u64 {
                patterns().filter(|(quality, _)| holds(quality)).map(|(_, count)| count).sum()
            };
            let measured = counted(&|_| true);
            let features = NAMES.into_iter().enumerate().map(|(place, feature)| {
                let missing = counted(&|quality| quality.missing >> place & 1 == 1);
                let approximated = counted(&|quality| quality.approximated >> place & 1 == 1);
                let real = measured - missing - approximated;
                FeatureReport { feature, real, approximated, missing, how: (approximated > 0).then(|| how(place)) }
            });
            let connections = counted(&|quality| quality.untold.is_some());
            let facts = FACTS.into_iter().enumerate().filter(|_| connections > 0).map(|(place, feature)| {
                let missing = counted(&|quality| quality.untold.is_some_and(|untold| untold >> place & 1 == 1));
                let approximated = counted(&|quality| {
                    quality.untold.is_some_and(|untold| (quality.estimated_facts() & !untold) >> place & 1 == 1)
                });
                let real = connections - missing - approximated;
                let how = same_of_kdd(place).filter(|_| approximated > 0).map(how);
                FeatureReport { feature, real, approximated, missing, how }
            });
            DialectReport {
                dialect: dialect.name(),
                events: *events,
                measured,
                features: features.collect(),
                facts: facts.collect(),
                by_flow: counted(&|quality| quality.by_flow && quality.untold.is_some()) > 0,
            }
        });
        reports.collect()
    }

    /// The features that no event of `dialect` told, as bits; none where nothing was measured.
    pub fn absent(&self, dialect: &str) -> Option<u64> {
        let of_dialect = self.patterns.keys().filter(|quality| quality.dialect.name() == dialect);
        of_dialect.map(|quality| quality.missing).reduce(|all, missing| all & missing)
    }
}

/// How the feature at `place` is estimated.
fn how(place: usize) -> &'static str {
    match place {
        2 => "the service of the ICMP message that means the same",
        3 => "from or-ed TCP flags, or OTH for a state that KDD-99 lacks",
        4 | 5 => "bytes with headers, less the headers of their packets",
        8 => "whether any packet was urgent, from or-ed TCP flags",
        _ => "from other records about the connection",
    }
}

/// A census that many look at and one fills.
#[derive(Debug, Default)]
pub struct LiveCensus(Mutex<Census>);

impl LiveCensus {
    /// Adds what a batch counted.
    pub fn take(&self, batch: &mut Census) {
        self.lock().take(batch);
    }

    /// What was counted since the start.
    pub fn report(&self) -> Vec<DialectReport> {
        self.lock().report()
    }

    fn lock(&self) -> MutexGuard<'_, Census> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::Sides;

    #[test]
    fn features_are_told_apart_by_dialect() {
        let quality = |dialect, missing, approximated| Quality {
            dialect,
            missing,
            approximated,
            untold: Some(0b1000_0000),
            sides: Sides::Whole,
            by_flow: true,
        };
        let (live, mut census) = (LiveCensus::default(), Census::default());
        for _ in 0..3 {
            census.add(Dialect::Zeek, Some(quality(Dialect::Zeek, 1 << 8, 0)));
        }
        census.add(Dialect::Zeek, Some(quality(Dialect::Zeek, 1 << 8 | 1 << 4, 1 << 3)));
        census.add(Dialect::Zeek, None);
        census.add(Dialect::Other, None);
        assert_eq!(census.absent("zeek"), Some(1 << 8));
        live.take(&mut census);
        assert_eq!(census.report(), []);
        let report = live.report();
        assert_eq!(
            report.iter().map(|one| (one.dialect, one.events, one.measured)).collect::<Vec<_>>(),
            [("zeek", 5, 4), ("other", 1, 0)]
        );
        let of = |place: usize| &report[0].features[place];
        assert_eq!((of(8).real, of(8).missing, of(4).real, of(4).missing), (0, 4, 3, 1));
        assert_eq!((of(3).approximated, of(3).how.is_some(), of(0).how), (1, true, None));
        let facts = |report: &DialectReport| -> Vec<_> {
            report.looked_at().iter().map(|fact| (fact.feature, fact.real, fact.approximated, fact.missing)).collect()
        };
        let told = facts(&report[0]);
        assert_eq!((told[0], told[5], told[7]), (("duration", 4, 0, 0), ("ending", 3, 1, 0), ("name", 0, 0, 4)));
        assert!(report[1].facts.is_empty() && !report[1].by_flow);
    }

    #[test]
    fn patterns_that_somebody_makes_up_do_not_fill_the_memory() {
        let mut census = Census::default();
        for missing in 0..10_000 {
            let record = Quality {
                dialect: Dialect::Kdd,
                missing,
                approximated: 0,
                untold: None,
                sides: Sides::Whole,
                by_flow: false,
            };
            census.add(Dialect::Kdd, Some(record));
        }
        assert_eq!(census.patterns.len(), MOST_PATTERNS);
        assert_eq!(census.report()[0].events, 10_000);
    }
}
