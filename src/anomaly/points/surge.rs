//! How improbable the last move of a series is, calibrated on this series' own moves.
//!
//! Three distances are looked at: from the last value, from the median of the last three, and from the last value beside
//! what steps are like at this hour. Each is measured in deviations ([`Spread`]), and how improbable that is the series' own
//! tail says ([`OwnTail`]): a series whose steps have heavy tails has to step further than one whose steps have not.

use super::own_tail::OwnTail;
use super::recent::Recent;
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
    from_last: Spread<f32>,
    from_median: Spread<f32>,
    by_hour: [Spread<f32>; HOURS],
    tails: [OwnTail; 3],
}

impl Surge {
    /// Nothing learnt.
    pub(super) fn new() -> Self {
        Self::still(0, false)
    }

    /// After so many points without a move.
    pub(super) fn still(seen: u32, timed: bool) -> Self {
        let an_hour = if timed { seen / HOURS as u32 } else { seen };
        Self {
            from_last: Spread::still(seen.saturating_sub(1)),
            from_median: Spread::still(seen.saturating_sub(BEFORE as u32)),
            by_hour: [Spread::still(an_hour.saturating_sub(1)); HOURS],
            tails: [OwnTail::still(seen.saturating_sub(BEFORE as u32)); 3],
        }
    }

    /// −ln of the probability of the last move, the mean of three; then learns it. `hour` is 0 where times mean nothing.
    pub(super) fn observe(&mut self, recent: &Recent, hour: usize) -> f64 {
        let before = recent.len() - 1;
        if before == 0 {
            return 0.0;
        }
        let [three, two, one, value] = recent.last();
        let step = (value - one).abs();
        let plain = self.from_last.observe(step, SPAN, false);
        let hourly = self.by_hour[hour % HOURS].observe(step, HOUR_SPAN, false);
        if before < BEFORE {
            return 0.0;
        }
        let median = one.max(two).min(one.min(two).max(three));
        let smooth = self.from_median.observe((value - median).abs(), SPAN, false);
        let [first, second, third] = &mut self.tails;
        (first.observe(plain) + second.observe(smooth) + third.observe(hourly)) / 3.0
    }

    pub(super) fn save(&self, out: &mut Writer) {
        [self.from_last, self.from_median].iter().chain(self.by_hour.iter()).for_each(|spread| spread.save(out));
        self.tails.iter().for_each(|tail| tail.save(out));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut surge = Self::new();
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
        let (mut surge, mut recent) = (Surge::new(), Recent::new());
        for at in 0..20_000 {
            recent.push(next(&mut noise, at));
            surge.observe(&recent, 0);
        }
        recent.push(1e3);
        surge.observe(&recent, 0)
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
