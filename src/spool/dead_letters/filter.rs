//! Which dead letters are meant.

use super::letter::DeadLetter;
use crate::event::ReceivedTime;

/// Which dead letters are meant; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those with a number above this one.
    pub after: u64,
    /// Only those with this number or a lower one.
    pub up_to: Option<u64>,
    /// Only those refused at this time or later.
    pub since: Option<ReceivedTime>,
    /// Only those refused before this time.
    pub until: Option<ReceivedTime>,
    /// Only those whose reason contains this.
    pub reason: Option<String>,
    /// Only those from this source.
    pub source: Option<String>,
}

impl Filter {
    /// Whether all letters are meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this letter is meant.
    pub(super) fn admits(&self, number: u64, letter: &DeadLetter) -> bool {
        number > self.after
            && self.up_to.is_none_or(|last| number <= last)
            && self.since.is_none_or(|since| letter.at >= since)
            && self.until.is_none_or(|until| letter.at < until)
            && self.reason.as_ref().is_none_or(|reason| letter.reason.contains(reason.as_str()))
            && self.source.as_ref().is_none_or(|source| *source == letter.source)
    }
}
