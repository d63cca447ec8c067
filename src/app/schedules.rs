//! Random schedules of faults against spool, worker and writer together, with a model: what was answered is in the
//! store once, or in the dead letters until it is sent again, whatever the disk, the store, the clock and a kill do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use super::flow::FlowFields;
use super::ledger::SpoolLedger;
use super::pipeline::{Parts, Pipeline};
use super::worker::Worker;
use crate::classify::Explain;
use crate::clock::Clock;
use crate::config::Networks;
use crate::event::{ReceivedTime, SeqNo};
use crate::ingest::{HttpSettings, Redriver};
use crate::normalise::Rules;
use crate::spool::failing::FailingFiles;
use crate::spool::{AppendError, DeadLetters, Digest, Filter, Member, NewBatch, Opened, Settings, Spool, open};
use crate::store::memory::again;
use crate::store::writer::{self, Ledger};
use crate::store::{Batch, Outcome, SearchError, SearchRequest, Store, StoreError};

/// Schedules that are played.
const CASES: u32 = 1000;
const START: i64 = 1_700_000_000_000_000;
const DAY: i64 = 86_400_000_000;

#[derive(Debug, Clone)]
enum Action {
    /// Batches of so many events, at the same time.
    Append(Vec<usize>),
    /// How the store is from now on.
    Store(Mood),
    /// Whether the store refuses events that are marked so.
    Strict(bool),
    Redrive,
    Room(Option<u64>),
    ShortWrites(Option<usize>),
    FailSyncs(u32),
    DieAfter(u64),
    /// The wall clock stands so many days from the start.
    Clock(i64),
    /// Lets the others go on for a moment.
    Wait,
    Restart(Stop),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// Takes nothing.
    Down,
    /// Takes what it gets, and its answer is lost.
    Mute,
    /// Takes every other document.
    Busy,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Close,
    Kill,
    /// And what was not synced is gone.
    PowerCut,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let mood = prop_oneof![Just(Mood::Well), Just(Mood::Down), Just(Mood::Mute), Just(Mood::Busy), Just(Mood::Slow)];
    let stop = prop_oneof![Just(Stop::Close), Just(Stop::Kill), Just(Stop::PowerCut)];
    let action = prop_oneof![
        8 => vec(1_usize..9, 1..5).prop_map(Action::Append),
        4 => mood.prop_map(Action::Store),
        2 => any::<bool>().prop_map(Action::Strict),
        3 => Just(Action::Redrive),
        1 => option::of(0_u64..3000).prop_map(Action::Room),
        1 => option::of(1_usize..300).prop_map(Action::ShortWrites),
        1 => (0_u32..3).prop_map(Action::FailSyncs),
        1 => (0_u64..20).prop_map(Action::DieAfter),
        1 => (-2_i64..3).prop_map(Action::Clock),
        3 => Just(Action::Wait),
        3 => stop.prop_map(Action::Restart),
    ];
    vec(action, 1..25)
}

/// A store that outlives oversight. It knows its documents by index and id, as an engine does.
struct Engine {
    documents: Mutex<HashMap<(String, String), Value>>,
    mood: Mutex<Mood>,
    strict: AtomicBool,
}

impl Engine {
    fn take(&self, batch: &Batch, place: usize) -> Outcome {
        let mood = *self.mood.lock().unwrap();
        let document = &batch.documents[place];
        if mood == Mood::Down || mood == Mood::Busy && place % 2 == 1 {
            return again("not now");
        }
        let source: Value = serde_json::from_slice(batch.source(document)).unwrap();
        if source["bad"] == true && self.strict.load(Ordering::SeqCst) {
            return Outcome::Refused { reason: "mapping".to_owned() };
        }
        let key = (format!("{}", document.day), document.id.to_string());
        let outcome = match self.documents.lock().unwrap().entry(key) {
            std::collections::hash_map::Entry::Occupied(there) => {
                assert_eq!((&there.get()["tag"], &there.get()["member"]), (&source["tag"], &source["member"]));
                Outcome::AlreadyThere
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(source);
                Outcome::Stored
            }
        };
        if mood == Mood::Mute { again("the answer was lost") } else { outcome }
    }

    /// How often each event stands in it, by tag and member.
    fn copies(&self) -> BTreeMap<(u64, u64), usize> {
        let mut copies = BTreeMap::new();
        for document in self.documents.lock().unwrap().values() {
            let number = |name: &str| document[name].as_u64().unwrap();
            *copies.entry((number("tag"), number("member"))).or_default() += 1;
        }
        copies
    }
}

