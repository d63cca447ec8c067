//! Closed buckets that late events may still count in.
//!
//! What was told of a bucket stays as it was told; once its time is over, a record that names the first one says what late events
//! have made of it. At most [`MOST`] buckets wait; beyond that those whose time ends first are settled early.

use std::collections::{BTreeMap, HashMap};

use super::codec::{Damaged, Reader, Writer};
use super::declare::Function;
use super::points::Own;
use super::series::{Running, Sample};

/// The most buckets that wait, about 200 bytes each.
const MOST: usize = 1 << 15;
/// Of those, how many may keep a detector of their series, some 4 kB each where it is the combined one; the others are judged by what
/// was expected of them and the metric's tail.
const MOST_WITH_DETECTOR: usize = 1 << 10;

/// A closed bucket that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    /// With what was expected of it, and its evidence, as they were told.
    pub running: Running,
    /// Place of its metric.
    pub metric: u16,
    pub entity: Box<str>,
    /// What was told of it when it closed; none where no record was made.
    pub told: Option<Told>,
    /// Events that came late.
    pub late: u32,
    /// The series' own detector as it was before this bucket.
    pub before: Option<Box<Own>>,
}

/// What a record said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    pub actual: f64,
    pub evidence: f64,
}

/// The series' key and the number of the bucket.
type Name = (u64, i64);

/// All buckets that wait, by name, and when each one's time is over.
#[derive(Debug, Default)]
pub(super) struct Corrections {
    waiting: HashMap<Name, (i64, Waiting)>,
    ends: BTreeMap<(i64, Name), ()>,
    /// How many keep a detector.
    with_detector: usize,
}

impl Corrections {
    /// Keeps a bucket until `end`; gives the one that has to be settled to make room.
    pub(super) fn keep(&mut self, key: u64, end: i64, mut bucket: Waiting) -> Option<(u64, Waiting)> {
        let name = (key, bucket.running.index);
        let early = if self.ends.len() >= MOST { self.ends.pop_first() } else { None };
        let early = early.and_then(|((_, name), ())| self.take(name));
        if let Some((before, replaced)) = self.waiting.remove(&name) {
            self.ends.remove(&(before, name));
            self.with_detector -= usize::from(replaced.before.is_some());
        }
        bucket.before = bucket.before.filter(|_| self.with_detector < MOST_WITH_DETECTOR);
        self.with_detector += usize::from(bucket.before.is_some());
        self.waiting.insert(name, (end, bucket));
        self.ends.insert((end, name), ());
        early
    }

    /// Counts a late event; false where its bucket does not wait.
    pub(super) fn add(&mut self, key: u64, index: i64, function: Function, sample: Sample) -> bool {
        let Some((_, bucket)) = self.waiting.get_mut(&(key, index)) else { return false };
        bucket.running.add(function, sample);
        bucket.late = bucket.late.saturating_add(1);
        true
    }

    /// The next bucket whose time is over at `front`.
    pub(super) fn pop_due(&mut self, front: i64) -> Option<(u64, Waiting)> {
        let (end, name) = *self.ends.first_key_value()?.0;
        if end > front {
            return None;
        }
        self.ends.pop_first();
        self.take(name)
    }

    fn take(&mut self, name: Name) -> Option<(u64, Waiting)> {
        let (_, bucket) = self.waiting.remove(&name)?;
        self.with_detector -= usize::from(bucket.before.is_some());
        Some((name.0, bucket))
    }

    /// When the first one's time is over.
    pub(super) fn next_end(&self) -> Option<i64> {
        self.ends.first_key_value().map(|((end, _), ())| *end)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.ends.len() as u32);
        for (end, name) in self.ends.keys() {
            let Some((_, bucket)) = self.waiting.get(name) else { continue };
            out.i64(*end);
            out.u64(name.0);
            bucket.save(out);
            Own::save_option(bucket.before.as_deref(), out);
        }
    }

    /// Reads back what was saved; from version 4 on `with_detectors`. `places` are those of the metrics now, and what belongs to none is left out.
    pub(super) fn load(input: &mut Reader<'_>, places: &[Option<u16>], with_detectors: bool) -> Result<Self, Damaged> {
        let mut corrections = Self::default();
        for _ in 0..input.count(32)? {
            let (end, key) = (input.i64()?, input.u64()?);
            let mut bucket = Waiting::load(input)?;
            if with_detectors {
                bucket.before = Own::load_option(input)?.map(Box::new);
            }
            if let Some(place) = *places.get(usize::from(bucket.metric)).ok_or(Damaged)? {
                bucket.metric = place;
                corrections.keep(key, end, bucket);
            }
        }
        Ok(corrections)
    }
}

