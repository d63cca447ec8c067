//! Refused input with its reason, in frames like the spool's own, in a folder beside it.
//!
//! Bounded: when there is too much, the oldest segment goes, which is counted and said. What is appended is durable on
//! return, and so is what is let go: all up to a number ([`DeadLetters::discard`]) or single letters
//! ([`DeadLetters::remove`]); their space comes back by segments. Everything here blocks; asynchronous callers use
//! `spawn_blocking`.
//!
//! The letters balance: `found + buried = count + removed + dropped` ([`DeadLetterUsage`]).

mod filter;
mod gone;
pub(in crate::spool) mod letter;
mod reader;
pub mod shown;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{DeadLetterError, OpenError};
use super::files::Files;
use crate::event::id::SpoolId;

pub use filter::Filter;
pub use letter::{Content, DeadLetter, Origin};
pub use reader::DeadLetterReader;

use state::{Access, State};

/// How many dead letters there are, and what became of the others since the spool was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLetterUsage {
    /// Kept.
    pub count: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// What `bytes` may not exceed.
    pub limit: u64,
    /// Kept when the spool was opened.
    pub found: u64,
    /// Appended since.
    pub buried: u64,
    /// Let go since because somebody said so: sent again, or deleted.
    pub removed: u64,
    /// Let go since because there were too many.
    pub dropped: u64,
}

/// The dead letters of one spool; clones share them.
#[derive(Debug, Clone)]
pub struct DeadLetters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// As of the last change: whoever only asks does not wait for a disk that stalls.
    usage: Mutex<DeadLetterUsage>,
}

impl DeadLetters {
    /// Opens the folder, or makes it.
    pub(super) fn open(
        folder: PathBuf,
        limit: u64,
        segment_bytes: u64,
        files: Arc<dyn Files>,
        identity: (SpoolId, u64),
    ) -> Result<Self, OpenError> {
        let state = State::open(folder, (limit, segment_bytes), files, identity, Access::Full)?;
        Ok(Self::of(state))
    }

    /// Opens the folder to read only, while another process may be writing there.
    pub(super) fn look(
        folder: PathBuf,
        limit: u64,
        files: Arc<dyn Files>,
        identity: (SpoolId, u64),
    ) -> Result<Self, OpenError> {
        let state = State::open(folder, (limit, limit), files, identity, Access::ReadOnly)?;
        Ok(Self::of(state))
    }

    /// Keeps letters; durable on return, all or none. Where there are too many, the oldest go.
    ///
    /// # Errors
    /// When the disk does not take them, or one is larger than all together may be.
    pub fn append(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        if letters.is_empty() {
            return Ok(());
        }
        self.change(|state| state.append(letters))
    }

    /// The letters that the filter admits, oldest first, with their numbers. Those that come while it reads may or may
    /// not be among them. Damaged ones are left out, which is said.
    pub fn read(&self, filter: Filter) -> DeadLetterReader {
        self.state().reader(filter)
    }

    /// Lets go of all letters up to this number.
    ///
    /// # Errors
    /// When the disk does not take the note of it; the letters stay.
    pub fn discard(&self, up_to: u64) -> Result<(), DeadLetterError> {
        self.change(|state| state.discard(up_to))
    }

    /// Lets go of these letters, whose numbers [`DeadLetters::read`] gave; numbers that are gone already do no harm.
    ///
    /// # Errors
    /// When the disk does not take the note of it; the letters stay.
    pub fn remove(&self, numbers: &[u64]) -> Result<(), DeadLetterError> {
        self.change(|state| state.remove(numbers))
    }

    /// The number of the letter that was kept last; 0 where there was none ever.
    pub fn last(&self) -> u64 {
        self.state().last()
    }

    /// The id that the document of this letter gets where it has none yet: always the same, and no event's.
    pub fn id_of(&self, number: u64) -> Box<str> {
        self.state().id_of(number)
    }

    /// How many letters are kept.
    pub fn count(&self) -> u64 {
        self.usage().count
    }

    /// How many letters there are and what they take; unlike all else here this does not block.
    pub fn usage(&self) -> DeadLetterUsage {
        *self.0.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(state: State) -> Self {
        let usage = Mutex::new(state.usage());
        Self(Arc::new(Shared { state: Mutex::new(state), usage }))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let changed = change(&mut state);
        *self.0.usage.lock().unwrap_or_else(PoisonError::into_inner) = state.usage();
        changed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
