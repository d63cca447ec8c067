//! What many series of metrics cost: time an event and a bucket, memory, snapshots and what comes back from them, and series that do not
//! fit into memory.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use oversight::anomaly::{AsideSettings, Engine, Fields, MetricDeclaration, Metrics, Settings, Touched, Value};
use oversight::event::{EventTime, ReceivedTime, SeqNo};

use super::plot;

/// How many series, and how many buckets each of them closes.
const SIZES: [(u32, u32); 3] = [(1_000, 120), (100_000, 40), (1_000_000, 8)];
/// New entities within a minute of event time.
const FLOOD: u32 = 10_000_000;
/// Series kept in memory while that comes.
const KEPT: usize = 200_000;
const MINUTE: f64 = 60.0;
/// One measurement in a process of its own: detector, series and buckets.
const ALONE: &str = "OVERSIGHT_BENCH_SERIES";
/// 2026-01-05T00:00:00Z
const START: f64 = 1_767_571_200.0;

/// An event of one entity.
struct Event {
    entity: u32,
    amount: f64,
}

impl Fields for Event {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        Some(Value::Number(if id == 0 { self.entity.into() } else { self.amount }))
    }
}

/// An engine that is fed.
struct Feed {
    engine: Engine,
    touched: Touched,
    sequence: u64,
}

impl Feed {
    fn new(settings: Settings) -> Self {
        Self { engine: Engine::new(settings), touched: Touched::new(), sequence: 0 }
    }

    fn observe(&mut self, at: f64, event: &Event) {
        self.sequence += 1;
        let time = EventTime::from_seconds(START + at).expect("within the years");
        let received = ReceivedTime::from_micros(time.micros());
        self.engine.observe(event, time, received, SeqNo(self.sequence), &mut self.touched);
    }

    /// One event a minute of each entity, its amounts a wave with noise.
    fn minutes(&mut self, entities: u32, minutes: std::ops::Range<u32>) {
        for minute in minutes {
            for entity in 0..entities {
                let at = f64::from(minute) * MINUTE + MINUTE * f64::from(entity) / f64::from(entities);
                let noise = f64::from((entity ^ minute.wrapping_mul(0x9e37_79b9)).wrapping_mul(2_654_435_761) >> 22);
                self.observe(at, &Event { entity, amount: 5_000.0 + noise });
            }
        }
    }
}

fn settings(detector: &str, series: usize, lateness: &str) -> Settings {
    let declared = format!(
        r#"[{{"name":"n","over":["entity"],"function":"sum","field":"amount","detector":"{detector}","lateness":"{lateness}"}}]"#
    );
    let declared: Vec<MetricDeclaration> = serde_json::from_str(&declared).expect("readable");
    Settings { metrics: Metrics::check(&declared).expect("no faults"), series, ..Settings::default() }
}

/// What so many series cost under a detector.
pub struct Cost {
    /// The detector's name.
    pub detector: &'static str,
    /// How many series.
    pub series: u32,
    /// CPU time of an event with its share of the bucket.
    pub nanos: f64,
    /// Memory of a series, in bytes.
    pub held: f64,
    /// Of a snapshot, in bytes a series.
    saved: f64,
    /// Milliseconds that a snapshot takes, and that its reading does.
    snapshot: [f64; 2],
}

impl Cost {
    /// Reads what a process of its own has measured.
    fn read(detector: &'static str, series: u32, told: &str) -> Self {
        let numbers: Vec<f64> = told.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [nanos, held, saved, snapshot, restore] = numbers[..] else { panic!("five numbers: {told}") };
        Self { detector, series, nanos, held, saved, snapshot: [snapshot, restore] }
    }
}

