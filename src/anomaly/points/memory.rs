//! A memory of sequences: how far is the last one from the nearest that was seen?
//!
//! The last [`LENGTH`] values, moved to mean 0 and measured in deviations of the series, are compared with the remembered shapes, a byte
//! for each value. One that is like none is remembered, in the place of the one least used (leader clustering,
//! J. A. Hartigan, "Clustering Algorithms", 1975).

use super::recent::Recent;
use super::spread::Spread;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Values in a shape.
const LENGTH: usize = 16;
/// Parts of a deviation that a byte tells apart; it reaches to 8 deviations either way.
const PARTS: f64 = 16.0;
/// The byte of no deviation.
const MIDDLE: f64 = 128.0;
/// Closer than this (root mean square, in deviations of the series) two shapes are the same.
const SAME: f64 = 0.25;
/// Points over which the series' own deviation, and the usual distance, are learnt.
const SPAN: f64 = 2_000.0;
/// The use of a shape counts half after so many points.
const HALF_LIFE: f32 = 20_000.0;

/// Shapes that are compared at once; the most that a memory holds is a multiple.
const LANES: usize = 16;
/// The most shapes that any memory holds.
const MOST: usize = 256;

/// The memory of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Memory {
    /// The most shapes remembered, at most [`MOST`].
    capacity: usize,
    /// The first values of all shapes, then the second ones, and so on: they are compared with all shapes at once.
    columns: Vec<u8>,
    /// What each shape is worth: grows with use, and with how lately; the logarithm of the use that is left, all counted back to the first point.
    worth: Vec<f32>,
    seen: u32,
    mean: f64,
    square: f64,
    distances: Spread<f32>,
}

impl Memory {
    /// Empty, for so many shapes.
    pub(super) fn new(capacity: usize) -> Self {
        let (mean, square) = (0.0, 0.0);
        let capacity = capacity.min(MOST).next_multiple_of(LANES);
        Self { capacity, columns: Vec::new(), worth: Vec::new(), seen: 0, mean, square, distances: Spread::new() }
    }

    /// After `seen` times the same value.
    pub(super) fn still(capacity: usize, value: f64, seen: u32) -> Self {
        let times = seen.saturating_sub(LENGTH as u32 - 1);
        let mut memory = Self { seen, mean: value, distances: Spread::still(times), ..Self::new(capacity) };
        if times > 0 {
            memory.put(0, &[MIDDLE as u8; LENGTH], (times as f32).log2());
        }
        memory
    }

    /// How new the sequence is that ends `recent`, in deviations of what is usual; then learns it. To be asked at every point.
    pub(super) fn observe(&mut self, recent: &Recent) -> f64 {
        self.seen = self.seen.saturating_add(1);
        let rate = (2.0 / (SPAN + 1.0)).max(1.0 / f64::from(self.seen));
        let strayed = recent.back(0) - self.mean;
        self.mean += rate * strayed;
        self.square = (1.0 - rate) * (self.square + rate * strayed * strayed);
        if recent.len() < LENGTH {
            return 0.0;
        }
        let shape = self.shape(&recent.last());
        let nearest = self.nearest(&shape);
        self.learn(&shape, nearest);
        self.distances.observe(nearest.map_or(0.0, |(_, distance)| distance), SPAN, false)
    }

    fn shape(&self, last: &[f64; LENGTH]) -> [u8; LENGTH] {
        let middle = last.iter().sum::<f64>() / LENGTH as f64;
        let parts = PARTS / (self.square.sqrt() + 1e-9);
        // toward the middle, so that what is nearly still is still
        last.map(|value| ((value - middle) * parts).clamp(-MIDDLE, MIDDLE - 1.0) as i32)
            .map(|part| (part + MIDDLE as i32) as u8)
    }

