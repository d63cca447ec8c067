//! How large a distance is beside what such distances usually are: a faded mean and deviation.

use super::kept::Kept;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Distances before anything is said.
const KNOWN_AFTER: u16 = 20;
/// Distances before large ones are learnt clipped …
const CLIPPED_AFTER: u16 = 100;
/// … to so many deviations.
const CLIP: f64 = 8.0;

/// Mean and mean square deviation of distances, old ones fading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread<K> {
    mean: K,
    square: K,
    /// At most 65,535: a mean over more points than any span here.
    seen: u16,
}

impl<K: Kept> Spread<K> {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Self::still(0)
    }

    /// After so many distances of 0.
    pub(super) fn still(seen: u32) -> Self {
        Self { mean: K::default(), square: K::default(), seen: seen.min(u16::MAX.into()) as u16 }
    }

    /// How many deviations `distance` lies above the mean, at least 0; then learns it. Memory reaches back over about `span`.
    ///
    /// With `stuck_at_zero` a series that has not moved for [`CLIPPED_AFTER`] points never says anything.
    pub(super) fn observe(&mut self, distance: f64, span: f64, stuck_at_zero: bool) -> f64 {
        let (mean, square) = (self.mean.number(), self.square.number());
        let deviation = square.sqrt();
        let known = self.seen >= KNOWN_AFTER && (square > 0.0 || mean > 0.0);
        let beyond = distance - mean;
        let size = if known { (beyond / (deviation + 0.02 * mean + 1e-12)).max(0.0) } else { 0.0 };
        self.seen = self.seen.saturating_add(1);
        let is_clipped = self.seen > CLIPPED_AFTER && (stuck_at_zero || deviation > 0.0);
        let learnt = if is_clipped { beyond.min(CLIP * deviation) } else { beyond };
        let rate = (2.0 / (span + 1.0)).max(1.0 / f64::from(self.seen));
        self.mean = K::keep(mean + rate * learnt);
        self.square = K::keep((1.0 - rate) * (square + rate * learnt * learnt));
        size
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.mean.save(out);
        self.square.save(out);
        out.u16(self.seen);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { mean: K::load(input)?, square: K::load(input)?, seen: input.u16()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_measured_by_those_before_it() {
        let mut spread = Spread::<f64>::new();
        for step in 0..200 {
            spread.observe(f64::from(step % 5), 1000.0, false);
        }
        assert!(spread.observe(2.0, 1000.0, false) < 0.1);
        assert!(spread.observe(40.0, 1000.0, false) > 20.0);
    }

    #[test]
    fn a_series_that_begins_to_move_is_learnt() {
        let mut spread = Spread::<f64>::new();
        for _ in 0..500 {
            spread.observe(0.0, 1000.0, false);
        }
        let sizes: Vec<f64> = (0..50).map(|_| spread.observe(1.0, 1000.0, false)).collect();
        assert!(sizes[49] < 5.0, "{sizes:?}");
    }
}
