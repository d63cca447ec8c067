//! The store without an engine: an index of our own on this machine's disk (tantivy), one for each UTC day and kind.
//!
//! What holds: an outcome is given only after a commit that is on disk; what is found after a kill is whole commits;
//! an id is stored once. Every JSON object is taken. What of it cannot be indexed (see `flatten.rs`) is stored all
//! the same and counted in [`Counts::partial`]. Searches see everything that has been answered for.
//!
//! ```text
//! write ─ queue (bytes) ─ writer thread ─ flatten ─ indexing thread of the day ─ commit ─ outcomes
//! search ─ blocking thread ─ query over the days that the time range leaves ─ one merged answer
//! ```

mod aggregate;
mod clause;
mod columns;
mod count;
mod dates;
mod days;
mod document;
mod edge;
mod flatten;
mod hits;
mod json;
mod lucene;
mod pattern;
mod probe;
mod query;
mod render;
mod request;
mod resolve;
mod schema;
mod search;
mod sketch;
mod source;
mod tally;
#[cfg(test)]
mod tests;
mod words;
mod writer;

use std::fs::File;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lru::LruCache;
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};

use self::days::{DayKey, Layout, NAME, OpenIndex, Trouble};
use self::writer::{Job, Order, Pace, Writer};
use super::{Batch, Kind, Outcome, SearchError, SearchRequest, Store, StoreError};
use crate::clock::Clock;

/// Bytes that one permit of the queue stands for.
const UNIT: usize = 1024;
/// Days that are kept open for searching.
const OPEN_READERS: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");
/// Searches that run at the same time; each may hold a large answer in memory.
const SEARCHES: usize = 2;
const DAY_MICROS: i64 = 86_400_000_000;

/// Settings of the embedded store, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the index lies; made if it is missing.
    pub folder: PathBuf,
    /// Bytes that documents may take in memory on their way to the disk, about; 32 MB at least are used. Half of it
    /// is for what a day has indexed and not written, the rest for documents in the queue and for merging.
    pub memory: usize,
    /// Bytes of documents that may wait to be indexed; a write beyond them waits. In memory they are four times that.
    pub queue_bytes: usize,
    /// A commit comes after this many documents …
    pub commit_documents: usize,
    /// … or this long after the first document since the last one …
    pub commit_every: Duration,
    /// … or when nothing has come for this long (a tenth of it once 1,000 documents wait).
    pub linger: Duration,
    /// Days that are open for writing at the same time, each with a thread of its own; at least 1.
    pub open_days: usize,
    /// A day is dropped this many days after it was over, or after its index was begun if that was later.
    pub retention_days: Option<u32>,
    /// Beyond this many bytes the oldest days are dropped; the newest of each kind stays.
    pub max_bytes: Option<u64>,
}

impl Settings {
    /// The defaults, in `folder`: 64 MB of memory, a commit a second, nothing is ever dropped.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            memory: 64_000_000,
            queue_bytes: 4 << 20,
            commit_documents: 50_000,
            commit_every: Duration::from_secs(1),
            linger: Duration::from_millis(100),
            open_days: 4,
            retention_days: None,
            max_bytes: None,
        }
    }
}

/// What has happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Documents that were indexed.
    pub indexed: u64,
    /// Of these, documents of which something could not be indexed; they are stored whole all the same.
    pub partial: u64,
    /// Failures of a day's index, after each of which its documents were written again.
    pub failures: u64,
    /// Days that could not be opened and were moved aside.
    pub damaged: u64,
    /// Days that retention has dropped.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counters {
    indexed: AtomicU64,
    partial: AtomicU64,
    failures: AtomicU64,
    damaged: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    fn note(&self, partial: bool) {
        self.indexed.fetch_add(1, Ordering::Relaxed);
        self.partial.fetch_add(u64::from(partial), Ordering::Relaxed);
    }

    fn note_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// The days that are open for searching, the most recently used ones.
struct Readers(Mutex<LruCache<DayKey, OpenIndex>>);

