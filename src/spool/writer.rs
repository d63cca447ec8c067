//! The thread that writes: takes all that waits, numbers it, writes it at once, syncs once, then answers all.
//!
//! Between groups it keeps house: checkpoint, settled segments, old digests. Numbers that were given to a group that
//! failed are not given again.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::checkpoint::{Checkpoint, path_in};
use super::digests::{DigestFiles, Seen};
use super::format::Kind;
use super::log::{Segment, Shared};
use super::queue::{Job, Woken};
use super::segment::{Active, HEADER, Previous, SegmentHeader, path_of};
use super::{AppendError, Appended};
use crate::event::SeqNo;
use crate::telemetry::catalogue;

/// The most that is written and synced at once: bounds the wait of those in front.
const GROUP_BYTES: u64 = 16 << 20;
/// A checkpoint follows a settled event within this time.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    active: Option<Current>,
    previous: Previous,
    next: SeqNo,
    digests: DigestFiles,
    backlog: VecDeque<Job>,
    saved_at: Duration,
    /// The last checkpoint could not be written; said once.
    unable_to_save: bool,
}

/// The segment in writing.
#[derive(Debug)]
struct Current {
    active: Active,
    first: SeqNo,
    next: SeqNo,
    seen: Vec<Seen>,
}

/// Whatever way the thread ends, nobody waits for it in vain.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.set_closed();
    }
}

impl Writer {
    /// A writer that goes on at `next`, behind the segment `previous`.
    pub(super) fn new(shared: Arc<Shared>, previous: Previous, next: SeqNo, digests: DigestFiles) -> Self {
        let saved_at = shared.clock.monotonic();
        let backlog = VecDeque::new();
        Self { shared, active: None, previous, next, digests, backlog, saved_at, unable_to_save: false }
    }

    /// Works until the queue is closed and empty; then writes the last checkpoint, whose error it returns.
    pub(super) fn run(mut self) -> io::Result<()> {
        let _ending = Ending(Arc::clone(&self.shared));
        let mut jobs = Vec::new();
        // a start may find segments that are settled already
        self.keep_house(false);
        loop {
            let most = if self.backlog.is_empty() { self.until_checkpoint() } else { Some(Duration::ZERO) };
            let woken = self.shared.queue.take(most, &mut jobs);
            self.backlog.extend(jobs.drain(..));
            self.commit();
            self.keep_house(woken.pressed);
            if let Woken { closing: true, .. } = woken
                && self.backlog.is_empty()
            {
                break;
            }
        }
        // the last chance to give back what is settled, also where saving failed a moment ago
        self.unable_to_save = false;
        self.keep_house(false);
        self.seal();
        self.save(true)
    }

    /// Writes the next group and answers it.
    fn commit(&mut self) {
        let Some(length) = self.backlog.front().map(|job| job.draft.header().length()) else { return };
        if let Err(error) = self.make_room(length) {
            return self.refuse_group(&error, length);
        }
        let mut group = self.next_group();
        let bytes = group.iter().map(|job| job.draft.header().length()).sum();
        let result = self.write(&mut group);
        self.shared.queue.written(bytes, self.shared.log().bytes());
        for Job { draft, answer } in group {
            let header = draft.header();
            // whoever asked may have gone; the batch is kept all the same
            let _ = answer.send(match &result {
                Ok(()) => Ok(Appended { first: header.first, count: u64::from(header.count) }),
                Err(error) => Err(error.clone()),
            });
        }
    }

    fn refuse_group(&mut self, error: &AppendError, length: u64) {
        if let Some(job) = self.backlog.pop_front() {
            self.shared.queue.written(length, self.shared.log().bytes());
            let _ = job.answer.send(Err(error.clone()));
        }
    }

    /// A segment in writing that has room for a frame of `length` bytes.
    fn make_room(&mut self, length: u64) -> Result<(), AppendError> {
        let limit = self.shared.segment_bytes;
        let full = |current: &Current| current.next > current.first && current.active.length() + length > limit;
        if self.active.as_ref().is_some_and(full) {
            self.seal();
        }
        if self.active.is_some() {
            return Ok(());
        }
        let shared = &self.shared;
        let (first, previous) = (self.next, self.previous);
        let header = SegmentHeader { spool: shared.id, salt: shared.salt, first, previous };
        let created = Active::create(shared.files.as_ref(), &shared.folder, &header, Kind::Spool);
        let active = created.map_err(|source| {
            // what is left of the file may stand in the way of its name
            self.next = first.plus(1);
            disk_error(path_of(&shared.folder, first), source)
        })?;
        self.active = Some(Current { active, first, next: first, seen: Vec::new() });
        let segment = Segment { first, next: first, length: HEADER as u64, sealed: false };
        shared.publish(|log| log.segments.push_back(segment));
        Ok(())
    }

    /// As many of those that wait as fit into the segment and into a group; one at least.
    fn next_group(&mut self) -> Vec<Job> {
        let used = self.active.as_ref().map_or(0, |current| current.active.length());
        let most = self.shared.segment_bytes.saturating_sub(used).min(GROUP_BYTES);
        let (mut bytes, mut count) = (0, 0);
        for job in &self.backlog {
            bytes += job.draft.header().length();
            if count > 0 && bytes > most {
                break;
            }
            count += 1;
        }
        self.backlog.drain(..count).collect()
    }

