//! The detector of points that one series has, where its metric asks for one; a byte in front of what is saved says which it is.

use super::{Combined, Detector, Htm, Judgement, Kind, Periods, Point, Rh7Step, Shapes};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// A detector that can be copied: what it says of a bucket can then be asked again once late events have come.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::anomaly) enum Own {
    Combined(Combined),
    Rh7Step(Box<Rh7Step>),
    Periods(Box<Periods>),
    Shapes(Box<Shapes>),
    Htm(Box<Htm>),
}

impl Own {
    /// One that has learnt nothing. The robust one is what every series has anyway, so that metrics cannot ask for it.
    pub(in crate::anomaly) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Combined | Kind::Robust => Self::Combined(Combined::new(true)),
            Kind::Rh7Step => Self::Rh7Step(Box::new(Rh7Step::new(true))),
            Kind::Periods => Self::Periods(Box::default()),
            Kind::Shapes => Self::Shapes(Box::default()),
            // with the hour beside the value each hour of a day would be another sequence, to be learnt anew
            Kind::Htm => Self::Htm(Box::new(Htm::new(false))),
        }
    }

    /// Judges the next point by those before it, then learns it.
    pub(in crate::anomaly) fn observe(&mut self, point: Point) -> Judgement {
        match self {
            Self::Combined(detector) => detector.observe(point),
            Self::Rh7Step(detector) => detector.observe(point),
            Self::Periods(detector) => detector.observe(point),
            Self::Shapes(detector) => detector.observe(point),
            Self::Htm(detector) => detector.observe(point),
        }
    }

    pub(in crate::anomaly) fn save(&self, out: &mut Writer) {
        let (tag, detector): (u8, &dyn Detector) = match self {
            Self::Combined(detector) => (1, detector),
            Self::Rh7Step(detector) => (2, detector.as_ref()),
            Self::Periods(detector) => (3, detector.as_ref()),
            Self::Shapes(detector) => (4, detector.as_ref()),
            Self::Htm(detector) => (5, detector.as_ref()),
        };
        out.u8(tag);
        detector.save(out);
    }

    /// Appends one, or that there is none.
    pub(in crate::anomaly) fn save_option(own: Option<&Self>, out: &mut Writer) {
        match own {
            Some(own) => own.save(out),
            None => out.u8(0),
        }
    }

    pub(in crate::anomaly) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Self::load_option(input)?.ok_or(Damaged)
    }

    /// Reads back what [`Own::save_option`] wrote.
    pub(in crate::anomaly) fn load_option(input: &mut Reader<'_>) -> Result<Option<Self>, Damaged> {
        Ok(Some(match input.u8()? {
            0 => return Ok(None),
            1 => Self::Combined(Combined::load(input)?),
            2 => Self::Rh7Step(Box::new(Rh7Step::load(input)?)),
            3 => Self::Periods(Box::new(Periods::load(input)?)),
            4 => Self::Shapes(Box::new(Shapes::load(input)?)),
            5 => Self::Htm(Box::new(Htm::load(input)?)),
            _ => return Err(Damaged),
        }))
    }

    /// As snapshots of version 3 have it: the combined one, and no byte in front.
    pub(in crate::anomaly) fn load_combined(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Combined::load(input).map(Self::Combined)
    }
}
