//! All patterns through the engine: restored to the digit, independent of what comes later, bounded.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::super::engine::{Engine, Settings};
use super::super::fields::{Fields, Value};
use super::super::harness::Noise;
use super::call::tests::call;
use super::{Call, Finding, Known, PatternSettings};
use crate::anomaly::Touched;
use crate::config::Networks;
use crate::event::{EventTime, ReceivedTime, SeqNo};

/// What the engine sees of a connection, or of a question of DNS.
#[derive(Debug, Clone)]
enum Event {
    Call(Call<'static>),
    Question { client: String, name: String },
}

impl Fields for Event {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        match (self, id) {
            (Self::Question { name, .. }, 0) => Some(Value::Text(name.as_str().into())),
            (Self::Question { client, .. }, 8) => Some(Value::Text(client.as_str().into())),
            _ => None,
        }
    }

    fn call(&self) -> Option<Call<'_>> {
        if let Self::Call(call) = self { Some(*call) } else { None }
    }
}

fn settings(remembered: usize) -> Settings {
    let patterns = PatternSettings { beacons: Some(0.6), remembered, ..PatternSettings::default() };
    Settings { patterns, record_from: 20.0, ..Settings::default() }
}

/// Hours of traffic of all kinds: a clock, people, long ones, names.
fn traffic(seed: u64, count: u32) -> Vec<(i64, Event)> {
    let mut noise = Noise::new(seed);
    let mut now = 1_700_000_000.0;
    let mut events = Vec::new();
    for number in 0..count {
        now += noise.uniform() * 20.0;
        let event = match noise.below(4) {
            0 => Event::Question { client: format!("10.0.0.{}", noise.below(4)), name: odd_name(&mut noise) },
            1 => {
                let duration = Some(noise.uniform().powi(8) * 200_000.0);
                Event::Call(Call { duration, ..call(noise.below(5), noise.below(5), 22, 5) })
            }
            _ => Event::Call(call(noise.below(6), noise.below(30), 443, u64::from(noise.below(3)))),
        };
        events.push((now as i64, event));
        if number % 5 == 0 {
            events.push((now as i64, Event::Call(call(99, 77, 443, 412))));
        }
    }
    events
}

fn odd_name(noise: &mut Noise) -> String {
    let letters: String = (0..4 + noise.below(20)).map(|_| char::from(b'a' + noise.below(26) as u8)).collect();
    if noise.below(2) == 0 { format!("{letters}.tunnel.example") } else { format!("{letters}.com") }
}

fn observe(engine: &mut Engine, (second, event): &(i64, Event)) -> (String, Vec<Finding>) {
    let time = EventTime::from_seconds(*second as f64).expect("within the years");
    let mut touched = Touched::new();
    let sequence: SeqNo = engine.position().plus(1);
    engine.observe(event, time, ReceivedTime::from_micros(time.micros()), sequence, &mut touched);
    (touched.metrics_json().to_owned(), engine.take_findings())
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
    #[test]
    fn output_on_a_prefix_is_a_prefix_of_the_output(seed in any::<u64>(), cut in 0_usize..3_000, small in any::<bool>()) {
        let settings = settings(if small { 12 } else { 1_000 });
        let events = traffic(seed, 3_000);
        let run = |count: usize| {
            let mut engine = Engine::new(settings.clone());
            events[..count].iter().map(|event| observe(&mut engine, event)).collect::<Vec<_>>()
        };
        let (whole, prefix) = (run(events.len()), run(cut.min(events.len())));
        prop_assert_eq!(&whole[..prefix.len()], &prefix[..]);
    }

    #[test]
    fn a_restored_engine_goes_on_to_the_digit_with_all_patterns(seed in any::<u64>(), cut in 0_usize..3_000, small in any::<bool>()) {
        let settings = settings(if small { 12 } else { 1_000 });
        let events = traffic(seed, 3_000);
        let mut whole = Engine::new(settings.clone());
        let before: Vec<_> = events[..cut].iter().map(|event| observe(&mut whole, event)).collect();
        let mut again = Engine::new(settings.clone());
        let prefix: Vec<_> = events[..cut].iter().map(|event| observe(&mut again, event)).collect();
        prop_assert_eq!(before, prefix);
        let mut restored = Engine::new(settings);
        restored.restore(&whole.snapshot()).expect("whole");
        prop_assert_eq!(restored.snapshot(), whole.snapshot());
        for event in &events[cut..] {
            prop_assert_eq!(observe(&mut restored, event), observe(&mut whole, event));
        }
        prop_assert_eq!(restored.snapshot(), whole.snapshot());
        prop_assert_eq!(restored.ranked(50), whole.ranked(50));
    }
}

