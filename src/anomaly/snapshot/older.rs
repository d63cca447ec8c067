//! Snapshots of the versions before are read; what they did not have begins anew.

use super::tests::{DECLARED, WITH_POINTS, events};
use super::*;
use crate::anomaly::harness::{Feed, settings};

#[test]
fn a_snapshot_of_the_version_without_detectors_of_points_is_still_read() {
    let mut feed = Feed::new(settings(DECLARED));
    events(2_000, 1).iter().for_each(|event| drop(feed.observe(event)));
    let bytes = feed.engine.snapshot();
    // the older version ended before the numbers of detectors and of memories, which are 0 here, and what came later
    let (mut later, mut patterns) = (Writer::default(), Writer::default());
    feed.engine.save_later(&mut later);
    feed.engine.patterns.save(&mut patterns);
    let mut older = bytes[..bytes.len() - 4 - 8 - later.finish().len() - patterns.finish().len()].to_vec();
    older[8] = 1;
    let checksum = crc32c::crc32c(&older);
    older.extend_from_slice(&checksum.to_le_bytes());
    let mut other = Feed::new(settings(DECLARED));
    assert_eq!(other.engine.restore(&older).map(|restored| restored.dropped), Ok(vec![]));
    assert_eq!(other.engine.series(), feed.engine.series());
    assert_eq!(other.engine.position(), feed.engine.position());
}

/// The snapshot of a feed up to what only some series have, as all versions begin; and what stands behind it until the checksum.
fn halves(feed: &mut Feed) -> (Vec<u8>, usize) {
    let bytes = feed.engine.snapshot();
    let (mut behind, engine) = (Writer::default(), &mut feed.engine);
    engine.save_beside(&mut behind, |series| series.own.as_deref(), Own::save);
    engine.save_beside(&mut behind, |series| series.recall.as_deref(), Recall::save);
    engine.save_later(&mut behind);
    engine.patterns.save(&mut behind);
    let length = bytes.len() - 4;
    let front = length - behind.finish().len();
    (bytes[..length].to_vec(), front)
}

fn framed(mut bytes: Vec<u8>, version: u8) -> Vec<u8> {
    bytes[8] = version;
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The combined detector of version 2 with so many values and shapes and alarms, field by field as it was written then.
fn old_detector(timed: bool, values: u32, shapes: u32, alarms: u8) -> Vec<u8> {
    let mut out = Writer::default();
    let numbers = |out: &mut Writer, count: usize| (0..count).for_each(|number| out.f64(number as f64));
    out.u8(u8::from(timed));
    // weight, number of points, means and window
    numbers(&mut out, 2 + 27);
    // slots of half hours, hours and the week: means, and how many each is of
    for slots in [48, 24, 336] {
        numbers(&mut out, slots);
        (0..slots).for_each(|slot| out.u32(slot as u32));
    }
    for _ in 0..if timed { 7 } else { 4 } {
        for steps in [20, 28, 40, 56, 80] {
            // low, high, counted; a cell more than there are steps
            numbers(&mut out, 3 + steps + 1);
        }
    }
    // moves: last values and how many, spreads of a mean, a square and a number, tails of three numbers and the calm
    out.u8(3);
    numbers(&mut out, 3);
    out.u32(3);
    numbers(&mut out, 26 * 3);
    (0..3).for_each(|_| {
        numbers(&mut out, 3);
        out.u32(9);
    });
    // sequences: number, mean, square, a spread; values; shapes of sixteen numbers of four bytes with their worth
    numbers(&mut out, 3 + 3);
    out.u32(values);
    numbers(&mut out, values as usize);
    out.u32(shapes);
    numbers(&mut out, 10 * shapes as usize);
    // a tail; alarms
    numbers(&mut out, 3);
    out.u32(7);
    out.u64(5_000);
    out.u8(0);
    out.u8(alarms);
    numbers(&mut out, 2 * usize::from(alarms));
    out.finish()
}

#[test]
fn snapshots_of_version_2_are_read_and_their_detectors_of_points_begin_anew() {
    let mut feed = Feed::new(settings(WITH_POINTS));
    events(4_000, 5).iter().for_each(|event| drop(feed.observe(event)));
    let (bytes, front) = halves(&mut feed);
    let known: Vec<(u32, Recall)> = (0_u32..)
        .zip(feed.engine.table.iter())
        .filter_map(|(slot, series)| Some((slot, series.recall.as_deref()?.clone())))
        .collect();
    assert!(known.len() >= 6);
    let mut out = Writer::default();
    out.bytes(&bytes[..front]);
    let detectors = [(0, true, 16, 3, 12), (2, false, 0, 0, 0), (4, true, 9, 256, 64)];
    out.u32(detectors.len() as u32);
    for (slot, timed, values, shapes, alarms) in detectors {
        out.u32(slot);
        out.bytes(&old_detector(timed, values, shapes, alarms));
    }
    out.u32(known.len() as u32);
    for (slot, recall) in &known {
        out.u32(*slot);
        let mut one = Writer::default();
        recall.save(&mut one);
        // without the byte that says which memory it is: there was only one
        out.bytes(&one.finish()[1..]);
    }
    let older = framed(out.finish(), 2);
    let mut other = Feed::new(settings(WITH_POINTS));
    let restored = other.engine.restore(&older).expect("whole");
    assert_eq!((restored.position, restored.dropped.len()), (SeqNo(4_000), 0));
    assert_eq!(other.engine.series(), feed.engine.series());
    for (one, other) in feed.engine.table.iter().zip(other.engine.table.iter()) {
        assert_eq!((one.key, &one.detector, &one.recall), (other.key, &other.detector, &other.recall));
        assert!(other.own.is_none());
    }
    // and goes on
    events(6_000, 5)[4_000..].iter().for_each(|event| drop(other.observe(event)));
    let again = other.engine.snapshot();
    assert!(other.engine.restore(&again).is_ok() && other.engine.table.iter().any(|series| series.own.is_some()));
    for cut in (0..older.len() - 4).step_by(997) {
        assert!(Feed::new(settings(WITH_POINTS)).engine.restore(&framed(older[..cut.max(12)].to_vec(), 2)).is_err());
    }
}

#[test]
fn snapshots_of_version_3_go_on_to_the_digit() {
    let mut settings = settings(WITH_POINTS);
    settings.record_from = 20.0;
    let events = events(6_000, 6);
    let mut feed = Feed::new(settings.clone());
    events[..4_000].iter().for_each(|event| drop(feed.observe(event)));
    feed.drain();
    feed.records.clear();
    // buckets that wait had no detector with them, and those of series no byte in front
    feed.engine.corrections = Corrections::default();
    let (bytes, front) = halves(&mut feed);
    let mut out = Writer::default();
    out.bytes(&bytes[..front]);
    let without_kind = |own: &Own, out: &mut Writer| {
        let mut one = Writer::default();
        own.save(&mut one);
        out.bytes(&one.finish()[1..]);
    };
    feed.engine.save_beside(&mut out, |series| series.own.as_deref(), without_kind);
    feed.engine.save_beside(&mut out, |series| series.recall.as_deref(), Recall::save);
    feed.engine.save_later(&mut out);
    feed.engine.patterns.save(&mut out);
    let mut restored = Feed::new(settings);
    restored.engine.restore(&framed(out.finish(), 3)).expect("whole");
    assert!(restored.engine.table.iter().any(|series| series.own.is_some()));
    assert!(restored.engine.snapshot() == feed.engine.snapshot());
    for event in &events[4_000..] {
        assert_eq!(restored.observe(event), feed.observe(event));
    }
    assert_eq!(restored.finish(), feed.finish());
}
