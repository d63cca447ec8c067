//! Counts in a byte: the logarithm of a count that fades.
//!
//! Levels are 4.9 % apart, so all counts fade together by losing one level every [`FADE_EVERY`] points. One more is added by
//! going up so many levels as it makes up, and where it makes up a part of one, by chance (R. Morris, "Counting large
//! numbers of events in small registers", 1978); the chance is a hash of where the series stands, so that every run throws the same dice.

use std::sync::LazyLock;

/// What is left of a count after a point.
pub(in crate::anomaly) const FADE: f64 = 0.9997;
/// Points after which all counts lose a level.
pub(in crate::anomaly) const FADE_EVERY: u32 = 160;
/// The largest count told: more than a count that fades can reach.
const MOST: f64 = 3_700.0;
const LEVELS: usize = 256;

/// What each level is.
#[derive(Debug)]
pub(in crate::anomaly) struct Levels {
    counts: [f32; LEVELS],
    /// The level below one more, and how often out of 2^16 it is the one above that.
    more: [(u8, u16); LEVELS],
    /// By how many levels the sum of two counts lies above the larger, by how many they are apart.
    above: [u8; LEVELS],
}

static TABLE: LazyLock<Levels> = LazyLock::new(Levels::new);

impl Levels {
    /// The table, which is made once.
    pub(in crate::anomaly) fn table() -> &'static Self {
        &TABLE
    }

    /// Logarithm of the ratio of two neighbours.
    fn step() -> f64 {
        -FADE.ln() * f64::from(FADE_EVERY)
    }

    fn new() -> Self {
        let count = |level: usize| match level {
            0 => 0.0,
            level => MOST * (Self::step() * (level as f64 - (LEVELS - 1) as f64)).exp(),
        };
        let mut table = Self { counts: [0.0; LEVELS], more: [(0, 0); LEVELS], above: [0; LEVELS] };
        for level in 0..LEVELS {
            table.counts[level] = count(level) as f32;
            table.above[level] = ((-Self::step() * level as f64).exp().ln_1p() / Self::step()).round() as u8;
            let wanted = count(level) + 1.0;
            let below = (level..LEVELS).rev().find(|other| count(*other) <= wanted).unwrap_or(level);
            let above = (below + 1).min(LEVELS - 1);
            let part = (wanted - count(below)) / (count(above) - count(below)).max(1e-9);
            table.more[level] = (below as u8, (part.min(0.999) * 65_536.0) as u16);
        }
        table
    }

    /// The count of a level.
    #[inline]
    pub(in crate::anomaly) fn count(&self, level: u8) -> f32 {
        self.counts[usize::from(level)]
    }

    /// The level of one more; `dice` is any of 2^16.
    #[inline]
    pub(in crate::anomaly) fn one_more(&self, level: u8, dice: u16) -> u8 {
        let (below, part) = self.more[usize::from(level)];
        below.saturating_add(u8::from(dice < part))
    }

    /// The level of the sum of two counts.
    #[inline]
    pub(in crate::anomaly) fn sum(&self, one: u8, other: u8) -> u8 {
        let (less, more) = (one.min(other), one.max(other));
        if less == 0 { more } else { more.saturating_add(self.above[usize::from(more - less)]) }
    }

    /// The level that is nearest to a count; 0 for next to nothing.
    pub(in crate::anomaly) fn nearest(count: f32) -> u8 {
        if count <= 0.0 {
            return 0;
        }
        let level = (LEVELS - 1) as f64 + (f64::from(count) / MOST).ln() / Self::step();
        level.round().clamp(0.0, (LEVELS - 1) as f64) as u8
    }
}

/// Sixteen bits for each of four histograms: what stands for chance (the finisher of MurmurHash3, Austin Appleby, public domain).
#[inline]
pub(in crate::anomaly) fn dice(place: u64) -> u64 {
    let mut hash = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_out_as_they_went_in() {
        let table = Levels::table();
        for wanted in [1_u32, 5, 30, 300, 1_000] {
            let told: f32 = (0..200_u64)
                .map(|run| {
                    let throw = |at: u32| dice(run * 10_000 + u64::from(at)) as u16;
                    table.count((0..wanted).fold(0, |level, at| table.one_more(level, throw(at))))
                })
                .sum();
            let error = told / 200.0 / wanted as f32 - 1.0;
            assert!(error.abs() < 0.05, "{wanted}: {error}");
        }
    }

    #[test]
    fn a_level_is_nearest_to_its_own_count() {
        let table = Levels::table();
        assert!((0..=255).all(|level| Levels::nearest(table.count(level)) == level));
        assert_eq!((Levels::nearest(1e-9), Levels::nearest(1e9)), (0, 255));
        for (one, other) in [(200, 200), (200, 180), (200, 90), (0, 77)] {
            let sum = table.count(table.sum(one, other));
            assert!((sum / (table.count(one) + table.count(other)) - 1.0).abs() < 0.03, "{one} {other}: {sum}");
        }
    }
}
