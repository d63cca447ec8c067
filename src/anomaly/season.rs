//! The day's shape of a series: one value for each hour (UTC), workdays and weekends apart.
//!
//! It is made only for a series that has lived for hours, and used only where, on this very series, it has
//! foretold better than the plain level. What it foretells for an hour comes from earlier days alone.

use super::codec::{Damaged, Reader, Writer};
use super::level::Level;

/// Hours of a workday, then hours of a day of the weekend.
const SLOTS: usize = 48;
const HOUR: i64 = 3_600_000_000;
/// How fast values of earlier days fade, per hour of the series.
const FADE: f64 = 0.3;
/// Forecasts compared before the season may be used.
const COMPARED: u32 = 48;
/// The season is used when its error is below this share of the level's.
const BETTER: f32 = 0.9;
/// How fast old errors fade.
const ERROR_RATE: f32 = 1.0 / 128.0;

/// Start and length of a bucket, in microseconds since the epoch and microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Start of the bucket.
    pub start: i64,
    /// Its length.
    pub span: i64,
}

impl Moment {
    /// The hour's slot, the day (modulo 2^16), and where in the hour the middle of the bucket lies, 0 to 1.
    fn slot(self) -> (usize, u16, f64) {
        let middle = self.start + self.span / 2;
        let hours = middle.div_euclid(HOUR);
        let day = hours.div_euclid(24);
        // 1970-01-01 was a Thursday
        let weekend = (day + 3).rem_euclid(7) >= 5;
        let slot = hours.rem_euclid(24) as usize + if weekend { 24 } else { 0 };
        (slot, day.rem_euclid(1 << 16) as u16, middle.rem_euclid(HOUR) as f64 / HOUR as f64)
    }
}

/// What the hours of the day have been like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Season {
    hours: [Hour; SLOTS],
    /// What is left once the day's shape is taken off: the series' present level above or below it.
    rest: Level,
    level_error: f32,
    season_error: f32,
    compared: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Hour {
    /// Mean over all days, the last one included.
    value: f32,
    /// The same as it was before `day` began.
    before: f32,
    /// Values taken in, at most 65,535.
    seen: u16,
    /// The day of the last value.
    day: u16,
    /// Days with values, at most 255.
    days: u8,
}

impl Hour {
    /// What earlier days tell about this hour of `today`.
    fn foretold(&self, today: u16) -> Option<f64> {
        match (self.days, self.day == today) {
            (0, _) | (1, true) => None,
            (_, true) => Some(self.before.into()),
            (_, false) => Some(self.value.into()),
        }
    }

    fn learn(&mut self, value: f64, today: u16, slowest: f64) {
        if self.days == 0 || self.day != today {
            self.before = self.value;
            self.day = today;
            self.days = self.days.saturating_add(1);
        }
        self.seen = self.seen.saturating_add(1);
        let rate = slowest.max(1.0 / f64::from(self.seen));
        self.value += (rate * (value - f64::from(self.value))) as f32;
    }
}

impl Season {
    /// Nothing learnt yet.
    pub(super) fn new() -> Self {
        Self { hours: [Hour::default(); SLOTS], rest: Level::NEW, level_error: 0.0, season_error: 0.0, compared: 0 }
    }

    /// Location and scale foretold for a bucket; none as long as the plain level is as good.
    pub(super) fn forecast(&self, moment: Moment) -> Option<(f64, f64)> {
        let better = self.compared >= COMPARED && self.season_error < BETTER * self.level_error;
        let shape = if better { self.shape(moment) } else { None };
        shape.map(|shape| (shape + f64::from(self.rest.location), f64::from(self.rest.scale)))
    }

    /// Learns the value of a bucket for which the plain level said `level`.
    pub(super) fn learn(&mut self, value: f64, level: f64, moment: Moment, slowest: f64) {
        let (slot, today, _) = moment.slot();
        let mut learnt = value;
        if let Some(shape) = self.shape(moment) {
            let expected = shape + f64::from(self.rest.location);
            let most = 4.0 * f64::from(self.rest.scale);
            self.compare((value - level).abs().min(most), (value - expected).abs().min(most));
            self.rest.learn(value - shape, slowest);
            learnt = value.clamp(expected - most, expected + most);
        }
        self.hours[slot].learn(learnt, today, FADE / buckets_an_hour(moment.span) as f64);
    }

