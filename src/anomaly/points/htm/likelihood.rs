//! How likely so many unforeseen columns are (S. Ahmad, A. Lavin, S. Purdy and Z. Agha, "Unsupervised real-time anomaly detection for streaming
//! data", 2017): the mean of the last ten shares, held against mean and deviation of all of late. In a series that nobody can foretell many
//! are nothing special; in one that is always foretold a few are.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Shares whose mean is looked at.
const RECENT: usize = 10;
/// Points before shares are learnt, because at first nothing can be foretold; and before anything is said.
const LEARNT_AFTER: u32 = 100;
const SAID_AFTER: u32 = 300;
/// Points over which what is usual is learnt.
const SPAN: f64 = 4_000.0;
/// Shares are taken to stray at least so far.
const LEAST_DEVIATION: f64 = 0.02;
/// The largest −log10 of a probability that is told.
const MOST: f64 = 30.0;

/// The shares of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likelihood {
    recent: [f32; RECENT],
    seen: u32,
    mean: f64,
    square: f64,
}

impl Likelihood {
    pub(super) fn new() -> Self {
        Self { recent: [0.0; RECENT], seen: 0, mean: 0.0, square: 0.0 }
    }

    /// −log10 of the probability that of late so much was unforeseen, 0 where it is no more than usual; then learns.
    pub(super) fn observe(&mut self, share: f64) -> f64 {
        self.recent[self.seen as usize % RECENT] = share as f32;
        self.seen = self.seen.saturating_add(1);
        let recent = self.recent.iter().map(|share| f64::from(*share)).sum::<f64>() / RECENT as f64;
        let beyond = (recent - self.mean) / self.square.sqrt().max(LEAST_DEVIATION);
        if self.seen > LEARNT_AFTER {
            let rate = (2.0 / (SPAN + 1.0)).max(1.0 / f64::from(self.seen - LEARNT_AFTER));
            // ten shares make up a mean that is looked at, so their deviation is that of such means
            let strayed = recent - self.mean;
            self.mean += rate * strayed;
            self.square = (1.0 - rate) * (self.square + rate * strayed * strayed);
        }
        if self.seen > SAID_AFTER && beyond > 0.0 { tail(beyond) } else { 0.0 }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.recent.iter().for_each(|share| out.f32(*share));
        out.u32(self.seen);
        out.f64(self.mean);
        out.f64(self.square);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut likelihood = Self::new();
        likelihood.recent.iter_mut().try_for_each(|share| input.f32().map(|read| *share = read))?;
        (likelihood.seen, likelihood.mean, likelihood.square) = (input.u32()?, input.f64()?, input.f64()?);
        Ok(likelihood)
    }
}

/// −log10 of the share of a normal distribution beyond so many deviations, to a few hundredths: the exponential of a parabola (W.-J. Tsay and
/// others, "A simple closed-form approximation for the cumulative distribution function of the composite error", 2013).
fn tail(deviations: f64) -> f64 {
    let nats = std::f64::consts::LN_2 + 0.717 * deviations + 0.416 * deviations * deviations;
    (nats / std::f64::consts::LN_10).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_the_normal_distribution_comes_out() {
        for (deviations, share) in [(0.0, 0.5), (1.0, 0.158_655), (2.0, 0.022_75), (3.0, 0.001_35), (4.0, 3.167e-5)] {
            let wanted: f64 = -f64::log10(share);
            assert!((tail(deviations) - wanted).abs() < 0.08, "{deviations}: {} {wanted}", tail(deviations));
        }
    }

    #[test]
    fn surprises_count_where_there_are_few_and_not_where_there_are_many() {
        let run = |usual: fn(u32) -> f64| {
            let mut likelihood = Likelihood::new();
            for at in 0..3_000 {
                likelihood.observe(usual(at));
            }
            (0..10).map(|_| likelihood.observe(1.0)).fold(0.0, f64::max)
        };
        let noise =
            |at: u32| f64::from(at.wrapping_mul(2_654_435_761).rotate_left(9).wrapping_mul(2_246_822_519) >> 28) / 15.0;
        let (foreseen, unforeseen) = (run(|at| f64::from(u8::from(at % 50 == 0))), run(noise));
        assert!(foreseen > 10.0 && unforeseen < foreseen / 2.0, "{foreseen} {unforeseen}");
    }
}