impl Waiting {
    fn save(&self, out: &mut Writer) {
        self.running.save(out);
        out.u16(self.metric);
        out.text(&self.entity);
        out.u8(u8::from(self.told.is_some()));
        if let Some(told) = self.told {
            out.f64(told.actual);
            out.f64(told.evidence);
        }
        out.u32(self.late);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let running = Running::load(input)?;
        let (metric, entity) = (input.u16()?, input.text()?.into());
        let told = if input.u8()? == 0 { None } else { Some(Told { actual: input.f64()?, evidence: input.f64()? }) };
        Ok(Self { running, metric, entity, told, late: input.u32()?, before: None })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Value;
    use super::super::harness::{Feed, Noise, TestEvent, settings, text};
    use super::super::touched::Side;
    use super::*;

    const OFFLINE: &str = r#"[{"name":"beats","title":"heartbeats of","over":["sensor"],"dip":"sensor_offline","direction":"both",
        "gap":"zero","lateness":"1m"}]"#;

    /// Twenty events a minute, but in minute 300 none; `late` of that minute come three minutes after.
    fn run(declared: &str, late: u32) -> Vec<super::super::record::AnomalyRecord> {
        let mut feed = Feed::new(settings(declared));
        let at = |minute: u32, event: u32| f64::from(minute) * 60.0 + f64::from(event) * 3.0;
        for minute in 0..400 {
            for event in 0..20 {
                if minute != 300 {
                    feed.observe(&TestEvent::new(at(minute, event), &[text("probe")]));
                }
                if minute == 303 && event < late {
                    feed.observe(&TestEvent::new(at(300, event), &[text("probe")]));
                }
            }
        }
        feed.finish()
    }

    #[test]
    fn late_events_correct_an_alarm_and_leave_what_was_told() {
        let found = run(OFFLINE, 20);
        assert_eq!(found.len(), 2, "{found:?}");
        let (first, correction) = (&found[0], &found[1]);
        assert!(first.side == Side::Low && first.actual == 0.0 && first.score >= 75.0, "{first:?}");
        assert_eq!((correction.actual, correction.score, correction.side), (20.0, 0.0, Side::Usual));
        let said = correction.correction.as_ref().expect("it corrects");
        assert_eq!((said.of.as_str(), said.actual, said.late_events), (first.id().as_str(), 0.0, 20));
        assert_eq!(said.score, first.score);
        assert_ne!(correction.id(), first.id());
        assert!(correction.reason.contains("20 events came late"), "{}", correction.reason);
    }

    #[test]
    fn a_correction_is_judged_by_the_detector_of_the_metric_as_it_was_then() {
        // eleven hours of a quiet sum with one jump; what is missing of the jump comes three minutes late
        let run = |detector: &str, in_time: f64, late: f64| {
            let mut feed = Feed::new(settings(&format!(
                r#"[{{"name":"n","function":"sum","field":"v","direction":"both","gap":"unknown","corrections":"10m","detector":"{detector}"}}]"#
            )));
            let mut noise = Noise::new(7);
            for minute in 0..700 {
                let at = f64::from(minute) * 60.0;
                let value = if minute == 600 { in_time } else { 400.0 + 10.0 * noise.normal() };
                feed.observe(&TestEvent::new(at, &[Value::Number(value)]));
                if minute == 603 && late != 0.0 {
                    feed.observe(&TestEvent::new(600.0 * 60.0 + 5.0, &[Value::Number(late)]));
                }
            }
            feed.finish()
        };
        for detector in ["combined", "rh7_step"] {
            let whole = run(detector, 9_000.0, 0.0);
            assert_eq!(whole.len(), 1, "{detector}: {whole:?}");
            // what comes late makes of the bucket what it would have been, to the digit; told before, or not told before
            for in_time in [5_000.0, 402.0] {
                let corrected = run(detector, in_time, 9_000.0 - in_time);
                let last = corrected.last().expect("told");
                assert_eq!((last.actual, last.score), (9_000.0, whole[0].score), "{detector} {in_time}: {corrected:?}");
                assert_eq!(last.correction.is_some(), in_time > 1_000.0, "{detector} {in_time}");
            }
            let taken_back = run(detector, 9_000.0, -8_600.0);
            assert_eq!((taken_back.len(), taken_back[1].score), (2, 0.0), "{detector}: {taken_back:?}");
        }
    }

    #[test]
    fn detectors_of_buckets_that_wait_are_bounded_and_saved() {
        let declared = r#"[{"name":"n","over":["host"],"lateness":"0s","corrections":"30m","direction":"both","gap":"unknown","detector":"combined"}]"#;
        let mut feed = Feed::new(settings(declared));
        for minute in 0..20 {
            for host in 0..200 {
                let at = f64::from(minute) * 60.0 + f64::from(host) * 0.2;
                feed.observe(&TestEvent::new(at, &[text(&format!("host {host}"))]));
            }
        }
        let held = feed.engine.corrections.waiting.values().filter(|(_, bucket)| bucket.before.is_some()).count();
        assert_eq!((held, feed.engine.corrections.with_detector), (MOST_WITH_DETECTOR, MOST_WITH_DETECTOR));
        let snapshot = feed.engine.snapshot();
        let mut restored = Feed::new(settings(declared));
        restored.engine.restore(&snapshot).expect("whole");
        assert!(restored.engine.snapshot() == snapshot);
        // two days on nothing waits any more
        feed.observe(&TestEvent::new(90_000.0, &[text("host 1")]));
        (0..12).for_each(|n| drop(feed.observe(&TestEvent::new(180_000.0 + f64::from(n), &[text("host 1")]))));
        assert_eq!(feed.engine.corrections.with_detector, 0);
    }

    #[test]
    fn without_late_events_nothing_is_corrected() {
        assert_eq!(run(OFFLINE, 0).len(), 1);
    }

    #[test]
    fn what_late_events_make_of_a_bucket_that_was_usual_is_told_where_corrections_are_asked_for() {
        let declared = OFFLINE.replace("\"lateness\"", "\"corrections\":\"10m\",\"lateness\"");
        let mut feed = Feed::new(settings(&declared));
        for minute in 0..400 {
            for event in 0..20 {
                feed.observe(&TestEvent::new(f64::from(minute * 60 + event * 3), &[text("probe")]));
            }
            if minute == 303 {
                (0..2_000).for_each(|_| drop(feed.observe(&TestEvent::new(300.0 * 60.0 + 9.0, &[text("probe")]))));
            }
        }
        let late = feed.engine.counters();
        let found = feed.finish();
        assert_eq!((found.len(), late.late, late.corrected), (1, 0, 2_000));
        assert!(found[0].actual == 2_020.0 && found[0].correction.is_none(), "{found:?}");
    }
}
