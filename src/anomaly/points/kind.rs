//! Which detectors there are, by name.

use super::{Combined, Detector, Htm, Periods, Rh7Step, Robust, Shapes};
use crate::anomaly::codec::{Damaged, Reader};

/// A detector of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Kind {
    /// Novelty of seven views and the last move, calibrated on the series itself.
    #[default]
    Combined,
    /// Novelty of seven views and the step, with the constants that do best on NAB.
    Rh7Step,
    /// Robust level and the day's shape, made for counts.
    Robust,
    /// The same time 7, 14 and 21 days back.
    Periods,
    /// A memory of sequences.
    Shapes,
    /// A hierarchical temporal memory.
    Htm,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Combined, Self::Rh7Step, Self::Robust, Self::Periods, Self::Shapes, Self::Htm];

    /// As it is written in commands and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Rh7Step => "rh7-step",
            Self::Robust => "robust",
            Self::Periods => "periods",
            Self::Shapes => "shapes",
            Self::Htm => "htm",
        }
    }

    /// A new one; `timed` says whether the points' times mean something.
    pub fn start(self, timed: bool) -> Box<dyn Detector> {
        match self {
            Self::Combined => Box::new(Combined::new(timed)),
            Self::Rh7Step => Box::new(Rh7Step::new(timed)),
            Self::Robust => Box::new(Robust::new(timed)),
            Self::Periods => Box::new(Periods::new()),
            Self::Shapes => Box::new(Shapes::new()),
            Self::Htm => Box::new(Htm::new(timed)),
        }
    }

    /// Reads back what a detector of this kind has saved.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(self, input: &mut Reader<'_>) -> Result<Box<dyn Detector>, Damaged> {
        Ok(match self {
            Self::Combined => Box::new(Combined::load(input)?),
            Self::Rh7Step => Box::new(Rh7Step::load(input)?),
            Self::Robust => Box::new(Robust::load(input)?),
            Self::Periods => Box::new(Periods::load(input)?),
            Self::Shapes => Box::new(Shapes::load(input)?),
            Self::Htm => Box::new(Htm::load(input)?),
        })
    }
}