    /// The place of the nearest shape, and its distance.
    fn nearest(&self, shape: &[u8; LENGTH]) -> Option<(usize, f64)> {
        let mut nearest: Option<(usize, u32)> = None;
        for first in (0..self.worth.len()).step_by(LANES) {
            let mut sums = [0; LANES];
            for (column, value) in self.columns.chunks_exact(self.capacity).zip(shape) {
                add_squares(&mut sums, &column[first..][..LANES], i16::from(*value));
            }
            let known = &sums[..LANES.min(self.worth.len() - first)];
            let least = *known.iter().min()?;
            if nearest.is_none_or(|(_, sum)| least < sum) {
                nearest = Some((first + known.iter().position(|sum| *sum == least)?, least));
            }
        }
        nearest.map(|(place, sum)| (place, (f64::from(sum) / LENGTH as f64).sqrt() / PARTS))
    }

    fn learn(&mut self, shape: &[u8; LENGTH], nearest: Option<(usize, f64)>) {
        let now = self.seen as f32 / HALF_LIFE;
        if let Some((place, _)) = nearest.filter(|(_, distance)| *distance < SAME) {
            // what is left of its use, and this time
            let left = (self.worth[place] - now).exp2();
            self.worth[place] = (left + 1.0).log2() + now;
            return;
        }
        let known = self.worth.len();
        let least = || self.worth.iter().enumerate().min_by(|one, other| one.1.total_cmp(other.1));
        let place = if known < self.capacity { known } else { least().map_or(0, |(place, _)| place) };
        self.put(place, shape, now);
    }

    /// Remembers a shape in the place of another, or behind all.
    fn put(&mut self, place: usize, shape: &[u8; LENGTH], worth: f32) {
        if self.columns.is_empty() {
            self.columns = vec![MIDDLE as u8; LENGTH * self.capacity];
        }
        if place == self.worth.len() {
            self.worth.push(worth);
        }
        self.worth[place] = worth;
        for (column, value) in self.columns.chunks_exact_mut(self.capacity).zip(shape) {
            column[place] = *value;
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.seen);
        out.f64(self.mean);
        out.f64(self.square);
        self.distances.save(out);
        out.u16(self.worth.len() as u16);
        for (place, worth) in self.worth.iter().enumerate() {
            out.f32(*worth);
            self.columns.chunks_exact(self.capacity).for_each(|column| out.u8(column[place]));
        }
    }

    /// Reads back one of the same capacity.
    pub(super) fn load(capacity: usize, input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut memory = Self::new(capacity);
        memory.seen = input.u32()?;
        (memory.mean, memory.square) = (input.f64()?, input.f64()?);
        memory.distances = Spread::load(input)?;
        let known = usize::from(input.u16()?);
        if known > memory.capacity {
            return Err(Damaged);
        }
        for place in 0..known {
            let worth = input.f32()?;
            let shape: [u8; LENGTH] = input.take(LENGTH)?.try_into().map_err(|_| Damaged)?;
            memory.put(place, &shape, worth);
        }
        Ok(memory)
    }
}

/// Adds the squared differences of so many bytes from one, which the machine does at once; the largest, 255², is just below 2^16.
#[inline]
fn add_squares(sums: &mut [u32; LANES], column: &[u8], value: i16) {
    for (sum, other) in sums.iter_mut().zip(column) {
        let difference = value.wrapping_sub(i16::from(*other));
        *sum = sum.wrapping_add(u32::from(difference.wrapping_mul(difference) as u16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_lasts_longer_is_new_though_every_value_was_seen() {
        let (mut memory, mut recent) = (Memory::new(64), Recent::new());
        let beat = |at: usize| if at % 40 < 5 { 10.0 } else { ((at * 31) % 7) as f64 * 0.05 };
        let mut said = Vec::new();
        for at in 0..4_000 {
            let value = if (3_005..3_010).contains(&at) { 10.0 } else { beat(at) };
            recent.push(value);
            said.push(memory.observe(&recent));
        }
        let usual = said[2_000..3_000].iter().copied().fold(0.0, f64::max);
        let odd = said[3_000..3_030].iter().copied().fold(0.0, f64::max);
        assert!(odd > 3.0 * usual, "{odd} {usual}");
    }
}
