//! Where a series usually lies and how far it usually strays: a robust location and scale in 12 bytes.
//!
//! Both are Huber's joint M-estimates (P. J. Huber, "Robust Statistics", 1981, "Proposal 2"), followed by stochastic
//! approximation with exponential forgetting: one step moves the location by at most 2.5 scales times the rate, so no
//! single value, however large, does more than any other unusual one.

use super::codec::{Damaged, Reader, Writer};

/// Values count at most as if they lay so many scales away.
const CLIP: f64 = 2.5;
/// Mean of min(r², CLIP²) for a standard normal r.
const CONSISTENCY: f64 = 0.977_55;
/// Scale before anything is known, on the stabilised scale, where Poisson counts have 0.5.
const FIRST_SCALE: f64 = 0.7;
/// The scale never falls below this: from 0 it could not grow again.
const LEAST: f64 = 0.1;
/// A run of equal values is learnt in at most so many steps.
const RUN_STEPS: u32 = 16;

/// Robust location and scale of values on the stabilised scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    pub location: f32,
    pub scale: f32,
    /// How many values it has learnt.
    pub seen: u32,
}

impl Level {
    /// Knows nothing; takes its first value as it is.
    pub(super) const NEW: Self = Self { location: 0.0, scale: FIRST_SCALE as f32, seen: 0 };

    /// Expects `location`, as firmly as if it had seen `weight` values.
    pub(super) fn expecting(location: f32, scale: f32, weight: u32) -> Self {
        Self { location, scale, seen: weight }
    }

    /// Takes in one value; old ones fade with `slowest` per value once there are more than 1 / `slowest`.
    pub(super) fn learn(&mut self, value: f64, slowest: f64) {
        if self.seen == 0 {
            self.location = value as f32;
        }
        self.seen = self.seen.saturating_add(1);
        self.step(value, slowest.max(early(self.seen)), slowest.max(early(self.seen.saturating_add(3))));
    }

    /// Takes in the same value `times` in a row, in a bounded number of steps.
    pub(super) fn learn_run(&mut self, value: f64, times: u64, slowest: f64) {
        let steps = times.min(u64::from(RUN_STEPS));
        for _ in 0..steps {
            let rate = slowest.max(early(self.seen.saturating_add(3)));
            let rate = 1.0 - (1.0 - rate).powf(times as f64 / steps as f64);
            self.step(value, rate, rate);
            let each = u32::try_from(times / steps).unwrap_or(u32::MAX);
            self.seen = self.seen.saturating_add(each);
        }
    }

    fn step(&mut self, value: f64, rate: f64, scale_rate: f64) {
        let scale = f64::from(self.scale);
        let strayed = ((value - f64::from(self.location)) / scale).clamp(-CLIP, CLIP);
        self.location += (rate * strayed * scale) as f32;
        let spread = scale * scale * (1.0 + scale_rate * (strayed * strayed / CONSISTENCY - 1.0));
        self.scale = spread.sqrt().max(LEAST) as f32;
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.f32(self.location);
        out.f32(self.scale);
        out.u32(self.seen);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { location: input.f32()?, scale: input.f32()?, seen: input.u32()? })
    }
}

/// The rate for value number `seen`: faster than a mean's, because the scale it is clipped by is learnt at the same time.
fn early(seen: u32) -> f64 {
    1.5 / (f64::from(seen) + 0.5)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Sum of 12 uniform numbers less 6: close to a standard normal.
    fn normal(random: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
    }

    #[test]
    fn a_normal_series_gives_its_mean_and_deviation_in_spite_of_a_tenth_of_outliers() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut level = Level::NEW;
        for n in 0..5_000 {
            let value = if n % 10 == 9 { 1e3 } else { 20.0 + 3.0 * normal(&mut random) };
            level.learn(value, 1.0 / 512.0);
        }
        assert!((level.location - 20.0).abs() < 1.5, "{level:?}");
        assert!((2.0..6.0).contains(&level.scale), "{level:?}");
    }

    #[test]
    fn a_new_level_is_accepted_within_two_hundred_values() {
        let mut level = Level::NEW;
        (0..1000).for_each(|n| level.learn(f64::from(n % 3), 1.0 / 64.0));
        (0..200).for_each(|n| level.learn(50.0 + f64::from(n % 3), 1.0 / 64.0));
        assert!((level.location - 51.0).abs() < 10.0, "{level:?}");
    }

    #[test]
    fn a_series_of_two_values_in_turn_has_their_spread_soon() {
        let mut level = Level::NEW;
        (0..40).for_each(|n| level.learn(f64::from(n % 2), 1.0 / 64.0));
        assert!((level.location - 0.5).abs() < 0.1 && (level.scale - 0.5).abs() < 0.15, "{level:?}");
    }

    #[test]
    fn a_long_run_ends_where_its_values_do() {
        let mut level = Level::NEW;
        (0..100).for_each(|n| level.learn(10.0 + f64::from(n % 3), 1.0 / 64.0));
        level.learn_run(0.0, 1_000_000, 1.0 / 64.0);
        assert!(level.location.abs() < 0.1, "{level:?}");
    }
}
