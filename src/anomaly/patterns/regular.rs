//! How regular a list of numbers is, and a list of counts per hour, as RITA version 5 counts it.
//!
//! Source: Active Countermeasures, "RITA" version 5, the beacon score: Bowley's skewness (A. L. Bowley, "Elements of
//! Statistics", 1920) and the median absolute deviation about the median (F. R. Hampel, "The influence curve and its role in
//! robust estimation", 1974) of intervals and of sizes; the histogram of calls per hour, by its coefficient of variation
//! or as two modes; and how long it goes on. Scores lie between 0 and 1 and are rounded to thousandths, as there.
//!
//! Here two modes count only where an hour holds some calls ([`LEAST_PER_HOUR`]): with one or two calls an hour there are
//! never more than two heights, whatever calls.

/// Quartiles nearer than this make no skewness: seconds, or bytes.
const LEAST_SPREAD: f64 = 10.0;
/// Hours with calls from which two modes are looked for.
const LEAST_HOURS_OF_MODES: usize = 11;
/// Calls in an hour, on average of those with calls, from which two modes say something.
const LEAST_PER_HOUR: f64 = 4.0;
/// Counts that differ by this share of the largest are one mode.
const MODE: f64 = 0.05;
/// Hours that may lie outside the two modes.
const OUTLIERS: usize = 1;
/// Hours with calls below which duration says nothing.
const LEAST_HOURS: usize = 6;
/// Hours in a row that are as good as a whole day.
const IDEAL_RUN: f64 = 12.0;
/// Hours that are looked back.
pub(super) const HOURS: usize = 24;

/// How values lie.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spread {
    /// The value in the middle.
    pub median: f64,
    /// Half of the values are at most this far from it.
    pub deviation: f64,
    /// 1 is as regular as can be.
    pub score: f64,
}

impl Spread {
    /// Of at least three values, which are sorted. `unmeasured` is the score of a deviation where the median is below 1.
    pub(super) fn of(values: &mut [u32], unmeasured: f64) -> Option<Self> {
        if values.len() < 3 {
            return None;
        }
        values.sort_unstable();
        let [low, median, high] = quartiles(values);
        let spread = high - low;
        let skewness = if spread >= LEAST_SPREAD && median != low && median != high {
            (low + high - 2.0 * median) / spread
        } else {
            0.0
        };
        let deviation = deviation(values, median);
        let steady = if median >= 1.0 { ((median - deviation) / median).max(0.0) } else { unmeasured };
        Some(Self { median, deviation, score: thousandths((1.0 - skewness.abs() + steady) / 2.0) })
    }
}

/// The median of what lies below the middle, of all, and of what lies above it; the middle one of an odd number is on
/// neither side.
fn quartiles(sorted: &[u32]) -> [f64; 3] {
    let half = sorted.len() / 2;
    [median(&sorted[..half]), median(sorted), median(&sorted[sorted.len() - half..])]
}

fn median(sorted: &[u32]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        even if even % 2 == 0 => (f64::from(sorted[middle - 1]) + f64::from(sorted[middle])) / 2.0,
        _ => f64::from(sorted[middle]),
    }
}

/// The median of the distances from `median`. They are counted in halves, which are whole numbers.
fn deviation(sorted: &[u32], median: f64) -> f64 {
    let twice = (median * 2.0) as i64;
    let mut distances: Vec<u64> = sorted.iter().map(|value| (2 * i64::from(*value) - twice).unsigned_abs()).collect();
    let middle = distances.len() / 2;
    let (below, above, _) = distances.select_nth_unstable(middle);
    let above = *above;
    let lower = if sorted.len() % 2 == 0 { below.iter().copied().max().unwrap_or(above) } else { above };
    (lower + above) as f64 / 4.0
}

/// How flat the counts of hours in a row are: 1 where all are equal, or where there are two heights.
pub(super) fn flatness(counts: &[u16]) -> f64 {
    let bars = counts.iter().filter(|count| **count > 0).count();
    if bars == 0 {
        return 0.0;
    }
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let mean = total / counts.len() as f64;
    let variance = counts.iter().map(|count| (f64::from(*count) - mean).powi(2)).sum::<f64>() / counts.len() as f64;
    let even = thousandths((1.0 - variance.sqrt() / mean).max(0.0));
    if bars < LEAST_HOURS_OF_MODES || total / (bars as f64) < LEAST_PER_HOUR {
        return even;
    }
    even.max(two_modes(counts, bars))
}

