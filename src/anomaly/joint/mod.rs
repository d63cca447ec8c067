//! Several metrics of one entity together: what each of them counts is usual, and that they come together is not.
//!
//! A metric with the function `joint` counts no events. It is given the values of its members' buckets when these close, and closes itself when
//! the last of them has: what its bucket is worth a [`Forest`] says, in bits. From there on it is a series like any other, so
//! how improbable so many bits are, what is recorded, saved and set aside is as everywhere.

mod check;
mod forest;
mod plane;
mod relation;
mod tree;

pub(super) use check::link;
pub(super) use forest::Forest;

use super::contents::Contents;
use super::engine::Engine;
use super::fields::{hash_bytes, mix};
use super::judge::MetricState;
use super::metric::Metric;
use super::recall::Recall;
use super::series::{Running, Series};

/// A metric that another one looks at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub name: String,
    pub title: String,
    pub in_bytes: bool,
    /// Whether a bucket without events has the value 0.
    pub is_zero_without_events: bool,
}

/// A metric that has to do with what is unusual about several together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contributor {
    /// Which of the members.
    pub member: usize,
    /// Its value; none where it had none.
    pub actual: Option<f64>,
    /// What the others led one to expect.
    pub expected: f64,
}

impl Metric {
    /// Whether it looks at other metrics and not at events.
    #[inline]
    pub(super) fn is_joint(&self) -> bool {
        !self.members.is_empty()
    }

    /// The members' values of a bucket.
    fn values(&self, running: &Running) -> Vec<Option<f64>> {
        let mut values: Vec<Option<f64>> =
            self.members.iter().map(|member| member.is_zero_without_events.then_some(0.0)).collect();
        for (member, value) in Contents::members(running.contents.as_deref()) {
            if let Some(slot) = values.get_mut(usize::from(*member)) {
                *slot = Some(*value);
            }
        }
        values
    }
}

impl MetricState {
    /// What a bucket of members' values is worth, which it then has as its value, and by which of them; learns them if they are `due`. None as
    /// long as too little is known.
    pub(super) fn weigh(&self, series: &mut Series, running: &mut Running, due: bool) -> Option<Vec<Contributor>> {
        let values = self.metric.values(running);
        let forest = || Box::new(Recall::Forest(Forest::new(self.metric.members.len())));
        let Recall::Forest(forest) = series.recall.get_or_insert_with(forest).as_mut() else { return None };
        let said = forest.weigh(&values);
        if due && !self.metric.is_maintained(running.index) {
            forest.learn(&values);
        }
        if due && said.is_none() {
            series.last_closed = running.index;
        }
        let said = said?;
        running.total = said.bits;
        let contributor = |(member, expected): (usize, f64)| {
            let actual = values.get(member).copied().flatten();
            Contributor { member, actual, expected }
        };
        Some(said.by.into_iter().map(contributor).collect())
    }
}

impl Engine {
    /// Gives the value of a bucket that has closed to the metrics that look at it together with others.
    pub(super) fn hand_on(&mut self, place: usize, entity: &str, index: i64, value: f64) {
        for at in 0..self.metrics[place].metric.feeds.len() {
            let (joint, member) = self.metrics[place].metric.feeds[at];
            let metric = &self.metrics[joint].metric;
            let key = mix(metric.digest, hash_bytes(entity.as_bytes()));
            let end = index.saturating_add(1).saturating_mul(metric.span);
            let slot = match self.table.find(key) {
                Some(slot) => slot,
                None => self.admit(joint, key, end, |_| entity.into()),
            };
            if self.table.at(slot).last_closed >= index {
                continue;
            }
            if self.table.at(slot).current.index != index {
                self.turn_to(slot, index);
            }
            let series = self.table.at_mut(slot);
            series.touched = series.touched.max(end);
            series.current.count = series.current.count.saturating_add(1);
            Contents::gather(&mut series.current.contents, member as u8, value);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
