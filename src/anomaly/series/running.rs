//! A bucket that is still open, and what is expected of it.

use super::super::codec::{Damaged, Reader, Writer};
use super::super::contents::Contents;
use super::super::declare::Function;

/// The bucket number of no bucket.
pub(in crate::anomaly) const CLOSED: i64 = i64::MIN;
/// No place in a table.
pub(in crate::anomaly) const NOWHERE: u32 = u32::MAX;
/// Amounts beyond this are taken as this.
const LARGEST: f64 = 1e15;

/// A bucket that is still open.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::anomaly) struct Running {
    /// Its number: start divided by span; [`CLOSED`] for none.
    pub index: i64,
    /// Count, sum (for means too), maximum or estimate so far.
    pub total: f64,
    /// Events so far.
    pub count: u32,
    /// The next open bucket of the same series.
    pub next: u32,
    pub contents: Option<Box<Contents>>,
    /// What was expected when it was opened.
    pub outlook: Outlook,
    /// −log10 of the tail probability of the value so far; 0 while it is within the band.
    pub evidence: f32,
    /// From this value on the evidence is looked at again.
    pub judge_from: f64,
}

/// What is expected of a bucket: on the stabilised scale, and as values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::anomaly) struct Outlook {
    pub location: f32,
    /// 0 where the series is too new to be judged.
    pub scale: f32,
    pub expected: f32,
    pub lower: f32,
    pub upper: f32,
}

/// What an event adds to a bucket.
#[derive(Debug, Clone, Copy)]
pub(in crate::anomaly) enum Sample {
    Amount(f64),
    Hash(u64),
    /// An amount that counts once for each different hash.
    Once(u64, f64),
}

impl Running {
    pub(in crate::anomaly) const NONE: Self = Self::new(CLOSED);

    pub(in crate::anomaly) const fn new(index: i64) -> Self {
        let outlook = Outlook { location: 0.0, scale: 0.0, expected: 0.0, lower: 0.0, upper: 0.0 };
        let judge_from = f64::INFINITY;
        Self { index, total: 0.0, count: 0, next: NOWHERE, contents: None, outlook, evidence: 0.0, judge_from }
    }

    #[inline]
    pub(in crate::anomaly) fn add(&mut self, function: Function, sample: Sample) {
        self.count = self.count.saturating_add(1);
        match sample {
            Sample::Amount(amount) => {
                let amount = amount.clamp(-LARGEST, LARGEST);
                match function {
                    Function::Max | Function::Min if self.count == 1 => self.total = amount,
                    Function::Max | Function::Rare | Function::UnusualTime => self.total = self.total.max(amount),
                    Function::Min => self.total = self.total.min(amount),
                    _ => self.total += amount,
                }
            }
            Sample::Hash(hash) if function == Function::Entropy => {
                self.total = Contents::entropy(&mut self.contents, hash);
            }
            Sample::Hash(hash) => {
                if let Some(estimate) = Contents::distinct(&mut self.contents, hash) {
                    // the estimate changes its formula once, and must not fall there
                    self.total = self.total.max(estimate);
                }
            }
            Sample::Once(hash, amount) => {
                if Contents::distinct(&mut self.contents, hash).is_some() {
                    self.total += amount;
                }
            }
        }
    }

    /// The value so far.
    #[inline]
    pub(in crate::anomaly) fn value(&self, function: Function) -> f64 {
        if function == Function::Mean { self.total / f64::from(self.count.max(1)) } else { self.total }
    }

    pub(in crate::anomaly) fn save(&self, out: &mut Writer) {
        out.i64(self.index);
        out.f64(self.total);
        out.u32(self.count);
        Contents::save(self.contents.as_deref(), out);
        let Outlook { location, scale, expected, lower, upper } = self.outlook;
        [location, scale, expected, lower, upper, self.evidence].into_iter().for_each(|number| out.f32(number));
        out.f64(self.judge_from);
    }

    pub(in crate::anomaly) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut running = Self::new(input.i64()?);
        running.total = input.f64()?;
        running.count = input.u32()?;
        running.contents = Contents::load(input)?;
        running.outlook = Outlook {
            location: input.f32()?,
            scale: input.f32()?,
            expected: input.f32()?,
            lower: input.f32()?,
            upper: input.f32()?,
        };
        running.evidence = input.f32()?;
        running.judge_from = input.f64()?;
        Ok(running)
    }
}
