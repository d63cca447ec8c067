//! How precisely a detector keeps its numbers: in eight bytes where published values have to come out to the digit, in four
//! where not. What is computed is computed in eight either way.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// A number as state keeps it.
pub(super) trait Kept: Copy + PartialEq + Default + std::fmt::Debug + Send {
    /// What is kept of a number.
    fn keep(number: f64) -> Self;
    /// The number that was kept.
    fn number(self) -> f64;
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

    fn save(self, out: &mut Writer) {
        out.f32(self);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        input.f32()
    }
}
