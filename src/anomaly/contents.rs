//! What a bucket remembers of its values, made with the first of them.

use super::codec::{Damaged, Reader, Writer};
use super::distinct::Distinct;
use super::tally::Tally;

/// The values that a bucket has had, where its function asks for them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Contents {
    Distinct(Distinct),
    Tally(Tally),
    /// Of a metric that looks at others: which of them has closed its bucket, and with what value.
    Members(Vec<(u8, f64)>),
}

impl Contents {
    /// Takes in a hash; the number of different ones, if it has changed.
    pub(super) fn distinct(slot: &mut Option<Box<Self>>, hash: u64) -> Option<f64> {
        match slot.get_or_insert_with(|| Box::new(Self::Distinct(Distinct::new()))).as_mut() {
            Self::Distinct(distinct) => distinct.insert(hash).then(|| distinct.estimate()),
            Self::Tally(_) | Self::Members(_) => None,
        }
    }

    /// Takes in a hash; the entropy then.
    pub(super) fn entropy(slot: &mut Option<Box<Self>>, hash: u64) -> f64 {
        match slot.get_or_insert_with(|| Box::new(Self::Tally(Tally::default()))).as_mut() {
            Self::Tally(tally) => {
                tally.insert(hash);
                tally.entropy()
            }
            Self::Distinct(_) | Self::Members(_) => 0.0,
        }
    }

    /// Takes in the value of a member.
    pub(super) fn gather(slot: &mut Option<Box<Self>>, member: u8, value: f64) {
        if let Self::Members(values) = slot.get_or_insert_with(|| Box::new(Self::Members(Vec::new()))).as_mut() {
            values.push((member, value));
        }
    }

    /// The values that were taken in, each with its member.
    pub(super) fn members(slot: Option<&Self>) -> &[(u8, f64)] {
        if let Some(Self::Members(values)) = slot { values } else { &[] }
    }

    pub(super) fn save(slot: Option<&Self>, out: &mut Writer) {
        match slot {
            None => out.u8(0),
            Some(Self::Distinct(distinct)) => {
                out.u8(1);
                distinct.save(out);
            }
            Some(Self::Tally(tally)) => {
                out.u8(2);
                tally.save(out);
            }
            Some(Self::Members(values)) => {
                out.u8(3);
                out.u32(values.len() as u32);
                for (member, value) in values {
                    out.u8(*member);
                    out.f64(*value);
                }
            }
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Option<Box<Self>>, Damaged> {
        Ok(match input.u8()? {
            0 => None,
            1 => Some(Box::new(Self::Distinct(Distinct::load(input)?))),
            2 => Some(Box::new(Self::Tally(Tally::load(input)?))),
            3 => {
                let values = (0..input.count(9)?).map(|_| Ok((input.u8()?, input.f64()?)));
                Some(Box::new(Self::Members(values.collect::<Result<_, Damaged>>()?)))
            }
            _ => return Err(Damaged),
        })
    }
}
