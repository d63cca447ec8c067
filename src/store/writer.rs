//! Writes batches until every document is settled: stored, there already, or refused for good.
//!
//! Always holds:
//! - a document is reported to the [`Ledger`] exactly once, and only when its outcome is final;
//! - documents that must wait do not block those behind them: they are parked and tried again on their own,
//!   while new batches go on as long as what is parked stays within its bound;
//! - no more than `in_flight` requests run, and no more than `parked_bytes` wait, so memory is bounded. Past the
//!   bound nothing more is taken, the channel fills, and the spool keeps the rest.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rand::Rng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{Batch, Document, Outcome, Store};
use crate::event::SeqNo;
use crate::telemetry::catalogue;

/// How the writer works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests that run at the same time.
    pub in_flight: usize,
    /// Bytes of documents that may wait for another try.
    pub parked_bytes: usize,
    /// The pause before the first repetition; doubles from try to try.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            in_flight: 2,
            parked_bytes: 32 << 20,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// A document that the store will never take.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The event it was made from.
    pub sequence: Option<SeqNo>,
    /// In the store's words.
    pub reason: String,
    /// The document.
    pub document: Bytes,
}

/// Is told what became of events.
pub trait Ledger: Send + Sync + 'static {
    /// These events are in the store.
    fn settled(&self, sequences: &[SeqNo]);

    /// Keeps what the store refused, durably, and settles it. An error means that it could not be kept: the
    /// writer then tries again later.
    fn refused(&self, refusals: Vec<Refusal>) -> BoxFuture<'_, Result<(), String>>;
}

/// Writes what comes through `batches` until the channel is closed and everything is settled, or until `stop`
/// turns true: then what runs is awaited and the rest is left unsettled, for the next start.
pub async fn run(
    store: Arc<dyn Store>,
    ledger: Arc<dyn Ledger>,
    settings: Settings,
    mut batches: mpsc::Receiver<Batch>,
    mut stop: watch::Receiver<bool>,
) {
    let mut desk = Desk { store, ledger, settings, parked: Vec::new(), flights: JoinSet::new(), down: false };
    let mut open = true;
    while open || !desk.parked.is_empty() || !desk.flights.is_empty() {
        let free = desk.flights.len() < desk.settings.in_flight;
        let due = desk.next_due();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => break,
            Some(landed) = desk.flights.join_next(), if !desk.flights.is_empty() => {
                desk.land(landed.expect("a write does not panic"));
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if free && due.is_some() => desk.launch_due(),
            batch = batches.recv(), if open && free && desk.has_room() => match batch {
                Some(batch) => desk.launch(Attempt { batch, tries: 0 }),
                None => open = false,
            },
        }
    }
    while let Some(landed) = desk.flights.join_next().await {
        desk.land(landed.expect("a write does not panic"));
    }
}

/// A batch on its way.
struct Attempt {
    batch: Batch,
    tries: u32,
}

/// A batch that waits.
struct Parked {
    attempt: Attempt,
    due: Instant,
}

/// What is left of a batch after a write.
struct Landed {
    again: Option<(Attempt, Duration)>,
    all_failed: bool,
    reason: String,
}

struct Desk {
    store: Arc<dyn Store>,
    ledger: Arc<dyn Ledger>,
    settings: Settings,
    parked: Vec<Parked>,
    flights: JoinSet<Landed>,
    down: bool,
}

impl Desk {
    fn has_room(&self) -> bool {
        let waiting: usize = self.parked.iter().map(|parked| parked.attempt.batch.bytes.len()).sum();
        waiting < self.settings.parked_bytes
    }

    fn next_due(&self) -> Option<Instant> {
        self.parked.iter().map(|parked| parked.due).min()
    }

    fn launch_due(&mut self) {
        let earliest = self.parked.iter().enumerate().min_by_key(|(_, parked)| parked.due).map(|(place, _)| place);
        if let Some(place) = earliest {
            let parked = self.parked.swap_remove(place);
            self.launch(parked.attempt);
        }
    }

    fn launch(&mut self, attempt: Attempt) {
        let (store, ledger) = (self.store.clone(), self.ledger.clone());
        self.flights.spawn(async move { write(store.as_ref(), ledger.as_ref(), attempt).await });
    }

