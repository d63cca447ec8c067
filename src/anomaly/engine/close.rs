//! Buckets whose time has come: judged, recorded, learnt.

use super::super::judge::{MetricState, Slice};
use super::super::record::{AnomalyRecord, Finding};
use super::super::tail::severity;
use super::Engine;

impl Engine {
    /// Closes all buckets whose time has come.
    pub(super) fn close_due(&mut self) {
        let front = self.front.at;
        for place in 0..self.metrics.len() {
            while let Some(slice) = self.metrics[place].pop_due(front) {
                self.close_slice(place, &slice, true);
            }
        }
        self.settle_due(front);
        self.find_next_close();
    }

    /// When something has to be done next.
    pub(in crate::anomaly) fn find_next_close(&mut self) {
        let next = self.metrics.iter().filter_map(MetricState::next_close).chain(self.corrections.next_end()).min();
        self.front.next_close = next.unwrap_or(i64::MAX);
    }

    pub(super) fn close_slice(&mut self, place: usize, slice: &Slice, due: bool) {
        for slot in &slice.slots {
            // the slot may have gone to another series since
            if usize::from(self.table.at(*slot).metric) == place {
                self.close(place, *slot, slice.index, due);
            }
        }
    }

    /// Judges and learns one bucket, if it is still open. One that is closed before it is due is not learnt, since it
    /// may lack events.
    pub(super) fn close(&mut self, place: usize, slot: u32, index: i64, due: bool) {
        let series = self.table.at_mut(slot);
        let Some(mut running) = self.buckets.take(series, index) else { return };
        self.counters.buckets += 1;
        let state = &mut self.metrics[place];
        let mut contributors = Vec::new();
        if state.metric.is_joint() {
            let Some(told) = state.weigh(series, &mut running, due) else { return };
            contributors = told;
        }
        let mut closed = state.close(series, &running, due);
        closed.contributors = contributors;
        let value = running.value(state.metric.function);
        let is_told = severity(closed.evidence) >= f64::from(self.settings.record_from);
        if is_told {
            self.counters.records += 1;
            self.records.push(AnomalyRecord::new(&Finding {
                metric: &state.metric,
                frame: &state.frame,
                key: series.key,
                entity: &series.entity,
                index,
                value,
                outlook: closed.outlook,
                evidence: closed.evidence,
                side: closed.side,
                reason: closed.reason,
                multi_bucket: closed.multi_bucket,
                seldom: closed.seldom,
                contributors: &closed.contributors,
                corrected: None,
            }));
        }
        let would_miss = due && state.would_miss(series, index + 1);
        let entity = (due && !state.metric.feeds.is_empty()).then(|| series.entity.clone());
        if due {
            self.wait_for_late(place, slot, running, &mut closed, is_told);
        }
        if would_miss {
            self.expect(slot, index + 1);
        }
        // at the end, because another series may take this one's place
        if let Some(entity) = entity {
            self.hand_on(place, &entity, index, value);
        }
    }

    /// Opens a bucket that will be closed whether events come or not.
    fn expect(&mut self, slot: u32, index: i64) {
        let series = self.table.at_mut(slot);
        if let Some(running) = self.buckets.take(series, index) {
            self.buckets.put(series, running);
            return;
        }
        let running = self.open(slot, index);
        self.buckets.put(self.table.at_mut(slot), running);
    }
}
