//! How several values usually lie, and what each of them is beside what the others lead one to expect of it.
//!
//! Values are stabilised as counts are, and measured by a robust level and scale of their own. How they go together is a covariance of
//! what comes out, old values fading; its inverse tells of each value how far it lies from its regression on the others.

use super::plane::MOST;
use crate::anomaly::codec::{Damaged, Reader, Writer};
use crate::anomaly::detector::{stabilise, unstabilise};
use crate::anomaly::level::Level;

/// How fast old values fade.
const RATE: f64 = 1.0 / 1024.0;
/// Values count for the covariance as if they lay at most so many scales away.
const CLIP: f64 = 4.0;
/// What every value is taken to stray by itself, as a share of its variance: without it two that are always equal would have no inverse.
const RIDGE: f64 = 0.01;

type Matrix = [[f64; MOST]; MOST];

/// How the values of one entity lie.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Relation {
    values: Vec<Level>,
    residuals: Vec<Level>,
    /// Row by row, up to the diagonal.
    covariance: Vec<f32>,
    seen: u32,
}

/// Values as the relation sees them; those behind the last metric are 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// In scales from their own levels.
    pub scaled: [f64; MOST],
    /// In scales from what the others lead one to expect.
    pub residuals: [f64; MOST],
    /// What the others lead one to expect.
    pub expected: [f64; MOST],
}

impl Relation {
    pub(super) fn new(metrics: usize) -> Self {
        let cells = metrics * (metrics + 1) / 2;
        Self {
            values: vec![Level::NEW; metrics],
            residuals: vec![Level::NEW; metrics],
            covariance: vec![0.0; cells],
            seen: 0,
        }
    }

    pub(super) fn metrics(&self) -> usize {
        self.values.len()
    }

    /// Values, held against those before.
    pub(super) fn of(&self, values: &[Option<f64>]) -> Seen {
        let scaled = self.scaled(values);
        let strayed = self.strayed(&scaled);
        let mut seen = Seen { scaled, residuals: [0.0; MOST], expected: [0.0; MOST] };
        for (place, (level, residual)) in self.values.iter().zip(&self.residuals).enumerate() {
            let Level { location, scale, .. } = *level;
            seen.residuals[place] = (strayed[place] - f64::from(residual.location)) / f64::from(residual.scale);
            seen.expected[place] =
                unstabilise(f64::from(location) + (scaled[place] - strayed[place]) * f64::from(scale));
        }
        seen
    }

    /// Learns values.
    pub(super) fn learn(&mut self, values: &[Option<f64>]) {
        let scaled = self.scaled(values);
        let strayed = self.strayed(&scaled);
        self.seen = self.seen.saturating_add(1);
        let rate = RATE.max(1.0 / f64::from(self.seen));
        let clipped = scaled.map(|value| value.clamp(-CLIP, CLIP));
        let pairs =
            (0..self.values.len()).flat_map(|row| clipped[..=row].iter().map(move |other| clipped[row] * other));
        for (cell, product) in self.covariance.iter_mut().zip(pairs) {
            *cell += (rate * (product - f64::from(*cell))) as f32;
        }
        for (place, level) in self.values.iter_mut().enumerate() {
            if let Some(value) = usable(values, place) {
                level.learn(stabilise(value), RATE);
                self.residuals[place].learn(strayed[place], RATE);
            }
        }
    }

    /// In scales from their own levels; 0 for what is missing.
    fn scaled(&self, values: &[Option<f64>]) -> [f64; MOST] {
        let mut scaled = [0.0; MOST];
        for (place, level) in self.values.iter().enumerate().filter(|(_, level)| level.seen > 0) {
            let Level { location, scale, .. } = *level;
            scaled[place] =
                usable(values, place).map_or(0.0, |value| (stabilise(value) - f64::from(location)) / f64::from(scale));
        }
        scaled
    }

    /// How far each lies from its regression on the others, in its own scales: what the inverse of the covariance says, by its diagonal.
    fn strayed(&self, scaled: &[f64; MOST]) -> [f64; MOST] {
        let metrics = self.values.len();
        let inverse = inverse(self.matrix(), metrics);
        let mut strayed = [0.0; MOST];
        for (place, (row, strayed)) in inverse.iter().zip(&mut strayed).enumerate().take(metrics) {
            let sum: f64 = row.iter().zip(scaled).map(|(cell, value)| cell * value).sum();
            *strayed = sum / row[place];
        }
        strayed
    }

