//! Hosts that call, scan or carry for a good reason: what they open is judged as all else, and told as no attack.

use std::sync::Arc;

use crate::config::Networks;
use crate::event::Probability;
use crate::event::annotated::{Classification, Verdict};
use crate::normalise::{Address, Record};

use super::rows::Places;

/// The rows of a batch that such hosts opened.
pub struct Excused {
    hosts: Networks,
    active: Vec<usize>,
    second: Vec<usize>,
}

impl Excused {
    /// Of these hosts.
    pub fn new(hosts: Networks) -> Self {
        Self { hosts, active: Vec::new(), second: Vec::new() }
    }

    /// Begins another batch.
    pub fn clear(&mut self) {
        self.active.clear();
        self.second.clear();
    }

    /// Notes the rows of a connection that such a host opened.
    pub fn note(&mut self, record: &Record<'_>, places: Places) {
        let Record::Connection(connection) = record else { return };
        let Address::Ip(source) = connection.source.address else { return };
        if self.hosts.contain(source) {
            self.active.extend(places.active);
            self.second.extend(places.second);
        }
    }

    /// Turns the verdicts of the active model on these rows.
    pub fn of_active(&self, verdicts: &mut [Classification]) {
        turn(&self.active, verdicts);
    }

    /// The same of the second model.
    pub fn of_second(&self, verdicts: &mut [Classification]) {
        turn(&self.second, verdicts);
    }
}

/// Turns the verdicts on these rows; there are none where judging failed.
fn turn(rows: &[usize], verdicts: &mut [Classification]) {
    for row in rows {
        if let Some(verdict) = verdicts.get_mut(*row) {
            excuse(verdict);
        }
    }
}

/// Tells an attack as what it is called when it is none, and keeps what it would have been. A model that knows nothing normal has no
/// such name, and its verdict stays.
fn excuse(verdict: &mut Classification) {
    if verdict.verdict == Verdict::Normal {
        return;
    }
    let model = Arc::clone(&verdict.model);
    let is_normal = |label: &u16| model.labels[usize::from(*label)].is_normal();
    let probable = verdict.top.iter().copied().find(|(label, _)| is_normal(label));
    let labels = 0..u16::try_from(model.labels.len()).expect("a class is a u16");
    let any = || labels.into_iter().find(is_normal).map(|label| (label, Probability::saturating(0.0)));
    let Some((label, probability)) = probable.or_else(any) else { return };
    verdict.excused = Some(verdict.label);
    (verdict.verdict, verdict.label, verdict.probability) = (Verdict::Normal, label, probability);
    verdict.explanation.clear();
    verdict.counterfactual.clear();
}
