//! Whether a name looks as if a program had made it up: a linear model over groups of letters, 8 KiB, part of the program.
//!
//! It is trained by `oversight names train` on names that the [families](families) here generate and on honest names out of
//! logs, and measured by `oversight names evaluate` with each family left out in turn. What always holds:
//!
//! - The same names and seed give the same weights, to the bit.
//! - Any text has a finite score; only the registered label is looked at, for what an owner puts in front of it (hashes of a
//!   delivery network) is his own affair.

pub mod families;
mod grams;
pub mod learn;

use std::sync::LazyLock;

use super::codec::{Damaged, Reader, Writer};
use grams::{Grams, MEASURES, PLACES};

const MAGIC: &[u8; 8] = b"OVNAMES1";
/// The weights that ship.
const SHIPPED: &[u8] = include_bytes!("../../../models/names/weights.bin");
/// Labels shorter than this are not judged: three letters say nothing.
const SHORTEST: usize = 5;

/// The weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Of groups, in units of `unit`.
    places: Box<[i8]>,
    unit: f32,
    measures: [f32; MEASURES],
    bias: f32,
    /// A name whose logarithm of odds is above this counts as made up.
    cut: f32,
}

impl Model {
    /// The one that is part of the program.
    pub fn shipped() -> &'static Self {
        static MODEL: LazyLock<Model> =
            LazyLock::new(|| Model::from_bytes(SHIPPED).expect("a test reads what is part of the program"));
        &MODEL
    }

    /// The logarithm of the odds that a program made the label up.
    pub fn odds(&self, label: &str) -> f32 {
        let grams = Grams::of(label);
        let sum: i32 = grams.places.iter().map(|place| i32::from(self.places[usize::from(*place)])).sum();
        let groups = (grams.places.len().max(1) as f32).sqrt();
        let measures: f32 = grams.measures.iter().zip(self.measures).map(|(value, weight)| value * weight).sum();
        self.bias + sum as f32 * self.unit / groups + measures
    }

    /// Whether the label counts as made up. Names of other scripts (`xn--…`) are not judged.
    pub fn is_made_up(&self, label: &str) -> bool {
        label.len() >= SHORTEST && !label.starts_with("xn--") && self.odds(label) > self.cut
    }

    /// The file that ships.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(MAGIC);
        [self.unit, self.bias, self.cut].into_iter().chain(self.measures).for_each(|number| out.f32(number));
        out.bytes(&self.places.iter().map(|weight| weight.to_le_bytes()[0]).collect::<Vec<u8>>());
        out.finish()
    }

    /// Reads that file.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut input = Reader::new(bytes);
        if input.take(MAGIC.len())? != MAGIC {
            return Err(Damaged);
        }
        let (unit, bias, cut) = (input.f32()?, input.f32()?, input.f32()?);
        let mut measures = [0.0; MEASURES];
        for weight in &mut measures {
            *weight = input.f32()?;
        }
        let places = input.take(PLACES)?.iter().map(|byte| i8::from_le_bytes([*byte])).collect();
        let finite = [unit, bias, cut].into_iter().chain(measures).all(f32::is_finite);
        let model = Self { places, unit, measures, bias, cut };
        if finite && input.is_empty() { Ok(model) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_whole_and_know_what_they_are_for() {
        let model = Model::shipped();
        assert_eq!(Model::from_bytes(&model.to_bytes()).as_ref(), Ok(model));
        for honest in ["google", "wikipedia", "microsoft", "openstreetmap", "weather", "deutsche-bank"] {
            assert!(!model.is_made_up(honest), "{honest}: {}", model.odds(honest));
        }
        for made_up in ["xjpakmcfuqetrlwo", "a3f5d1e09b7c48d2a3f5d1e09b7c48d2", "qetylyv", "k3j9x0qp7zt2w8vb4mnd"] {
            assert!(model.is_made_up(made_up), "{made_up}: {}", model.odds(made_up));
        }
        assert!(Model::from_bytes(b"OVNAMES1").is_err());
    }
}
