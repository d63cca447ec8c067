//! How improbable a size is, by the tail of a series' own sizes: how often they lie beyond a threshold, and how far on
//! the mean of logarithms (B. M. Hill, "A simple general approach to inference about the tail of a distribution", 1975), both
//! shrunk to a prior. A cluster of large sizes counts once, so that an anomaly of many points does not make itself usual ("runs
//! declustering", A. C. Davison and R. L. Smith, "Models for exceedances over high thresholds", 1990).

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Logarithms beyond this are the tail.
const THRESHOLD: f64 = 1.0;
/// Prior: share beyond the threshold, as firm as so many points; mean excess, as firm as so many beyond it.
const SHARE: (f64, f64) = (0.05, 5000.0);
const EXCESS: (f64, f64) = (0.25, 20.0);
/// How fast it forgets, per point.
const RATE: f64 = 1.0 / 20_000.0;
/// Excesses are learnt as if they were at most this improbable.
const CLIP: f64 = 1e-5;
/// What is more improbable than this …
const LARGE: f64 = 0.003;
/// … is learnt only when nothing as large came in so many points before.
const CLUSTER: u32 = 30;

/// Sizes up to this, e − 1, lie below the threshold, whatever the tail.
const BELOW: f64 = 1.718_281_828;

/// The tail of what one series has shown of one measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OwnTail {
    seen: f32,
    beyond: f32,
    excess: f32,
    /// Points since the last large one.
    calm: u32,
}

impl OwnTail {
    pub(super) const NEW: Self = Self { seen: 0.0, beyond: 0.0, excess: 0.0, calm: u32::MAX };

    /// After so many sizes of 0.
    pub(super) fn still(seen: u32) -> Self {
        Self { seen: ((1.0 - (1.0 - RATE).powf(seen.into())) / RATE) as f32, ..Self::NEW }
    }

    /// Share beyond the threshold and mean excess.
    fn law(&self) -> (f64, f64) {
        let (seen, beyond, excess) = (f64::from(self.seen), f64::from(self.beyond), f64::from(self.excess));
        let share = (beyond + SHARE.0 * SHARE.1) / (seen + SHARE.1);
        (share.min(0.5), (excess + EXCESS.0 * EXCESS.1) / (beyond + EXCESS.1))
    }

    /// −ln of the probability of `size` deviations or more, 0 below the threshold; then learns it.
    pub(super) fn observe(&mut self, size: f64) -> f64 {
        if size <= BELOW {
            self.age();
            return 0.0;
        }
        let (share, mean) = self.law();
        self.age();
        let excess = size.ln_1p() - THRESHOLD;
        self.learn(excess, share.ln(), mean);
        (excess / mean - share.ln()).max(0.0)
    }

    fn age(&mut self) {
        let kept = (1.0 - RATE) as f32;
        self.seen = self.seen * kept + 1.0;
        self.beyond *= kept;
        self.excess *= kept;
        self.calm = self.calm.saturating_add(1);
    }

    fn learn(&mut self, excess: f64, share: f64, mean: f64) {
        // how far beyond the threshold what has this probability lies
        let quantile = |probability: f64| (share - probability.ln()).max(0.5) * mean;
        if excess > quantile(LARGE) && std::mem::take(&mut self.calm) < CLUSTER {
            return;
        }
        if excess > 0.0 {
            self.beyond += 1.0;
            self.excess += excess.min(quantile(CLIP)) as f32;
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        [self.seen, self.beyond, self.excess].into_iter().for_each(|number| out.f32(number));
        out.u32(self.calm);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { seen: input.f32()?, beyond: input.f32()?, excess: input.f32()?, calm: input.u32()? })
    }
}
