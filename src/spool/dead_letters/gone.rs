//! Letters that have been let go one by one, while others around them are kept: ranges of numbers.
//!
//! Kept in one small file beside the segments, replaced as a whole. Ranges that touch are joined, and those below the
//! oldest segment forgotten, so it grows only with holes between letters that are kept.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Buf;

use crate::spool::files::Files;
use crate::spool::format::{Kind, Record, read_record, write_record};

const NAME: &str = "gone";

/// Numbers of letters that are no longer there; all of them had a letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gone(BTreeMap<u64, u64>);

impl Gone {
    /// Reads the file in this folder. One that is damaged is said and counts as empty: letters come back then.
    pub(super) fn read(files: &dyn Files, folder: &Path) -> io::Result<Result<Self, u32>> {
        let path = folder.join(NAME);
        let payload = match read_record(files, &path, Kind::Gone)? {
            Record::Whole(payload) => payload,
            Record::Missing => Vec::new(),
            Record::Newer(version) => return Ok(Err(version)),
            Record::Damaged => {
                tracing::error!(path = %path.display(), "damaged: dead letters that were let go may be there again");
                Vec::new()
            }
        };
        let pairs = payload.chunks_exact(16).map(|mut pair| (pair.get_u64_le(), pair.get_u64_le()));
        Ok(Ok(Self(pairs.collect())))
    }

    /// Replaces the file, durable on return.
    pub(super) fn write(&self, files: &dyn Files, folder: &Path) -> io::Result<()> {
        let payload: Vec<u8> =
            self.0.iter().flat_map(|(first, end)| [*first, *end]).flat_map(u64::to_le_bytes).collect();
        write_record(files, &folder.join(NAME), Kind::Gone, &payload, true)
    }

    /// Takes a number in; false where it was there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        let end = self.0.remove(&(number + 1)).unwrap_or(number + 1);
        match self.0.range_mut(..number).next_back() {
            Some((_, before)) if *before == number => *before = end,
            _ => {
                self.0.insert(number, end);
            }
        }
        true
    }

    /// Whether this letter is gone.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, end)| number < *end)
    }

    /// How many numbers there are from `first` up to before `end`.
    pub(super) fn within(&self, first: u64, end: u64) -> u64 {
        let overlap = |(from, to): (&u64, &u64)| (*to).min(end).saturating_sub((*from).max(first));
        self.0.range(..end).rev().take_while(|(_, to)| **to > first).map(overlap).sum()
    }

    /// Forgets the numbers below `first`.
    pub(super) fn forget_below(&mut self, first: u64) {
        let mut kept = self.0.split_off(&first);
        if let Some((_, end)) = self.0.pop_last().filter(|(_, end)| *end > first) {
            kept.insert(first, end);
        }
        self.0 = kept;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::spool::files::RealFiles;

    proptest! {
        #[test]
        fn it_is_the_set_of_its_numbers(numbers in vec(0_u64..60, 0..60), first in 0_u64..60, length in 0_u64..60) {
            let (mut gone, mut plain) = (Gone::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(gone.insert(number), plain.insert(number));
            }
            prop_assert!(gone.0.iter().zip(gone.0.iter().skip(1)).all(|((_, end), (next, _))| end < next), "joined");
            let end = first + length;
            prop_assert_eq!(gone.within(first, end), plain.range(first..end).count() as u64);
            gone.forget_below(first);
            plain.retain(|number| *number >= first);
            prop_assert!((0..60).all(|number| gone.contains(number) == plain.contains(&number)));
        }
    }

    #[test]
    fn it_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Gone::read(&RealFiles, folder.path()).unwrap(), Ok(Gone::default()));
        let mut gone = Gone::default();
        assert!([3, 4, 9].into_iter().all(|number| gone.insert(number)));
        gone.write(&RealFiles, folder.path()).unwrap();
        assert_eq!(Gone::read(&RealFiles, folder.path()).unwrap(), Ok(gone));
    }
}
