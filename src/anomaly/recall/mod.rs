//! What a series remembers of its events from bucket to bucket, where its metric's function asks for that.
//!
//! Each memory is bounded, learns every event once, in the order in which events come, and says what the event adds to its bucket.

mod changes;
mod counter;
mod known;
mod rare;
mod times;

use changes::Changes;
use counter::Counter;
use known::Known;
use rare::Rare;
use times::Times;

use super::codec::{Damaged, Reader, Writer};
use super::declare::Function;
use super::distinct::Distinct;
use super::joint::Forest;

pub(super) use changes::hashes_of_list;

/// The memory of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recall {
    /// Values it has had.
    Known(Known),
    /// How often it had which value.
    Rare(Rare),
    /// When in the week it had events.
    Times(Times),
    /// The last reading of a counter.
    Counter(Counter),
    /// All values it ever had, to tell their number.
    Growth(Distinct),
    /// The last list.
    Changes(Changes),
    /// How the values of several metrics come together; it learns buckets and not events.
    Forest(Forest),
}

/// An event as memories see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    /// Microseconds.
    pub at: i64,
    /// The value's hash, and the value where it is a number.
    pub hash: u64,
    pub number: f64,
}

impl Recall {
    /// An empty memory for a function that needs one.
    pub(super) fn of(function: Function) -> Option<Self> {
        Some(match function {
            Function::FirstSeen => Self::Known(Known::default()),
            Function::Rare => Self::Rare(Rare::default()),
            Function::UnusualTime => Self::Times(Times::default()),
            Function::Increase => Self::Counter(Counter::default()),
            Function::Growth => Self::Growth(Distinct::new()),
            Function::ListChanges => Self::Changes(Changes::default()),
            _ => return None,
        })
    }

    /// What an event adds; `list` are the hashes of its list, where it has one.
    pub(super) fn meet(&mut self, met: Met, list: &[u64]) -> f64 {
        match self {
            Self::Known(known) => f64::from(u8::from(known.meet(met.hash))),
            Self::Rare(rare) => rare.meet(met.hash),
            Self::Times(times) => times.meet(met.at),
            Self::Counter(counter) => counter.meet(met.at, met.number),
            Self::Growth(all) => {
                let before = all.estimate();
                all.insert(met.hash);
                // the estimate changes its formula once, and must not fall there
                (all.estimate() - before).max(0.0)
            }
            Self::Changes(changes) => changes.meet(list),
            Self::Forest(_) => 0.0,
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        match self {
            Self::Known(known) => {
                out.u8(0);
                known.save(out);
            }
            Self::Rare(rare) => {
                out.u8(1);
                rare.save(out);
            }
            Self::Times(times) => {
                out.u8(2);
                times.save(out);
            }
            Self::Counter(counter) => {
                out.u8(3);
                counter.save(out);
            }
            Self::Growth(all) => {
                out.u8(4);
                all.save(out);
            }
            Self::Changes(changes) => {
                out.u8(5);
                changes.save(out);
            }
            Self::Forest(forest) => {
                out.u8(7);
                forest.save(out);
            }
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(match input.u8()? {
            0 => Self::load_known(input)?,
            1 => Self::Rare(Rare::load(input)?),
            2 => Self::Times(Times::load(input)?),
            3 => Self::Counter(Counter::load(input)?),
            4 => Self::Growth(Distinct::load(input)?),
            5 => Self::Changes(Changes::load(input)?),
            6 => Self::Forest(Forest::load_of_all_halves(input)?),
            7 => Self::Forest(Forest::load(input)?),
            _ => return Err(Damaged),
        })
    }

    /// As snapshots of version 2 have it: values that were had, and nothing else.
    pub(super) fn load_known(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Known::load(input).map(Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::mix;
    use super::*;

    const FUNCTIONS: [Function; 6] = [
        Function::FirstSeen,
        Function::Rare,
        Function::UnusualTime,
        Function::Increase,
        Function::Growth,
        Function::ListChanges,
    ];

    fn met(at: u64) -> (Met, Vec<u64>) {
        let hash = mix(at * at % 700, 5);
        let list = (0..at % 5).map(|element| mix(element + at / 50, 9)).collect();
        (Met { at: at as i64 * 7_000_000_000, hash, number: (at * 31 % 9_000) as f64 }, list)
    }

    #[test]
    fn a_loaded_memory_goes_on_to_the_digit_and_none_grows_without_end() {
        for function in FUNCTIONS {
            let mut one = Recall::of(function).expect("it has a memory");
            for at in 0..20_000 {
                let (met, list) = met(at);
                let added = one.meet(met, &list);
                assert!(added.is_finite() && added >= 0.0, "{function:?}: {added}");
            }
            let mut out = Writer::default();
            one.save(&mut out);
            let bytes = out.finish();
            assert!(bytes.len() < 17_000, "{function:?}: {} bytes", bytes.len());
            let mut other = Recall::load(&mut Reader::new(&bytes)).expect("just saved");
            for at in 20_000..20_500 {
                let (met, list) = met(at);
                assert_eq!(one.meet(met, &list), other.meet(met, &list), "{function:?}");
            }
            assert!((0..bytes.len()).all(|cut| Recall::load(&mut Reader::new(&bytes[..cut])).is_err()), "{function:?}");
        }
    }
}
