//! Closed buckets that late events may still count in.
//!
//! What was told of a bucket stays as it was told; once its time is over, a record that names the first one says what late events
//! have made of it. At most [`MOST`] buckets wait; beyond that those whose time ends first are settled early.

use std::collections::{BTreeMap, HashMap};

use super::codec::{Damaged, Reader, Writer};
use super::declare::Function;
use super::series::{Running, Sample};

/// The most buckets that wait, about 200 bytes each.
const MOST: usize = 1 << 15;

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
}

impl Corrections {
    /// Keeps a bucket until `end`; gives the one that has to be settled to make room.
    pub(super) fn keep(&mut self, key: u64, end: i64, bucket: Waiting) -> Option<(u64, Waiting)> {
        let name = (key, bucket.running.index);
        let early = if self.ends.len() >= MOST { self.ends.pop_first() } else { None };
        if let Some((before, _)) = self.waiting.insert(name, (end, bucket)) {
            self.ends.remove(&(before, name));
        }
        self.ends.insert((end, name), ());
        early.and_then(|((_, name), ())| self.waiting.remove(&name)).map(|(_, bucket)| (name.0, bucket))
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
        self.waiting.remove(&name).map(|(_, bucket)| (name.0, bucket))
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
        }
    }

    /// Reads back what was saved; `places` are those of the metrics now, and what belongs to none is left out.
    pub(super) fn load(input: &mut Reader<'_>, places: &[Option<u16>]) -> Result<Self, Damaged> {
        let mut corrections = Self::default();
        for _ in 0..input.count(32)? {
            let (end, key) = (input.i64()?, input.u64()?);
            let mut bucket = Waiting::load(input)?;
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
        Ok(Self { running, metric, entity, told, late: input.u32()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::{Feed, TestEvent, settings, text};
    use super::super::touched::Side;

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