impl Store for Engine {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            if *self.mood.lock().unwrap() == Mood::Slow {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (0..batch.documents.len()).map(|place| self.take(batch, place)).collect()
        })
    }

    fn search(&self, _request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>> {
        Box::pin(async { Ok(Value::Null) })
    }
}

/// Spool, worker and writer, joined as the program joins them.
struct Run {
    files: FailingFiles,
    spool: Spool,
    stop: Arc<AtomicBool>,
    stop_writer: watch::Sender<bool>,
    worker: JoinHandle<()>,
    writer: Task<()>,
}

impl Run {
    fn start(folder: &Path, runtime: &Runtime, engine: &Arc<Engine>, clock: &Clock) -> Self {
        let files = FailingFiles::default();
        let settings = Settings { segment_bytes: 4 << 10, max_bytes: 1 << 20, ..Settings::in_folder(folder) };
        let Opened { spool, reader, recovery } = open(settings, Arc::new(files.clone()), clock.clone()).unwrap();
        assert!(recovery.damage.is_empty(), "{recovery:?}");
        let replayed = recovery.checkpoint..recovery.next;
        let ledger: Arc<dyn Ledger> = Arc::new(SpoolLedger::new(spool.clone(), clock.clone(), engine.name(), replayed));
        let (batches, receiver) = mpsc::channel(2);
        let (stop_writer, stopped) = watch::channel(false);
        let pause = Duration::from_millis(1);
        let patience = writer::Settings { first_pause: pause, longest_pause: pause, ..writer::Settings::default() };
        let writing = writer::run(engine.clone(), ledger.clone(), patience, receiver, stopped);
        let writer = runtime.spawn(writing);
        let stop = Arc::new(AtomicBool::new(false));
        let parts = Parts {
            slot: None,
            explain: Explain::default(),
            watch: None,
            engine: None,
            spool: spool.id(),
            rules: Rules::default(),
            flow: FlowFields::ALL,
            census: None,
            threats: false,
            excused: Networks::NONE,
            settled_below: recovery.checkpoint,
        };
        let worker = Worker {
            reader,
            spool: spool.clone(),
            pipeline: Pipeline::new(parts),
            batches,
            ledger,
            batch_events: 7,
            snapshots: None,
            clock: clock.clone(),
            stop: stop.clone(),
        };
        let worker = std::thread::spawn(move || worker.run());
        Self { files, spool, stop, stop_writer, worker, writer }
    }

    fn end(self, runtime: &Runtime, stop: Stop) {
        if stop != Stop::Close {
            self.files.die_after(0);
        }
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.stop_writer.send(true);
        runtime.block_on(self.writer).unwrap();
        let _ = self.spool.close();
        self.worker.join().unwrap();
        if stop == Stop::PowerCut {
            for (path, range) in self.files.unsynced() {
                if let Ok(file) = OpenOptions::new().write(true).open(path) {
                    file.set_len(range.start).unwrap();
                }
            }
        }
    }

    /// Waits until everything has its outcome, on a disk that is well again.
    fn drain(&self) {
        self.files.limit_room(None);
        self.files.limit_writes(None);
        self.files.fail_syncs(0);
        for _ in 0..30_000 {
            if self.spool.usage().waiting == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{:?}", self.spool.usage());
    }

    fn assert_accounts(&self) {
        let usage = self.spool.usage();
        assert_eq!(usage.recovered + usage.appended, usage.settled + usage.lost + usage.waiting, "{usage:?}");
        assert_eq!(usage.lost, 0);
        let letters = self.spool.dead_letters().usage();
        assert_eq!(letters.found + letters.buried, letters.count + letters.removed + letters.dropped, "{letters:?}");
    }
}

/// What the senders know.
#[derive(Default)]
struct Senders {
    tags: u64,
    /// Events that were answered Ok, and those that were answered with an error of the disk.
    safe: BTreeSet<(u64, u64)>,
    perhaps: BTreeSet<(u64, u64)>,
}

impl Senders {
    fn append(&mut self, runtime: &Runtime, run: &Run, sizes: &[usize], now: ReceivedTime) {
        let batches: Vec<NewBatch> = sizes.iter().zip(self.tags..).map(|(size, tag)| batch(tag, *size, now)).collect();
        let answers = runtime.block_on(join_all(batches.into_iter().map(|batch| run.spool.append(batch))));
        for ((answer, size), tag) in answers.into_iter().zip(sizes).zip(self.tags..) {
            let events = (0..*size as u64).map(|member| (tag, member));
            match answer {
                Ok(_) => self.safe.extend(events),
                Err(AppendError::Disk { .. }) => self.perhaps.extend(events),
                Err(AppendError::Full { .. } | AppendError::Closed) => {}
                Err(error) => panic!("{error}"),
            }
        }
        self.tags += sizes.len() as u64;
    }