/// What is recorded of traffic that shows all patterns.
pub(in crate::anomaly) fn found() -> Vec<Finding> {
    let mut engine = Engine::new(settings(1_000));
    traffic(3, 6_000).iter().flat_map(|event| observe(&mut engine, event).1).collect()
}

#[test]
fn events_are_told_of_the_patterns_that_they_are_part_of() {
    let mut engine = Engine::new(settings(1_000));
    let told: Vec<_> = traffic(3, 6_000).iter().map(|event| observe(&mut engine, event)).collect();
    for name in ["beacon", "long_connection", "dns_tunnel", "generated_names"] {
        let in_events = told.iter().filter(|(json, _)| json.contains(&format!("\"name\":\"{name}\""))).count();
        let records = told.iter().flat_map(|(_, found)| found).filter(|found| found.pattern.name() == name).count();
        assert!(in_events > 0 && records > 0, "{name}: {in_events} events, {records} records");
    }
    let clock = &engine.ranked(1)[0];
    assert_eq!(clock.entity[0].1, "10.0.0.99", "{clock:?}");
}

#[test]
fn a_million_pairs_and_a_flood_of_names_stay_within_the_bounds() {
    let mut engine = Engine::new(settings(5_000));
    for number in 0..1_000_000_u32 {
        let second = 1_700_000_000 + i64::from(number / 1_000);
        let called = Call { duration: Some(4_000.0), ..call(number, number / 2, 80, 1) };
        observe(&mut engine, &(second, Event::Call(called)));
        if number % 16 == 0 {
            let (client, name) = (format!("10.1.{number}"), format!("a.b{number}.example"));
            observe(&mut engine, &(second, Event::Question { client, name }));
        }
    }
    let (remembered, forgotten) = engine.remembered();
    assert!(remembered <= 4 * 5_000, "{remembered}");
    assert!(forgotten > 2_000_000, "{forgotten}");
    assert!(engine.snapshot().len() < 20 << 20);
}

#[test]
fn what_is_switched_off_is_not_looked_for_and_its_state_is_left_out() {
    let mut engine = Engine::new(settings(1_000));
    traffic(3, 2_000).iter().for_each(|event| drop(observe(&mut engine, event)));
    let patterns = PatternSettings { dns_tunnels: None, generated_names: None, ..settings(1_000).patterns };
    let mut other = Engine::new(Settings { patterns, ..settings(1_000) });
    other.restore(&engine.snapshot()).expect("whole");
    assert_eq!(other.paths().len(), super::open::PATHS.len());
    let ranked = other.ranked(1);
    assert_eq!(ranked.iter().map(|found| found.pattern.name()).collect::<Vec<_>>(), ["beacon", "long_connection"]);
    assert_eq!(ranked[..], engine.ranked(1)[..2]);
}

#[test]
fn of_hosts_and_domains_that_are_known_nothing_is_told() {
    let recorded = |hosts: &[&str], domains: &[&str]| {
        let hosts: Vec<String> = hosts.iter().map(|text| (*text).to_owned()).collect();
        let known = Known::new(Networks::parse(&hosts).expect("networks"), domains.iter().copied());
        let mut engine = Engine::new(Settings {
            patterns: PatternSettings { known, ..settings(1_000).patterns },
            ..settings(1_000)
        });
        let told = traffic(3, 6_000).iter().flat_map(|event| observe(&mut engine, event).1).collect::<Vec<_>>();
        let mut names: Vec<_> = told.iter().map(|found| found.pattern.name()).collect();
        names.sort_unstable();
        names.dedup();
        let clock = told.iter().any(|found| found.entity[0].1 == "10.0.0.99");
        (names, clock, engine.ranked(50).len())
    };
    let (all, clock, _) = recorded(&[], &[]);
    assert!(all.len() == 4 && clock, "{all:?}");
    let (names, clock, _) = recorded(&["10.0.0.77"], &["tunnel.example"]);
    assert!(!clock && !names.contains(&"dns_tunnel") && names.contains(&"generated_names"), "{names:?}");
    assert_eq!(recorded(&["10.0.0.0/8"], &[]), (Vec::new(), false, 0));
}
