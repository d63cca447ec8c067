//! Restored engines go on to the digit; damaged and newer bytes are refused.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::*;
use crate::anomaly::aside::AsideSettings;
use crate::anomaly::fields::Value;
use crate::anomaly::harness::{Feed, Noise, TestEvent, settings, text};

pub(super) const DECLARED: &str = r#"[
  {"name":"events","over":["source"],"direction":"both","gap":"zero","minimum_deviation":1},
  {"name":"ports","over":["source"],"function":"distinct","field":"port","bucket_span":"1h"}]"#;
/// The same, of which one is judged by the detector of points.
pub(super) const WITH_POINTS: &str = r#"[
  {"name":"events","over":["source"],"direction":"both","gap":"zero","detector":"combined"},
  {"name":"ports","over":["source"],"function":"first_seen","field":"port","bucket_span":"1h"}]"#;

pub(super) fn events(count: u32, seed: u64) -> Vec<TestEvent> {
    let mut noise = Noise::new(seed);
    let mut at = 0.0;
    (0..count)
        .map(|_| {
            at += noise.uniform() * 40.0;
            let late = noise.uniform() * 50.0;
            let (source, port) = (noise.below(6), noise.below(400));
            TestEvent::new(at - late, &[text(&format!("host {source}")), Value::Number(port.into())])
        })
        .collect()
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    #[test]
    fn a_restored_engine_goes_on_to_the_digit(seed in any::<u64>(), cut in 0_usize..6_000, points in any::<bool>()) {
        let mut settings = settings(if points { WITH_POINTS } else { DECLARED });
        settings.record_from = 20.0;
        settings.series = 16;
        let events = events(6_000, seed);
        let mut whole = Feed::new(settings.clone());
        events[..cut].iter().for_each(|event| drop(whole.observe(event)));
        whole.drain();
        whole.records.clear();
        let mut restored = Feed::new(settings);
        let told = restored.engine.restore(&whole.engine.snapshot()).expect("whole");
        prop_assert_eq!(told, Restored { position: SeqNo(cut as u64), dropped: vec![] });
        prop_assert_eq!(restored.engine.snapshot(), whole.engine.snapshot());
        for event in &events[cut..] {
            prop_assert_eq!(restored.observe(event), whole.observe(event));
        }
        prop_assert_eq!(restored.engine.snapshot(), whole.engine.snapshot());
        prop_assert_eq!(restored.finish(), whole.finish());
    }

    #[test]
    fn torn_or_changed_bytes_are_refused_and_change_nothing(cut in 0.0..1.0_f64, flip in any::<u8>()) {
        let mut feed = Feed::new(settings(DECLARED));
        events(300, 1).iter().for_each(|event| drop(feed.observe(event)));
        let bytes = feed.engine.snapshot();
        let place = ((bytes.len() - 1) as f64 * cut) as usize;
        prop_assert_eq!(feed.engine.restore(&bytes[..place]), Err(SnapshotError::Damaged));
        let mut changed = bytes.clone();
        changed[place] ^= flip.max(1);
        proptest::prop_assert!(feed.engine.restore(&changed).is_err());
        prop_assert_eq!(feed.engine.snapshot(), bytes);
    }
}

#[test]
fn a_snapshot_of_a_newer_program_is_told_as_such() {
    let mut feed = Feed::new(settings(DECLARED));
    let mut bytes = feed.engine.snapshot();
    bytes[8] = 6;
    assert_eq!(feed.engine.restore(&bytes), Err(SnapshotError::Newer { found: 6 }));
}

#[test]
fn series_that_were_set_aside_go_on_as_if_they_had_stayed() {
    // hosts come in rounds: each is away for longer than its bucket is open, and most of them do not fit
    let round = |feed: &mut Feed, rounds: std::ops::Range<u32>| {
        let mut events = Vec::new();
        for (round, host) in rounds.flat_map(|round| (0..64_u32).map(move |host| (round, host))) {
            for n in 0..5 + (round * 7 + host) % 3 {
                let at = f64::from(round) * 7_000.0 + f64::from(host) * 100.0 + f64::from(n) * 70.0;
                events.push(TestEvent::new(at, &[text(&format!("host {host}")), Value::Number(n.into())]));
            }
        }
        events.sort_by(|one, other| one.at.total_cmp(&other.at));
        events.iter().map(|event| feed.observe(event)).collect::<Vec<_>>()
    };
    // a bucket that is open when its series goes is closed early, so none is kept open for dips
    let declared = r#"[{"name":"n","over":["source"],"function":"rare","field":"port","detector":"combined"}]"#;
    let folder = tempfile::tempdir().expect("a folder");
    let mut few = settings(declared);
    few.series = 20;
    few.record_from = 10.0;
    few.aside = Some(AsideSettings { folder: folder.path().to_owned(), bytes: 64 << 20 });
    let mut many = settings(declared);
    many.record_from = 10.0;
    let (mut all, mut some) = (Feed::new(many), Feed::new(few.clone()));
    assert!(round(&mut all, 0..30) == round(&mut some, 0..30));
    let snapshot = some.engine.snapshot();
    let before = some.engine.counters();
    assert!(before.taken_back > 1_000 && before.evicted == 0 && some.engine.series_aside() >= 40, "{before:?}");
    // what comes behind the snapshot is forgotten in a crash, and comes again
    round(&mut some, 30..34);
    let mut restored = Feed::new(few);
    restored.engine.restore(&snapshot).expect("whole");
    assert!(round(&mut restored, 30..50) == round(&mut all, 30..50));
    assert_eq!(restored.engine.counters().evicted, 0);
}

#[test]
fn what_a_metric_learnt_under_another_declaration_is_left_out_and_named() {
    let mut feed = Feed::new(settings(DECLARED));
    events(2_000, 1).iter().for_each(|event| drop(feed.observe(event)));
    let bytes = feed.engine.snapshot();
    let changed = DECLARED.replace("\"minimum_deviation\":1", "\"minimum_deviation\":2");
    let mut other = Feed::new(settings(&changed));
    let restored = other.engine.restore(&bytes).expect("whole");
    assert_eq!(restored.dropped, ["events"]);
    assert_eq!(other.engine.series(), feed.engine.series() / 2);
    events(3_000, 1)[2_000..].iter().for_each(|event| drop(other.observe(event)));
    other.finish();
}

#[test]
fn events_that_a_snapshot_holds_are_not_counted_again() {
    let mut feed = Feed::new(settings(DECLARED));
    let events = events(500, 1);
    events.iter().for_each(|event| drop(feed.observe(event)));
    let mut again = Feed::new(settings(DECLARED));
    again.engine.restore(&feed.engine.snapshot()).expect("whole");
    for (n, event) in events.iter().enumerate() {
        let received = crate::event::ReceivedTime::from_micros(event.time().micros());
        again.engine.observe(event, event.time(), received, SeqNo(n as u64 + 1), &mut again.touched);
        assert!(again.touched.is_empty());
    }
    assert_eq!(again.engine.counters().repeated, 500);
    assert_eq!(again.engine.counters().buckets, feed.engine.counters().buckets);
}
