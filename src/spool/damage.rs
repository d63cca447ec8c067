//! Damage is said, counted, and its bytes are kept: in `damaged-…` files beside the segments, for a person to look at.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::files::{Files, write_all};
use super::stream::read_range;

/// A place in the spool that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Its bytes.
    pub range: Range<u64>,
    /// How many events are lost, at most.
    pub lost: u64,
    /// A copy of the bytes; none where there were none, or they could not be kept.
    pub kept: Option<PathBuf>,
}

/// How much has been damaged since the spool was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DamageCount {
    /// Places.
    pub(super) places: u64,
    /// Events lost, at most.
    pub(super) lost: u64,
}

/// All damage since the spool was opened.
#[derive(Debug)]
pub(super) struct Damages {
    files: Arc<dyn Files>,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Segment and offset: recovery and the reader may meet the same.
    known: BTreeSet<(PathBuf, u64)>,
    count: DamageCount,
    room: u64,
}

impl Damages {
    /// Keeps up to `room` bytes in `folder`.
    pub(super) fn new(files: Arc<dyn Files>, folder: PathBuf, room: u64) -> Self {
        let state = State { known: BTreeSet::new(), count: DamageCount::default(), room };
        Self { files, folder, state: Mutex::new(state) }
    }

    /// The damage so far.
    pub(super) fn count(&self) -> DamageCount {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Says, counts and keeps it; none where it was known.
    pub(super) fn report(&self, path: &Path, range: Range<u64>, lost: u64) -> Option<Damage> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.known.insert((path.to_owned(), range.start)) {
            return None;
        }
        state.count.places += 1;
        state.count.lost += lost;
        let kept = self.keep(path, range.clone(), &mut state.room);
        tracing::error!(
            path = %path.display(), from = range.start, to = range.end, lost, kept = ?kept,
            "the spool is damaged: these bytes are passed over, and up to so many events are lost"
        );
        Some(Damage { path: path.to_owned(), range, lost, kept })
    }

    /// Copies bytes that are about to be passed over or cut; none where there is nothing but zeros.
    pub(super) fn keep_tail(&self, path: &Path, range: Range<u64>) -> Option<PathBuf> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep(path, range, &mut state.room)
    }

    fn keep(&self, path: &Path, range: Range<u64>, room: &mut u64) -> Option<PathBuf> {
        if range.end - range.start > *room {
            tracing::error!(path = %path.display(), "too much damage to keep a copy of these bytes");
            return None;
        }
        match self.copy(path, range.clone()) {
            Ok(kept) => {
                *room -= range.end - range.start;
                kept
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "no copy can be kept of damaged bytes");
                None
            }
        }
    }

    fn copy(&self, path: &Path, range: Range<u64>) -> io::Result<Option<PathBuf>> {
        let start = range.start;
        let bytes = match self.files.read(path) {
            Ok(file) => read_range(file, range)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let segment = path.file_stem().unwrap_or_default().to_string_lossy();
        let copy = self.folder.join(format!("damaged-{segment}-{start}.bin"));
        let mut file = match self.files.create(&copy) {
            // from an earlier start
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Some(copy)),
            other => other?,
        };
        write_all(file.as_mut(), &mut [IoSlice::new(&bytes)])?;
        file.sync()?;
        Ok(Some(copy))
    }
}
