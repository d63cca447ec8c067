//! What is expected of buckets that have not come yet.

use super::engine::Engine;
use super::record::AnomalyRecord;
use crate::event::EventTime;

/// What is expected of a bucket that has not come yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Start of the bucket.
    pub start: EventTime,
    /// What is expected.
    pub expected: f64,
    /// Values below have a probability of one in a thousand.
    pub lower: f64,
    /// Values above have a probability of one in a thousand.
    pub upper: f64,
}

impl Engine {
    /// What is expected of the buckets behind the one of a record, by what is known now; empty where its series is gone or too new.
    pub fn forecast(&self, record: &AnomalyRecord, buckets: u32) -> Vec<Expected> {
        let Some(slot) = self.table.find(record.series_key()) else { return Vec::new() };
        let series = self.table.at(slot);
        let state = &self.metrics[usize::from(series.metric)];
        let next = record.end.micros().div_euclid(state.metric.span);
        let outlooks = (next..next + i64::from(buckets)).map(|index| (index, state.open(series, index).outlook));
        outlooks
            .filter(|(_, outlook)| outlook.scale > 0.0)
            .map(|(index, outlook)| state.metric.expected(index, &outlook))
            .collect()
    }
}
