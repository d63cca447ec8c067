//! A memory of sequences: how far is the last one from the nearest that was seen?
//!
//! The last [`LENGTH`] values, moved to mean 0 and measured in deviations of the series, are compared with the remembered shapes. One
//! that is like a remembered one pulls it a little closer; one that is like none is remembered, in the place of the one
//! least used (leader clustering, J. A. Hartigan, "Clustering Algorithms", 1975).

use super::spread::Spread;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Values in a shape.
const LENGTH: usize = 16;
/// Values compared at once; [`LENGTH`] is a multiple.
const LANES: usize = 8;
/// Closer than this (root mean square, in deviations of the series) two shapes are the same.
const SAME: f64 = 0.25;
/// How far a remembered shape moves to one that is the same.
const PULL: f32 = 0.1;
/// Points over which the series' own deviation, and the usual distance, are learnt.
const SPAN: f64 = 2_000.0;
/// The use of a shape counts half after so many points.
const HALF_LIFE: f64 = 20_000.0;

/// The memory of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Memory {
    /// The most shapes remembered.
    capacity: usize,
    /// The last values, oldest first.
    last: Vec<f64>,
    shapes: Vec<Shape>,
    seen: u64,
    mean: f64,
    square: f64,
    distances: Spread,
}

#[derive(Debug, Clone, PartialEq)]
struct Shape {
    values: [f32; LENGTH],
    /// How often it was met, as of the point [`Shape::at`].
    used: f64,
    at: u64,
    /// Grows with use, and with how lately: the logarithm of the use that is left, all counted back to the first point.
    worth: f64,
}

impl Memory {
    /// Empty, for so many shapes.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            last: Vec::with_capacity(LENGTH + 1),
            shapes: Vec::new(),
            seen: 0,
            mean: 0.0,
            square: 0.0,
            distances: Spread::NEW,
        }
    }

    /// How new the sequence that ends with `value` is, in deviations of what is usual; then learns it.
    pub(super) fn observe(&mut self, value: f64) -> f64 {
        self.seen = self.seen.saturating_add(1);
        let rate = (2.0 / (SPAN + 1.0)).max(1.0 / self.seen as f64);
        let strayed = value - self.mean;
        self.mean += rate * strayed;
        self.square = (1.0 - rate) * (self.square + rate * strayed * strayed);
        self.last.push(value);
        if self.last.len() > LENGTH {
            self.last.remove(0);
        }
        if self.last.len() < LENGTH {
            return 0.0;
        }
        let shape = self.shape();
        let nearest = self.nearest(&shape);
        self.learn(shape, nearest);
        self.distances.observe(nearest.map_or(0.0, |(_, distance)| distance), SPAN, false)
    }

    fn shape(&self) -> [f32; LENGTH] {
        let middle = self.last.iter().sum::<f64>() / LENGTH as f64;
        let deviation = self.square.sqrt() + 1e-9;
        let mut shape = [0.0; LENGTH];
        for (place, value) in shape.iter_mut().zip(&self.last) {
            *place = ((value - middle) / deviation).clamp(-1e6, 1e6) as f32;
        }
        shape
    }

    /// The place of the nearest shape, and its distance.
    fn nearest(&self, shape: &[f32; LENGTH]) -> Option<(usize, f64)> {
        let apart = |other: &Shape| -> f32 {
            // eight sums beside each other, which the machine adds at once
            let mut sums = [0.0_f32; LANES];
            for (ours, theirs) in other.values.chunks_exact(LANES).zip(shape.chunks_exact(LANES)) {
                for ((sum, one), other) in sums.iter_mut().zip(ours).zip(theirs) {
                    *sum += (one - other) * (one - other);
                }
            }
            sums.iter().sum()
        };
        let all = self.shapes.iter().map(apart).enumerate();
        let (place, sum) = all.min_by(|one, other| one.1.total_cmp(&other.1))?;
        Some((place, (f64::from(sum) / LENGTH as f64).sqrt()))
    }

    fn learn(&mut self, shape: [f32; LENGTH], nearest: Option<(usize, f64)>) {
        let now = self.seen;
        if let Some((place, _)) = nearest.filter(|(_, distance)| *distance < SAME) {
            let known = &mut self.shapes[place];
            for (one, other) in known.values.iter_mut().zip(shape) {
                *one += PULL * (other - *one);
            }
            known.meet(now);
            return;
        }
        let mut new = Shape { values: shape, used: 0.0, at: now, worth: 0.0 };
        new.meet(now);
        if self.shapes.len() < self.capacity {
            self.shapes.push(new);
            return;
        }
        let least = self.shapes.iter_mut().min_by(|one, other| one.worth.total_cmp(&other.worth));
        if let Some(least) = least {
            *least = new;
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u64(self.seen);
        out.f64(self.mean);
        out.f64(self.square);
        self.distances.save(out);
        out.u32(self.last.len() as u32);
        self.last.iter().for_each(|value| out.f64(*value));
        out.u32(self.shapes.len() as u32);
        for shape in &self.shapes {
            out.f64(shape.used);
            out.u64(shape.at);
            shape.values.iter().for_each(|value| out.f32(*value));
        }
    }

    /// Reads back one of the same capacity.
    pub(super) fn load(capacity: usize, input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut memory = Self::new(capacity);
        memory.seen = input.u64()?;
        (memory.mean, memory.square) = (input.f64()?, input.f64()?);
        memory.distances = Spread::load(input)?;
        let values = input.count(8)?;
        if values > LENGTH {
            return Err(Damaged);
        }
        memory.last.extend((0..values).map(|_| input.f64()).collect::<Result<Vec<_>, _>>()?);
        let known = input.count(LENGTH * 4)?;
        if known > capacity {
            return Err(Damaged);
        }
        memory.shapes = (0..known).map(|_| Shape::load(input)).collect::<Result<_, _>>()?;
        if memory.shapes.iter().any(|shape| shape.at > memory.seen) { Err(Damaged) } else { Ok(memory) }
    }
}

impl Shape {
    fn meet(&mut self, now: u64) {
        self.used += 1.0;
        self.at = now;
        self.weigh();
    }

    fn weigh(&mut self) {
        self.worth = self.used.log2() + self.at as f64 / HALF_LIFE;
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut shape = Self { values: [0.0; LENGTH], used: input.f64()?, at: input.u64()?, worth: 0.0 };
        shape.weigh();
        shape.values.iter_mut().try_for_each(|value| input.f32().map(|read| *value = read))?;
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_lasts_longer_is_new_though_every_value_was_seen() {
        let mut memory = Memory::new(64);
        let beat = |at: usize| if at % 40 < 5 { 10.0 } else { ((at * 31) % 7) as f64 * 0.05 };
        let mut said = Vec::new();
        for at in 0..4_000 {
            let value = if (3_005..3_010).contains(&at) { 10.0 } else { beat(at) };
            said.push(memory.observe(value));
        }
        let usual = said[2_000..3_000].iter().copied().fold(0.0, f64::max);
        let odd = said[3_000..3_030].iter().copied().fold(0.0, f64::max);
        assert!(odd > 3.0 * usual, "{odd} {usual}");
    }
}
