//! The one thread that writes. Batches come through a queue that is bounded by bytes, are flattened and handed to
//! the indexing thread of their day, and are answered once a commit holds them: files synced, then the list of files
//! exchanged in one rename. What a kill leaves behind is therefore whole commits.
//!
//! A document is looked up before it is added only where it may be there already: it is marked as replayed, its id
//! came from outside, or a commit of its day has failed in this process (which may have succeeded half way).

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rustc_hash::FxHashSet;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::{IndexWriter, Searcher, Term};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Shared;
use super::days::{DayKey, OpenIndex, Trouble, trouble};
use super::document::{EventDocument, Queued};
use super::flatten::{Paths, flatten};
use super::schema::{DOC, Fields, schema};
use crate::event::EventId;
use crate::store::{Batch, Document, Outcome};

/// How long a caller is asked to wait after a failure of the disk.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often retention is looked at while nothing is written.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// Below this many documents a commit is put off for longer, so that a trickle does not become a flood of files.
const FEW: usize = 1000;
/// Bytes of the longest id, as in Elasticsearch.
const LONGEST_ID: usize = 512;
/// Segments with more documents are left as they are: merging bounds its own cost and memory by this.
const LARGEST_MERGED: usize = 300_000;

/// What the thread is told.
pub(super) enum Order {
    Write(Job),
    /// Commit what there is, and end.
    Close,
    /// End without a commit, as a kill would.
    #[cfg(test)]
    Abandon,
}

/// A batch and who waits for it.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Vec<Outcome>>,
    /// Its bytes in the queue; given back when the last of its documents has been indexed.
    pub(super) room: OwnedSemaphorePermit,
}

/// When to commit and how much may be open.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    pub(super) memory: usize,
    pub(super) commit_documents: usize,
    pub(super) commit_every: Duration,
    pub(super) linger: Duration,
    pub(super) open_days: usize,
}

/// A day that is open for writing.
struct OpenDay {
    key: DayKey,
    open: OpenIndex,
    writer: IndexWriter<Queued>,
    searcher: Searcher,
    paths: Paths,
    /// Ids that were looked up, found missing and added since the last commit.
    pending: FxHashSet<Box<str>>,
    /// Documents since the last commit.
    uncommitted: usize,
    used: u64,
}

/// An answer that is not given yet.
struct Waiting {
    reply: oneshot::Sender<Vec<Outcome>>,
    outcomes: Vec<Outcome>,
    /// What becomes of which document when its day is committed.
    open: Vec<(DayKey, usize, Outcome)>,
}

