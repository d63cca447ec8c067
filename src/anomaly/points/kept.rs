//! How precisely a detector keeps its numbers: in eight bytes where published values have to come out to the digit, in four
//! where not. What is computed is computed in eight either way.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// The largest count that is kept beside a number.
pub(super) const MOST: u8 = 7;

/// A number as state keeps it.
pub(super) trait Kept: Copy + PartialEq + Default + std::fmt::Debug + Send {
    /// What is kept of a number.
    fn keep(number: f64) -> Self;
    /// The number that was kept.
    fn number(self) -> f64;
    /// What is kept of a number, and a count of up to [`MOST`] in the last three bits of its mantissa.
    fn keep_counted(number: f64, count: u8) -> Self;
    /// Both of them.
    fn counted(self) -> (f64, u8);
    /// Appends it, exactly.
    fn save(self, out: &mut Writer);
    /// Reads it back.
    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged>;
}

impl Kept for f64 {
    fn keep(number: f64) -> Self {
        number
    }

    fn number(self) -> f64 {
        self
    }

    fn keep_counted(number: f64, count: u8) -> Self {
        Self::from_bits(number.to_bits() & !u64::from(MOST) | u64::from(count.min(MOST)))
    }

    fn counted(self) -> (f64, u8) {
        let bits = self.to_bits();
        (Self::from_bits(bits & !u64::from(MOST)), (bits & u64::from(MOST)) as u8)
    }

    fn save(self, out: &mut Writer) {
        out.f64(self);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.f64()
    }
}

impl Kept for f32 {
    fn keep(number: f64) -> Self {
        number as Self
    }

    fn number(self) -> f64 {
        self.into()
    }

    fn keep_counted(number: f64, count: u8) -> Self {
        Self::from_bits((number as Self).to_bits() & !u32::from(MOST) | u32::from(count.min(MOST)))
    }

    fn counted(self) -> (f64, u8) {
        let bits = self.to_bits();
        (Self::from_bits(bits & !u32::from(MOST)).into(), (bits & u32::from(MOST)) as u8)
    }

    fn save(self, out: &mut Writer) {
        out.f32(self);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_beside_a_number_costs_a_millionth_of_it() {
        for number in [0.0, 1.0, -3.7e9, 1e15, 2.5e-7] {
            let (told, count) = f32::keep_counted(number, 5).counted();
            assert!((told - number).abs() <= 1.1e-6 * number.abs() && count == 5, "{number} {told}");
            let (told, count) = f64::keep_counted(number, 200).counted();
            assert!((told - number).abs() <= 2e-15 * number.abs() && count == MOST, "{number} {told}");
        }
    }
}
