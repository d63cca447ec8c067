//! What metrics are judged by where the detector of points is asked for: novelty of seven views, the last move and the last
//! sequence, each on a scale of its own.
//!
//! With a fixed weight of the step a detector does well either on NAB (little weight) or elsewhere (much): a move that
//! is nothing in a bursty series is an incident in a smooth one. So the move is told as a probability calibrated on the
//! series itself ([`Surge`]), and counts with the cube of what is beyond one in 400: nothing at first, more than everything
//! else soon after. Novelty is bounded, so that a series that is at a new level for good does not drown what happens there.
//!
//! The sequence ([`Memory`]) ranks points and gives no alarm by itself: on metrics of services, where a new sequence is
//! mostly a new load, alarms of it were more often false than right.

use super::alarms::Alarms;
use super::memory::Memory;
use super::novelty::Novelty;
use super::own_tail::OwnTail;
use super::surge::Surge;
use super::{Detector, Judgement, Point, Reason, usable};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Novelty counts at most as this.
const MOST_NOVELTY: f64 = 20.0;
/// −ln of the probability of a move that is nothing special.
const USUAL_MOVE: f64 = 6.0;
/// The same of a sequence, and how much it counts beside a move.
const USUAL_SEQUENCE: f64 = 5.0;
const SEQUENCE_WEIGHT: f64 = 0.3;
/// Sequences remembered.
const SEQUENCES: usize = 64;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    novelty: Novelty,
    surge: Surge,
    memory: Memory,
    memory_tail: OwnTail,
    alarms: Alarms,
}

impl Combined {
    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub fn new(timed: bool) -> Self {
        Self {
            novelty: Novelty::new(timed),
            surge: Surge::new(timed),
            memory: Memory::new(SEQUENCES),
            memory_tail: OwnTail::NEW,
            alarms: Alarms::new(),
        }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            novelty: Novelty::load(input)?,
            surge: Surge::load(input)?,
            memory: Memory::load(SEQUENCES, input)?,
            memory_tail: OwnTail::load(input)?,
            alarms: Alarms::load(input)?,
        })
    }
}

/// The cube of what is beyond the usual.
fn beyond(surprise: f64, usual: f64) -> f64 {
    (surprise - usual).max(0.0).powi(3)
}

impl Detector for Combined {
    fn observe(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value) else { return Judgement::NOTHING };
        let (novelty, view) = self.novelty.observe(value, point.seconds);
        let novelty = MOST_NOVELTY * (1.0 - (-novelty / MOST_NOVELTY).exp());
        let step = beyond(self.surge.observe(value, point.seconds), USUAL_MOVE);
        let sequence = self.memory_tail.observe(self.memory.observe(value));
        let sequence = SEQUENCE_WEIGHT * beyond(sequence, USUAL_SEQUENCE);
        let reason = [(novelty, view), (step, Reason::Step), (sequence, Reason::Shape)]
            .into_iter()
            .reduce(|most, next| if next.0 > most.0 { next } else { most })
            .map_or(view, |(_, reason)| reason);
        Judgement { raw: novelty + step + sequence, alarm: self.alarms.observe(novelty + step), reason }
    }

    fn save(&self, out: &mut Writer) {
        self.novelty.save(out);
        self.surge.save(out);
        self.memory.save(out);
        self.memory_tail.save(out);
        self.alarms.save(out);
    }
}
