//! How improbable the last move of a series is, calibrated on this series' own moves.
//!
//! Three distances are looked at: from the last value, from the median of the last three, and from the last value beside
//! what steps are like at this hour. Each is measured in deviations ([`Spread`]), and how improbable that is the series' own
//! tail says ([`OwnTail`]): a series whose steps have heavy tails has to step further than one whose steps have not.

use super::own_tail::OwnTail;
use super::spread::Spread;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Points that usual distances are learnt over, and those of one hour of the day.
const SPAN: f64 = 10_000.0;
const HOUR_SPAN: f64 = 2_500.0;
const HOURS: usize = 24;
/// Points needed in front.
const BEFORE: usize = 5;

/// The moves of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Surge {
    /// The last values, newest first.
    last: [f64; 3],
    seen: u32,
    from_last: Spread,
    from_median: Spread,
    by_hour: Box<[Spread; HOURS]>,
    tails: [OwnTail; 3],
    timed: bool,
}

impl Surge {
    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub(super) fn new(timed: bool) -> Self {
        Self {
            last: [0.0; 3],
            seen: 0,
            from_last: Spread::NEW,
            from_median: Spread::NEW,
            by_hour: Box::new([Spread::NEW; HOURS]),
            tails: [OwnTail::NEW; 3],
            timed,
        }
    }

    /// −ln of the probability of such a move, the mean of three; then learns it.
    pub(super) fn observe(&mut self, value: f64, seconds: i64) -> f64 {
        let [one, two, three] = self.last;
        let seen = self.seen as usize;
        self.last = [value, one, two];
        self.seen = self.seen.saturating_add(1);
        if seen == 0 {
            return 0.0;
        }
        let step = (value - one).abs();
        let hour = if self.timed { (seconds.rem_euclid(86_400) / 3_600) as usize } else { 0 };
        let plain = self.from_last.observe(step, SPAN, false);
        let hourly = self.by_hour[hour].observe(step, HOUR_SPAN, false);
        if seen < BEFORE {
            return 0.0;
        }
        let median = one.max(two).min(one.min(two).max(three));
        let smooth = self.from_median.observe((value - median).abs(), SPAN, false);
        let [first, second, third] = &mut self.tails;
        (first.observe(plain) + second.observe(smooth) + third.observe(hourly)) / 3.0
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.timed));
        self.last.iter().for_each(|value| out.f64(*value));
        out.u32(self.seen);
        [self.from_last, self.from_median].iter().chain(self.by_hour.iter()).for_each(|spread| spread.save(out));
        self.tails.iter().for_each(|tail| tail.save(out));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut surge = Self::new(input.u8()? != 0);
        surge.last.iter_mut().try_for_each(|value| input.f64().map(|read| *value = read))?;
        surge.seen = input.u32()?;
        for spread in [&mut surge.from_last, &mut surge.from_median].into_iter().chain(surge.by_hour.iter_mut()) {
            *spread = Spread::load(input)?;
        }
        for tail in &mut surge.tails {
            *tail = OwnTail::load(input)?;
        }
        Ok(surge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::harness::Noise;

    /// The surprise of a jump by 30 deviations in a series whose steps are as `next` says.
    fn surprise(mut next: impl FnMut(&mut Noise, usize) -> f64) -> f64 {
        let mut noise = Noise::new(3);
        let mut surge = Surge::new(false);
        for at in 0..20_000 {
            surge.observe(next(&mut noise, at), 0);
        }
        surge.observe(1e3, 0)
    }

    #[test]
    fn a_series_that_often_jumps_has_to_jump_further() {
        let calm = surprise(|noise, _| noise.normal());
        let jumpy = surprise(|noise, at| if at % 200 == 0 { 300.0 } else { noise.normal() });
        assert!(calm > 2.0 * jumpy, "{calm} {jumpy}");
    }

    #[test]
    fn a_cluster_of_jumps_counts_as_one() {
        let spread = surprise(|noise, at| if at % 500 == 0 && at < 10_000 { 300.0 } else { noise.normal() });
        let cluster =
            surprise(|noise, at| if (5_000..5_040).contains(&at) && at % 2 == 0 { 300.0 } else { noise.normal() });
        assert!(cluster > spread, "{cluster} {spread}");
    }
}
