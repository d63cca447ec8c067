//! How large a distance is beside what such distances usually are: a faded mean and deviation in 24 bytes.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Distances before anything is said.
const KNOWN_AFTER: u64 = 20;
/// Distances before large ones are learnt clipped …
const CLIPPED_AFTER: u64 = 100;
/// … to so many deviations.
const CLIP: f64 = 8.0;

/// Mean and mean square deviation of distances, old ones fading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    mean: f64,
    square: f64,
    seen: u64,
}

impl Spread {
    pub(super) const NEW: Self = Self { mean: 0.0, square: 0.0, seen: 0 };

    /// How many deviations `distance` lies above the mean, at least 0; then learns it. Memory reaches back over about `span`.
    ///
    /// With `stuck_at_zero` a series that has not moved for [`CLIPPED_AFTER`] points never says anything.
    pub(super) fn observe(&mut self, distance: f64, span: f64, stuck_at_zero: bool) -> f64 {
        let deviation = self.square.sqrt();
        let known = self.seen >= KNOWN_AFTER && (self.square > 0.0 || self.mean > 0.0);
        let beyond = distance - self.mean;
        let size = if known { (beyond / (deviation + 0.02 * self.mean + 1e-12)).max(0.0) } else { 0.0 };
        self.seen = self.seen.saturating_add(1);
        let is_clipped = self.seen > CLIPPED_AFTER && (stuck_at_zero || deviation > 0.0);
        let learnt = if is_clipped { beyond.min(CLIP * deviation) } else { beyond };
        let rate = (2.0 / (span + 1.0)).max(1.0 / self.seen as f64);
        self.mean += rate * learnt;
        self.square = (1.0 - rate) * (self.square + rate * learnt * learnt);
        size
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.f64(self.mean);
        out.f64(self.square);
        out.u64(self.seen);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { mean: input.f64()?, square: input.f64()?, seen: input.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_measured_by_those_before_it() {
        let mut spread = Spread::NEW;
        for step in 0..200 {
            spread.observe(f64::from(step % 5), 1000.0, false);
        }
        assert!(spread.observe(2.0, 1000.0, false) < 0.1);
        assert!(spread.observe(40.0, 1000.0, false) > 20.0);
    }

    #[test]
    fn a_series_that_begins_to_move_is_learnt() {
        let mut spread = Spread::NEW;
        for _ in 0..500 {
            spread.observe(0.0, 1000.0, false);
        }
        let sizes: Vec<f64> = (0..50).map(|_| spread.observe(1.0, 1000.0, false)).collect();
        assert!(sizes[49] < 5.0, "{sizes:?}");
    }
}
