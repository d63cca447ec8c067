//! Detectors over the points of one series, behind one seam.
//!
//! What always holds of a [`Detector`], and is tested for each of them ([`contract`]):
//!
//! - **Causal.** A judgement depends on the points up to it and on nothing else: the output on a prefix is a prefix of
//!   the output. No detector is told the length or the range of a series.
//! - **Single pass, bounded.** State never grows beyond what the detector's page says, whatever is put in.
//! - **Saved whole.** A loaded detector goes on to the digit as the saved one would have.
//! - **Unmoved by bad input.** A value that is no number is judged as saying nothing and is not learnt.

mod alarms;
mod combined;
mod compact;
#[cfg(test)]
pub(crate) mod contract;
mod density;
mod histogram;
mod htm;
mod kept;
mod kind;
pub(super) mod levels;
mod memory;
mod novelty;
pub(super) mod old;
mod own;
mod own_tail;
mod periods;
mod recent;
mod rh7;
mod robust;
mod shapes;
mod spread;
mod step;
mod surge;
mod views;

pub use combined::Combined;
pub use htm::Htm;
pub use kind::Kind;
pub(super) use own::Own;
pub use periods::{Past, Periods};
pub use rh7::Rh7Step;
pub use robust::Robust;
pub use shapes::Shapes;

use super::codec::Writer;

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// What was measured.
    pub value: f64,
    /// When, in seconds since the epoch; it only says where in the day and the week the point lies.
    pub seconds: i64,
}

/// What a detector says of a point, before it learnt it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// How unusual the point is, from 0 up, in a measure of the detector's own; it ranks the points of a series.
    pub raw: f64,
    /// The same once alarms that repeat what has just been said are silenced: 0 for most points.
    pub alarm: f64,
    /// What was most unusual about it.
    pub reason: Reason,
}

impl Judgement {
    /// Nothing can be said.
    pub const NOTHING: Self = Self { raw: 0.0, alarm: 0.0, reason: Reason::Level };
}

/// What can be unusual about a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The value itself.
    Level,
    /// Its distance from the mean of about 300 points.
    Departure,
    /// The distance of the mean of about 20 points from that of about 600.
    Drift,
    /// The range of the last 24 points.
    Range,
    /// The value for this half hour of the day.
    HalfHour,
    /// The value for this hour of the day.
    Hour,
    /// The value for this half hour of the week.
    Week,
    /// The size of the last step.
    Step,
    /// The sequence of the last values.
    Shape,
    /// How often, of late, what came was not what cells had predicted.
    Unpredicted,
    /// The value beside those at the same time of past weeks.
    PastWeeks,
}

impl Reason {
    /// The words that finish "the metric's … is unusual".
    pub fn words(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Departure => "distance from its recent mean",
            Self::Drift => "drift over the last hundreds of points",
            Self::Range => "range over the last two dozen points",
            Self::HalfHour => "level for this half hour of the day",
            Self::Hour => "level for this hour of the day",
            Self::Week => "level for this time of the week",
            Self::Step => "last step",
            Self::Shape => "sequence of last values",
            Self::Unpredicted => "sequence, which was not foretold",
            Self::PastWeeks => "distance from the same time in past weeks",
        }
    }
}

/// A one-pass detector for one series; see the module for what it promises.
pub trait Detector: std::fmt::Debug + Send {
    /// Judges the next point by those before it, then learns it.
    fn observe(&mut self, point: Point) -> Judgement;

    /// Appends its state; [`Kind::load`] reads it back.
    fn save(&self, out: &mut Writer);
}

/// Larger values are taken as this, so that their squares stay finite.
const LARGEST: f64 = 1e100;

/// The value as detectors take it; none for what is no number.
fn usable(value: f64) -> Option<f64> {
    (!value.is_nan()).then(|| value.clamp(-LARGEST, LARGEST))
}