    fn land(&mut self, landed: Landed) {
        if landed.all_failed {
            if !self.down {
                tracing::warn!(store = self.store.name(), reason = %landed.reason, "the store does not take documents; the spool keeps them");
            }
            self.down = true;
        } else if self.down {
            tracing::info!(store = self.store.name(), "the store takes documents again");
            self.down = false;
            let now = Instant::now();
            self.parked.iter_mut().for_each(|parked| parked.due = parked.due.min(now));
        }
        catalogue::STORE_UP.set(i64::from(!self.down));
        if let Some((attempt, after)) = landed.again {
            catalogue::STORE_RETRIES.add(1);
            let pause = self.pause(attempt.tries).max(after);
            self.parked.push(Parked { attempt, due: Instant::now() + pause });
        }
    }

    /// Doubles from try to try, with a random part so that several writers do not come back together.
    fn pause(&self, tries: u32) -> Duration {
        let doubled = self.settings.first_pause.saturating_mul(1 << tries.min(16)).min(self.settings.longest_pause);
        doubled.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

async fn write(store: &dyn Store, ledger: &dyn Ledger, attempt: Attempt) -> Landed {
    let Attempt { batch, tries } = attempt;
    let started = Instant::now();
    let outcomes = store.write(&batch).await;
    catalogue::STORE_WRITE_SECONDS.observe(started.elapsed());
    assert_eq!(outcomes.len(), batch.documents.len(), "a store gives one outcome for each document");

    let mut sorted = Sorted::default();
    let all_failed = !outcomes.is_empty() && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Again { .. }));
    for (document, outcome) in batch.documents.iter().zip(outcomes) {
        sorted.take(&batch, document, outcome);
    }
    ledger.settled(&sorted.settled);
    if !sorted.refused.is_empty()
        && let Err(reason) = ledger.refused(sorted.refused).await
    {
        sorted.again.append(&mut sorted.refused_documents);
        sorted.reason = reason;
    }
    let again = (!sorted.again.is_empty()).then(|| {
        let batch = keep_only(&batch, sorted.again);
        (Attempt { batch, tries: tries.saturating_add(1) }, sorted.after)
    });
    Landed { again, all_failed, reason: sorted.reason }
}

#[derive(Default)]
struct Sorted {
    settled: Vec<SeqNo>,
    refused: Vec<Refusal>,
    refused_documents: Vec<Document>,
    again: Vec<Document>,
    after: Duration,
    reason: String,
}

impl Sorted {
    fn take(&mut self, batch: &Batch, document: &Document, outcome: Outcome) {
        match outcome {
            Outcome::Stored | Outcome::AlreadyThere => {
                if document.sequence.is_some() {
                    let counter = if outcome == Outcome::Stored {
                        &catalogue::EVENTS_STORED
                    } else {
                        &catalogue::EVENTS_ALREADY_THERE
                    };
                    counter.add(1);
                }
                self.settled.extend(document.sequence);
            }
            Outcome::Again { after, reason } => {
                self.after = self.after.max(after);
                self.reason = reason;
                self.again.push(document.clone());
            }
            Outcome::Refused { reason } => {
                let source = batch.bytes.slice(document.source.clone());
                self.refused.push(Refusal { sequence: document.sequence, reason, document: source });
                self.refused_documents.push(document.clone());
            }
        }
    }
}

