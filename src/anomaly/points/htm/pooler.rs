//! Which columns answer to the active inputs (Y. Cui, S. Ahmad and J. Hawkins, "The HTM Spatial Pooler", 2017).
//!
//! Each column may listen to 32 of all inputs, which a hash chooses, and listens to those whose synapse has grown strong enough. The ten columns
//! that hear most are active, those that are seldom active a little sooner; they learn to listen to what they have heard.

use std::sync::LazyLock;

use super::super::levels::dice;
use super::encoder::{INPUTS, Inputs};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Columns, and how many are active.
pub(super) const COLUMNS: usize = 256;
pub(super) const ACTIVE: usize = 10;
/// Inputs that a column may listen to.
const REACH: usize = 32;
/// From this permanence on a synapse counts, and by how much it grows and fades.
const CONNECTED: u8 = 128;
const GROWTH: u8 = 5;
const DECAY: u8 = 1;
/// How fast it is forgotten how often a column was active, and how much sooner one is active that seldom is.
const DUTY_RATE: f32 = 0.001;
const BOOST: f32 = 2.0;

/// The inputs of each column.
static REACHED: LazyLock<Vec<[u8; REACH]>> = LazyLock::new(|| (0..COLUMNS as u64).map(reached).collect());

/// The synapses of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pooler {
    permanences: Vec<[u8; REACH]>,
    /// How often each column is active.
    duty: Vec<f32>,
}

fn reached(column: u64) -> [u8; REACH] {
    let (mut chosen, mut found, mut throw) = ([0; REACH], 0, 0_u64);
    while found < REACH {
        let input = (dice(column << 20 | throw) % INPUTS as u64) as u8;
        throw += 1;
        if !chosen[..found].contains(&input) {
            chosen[found] = input;
            found += 1;
        }
    }
    chosen
}

impl Pooler {
    pub(super) fn new() -> Self {
        // about half of the synapses are connected at first
        let first = |column: u64| std::array::from_fn(|at| (80 + dice(column << 30 | at as u64) % 96) as u8);
        let usual = ACTIVE as f32 / COLUMNS as f32;
        Self { permanences: (0..COLUMNS as u64).map(first).collect(), duty: vec![usual; COLUMNS] }
    }

    /// The active columns, in their order; they learn.
    pub(super) fn columns(&mut self, inputs: &Inputs) -> Vec<u16> {
        let usual = ACTIVE as f32 / COLUMNS as f32;
        let mut heard: Vec<(f32, u16)> = (0..COLUMNS)
            .map(|column| {
                let boost = (1.0 + BOOST * (usual - self.duty[column])).max(0.1);
                (self.overlap(column, inputs) as f32 * boost, column as u16)
            })
            .collect();
        // those that hear as much in the order of their numbers
        heard.select_nth_unstable_by(ACTIVE, |one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let mut active: Vec<u16> = heard[..ACTIVE].iter().map(|(_, column)| *column).collect();
        active.sort_unstable();
        self.duty.iter_mut().for_each(|duty| *duty -= DUTY_RATE * *duty);
        for column in &active {
            self.learn(usize::from(*column), inputs);
        }
        active
    }

    fn overlap(&self, column: usize, inputs: &Inputs) -> u32 {
        let synapses = REACHED[column].iter().zip(&self.permanences[column]);
        synapses.map(|(input, permanence)| u32::from(*permanence >= CONNECTED && is_active(*input, inputs))).sum()
    }

    fn learn(&mut self, column: usize, inputs: &Inputs) {
        self.duty[column] += DUTY_RATE;
        for (input, permanence) in REACHED[column].iter().zip(&mut self.permanences[column]) {
            *permanence = if is_active(*input, inputs) {
                permanence.saturating_add(GROWTH)
            } else {
                permanence.saturating_sub(DECAY)
            };
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.permanences.iter().for_each(|column| out.bytes(column));
        self.duty.iter().for_each(|duty| out.f32(*duty));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut pooler = Self::new();
        for column in &mut pooler.permanences {
            column.copy_from_slice(input.take(REACH)?);
        }
        pooler.duty.iter_mut().try_for_each(|duty| input.f32().map(|read| *duty = read))?;
        Ok(pooler)
    }
}

fn is_active(input: u8, inputs: &Inputs) -> bool {
    inputs[usize::from(input) / 64] >> (input % 64) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::super::encoder::Encoder;
    use super::*;

    #[test]
    fn the_same_inputs_have_the_same_columns_near_ones_most_of_them_and_far_ones_few() {
        let (mut pooler, mut encoder) = (Pooler::new(), Encoder::new());
        for at in 0..4_000 {
            pooler.columns(&encoder.encode(f64::from(at * 37 % 100), None));
        }
        let of = |value: f64| pooler.clone().columns(&encoder.clone().encode(value, None));
        let (one, same, near, far) = (of(50.0), of(50.0), of(51.0), of(90.0));
        let shared = |other: &[u16]| one.iter().filter(|column| other.contains(column)).count();
        assert_eq!((one.len(), shared(&same)), (ACTIVE, ACTIVE));
        assert!(shared(&near) >= 5 && shared(&far) <= 3, "{} {}", shared(&near), shared(&far));
    }
}
