//! Events at thresholds: what is found and what is false when everything from a threshold on is an alarm.

use super::share;

/// The strength of one thing that may be an alarm, and whether it would be right.
pub(super) type Strength = (f64, bool);

/// Precision, recall and F1 at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Quality {
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Share of the alarms that are right.
    pub precision: f64,
    /// Share of the labelled stretches that are found.
    pub recall: f64,
    /// Labelled stretches found.
    pub found: usize,
    /// Alarm points outside of all of them.
    pub false_points: usize,
    /// Labelled stretches.
    pub events: usize,
}

impl Quality {
    pub(super) fn of(found: usize, false_points: usize, events: usize) -> Self {
        Self {
            f1: share(2 * found, events + found + false_points),
            precision: share(found, found + false_points),
            recall: share(found, events),
            found,
            false_points,
            events,
        }
    }

    /// With this threshold, over what may be alarms among `events` labelled stretches.
    pub(super) fn at(threshold: f64, strengths: &[Strength], events: usize) -> Self {
        let alarms = strengths.iter().filter(|(strength, _)| *strength >= threshold);
        let (mut found, mut wrong) = (0, 0);
        for (_, right) in alarms {
            if *right { found += 1 } else { wrong += 1 }
        }
        Self::of(found, wrong, events)
    }
}

/// The threshold with the best F1, the highest of equals; infinite where no alarm is better than any.
pub(super) fn best_threshold(strengths: &mut [Strength], events: usize) -> f64 {
    strengths.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (mut best, mut threshold) = (0.0, f64::INFINITY);
    let (mut found, mut wrong) = (0, 0);
    for (at, (strength, right)) in strengths.iter().enumerate() {
        if *right {
            found += 1
        } else {
            wrong += 1
        }
        if strengths.get(at + 1).is_some_and(|(next, _)| next == strength) {
            continue;
        }
        let f1 = Quality::of(found, wrong, events).f1;
        if f1 > best {
            (best, threshold) = (f1, *strength);
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_threshold_takes_equals_together() {
        let mut strengths = [(9.0, true), (5.0, true), (5.0, false), (1.0, false)];
        assert_eq!(best_threshold(&mut strengths, 3), 5.0);
        let quality = Quality::at(5.0, &strengths, 3);
        assert_eq!((quality.found, quality.false_points), (2, 1));
        assert!((quality.f1 - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(best_threshold(&mut [(3.0, false)], 1), f64::INFINITY);
    }
}
