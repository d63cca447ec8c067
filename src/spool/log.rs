//! What writer, reader and those who settle share: which segments there are, how far they are durable, what is settled.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::damage::Damages;
use super::dead_letters::DeadLetters;
use super::digests::Seen;
use super::files::Files;
use super::queue::Queue;
use super::settled::Settled;
use crate::clock::Clock;
use crate::event::SeqNo;
use crate::event::id::SpoolId;

/// One open spool.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) files: Arc<dyn Files>,
    pub(super) clock: Clock,
    pub(super) id: SpoolId,
    pub(super) salt: u64,
    pub(super) max_bytes: u64,
    pub(super) segment_bytes: u64,
    pub(super) retry_window: Duration,
    pub(super) queue: Queue,
    pub(super) damages: Damages,
    pub(super) dead_letters: DeadLetters,
    pub(super) recent: Arc<[Seen]>,
    log: Mutex<Log>,
    readable: Condvar,
    closed: AtomicBool,
}

/// The state of the log; changed by the writer, but for what is settled.
#[derive(Debug)]
pub(super) struct Log {
    /// Oldest first; only the last one may be unsealed.
    pub(super) segments: VecDeque<Segment>,
    pub(super) settled: Settled,
    pub(super) hold: Option<SeqNo>,
    /// Something was settled since the last checkpoint.
    pub(super) unsaved: bool,
    /// Events that came in and were let go since the spool was opened.
    pub(super) flow: Flow,
}

/// Events since the spool was opened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flow {
    pub(super) appended: u64,
    pub(super) settled: u64,
    pub(super) lost: u64,
}

/// One segment as far as it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its name.
    pub(super) first: SeqNo,
    /// The number after its last event.
    pub(super) next: SeqNo,
    /// In bytes.
    pub(super) length: u64,
    /// Nothing more is written to it.
    pub(super) sealed: bool,
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "called once, by recovery, which has found all of this out")]
    pub(super) fn new(
        settings: &super::Settings,
        files: Arc<dyn Files>,
        clock: Clock,
        (id, salt): (SpoolId, u64),
        damages: Damages,
        dead_letters: DeadLetters,
        recent: Arc<[Seen]>,
        log: Log,
    ) -> Self {
        let on_disk = log.bytes();
        Self {
            folder: settings.folder.clone(),
            files,
            clock,
            id,
            salt,
            max_bytes: settings.max_bytes,
            // a quarter: when all is settled three quarters are free, whatever the segment in writing holds
            segment_bytes: settings.segment_bytes.min(settings.max_bytes / 4),
            retry_window: settings.retry_window,
            queue: Queue::new(settings.max_bytes, on_disk),
            damages,
            dead_letters,
            recent,
            log: Mutex::new(log),
            readable: Condvar::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// The log's state; held for moments only.
    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the spool is closed.
    pub(super) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Says that it is.
    pub(super) fn set_closed(&self) {
        let log = self.log();
        self.closed.store(true, Ordering::Release);
        drop(log);
        self.readable.notify_all();
    }

    /// Changes what the reader may wait for.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log());
        self.readable.notify_all();
    }

    /// What `find` finds in the log, as soon as it does, within `wait`; none when the spool is closed.
    pub(super) fn wait_for<T>(&self, wait: Duration, find: impl Fn(&Log) -> Option<T>) -> Option<T> {
        let idle = |log: &mut Log| find(log).is_none() && !self.closed();
        let waited = self.readable.wait_timeout_while(self.log(), wait, idle);
        find(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Settles numbers; wakes the writer where it has something to do.
    pub(super) fn settle(&self, numbers: &[SeqNo]) {
        let mut log = self.log();
        let fresh = log.settled.settle(numbers);
        log.flow.settled += fresh;
        let first_news = fresh > 0 && !log.unsaved;
        log.unsaved |= fresh > 0;
        let wake = first_news || fresh > 0 && log.deletable().next().is_some();
        drop(log);
        if wake {
            self.queue.poke();
        }
    }

    /// Keeps segments from `position` on.
    pub(super) fn hold(&self, position: SeqNo) {
        let mut log = self.log();
        log.hold = Some(position);
        log.unsaved = true;
        drop(log);
        self.queue.poke();
    }
}

impl Log {
    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Segments that nobody needs, oldest first.
    pub(super) fn deletable(&self) -> impl Iterator<Item = &Segment> {
        let needed = self.hold.map_or(self.settled.floor(), |hold| hold.min(self.settled.floor()));
        self.segments.iter().take_while(move |segment| segment.sealed && segment.next <= needed)
    }
}