    fn matrix(&self) -> Matrix {
        let mut matrix = [[0.0; MOST]; MOST];
        let metrics = self.values.len();
        let places = (0..metrics).flat_map(|row| (0..=row).map(move |column| (row, column)));
        for ((row, column), cell) in places.zip(&self.covariance) {
            (matrix[row][column], matrix[column][row]) = (f64::from(*cell), f64::from(*cell));
        }
        for (place, row) in matrix.iter_mut().enumerate().take(metrics) {
            row[place] += RIDGE * (row[place] + 1.0);
        }
        matrix
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(self.values.len() as u8);
        out.u32(self.seen);
        self.values.iter().chain(&self.residuals).for_each(|level| level.save(out));
        self.covariance.iter().for_each(|cell| out.f32(*cell));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let metrics = usize::from(input.u8()?);
        if !(2..=MOST).contains(&metrics) {
            return Err(Damaged);
        }
        let mut relation = Self::new(metrics);
        relation.seen = input.u32()?;
        for level in relation.values.iter_mut().chain(&mut relation.residuals) {
            *level = Level::load(input)?;
        }
        relation.covariance.iter_mut().try_for_each(|cell| input.f32().map(|read| *cell = read))?;
        Ok(relation)
    }
}

/// A value that is there and is a number.
fn usable(values: &[Option<f64>], place: usize) -> Option<f64> {
    values.get(place).copied().flatten().filter(|value| !value.is_nan())
}

/// The inverse of the first `size` rows and columns of a symmetric matrix whose eigenvalues lie above 0 (Gauss and Jordan; no pivots are
/// needed for such a one).
fn inverse(mut matrix: Matrix, size: usize) -> Matrix {
    let mut inverse = [[0.0; MOST]; MOST];
    for (place, row) in inverse.iter_mut().enumerate() {
        row[place] = 1.0;
    }
    for pivot in 0..size {
        let scale = 1.0 / matrix[pivot][pivot];
        matrix[pivot].iter_mut().chain(&mut inverse[pivot]).for_each(|cell| *cell *= scale);
        let (own, own_inverse) = (matrix[pivot], inverse[pivot]);
        for row in (0..size).filter(|row| *row != pivot) {
            let times = matrix[row][pivot];
            subtract(&mut matrix[row], times, &own);
            subtract(&mut inverse[row], times, &own_inverse);
        }
    }
    inverse
}

fn subtract(row: &mut [f64; MOST], times: f64, other: &[f64; MOST]) {
    row.iter_mut().zip(other).for_each(|(cell, other)| *cell -= times * other);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::harness::Noise;

    #[test]
    fn an_inverse_undoes_its_matrix() {
        let cell = |row: usize, column: usize| {
            let is_used = row < 4 && column < 4;
            if is_used { 0.9_f64.powi(row.abs_diff(column) as i32) } else { 0.0 }
        };
        let matrix: Matrix = std::array::from_fn(|row| std::array::from_fn(|column| cell(row, column)));
        let inverse = inverse(matrix, 4);
        for (row, cells) in matrix.iter().enumerate().take(4) {
            for column in 0..4 {
                let product: f64 = cells.iter().zip(&inverse).map(|(cell, other)| cell * other[column]).sum();
                assert!((product - f64::from(u8::from(row == column))).abs() < 1e-9, "{row} {column}: {product}");
            }
        }
    }

    #[test]
    fn the_others_tell_what_to_expect() {
        let mut noise = Noise::new(1);
        let mut relation = Relation::new(2);
        for _ in 0..3_000 {
            let load = 1_000.0 + 200.0 * noise.normal();
            relation.learn(&[Some(load), Some(5.0 * load)]);
        }
        let seen = relation.of(&[Some(1_300.0), Some(3_500.0)]);
        assert!((seen.expected[1] / 6_500.0 - 1.0).abs() < 0.05, "{seen:?}");
        assert!(seen.scaled[1].abs() < 3.0 && seen.residuals[1] < -5.0, "{seen:?}");
        // what is missing is nothing special
        assert_eq!(relation.of(&[None, None]).scaled, [0.0; MOST]);
    }
}