    /// Each event that was answered is there once, each that may be there at most once, and no others.
    fn check(&self, copies: &BTreeMap<(u64, u64), usize>) {
        for event in &self.safe {
            assert_eq!(copies.get(event), Some(&1), "{event:?} was answered");
        }
        for (event, count) in copies {
            assert!(self.safe.contains(event) || self.perhaps.contains(event) && *count == 1, "{event:?}: {count}");
        }
    }
}

fn batch(tag: u64, size: usize, received: ReceivedTime) -> NewBatch {
    let (mut body, mut members) = (String::from("["), Vec::new());
    for member in 0..size {
        let start = body.len() as u32;
        body += &format!(r#"{{"tag":{tag},"member":{member},"bad":{}}}"#, (tag + member as u64).is_multiple_of(5));
        // some have an id from their sender
        let id = (member % 3 == 2).then(|| format!("given {tag} {member}").into());
        members.push(Member { range: start..body.len() as u32, id, index: None, pipeline: None, redriven: None });
        body.push(',');
    }
    body.pop();
    body.push(']');
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&tag.to_le_bytes());
    NewBatch { digest: Digest(digest), received, source: "test".into(), body: Bytes::from(body), members }
}

/// The events of the letters, by the ids that they will have.
fn ids(letters: &DeadLetters) -> Vec<Option<Box<str>>> {
    letters.read(Filter::default()).map(|letter| letter.unwrap().1.origin.id).collect()
}

fn play(runtime: &Runtime, actions: &[Action]) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(ReceivedTime::from_micros(START));
    let engine =
        Arc::new(Engine { documents: Mutex::default(), mood: Mutex::new(Mood::Well), strict: AtomicBool::new(true) });
    let start = || Run::start(folder.path(), runtime, &engine, &clock);
    let redrive = |run: &Run| {
        let redriver = Redriver::new(run.spool.clone(), HttpSettings::default());
        runtime.block_on(redriver.redrive(Filter::default(), false))
    };
    let (mut senders, mut redriven, mut run) = (Senders::default(), false, start());
    for action in actions {
        match action {
            Action::Append(sizes) => senders.append(runtime, &run, sizes, clock.now()),
            Action::Store(mood) => *engine.mood.lock().unwrap() = *mood,
            Action::Strict(strict) => engine.strict.store(*strict, Ordering::SeqCst),
            Action::Redrive => {
                redriven = true;
                // a disk that fails is part of the game: what was not sent again still has its letter
                let _ = redrive(&run);
            }
            Action::Room(room) => run.files.limit_room(*room),
            Action::ShortWrites(bytes) => run.files.limit_writes(*bytes),
            Action::FailSyncs(count) => run.files.fail_syncs(*count),
            Action::DieAfter(operations) => run.files.die_after(*operations),
            Action::Clock(days) => clock.jump_to(ReceivedTime::from_micros(START + days * DAY)),
            Action::Wait => std::thread::sleep(Duration::from_millis(1)),
            Action::Restart(stop) => {
                run.end(runtime, *stop);
                run = start();
            }
        }
    }
    run.end(runtime, Stop::Kill);
    run = start();
    *engine.mood.lock().unwrap() = Mood::Well;
    run.drain();
    run.assert_accounts();
    if !redriven {
        let letters = ids(run.spool.dead_letters());
        let distinct = letters.iter().collect::<BTreeSet<_>>().len();
        assert_eq!(distinct, letters.len(), "an event has one letter: {letters:?}");
    }
    engine.strict.store(false, Ordering::SeqCst);
    redrive(&run).unwrap();
    run.drain();
    run.assert_accounts();
    assert_eq!(run.spool.dead_letters().count(), 0);
    assert!(run.spool.settled_to() > SeqNo(0));
    senders.check(&engine.copies());
    run.end(runtime, Stop::Close);
}

#[test]
fn whatever_happens_each_event_that_was_answered_is_stored_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: CASES, max_shrink_iters: 200, ..Config::default() });
    let played = runner.run(&actions(), |actions| {
        play(&runtime, &actions);
        Ok(())
    });
    played.unwrap_or_else(|fault| panic!("{fault}"));
}
