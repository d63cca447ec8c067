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

//!
//! State takes less than four kilobytes, and next to nothing as long as a series has had only one value.

use super::alarms::{Alarms, REMEMBERED};
use super::compact::Compact;
use super::memory::Memory;
use super::own_tail::OwnTail;
use super::recent::Recent;
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
/// Larger values are taken as this: their squares are kept in four bytes.
const LARGEST: f64 = 1e15;

/// The detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    timed: bool,
    state: State,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// As long as there was only one value.
    Still(Still),
    Moving(Box<Moving>),
}

/// A series that has not moved yet.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Still {
    value: f64,
    seen: u32,
    /// Times of the first and the last point, in seconds.
    from: i64,
    to: i64,
}

/// A series that has.
#[derive(Debug, Clone, PartialEq)]
struct Moving {
    recent: Recent,
    novelty: Compact,
    surge: Surge,
    memory: Memory,
    memory_tail: OwnTail,
    alarms: Alarms<f32, REMEMBERED>,
}

impl Combined {
    /// Nothing learnt; `timed` says whether the points' times mean something.
    pub fn new(timed: bool) -> Self {
        Self { timed, state: State::Still(Still { value: 0.0, seen: 0, from: 0, to: 0 }) }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let timed = input.u8()? != 0;
        let state = if input.u8()? == 0 {
            State::Still(Still { value: input.f64()?, seen: input.u32()?, from: input.i64()?, to: input.i64()? })
        } else {
            State::Moving(Box::new(Moving::load(input)?))
        };
        Ok(Self { timed, state })
    }

    fn judge(&mut self, point: Point) -> Judgement {
        let Some(value) = usable(point.value).map(|value| value.clamp(-LARGEST, LARGEST)) else {
            return Judgement::NOTHING;
        };
        let seconds = if self.timed { point.seconds } else { 0 };
        if let State::Still(still) = &mut self.state {
            if still.stays(value, seconds) {
                return Judgement::NOTHING;
            }
            self.state = State::Moving(Box::new(Moving::after(still, self.timed)));
        }
        match &mut self.state {
            State::Moving(moving) => moving.observe(value, seconds),
            State::Still(_) => Judgement::NOTHING,
        }
    }
}

impl Still {
    /// Whether this is the value it always had, or its first; that is then counted.
    fn stays(&mut self, value: f64, seconds: i64) -> bool {
        if self.seen == 0 {
            (self.value, self.from, self.to) = (value, seconds, seconds);
        }
        let stays = value == self.value;
        if stays {
            self.seen = self.seen.saturating_add(1);
            self.to = seconds;
        }
        stays
    }
}

impl Moving {
    /// As if all points had been looked at while the series stood still.
    fn after(still: &Still, timed: bool) -> Self {
        let Still { value, seen, from, to } = *still;
        Self {
            recent: Recent::still(value, seen),
            novelty: Compact::still(value, seen, from, to, timed),
            surge: Surge::still(seen, timed),
            memory: Memory::still(SEQUENCES, value, seen),
            memory_tail: OwnTail::still(seen),
            alarms: Alarms::still(seen),
        }
    }

    fn observe(&mut self, value: f64, seconds: i64) -> Judgement {
        self.recent.push(value);
        let (novelty, view) = self.novelty.observe(value, seconds, self.recent.range());
        let novelty = if novelty > 0.0 { MOST_NOVELTY * (1.0 - (-novelty / MOST_NOVELTY).exp()) } else { 0.0 };
        let hour = (seconds.rem_euclid(86_400) / 3_600) as usize;
        let step = beyond(self.surge.observe(&self.recent, hour), USUAL_MOVE);
        let sequence = self.memory_tail.observe(self.memory.observe(&self.recent));
        let sequence = SEQUENCE_WEIGHT * beyond(sequence, USUAL_SEQUENCE);
        let reason = [(novelty, view), (step, Reason::Step), (sequence, Reason::Shape)]
            .into_iter()
            .reduce(|most, next| if next.0 > most.0 { next } else { most })
            .map_or(view, |(_, reason)| reason);
        Judgement { raw: novelty + step + sequence, alarm: self.alarms.observe(novelty + step), reason }
    }

    fn save(&self, out: &mut Writer) {
        self.recent.save(out);
        self.novelty.save(out);
        self.surge.save(out);
        self.memory.save(out);
        self.memory_tail.save(out);
        self.alarms.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            recent: Recent::load(input)?,
            novelty: Compact::load(input)?,
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
        self.judge(point)
    }

    fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.timed));
        match &self.state {
            State::Still(Still { value, seen, from, to }) => {
                out.u8(0);
                out.f64(*value);
                out.u32(*seen);
                out.i64(*from);
                out.i64(*to);
            }
            State::Moving(moving) => {
                out.u8(1);
                moving.save(out);
            }
        }
    }
}
