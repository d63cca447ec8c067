//! The engine as a whole: what is told, recorded, bounded, and independent of what comes later.

use std::collections::HashMap;

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::super::fields::Value;
use super::super::harness::{Feed, MONDAY, Noise, TestEvent, settings, text};
use super::*;
use crate::event::EventTime;

const COUNTS: &str = r#"[
  {"name":"events","over":["source"],"bucket_span":"1m","lateness":"2m","peak":"flood"},
  {"name":"bytes","over":["source"],"function":"sum","field":"bytes","lateness":"2m","peak":"exfiltration"},
  {"name":"ports","over":["source"],"function":"distinct","field":"port","lateness":"2m","peak":"port_scan"},
  {"name":"size","function":"mean","field":"bytes","lateness":"2m","direction":"both"},
  {"name":"most","function":"max","field":"bytes","lateness":"2m"}]"#;

/// Paths of [`COUNTS`]: source, bytes, port.
fn event(at: f64, source: &str, bytes: f64, port: f64) -> TestEvent {
    TestEvent::new(at, &[text(source), Value::Number(bytes), Value::Number(port)])
}

/// Thirty sources with a few connections a minute each, in order.
fn calm(minutes: u32, seed: u64) -> Vec<TestEvent> {
    let mut noise = Noise::new(seed);
    let mut events = Vec::new();
    for minute in 0..minutes {
        for source in 0..30 {
            for _ in 0..=noise.poisson(4.0) as u32 {
                let at = f64::from(minute) * 60.0 + noise.uniform() * 60.0;
                let bytes = (7.0 + noise.normal()).exp();
                events.push(event(at, &format!("10.0.0.{source}"), bytes, f64::from(noise.below(3))));
            }
        }
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

fn score_of(told: &str, name: &str) -> f64 {
    let metrics: Vec<serde_json::Value> = serde_json::from_str(&format!("[{told}]")).expect("valid JSON");
    let metric = metrics.iter().find(|metric| metric["name"] == name).expect("touched");
    metric["score"].as_f64().expect("a number")
}

#[test]
fn a_new_source_that_floods_is_told_while_it_does_and_recorded_once() {
    let mut feed = Feed::new(settings(COUNTS));
    calm(20, 1).iter().for_each(|event| drop(feed.observe(event)));
    let mut last = String::new();
    for n in 0..5_000 {
        last = feed.observe(&event(1200.0 + f64::from(n) * 0.01, "172.16.6.6", 60.0, f64::from(n % 1024)));
    }
    assert!(score_of(&last, "events") >= 75.0, "{last}");
    assert!(score_of(&last, "ports") >= 75.0 && last.contains("\"port_scan\""), "{last}");
    assert!(feed.touched.score() >= 75.0);
    let records = feed.finish();
    let of_it: Vec<_> = records
        .iter()
        .filter(|record| record.entity.iter().any(|(_, value)| value == "172.16.6.6") && record.metric == "events")
        .collect();
    assert_eq!(of_it.len(), 1, "{of_it:?}");
    assert_eq!(of_it[0].actual, 5_000.0);
    assert_eq!(of_it[0].meaning.as_deref(), Some("flood"));
    assert!(records.iter().all(|record| record.entity.iter().any(|(_, value)| value == "172.16.6.6")), "{records:?}");
}

#[test]
fn the_clock_closes_buckets_when_no_more_events_come() {
    let mut feed = Feed::new(settings(COUNTS));
    calm(20, 1).iter().for_each(|event| drop(feed.observe(event)));
    (0..5_000).for_each(|_| drop(feed.observe(&event(1201.0, "172.16.6.6", 60.0, 1.0))));
    let clock = |second: i64| ReceivedTime::from_micros(second * 1_000_000);
    assert!(feed.engine.advance(clock(0)).is_empty());
    let after: Vec<usize> = (1..=300).map(|second| feed.engine.advance(clock(second)).len()).collect();
    // 59 s to the end of the minute, then 2 minutes of lateness
    let first = after.iter().position(|count| *count > 0);
    assert_eq!(first, Some(178), "{after:?}");
}

#[test]
fn an_event_from_the_future_does_not_make_the_others_late() {
    let mut feed = Feed::new(settings(COUNTS));
    feed.observe(&event(0.0, "a", 1.0, 1.0));
    let early = event(3000.0, "b", 1.0, 1.0);
    let received = ReceivedTime::from_micros(event(1.0, "", 1.0, 1.0).time().micros());
    feed.engine.observe(&early, early.time(), received, SeqNo(2), &mut feed.touched);
    let absurd = event(86_400.0, "b", 1.0, 1.0);
    feed.engine.observe(&absurd, absurd.time(), received, SeqNo(3), &mut feed.touched);
    assert!(feed.touched.is_empty());
    feed.observe(&event(2.0, "a", 1.0, 1.0));
    assert_eq!(feed.touched.len(), 5);
    assert_eq!(feed.engine.counters(), Counters { ahead: 1, ..Counters::default() });
}

#[test]
fn a_stop_of_a_month_is_bridged() {
    let declared = r#"[{"name":"n","over":["source"],"dip":"offline","gap":"zero","minimum_deviation":2}]"#;
    let mut feed = Feed::new(settings(declared));
    let minute = |n: u32| TestEvent::new(f64::from(n) * 6.0, &[text("a")]);
    (0..3_000).for_each(|n| drop(feed.observe(&minute(n))));
    let month = 30 * 86_400 / 6;
    (0..3_000).for_each(|n| drop(feed.observe(&minute(3_000 + month + n))));
    let counters = feed.engine.counters();
    assert!(counters.buckets < 1_000, "{counters:?}");
    let dips = feed.drain();
    assert!(!dips.is_empty() && dips.len() <= 125, "{}", dips.len());
    assert!(dips.iter().all(|record| record.meaning.as_deref() == Some("offline") && record.actual == 0.0));
}

#[test]
fn millions_of_new_entities_stay_within_the_bound_and_leave_the_old_ones() {
    let mut settings = settings(r#"[{"name":"n","over":["source"]}]"#);
    settings.series = 2_000;
    let mut feed = Feed::new(settings);
    let mut hit = 0;
    for n in 0..1_000_000_u32 {
        let at = f64::from(n) * 0.01;
        feed.observe(&TestEvent::new(at, &[text(&format!("attacker {n}"))]));
        if n % 100 == 0 {
            let told = feed.observe(&TestEvent::new(at, &[text("10.0.0.1")]));
            hit += u32::from(told.contains("\"expected\""));
        }
    }
    assert_eq!(feed.engine.series(), 2_000);
    assert!(feed.engine.counters().evicted >= 998_000);
    assert!(hit > 9_000, "the old series was judged {hit} times");
    assert!(feed.engine.buckets.bytes() < 2_000_000, "{}", feed.engine.buckets.bytes());
}

#[test]
fn values_out_of_all_bounds_do_no_harm() {
    let mut feed = Feed::new(settings(COUNTS));
    let hostile = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 1e-300, 1e12, 5e-324];
    let mut events = calm(30, 3);
    for (n, event) in events.iter_mut().enumerate().filter(|(n, _)| n % 3 == 0) {
        event.values[1] = Some(Value::Number(hostile[n / 3 % hostile.len()]));
        event.values[2] = None;
    }
    for event in &events {
        let told = feed.observe(event);
        assert!(serde_json::from_str::<serde_json::Value>(&format!("[{told}]")).is_ok(), "{told}");
        assert!((0.0..=100.0).contains(&feed.touched.score()));
    }
    for record in feed.finish() {
        let mut out = Vec::new();
        record.to_json(&mut out);
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
    }
}

/// Times of events in any order, but none more than the lateness behind one before it.
fn jittered() -> impl Strategy<Value = Vec<(f64, u8, u8)>> {
    let one = (0.0..240.0_f64, 0.0..119.0_f64, 0_u8..4, 0_u8..9);
    (proptest::collection::vec(one, 1..400), Just(())).prop_map(|(events, ())| {
        let mut ordered: Vec<_> =
            events.into_iter().map(|(at, late, source, port)| (at * 9.0, late, source, port)).collect();
        // events come in the order of time plus delay
        ordered.sort_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
        ordered.into_iter().map(|(at, _, source, port)| (at, source, port)).collect()
    })
}

proptest! {
    #[test]
    fn buckets_hold_what_a_plain_count_holds(events in jittered()) {
        let mut settings = settings(COUNTS);
        // every closed bucket gives a record, so that all can be seen
        settings.record_from = 0.0;
        let mut feed = Feed::new(settings);
        let mut plain: HashMap<(i64, u8), (f64, f64, Vec<u8>)> = HashMap::new();
        for (at, source, port) in &events {
            let event = event(*at, &source.to_string(), f64::from(*port) * 100.0, f64::from(*port));
            let told = feed.observe(&event);
            let bucket = plain.entry(((*at / 60.0).floor() as i64, *source)).or_default();
            bucket.0 += 1.0;
            bucket.1 += f64::from(*port) * 100.0;
            bucket.2.push(*port);
            let first = format!("{{\"name\":\"events\",\"entity\":\"{source}\",\"value\":{}", bucket.0);
            prop_assert!(told.starts_with(&first), "{} does not start with {}", told, first);
        }
        prop_assert_eq!(feed.engine.counters().late, 0);
        let records = feed.finish();
        for (name, value) in [("events", 0), ("bytes", 1), ("ports", 2)] {
            let mut seen = 0;
            for record in records.iter().filter(|record| record.metric == name) {
                let index = (record.start.micros() - (MONDAY * 1e6) as i64) / 60_000_000;
                let source: u8 = record.entity[0].1.parse().expect("a number");
                let bucket = plain.get_mut(&(index, source)).expect("a bucket with events");
                bucket.2.sort_unstable();
                bucket.2.dedup();
                prop_assert_eq!(record.actual, [bucket.0, bucket.1, bucket.2.len() as f64][value]);
                seen += 1;
            }
            prop_assert_eq!(seen, plain.len());
        }
    }

    #[test]
    fn output_on_a_prefix_is_a_prefix_of_the_output(events in jittered(), cut in 0.0..1.0_f64) {
        let cut = (events.len() as f64 * cut) as usize;
        let run = |count: usize| {
            let mut feed = Feed::new(settings(COUNTS));
            let told: Vec<String> = events[..count]
                .iter()
                .map(|(at, source, port)| feed.observe(&event(*at, &source.to_string(), 1.0, f64::from(*port))))
                .collect();
            (told, feed.drain().to_vec())
        };
        let (whole, part) = (run(events.len()), run(cut));
        prop_assert_eq!(&whole.0[..cut], &part.0[..]);
        prop_assert_eq!(&whole.1[..part.1.len()], &part.1[..]);
    }

    #[test]
    fn no_times_at_all_make_it_panic(times in proptest::collection::vec(any::<i64>(), 1..60), near in any::<bool>()) {
        let mut feed = Feed::new(settings(COUNTS));
        for (n, micros) in times.into_iter().enumerate() {
            // every second run with times that lie close enough to be counted together
            let micros = if near { micros % 100_000_000_000 } else { micros };
            let Some(time) = EventTime::from_micros(micros) else { continue };
            let event = event(0.0, "a", 1.0, 1.0);
            feed.engine.observe(&event, time, ReceivedTime::from_micros(micros), SeqNo(n as u64 + 1), &mut feed.touched);
            feed.engine.advance(ReceivedTime::from_micros(micros.wrapping_mul(31)));
        }
        feed.finish();
    }
}
