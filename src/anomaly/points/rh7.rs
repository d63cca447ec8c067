//! RH7+step with the constants that do best on NAB: novelty of seven views, and three times the step.
//!
//! It is kept as it was measured, to compare with; [`Combined`](super::Combined) is what metrics are judged by.

use super::alarms::Alarms;
use super::novelty::Novelty;
use super::step::Step;
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// How much the step counts beside the views.
const STEP_WEIGHT: f64 = 3.0;
/// Logarithm of a step, in deviations, that is nothing special.
const USUAL_STEP: f64 = 1.5;

/// Alarms remembered.
const REMEMBERED: usize = 64;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Rh7Step {
    novelty: Novelty,
    step: Step,
    alarms: Alarms<f64, REMEMBERED>,
}

impl Rh7Step {
    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub fn new(timed: bool) -> Self {
        Self { novelty: Novelty::new(timed), step: Step::new(), alarms: Alarms::new() }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { novelty: Novelty::load(input)?, step: Step::load(input)?, alarms: Alarms::load(input)? })
    }
}

impl Detector for Rh7Step {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        let (novelty, reason) = self.novelty.observe(value, point.seconds);
        let excess = (self.step.observe(value).ln_1p() - USUAL_STEP).max(0.0);
        let step = STEP_WEIGHT * excess * excess;
        let raw = novelty + step;
        Judgement { raw, alarm: self.alarms.observe(raw), reason: if step > novelty { Reason::Step } else { reason } }
    }

    fn save(&self, out: &mut Writer) {
        self.novelty.save(out);
        self.step.save(out);
        self.alarms.save(out);
    }
}
