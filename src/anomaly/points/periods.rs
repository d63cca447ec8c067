//! The same time in past periods: does the value lie where it lay 7, 14 and 21 days ago at this time of the day?
//!
//! The comparison that Smart-Onion's metrics analyzer makes (github.com/Smart-Onion-Project): of the values at the same time 7, 14
//! and 21 periods back the largest, the smallest, the mean, the last and the range. What is unusual is a value outside of
//! [smallest, largest] by more than the range; nothing is said before two of the three are known. Each day is kept as 48 means, so a series takes
//! 8 kB, and a change within half an hour is compared with the half hour's mean.

use super::alarms::{Alarms, REMEMBERED};
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};

const DAY: i64 = 86_400;
/// Half hours of a day.
const SLOTS: usize = 48;
/// Days kept, today included.
const DAYS: usize = 22;
/// Days back that are compared with.
const BACK: [i64; 3] = [7, 14, 21];
/// Past periods that have to be known.
const KNOWN: usize = 2;
/// The range counts at least as this share of the mean: three equal values are no law.
const LEAST_RANGE: f64 = 0.05;
/// And at least as what values usually stray from the mean of their past periods, learnt over so many points.
const SPAN: f64 = 2_000.0;
/// Values farther outside than so many ranges are no more unusual.
const FARTHEST: f64 = 1e6;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Periods {
    /// Sum and count of each half hour, by day modulo [`DAYS`].
    slots: Vec<(f64, u32)>,
    /// The newest day.
    today: Option<i64>,
    /// How far values usually lie from the mean of their past periods, and of how many points.
    strayed: f64,
    compared: u32,
    alarms: Alarms<f32, REMEMBERED>,
}

/// What the past periods were like at one time of the day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Past {
    /// The largest value.
    pub most: f64,
    /// The smallest.
    pub least: f64,
    /// Their mean.
    pub mean: f64,
    /// The value of the last period that is known.
    pub last: f64,
}

impl Past {
    /// How far `value` lies outside of the smallest and largest, in ranges; a range counts at least as what values of the series have
    /// usually `strayed`.
    pub fn excess(&self, value: f64, strayed: f64) -> f64 {
        let range = (self.most - self.least).max(LEAST_RANGE * self.mean.abs()).max(strayed).max(f64::MIN_POSITIVE);
        ((value - self.most).max(self.least - value).max(0.0) / range).min(FARTHEST)
    }
}

impl Periods {
    /// Nothing learnt.
    pub fn new() -> Self {
        Self { slots: vec![(0.0, 0); SLOTS * DAYS], today: None, strayed: 0.0, compared: 0, alarms: Alarms::new() }
    }

    /// The same time in past periods; none where too few are known.
    pub fn past(&self, seconds: i64) -> Option<Past> {
        let (day, slot) = place(seconds);
        let today = self.today?;
        let values: Vec<f64> = BACK
            .iter()
            .map(|back| day - back)
            .filter(|day| *day > today - DAYS as i64 && *day <= today)
            .filter_map(|day| self.mean(day, slot))
            .collect();
        let last = *values.first().filter(|_| values.len() >= KNOWN)?;
        Some(Past {
            most: values.iter().copied().fold(f64::MIN, f64::max),
            least: values.iter().copied().fold(f64::MAX, f64::min),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            last,
        })
    }

    fn mean(&self, day: i64, slot: usize) -> Option<f64> {
        let (sum, count) = self.slots[index(day, slot)];
        (count > 0).then(|| sum / f64::from(count))
    }

