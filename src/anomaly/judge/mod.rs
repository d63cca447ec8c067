//! What one metric knows over all its series, and how it judges a bucket: running ones upwards, closed ones both ways.

mod clock;
mod outlook;

use std::collections::VecDeque;

use super::closing;
use super::declare::Gap;
use super::detector::{Forecast, Population, Prior, Seasonal};
use super::heights::{Seldom, hour};
use super::joint::Contributor;
use super::metric::Metric;
use super::points::{Own, Reason};
use super::series::{CLOSED, Outlook, Running, Series};
use super::tail::{Habit, Tail};
use super::touched::{Frame, Side};

/// Buckets without events that are closed one by one before a series sleeps.
const MOST_SILENT: u16 = 120;
/// Of so many buckets the mean surprise says whether what is unusual has lasted; larger ones count as [`MOST_PRESSURE`].
const LASTING: f32 = 12.0;
const MOST_PRESSURE: f64 = 8.0;
/// The evidence of a running bucket is looked at again when its value has grown by this factor.
const JUDGE_AGAIN: f64 = 1.05;

/// A metric, and what is learnt over all its series.
#[derive(Debug)]
pub(super) struct MetricState {
    pub metric: Metric,
    pub frame: Frame,
    /// For new and for experienced series, above and below.
    pub tails: [[Tail; 2]; 2],
    pub population: Population,
    /// Which series have an open bucket, by its number, oldest first.
    pub slices: VecDeque<Slice>,
}

/// The series that have an open bucket with this number (some may have gone since).
#[derive(Debug)]
pub(super) struct Slice {
    pub index: i64,
    pub slots: Vec<u32>,
}

/// The judgement of a closed bucket.
pub(super) struct Closed {
    pub outlook: Outlook,
    pub evidence: f64,
    pub side: Side,
    /// What the detector of points says was unusual, where the metric has one.
    pub reason: Option<Reason>,
    /// How much the buckets before have to do with it, −5 (nothing) to 5 (all).
    pub multi_bucket: f32,
    /// When the series was last as high.
    pub seldom: Option<Seldom>,
    /// Which metrics have most to do with it, where it is about several.
    pub contributors: Vec<Contributor>,
    /// The series' own detector as it was before, where late events may make it judge again.
    pub before: Option<Box<Own>>,
}

impl Closed {
    fn usual(outlook: Outlook) -> Self {
        Self {
            outlook,
            evidence: 0.0,
            side: Side::Usual,
            reason: None,
            multi_bucket: 0.0,
            seldom: None,
            contributors: Vec::new(),
            before: None,
        }
    }
}

impl MetricState {
    pub(super) fn new(metric: Metric) -> Self {
        Self {
            frame: Frame::new(&metric.name, metric.peak.as_deref(), metric.dip.as_deref()),
            metric,
            tails: [[Tail::NEW, Tail::NEW], [Tail::NEW, Tail::NEW]],
            population: Population::NEW,
            slices: VecDeque::new(),
        }
    }

    /// The evidence of a bucket that is still open, which only counts upwards.
    pub(super) fn judge_running(&self, series: &mut Series, value: f64) {
        let outlook = series.current.outlook;
        if outlook.scale <= 0.0 || value < series.current.judge_from.min(f64::from(outlook.upper)) {
            series.current.evidence = 0.0;
            return;
        }
        let forecast = Forecast { location: outlook.location.into(), scale: outlook.scale.into() };
        let surprise = Seasonal::surprise(self.metric.stable(value), &forecast);
        let far = value - f64::from(outlook.expected) >= self.metric.minimum_deviation;
        let (habit, seen) = self.habit(series);
        let evidence = self.tails(series)[0].evidence(surprise, habit, seen);
        let told = if far && self.metric.high() && surprise > 0.0 { evidence } else { 0.0 };
        series.current.evidence = told as f32;
        series.current.judge_from = value * JUDGE_AGAIN;
    }

    /// Judges a bucket by what came before it, then learns it if it is `due`.
    pub(super) fn close(&mut self, series: &mut Series, running: &Running, due: bool) -> Closed {
        let prior = self.population.prior();
        self.rest(series, running.index, &prior);
        let moment = self.metric.moment(running.index);
        let value = running.value(self.metric.function);
        let stable = self.metric.stable(value);
        let forecast = self.forecast(series, moment, &prior);
        let surprise = Seasonal::surprise(stable, &forecast);
        let mut closed = Closed::usual(self.outlook(series, &forecast));
        let outlook = closed.outlook;
        if self.metric.is_maintained(running.index) {
            series.last_closed = if due { running.index } else { series.last_closed };
            return closed;
        }
        closed.multi_bucket = multi_bucket(surprise, series.pressure);
        let hour = hour(running.index.saturating_mul(self.metric.span));
        closed.seldom = series.heights.seldom(value, hour);
        if self.can_judge(series) {
            if let Some(side) = self.side_judged(value, surprise, &outlook, due) {
                closed.side = side;
                closed.evidence = self.evidence(series, surprise);
            }
            if due {
                self.learn_surprise(series, surprise);
            }
        }
        if let Some(kind) = self.metric.detector.kind() {
            let keep = self.metric.may_be_corrected(closed.side != Side::Usual);
            closing::judge(series, kind, value, moment, (due, keep), &mut closed);
        }
        if due {
            self.population.learn(stable, &series.detector);
            series.detector.learn(stable, 1, moment, &prior);
            series.silent = if running.count == 0 { series.silent.saturating_add(1) } else { 0 };
            series.last_closed = running.index;
            series.pressure += (surprise.clamp(-MOST_PRESSURE, MOST_PRESSURE) as f32 - series.pressure) / LASTING;
            series.last_value = value;
            series.heights.note(value, hour);
        }
        closed
    }

