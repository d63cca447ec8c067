//! Seven views of one series: each turns another kind of change (drift, burst, flat line, season) into the same
//! question, "was this level here before?".

use super::kept::{Kept, MOST};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// How many views there are.
pub(super) const VIEWS: usize = 7;
/// The views that need no time.
pub(super) const TIMELESS: usize = 4;

const DAY: i64 = 86_400;
const WEEK: i64 = 604_800;
const HALF_HOURS: usize = 48;
const HOURS: usize = 24;

/// The state behind the views; the week has `W` slots.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Views<K, const W: usize> {
    /// Means over about 300, 20 and 600 points.
    means: [f64; 3],
    half_hours: Slots<K, HALF_HOURS>,
    hours: Slots<K, HOURS>,
    week: Slots<K, W>,
}

/// What each part of the day or week has been like.
#[derive(Debug, Clone, PartialEq)]
struct Slots<K, const N: usize> {
    /// Means, and of how many values each is; more than a few make no difference.
    means: [K; N],
}

impl<K: Kept, const W: usize> Views<K, W> {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Self { means: [0.0; 3], half_hours: Slots::new(), hours: Slots::new(), week: Slots::new() }
    }

    /// After nothing but `value`, from one time to another (in seconds).
    pub(super) fn still(value: f64, from: i64, to: i64) -> Self {
        let mut views = Self { means: [value; 3], ..Self::new() };
        views.half_hours.fill(value, from, to, DAY);
        views.hours.fill(value, from, to, DAY);
        views.week.fill(value, from, to, WEEK);
        views
    }

    /// All views of point number `index` (from 0), which is then learnt; `range` is that of the last values, this one included.
    pub(super) fn of(&mut self, value: f64, seconds: i64, index: u64, range: f64) -> [f64; VIEWS] {
        if index == 0 {
            self.means = [value; 3];
        }
        let least = 1.0 / (index as f64 + 1.0);
        let [slow, short, long] = self.means;
        let departure = if index > 0 { value - slow } else { 0.0 };
        let moved = |mean: f64, span: f64| mean + (2.0 / (span + 1.0)).max(least) * (value - mean);
        self.means = [moved(slow, 300.0), moved(short, 20.0), moved(long, 600.0)];
        let [_, short, long] = self.means;
        [
            value,
            departure,
            short - long,
            range,
            self.half_hours.departure(value, seconds, DAY, 2, 0.15),
            self.hours.departure(value, seconds, DAY, 2, 0.15),
            self.week.departure(value, seconds, WEEK, 1, 0.3),
        ]
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.means.iter().for_each(|number| out.f64(*number));
        self.half_hours.save(out);
        self.hours.save(out);
        self.week.save(out);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut views = Self::new();
        views.means.iter_mut().try_for_each(|number| input.f64().map(|read| *number = read))?;
        views.half_hours.load(input)?;
        views.hours.load(input)?;
        views.week.load(input)?;
        Ok(views)
    }
}

impl<K: Kept, const N: usize> Slots<K, N> {
    fn new() -> Self {
        Self { means: [K::default(); N] }
    }

    fn slot(seconds: i64, cycle: i64) -> usize {
        (seconds.rem_euclid(cycle) * N as i64 / cycle) as usize
    }

    /// The distance from what this part of the `cycle` has been like, 0 until it had `known_after` values; then learns.
    fn departure(&mut self, value: f64, seconds: i64, cycle: i64, known_after: u8, slowest: f64) -> f64 {
        let slot = Self::slot(seconds, cycle);
        let (mean, seen) = self.means[slot].counted();
        let departure = if seen >= known_after { value - mean } else { 0.0 };
        let rate = slowest.max(1.0 / (f64::from(seen) + 1.0));
        self.means[slot] = K::keep_counted(mean + rate * (value - mean), seen + 1);
        departure
    }

    /// As after nothing but `value` in the slots that passed between two times.
    fn fill(&mut self, value: f64, from: i64, to: i64, cycle: i64) {
        let length = cycle / N as i64;
        let slots = (to.saturating_sub(from) / length).clamp(0, N as i64 - 1);
        for back in 0..=slots {
            let slot = Self::slot(to.saturating_sub(back * length), cycle);
            self.means[slot] = K::keep_counted(value, MOST);
        }
    }

    fn save(&self, out: &mut Writer) {
        self.means.iter().for_each(|mean| mean.save(out));
    }

    fn load(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        self.means.iter_mut().try_for_each(|mean| K::load(input).map(|read| *mean = read))
    }
}
