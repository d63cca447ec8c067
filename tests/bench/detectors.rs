//! What a point costs each detector of anomalies, and what a series takes, quiet and busy; what an event with its bucket costs each function
//! of metrics; and what several metrics of one entity cost together.

use std::time::Duration;

use oversight::anomaly::points::{Detector, Kind, Point};
use oversight::anomaly::{Engine, Fields, MetricDeclaration, Metrics, Settings, Touched, Value, Writer};
use oversight::event::{EventTime, ReceivedTime, SeqNo};

/// Points judged for one figure, of one series, and of as many in turn as are then five hundred points old.
const POINTS: usize = 1_000_000;
const OLD: usize = 500;
/// The seconds between two points.
const STEP: i64 = 300;
/// Events for one figure of a function, of so many entities, so many a minute of each.
const EVENTS: u32 = 400_000;
const ENTITIES: u32 = 200;
const A_MINUTE: u32 = 4;
/// 2026-01-05T00:00:00Z
const START: f64 = 1_767_571_200.0;

/// Prints nanoseconds a point (one thread) and bytes a series, saved.
pub fn print() {
    println!("detectors: one thread (its CPU time), a day's wave with noise, {STEP} s between points");
    for kind in Kind::ALL {
        // a tenth where a point takes microseconds
        let points = if kind == Kind::Htm { POINTS / 10 } else { POINTS };
        let many = points / OLD;
        let ((alone, bytes), (in_turn, _)) = (cost(kind, 1, points), cost(kind, many, points));
        println!(
            "{:>12}: {alone:>6.0} ns a point alone, {in_turn:>6.0} ns with {many} series in turn; {bytes} bytes saved a series",
            kind.name(),
        );
    }
    println!(
        "functions: an event with its bucket, {A_MINUTE} events a minute of {ENTITIES} entities; seasonal detector"
    );
    for (name, reads) in FUNCTIONS {
        let declared = format!(r#"[{{"name":"n","over":["who"],"function":"{name}"{reads}}}]"#);
        tell(name, &declared);
    }
    tell("population", r#"[{"name":"n","over":["who"],"detector":"population"}]"#);
    super::patterns::beacons();
    println!("joint: metrics of one entity together, beside those metrics alone; an event counts for all of them");
    for metrics in [2, 6] {
        let names: Vec<String> = (0..metrics).map(|number| format!("m{number}")).collect();
        let members: Vec<String> = names
            .iter()
            .map(|name| format!(r#"{{"name":"{name}","over":["who"],"function":"sum","field":"number"}}"#))
            .collect();
        let alone = format!("[{}]", members.join(","));
        let joint = format!(r#"{{"name":"j","over":["who"],"function":"joint","of":["{}"]}}"#, names.join(r#"",""#));
        tell(&format!("{metrics} metrics alone"), &alone);
        tell(&format!("{metrics} together"), &format!("[{},{joint}]", members.join(",")));
    }
}

/// Functions, and what they read.
const FUNCTIONS: [(&str, &str); 14] = [
    ("count", ""),
    ("sum", r#","field":"number""#),
    ("mean", r#","field":"number""#),
    ("max", r#","field":"number""#),
    ("min", r#","field":"number""#),
    ("increase", r#","field":"number""#),
    ("distinct", r#","field":"word""#),
    ("first_seen", r#","field":"word""#),
    ("growth", r#","field":"word""#),
    ("rare", r#","field":"word""#),
    ("entropy", r#","field":"word""#),
    ("information", r#","field":"word""#),
    ("list_changes", r#","field":"word""#),
    ("unusual_time", ""),
];

/// Nanoseconds a point, and the bytes of one series saved.
fn cost(kind: Kind, count: usize, points: usize) -> (f64, usize) {
    let mut series: Vec<Box<dyn Detector>> = (0..count).map(|_| kind.start(true)).collect();
    let rounds = points / count;
    let points: Vec<Point> = (0..rounds).map(point).collect();
    let started = super::series::cpu();
    for point in &points {
        for detector in &mut series {
            std::hint::black_box(detector.observe(*point));
        }
    }
    let nanos = (super::series::cpu() - started).as_nanos() as f64 / (rounds * count) as f64;
    let mut out = Writer::default();
    series[0].save(&mut out);
    (nanos, out.finish().len())
}

fn point(at: usize) -> Point {
    // a fixed shuffle of small numbers is noise enough
    let noise = (at.wrapping_mul(2_654_435_761) >> 7) % 1_000;
    let wave = 500.0 * (at as f64 / 288.0 * std::f64::consts::TAU).sin();
    Point { value: 2_000.0 + wave + noise as f64 / 10.0, seconds: at as i64 * STEP }
}

/// An event: whose, a number, a word.
struct Event {
    who: u32,
    number: f64,
    word: String,
}

#[derive(Clone, Copy)]
enum Read {
    Who,
    Number,
    Word,
}

/// An event, and what the engine's paths are in their order.
struct Seen<'a>(&'a Event, &'a [Read]);

impl Fields for Seen<'_> {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        let Self(event, reads) = self;
        Some(match reads.get(id)? {
            Read::Who => Value::Number(event.who.into()),
            Read::Number => Value::Number(event.number),
            Read::Word => Value::Text(event.word.as_str().into()),
        })
    }
}

fn tell(name: &str, declared: &str) {
    let (took, bytes) = run(declared);
    let nanos = took.as_nanos() as f64 / f64::from(EVENTS);
    println!("{name:>16}: {nanos:>6.0} ns an event; {bytes} bytes saved an entity");
}

/// The time that all events take, and the bytes of an entity saved.
fn run(declared: &str) -> (Duration, usize) {
    let declared: Vec<MetricDeclaration> = serde_json::from_str(declared).expect("readable");
    let metrics = Metrics::check(&declared).expect("no faults");
    let mut engine = Engine::new(Settings { metrics, ..Settings::default() });
    let read = |path: &String| match path.as_str() {
        "who" => Read::Who,
        "number" => Read::Number,
        _ => Read::Word,
    };
    let reads: Vec<Read> = engine.paths().iter().map(read).collect();
    let events: Vec<Event> = (0..EVENTS).map(event).collect();
    let mut touched = Touched::new();
    let started = super::series::cpu();
    for (number, event) in (0_u32..).zip(&events) {
        let time = EventTime::from_seconds(START + f64::from(number) * 60.0 / f64::from(ENTITIES * A_MINUTE));
        let time = time.expect("within the years");
        let received = ReceivedTime::from_micros(time.micros());
        engine.observe(&Seen(event, &reads), time, received, SeqNo(u64::from(number) + 1), &mut touched);
    }
    (super::series::cpu() - started, engine.snapshot().len() / ENTITIES as usize)
}

fn event(number: u32) -> Event {
    // the same fixed shuffle; entities come in turn
    let noise = number.wrapping_mul(2_654_435_761) >> 20;
    let word = format!("word{} of{}", noise % 37, noise % 3);
    Event { who: number % ENTITIES, number: f64::from(noise), word }
}