/// The state of the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    pace: Pace,
    fields: Fields,
    days: Vec<OpenDay>,
    waiting: Vec<Waiting>,
    /// The batch that is being taken.
    current: Option<Waiting>,
    suspect: HashSet<DayKey>,
    /// Since when there is something to commit.
    dirty_since: Option<Duration>,
    housekept: Duration,
    uses: u64,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, pace: Pace) -> Self {
        let now = shared.clock.monotonic();
        Self {
            shared,
            pace,
            fields: schema().1,
            days: Vec::new(),
            waiting: Vec::new(),
            current: None,
            suspect: HashSet::new(),
            dirty_since: None,
            housekept: now,
            uses: 0,
        }
    }

    /// Works until it is told to end or nobody can tell it anything.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = orders.recv_timeout(self.patience());
            let step = catch_unwind(AssertUnwindSafe(|| self.step(order)));
            match step {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => {
                    tracing::error!("the index writer failed unexpectedly; it begins anew from the last commit");
                    for key in self.days.iter().map(|day| day.key).collect::<Vec<_>>() {
                        self.give_up(key, "the index writer failed unexpectedly");
                    }
                    self.settle_rest("the index writer failed unexpectedly");
                }
            }
        }
    }

    fn step(&mut self, order: Result<Order, RecvTimeoutError>) -> bool {
        match order {
            Ok(Order::Write(job)) => {
                self.take(job);
                if self.is_due() {
                    self.commit_all();
                }
            }
            Ok(Order::Close) | Err(RecvTimeoutError::Disconnected) => {
                self.commit_all();
                return false;
            }
            #[cfg(test)]
            Ok(Order::Abandon) => return false,
            Err(RecvTimeoutError::Timeout) => self.commit_all(),
        }
        let now = self.shared.clock.monotonic();
        if now.saturating_sub(self.housekept) >= HOUSEKEEPING {
            self.housekept = now;
            self.housekeeping();
        }
        true
    }

    /// How long to wait for another batch before committing what there is.
    fn patience(&self) -> Duration {
        match self.dirty_since {
            Some(since) => {
                let due = (since + self.pace.commit_every).saturating_sub(self.shared.clock.monotonic());
                // a caller with many documents in flight waits for us, not we for it
                let few = self.uncommitted() < FEW;
                (if few { self.pace.linger } else { self.pace.linger / 10 }).min(due)
            }
            None => HOUSEKEEPING,
        }
    }

    fn is_due(&self) -> bool {
        let Some(since) = self.dirty_since else { return false };
        self.uncommitted() >= self.pace.commit_documents
            || self.shared.clock.monotonic().saturating_sub(since) >= self.pace.commit_every
    }

    fn uncommitted(&self) -> usize {
        self.days.iter().map(|day| day.uncommitted).sum()
    }

    fn take(&mut self, job: Job) {
        let Job { batch, reply, room } = job;
        let room = Arc::new(room);
        let again = Outcome::Again { after: AFTER_FAILURE, reason: "it was not reached".to_owned() };
        self.current = Some(Waiting { reply, outcomes: vec![again; batch.documents.len()], open: Vec::new() });
        let mut order: Vec<usize> = (0..batch.documents.len()).collect();
        // one day after the other, so that a batch over many days opens each once
        order.sort_by_key(|&number| (batch.documents[number].kind as u8, batch.documents[number].day));
        for number in order {
            let document = &batch.documents[number];
            let key = DayKey { kind: document.kind, day: document.day };
            let placed = self.place(&batch, document, key, &room);
            let current = self.current.as_mut().expect("set above");
            match placed {
                Ok((outcome, true)) => current.open.push((key, number, outcome)),
                Ok((outcome, false)) => current.outcomes[number] = outcome,
                Err(reason) => {
                    current.outcomes[number] = Outcome::Again { after: AFTER_FAILURE, reason: reason.clone() };
                    self.give_up(key, &reason);
                }
            }
        }
        self.waiting.extend(self.current.take());
        self.answer();
    }

    /// Puts one document into its day: its outcome, and whether that holds only once the day is committed.
    fn place(
        &mut self,
        batch: &Batch,
        document: &Document,
        key: DayKey,
        room: &Arc<OwnedSemaphorePermit>,
    ) -> Result<(Outcome, bool), String> {
        let number = self.day(key)?;
        let source = batch.bytes.slice(document.source.clone());
        let flat = flatten(&source, &mut self.days[number].paths);
        let mut flat = match flat {
            Ok(flat) => flat,
            Err(reason) => return Ok((Outcome::Refused { reason: reason.to_string() }, false)),
        };
        let id = document.id.to_string().into_boxed_str();
        if id.is_empty() || id.len() > LONGEST_ID {
            let reason = format!("its id has {} bytes; 1 to {LONGEST_ID} are allowed", id.len());
            return Ok((Outcome::Refused { reason }, false));
        }
        let doubtful = document.replayed
            || matches!(document.id, EventId::Given(_))
            || (!self.suspect.is_empty() && self.suspect.contains(&key));
        if doubtful {
            let day = &mut self.days[number];
            if day.pending.contains(&id) {
                return Ok((Outcome::AlreadyThere, true));
            }
            let term = Term::from_field_text(self.fields.id, &id);
            if day.searcher.doc_freq(&term).map_err(|error| error.to_string())? > 0 {
                return Ok((Outcome::AlreadyThere, false));
            }
            day.pending.insert(id.clone());
        }
        self.check_time(key, number, &mut flat.time)?;
        self.shared.counts.note(flat.partial);
        let fields = self.fields.clone();
        let sequence = document.sequence.map(|sequence| sequence.0);
        let document = EventDocument { fields, id, source, sequence, flat, _room: Arc::clone(room) };
        let day = &mut self.days[number];
        day.writer.add_document(Queued(Box::new(document))).map_err(|error| error.to_string())?;
        day.uncommitted += 1;
        if self.dirty_since.is_none() {
            self.dirty_since = Some(self.shared.clock.monotonic());
        }
        Ok((Outcome::Stored, true))
    }

    /// A document without a time gets the start of its day; one with the time of another day is noted.
    fn check_time(&mut self, key: DayKey, number: usize, time: &mut Option<i64>) -> Result<(), String> {
        let start = key.day.start().micros().saturating_mul(1000);
        let nanos = *time.get_or_insert(start);
        let strays = !(start..start.saturating_add(86_400_000_000_000)).contains(&nanos);
        if strays && !self.days[number].open.straying {
            self.shared.layout.note_straying(key).map_err(|error| error.to_string())?;
            self.days[number].open.straying = true;
            self.shared.readers.put(key, self.days[number].open.clone());
        }
        Ok(())
    }

    /// The place of a day among the open ones; opens it where it is not.
    fn day(&mut self, key: DayKey) -> Result<usize, String> {
        self.uses += 1;
        let uses = self.uses;
        if let Some(number) = self.days.iter().position(|day| day.key == key) {
            self.days[number].used = uses;
            return Ok(number);
        }
        if self.days.len() >= self.pace.open_days {
            let oldest = self.days.iter().min_by_key(|day| day.used).map(|day| day.key).expect("some are open");
            self.commit_day(oldest);
            self.days.retain(|day| day.key != oldest);
        }
        let opened = self.open(key).map_err(|trouble| trouble.to_string())?;
        self.days.push(opened);
        Ok(self.days.len() - 1)
    }

    fn open(&mut self, key: DayKey) -> Result<OpenDay, Trouble> {
        let now = self.shared.clock.now();
        let open = match self.shared.layout.open_or_begin(key, now) {
            Err(Trouble::Damaged(reason)) => {
                self.shared.set_aside(key, &reason);
                self.shared.layout.open_or_begin(key, now)?
            }
            other => other?,
        };
        let options = tantivy::indexer::IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(self.pace.memory.max(16_000_000))
            .build();
        let writer: IndexWriter<Queued> = open.index.writer_with_options(options).map_err(trouble)?;
        let mut policy = LogMergePolicy::default();
        policy.set_max_docs_before_merge(LARGEST_MERGED);
        writer.set_merge_policy(Box::new(policy));
        let mut paths = Paths::default();
        for metadata in open.index.fields_metadata().map_err(trouble)? {
            if let Some(path) = metadata.field_name.strip_prefix(DOC).and_then(|rest| rest.strip_prefix('.')) {
                paths.admit(&path.replace("\\.", "."));
            }
        }
        self.shared.readers.put(key, open.clone());
        let searcher = open.reader.searcher();
        let pending = FxHashSet::default();
        Ok(OpenDay { key, open, writer, searcher, paths, pending, uncommitted: 0, used: self.uses })
    }

    fn commit_all(&mut self) {
        for key in self.days.iter().map(|day| day.key).collect::<Vec<_>>() {
            self.commit_day(key);
        }
        self.dirty_since = None;
        self.settle_rest("its day was not committed");
    }

    /// Makes a day's documents durable and answers for them.
    fn commit_day(&mut self, key: DayKey) {
        let Some(day) = self.days.iter_mut().find(|day| day.key == key) else { return };
        if day.uncommitted > 0 {
            let done = day.writer.commit().and_then(|_| day.open.reader.reload());
            if let Err(error) = done {
                return self.give_up(key, &error.to_string());
            }
            self.shared.readers.put(key, day.open.clone());
            day.searcher = day.open.reader.searcher();
            day.uncommitted = 0;
            day.pending.clear();
        }
        self.settle(key, None);
        self.answer();
    }

    /// Lets a day go after a failure: nothing since its last commit is kept, and from now on ids are looked up.
    fn give_up(&mut self, key: DayKey, reason: &str) {
        tracing::error!(index = key.index_name(), reason, "the index cannot be written; its documents are tried again");
        self.shared.counts.note_failure();
        self.suspect.insert(key);
        self.days.retain(|day| day.key != key);
        self.shared.readers.forget(key);
        self.settle(key, Some(reason));
        self.answer();
    }

    fn settle(&mut self, key: DayKey, failure: Option<&str>) {
        for waiting in self.waiting.iter_mut().chain(&mut self.current) {
            let Waiting { outcomes, open, .. } = waiting;
            open.retain_mut(|(day, number, outcome)| {
                if *day != key {
                    return true;
                }
                outcomes[*number] = match failure {
                    Some(reason) => Outcome::Again { after: AFTER_FAILURE, reason: reason.to_owned() },
                    None => std::mem::replace(outcome, Outcome::Stored),
                };
                false
            });
        }
    }

    /// Answers whoever has no open document left.
    fn answer(&mut self) {
        for waiting in self.waiting.extract_if(.., |waiting| waiting.open.is_empty()) {
            // a caller that went away has no use for the answer
            let _ = waiting.reply.send(waiting.outcomes);
        }
    }

    /// After a commit nobody may be left waiting.
    fn settle_rest(&mut self, reason: &str) {
        self.waiting.extend(self.current.take());
        for waiting in &mut self.waiting {
            for (_, number, _) in waiting.open.drain(..) {
                waiting.outcomes[number] = Outcome::Again { after: AFTER_FAILURE, reason: reason.to_owned() };
            }
        }
        self.answer();
    }

    /// Lets retention work; a day that goes is closed first.
    fn housekeeping(&mut self) {
        for key in self.shared.overdue() {
            self.commit_day(key);
            self.days.retain(|day| day.key != key);
            self.shared.drop_day(key);
        }
    }
}
