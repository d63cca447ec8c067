//! How densely the past lies about a value: a histogram over the running range, in which old values fade.
//!
//! Its cells are centred on the ends of the range (a grid shifted by half a cell), so that an extreme lies in the middle of a cell.
//! Counts fade by letting the weight of a new one grow, which costs nothing per point.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// What an empty cell counts as.
const EMPTY: f64 = 0.01;

/// The weight of a new count, common to all histograms of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weight(pub f64);

impl Weight {
    /// Old counts fade by this factor per point.
    const FADE: f64 = 0.9997;
    /// Weights are brought back to 1 beyond this.
    const LARGEST: f64 = 1e100;

    /// One point later.
    pub(super) fn grow(&mut self) {
        self.0 /= Self::FADE;
    }

    /// What every count has to be divided by now, if it has become too large.
    pub(super) fn rescale(&mut self) -> Option<f64> {
        (self.0 > Self::LARGEST).then(|| std::mem::replace(&mut self.0, 1.0))
    }
}

/// One histogram.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    low: f64,
    high: f64,
    total: f64,
    /// One more than the range has steps.
    cells: Box<[f64]>,
}

impl Histogram {
    /// Empty, with a range of so many steps.
    pub(super) fn new(steps: usize) -> Self {
        Self { low: 0.0, high: 0.0, total: 0.0, cells: vec![0.0; steps + 1].into() }
    }

    fn steps(&self) -> usize {
        self.cells.len() - 1
    }

    /// The share of the past that lies about `value`, never 0; then learns it.
    pub(super) fn density_then_learn(&mut self, value: f64, weight: Weight) -> f64 {
        if self.total <= 0.0 {
            (self.low, self.high, self.total) = (value, value, weight.0);
            self.cells[0] = weight.0;
            return 1.0;
        }
        let (mass, known_cell) = self.mass(value);
        let density = (mass + EMPTY * weight.0) / (self.total + weight.0);
        let cell = known_cell.unwrap_or_else(|| {
            if value < self.low || value > self.high {
                self.stretch(self.low.min(value), self.high.max(value));
            }
            if self.high > self.low { self.place(value, self.low, self.high) } else { 0 }
        });
        self.cells[cell] += weight.0;
        self.total += weight.0;
        density
    }

    /// Weighted counts in the cell of `value` and, half as much, in its neighbours; and the cell, if it is one of the range's own.
    fn mass(&self, value: f64) -> (f64, Option<usize>) {
        if self.high <= self.low {
            return (if value == self.low { self.total } else { 0.0 }, None);
        }
        let steps = self.steps() as f64;
        let place = (value - self.low) / (self.high - self.low) * steps + 0.5;
        if !(0.0..steps + 1.0).contains(&place) {
            return (0.0, None);
        }
        let cell = place as usize;
        let before = if cell > 0 { self.cells[cell - 1] } else { 0.0 };
        let behind = self.cells.get(cell + 1).copied().unwrap_or(0.0);
        let mass = 0.5 * self.cells[cell] + 0.25 * before + 0.25 * behind;
        (mass, (self.low..=self.high).contains(&value).then_some(cell))
    }

    /// The cell of `value` in a grid from `low` to `high`.
    fn place(&self, value: f64, low: f64, high: f64) -> usize {
        let steps = self.steps();
        (((value - low) / (high - low) * steps as f64 + 0.5) as usize).min(steps)
    }

    /// Takes the new range; what lies in a cell moves with its centre.
    fn stretch(&mut self, low: f64, high: f64) {
        if self.high > self.low {
            self.move_to(low, high, 0, self.steps());
            return;
        }
        let cell = self.place(self.low, low, high);
        self.cells.fill(0.0);
        self.cells[cell] = self.total;
        (self.low, self.high) = (low, high);
    }

    /// Moves the cells from `first` to `last` to a new range and drops the others.
    fn move_to(&mut self, low: f64, high: f64, first: usize, last: usize) {
        let step = (self.high - self.low) / self.steps() as f64;
        let mut moved = vec![0.0; self.cells.len()];
        for (cell, mass) in self.cells.iter().enumerate().take(last + 1).skip(first) {
            if *mass > 0.0 {
                moved[self.place(self.low + cell as f64 * step, low, high)] += mass;
            }
        }
        self.cells.copy_from_slice(&moved);
        (self.low, self.high) = (low, high);
    }

    /// Gives up the ends of the range where hardly anything is left: without it one outlier would blind a long series.
    pub(super) fn forget_range(&mut self, weight: Weight) {
        /// Counts below which a cell at an end is given up.
        const LEFT: f64 = 0.1;
        if self.high <= self.low {
            return;
        }
        let steps = self.steps();
        let kept = |mass: &f64| *mass >= LEFT * weight.0;
        let first = self.cells.iter().position(kept).unwrap_or(steps);
        let last = self.cells.iter().rposition(kept).unwrap_or(0).max(first);
        if last - first >= steps * 3 / 4 {
            return;
        }
        let (first, last) = if last - first < 2 {
            let last = (first + 2).min(steps);
            (last - 2, last)
        } else {
            (first, last)
        };
        let step = (self.high - self.low) / steps as f64;
        let low = (self.low + (first as f64 - 0.5) * step).max(self.low);
        let high = (self.low + (last as f64 + 0.5) * step).min(self.high);
        self.move_to(low, high, first, last);
    }

    /// Divides all counts.
    pub(super) fn divide(&mut self, by: f64) {
        self.total /= by;
        self.cells.iter_mut().for_each(|mass| *mass /= by);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        [self.low, self.high, self.total].into_iter().for_each(|number| out.f64(number));
        self.cells.iter().for_each(|mass| out.f64(*mass));
    }

    /// Reads back one with the same number of steps.
    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        for number in [&mut self.low, &mut self.high, &mut self.total] {
            *number = input.f64()?;
        }
        self.cells.iter_mut().try_for_each(|mass| input.f64().map(|read| *mass = read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_seen_is_much_less_dense_than_what_was() {
        let mut histogram = Histogram::new(20);
        let mut weight = Weight(1.0);
        for step in 0..1_000 {
            histogram.density_then_learn(f64::from(step % 10), weight);
            weight.grow();
        }
        let usual = histogram.clone().density_then_learn(5.0, weight);
        let new = histogram.density_then_learn(50.0, weight);
        assert!(usual > 0.02 && new < 1e-4, "{usual} {new}");
    }

    #[test]
    fn the_range_forgets_an_outlier_in_the_end() {
        let mut histogram = Histogram::new(20);
        let mut weight = Weight(1.0);
        for step in 0..20_000 {
            histogram.density_then_learn(if step == 100 { 1e9 } else { f64::from(step % 10) }, weight);
            weight.grow();
            if step % 256 == 255 {
                histogram.forget_range(weight);
            }
        }
        assert!(histogram.high < 100.0, "{}", histogram.high);
    }
}
