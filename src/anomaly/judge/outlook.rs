//! What is expected of a bucket, by its own history or by that of all.

use super::MetricState;
use crate::anomaly::declare::Method;
use crate::anomaly::detector::{Forecast, Prior};
use crate::anomaly::season::Moment;
use crate::anomaly::series::{Outlook, Running, Series};
use crate::anomaly::tail::{Habit, Tail};

/// A series is judged by its own history from so many buckets on; before by the population's.
const EXPERIENCED: u32 = 12;
/// The same where there is no population.
const EXPERIENCED_ALONE: u32 = 30;

impl MetricState {
    /// Whether entities are held against each other.
    pub(super) fn is_of_peers(&self) -> bool {
        self.metric.detector == Method::Population
    }

    /// What is expected of a series.
    pub(super) fn forecast(&self, series: &Series, moment: Moment, prior: &Prior) -> Forecast {
        if self.is_of_peers() { prior.forecast() } else { series.detector.forecast(moment, prior) }
    }

    /// The habit that counts for a series, and its age: among peers, to be always far off is no excuse.
    pub(super) fn habit(&self, series: &Series) -> (Habit, u32) {
        if self.is_of_peers() { (Habit::default(), 0) } else { (series.habit, series.detector.seen()) }
    }

    pub(super) fn is_experienced(&self, series: &Series) -> bool {
        if self.is_of_peers() {
            return self.population.prior().known;
        }
        let needed = if self.metric.entity.is_empty() { EXPERIENCED_ALONE } else { EXPERIENCED };
        series.detector.seen() >= needed
    }

    pub(super) fn can_judge(&self, series: &Series) -> bool {
        self.is_experienced(series) || (!self.metric.entity.is_empty() && self.population.prior().known)
    }

    pub(super) fn tails(&self, series: &Series) -> &[Tail; 2] {
        &self.tails[usize::from(self.is_experienced(series))]
    }

    pub(super) fn outlook(&self, series: &Series, forecast: &Forecast) -> Outlook {
        let Forecast { location, scale } = *forecast;
        let (habit, seen) = self.habit(series);
        let [above, below] = self.tails(series);
        let lower = self.metric.value_at(location - below.band(habit, seen) * scale);
        let upper = self.metric.value_at(location + above.band(habit, seen) * scale);
        // only a sum or an extreme of negative numbers lies below zero
        let lower = if location >= 0.0 { lower.max(0.0) } else { lower };
        Outlook {
            location: location as f32,
            scale: scale as f32,
            expected: self.metric.value_at(location) as f32,
            lower: lower as f32,
            upper: upper as f32,
        }
    }

    /// A new bucket of a series, with what is expected of it.
    pub(in crate::anomaly) fn open(&self, series: &Series, index: i64) -> Running {
        let mut running = Running::new(index);
        if self.can_judge(series) && !self.metric.is_maintained(index) {
            let forecast = self.forecast(series, self.metric.moment(index), &self.population.prior());
            running.outlook = self.outlook(series, &forecast);
            if self.metric.high() {
                let least = f64::from(running.outlook.expected) + self.metric.minimum_deviation;
                running.judge_from = f64::from(running.outlook.upper).max(least);
            }
        }
        running
    }
}