impl Readers {
    fn lock(&self) -> MutexGuard<'_, LruCache<DayKey, OpenIndex>> {
        self.0.lock().expect("no holder panics")
    }

    fn put(&self, key: DayKey, open: OpenIndex) {
        self.lock().put(key, open);
    }

    fn forget(&self, key: DayKey) {
        self.lock().pop(&key);
    }

    /// The index of a day for searching; none where it has none.
    fn find(&self, layout: &Layout, key: DayKey) -> Result<Option<OpenIndex>, Trouble> {
        if let Some(open) = self.lock().get(&key) {
            return Ok(Some(open.clone()));
        }
        let Some(opened) = layout.open(key)? else { return Ok(None) };
        // the writer may have opened it meanwhile; its reader is the one that follows the commits
        Ok(Some(self.lock().get_or_insert(key, || opened).clone()))
    }
}

/// What the writer and the searches share.
struct Shared {
    layout: Layout,
    readers: Readers,
    counts: Counters,
    clock: Clock,
    retention_days: Option<u32>,
    max_bytes: Option<u64>,
}

impl Shared {
    /// Moves a damaged day out of the way and says so.
    fn set_aside(&self, key: DayKey, reason: &str) {
        self.readers.forget(key);
        self.counts.damaged.fetch_add(1, Ordering::Relaxed);
        match self.layout.move_aside(key) {
            Ok(path) => tracing::error!(
                index = key.index_name(),
                kept_as = %path.display(),
                reason,
                "an index is damaged; it was moved aside and a fresh one begun, so its documents are not found any more"
            ),
            Err(error) => {
                tracing::error!(index = key.index_name(), %error, reason, "a damaged index cannot be moved aside");
            }
        }
    }

    /// The days that retention wants gone.
    fn overdue(&self) -> Vec<DayKey> {
        let mut overdue = Vec::new();
        let mut kept = Vec::new();
        for kind in [Kind::Event, Kind::Anomaly] {
            let days = self.layout.days(kind).unwrap_or_default();
            let newest = days.last().copied();
            for key in days {
                if self.is_over_age(key) {
                    overdue.push(key);
                } else {
                    kept.push((key, Some(key) == newest));
                }
            }
        }
        let Some(max_bytes) = self.max_bytes else { return overdue };
        kept.sort_by_key(|(key, _)| key.day);
        let sizes: Vec<u64> = kept.iter().map(|(key, _)| self.layout.size(*key)).collect();
        let mut total: u64 = sizes.iter().sum();
        for ((key, newest), size) in kept.into_iter().zip(sizes) {
            if total > max_bytes && !newest {
                overdue.push(key);
                total -= size;
            }
        }
        overdue
    }

    fn is_over_age(&self, key: DayKey) -> bool {
        let Some(retention_days) = self.retention_days else { return false };
        let over = key.day.start().micros().saturating_add(DAY_MICROS);
        let made = self.layout.made(key).map_or(over, |made| made.micros());
        let age = self.clock.now().micros().saturating_sub(over.max(made));
        age > i64::from(retention_days).saturating_mul(DAY_MICROS)
    }

    fn drop_day(&self, key: DayKey) {
        self.readers.forget(key);
        match self.layout.remove(key) {
            Ok(()) => {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                tracing::info!(index = key.index_name(), "retention has dropped an index");
            }
            Err(error) => tracing::warn!(index = key.index_name(), %error, "an index past its retention stays"),
        }
    }

    /// Opens every day once, so that damage is found at the start, and lets retention work.
    fn inspect(&self) {
        for key in self.overdue() {
            self.drop_day(key);
        }
        for kind in [Kind::Event, Kind::Anomaly] {
            for key in self.layout.days(kind).unwrap_or_default() {
                if let Err(Trouble::Damaged(reason)) = self.layout.open(key) {
                    self.set_aside(key, &reason);
                }
            }
        }
    }
}

struct Running {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
    /// Held while the store is open.
    _lock: File,
}

/// The embedded index as a [`Store`].
pub struct EmbeddedStore {
    settings: Settings,
    shared: Arc<Shared>,
    queue: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    running: Mutex<Option<Running>>,
}

impl EmbeddedStore {
    /// A store over `settings.folder`, which is not touched before [`Store::prepare`].
    pub fn new(settings: Settings, clock: Clock) -> Self {
        let shared = Shared {
            layout: Layout::new(settings.folder.clone()),
            readers: Readers(Mutex::new(LruCache::new(OPEN_READERS))),
            counts: Counters::default(),
            clock,
            retention_days: settings.retention_days,
            max_bytes: settings.max_bytes,
        };
        let queue = Arc::new(Semaphore::new((settings.queue_bytes / UNIT).max(1)));
        let searches = Arc::new(Semaphore::new(SEARCHES));
        Self { settings, shared: Arc::new(shared), queue, searches, running: Mutex::new(None) }
    }

