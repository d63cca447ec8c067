//! What a connection and a question of DNS cost the patterns, and what an entity takes.

use std::time::Instant;

use oversight::anomaly::patterns::{Call, PatternSettings};
use oversight::anomaly::{Engine, Fields, Settings, Touched, Value};
use oversight::event::{EventTime, ReceivedTime};
use oversight::normalise::{Address, Transport};

/// Events counted for one figure.
const EVENTS: u32 = 1_000_000;
/// Seconds since the epoch of the first.
const START: f64 = 1_700_000_000.0;

/// What the engine reads: a call, or who asked for which name.
enum Event {
    Call(Call<'static>),
    Question(String, String),
}

impl Fields for Event {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        match (self, id) {
            (Self::Question(_, name), 0) => Some(Value::Text(name.as_str().into())),
            (Self::Question(client, _), 8) => Some(Value::Text(client.as_str().into())),
            _ => None,
        }
    }

    fn call(&self) -> Option<Call<'_>> {
        if let Self::Call(call) = self { Some(*call) } else { None }
    }
}

/// Prints nanoseconds an event (one thread) and bytes an entity, saved.
pub fn print() {
    beacons();
    tell("questions of 200 hosts", |number| {
        let name =
            format!("{}.domain{}.example", ["www", "mail", "cdn", "a1b2c3"][number as usize % 4], number % 3_000);
        Event::Question(format!("10.0.0.{}", number % 200), name)
    });
}

/// The same for connections alone, whose regularity is looked at.
pub fn beacons() {
    println!("patterns: one thread, {EVENTS} events, at most 100,000 entities of each kind");
    let pairs: [(&str, u32); 3] = [("1,000 pairs", 1_000), ("50,000 pairs", 50_000), ("a pair each", EVENTS)];
    for (name, pairs) in pairs {
        tell(name, |number| Event::Call(call(number % pairs)));
    }
}

fn tell(name: &str, event: impl Fn(u32) -> Event) {
    let events: Vec<Event> = (0..EVENTS).map(event).collect();
    let mut engine = Engine::new(Settings { patterns: PatternSettings::default(), ..Settings::default() });
    let mut touched = Touched::new();
    let started = Instant::now();
    for (number, event) in (0_u32..).zip(&events) {
        let time = EventTime::from_seconds(START + f64::from(number) * 0.05).expect("within the years");
        let sequence = engine.position().plus(1);
        engine.observe(event, time, ReceivedTime::from_micros(time.micros()), sequence, &mut touched);
        std::hint::black_box(engine.take_findings());
    }
    let nanos = started.elapsed().as_nanos() as f64 / f64::from(EVENTS);
    let (remembered, _) = engine.remembered();
    let bytes = engine.snapshot().len() / remembered.max(1);
    println!("{name:>24}: {nanos:>6.0} ns an event, {remembered} entities of {bytes} bytes saved");
}

fn call(pair: u32) -> Call<'static> {
    let address = |bits: u32| Address::Ip(std::net::Ipv4Addr::from_bits(bits).into());
    Call {
        source: address(0x0a00_0000 + pair % 1_009),
        destination: address(0x5000_0000 + pair),
        port: 443,
        transport: Transport::Tcp,
        sent: Some(400),
        duration: Some(0.1),
        started: None,
        name: None,
        is_again: false,
    }
}