    fn write(&mut self, group: &mut [Job]) -> Result<(), AppendError> {
        let first = self.next;
        for job in group.iter_mut() {
            job.draft.number(self.next, self.shared.salt);
            self.next = job.draft.header().end();
        }
        let current = self.active.as_mut().expect("make_room has made a segment");
        let mut parts: Vec<IoSlice<'_>> = group.iter().flat_map(|job| job.draft.parts()).collect();
        let started = self.shared.clock.monotonic();
        let appended = current.active.append(&mut parts);
        catalogue::SPOOL_SYNC_SECONDS.observe(self.shared.clock.monotonic().saturating_sub(started));
        if let Err(fault) = appended {
            let path = current.active.path().to_owned();
            tracing::error!(path = %path.display(), error = %fault.source, "a group of batches could not be written");
            if !fault.usable {
                self.seal();
            }
            return Err(disk_error(path, fault.source));
        }
        let headers = group.iter().map(|job| job.draft.header());
        current.seen.extend(headers.map(|header| (header.digest, header.received)));
        current.next = self.next;
        let (next, length) = (self.next, current.active.length());
        self.shared.publish(|log| {
            log.settled.grow(first..next);
            log.flow.appended += next.0 - first.0;
            let segment = log.segments.back_mut().expect("the segment in writing is the last one");
            (segment.next, segment.length) = (next, length);
        });
        Ok(())
    }

    /// Nothing more is written to the segment in writing; the next batch begins another one.
    fn seal(&mut self) {
        let Some(Current { active, first, next, seen }) = self.active.take() else { return };
        let (files, folder) = (self.shared.files.as_ref(), &self.shared.folder);
        if next == first {
            // it holds nothing that was acknowledged, and its name will not be needed again: numbers have moved on
            self.shared.publish(|log| log.segments.retain(|segment| segment.first != first));
            remove(files.remove(active.path()), active.path().display());
            return;
        }
        self.previous = Previous { first, next, length: active.length() };
        self.shared.publish(|log| {
            let segment = log.segments.back_mut().expect("the segment in writing is the last one");
            segment.sealed = true;
        });
        self.digests.prune(files, self.shared.clock.now(), self.shared.retry_window);
        if let Err(error) = self.digests.write(files, folder, first, &seen) {
            tracing::warn!(%error, "digests could not be kept: bodies repeated after a restart may be taken twice");
        }
    }

    fn until_checkpoint(&self) -> Option<Duration> {
        let since = self.shared.clock.monotonic().saturating_sub(self.saved_at);
        self.shared.log().unsaved.then(|| SAVE_EVERY.saturating_sub(since))
    }

    fn keep_house(&mut self, pressed: bool) {
        if pressed {
            self.seal_if_settled();
        }
        let (unsaved, deletable) = {
            let log = self.shared.log();
            (log.unsaved, log.deletable().cloned().collect::<Vec<_>>())
        };
        let due = self.shared.clock.monotonic().saturating_sub(self.saved_at) >= SAVE_EVERY;
        if !deletable.is_empty() {
            if (due || !self.unable_to_save) && self.save_before_deleting() {
                self.delete(&deletable);
            }
        } else if unsaved && due {
            // said by save
            let _ = self.save(false);
        }
    }

    /// A synced checkpoint, so that a segment that is not there is known to be either settled or lost.
    ///
    /// On a disk so full that it does not fit there is none for a while: settled segments must go, or nothing would
    /// ever be free again. A stop in that moment costs a repetition of what is settled in the segments that are left.
    fn save_before_deleting(&mut self) -> bool {
        let Err(error) = self.save(true) else { return true };
        if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return false;
        }
        let (files, folder) = (self.shared.files.as_ref(), &self.shared.folder);
        let removed = match files.remove(&path_in(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => files.sync_folder(folder),
        };
        if removed.is_ok() {
            // it may fit into the room of the old one
            let _ = self.save(true);
        }
        removed.is_ok()
    }

    /// Gives back the segment in writing where the disk is full and it holds nothing that is needed.
    fn seal_if_settled(&mut self) {
        let floor = self.shared.log().settled.floor();
        if self.active.as_ref().is_some_and(|current| current.next > current.first && current.next <= floor) {
            self.seal();
        }
    }

    fn delete(&mut self, segments: &[Segment]) {
        let shared = &self.shared;
        for segment in segments {
            shared.publish(|log| log.segments.retain(|other| other.first != segment.first));
            let path = path_of(&shared.folder, segment.first);
            remove(shared.files.remove(&path), path.display());
        }
        shared.queue.written(0, shared.log().bytes());
        self.digests.prune(shared.files.as_ref(), shared.clock.now(), shared.retry_window);
    }

    fn save(&mut self, durable: bool) -> io::Result<()> {
        let shared = &self.shared;
        let checkpoint = {
            let mut log = shared.log();
            log.unsaved = false;
            let durable = self.active.as_ref().map_or(self.previous.next, |current| current.next);
            Checkpoint { floor: log.settled.floor(), next: self.next, durable, hold: log.hold }
        };
        self.saved_at = shared.clock.monotonic();
        let result = checkpoint.write(shared.files.as_ref(), &shared.folder, durable);
        if let Err(error) = &result {
            shared.log().unsaved = true;
            if !self.unable_to_save {
                tracing::error!(%error, "the checkpoint cannot be written; after a restart more is delivered again");
            }
        }
        self.unable_to_save = result.is_err();
        result
    }
}

fn disk_error(path: PathBuf, source: io::Error) -> AppendError {
    AppendError::Disk { path, source: Arc::new(source) }
}

fn remove(result: io::Result<()>, path: impl std::fmt::Display) {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(%path, %error, "a file that is no longer needed cannot be deleted");
        }
        _ => {}
    }
}
