//! Seven views of one series: each turns another kind of change (drift, burst, flat line, season) into the same
//! question, "was this level here before?".

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// How many views there are.
pub(super) const VIEWS: usize = 7;
/// The views that need no time.
pub(super) const TIMELESS: usize = 4;

const DAY: i64 = 86_400;
const WEEK: i64 = 604_800;
/// Points in the window whose range is looked at.
const WINDOW: usize = 24;

/// The state behind the views.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Views {
    /// Means over about 300, 20 and 600 points.
    means: [f64; 3],
    window: [f64; WINDOW],
    half_hours: Slots<48>,
    hours: Slots<24>,
    week: Slots<336>,
}

/// What each part of the day or week has been like.
#[derive(Debug, Clone, PartialEq)]
struct Slots<const N: usize> {
    means: Box<[f64; N]>,
    seen: Box<[u32; N]>,
}

impl Views {
    pub(super) fn new() -> Self {
        Self {
            means: [0.0; 3],
            window: [0.0; WINDOW],
            half_hours: Slots::new(),
            hours: Slots::new(),
            week: Slots::new(),
        }
    }

    /// All views of point number `index` (from 0), which is then learnt.
    pub(super) fn of(&mut self, value: f64, seconds: i64, index: u64) -> [f64; VIEWS] {
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
            self.range(value, index),
            self.half_hours.departure(value, seconds, DAY, 2, 0.15),
            self.hours.departure(value, seconds, DAY, 2, 0.15),
            self.week.departure(value, seconds, WEEK, 1, 0.3),
        ]
    }

    fn range(&mut self, value: f64, index: u64) -> f64 {
        self.window[(index % WINDOW as u64) as usize] = value;
        let filled = index.saturating_add(1).min(WINDOW as u64) as usize;
        let seen = &self.window[..filled];
        let most = seen.iter().copied().fold(f64::MIN, f64::max);
        most - seen.iter().copied().fold(f64::MAX, f64::min)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.means.iter().chain(&self.window).for_each(|number| out.f64(*number));
        self.half_hours.save(out);
        self.hours.save(out);
        self.week.save(out);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut views = Self::new();
        for number in views.means.iter_mut().chain(&mut views.window) {
            *number = input.f64()?;
        }
        views.half_hours.load(input)?;
        views.hours.load(input)?;
        views.week.load(input)?;
        Ok(views)
    }
}

impl<const N: usize> Slots<N> {
    fn new() -> Self {
        Self { means: Box::new([0.0; N]), seen: Box::new([0; N]) }
    }

    /// The distance from what this part of the `cycle` has been like, 0 until it had `known_after` values; then learns.
    fn departure(&mut self, value: f64, seconds: i64, cycle: i64, known_after: u32, slowest: f64) -> f64 {
        let slot = (seconds.rem_euclid(cycle) * N as i64 / cycle) as usize;
        let (mean, seen) = (&mut self.means[slot], &mut self.seen[slot]);
        let departure = if *seen >= known_after { value - *mean } else { 0.0 };
        *mean += slowest.max(1.0 / (f64::from(*seen) + 1.0)) * (value - *mean);
        *seen = seen.saturating_add(1);
        departure
    }

    fn save(&self, out: &mut Writer) {
        self.means.iter().for_each(|mean| out.f64(*mean));
        self.seen.iter().for_each(|seen| out.u32(*seen));
    }

    fn load(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        self.means.iter_mut().try_for_each(|mean| input.f64().map(|read| *mean = read))?;
        self.seen.iter_mut().try_for_each(|seen| input.u32().map(|read| *seen = read))
    }
}