/// The batch with only these documents; their bytes are copied when most of the old ones are no longer needed.
fn keep_only(batch: &Batch, mut documents: Vec<Document>) -> Batch {
    let needed: usize = documents.iter().map(|document| document.source.len()).sum();
    if needed * 2 > batch.bytes.len() {
        return Batch { documents, bytes: batch.bytes.clone() };
    }
    let mut bytes = Vec::with_capacity(needed);
    for document in &mut documents {
        let start = bytes.len();
        bytes.extend_from_slice(batch.source(document));
        document.source = start..bytes.len();
    }
    Batch { documents, bytes: bytes.into() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::event::{Day, EventId, id::SpoolId};
    use crate::store::Kind;
    use crate::store::memory::{MemoryStore, again};

    #[derive(Default)]
    struct Book {
        settled: Mutex<Vec<SeqNo>>,
        refused: Mutex<Vec<Refusal>>,
        full: AtomicU32,
    }

    impl Ledger for Book {
        fn settled(&self, sequences: &[SeqNo]) {
            self.settled.lock().unwrap().extend_from_slice(sequences);
        }

        fn refused(&self, refusals: Vec<Refusal>) -> BoxFuture<'_, Result<(), String>> {
            Box::pin(async move {
                if self.full.load(Ordering::SeqCst) > 0 {
                    self.full.fetch_sub(1, Ordering::SeqCst);
                    return Err("disk full".to_owned());
                }
                self.refused.lock().unwrap().extend(refusals);
                Ok(())
            })
        }
    }

    fn hasty() -> Settings {
        let pause = Duration::from_millis(1);
        Settings { first_pause: pause, longest_pause: pause, ..Settings::default() }
    }

    fn batch(sequences: std::ops::Range<u64>) -> Batch {
        let mut bytes = Vec::new();
        let documents = sequences
            .map(|number| {
                let start = bytes.len();
                bytes.extend_from_slice(format!(r#"{{"n":{number}}}"#).as_bytes());
                Document {
                    kind: Kind::Event,
                    day: Day::from_days(0),
                    id: EventId::Place(SpoolId(1), SeqNo(number)),
                    source: start..bytes.len(),
                    sequence: Some(SeqNo(number)),
                    replayed: false,
                }
            })
            .collect();
        Batch { documents, bytes: bytes.into() }
    }

    async fn run_to_the_end(store: MemoryStore, book: Arc<Book>, batches: Vec<Batch>) -> Arc<MemoryStore> {
        let store = Arc::new(store);
        let (sender, receiver) = mpsc::channel(1);
        let (_keep, stop) = watch::channel(false);
        let writing = tokio::spawn(run(store.clone(), book, hasty(), receiver, stop));
        for batch in batches {
            sender.send(batch).await.unwrap();
        }
        drop(sender);
        writing.await.unwrap();
        store
    }

    fn numbers(sequences: &[SeqNo]) -> BTreeSet<u64> {
        assert_eq!(sequences.iter().collect::<std::collections::HashSet<_>>().len(), sequences.len(), "settled twice");
        sequences.iter().map(|sequence| sequence.0).collect()
    }

    #[tokio::test]
    async fn a_store_that_is_down_for_a_while_gets_every_document_once() {
        let store = MemoryStore::new();
        let calls = AtomicU32::new(0);
        store.judge_by(move |_, _| (calls.fetch_add(1, Ordering::SeqCst) < 57).then(|| again("down")));
        let book = Arc::new(Book::default());
        let store = run_to_the_end(store, book.clone(), vec![batch(1..11), batch(11..21)]).await;
        assert_eq!(numbers(&book.settled.lock().unwrap()), (1..21).collect());
        assert_eq!(store.documents().len(), 20);
    }

    #[tokio::test]
    async fn a_refused_document_is_kept_and_the_others_are_stored() {
        let store = MemoryStore::new();
        store.judge_by(|document, _| {
            (document.sequence == Some(SeqNo(3))).then(|| Outcome::Refused { reason: "mapping".to_owned() })
        });
        let book = Arc::new(Book::default());
        book.full.store(2, Ordering::SeqCst);
        let store = run_to_the_end(store, book.clone(), vec![batch(1..6)]).await;
        assert_eq!(numbers(&book.settled.lock().unwrap()), [1, 2, 4, 5].into());
        let refused = book.refused.lock().unwrap();
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].sequence, refused[0].document.as_ref()), (Some(SeqNo(3)), br#"{"n":3}"#.as_ref()));
        assert_eq!(store.documents().len(), 4);
    }

    #[tokio::test]
    async fn documents_that_must_wait_do_not_block_those_behind_them() {
        let store = Arc::new(MemoryStore::new());
        store.judge_by(|document, _| (document.sequence == Some(SeqNo(1))).then(|| again("its index is closed")));
        let book = Arc::new(Book::default());
        let (sender, receiver) = mpsc::channel(1);
        let (stopper, stop) = watch::channel(false);
        let writing = tokio::spawn(run(store.clone(), book.clone(), hasty(), receiver, stop));
        for start in 0..20 {
            sender.send(batch(start * 5 + 1..start * 5 + 6)).await.unwrap();
        }
        while book.settled.lock().unwrap().len() < 99 {
            tokio::task::yield_now().await;
        }
        stopper.send(true).unwrap();
        writing.await.unwrap();
        assert_eq!(numbers(&book.settled.lock().unwrap()), (2..101).collect());
        assert_eq!(store.documents().len(), 99);
    }

    #[test]
    fn a_remainder_keeps_the_bytes_of_its_documents() {
        let whole = batch(1..100);
        let rest = keep_only(&whole, vec![whole.documents[41].clone(), whole.documents[97].clone()]);
        assert!(rest.bytes.len() < whole.bytes.len() / 2);
        assert_eq!(rest.source(&rest.documents[0]), br#"{"n":42}"#);
        assert_eq!(rest.source(&rest.documents[1]), br#"{"n":98}"#);
    }
}