    /// On which side a closed bucket may be told as anomalous; none if it may not.
    fn side_judged(&self, value: f64, surprise: f64, outlook: &Outlook, due: bool) -> Option<Side> {
        let is_low = surprise < 0.0;
        let judged = if is_low { self.metric.low() && due } else { self.metric.high() };
        let far = (value - f64::from(outlook.expected)).abs() >= self.metric.minimum_deviation;
        (judged && far).then_some(if is_low { Side::Low } else { Side::High })
    }

    /// −log10 of the probability of a surprise so large, on its side.
    fn evidence(&self, series: &Series, surprise: f64) -> f64 {
        let tail = &self.tails(series)[usize::from(surprise < 0.0)];
        let (habit, seen) = self.habit(series);
        tail.evidence(surprise.abs(), habit, seen)
    }

    /// Judges a closed bucket again after late events: by what was expected of it when it closed, and where its series has a detector of its
    /// own by that as it was `before`; else by the tail as it is now.
    pub(super) fn judge_late(&self, series: Option<&Series>, running: &Running, before: Option<&Own>) -> (f64, Side) {
        let Outlook { location, scale, .. } = running.outlook;
        if scale <= 0.0 {
            return (0.0, Side::Usual);
        }
        let value = running.value(self.metric.function);
        let forecast = Forecast { location: location.into(), scale: scale.into() };
        let surprise = Seasonal::surprise(self.metric.stable(value), &forecast);
        let Some(side) = self.side_judged(value, surprise, &running.outlook, true) else { return (0.0, Side::Usual) };
        if let (Some(own), Some(kind)) = (before, self.metric.detector.kind()) {
            return (closing::judge_late(own, kind, value, self.metric.moment(running.index)), side);
        }
        let tail = usize::from(surprise < 0.0);
        let evidence = match series {
            Some(series) => self.evidence(series, surprise),
            None => self.tails[1][tail].evidence(surprise.abs(), Habit::default(), 0),
        };
        (evidence, side)
    }

    fn learn_surprise(&mut self, series: &mut Series, surprise: f64) {
        let experienced = usize::from(self.is_experienced(series));
        let [above, below] = &mut self.tails[experienced];
        let clip = if surprise > 0.0 { above.clip() } else { below.clip() };
        above.learn(surprise);
        below.learn(-surprise);
        series.habit.learn(surprise, clip, series.detector.seen());
    }

    /// Learns the buckets without events before bucket `index`, where those are values.
    fn rest(&self, series: &mut Series, index: i64, prior: &Prior) {
        let value = match self.metric.gap {
            Gap::Unknown => return,
            Gap::Zero => 0.0,
            Gap::Previous => series.last_value,
        };
        if series.last_closed == CLOSED {
            return;
        }
        let first = series.last_closed + 1;
        let missing = self.metric.not_maintained(first, index.saturating_sub(first));
        if missing > 0 {
            series.detector.learn(self.metric.stable(value), missing.unsigned_abs(), self.metric.moment(first), prior);
            if let Some(kind) = self.metric.detector.kind() {
                closing::rest(series, kind, value, missing, |bucket| self.metric.moment(first.saturating_add(bucket)));
            }
        }
    }

    /// Whether no events in bucket `index` would be unusually few, so that it has to be closed even if none come.
    pub(super) fn would_miss(&self, series: &Series, index: i64) -> bool {
        if self.metric.gap != Gap::Zero || !self.metric.low() || series.silent >= MOST_SILENT {
            return false;
        }
        let forecast = self.forecast(series, self.metric.moment(index), &self.population.prior());
        let (habit, seen) = self.habit(series);
        let band = self.tails(series)[1].band(habit, seen);
        self.can_judge(series)
            && forecast.location > band * forecast.scale
            && self.metric.value_at(forecast.location) >= self.metric.minimum_deviation
    }

    pub(super) fn enqueue(&mut self, slot: u32, index: i64) {
        // most often the newest
        let place = self.slices.iter().rposition(|slice| slice.index <= index);
        match place {
            Some(place) if self.slices[place].index == index => self.slices[place].slots.push(slot),
            _ => self.slices.insert(place.map_or(0, |place| place + 1), Slice { index, slots: vec![slot] }),
        }
    }

    pub(super) fn pop_due(&mut self, front: i64) -> Option<Slice> {
        if self.next_close()? <= front { self.slices.pop_front() } else { None }
    }

    pub(super) fn next_close(&self) -> Option<i64> {
        self.slices.front().map(|slice| self.metric.closes_at(slice.index))
    }
}

/// How much the last dozen buckets have to do with what is unusual about one, −5 (nothing) to 5 (all): the mean of so many surprises
/// strays by a fifth of what one does, so five times the mean is held against the one.
fn multi_bucket(surprise: f64, pressure: f32) -> f32 {
    let lasting = f64::from(pressure.abs()) * f64::from(2.0 * LASTING - 1.0).sqrt();
    let both = lasting + surprise.abs();
    if both < 1e-9 { 0.0 } else { (5.0 * (lasting - surprise.abs()) / both) as f32 }
}

#[cfg(test)]
mod tests;
