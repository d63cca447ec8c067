//! What an originator does with a service of a responder, connection after connection: beacons call like clocks, guesses are alike.

use super::Seen;
use super::damped::{Damped, Fading};
use super::own::Ending;

/// How fast means follow: the last 8 or so count.
const FOLLOW: f32 = 0.125;
/// So many values tell something about regularity.
const ENOUGH: u32 = 3;
/// How many endings there are.
const ENDINGS: usize = Ending::Other as usize + 1;

/// An originator, a responder and one of its services.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair {
    last: i64,
    seen: u32,
    gap: f32,
    interval: Moments,
    bytes: Moments,
    bytes_in: Moments,
    duration: Moments,
    failed: Moments,
    /// The share of each ending.
    endings: [f32; ENDINGS],
    /// The share of those before the last one that ended as it did; none where its ending is not known.
    same: Option<f32>,
    connections: Damped,
    sent: Damped,
}

impl Pair {
    /// Whether there was a connection.
    pub fn is_known(&self) -> bool {
        self.seen > 0
    }

    /// Takes a connection.
    pub fn follow(&mut self, now: i64, seen: &Seen) {
        let gap = now - std::mem::replace(&mut self.last, now);
        let fading = Fading::over(if self.seen == 0 { i64::MAX } else { gap });
        self.connections.add(&fading, 1.0);
        self.sent.add(&fading, if seen.bytes.is_nan() { 0.0 } else { seen.bytes });
        for (moments, value) in
            [(&mut self.bytes, seen.bytes), (&mut self.bytes_in, seen.bytes_in), (&mut self.duration, seen.duration)]
        {
            moments.follow(value);
        }
        self.failed.follow(f32::from(u8::from(seen.failed)));
        if self.seen > 0 {
            self.gap = gap as f32 / 1e6;
            self.interval.follow(self.gap);
        }
        self.seen = self.seen.saturating_add(1);
        self.same = seen.ending.map(|ending| {
            let before = self.endings[ending as usize];
            self.end(ending);
            before
        });
    }

    /// Counts an ending.
    fn end(&mut self, ending: Ending) {
        let share = FOLLOW.max(1.0 / self.seen as f32);
        self.endings.iter_mut().for_each(|known| *known *= 1.0 - share);
        self.endings[ending as usize] += share;
    }

    /// Writes the features of the pair in their order; what the connection itself does not tell is not told of the pair either.
    pub fn fill(&self, seen: &Seen, out: &mut [f32]) {
        let told = |own: f32, value: f32| if own.is_nan() { f32::NAN } else { value };
        if self.seen > 1 {
            out[0] = self.gap;
            out[1] = self.interval.mean;
            out[10] = self.same.map_or(f32::NAN, |share| share.min(1.0));
        }
        out[2] = self.interval.regularity();
        out[3] = told(seen.bytes, self.bytes.regularity());
        out[4] = told(seen.bytes_in, self.bytes_in.regularity());
        out[5] = told(seen.duration, self.duration.regularity());
        out[6] = told(seen.bytes, self.bytes.mean);
        out[7] = told(seen.bytes_in, self.bytes_in.mean);
        out[8] = told(seen.duration, self.duration.mean);
        out[9] = self.failed.mean.clamp(0.0, 1.0);
    }

    /// For each window: connections, and what the originator sent in them.
    pub fn windows(&self, seen: &Seen) -> [[f32; 2]; 3] {
        let sent = |window: usize| if seen.bytes.is_nan() { f32::NAN } else { self.sent.0[window] };
        std::array::from_fn(|window| [self.connections.0[window], sent(window)])
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
    /// Takes a value; nothing is known of NaN.
    fn follow(&mut self, value: f32) {
        if value.is_nan() {
            return;
        }
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

    /// 1 for values that are all alike, towards 0 for such as are as far from their mean as that is from 0; missing of too few.
    fn regularity(&self) -> f32 {
        match self.seen {
            seen if seen < ENOUGH => f32::NAN,
            _ if self.distance == 0.0 => 1.0,
            _ => (1.0 - self.distance / self.mean).clamp(0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: f32) -> Seen {
        Seen { failed: false, bytes, bytes_in: 100.0, duration: 2.0, ending: Some(Ending::Finished), counted: false }
    }

    fn followed(all: impl Iterator<Item = (i64, Seen)>) -> [f32; 11] {
        let (mut pair, mut now, mut out) = (Pair::default(), 1_000_000_000, [f32::NAN; 11]);
        for (gap, seen) in all {
            now += gap;
            out = [f32::NAN; 11];
            pair.follow(now, &seen);
            pair.fill(&seen, &mut out);
        }
        out
    }

    fn last(gaps: impl Iterator<Item = (i64, f32)>) -> [f32; 4] {
        let out = followed(gaps.map(|(gap, bytes)| (gap, seen(bytes))));
        [out[0], out[1], out[2], out[3]]
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
        let first = last(std::iter::once((0, 1.0)));
        assert!(first.iter().all(|value| value.is_nan()), "{first:?}");
        let third = last([(0, 1.0), (1_000_000, 1.0), (1_000_000, 1.0)].into_iter());
        assert!(third[..2] == [1.0, 1.0] && third[2].is_nan(), "{third:?}");
    }

    #[test]
    fn the_last_ones_are_told_by_their_means_and_an_ending_by_those_before() {
        let refused = |_| (1_000_000, Seen { failed: true, ending: Some(Ending::Rejected), ..seen(0.0) });
        let out = followed((0..4).map(refused).chain([(1_000_000, seen(400.0))]));
        assert_eq!(out[6..], [80.0, 100.0, 2.0, 0.8, 0.0], "four of five failed, and none ended like the last one");
        let out = followed((0..100).map(refused));
        assert!((out[9] - 1.0).abs() < 1e-5 && (out[10] - 1.0).abs() < 1e-5, "{out:?}");
    }

    #[test]
    fn what_a_source_does_not_tell_is_missing() {
        let untold = |_| (1, Seen { bytes: f32::NAN, duration: f32::NAN, ending: None, ..seen(0.0) });
        let out = followed((0..9).map(untold));
        assert!([3, 5, 6, 8, 10].iter().all(|place| out[*place].is_nan()), "{out:?}");
        assert_eq!((out[2], out[4], out[7], out[9]), (1.0, 1.0, 100.0, 0.0));
    }
}
