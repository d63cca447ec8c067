//! How densely the past lies about a value, as [`histogram`](super::histogram) tells it, in 164 bytes: histograms of four
//! resolutions over one range, each count a byte ([`levels`](super::levels)).

use super::levels::Levels;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// How many resolutions there are.
pub(super) const RESOLUTIONS: usize = 4;
/// Steps of the range, by resolution; the last is the finest.
const STEPS: [usize; RESOLUTIONS] = [20, 28, 40, 56];
/// The first cell of each: one more than there are steps, and an empty one before and behind.
const FIRST: [usize; RESOLUTIONS] = [1, STEPS[0] + 4, STEPS[0] + STEPS[1] + 7, STEPS[0] + STEPS[1] + STEPS[2] + 10];
const CELLS: usize = STEPS[0] + STEPS[1] + STEPS[2] + STEPS[3] + 3 * RESOLUTIONS;
const FINEST: usize = RESOLUTIONS - 1;
/// What an empty cell counts as.
const EMPTY: f32 = 0.01;
/// Counts below which a cell at an end is given up.
const LEFT: f32 = 0.1;
/// A range narrower than this is none.
const NARROWEST: f32 = 1e-30;

/// The histograms of one view.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Density {
    low: f32,
    high: f32,
    cells: [u8; CELLS],
}

