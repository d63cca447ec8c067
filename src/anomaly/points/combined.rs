//! What metrics are judged by where nothing else is asked for: novelty of seven views, and the last move, each
//! on a scale of its own.
//!
//! With a fixed weight of the step a detector does well either on NAB (little weight) or elsewhere (much): a move that
//! is nothing in a bursty series is an incident in a smooth one. So the move is told as a probability calibrated on the
//! series itself ([`Surge`]), and counts with the cube of what is beyond one in 400: nothing at first, more than everything else soon
//! after. Novelty is bounded, so that a series that has reached a new level for good does not drown what happens there.

use super::alarms::Alarms;
use super::novelty::Novelty;
use super::surge::Surge;
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Novelty counts at most as this.
const MOST_NOVELTY: f64 = 20.0;
/// −ln of the probability of a move that is nothing special.
const USUAL_MOVE: f64 = 6.0;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    novelty: Novelty,
    surge: Surge,
    alarms: Alarms,
}

impl Combined {
    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub fn new(timed: bool) -> Self {
        Self { novelty: Novelty::new(timed), surge: Surge::new(timed), alarms: Alarms::new() }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { novelty: Novelty::load(input)?, surge: Surge::load(input)?, alarms: Alarms::load(input)? })
    }
}

impl Detector for Combined {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        let (novelty, reason) = self.novelty.observe(value, point.seconds);
        let novelty = MOST_NOVELTY * (1.0 - (-novelty / MOST_NOVELTY).exp());
        let step = (self.surge.observe(value, point.seconds) - USUAL_MOVE).max(0.0).powi(3);
        let raw = novelty + step;
        Judgement { raw, alarm: self.alarms.observe(raw), reason: if step > novelty { Reason::Step } else { reason } }
    }

    fn save(&self, out: &mut Writer) {
        self.novelty.save(out);
        self.surge.save(out);
        self.alarms.save(out);
    }
}