    /// Learns that `times` buckets from `moment` on had the same value; of long runs the last two days.
    pub(super) fn learn_run(&mut self, value: f64, times: u64, moment: Moment) {
        let an_hour = buckets_an_hour(moment.span);
        let hours = times.div_ceil(an_hour);
        let slowest = 1.0 - (1.0 - FADE / an_hour as f64).powf(times.min(an_hour) as f64);
        let step = moment.span.max(HOUR);
        for back in 1..=hours.min(SLOTS as u64) {
            let start = moment.start + (hours - back) as i64 * step;
            let (slot, today, _) = Moment { start, span: moment.span }.slot();
            self.hours[slot].learn(value, today, slowest);
        }
    }

    fn compare(&mut self, level_error: f64, season_error: f64) {
        self.compared = self.compared.saturating_add(1);
        let rate = ERROR_RATE.max(1.0 / self.compared as f32);
        self.level_error += rate * (level_error as f32 - self.level_error);
        self.season_error += rate * (season_error as f32 - self.season_error);
    }

    /// The day's shape at the middle of the bucket: the hours' values stand at their middles, joined by lines.
    fn shape(&self, moment: Moment) -> Option<f64> {
        let (slot, today, within) = moment.slot();
        let own = self.hours[slot].foretold(today)?;
        let (weekend, hour) = (slot / 24 * 24, slot % 24);
        let (other, weight) =
            if within < 0.5 { ((hour + 23) % 24, 0.5 - within) } else { ((hour + 1) % 24, within - 0.5) };
        let neighbour = self.hours[weekend + other].foretold(today).unwrap_or(own);
        Some(own + weight * (neighbour - own))
    }

    pub(super) fn save(&self, out: &mut Writer) {
        for hour in &self.hours {
            out.f32(hour.value);
            out.f32(hour.before);
            out.u16(hour.seen);
            out.u16(hour.day);
            out.u8(hour.days);
        }
        self.rest.save(out);
        out.f32(self.level_error);
        out.f32(self.season_error);
        out.u32(self.compared);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut season = Self::new();
        for hour in &mut season.hours {
            *hour = Hour {
                value: input.f32()?,
                before: input.f32()?,
                seen: input.u16()?,
                day: input.u16()?,
                days: input.u8()?,
            };
        }
        season.rest = Level::load(input)?;
        season.level_error = input.f32()?;
        season.season_error = input.f32()?;
        season.compared = input.u32()?;
        Ok(season)
    }
}

fn buckets_an_hour(span: i64) -> u64 {
    (HOUR / span.max(1)).max(1).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES_5: i64 = 300_000_000;

    fn wave(n: i64) -> f64 {
        20.0 + 10.0 * (n as f64 / 288.0 * std::f64::consts::TAU).sin()
    }

    #[test]
    fn a_daily_wave_is_foretold_from_the_third_day_on() {
        let mut season = Season::new();
        let mut level = Level::NEW;
        // 1970-01-05 was a Monday
        let moment = |n: i64| Moment { start: 4 * 24 * HOUR + n * MINUTES_5, span: MINUTES_5 };
        for n in 0..288 * 5 {
            if n > 288 * 3 {
                let (expected, scale) = season.forecast(moment(n)).expect("better than the level by now");
                assert!((expected - wave(n)).abs() < 2.5, "{n}: {expected} for {}", wave(n));
                assert!(scale < 2.5, "{n}: {scale}");
            }
            season.learn(wave(n), level.location.into(), moment(n), 1.0 / 64.0);
            level.learn(wave(n), 1.0 / 64.0);
        }
    }

    #[test]
    fn a_flat_series_does_without() {
        let mut season = Season::new();
        for n in 0..288 * 4 {
            let moment = Moment { start: n * MINUTES_5, span: MINUTES_5 };
            season.learn(5.0 + (n * 7919 % 11) as f64, 10.0, moment, 1.0 / 64.0);
            assert_eq!(season.forecast(moment), None);
        }
    }
}