impl Density {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Self { low: 0.0, high: 0.0, cells: [0; CELLS] }
    }

    /// After nothing but one value.
    pub(super) fn still(value: f32) -> Self {
        Self { low: value, high: value, ..Self::new() }
    }

    /// The product over all resolutions of the share of the past that lies about `value`, never 0; then learns it. `total` is what all
    /// counts make up, without this one.
    pub(super) fn observe(&mut self, value: f32, total: f32, dice: u64, table: &Levels) -> f32 {
        if total <= 0.0 {
            (self.low, self.high) = (value, value);
            return 1.0;
        }
        let whole = total + 1.0;
        if self.high - self.low < NARROWEST {
            if (value - self.low).abs() < NARROWEST {
                return ((total + EMPTY) / whole).powi(RESOLUTIONS as i32);
            }
            self.open(value, total);
            self.learn(value, dice, table);
            return (EMPTY / whole).powi(RESOLUTIONS as i32);
        }
        if value < self.low || value > self.high {
            let density = self.product(value, whole, table);
            self.move_to(self.low.min(value), self.high.max(value), 0, STEPS[FINEST], table);
            self.learn(value, dice, table);
            return density;
        }
        self.product_then_learn(value, whole, dice, table)
    }

    /// Where `value` lies in the range, 0 to 1 inside.
    fn place(&self, value: f32) -> f32 {
        (value - self.low) / (self.high - self.low)
    }

    /// Counts in a cell and, half as much, in its neighbours.
    #[inline]
    fn mass(&self, cell: usize, table: &Levels) -> f32 {
        let count = |cell: usize| table.count(self.cells[cell]);
        0.5 * count(cell) + 0.25 * (count(cell - 1) + count(cell + 1))
    }

    /// For a value that lies in the range.
    fn product_then_learn(&mut self, value: f32, whole: f32, dice: u64, table: &Levels) -> f32 {
        let place = self.place(value);
        let mut product = 1.0;
        for grid in 0..RESOLUTIONS {
            let cell = FIRST[grid] + ((place * STEPS[grid] as f32 + 0.5) as usize).min(STEPS[grid]);
            product *= (self.mass(cell, table) + EMPTY) / whole;
            self.cells[cell] = table.one_more(self.cells[cell], (dice >> (16 * grid)) as u16);
        }
        product
    }

    /// For a value outside: the outer cells reach half a step beyond the range.
    fn product(&self, value: f32, whole: f32, table: &Levels) -> f32 {
        let place = self.place(value);
        let density = |grid: usize| {
            let steps = STEPS[grid] as f32;
            let at = place * steps + 0.5;
            let inside = (0.0..steps + 1.0).contains(&at);
            let mass = if inside { self.mass(FIRST[grid] + at as usize, table) } else { 0.0 };
            (mass + EMPTY) / whole
        };
        (0..RESOLUTIONS).map(density).product()
    }

    fn learn(&mut self, value: f32, dice: u64, table: &Levels) {
        let place = self.place(value);
        for grid in 0..RESOLUTIONS {
            let cell = FIRST[grid] + ((place * STEPS[grid] as f32 + 0.5) as usize).min(STEPS[grid]);
            self.cells[cell] = table.one_more(self.cells[cell], (dice >> (16 * grid)) as u16);
        }
    }

    /// Makes a range of the one value so far and another one.
    fn open(&mut self, value: f32, total: f32) {
        let known = self.low;
        (self.low, self.high) = (known.min(value), known.max(value));
        self.cells.fill(0);
        for grid in 0..RESOLUTIONS {
            let cell = if known < value { 0 } else { STEPS[grid] };
            self.cells[FIRST[grid] + cell] = Levels::nearest(total);
        }
    }

    /// Takes a new range, and what lies in a cell moves with its centre; of the finest resolution's cells those outside of `first` to `last`
    /// are dropped, and of the others what lies where they do.
    fn move_to(&mut self, low: f32, high: f32, first: usize, last: usize, table: &Levels) {
        let mut moved = [0; CELLS];
        let (width, wider) = (self.high - self.low, high - low);
        for grid in 0..RESOLUTIONS {
            let steps = STEPS[grid];
            let scale = steps as f32 / STEPS[FINEST] as f32;
            let (first, last) = ((first as f32 * scale) as usize, (last as f32 * scale).ceil() as usize);
            for cell in first..=last.min(steps) {
                let level = self.cells[FIRST[grid] + cell];
                if level > 0 {
                    let centre = self.low + width * (cell as f32 / steps as f32);
                    let place = ((centre - low) / wider * steps as f32 + 0.5).max(0.0) as usize;
                    let cell = &mut moved[FIRST[grid] + place.min(steps)];
                    *cell = table.sum(*cell, level);
                }
            }
        }
        self.cells = moved;
        (self.low, self.high) = (low, high);
    }

    /// Gives up the ends of the range where hardly anything is left: without it one outlier would blind a long series.
    pub(super) fn forget_range(&mut self, table: &Levels) {
        if self.high - self.low < NARROWEST {
            return;
        }
        let steps = STEPS[FINEST];
        let cells = &self.cells[FIRST[FINEST]..=FIRST[FINEST] + steps];
        let kept = |level: &u8| table.count(*level) >= LEFT;
        let first = cells.iter().position(kept).unwrap_or(steps);
        let last = cells.iter().rposition(kept).unwrap_or(0).max(first);
        if last - first >= steps * 3 / 4 {
            return;
        }
        let last = last.max((first + 2).min(steps));
        let first = first.min(last - 2);
        let step = (self.high - self.low) / steps as f32;
        let low = (self.low + (first as f32 - 0.5) * step).max(self.low);
        let high = (self.low + (last as f32 + 0.5) * step).min(self.high);
        if high - low >= NARROWEST {
            self.move_to(low, high, first, last, table);
        }
    }

    /// All counts lose a level.
    pub(super) fn fade(&mut self) {
        self.cells.iter_mut().for_each(|level| *level = level.saturating_sub(1));
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.f32(self.low);
        out.f32(self.high);
        out.bytes(&self.cells);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut density = Self { low: input.f32()?, high: input.f32()?, cells: [0; CELLS] };
        density.cells.copy_from_slice(input.take(CELLS)?);
        if density.low <= density.high { Ok(density) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::levels::{FADE, FADE_EVERY, dice};
    use super::*;

    fn run(points: u32, value: impl Fn(u32) -> f32) -> (Density, f32) {
        let (mut density, mut total) = (Density::new(), 0.0);
        for at in 0..points {
            density.observe(value(at), total, dice(at.into()), Levels::table());
            total = (total + 1.0) * FADE as f32;
            if at % FADE_EVERY == FADE_EVERY - 1 {
                density.fade();
            }
            if at % 256 == 255 {
                density.forget_range(Levels::table());
            }
        }
        (density, total)
    }

    #[test]
    fn what_was_never_seen_is_much_less_dense_than_what_was() {
        let (density, total) = run(1_000, |at| (at % 10) as f32);
        let share =
            |value: f32| density.clone().observe(value, total, 7, Levels::table()).powf(1.0 / RESOLUTIONS as f32);
        assert!(share(5.0) > 0.02 && share(50.0) < 1e-4, "{} {}", share(5.0), share(50.0));
    }

    #[test]
    fn the_range_forgets_an_outlier_in_the_end() {
        let (density, _) = run(20_000, |at| if at == 100 { 1e9 } else { (at % 10) as f32 });
        assert!(density.high < 100.0, "{}", density.high);
    }
}
