//! The first layer for what is added up instead of multiplied: the rows of the inputs that are 1.

use pulp::NullaryFnOnce;

use super::super::encode::{Encoding, Missing, bits};
use super::Scratch;
use crate::features::Rows;

/// So many groups have a row; the numbers of any others are added up one by one.
const MOST_GROUPS: usize = 64;

/// Its bias and rows.
#[derive(Debug)]
pub struct FirstLayer {
    /// How many units it has.
    pub width: usize,
    /// All rows, inputs × width.
    pub rows: Vec<f32>,
    numbers: usize,
    bias: Vec<f32>,
    /// The rows of the flags of a group's numbers together, as sources lack a whole group.
    groups: Vec<GroupRow>,
}

/// What a batch begins with: its numbers are scaled, and what is no number is added up. For [`widely`](super::super::rapid::widely).
pub struct Begin<'a> {
    /// What adds up.
    pub first: &'a FirstLayer,
    /// What scales.
    pub encoding: &'a Encoding,
    /// The rows.
    pub batch: Rows<'a>,
    /// Takes the numbers and sums; of the batch's size.
    pub scratch: &'a mut Scratch,
}

#[derive(Debug)]
struct GroupRow {
    /// As in [`Missing`].
    mask: Vec<u64>,
    sum: Vec<f32>,
}

impl FirstLayer {
    /// Of these rows, for inputs of this encoding.
    pub fn new(encoding: &Encoding, rows: &[f32], bias: &[f32]) -> Self {
        let (width, numbers) = (bias.len(), encoding.numbers());
        let group = |mask: &[u64]| {
            let mut sum = vec![0.0; width];
            for place in Missing(mask).places() {
                let flag = &rows[(numbers + place) * width..][..width];
                sum.iter_mut().zip(flag).for_each(|(sum, weight)| *sum += weight);
            }
            GroupRow { mask: mask.to_vec(), sum }
        };
        let groups =
            encoding.number_groups().filter(|mask| !Missing(mask).none()).take(MOST_GROUPS).map(group).collect();
        Self { width, numbers, bias: bias.to_vec(), rows: rows.to_vec(), groups }
    }

    /// Writes bias plus the rows of the inputs that are 1.
    #[inline(always)]
    pub fn add_up(&self, missing: Missing<'_>, mut symbols: impl Iterator<Item = usize>, sums: &mut [f32]) {
        sums.copy_from_slice(&self.bias);
        // two rows at once: half as often through the sums
        while let Some(input) = symbols.next() {
            let Some(other) = symbols.next() else {
                add(sums, self.row(input));
                break;
            };
            let rows = self.row(input).iter().zip(self.row(other));
            sums.iter_mut().zip(rows).for_each(|(sum, (weight, other))| *sum += weight + other);
        }
        if missing.none() {
            return;
        }
        let whole = |(place, group): (usize, &GroupRow)| u64::from(missing.has_all(&group.mask)) << place;
        let whole = self.groups.iter().enumerate().map(whole).fold(0, |all, one| all | one);
        bits(whole).for_each(|place| add(sums, &self.groups[place].sum));
        for (number, word) in missing.0.iter().enumerate() {
            let added = bits(whole).fold(0, |added, place| added | self.groups[place].mask[number]);
            for bit in bits(word & !added) {
                add(sums, self.row(self.numbers + number * 64 + bit));
            }
        }
    }

    /// The row of an input.
    #[inline(always)]
    pub fn row(&self, input: usize) -> &[f32] {
        &self.rows[input * self.width..][..self.width]
    }
}

impl NullaryFnOnce for Begin<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { first, encoding, batch, scratch } = self;
        let (padded, words) = (encoding.padded(), encoding.missing_words());
        for (place, row) in batch.iter().enumerate() {
            let numbers = &mut scratch.numbers[place * padded..][..padded];
            let missing = &mut scratch.missing[place * words..][..words];
            encoding.scale(row, numbers, missing);
            let sums = &mut scratch.sums[place * first.width..][..first.width];
            first.add_up(Missing(missing), encoding.symbol_inputs(row.symbols), sums);
        }
    }
}

#[inline(always)]
fn add(sums: &mut [f32], row: &[f32]) {
    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
}
