//! The size of the last step beside the usual one, as RH7+step has it.

use super::spread::Spread;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Points that the usual step is learnt over.
const SPAN: f64 = 1440.0;

/// The last value, and what steps have been like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    before: Option<f64>,
    spread: Spread<f64>,
}

impl Step {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Self { before: None, spread: Spread::new() }
    }

    /// The step to `value` in deviations; then learns it.
    pub(super) fn observe(&mut self, value: f64) -> f64 {
        match self.before.replace(value) {
            Some(before) => self.spread.observe((value - before).abs(), SPAN, true),
            None => 0.0,
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.before.is_some()));
        out.f64(self.before.unwrap_or(0.0));
        self.spread.save(out);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let known = input.u8()? != 0;
        let before = input.f64()?;
        Ok(Self { before: known.then_some(before), spread: Spread::load(input)? })
    }
}