/// The share of hours whose counts are of the two commonest heights.
fn two_modes(counts: &[u16], bars: usize) -> f64 {
    let largest = counts.iter().copied().max().unwrap_or(0);
    let width = (f64::from(largest) * MODE).ceil().max(1.0) as u16;
    let mut heights: Vec<u16> = counts.iter().filter(|count| **count > 0).map(|count| count / width).collect();
    heights.sort_unstable();
    let mut modes: Vec<usize> = heights.chunk_by(|one, other| one == other).map(<[u16]>::len).collect();
    modes.sort_unstable_by(|one, other| other.cmp(one));
    let common: usize = modes.iter().take(2).sum();
    thousandths(common as f64 / bars.saturating_sub(OUTLIERS).max(1) as f64).min(1.0)
}

/// How long calls go on: by the share of a day from the first to the last, or by the longest run of hours with calls.
pub(super) fn persistence(counts: &[u16], seconds: f64) -> f64 {
    let bars = counts.iter().filter(|count| **count > 0).count();
    if bars < LEAST_HOURS {
        return 0.0;
    }
    let coverage = up_to_thousandths(seconds / (HOURS as f64 * 3600.0)).min(1.0);
    let longest = counts.split(|count| *count == 0).map(<[u16]>::len).max().unwrap_or(0);
    coverage.max(up_to_thousandths(longest as f64 / IDEAL_RUN).min(1.0))
}

/// Rounded to thousandths.
pub(super) fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn up_to_thousandths(value: f64) -> f64 {
    (value * 1000.0).ceil() / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// The same by sorting floating-point numbers, as a textbook would.
    fn plain(values: &[u32], unmeasured: f64) -> f64 {
        let mut sorted: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        sorted.sort_by(f64::total_cmp);
        let median = |part: &[f64]| match part.len() % 2 {
            0 => (part[part.len() / 2 - 1] + part[part.len() / 2]) / 2.0,
            _ => part[part.len() / 2],
        };
        let half = sorted.len() / 2;
        let upper = if sorted.len() % 2 == 0 { half } else { half + 1 };
        let (low, middle, high) = (median(&sorted[..half]), median(&sorted), median(&sorted[upper..]));
        let skewed = high - low >= 10.0 && middle != low && middle != high;
        let skewness = if skewed { (low + high - 2.0 * middle) / (high - low) } else { 0.0 };
        let mut distances: Vec<f64> = sorted.iter().map(|value| (value - middle).abs()).collect();
        distances.sort_by(f64::total_cmp);
        let steady = if middle >= 1.0 { ((middle - median(&distances)) / middle).max(0.0) } else { unmeasured };
        ((1.0 - skewness.abs() + steady) / 2.0 * 1000.0).round() / 1000.0
    }

    proptest! {
        #[test]
        fn regularity_is_that_of_the_plain_formula(values in proptest::collection::vec(0_u32..100_000, 3..200)) {
            let spread = Spread::of(&mut values.clone(), 1.0).expect("enough");
            prop_assert_eq!(spread.score, plain(&values, 1.0));
            prop_assert!((0.0..=1.0).contains(&spread.score));
        }

        #[test]
        fn scores_of_hours_lie_between_0_and_1(counts in proptest::collection::vec(0_u16.., 1..25), seconds in 0.0..1e6_f64) {
            prop_assert!((0.0..=1.0).contains(&flatness(&counts)));
            prop_assert!((0.0..=1.0).contains(&persistence(&counts, seconds)));
        }
    }

    #[test]
    fn a_clock_scores_one_and_a_person_does_not() {
        assert_eq!(Spread::of(&mut [300; 50], 1.0).expect("enough").score, 1.0);
        let mut person = [2, 2, 3, 5, 8, 60, 240, 900, 3_600];
        assert!(Spread::of(&mut person, 1.0).expect("enough").score < 0.4);
        assert_eq!(Spread::of(&mut [1, 2], 1.0), None);
    }

    #[test]
    fn hours_are_flat_or_of_two_heights_or_neither() {
        assert_eq!(flatness(&[12; 24]), 1.0);
        let two: Vec<u16> = (0..24).map(|hour| if hour % 2 == 0 { 10 } else { 100 }).collect();
        assert_eq!(flatness(&two), 1.0);
        let slow: Vec<u16> = (0..24).map(|hour| u16::from(hour % 3 != 0) + u16::from(hour % 5 == 0)).collect();
        assert!(flatness(&slow) < 0.5, "one or two calls an hour are no modes");
        assert_eq!(flatness(&[0, 0]), 0.0);
        assert!(flatness(&[0, 0, 90, 0, 1, 0]) < 0.1);
    }

    #[test]
    fn five_hours_say_nothing_of_duration_and_twelve_in_a_row_all() {
        assert_eq!(persistence(&[1; 5], 18_000.0), 0.0);
        assert_eq!(persistence(&[1; 6], 21_600.0), 0.5);
        assert_eq!(persistence(&[1; 12], 43_200.0), 1.0);
    }
}
