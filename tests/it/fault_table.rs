//! The rows of the table in docs/delivery.md: what each fault costs a client that repeats. They print themselves:
//! `cargo test --release --test it -- fault_table --nocapture`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::accounts::{Metrics, assert_accounts};
use crate::harness::cutter::Cutter;
use crate::harness::disk::Disk;
use crate::harness::oversight::{Oversight, client};
use crate::harness::scripted::Scripted;
use crate::harness::shipper::{Dialect, Sent, Shipper};
use crate::harness::skip;

/// What the engine does not take, when it is told so.
const CONFLICT: &str = "no number";

/// An engine, and an oversight that writes to it.
struct Scene {
    dialect: Dialect,
    engine: Scripted,
    oversight: Oversight,
}

/// A client at work, on events whose `n` counts from 0.
struct Work {
    events: usize,
    task: tokio::task::JoinHandle<Sent>,
}

/// What was found when all was over.
#[derive(Debug)]
struct Row {
    lost: usize,
    doubled: usize,
    letters: usize,
    sent: Sent,
}

impl Scene {
    fn start(dialect: Dialect, data: &Path, settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        let engine = Scripted::start();
        let url = engine.url();
        // no model: what judges has no part in what is delivered, and starting takes a moment less
        let usual = [("STORE_ELASTICSEARCH_URL", url.as_str()), ("CLASSIFY_ENABLED", "false")];
        let oversight = Oversight::start_in(data, &[&usual[..], settings].concat(), environment);
        Self { dialect, engine, oversight }
    }

