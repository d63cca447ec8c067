//! Which row is learned from next.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use super::Settings;
use super::dataset::Row;

/// Draws rows with replacement, each with its own chance. Captures count like classes: what a class is like in one of them is drawn in
/// proportion to its size there to the power that evens classes out.
pub struct Draws {
    places: Vec<usize>,
    cumulative: Vec<f64>,
}

impl Draws {
    /// Of all rows, or those of a class.
    pub fn new(rows: &[&Row], settings: &Settings, class: Option<u16>) -> Self {
        let of_class = |place: &usize| class.is_none_or(|class| rows[*place].label == class);
        let places: Vec<usize> = (0..rows.len()).filter(of_class).collect();
        let mut sizes = FxHashMap::<(u16, u16), (f64, f64)>::default();
        let repeated = |row: &Row| (row.count as f64).powf(settings.repeat_power);
        for row in places.iter().map(|place| rows[*place]) {
            let size = sizes.entry((row.label, row.capture)).or_default();
            *size = (size.0 + 1.0, size.1 + repeated(row));
        }
        let chance = |row: &Row| {
            let (rows, repeats) = sizes[&(row.label, row.capture)];
            rows.powf(settings.class_power) * repeated(row) / repeats
        };
        let mut sum = 0.0;
        let up_to = |place: &usize| {
            sum += chance(rows[*place]);
            sum
        };
        let cumulative = places.iter().map(up_to).collect();
        Self { places, cumulative }
    }

    /// The place of one.
    pub fn one(&self, random: &mut ChaCha8Rng) -> usize {
        let all = self.cumulative.last().copied().unwrap_or_default();
        let point = random.random_range(0.0..all);
        self.places[self.cumulative.partition_point(|up_to| *up_to <= point).min(self.cumulative.len() - 1)]
    }
}