    fn learn(&mut self, value: f64, seconds: i64) {
        let (day, slot) = place(seconds);
        let today = *self.today.get_or_insert(day);
        if day <= today - DAYS as i64 {
            return;
        }
        // days that nothing came in are emptied, at most all of them
        for passed in (today + 1..=day).rev().take(DAYS) {
            let from = index(passed, 0);
            self.slots[from..from + SLOTS].fill((0.0, 0));
        }
        self.today = Some(today.max(day));
        let (sum, count) = &mut self.slots[index(day, slot)];
        *sum += value;
        *count = count.saturating_add(1);
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut periods = Self::new();
        let known = input.u8()? != 0;
        periods.today = Some(input.i64()?).filter(|_| known);
        for (sum, count) in &mut periods.slots {
            (*sum, *count) = (input.f64()?, input.u32()?);
        }
        (periods.strayed, periods.compared) = (input.f64()?, input.u32()?);
        periods.alarms = Alarms::load(input)?;
        Ok(periods)
    }
}

impl Default for Periods {
    fn default() -> Self {
        Self::new()
    }
}

/// The day and the half hour; days stay far from where numbers end.
fn place(seconds: i64) -> (i64, usize) {
    (seconds.div_euclid(DAY), (seconds.rem_euclid(DAY) * SLOTS as i64 / DAY) as usize)
}

fn index(day: i64, slot: usize) -> usize {
    day.rem_euclid(DAYS as i64) as usize * SLOTS + slot
}

impl Detector for Periods {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        let past = self.past(point.seconds);
        let excess = past.map_or(0.0, |past| past.excess(value, self.strayed));
        if let Some(past) = past {
            self.compared = self.compared.saturating_add(1);
            let rate = (2.0 / (SPAN + 1.0)).max(1.0 / f64::from(self.compared));
            // what lies far outside is learnt as if it lay a few ranges away
            let strayed = (value - past.mean).abs();
            let most = if self.strayed > 0.0 { 8.0 * self.strayed } else { strayed };
            self.strayed += rate * (strayed.min(most) - self.strayed);
        }
        // beyond one range, in nats of ranges: a jump of 10^12 is not a billion times as telling as one of 10^3
        let raw = 5.0 * excess.max(1.0).ln();
        self.learn(value, point.seconds);
        Judgement { raw, alarm: self.alarms.observe(raw), reason: Reason::PastWeeks }
    }

    fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.today.is_some()));
        out.i64(self.today.unwrap_or(0));
        for (sum, count) in &self.slots {
            out.f64(*sum);
            out.u32(*count);
        }
        out.f64(self.strayed);
        out.u32(self.compared);
        self.alarms.save(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: i64 = 1_767_571_200;

    /// Hourly values: high on Mondays, low on other days.
    fn weeks(count: i64, periods: &mut Periods) -> i64 {
        let hours = count * 7 * 24;
        for hour in 0..hours {
            let is_monday = hour / 24 % 7 == 0;
            let value = if is_monday { 900.0 } else { 100.0 } + (hour % 5) as f64 * 10.0;
            periods.observe(Point { value, seconds: MONDAY + hour * 3_600 });
        }
        MONDAY + hours * 3_600
    }

    #[test]
    fn a_monday_is_compared_with_mondays() {
        let mut periods = Periods::new();
        let monday = weeks(4, &mut periods);
        let past = periods.past(monday).expect("three Mondays");
        assert!(past.least >= 900.0 && past.most <= 940.0 && past.mean > 899.0, "{past:?}");
        assert!(periods.observe(Point { value: 905.0, seconds: monday }).raw == 0.0);
        assert!(periods.observe(Point { value: 100.0, seconds: monday + 3_600 }).raw > 5.0);
        assert!(periods.observe(Point { value: 900.0, seconds: monday + 86_400 }).raw > 5.0);
    }

    #[test]
    fn one_week_is_no_law_and_a_month_of_silence_is_forgotten() {
        let mut periods = Periods::new();
        let end = weeks(1, &mut periods);
        assert_eq!(periods.past(end), None);
        let end = weeks(4, &mut periods);
        periods.observe(Point { value: 1.0, seconds: end + 40 * 86_400 });
        assert_eq!(periods.past(end + 40 * 86_400), None);
    }
}