/// Prints all of it, and draws it where a file for that is given.
pub fn print(plot: Option<&Path>) {
    if let Ok(wanted) = std::env::var(ALONE) {
        let words: Vec<&str> = wanted.split(',').collect();
        measure(words[0], words[1].parse().expect("a number"), words[2].parse().expect("a number"));
        return;
    }
    println!(
        "series: one thread (its CPU time), an event a minute of each; memory is what a process of its own comes to hold"
    );
    let mut costs = Vec::new();
    for detector in ["seasonal", "combined"] {
        for (entities, minutes) in SIZES {
            // memory that an earlier measurement has given back would hide what this one takes
            let own = std::env::current_exe().expect("this program");
            let alone = format!("{detector},{entities},{minutes}");
            let done = Command::new(own).args(["--only", "series"]).env(ALONE, alone).output().expect("it starts");
            assert!(done.status.success(), "{detector} with {entities} series");
            let cost = Cost::read(detector, entities, &String::from_utf8_lossy(&done.stdout));
            let Cost { nanos, held, saved, snapshot: [snapshot, restore], .. } = cost;
            println!(
                "{detector:>9} {entities:>9} series: {nanos:>6.0} ns an event with its bucket, {held:>6.0} B a series in memory, \
                 {saved:>6.0} B saved; snapshot {snapshot:>7.1} ms, restore {restore:>7.1} ms"
            );
            costs.push(cost);
        }
    }
    if let Some(file) = plot {
        plot::draw(file, &costs).expect("the picture can be written");
    }
    flood();
    rounds();
}

fn measure(detector: &str, entities: u32, minutes: u32) {
    let before = resident();
    let mut feed = Feed::new(settings(detector, entities as usize + 16, "0s"));
    let started = cpu();
    feed.minutes(entities, 0..minutes);
    let nanos = (cpu() - started).as_nanos() as f64 / f64::from(entities) / f64::from(minutes);
    let held = resident().saturating_sub(before) as f64 / f64::from(entities);
    let started = Instant::now();
    let snapshot = feed.engine.snapshot();
    let saved = started.elapsed();
    drop(feed);
    let mut other = Engine::new(settings(detector, entities as usize + 16, "0s"));
    let started = Instant::now();
    other.restore(&snapshot).expect("just saved");
    println!(
        "{nanos} {held} {} {} {}",
        snapshot.len() as f64 / f64::from(entities),
        saved.as_secs_f64() * 1e3,
        started.elapsed().as_secs_f64() * 1e3,
    );
}

/// Ten million entities that nobody has seen come within a minute, among a thousand that come always.
fn flood() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings("seasonal", KEPT, "0s");
    settings.aside = Some(AsideSettings { folder: folder.path().to_owned(), bytes: 1_000_000_000 });
    let mut feed = Feed::new(settings);
    feed.minutes(1_000, 0..60);
    let before = resident();
    let started = cpu();
    for new in 0..FLOOD {
        let at = 60.0 * MINUTE + MINUTE * f64::from(new) / f64::from(FLOOD);
        feed.observe(at, &Event { entity: 1_000_000 + new, amount: 1.0 });
        if new % 1_000 == 0 {
            feed.observe(at, &Event { entity: new / 1_000 % 1_000, amount: 5_000.0 });
        }
    }
    let took = cpu() - started;
    let counters = feed.engine.counters();
    println!(
        "{FLOOD} new entities in a minute: taken in {:.1} s; {} series in memory, {:.0} MiB more than before; {} forgotten, {} set aside, \
         {} taken back",
        took.as_secs_f64(),
        feed.engine.series(),
        resident().saturating_sub(before) as f64 / f64::from(1 << 20),
        counters.evicted,
        counters.set_aside,
        counters.taken_back,
    );
}

/// Four times as many series as fit, which come in turn: each comes back from disk.
fn rounds() {
    let folder = tempfile::tempdir().expect("a folder");
    for detector in ["seasonal", "combined"] {
        let mut settings = settings(detector, 10_000, "10m");
        settings.aside = Some(AsideSettings { folder: folder.path().join(detector), bytes: 4_000_000_000 });
        let mut feed = Feed::new(settings);
        let mut visit = |round: u32| {
            for entity in 0..40_000_u32 {
                let start = f64::from(round) * 41_000.0 + f64::from(entity);
                for minute in 0..4 {
                    feed.observe(start + f64::from(minute) * MINUTE, &Event { entity, amount: f64::from(entity % 7) });
                }
            }
            feed.engine.counters()
        };
        for round in 0..4 {
            visit(round);
        }
        let before = visit(4).taken_back;
        let started = cpu();
        let after = visit(5).taken_back;
        println!(
            "{detector:>9} 40000 series where 10000 fit: {:.1} µs a visit of four events; {} of 40000 came back from disk",
            (cpu() - started).as_secs_f64() * 1e6 / 40_000.0,
            after - before
        );
    }
}

/// Time that this thread has been at work, so that what else the machine does counts little.
pub fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Bytes of memory that the process holds.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
