//! A look at a spool's files from outside, while another process may be writing them: nothing is locked, made, cut or
//! deleted.
//!
//! What it says is as of the moment at which each file was read. The checkpoint is up to a second old, and what was
//! settled above it is not known: [`Look::waiting`] is what the next start would deliver, so at least what waits.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use super::Settings;
use super::checkpoint::{Checkpoint, Found, path_in};
use super::dead_letters::{DeadLetterReader, DeadLetterUsage, DeadLetters, Filter};
use super::error::OpenError;
use super::files::Files;
use super::format::{Kind, PrefixFault, Record, numbers, read_record};
use super::recover::{IDENTITY, LOCK, at, length_of, newer};
use super::segment::{SegmentHeader, first_of, path_of};
use super::walk::{Depth, Walk};
use crate::event::SeqNo;
use crate::event::id::SpoolId;

/// What a spool's files say.
#[derive(Debug, Clone)]
pub struct Look {
    /// Whether a process has the spool open.
    pub running: bool,
    /// Events that are not settled, as far as the checkpoint tells.
    pub waiting: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// What `bytes` may not exceed.
    pub limit: u64,
    /// Segments.
    pub segments: u64,
    /// Places in them that are not what was written.
    pub damaged: u64,
    /// To read only, which is why nobody is given it.
    dead_letters: DeadLetters,
}

/// Looks into a spool's folder; one that does not exist is empty.
///
/// # Errors
/// When a file cannot be read, or is of a newer version.
pub fn look(settings: &Settings, files: Arc<dyn Files>) -> Result<Look, OpenError> {
    let folder = &settings.folder;
    let identity = identity(files.as_ref(), folder)?;
    let floor = match Checkpoint::read(files.as_ref(), folder).map_err(at(folder))? {
        Found::Whole(checkpoint) => checkpoint.floor,
        Found::Newer(found) => return Err(newer(&path_in(folder), found)),
        Found::Missing | Found::Damaged => SeqNo(0),
    };
    let letters = folder.join("dead_letters");
    let dead_letters = DeadLetters::look(letters, settings.dead_letter_bytes, Arc::clone(&files), identity)?;
    let mut seen = Look {
        running: is_running(folder),
        waiting: 0,
        bytes: 0,
        limit: settings.max_bytes,
        segments: 0,
        damaged: 0,
        dead_letters,
    };
    seen.walk(files.as_ref(), folder, identity.1, floor)?;
    Ok(seen)
}

impl Look {
    /// The dead letters that the filter admits, oldest first, with their numbers.
    pub fn dead_letters(&self, filter: Filter) -> DeadLetterReader {
        self.dead_letters.read(filter)
    }

    /// How many dead letters there are and what they take.
    pub fn dead_letter_usage(&self) -> DeadLetterUsage {
        self.dead_letters.usage()
    }

    fn walk(&mut self, files: &dyn Files, folder: &Path, salt: u64, floor: SeqNo) -> Result<(), OpenError> {
        let names = match files.names(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            names => names.map_err(at(folder))?,
        };
        let mut firsts: Vec<SeqNo> = names.iter().filter_map(|name| first_of(name)).collect();
        firsts.sort_unstable();
        for (place, first) in firsts.iter().enumerate() {
            let last = place + 1 == firsts.len();
            match self.walk_segment(files, folder, (*first, salt), (floor, last)) {
                // let go by its owner since the names were read
                Err(OpenError::Files { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                walked => walked?,
            }
        }
        Ok(())
    }

    fn walk_segment(
        &mut self,
        files: &dyn Files,
        folder: &Path,
        key: (SeqNo, u64),
        (floor, last): (SeqNo, bool),
    ) -> Result<(), OpenError> {
        let path = path_of(folder, key.0);
        let length = length_of(files, &path).map_err(at(&path))?;
        if let Err(PrefixFault::Newer(found)) = SegmentHeader::read(files, &path, Kind::Spool).map_err(at(&path))? {
            return Err(newer(&path, found));
        }
        let walk = Walk::through(files, &path, key, length, Depth::Brief).map_err(at(&path))?;
        self.segments += 1;
        self.bytes += length;
        // the end of the last one may be a write under way
        self.damaged += walk.damage.len() as u64 + u64::from(walk.tail.is_some() && !last);
        let above = |range: &std::ops::Range<SeqNo>| range.end.0.saturating_sub(range.start.max(floor).0);
        self.waiting += walk.events.iter().map(above).sum::<u64>();
        Ok(())
    }
}

fn identity(files: &dyn Files, folder: &Path) -> Result<(SpoolId, u64), OpenError> {
    let path = folder.join(IDENTITY);
    match read_record(files, &path, Kind::Identity).map_err(at(&path))? {
        Record::Newer(found) => Err(newer(&path, found)),
        Record::Whole(payload) => Ok(numbers::<2>(&payload).map_or((SpoolId(0), 0), |[id, salt]| (SpoolId(id), salt))),
        Record::Damaged => Err(OpenError::IdentityLost { path }),
        Record::Missing => Ok((SpoolId(0), 0)),
    }
}

/// Whether another process has the spool in this folder. Its lock is taken for a moment to find out; opening a spool
/// tries more than once.
pub fn is_running(folder: &Path) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(folder.join(LOCK)) else { return false };
    matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock))
}
