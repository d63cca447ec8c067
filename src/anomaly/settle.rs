//! How late events correct buckets that were closed.

use super::corrections::{Told, Waiting};
use super::engine::Engine;
use super::judge::Closed;
use super::record::{AnomalyRecord, Corrected, Finding};
use super::series::Running;
use super::tail::severity;
use super::touched::Side;

/// Buckets that gave a record wait so long for late events where the metric says nothing, in microseconds.
const TOLD_WAITS: i64 = 600_000_000;

impl Engine {
    /// Keeps a closed bucket for late events, where it gave a record or the metric asks for it. What a function remembers of a series cannot be
    /// taken back, so of those no bucket waits.
    pub(super) fn wait_for_late(
        &mut self,
        place: usize,
        slot: u32,
        mut running: Running,
        closed: &mut Closed,
        is_told: bool,
    ) {
        let (metric, series) = (&self.metrics[place].metric, self.table.at(slot));
        let waits = metric.corrections.unwrap_or(if is_told { TOLD_WAITS } else { 0 });
        if waits == 0 || metric.function.remembers() {
            return;
        }
        let end = metric.closes_at(running.index).saturating_add(waits);
        let told = is_told.then(|| Told { actual: running.value(metric.function), evidence: closed.evidence });
        running.outlook = closed.outlook;
        let bucket = Waiting {
            running,
            metric: place as u16,
            entity: series.entity.clone(),
            told,
            late: 0,
            before: closed.before.take(),
        };
        if let Some((key, bucket)) = self.corrections.keep(series.key, end, bucket) {
            self.settle(key, &bucket);
        }
    }

    /// Settles the buckets whose time to wait for late events is over.
    pub(super) fn settle_due(&mut self, front: i64) {
        while let Some((key, bucket)) = self.corrections.pop_due(front) {
            self.settle(key, &bucket);
        }
    }

    /// Tells what late events have made of a bucket, where that is told or corrects what was.
    fn settle(&mut self, key: u64, bucket: &Waiting) {
        if bucket.late == 0 {
            return;
        }
        let state = &self.metrics[usize::from(bucket.metric)];
        let series = self.table.find(key).map(|slot| self.table.at(slot));
        let (evidence, side) = state.judge_late(series, &bucket.running, bucket.before.as_deref());
        let side = if severity(evidence) > 0.0 { side } else { Side::Usual };
        if bucket.told.is_none() && severity(evidence) < f64::from(self.settings.record_from) {
            return;
        }
        self.counters.records += 1;
        self.records.push(AnomalyRecord::new(&Finding {
            metric: &state.metric,
            frame: &state.frame,
            key,
            entity: &bucket.entity,
            index: bucket.running.index,
            value: bucket.running.value(state.metric.function),
            outlook: bucket.running.outlook,
            evidence,
            side,
            reason: None,
            multi_bucket: 0.0,
            seldom: None,
            contributors: &[],
            corrected: Some(Corrected { told: bucket.told, late: bucket.late }),
        }));
    }
}
