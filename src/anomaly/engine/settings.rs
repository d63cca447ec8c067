//! How the engine works, and what it counts of its own work.

use std::time::Duration;

use super::super::aside::AsideSettings;
use super::super::metric::Metrics;
use super::super::patterns::PatternSettings;

/// How the engine works; the defaults are for one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to count.
    pub metrics: Metrics,
    /// The most series kept in memory; each takes about 300 bytes.
    pub series: usize,
    /// Where those go that make room for others; without it they are forgotten.
    pub aside: Option<AsideSettings>,
    /// Buckets of this severity or more, 0 to 100, give a record.
    pub record_from: f32,
    /// Events whose time lies further ahead of their receipt are not counted.
    pub ahead: Duration,
    /// What to look for beside metrics.
    pub patterns: PatternSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let ahead = Duration::from_secs(3600);
        let patterns = PatternSettings::default();
        Self { metrics: Metrics::default(), series: 200_000, aside: None, record_from: 75.0, ahead, patterns }
    }
}

/// What has happened since the start, for telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Buckets closed.
    pub buckets: u64,
    /// Records made.
    pub records: u64,
    /// Series that made room for others and were forgotten.
    pub evicted: u64,
    /// Events that came too late for a metric, counted once per metric.
    pub late: u64,
    /// Events that came late and correct a bucket that was closed.
    pub corrected: u64,
    /// Series that made room for others and were set aside on disk.
    pub set_aside: u64,
    /// Of those, how often one was taken back.
    pub taken_back: u64,
    /// Events from too far in the future.
    pub ahead: u64,
    /// Events that were observed before, which happens after a restart.
    pub repeated: u64,
}
