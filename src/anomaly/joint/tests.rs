//! Metrics together through the engine: told though none of them is unusual, in words; bounded, restored to the digit.

use crate::anomaly::fields::Value;
use crate::anomaly::harness::{Feed, Noise, TestEvent, settings, text};
use crate::anomaly::record::AnomalyRecord;
use crate::event::SeqNo;

/// Requests and the bytes and the time that they take, of three hosts; and all of that together.
const DECLARED: &str = r#"[
  {"name":"requests","over":["host"],"function":"sum","field":"requests","direction":"both","gap":"unknown"},
  {"name":"bytes_out","title":"bytes sent by","over":["host"],"function":"sum","field":"bytes","direction":"both","gap":"unknown"},
  {"name":"latency","over":["host"],"function":"mean","field":"latency","direction":"both"},
  {"name":"host_together","title":"requests, bytes and latency together of","over":["host"],"function":"joint",
   "of":["requests","bytes_out","latency"],"peak":"odd_load"}]"#;

/// What one host shows in one minute: its load wanders widely, and all go with it.
fn minute(noise: &mut Noise, load: f64) -> [f64; 3] {
    let wobble = |noise: &mut Noise| 1.0 + 0.04 * noise.normal();
    [load * wobble(noise), 900.0 * load * wobble(noise), 20.0 + 0.01 * load * wobble(noise)]
}

/// Events of so many minutes; in minute `odd` the second host sends as much as for a third of its requests.
fn events(minutes: u32, odd: Option<u32>) -> Vec<TestEvent> {
    let mut noise = Noise::new(8);
    let mut events = Vec::new();
    for at in 0..minutes {
        for host in 0..3 {
            let load = 1_000.0 * (0.5 * noise.normal()).exp().clamp(0.4, 2.5);
            let mut values = minute(&mut noise, load);
            if odd == Some(at) && host == 1 {
                values = [1_800.0, 600_000.0, 38.0];
            }
            let of = |place: usize| Value::Number(values[place]);
            let host = text(&format!("web-{host}"));
            events.push(TestEvent::new(f64::from(at) * 60.0 + 1.0, &[host, of(0), of(1), of(2)]));
        }
    }
    events
}

fn records(minutes: u32, odd: Option<u32>, declared: &str) -> Vec<AnomalyRecord> {
    let mut feed = Feed::new(settings(declared));
    events(minutes, odd).iter().for_each(|event| drop(feed.observe(event)));
    feed.finish()
}

/// The record of an odd minute of three metrics together.
pub(in crate::anomaly) fn told() -> Vec<AnomalyRecord> {
    records(3_000, Some(2_500), DECLARED)
}

#[test]
fn what_no_single_metric_shows_is_told_and_the_reason_names_the_metrics() {
    let found = told();
    assert_eq!(found.len(), 1, "{found:#?}");
    let record = &found[0];
    assert_eq!((record.metric.as_str(), record.entity[0].1.as_str()), ("host_together", "web-1"));
    assert!(record.score >= 75.0 && record.meaning.as_deref() == Some("odd_load"), "{record:?}");
    assert!(record.tail_probability < 1e-5 && record.actual > record.upper, "{record:?}");
    assert!(record.reason.contains(" bits; usual at this time is "), "{}", record.reason);
    assert!(record.reason.contains("; most of it by bytes sent by 600 kB"), "{}", record.reason);
    let mut out = Vec::new();
    record.to_json(&mut out);
    let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
    let contributors = json["oversight"]["contributors"].as_array().expect("a list");
    assert_eq!(
        (contributors[0]["metric"].as_str(), contributors[0]["actual"].as_f64()),
        (Some("bytes_out"), Some(6e5))
    );
    assert!(contributors[0]["expected"].as_f64().is_some_and(|usual| usual > 1e6), "{contributors:?}");
    assert_eq!((json["function"].as_str(), json["field_name"].as_str()), (Some("joint"), None));
}

#[test]
fn what_goes_together_as_always_is_not_told() {
    let found = records(12_000, None, DECLARED);
    let joint = found.iter().filter(|record| record.metric == "host_together").count();
    assert!(joint <= 3, "{joint} of 36,000: {found:#?}");
}

#[test]
fn a_metric_that_is_silent_counts_as_nothing_or_as_usual_and_does_no_harm() {
    let mut feed = Feed::new(settings(DECLARED));
    for (place, event) in events(1_500, None).iter_mut().enumerate() {
        if place % 5 == 0 {
            event.values[1 + place % 3] = None;
        }
        feed.observe(event);
    }
    assert_eq!(feed.engine.series(), 12);
    feed.finish();
}

#[test]
fn the_engine_is_restored_to_the_digit_with_buckets_of_members_open() {
    let mut settings = settings(DECLARED);
    settings.record_from = 20.0;
    let events = events(900, Some(700));
    for cut in [10, 1_201, 2_100] {
        let mut whole = Feed::new(settings.clone());
        events[..cut].iter().for_each(|event| drop(whole.observe(event)));
        whole.drain();
        whole.records.clear();
        let mut restored = Feed::new(settings.clone());
        let told = restored.engine.restore(&whole.engine.snapshot()).expect("whole");
        assert_eq!((told.position, told.dropped.len()), (SeqNo(cut as u64), 0));
        for event in &events[cut..] {
            assert_eq!(restored.observe(event), whole.observe(event));
        }
        assert_eq!(restored.engine.snapshot(), whole.engine.snapshot());
        assert_eq!(restored.finish(), whole.finish());
    }
}

#[test]
fn floods_of_entities_stay_within_the_bound() {
    let mut settings = settings(DECLARED);
    settings.series = 100;
    let mut feed = Feed::new(settings);
    for n in 0..20_000_u32 {
        let values = [text(&format!("host {}", n % 5_000)), Value::Number(1.0), Value::Number(2.0), Value::Number(3.0)];
        feed.observe(&TestEvent::new(f64::from(n) * 0.5, &values));
    }
    assert_eq!(feed.engine.series(), 100);
    feed.finish();
}