    /// Begins to send so many events of about `bytes` bytes, `batch` in a request.
    fn send(&self, url: &str, events: usize, bytes: usize, batch: usize) -> Work {
        let filler = "x".repeat(bytes);
        let given: Vec<String> = (0..events)
            .map(|n| {
                let conflict = if n % 100 == 99 { CONFLICT } else { "" };
                format!(r#"{{"n":{n},"size":"{conflict}","filler":"{filler}"}}"#)
            })
            .collect();
        let shipper = Shipper::new(self.dialect, url);
        let task = tokio::spawn(async move { shipper.send(&given, batch, Duration::from_millis(10)).await });
        Work { events, task }
    }

    /// Waits for the end of the work; `since`: the end of the fault.
    async fn row(&self, fault: &str, work: Work, since: Instant) -> Row {
        let sent = work.task.await.unwrap();
        self.oversight.drained().await;
        let recovered = since.elapsed();
        let metrics = assert_accounts(&self.oversight).await;
        let letters = usize::try_from(metrics.get("dead_letters")).unwrap();
        let mut copies: HashMap<u64, usize> = HashMap::new();
        for document in self.engine.documents().values() {
            let document: Value = serde_json::from_str(document).unwrap();
            if let Some(n) = document["n"].as_u64() {
                *copies.entry(n).or_default() += 1;
            }
        }
        let places = self.engine.places();
        assert_eq!(places.len(), self.engine.documents().len(), "an id stands in one index only");
        let doubled = copies.values().map(|count| count - 1).sum();
        let lost = work.events - sent.dropped - letters - copies.len();
        let row = Row { lost, doubled, letters, sent };
        println!(
            "| {:?} | {fault} | {} | {lost} | {doubled} | {:.1} s | {} repeats, slowest answer {:.1} s, {letters} dead letters |",
            self.dialect,
            work.events,
            recovered.as_secs_f64(),
            sent.repeats,
            sent.slowest.as_secs_f64(),
        );
        assert_eq!((row.lost, row.doubled, sent.dropped, sent.taken), (0, 0, 0, work.events), "{fault}: {row:?}");
        row
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kills_of_oversight() {
    for dialect in Dialect::ALL {
        kills(dialect).await;
    }
}

async fn kills(dialect: Dialect) {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::start(dialect, folder.path(), &[], &[]);
    let work = scene.send(&scene.oversight.url("/"), 10_000, 200, 50);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        scene.oversight.kill();
        scene.oversight.start_again();
    }
    let row = scene.row("kill -9 of oversight, three times", work, Instant::now()).await;
    assert!(row.sent.repeats > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_stopped() {
    for dialect in Dialect::ALL {
        engine_away(dialect).await;
    }
}

async fn engine_away(dialect: Dialect) {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::start(dialect, folder.path(), &[], &[]);
    let work = scene.send(&scene.oversight.url("/"), 10_000, 200, 50);
    tokio::time::sleep(Duration::from_millis(200)).await;
    scene.engine.be_away(true);
    tokio::time::sleep(Duration::from_secs(5)).await;
    scene.engine.be_away(false);
    let row = scene.row("engine stopped for 5 s", work, Instant::now()).await;
    assert_eq!(row.sent.repeats, 0, "the client does not notice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_refuses_one_document_in_a_hundred_and_a_kill() {
    for dialect in Dialect::ALL {
        refusals(dialect).await;
    }
}

async fn refusals(dialect: Dialect) {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::start(dialect, folder.path(), &[], &[]);
    scene.engine.refuse(Some(CONFLICT));
    let work = scene.send(&scene.oversight.url("/"), 10_000, 200, 50);
    tokio::time::sleep(Duration::from_millis(700)).await;
    scene.oversight.kill();
    scene.oversight.start_again();
    let row = scene.row("1 document in 100 refused by mapping, and a kill -9", work, Instant::now()).await;
    assert_eq!(row.letters, 100, "each has one dead letter, whatever was killed");
    scene.engine.refuse(None);
    let done = scene.oversight.post("/v1/dead-letters/redrive", "{}").await;
    assert_eq!((done.0, &done.1["redriven"]), (200, &100.into()), "{done:?}");
    scene.oversight.drained().await;
    assert_eq!(scene.engine.documents().values().filter(|document| document.contains(CONFLICT)).count(), 100);
    assert_eq!(assert_accounts(&scene.oversight).await.get("dead_letters"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full() {
    for dialect in Dialect::ALL {
        full_disk(dialect).await;
    }
}

async fn full_disk(dialect: Dialect) {
    let Some(disk) = Disk::in_memory(16) else { return };
    let scene = Scene::start(dialect, &disk.path.join("data"), &[("SPOOL_SEGMENT_SIZE", "1MiB")], &[]);
    scene.engine.be_away(true);
    let work = scene.send(&scene.oversight.url("/"), 2_000, 20_000, 10);
    while Metrics::of(&scene.oversight).await.get("bodies_refused_total") == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.engine.be_away(false);
    let row = scene.row("disk full (16 MiB, engine away meanwhile)", work, Instant::now()).await;
    assert!(row.sent.repeats > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stalls_for_15_seconds() {
    for dialect in Dialect::ALL {
        stalled_disk(dialect).await;
    }
}

async fn stalled_disk(dialect: Dialect) {
    let Some(disk) = Disk::in_a_file(128) else { return };
    let scene = Scene::start(dialect, &disk.path.join("data"), &[], &[]);
    scene.engine.refuse(Some(CONFLICT));
    let work = scene.send(&scene.oversight.url("/"), 5_000, 200, 50);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stalled = disk.stall();
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for path in ["/health/ready", "/metrics"] {
            let asked = client().get(scene.oversight.url(path)).timeout(Duration::from_secs(5)).send().await;
            assert!(asked.is_ok(), "{path} does not wait for the disk");
        }
    }
    drop(stalled);
    let row = scene.row("disk stalled for 15 s", work, Instant::now()).await;
    assert!(row.sent.slowest < Duration::from_secs(8), "Logstash gives up after 10 s");
    assert!(row.sent.repeats > 0);
    assert_eq!(row.letters, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_in_the_middle_of_answers() {
    for dialect in Dialect::ALL {
        cut_network(dialect).await;
    }
}

async fn cut_network(dialect: Dialect) {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::start(dialect, folder.path(), &[], &[]);
    let cutter = Cutter::start(scene.oversight.port, 40, 2);
    let work = scene.send(&format!("http://127.0.0.1:{}/", cutter.port), 5_000, 200, 50);
    let row = scene.row("network cut in the middle of 40 answers", work, Instant::now()).await;
    assert_eq!((cutter.left(), row.sent.repeats), (0, 40));
    let repeated = Metrics::of(&scene.oversight).await.get("events_repeated_total");
    assert_eq!(repeated, 40 * 50, "every batch whose answer was lost was known when it came again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_a_day_ahead_and_back() {
    for dialect in Dialect::ALL {
        jumping_clock(dialect).await;
    }
}

async fn jumping_clock(dialect: Dialect) {
    let Some(library) = faketime() else { return };
    let folder = tempfile::tempdir().unwrap();
    let time = folder.path().join("time");
    let set = |offset: &str| std::fs::write(&time, offset).unwrap();
    set("+0");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", time.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let mut scene = Scene::start(dialect, &folder.path().join("data"), &[], &environment);
    let cutter = Cutter::start(scene.oversight.port, 20, 5);
    let work = scene.send(&format!("http://127.0.0.1:{}/", cutter.port), 10_000, 200, 50);
    for offset in ["+1d", "-1d", "+0"] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        set(offset);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    scene.oversight.kill();
    set("-1d");
    scene.oversight.start_again();
    scene.row("clock a day ahead, a day back, 20 answers cut, kill -9, a day back", work, Instant::now()).await;
    let days: std::collections::BTreeSet<String> = scene.engine.places().into_iter().map(|(index, _)| index).collect();
    assert!(days.len() >= 3, "the clock did jump: {days:?}");
}

/// The library that tells a process another time, as Debian's `faketime` has it.
fn faketime() -> Option<PathBuf> {
    let known = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1"];
    let found = known.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        skip("there is no libfaketime (Debian: faketime), without which the clock cannot be made to jump");
    }
    found
}
