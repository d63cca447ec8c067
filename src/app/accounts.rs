//! The accounts: what became of every event of this run, and of every dead letter.
//!
//! Whenever nothing is under way they add up:
//! `recovered + received + redriven = stored + repeated + refused + lost + waiting`.
//!
//! They are those of one run. A stop of any kind ends them; what waited then is what the next run calls `recovered`
//! (and what of it was settled in the last moments before a kill is settled once more, as "already there"). So a kill
//! loses no event from the accounts, only the sums of the run that it ended; those are kept in `state/accounts.json`,
//! at most a second old, for `oversight spool inspect`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use crate::api::Accounts;
use crate::api::{Readiness, Room, State};
use crate::clock::Clock;
use crate::spool::{DeadLetterUsage, Spool};
use crate::telemetry::catalogue;

/// How often the file is written and the room of the dead letters looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What `state/accounts.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When this was so.
    pub at: String,
    /// The run has ended in order; the accounts are final.
    pub ended: bool,
    /// The accounts.
    #[serde(flatten)]
    pub accounts: Accounts,
}

/// Where the accounts of the last run lie.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join("state").join("accounts.json")
}

/// The accounts that are kept there; none where there are none, or they cannot be read.
pub fn kept(data_dir: &Path) -> Option<Kept> {
    serde_json::from_slice(&std::fs::read(path_in(data_dir)).ok()?).ok()
}

/// Keeps the accounts while it runs, and says in time when dead letters are being lost.
pub struct Bookkeeper {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the bookkeeper looks at.
struct Books {
    path: PathBuf,
    spool: Spool,
    readiness: Arc<Readiness>,
    clock: Clock,
    written: Option<Accounts>,
    unable: bool,
}

impl Bookkeeper {
    /// Begins.
    pub fn start(data_dir: &Path, spool: Spool, readiness: Arc<Readiness>, clock: Clock) -> Self {
        catalogue::EVENTS_RECOVERED.raise_to(spool.usage().recovered);
        readiness.set(Room::Letters, State::Up);
        let (stop, mut stopped) = watch::channel(false);
        let mut books = Books { path: path_in(data_dir), spool, readiness, clock, written: None, unable: false };
        let task = tokio::spawn(async move {
            let mut ended = false;
            loop {
                books.look();
                // a small file, written to memory: the disk has it when it pleases
                let done = tokio::task::spawn_blocking(move || {
                    books.keep(ended);
                    books
                });
                match done.await {
                    Ok(back) if !ended => books = back,
                    _ => break,
                }
                ended = tokio::time::timeout(EVERY, stopped.wait_for(|stopped| *stopped)).await.is_ok();
            }
        });
        Self { stop, task }
    }

    /// Writes the accounts for the last time. To be called when everything else has ended.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

impl Books {
    fn look(&self) {
        self.readiness.set(Room::Letters, state_of(&self.spool.dead_letters().usage()));
    }

    fn keep(&mut self, ended: bool) {
        let accounts = Accounts::of(&self.spool.usage());
        if self.written == Some(accounts) && !ended {
            return;
        }
        let kept = Kept { at: self.clock.now().to_string(), ended, accounts };
        let written = write(&self.path, &kept);
        if let (Err(error), false) = (&written, self.unable) {
            tracing::warn!(%error, path = %self.path.display(), "the accounts cannot be kept for spool inspect");
        }
        self.unable = written.is_err();
        self.written = written.is_ok().then_some(accounts);
    }
}

/// Whole or not at all, but not synced: it is there to be looked at.
fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, serde_json::to_vec(kept)?)?;
    std::fs::rename(fresh, path)
}

/// Dead letters that are lost do not keep events from being taken, but somebody has to know.
fn state_of(usage: &DeadLetterUsage) -> State {
    if usage.dropped > 0 {
        let DeadLetterUsage { dropped, limit, .. } = usage;
        return State::Down(format!(
            "{dropped} dead letters have been deleted unread since the start, oldest first: they take all of their {limit} bytes (spool.dead_letters_max_size); send them again or delete them"
        ));
    }
    State::Up
}

/// Brings the gauges of the accounts up to date.
pub fn measure(spool: &Spool) {
    let as_gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let letters = spool.dead_letters().usage();
    catalogue::EVENTS_LOST.raise_to(spool.usage().lost);
    catalogue::DEAD_LETTERS.set(as_gauge(letters.count));
    catalogue::DEAD_LETTERS_BYTES.set(as_gauge(letters.bytes));
    catalogue::DEAD_LETTERS_LIMIT_BYTES.set(as_gauge(letters.limit));
    catalogue::DEAD_LETTERS_FOUND.raise_to(letters.found);
    catalogue::DEAD_LETTERS_BURIED.raise_to(letters.buried);
    catalogue::DEAD_LETTERS_REMOVED.raise_to(letters.removed);
    catalogue::DEAD_LETTERS_DROPPED.raise_to(letters.dropped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_are_kept_read_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept(folder.path()), None);
        let accounts = Accounts { received: 7, stored: 5, refused: 1, waiting: 1, ..Accounts::default() };
        assert_eq!((accounts.difference(), Accounts { lost: 1, ..accounts }.difference()), (0, -1));
        let given = Kept { at: "2026-11-22T10:00:00.000Z".to_owned(), ended: true, accounts };
        write(&path_in(folder.path()), &given).unwrap();
        assert_eq!(kept(folder.path()), Some(given));
    }

    #[test]
    fn lost_dead_letters_are_said_with_the_key_that_bounds_them() {
        assert_eq!(state_of(&DeadLetterUsage::default()), State::Up);
        let State::Down(reason) = state_of(&DeadLetterUsage { dropped: 3, ..DeadLetterUsage::default() }) else {
            panic!()
        };
        assert!(reason.starts_with("3 dead letters") && reason.contains("spool.dead_letters_max_size"), "{reason}");
    }
}
