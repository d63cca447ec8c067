//! Up to where everything is settled: one small file, replaced as a whole.
//!
//! A lost or damaged checkpoint costs a repetition and nothing else; only before segments are deleted is it synced.

use std::io;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::format::{Kind, Record, numbers, read_record, write_record};
use crate::event::SeqNo;

const NAME: &str = "checkpoint";

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Everything below is settled.
    pub(super) floor: SeqNo,
    /// No number from here on has been given.
    pub(super) next: SeqNo,
    /// The number after the last acknowledged event: the segments must reach as far.
    pub(super) durable: SeqNo,
    /// Segments are kept from here on though they are settled.
    pub(super) hold: Option<SeqNo>,
}

/// What was found in a folder.
#[derive(Debug)]
pub(super) enum Found {
    /// A checkpoint.
    Whole(Checkpoint),
    /// None yet.
    Missing,
    /// One that cannot be read.
    Damaged,
    /// One of a newer version.
    Newer(u32),
}

/// Where it lies.
pub(super) fn path_in(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

impl Checkpoint {
    /// Replaces the file: floor, next, durable, hold (0: none), eight bytes each.
    pub(super) fn write(&self, files: &dyn Files, folder: &Path, durable: bool) -> io::Result<()> {
        let numbers = [self.floor.0, self.next.0, self.durable.0, self.hold.map_or(0, |hold| hold.0)];
        let payload = numbers.map(u64::to_le_bytes).concat();
        write_record(files, &path_in(folder), Kind::Checkpoint, &payload, durable)
    }

    /// Reads the file.
    pub(super) fn read(files: &dyn Files, folder: &Path) -> io::Result<Found> {
        Ok(match read_record(files, &path_in(folder), Kind::Checkpoint)? {
            Record::Whole(payload) => numbers::<4>(&payload).map_or(Found::Damaged, |[floor, next, durable, hold]| {
                let hold = (hold > 0).then_some(SeqNo(hold));
                Found::Whole(Self { floor: SeqNo(floor), next: SeqNo(next), durable: SeqNo(durable), hold })
            }),
            Record::Missing => Found::Missing,
            Record::Damaged => Found::Damaged,
            Record::Newer(version) => Found::Newer(version),
        })
    }
}
