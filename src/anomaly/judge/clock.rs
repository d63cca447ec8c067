//! The buckets of a metric in time, and its values on the scale that they are judged on.

use crate::anomaly::declare::Function;
use crate::anomaly::detector::{stabilise, unstabilise};
use crate::anomaly::forecast::Expected;
use crate::anomaly::metric::Metric;
use crate::anomaly::season::Moment;
use crate::anomaly::series::Outlook;
use crate::event::ReceivedTime;

/// Buckets without events that are looked at one by one, whether they lie in a time of maintenance.
const MOST_LOOKED_AT: i64 = 20_000;

impl Metric {
    /// Start (by the clock of the metric's zone) and length of bucket `index`.
    pub(super) fn moment(&self, index: i64) -> Moment {
        Moment { start: self.by_clock(index.saturating_mul(self.span)), span: self.span }
    }

    /// A value on the scale that it is judged on: bits are a logarithm already.
    pub(super) fn stable(&self, value: f64) -> f64 {
        if self.is_joint() { value } else { stabilise(value) }
    }

    /// The value that is there on this scale.
    pub(super) fn value_at(&self, stable: f64) -> f64 {
        if self.is_joint() { stable } else { unstabilise(stable) }
    }

    /// A time as the clock of the metric's zone shows it, both in microseconds.
    #[inline]
    pub(super) fn by_clock(&self, at: i64) -> i64 {
        self.zone.as_ref().map_or(at, |zone| zone.local(at))
    }

    /// When an event came, for functions that look at hours: by the clock of the zone.
    #[inline]
    pub(in crate::anomaly) fn met_at(&self, at: i64) -> i64 {
        if self.function == Function::UnusualTime { self.by_clock(at) } else { at }
    }

    /// Whether a bucket may wait for late events, if it is told where it `may_be_told`.
    pub(super) fn may_be_corrected(&self, may_be_told: bool) -> bool {
        let waits = self.corrections.map_or(may_be_told, |waits| waits > 0);
        waits && !self.function.remembers()
    }

    /// An outlook as it is shown.
    pub(in crate::anomaly) fn expected(&self, index: i64, outlook: &Outlook) -> Expected {
        let start = ReceivedTime::from_micros(index.saturating_mul(self.span)).as_event_time();
        let (expected, lower, upper) = (outlook.expected.into(), outlook.lower.into(), outlook.upper.into());
        Expected { start, expected, lower, upper }
    }

    /// When the front reaches this, bucket `index` is closed.
    #[inline]
    pub(in crate::anomaly) fn closes_at(&self, index: i64) -> i64 {
        (index + 1).saturating_mul(self.span).saturating_add(self.lateness)
    }

    /// Whether bucket `index` lies in a time of maintenance.
    pub(in crate::anomaly) fn is_maintained(&self, index: i64) -> bool {
        if self.maintenance.is_empty() {
            return false;
        }
        let start = self.by_clock(index.saturating_mul(self.span));
        self.maintenance.iter().any(|time| time.covers(start, start.saturating_add(self.span)))
    }

    /// How many of `count` buckets from `first` on lie in no time of maintenance; of very many the last are looked at.
    pub(super) fn not_maintained(&self, first: i64, count: i64) -> i64 {
        if self.maintenance.is_empty() || count <= 0 {
            return count;
        }
        let looked_at = count.min(MOST_LOOKED_AT);
        let from = first.saturating_add(count - looked_at);
        count - (from..from.saturating_add(looked_at)).filter(|index| self.is_maintained(*index)).count() as i64
    }
}
