//! How regularly an originator calls a service of a responder: beacons do it like clocks.

use super::damped::{Damped, Fading};

/// How fast means follow: the last 8 or so count.
const FOLLOW: f32 = 0.125;
/// So many intervals tell something about regularity.
const ENOUGH: u32 = 3;

/// An originator, a responder and one of its services.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair {
    last: i64,
    seen: u32,
    gap: f32,
    interval: Moments,
    bytes: Moments,
    connections: Damped,
}

impl Pair {
    /// Whether there was a connection.
    pub fn is_known(&self) -> bool {
        self.seen > 0
    }

    /// Takes a connection.
    pub fn follow(&mut self, now: i64, bytes: f32) {
        let gap = now - std::mem::replace(&mut self.last, now);
        let fading = Fading::over(if self.seen == 0 { i64::MAX } else { gap });
        self.connections.add(&fading, 1.0);
        self.bytes.follow(bytes);
        if self.seen > 0 {
            self.gap = gap as f32 / 1e6;
            self.interval.follow(self.gap);
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// Writes: seconds between the last two, the mean of such, how regular they are, how alike the bytes are.
    pub fn fill(&self, out: &mut [f32]) {
        if self.seen > 1 {
            out[0] = self.gap;
            out[1] = self.interval.mean;
        }
        if self.seen > ENOUGH {
            out[2] = self.interval.regularity();
            out[3] = self.bytes.regularity();
        }
    }

    /// Connections within each window.
    pub fn connections(&self) -> [f32; 3] {
        self.connections.0
    }
}

/// A running mean and the mean distance from it.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    mean: f32,
    distance: f32,
    seen: u32,
}

impl Moments {
    fn follow(&mut self, value: f32) {
        self.seen = self.seen.saturating_add(1);
        // the first values are averaged evenly
        let share = FOLLOW.max(1.0 / self.seen as f32);
        let before = (value - self.mean).abs();
        self.mean += share * (value - self.mean);
        if self.seen > 1 {
            let share = FOLLOW.max(1.0 / (self.seen - 1) as f32);
            self.distance += share * (before - self.distance);
        }
    }

    /// 1 for values that are all alike, towards 0 for such as are as far from their mean as that is from 0.
    fn regularity(&self) -> f32 {
        if self.distance == 0.0 { 1.0 } else { (1.0 - self.distance / self.mean).clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(gaps: impl Iterator<Item = (i64, f32)>) -> [f32; 4] {
        let (mut pair, mut now, mut out) = (Pair::default(), 1_000_000_000, [f32::NAN; 4]);
        for (gap, bytes) in gaps {
            now += gap;
            out = [f32::NAN; 4];
            pair.follow(now, bytes);
            pair.fill(&mut out);
        }
        out
    }

    #[test]
    fn a_beacon_is_regular_and_a_person_is_not() {
        assert_eq!(last((0..20).map(|_| (60_000_000, 512.0))), [60.0, 60.0, 1.0, 1.0]);
        let jitter = last((0..50).map(|step| (60_000_000 + step % 7 * 1_000_000, 512.0)));
        assert!(jitter[2] > 0.95 && jitter[2] < 1.0, "{jitter:?}");
        let person = last((0..50).map(|step| ([100_000, 5_000_000, 900_000_000][step % 3], (step * 77 % 1000) as f32)));
        assert!(person[2] < 0.3 && person[3] < 0.7, "{person:?}");
    }

    #[test]
    fn of_the_first_connections_nothing_regular_is_told() {
        assert!(last(std::iter::once((0, 1.0))).iter().all(|value| value.is_nan()));
        let third = last([(0, 1.0), (1_000_000, 1.0), (1_000_000, 1.0)].into_iter());
        assert!(third[..2] == [1.0, 1.0] && third[2].is_nan(), "{third:?}");
    }
}
