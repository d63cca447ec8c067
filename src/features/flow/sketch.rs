//! How many different things were seen within each window: exact for a few, then linear counting by time.
//!
//! Each of 256 places holds when something that falls there was last seen, so one table tells of all windows. Linear
//! counting: Whang, Vander-Zanden, Taylor, "A linear-time probabilistic counting algorithm" (1990). The hash is not
//! seeded, so that the same events give the same features in training and in serving; whoever finds things that
//! fall into one place makes a count too low.

use super::LENGTHS;

/// So many are counted exactly.
const FEW: usize = 8;
/// Places of the table.
const PLACES: usize = 256;

/// What was seen, and when.
#[derive(Debug)]
pub enum Sketch {
    /// Hashes and the ticks at which they were last seen.
    Few {
        /// Of which the first `used` are there.
        entries: [(u32, u32); FEW],
        /// How many.
        used: u8,
    },
    /// A table.
    Many(Box<Table>),
}

/// Places that are hit, and what that tells.
#[derive(Debug)]
pub struct Table {
    /// For each place, one more than the tick at which it was last hit; 0 for never.
    places: [u32; PLACES],
    /// Of the last tick.
    tick: u32,
    windows: [Window; 3],
}

/// What the places tell of a window.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// Places that were not hit within it.
    empty: u32,
    /// How many different ones have come, as far as `empty` tells.
    told: f32,
    /// No place leaves it before this tick.
    leaves: u32,
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Few { entries: [(0, 0); FEW], used: 0 }
    }
}

/// Ticks of each window.
fn spans() -> [u32; 3] {
    LENGTHS.map(|seconds| (seconds * 10.0) as u32)
}

impl Sketch {
    /// Takes a hash in at `tick`, and tells how many different ones each window holds.
    pub fn count(&mut self, hash: u32, tick: u32) -> [f32; 3] {
        if let Self::Few { entries, used } = self {
            let there = &mut entries[..usize::from(*used)];
            if let Some(entry) = there.iter_mut().find(|entry| entry.0 == hash) {
                entry.1 = tick;
            } else if usize::from(*used) < FEW {
                entries[usize::from(*used)] = (hash, tick);
                *used += 1;
            } else if let Some(entry) = there.iter_mut().find(|entry| tick.saturating_sub(entry.1) > spans()[2]) {
                *entry = (hash, tick);
            } else {
                let mut table = Box::new(Table::default());
                for (hash, tick) in entries.iter() {
                    table.hit(*hash, *tick);
                }
                *self = Self::Many(table);
            }
        } else if let Self::Many(table) = self {
            return table.count(hash, tick);
        }
        match self {
            Self::Few { entries, used } => {
                let there = &entries[..usize::from(*used)];
                spans().map(|span| there.iter().filter(|entry| tick.saturating_sub(entry.1) <= span).count() as f32)
            }
            Self::Many(table) => table.count(hash, tick),
        }
    }
}

impl Table {
    /// Notes when something of this hash was seen; gives what its place held before.
    fn hit(&mut self, hash: u32, tick: u32) -> u32 {
        let place = &mut self.places[(hash >> 24) as usize];
        std::mem::replace(place, (*place).max(tick.saturating_add(1)))
    }

    /// Takes a hash in. A window is looked through only when a place may have left it; else only the one that was hit can have changed.
    fn count(&mut self, hash: u32, tick: u32) -> [f32; 3] {
        let before = self.hit(hash, tick);
        let back = tick < std::mem::replace(&mut self.tick, tick);
        for (window, span) in self.windows.iter_mut().zip(spans()) {
            let first = first_within(span, tick);
            if back || tick >= window.leaves {
                *window = Window::of(&self.places, first, span);
            } else if before < first {
                *window = Window::new(window.empty - 1, window.leaves.min(tick.saturating_add(1).saturating_add(span)));
            }
        }
        self.windows.map(|window| window.told)
    }
}

impl Window {
    fn new(empty: u32, leaves: u32) -> Self {
        // when all are full, about M ln M different ones have come
        let share = (empty as f32).max(1.0) / PLACES as f32;
        Self { empty, told: (-(PLACES as f32) * share.ln()).round(), leaves }
    }

    fn of(places: &[u32; PLACES], first: u32, span: u32) -> Self {
        // without branches, so that they become vector instructions
        let empty = places.iter().fold(0_u32, |sum, seen| sum.wrapping_add(u32::from(*seen < first)));
        let oldest =
            places.iter().fold(u32::MAX, |oldest, seen| oldest.min(if *seen < first { u32::MAX } else { *seen }));
        Self::new(empty, oldest.saturating_add(span))
    }
}

impl Default for Table {
    fn default() -> Self {
        // what no window tells yet is looked through first
        Self { places: [0; PLACES], tick: 0, windows: [Window { empty: 0, told: 0.0, leaves: 0 }; 3] }
    }
}

/// One more than the first tick within a window.
fn first_within(span: u32, tick: u32) -> u32 {
    tick.saturating_sub(span) + 1
}

/// Mixes the bits of a number.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014), the finalizer of SplitMix64.
pub fn spread(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A hash of 128 bits.
pub fn hash(key: u128) -> u32 {
    let halves = spread((key as u64).wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ (key >> 64) as u64;
    (spread(halves) >> 32) as u32
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_counted_exactly_and_leave_their_windows() {
        let mut sketch = Sketch::default();
        for key in 0..8_u128 {
            assert_eq!(sketch.count(hash(key), 0), [key as f32 + 1.0; 3]);
        }
        assert_eq!(sketch.count(hash(0), 101), [1.0, 8.0, 8.0]);
        assert_eq!(sketch.count(hash(0), 36_102), [1.0, 1.0, 1.0]);
        assert_eq!(sketch.count(hash(99), 36_102), [2.0, 2.0, 2.0], "one that is long gone gives way");
        assert!(matches!(sketch, Sketch::Few { .. }));
    }

    #[test]
    fn many_are_counted_roughly() {
        for (count, most) in [(9_u32, 0.12), (20, 0.12), (50, 0.12), (100, 0.12), (200, 0.15), (400, 0.15), (800, 0.25)]
        {
            let mut sketch = Sketch::default();
            let last = (0..count).map(|key| sketch.count(hash(u128::from(key) << 7), 5)).last().unwrap()[0];
            let error = (last - count as f32).abs() / count as f32;
            assert!(error < most, "{count}: {last}");
        }
        let mut sketch = Sketch::default();
        let last = (0..100_000_u32).map(|key| sketch.count(hash(u128::from(key)), 5)).last().unwrap()[0];
        assert_eq!(last, 1420.0, "the most that is told");
        assert_eq!(sketch.count(hash(1), 5 + 101)[0], 1.0, "and they leave their window all the same");
    }

    #[test]
    fn what_is_kept_up_is_what_looking_through_tells() {
        let (mut sketch, mut tick) = (Sketch::default(), 0);
        for step in 0..30_000_u32 {
            tick += if step % 5000 == 0 { 40_000 } else { [0, 0, 0, 1, 0, 13][(step % 6) as usize] };
            let told = sketch.count(hash(u128::from(step * 7 % (1 + step / 40))), tick);
            if let Sketch::Many(table) = &sketch {
                let looked = spans().map(|span| Window::of(&table.places, first_within(span, tick), span).told);
                assert_eq!(told, looked, "step {step}");
            }
        }
        assert!(matches!(sketch, Sketch::Many(_)));
    }

    #[test]
    fn a_sketch_of_few_takes_little() {
        assert!(size_of::<Sketch>() <= 72, "{}", size_of::<Sketch>());
    }
}