    /// What has happened since the start.
    pub fn counts(&self) -> Counts {
        let counters = &self.shared.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            indexed: read(&counters.indexed),
            partial: read(&counters.partial),
            failures: read(&counters.failures),
            damaged: read(&counters.damaged),
            dropped: read(&counters.dropped),
        }
    }

    /// Commits what there is, answers for it, and lets the folder go; later writes are answered [`Outcome::Again`].
    ///
    /// It blocks until the last commit is done. Dropping the store does the same.
    pub fn close(&self) {
        self.end(Order::Close);
    }

    /// Ends as a kill would: without a commit.
    #[cfg(test)]
    fn abandon(&self) {
        self.end(Order::Abandon);
    }

    fn end(&self, order: Order) {
        let Some(running) = self.running.lock().expect("no holder panics").take() else { return };
        // an error means that the thread has ended already
        let _ = running.orders.send(order);
        let _ = running.thread.join();
    }

    fn start(&self) -> Result<(), StoreError> {
        let mut running = self.running.lock().expect("no holder panics");
        if running.is_some() {
            return Ok(());
        }
        let lock = self.shared.layout.prepare()?;
        self.shared.inspect();
        let pace = Pace {
            memory: self.settings.memory / 2,
            commit_documents: self.settings.commit_documents,
            commit_every: self.settings.commit_every,
            linger: self.settings.linger,
            open_days: self.settings.open_days.max(1),
        };
        let writer = Writer::new(Arc::clone(&self.shared), pace);
        // bounded by the permits that a job carries, not by its length
        let (orders, received) = channel();
        let thread = std::thread::Builder::new().name("index-writer".to_owned()).spawn(move || writer.run(&received));
        let thread = thread.map_err(|error| StoreError::Unreachable { store: NAME, reason: error.to_string() })?;
        *running = Some(Running { orders, thread, _lock: lock });
        Ok(())
    }

    async fn enqueue(&self, batch: &Batch) -> Option<Vec<Outcome>> {
        let most = (self.settings.queue_bytes / UNIT).max(1);
        let units = u32::try_from((batch.bytes.len() / UNIT + 1).min(most)).ok()?;
        let room = Arc::clone(&self.queue).acquire_many_owned(units).await.ok()?;
        let orders = self.running.lock().expect("no holder panics").as_ref()?.orders.clone();
        let (reply, answer) = oneshot::channel();
        orders.send(Order::Write(Job { batch: batch.clone(), reply, room })).ok()?;
        drop(orders);
        answer.await.ok()
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store for EmbeddedStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        // it blocks for as long as it takes to open each day once: a few milliseconds a day, before anything else runs
        Box::pin(async { self.start() })
    }

    fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            self.enqueue(batch).await.unwrap_or_else(|| {
                let reason = "the index is not open".to_owned();
                vec![Outcome::Again { after: Duration::from_secs(1), reason }; batch.documents.len()]
            })
        })
    }

    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>> {
        Box::pin(async move {
            let unavailable = |reason: &str| SearchError::Unavailable(reason.to_owned());
            let turn = Arc::clone(&self.searches).acquire_owned().await;
            let turn = turn.map_err(|_| unavailable("the index is closed"))?;
            let shared = Arc::clone(&self.shared);
            let work = move || {
                let _turn = turn;
                search::search(&shared, &request)
            };
            // a panic in the index library ends the search, not the process
            let done = tokio::task::spawn_blocking(move || catch_unwind(AssertUnwindSafe(work))).await;
            match done {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(unavailable("the search failed unexpectedly")),
            }
        })
    }
}

/// Refuses aggregations that have grown beyond what one search may hold.
fn check_size<K>(states: &[aggregate::State<K>]) -> tantivy::Result<()> {
    if aggregate::size(states) <= aggregate::MOST_BUCKETS {
        return Ok(());
    }
    let reason = format!("the aggregations have more than {} buckets; narrow the query", aggregate::MOST_BUCKETS);
    Err(tantivy::TantivyError::InvalidArgument(reason))
}
