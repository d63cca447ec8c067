//! What waits for the writer: batches, bounded in number and bytes, and the wish to have something tidied up.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::frame::Draft;
use super::{AppendError, Appended};

/// The most bytes that wait; a single batch may be larger.
const MOST_BYTES: u64 = 64 << 20;
/// The most batches that wait.
const MOST_BATCHES: usize = 16_384;
/// The writer is busy: it will be through with what waits in less.
const RETRY_BUSY: Duration = Duration::from_secs(1);
/// The disk is full: what is settled is given back by segments.
const RETRY_FULL: Duration = Duration::from_secs(5);

/// A batch that waits, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    /// The frame but for its numbers.
    pub(super) draft: Draft,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Between those who append and the writer.
#[derive(Debug)]
pub(super) struct Queue {
    limit: u64,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug)]
struct State {
    jobs: Vec<Job>,
    /// Bytes of batches that wait or are being written.
    waiting: u64,
    on_disk: u64,
    poked: bool,
    pressed: bool,
    closing: bool,
}

/// Why the writer woke up, beside the batches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Woken {
    /// Somebody was turned away because the disk is full.
    pub(super) pressed: bool,
    /// Nothing more will come.
    pub(super) closing: bool,
}

impl Queue {
    /// A queue before a spool of at most `limit` bytes that holds `on_disk` already.
    pub(super) fn new(limit: u64, on_disk: u64) -> Self {
        let state = State { jobs: Vec::new(), waiting: 0, on_disk, poked: false, pressed: false, closing: false };
        Self { limit, state: Mutex::new(state), work: Condvar::new() }
    }

    /// Bytes on disk, and bytes that wait to get there.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let state = self.lock();
        (state.on_disk, state.waiting)
    }

    /// Puts a batch behind the others, or says why not.
    pub(super) fn push(&self, job: Job) -> Result<(), AppendError> {
        let length = job.draft.header().length();
        if length > self.limit / 2 {
            return Err(AppendError::Unfit { reason: "it is larger than half the spool" });
        }
        let mut state = self.lock();
        if state.closing {
            return Err(AppendError::Closed);
        }
        if state.on_disk + state.waiting + length > self.limit {
            state.pressed = true;
            self.work.notify_one();
            return Err(AppendError::Full { retry_after: RETRY_FULL });
        }
        let crowded = state.waiting + length > MOST_BYTES || state.jobs.len() >= MOST_BATCHES;
        if crowded && !state.jobs.is_empty() {
            return Err(AppendError::Full { retry_after: RETRY_BUSY });
        }
        state.waiting += length;
        state.jobs.push(job);
        // a writer at work takes it by itself when it comes back
        if state.jobs.len() == 1 {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Takes all that waits into `jobs`; sleeps until there is something to do, or for `most`.
    pub(super) fn take(&self, most: Option<Duration>, jobs: &mut Vec<Job>) -> Woken {
        let idle = |state: &mut State| state.jobs.is_empty() && !state.poked && !state.pressed && !state.closing;
        let state = self.lock();
        let mut state = match most {
            None => self.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(most) => self.work.wait_timeout_while(state, most, idle).unwrap_or_else(PoisonError::into_inner).0,
        };
        jobs.append(&mut state.jobs);
        state.poked = false;
        Woken { pressed: std::mem::take(&mut state.pressed), closing: state.closing }
    }

    /// So many bytes no longer wait, and so many lie on the disk.
    pub(super) fn written(&self, done: u64, on_disk: u64) {
        let mut state = self.lock();
        state.waiting -= done;
        state.on_disk = on_disk;
    }

    /// Wakes the writer: there is something to tidy up.
    pub(super) fn poke(&self) {
        self.lock().poked = true;
        self.work.notify_one();
    }

    /// Nothing is taken any more; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// The writer is gone: nobody waits in vain.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.jobs.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
