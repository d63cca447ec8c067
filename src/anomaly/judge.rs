//! What one metric knows over all its series, and how it judges a bucket: running ones upwards, closed ones both ways.

use std::collections::VecDeque;

use super::closing;
use super::declare::{Function, Gap, Method};
use super::detector::{Forecast, Population, Prior, Seasonal, stabilise, unstabilise};
use super::forecast::Expected;
use super::heights::{Seldom, hour};
use super::joint::Contributor;
use super::metric::Metric;
use super::points::{Own, Reason};
use super::season::Moment;
use super::series::{CLOSED, Outlook, Running, Series};
use super::tail::{Habit, Tail};
use super::touched::{Frame, Side};
use crate::event::ReceivedTime;

/// A series is judged by its own history from so many buckets on; before by the population's.
const EXPERIENCED: u32 = 12;
/// The same where there is no population.
const EXPERIENCED_ALONE: u32 = 30;
/// Buckets without events that are closed one by one before a series sleeps.
const MOST_SILENT: u16 = 120;
/// Of so many buckets the mean surprise says whether what is unusual has lasted; larger ones count as [`MOST_PRESSURE`].
const LASTING: f32 = 12.0;
const MOST_PRESSURE: f64 = 8.0;
/// Buckets without events that are looked at one by one, whether they lie in a time of maintenance.
const MOST_LOOKED_AT: i64 = 20_000;
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

    /// Whether entities are held against each other.
    fn is_of_peers(&self) -> bool {
        self.metric.detector == Method::Population
    }

    /// What is expected of a series.
    fn forecast(&self, series: &Series, moment: Moment, prior: &Prior) -> Forecast {
        if self.is_of_peers() { prior.forecast() } else { series.detector.forecast(moment, prior) }
    }

    /// The habit that counts for a series, and its age: among peers, to be always far off is no excuse.
    fn habit(&self, series: &Series) -> (Habit, u32) {
        if self.is_of_peers() { (Habit::default(), 0) } else { (series.habit, series.detector.seen()) }
    }

    fn is_experienced(&self, series: &Series) -> bool {
        if self.is_of_peers() {
            return self.population.prior().known;
        }
        let needed = if self.metric.entity.is_empty() { EXPERIENCED_ALONE } else { EXPERIENCED };
        series.detector.seen() >= needed
    }

    fn can_judge(&self, series: &Series) -> bool {
        self.is_experienced(series) || (!self.metric.entity.is_empty() && self.population.prior().known)
    }

    fn tails(&self, series: &Series) -> &[Tail; 2] {
        &self.tails[usize::from(self.is_experienced(series))]
    }

    fn outlook(&self, series: &Series, forecast: &Forecast) -> Outlook {
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
    pub(super) fn open(&self, series: &Series, index: i64) -> Running {
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

impl Metric {
    /// Start (by the clock of the metric's zone) and length of bucket `index`.
    fn moment(&self, index: i64) -> Moment {
        Moment { start: self.by_clock(index.saturating_mul(self.span)), span: self.span }
    }

    /// A value on the scale that it is judged on: bits are a logarithm already.
    fn stable(&self, value: f64) -> f64 {
        if self.is_joint() { value } else { stabilise(value) }
    }

    /// The value that is there on this scale.
    fn value_at(&self, stable: f64) -> f64 {
        if self.is_joint() { stable } else { unstabilise(stable) }
    }

    /// A time as the clock of the metric's zone shows it, both in microseconds.
    #[inline]
    fn by_clock(&self, at: i64) -> i64 {
        self.zone.as_ref().map_or(at, |zone| zone.local(at))
    }

    /// When an event came, for functions that look at hours: by the clock of the zone.
    #[inline]
    pub(super) fn met_at(&self, at: i64) -> i64 {
        if self.function == Function::UnusualTime { self.by_clock(at) } else { at }
    }

    /// Whether a bucket may wait for late events, if it is told where it `may_be_told`.
    fn may_be_corrected(&self, may_be_told: bool) -> bool {
        let waits = self.corrections.map_or(may_be_told, |waits| waits > 0);
        waits && !self.function.remembers()
    }

    /// An outlook as it is shown.
    pub(super) fn expected(&self, index: i64, outlook: &Outlook) -> Expected {
        let start = ReceivedTime::from_micros(index.saturating_mul(self.span)).as_event_time();
        let (expected, lower, upper) = (outlook.expected.into(), outlook.lower.into(), outlook.upper.into());
        Expected { start, expected, lower, upper }
    }

    /// When the front reaches this, bucket `index` is closed.
    #[inline]
    pub(super) fn closes_at(&self, index: i64) -> i64 {
        (index + 1).saturating_mul(self.span).saturating_add(self.lateness)
    }

    /// Whether bucket `index` lies in a time of maintenance.
    pub(super) fn is_maintained(&self, index: i64) -> bool {
        if self.maintenance.is_empty() {
            return false;
        }
        let start = self.by_clock(index.saturating_mul(self.span));
        self.maintenance.iter().any(|time| time.covers(start, start.saturating_add(self.span)))
    }

    /// How many of `count` buckets from `first` on lie in no time of maintenance; of very many the last are looked at.
    fn not_maintained(&self, first: i64, count: i64) -> i64 {
        if self.maintenance.is_empty() || count <= 0 {
            return count;
        }
        let looked_at = count.min(MOST_LOOKED_AT);
        let from = first.saturating_add(count - looked_at);
        count - (from..from.saturating_add(looked_at)).filter(|index| self.is_maintained(*index)).count() as i64
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
mod tests {
    use super::super::fields::Value;
    use super::super::harness::{Feed, Noise, TestEvent, settings};
    use super::super::record::AnomalyRecord;
    use super::*;

    /// One series of bucket values, given as one event per minute with the value as its amount.
    fn alarms(values: impl Iterator<Item = f64>, direction: &str) -> Vec<AnomalyRecord> {
        let declared =
            format!(r#"[{{"name":"n","function":"sum","field":"v","direction":"{direction}","gap":"unknown"}}]"#);
        let mut feed = Feed::new(settings(&declared));
        for (minute, value) in values.enumerate() {
            feed.observe(&TestEvent::new(minute as f64 * 60.0, &[Value::Number(value)]));
        }
        feed.finish()
    }

    const BUCKETS: usize = 100_000;

    /// Records per 10,000 buckets, each of five seeds alone.
    fn false_alarms(mut next: impl FnMut(&mut Noise, usize) -> f64) -> f64 {
        let found: usize = (0..5)
            .map(|seed| {
                let mut noise = Noise::new(seed);
                alarms((0..BUCKETS / 5).map(|n| next(&mut noise, n)), "both").len()
            })
            .sum();
        found as f64 * 10_000.0 / BUCKETS as f64
    }

    fn wave(minute: usize) -> f64 {
        1.0 + 0.8 * (minute as f64 / 1440.0 * std::f64::consts::TAU).sin()
    }

    #[test]
    fn stationary_and_seasonal_noise_give_few_false_alarms() {
        let mut bursty_until = 0;
        let told = [
            ("poisson 0.2", false_alarms(|noise, _| noise.poisson(0.2))),
            ("poisson 3", false_alarms(|noise, _| noise.poisson(3.0))),
            ("poisson 400", false_alarms(|noise, _| noise.poisson(400.0))),
            (
                "negative binomial",
                false_alarms(|noise, _| {
                    let mean = 20.0 * noise.gamma(2.0) / 2.0;
                    noise.poisson(mean)
                }),
            ),
            ("lognormal", false_alarms(|noise, _| (12.0 + 1.5 * noise.normal()).exp())),
            ("seasonal", false_alarms(|noise, n| noise.poisson(50.0 * wave(n)))),
            (
                "bursty",
                false_alarms(|noise, n| {
                    if noise.uniform() < 0.01 {
                        bursty_until = n + 1 + noise.below(5) as usize;
                    }
                    noise.poisson(if n < bursty_until { 200.0 } else { 10.0 })
                }),
            ),
        ];
        println!("false alarms per 10,000 buckets: {told:?}");
        for (name, rate) in told {
            // a burst is no false alarm in the strict sense; those of one series soon become usual
            let most = if name == "bursty" { 3.0 } else { 1.0 };
            assert!(rate <= most, "{name}: {rate} false alarms per 10,000 buckets");
        }
    }

    #[test]
    fn entities_of_very_different_size_give_few_false_alarms_old_and_new() {
        let declared = r#"[{"name":"n","over":["who"],"function":"sum","field":"v"}]"#;
        let mut noise = Noise::new(6);
        let means: Vec<f64> = (0..400).map(|_| (2.0 + 1.5 * noise.normal()).exp()).collect();
        let mut feed = Feed::new(settings(declared));
        let mut buckets = 0;
        for minute in 0..250 {
            for (who, mean) in means.iter().enumerate() {
                // every second entity comes late and stays 20 minutes
                let from = if who % 2 == 0 { 0 } else { who / 2 };
                if minute < from || (who % 2 == 1 && minute > from + 20) {
                    continue;
                }
                let values = [Value::Number(who as f64), Value::Number(noise.poisson(*mean))];
                feed.observe(&TestEvent::new(minute as f64 * 60.0, &values));
                buckets += 1;
            }
        }
        let found = feed.finish().len();
        let rate = found as f64 * 10_000.0 / f64::from(buckets);
        println!("{found} false alarms in {buckets} buckets of 400 entities");
        assert!(rate <= 2.0, "{rate} false alarms per 10,000 buckets");
    }

    #[test]
    fn spikes_and_dips_are_found_in_noise() {
        let mut noise = Noise::new(9);
        let values = (0..2_000).map(|n| match n {
            1_000 => 200.0,
            1_500 => 0.0,
            _ => noise.poisson(40.0),
        });
        let found: Vec<(Side, f64)> =
            alarms(values, "both").iter().map(|record| (record.side, record.actual)).collect();
        assert_eq!(found, [(Side::High, 200.0), (Side::Low, 0.0)]);
    }

    #[test]
    fn a_direction_that_is_not_declared_is_not_told() {
        let values = |seed| {
            let mut noise = Noise::new(seed);
            (0..2_000).map(move |n| if n == 1_000 { 0.0 } else { noise.poisson(40.0) })
        };
        assert!(alarms(values(1), "high").is_empty());
        assert_eq!(alarms(values(1), "low").len(), 1);
    }

    #[test]
    fn a_step_of_a_thousand_billion_is_told_and_then_becomes_usual() {
        let mut noise = Noise::new(4);
        let values = (0..3_000).map(|n| noise.poisson(40.0) + if n >= 1_000 { 1e12 } else { 0.0 });
        let found = alarms(values, "high");
        assert!(!found.is_empty() && found.len() < 60, "{}", found.len());
        let last = found.last().expect("one at least");
        assert!(last.start.seconds() < super::super::harness::MONDAY as i64 + 1_200 * 60, "{last:?}");
    }

    #[test]
    fn a_night_as_quiet_as_every_night_is_no_dip_but_a_quiet_noon_is() {
        let mut noise = Noise::new(5);
        // ten days; at noon of the tenth the traffic of the night
        let noon = 9 * 1440 + 360;
        let values = (0..14_400).map(|n| if n == noon { 15.0 } else { noise.poisson(100.0 * wave(n)) });
        let found: Vec<i64> = alarms(values, "low")
            .iter()
            .map(|record| (record.start.seconds() - super::super::harness::MONDAY as i64) / 60)
            .filter(|minute| *minute > 4 * 1440)
            .collect();
        assert_eq!(found, [noon as i64]);
    }

    #[test]
    fn the_minimum_deviation_silences_what_is_unusual_but_small() {
        let declared = |least: u32| {
            format!(r#"[{{"name":"n","function":"sum","field":"v","direction":"high","minimum_deviation":{least}}}]"#)
        };
        let found = |least: u32| {
            let mut feed = Feed::new(settings(&declared(least)));
            for minute in 0..300 {
                let value = if minute == 200 { 30.0 } else { f64::from(minute % 2) };
                feed.observe(&TestEvent::new(f64::from(minute) * 60.0, &[Value::Number(value)]));
            }
            feed.finish().len()
        };
        assert_eq!((found(10), found(50)), (1, 0));
    }
}
