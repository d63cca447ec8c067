//! The engine's whole state as bytes, and back.
//!
//! Version 2 has, behind the series, their detectors of points and the values they have had; version 3 has detectors of points in another
//! form, all that functions remember, buckets that wait for late events, the files of series that were set aside, and the state of
//! the patterns; version 4 detectors of points of several kinds, and in buckets that wait. Older versions are still read; from 1 and 2 detectors of
//! points and patterns begin anew.
//!
//! Magic (8 bytes), format version (u32), then the state, then CRC-32C (u32) over everything before it; numbers are
//! little-endian. The state is tied to the position of the last event observed. What was learnt by a metric whose
//! declaration has changed since is left out, and named.

use super::aside::Aside;
use super::codec::{Damaged, Reader, Writer};
use super::corrections::Corrections;
use super::detector::Population;
use super::engine::{Counters, Engine, Front};
use super::judge::{MetricState, Slice};
use super::points::{Own, old};
use super::recall::Recall;
use super::series::{CLOSED, NOWHERE, Series};
use super::tail::Tail;
use crate::event::SeqNo;

const MAGIC: &[u8; 8] = b"OVANOMLY";
/// Version of the format written here.
const VERSION: u32 = 4;
/// The first version with detectors of points and values that were had.
const WITH_POINTS_AND_KNOWN: u32 = 2;
/// The first version with what stands in [`Engine::save_later`], with patterns, and with detectors of points as they are now.
const WITH_CORRECTIONS_AND_ASIDE: u32 = 3;
/// The first version with detectors of points of several kinds.
const WITH_KINDS: u32 = 4;
/// Magic, version and checksum.
const FRAME: usize = 16;

/// Why a snapshot cannot be used; the engine is then as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It is no snapshot, or not a whole one.
    #[error("the snapshot of the metrics is damaged or cut short; without it they are learnt anew")]
    Damaged,
    /// It was written by a newer program.
    #[error(
        "the snapshot of the metrics has format version {found}, this program reads up to {VERSION}; use the newer program, or remove it to learn anew"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
}

impl From<Damaged> for SnapshotError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The last event that is counted in.
    pub position: SeqNo,
    /// Names of metrics whose state was left out, because they are declared differently now or no longer.
    pub dropped: Vec<String>,
}

impl Engine {
    /// The state after the last event observed. Records that [`Engine::advance`] has not given out yet are not in it. Series that are set
    /// aside are made to last on their disk, and only named in it.
    pub fn snapshot(&mut self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(MAGIC);
        out.u32(VERSION);
        self.save(&mut out);
        let mut bytes = out.finish();
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Takes over the state of a snapshot; what this engine has learnt is given up.
    ///
    /// # Errors
    /// When the bytes are damaged or of a newer format; the engine is then unchanged.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<Restored, SnapshotError> {
        if bytes.len() < FRAME || !bytes.starts_with(MAGIC) {
            return Err(SnapshotError::Damaged);
        }
        let (whole, checksum) = bytes.split_at(bytes.len() - 4);
        let mut input = Reader::new(&whole[MAGIC.len()..]);
        let found = input.u32()?;
        // said before the checksum is looked at: a newer format may have another
        if found > VERSION {
            return Err(SnapshotError::Newer { found });
        }
        if crc32c::crc32c(whole).to_le_bytes() != checksum {
            return Err(SnapshotError::Damaged);
        }
        let mut engine = Self::new(self.settings.clone());
        let dropped = engine.load(&mut input, found)?;
        let position = engine.position;
        *self = engine;
        Ok(Restored { position, dropped })
    }

    fn save(&mut self, out: &mut Writer) {
        out.u64(self.position.0);
        let Front { at, ahead, ahead_from, .. } = self.front;
        out.i64(at);
        out.u32(ahead);
        out.i64(ahead_from);
        let Counters { buckets, records, evicted, late, ahead, repeated, .. } = self.counters;
        [buckets, records, evicted, late, ahead, repeated].into_iter().for_each(|count| out.u64(count));
        out.u64(self.table.hand as u64);
        out.u32(self.metrics.len() as u32);
        self.metrics.iter().for_each(|state| state.save(out));
        out.u32(self.table.len() as u32);
        self.table.iter().for_each(|series| series.save(&self.buckets, out));
        self.save_beside(out, |series| series.own.as_deref(), Own::save);
        self.save_beside(out, |series| series.recall.as_deref(), Recall::save);
        self.save_later(out);
        self.patterns.save(out);
    }

    fn save_later(&mut self, out: &mut Writer) {
        let Counters { corrected, set_aside, taken_back, .. } = self.counters;
        [corrected, set_aside, taken_back].into_iter().for_each(|count| out.u64(count));
        self.table.iter().for_each(|series| series.save_later(out));
        self.corrections.save(out);
        match &mut self.aside {
            Some(aside) => aside.save(out),
            None => out.u32(0),
        }
    }

    /// What only some series have, each with the place of its series.
    fn save_beside<T>(&self, out: &mut Writer, of: impl Fn(&Series) -> Option<&T>, save: impl Fn(&T, &mut Writer)) {
        let with = || (0_u32..).zip(self.table.iter()).filter_map(|(slot, series)| Some((slot, of(series)?)));
        out.u32(with().count() as u32);
        for (slot, state) in with() {
            out.u32(slot);
            save(state, out);
        }
    }

    fn load(&mut self, input: &mut Reader<'_>, version: u32) -> Result<Vec<String>, Damaged> {
        self.position = SeqNo(input.u64()?);
        self.front.at = input.i64()?;
        self.front.ahead = input.u32()?;
        self.front.ahead_from = input.i64()?;
        let counters = &mut self.counters;
        for count in [
            &mut counters.buckets,
            &mut counters.records,
            &mut counters.evicted,
            &mut counters.late,
            &mut counters.ahead,
            &mut counters.repeated,
        ] {
            *count = input.u64()?;
        }
        let hand = input.u64()? as usize;
        let (places, dropped) = self.load_metrics(input)?;
        let slots = self.load_series(input, &places)?;
        if version >= WITH_CORRECTIONS_AND_ASIDE {
            let load = if version >= WITH_KINDS { Own::load } else { Own::load_combined };
            self.load_beside(input, &slots, load, |series, state| series.own = Some(state))?;
            self.load_beside(input, &slots, Recall::load, |series, state| series.recall = Some(state))?;
            self.load_later(input, &places, &slots, version >= WITH_KINDS)?;
            self.patterns.load(input)?;
        } else if version >= WITH_POINTS_AND_KNOWN {
            self.load_beside(input, &slots, old::skip, |_, _| ())?;
            self.load_beside(input, &slots, Recall::load_known, |series, state| series.recall = Some(state))?;
        }
        self.table.hand = if self.table.len() == 0 { 0 } else { hand % self.table.len() };
        self.move_slots(&slots)?;
        if input.is_empty() { Ok(dropped) } else { Err(Damaged) }
    }

    fn load_later(
        &mut self,
        input: &mut Reader<'_>,
        places: &[Option<u16>],
        slots: &[u32],
        with_kinds: bool,
    ) -> Result<(), Damaged> {
        let Counters { corrected, set_aside, taken_back, .. } = &mut self.counters;
        for count in [corrected, set_aside, taken_back] {
            *count = input.u64()?;
        }
        let mut left_out = Series::new(0, 0, "".into());
        for slot in slots {
            let series = if *slot == NOWHERE { &mut left_out } else { self.table.at_mut(*slot) };
            series.load_later(input)?;
        }
        self.corrections = Corrections::load(input, places, with_kinds)?;
        let named = Aside::load(input)?;
        if let Some(aside) = &mut self.aside {
            aside.reopen(&named, |key| self.table.find(key).is_some());
        }
        Ok(())
    }

    /// For each saved metric its place among the present ones; and the names of those that have none.
    fn load_metrics(&mut self, input: &mut Reader<'_>) -> Result<(Vec<Option<u16>>, Vec<String>), Damaged> {
        let (mut places, mut dropped) = (Vec::new(), Vec::new());
        for _ in 0..input.count(12)? {
            let name = input.text()?.to_owned();
            let digest = input.u64()?;
            let state = LoadedMetric::load(input)?;
            let place = self.metrics.iter().position(|now| now.metric.name == name && now.metric.digest == digest);
            match place {
                Some(place) => self.metrics[place].take_over(state),
                None => dropped.push(name),
            }
            places.push(place.map(|place| place as u16));
        }
        Ok((places, dropped))
    }

    /// For each saved series its slot now, [`NOWHERE`] if it is left out.
    fn load_series(&mut self, input: &mut Reader<'_>, places: &[Option<u16>]) -> Result<Vec<u32>, Damaged> {
        let mut slots = Vec::new();
        for _ in 0..input.count(32)? {
            let mut series = Series::load(input, &mut self.buckets)?;
            let place = *places.get(usize::from(series.metric)).ok_or(Damaged)?;
            let known = self.table.find(series.key).is_some();
            if let (Some(place), false, false) = (place, self.table.is_full(), known) {
                series.metric = place;
                slots.push(self.table.add(series));
            } else {
                while let Some(index) = self.buckets.oldest(&series) {
                    self.buckets.take(&mut series, index);
                }
                slots.push(NOWHERE);
            }
        }
        Ok(slots)
    }

    /// What [`Engine::save_beside`] has written, put into the series that are still there.
    fn load_beside<T>(
        &mut self,
        input: &mut Reader<'_>,
        slots: &[u32],
        load: impl Fn(&mut Reader<'_>) -> Result<T, Damaged>,
        put: impl Fn(&mut Series, Box<T>),
    ) -> Result<(), Damaged> {
        for _ in 0..input.count(4)? {
            let slot = *slots.get(input.u32()? as usize).ok_or(Damaged)?;
            let state = Box::new(load(input)?);
            if slot != NOWHERE {
                put(self.table.at_mut(slot), state);
            }
        }
        Ok(())
    }

    fn move_slots(&mut self, slots: &[u32]) -> Result<(), Damaged> {
        for slice in self.metrics.iter_mut().flat_map(|state| &mut state.slices) {
            for slot in &mut slice.slots {
                *slot = *slots.get(*slot as usize).ok_or(Damaged)?;
            }
            slice.slots.retain(|slot| *slot != NOWHERE);
        }
        self.find_next_close();
        Ok(())
    }
}

/// What a metric has learnt.
struct LoadedMetric {
    tails: [[Tail; 2]; 2],
    population: Population,
    slices: Vec<Slice>,
}

impl LoadedMetric {
    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut tails = [[Tail::NEW, Tail::NEW], [Tail::NEW, Tail::NEW]];
        for tail in tails.iter_mut().flatten() {
            *tail = Tail::load(input)?;
        }
        let population = Population::load(input)?;
        let mut slices: Vec<Slice> = Vec::new();
        for _ in 0..input.count(12)? {
            let index = input.i64()?;
            let after = slices.last().map_or(CLOSED, |slice| slice.index);
            if index <= after {
                return Err(Damaged);
            }
            let count = input.count(4)?;
            slices.push(Slice { index, slots: (0..count).map(|_| input.u32()).collect::<Result<_, _>>()? });
        }
        Ok(Self { tails, population, slices })
    }
}

impl MetricState {
    fn save(&self, out: &mut Writer) {
        out.text(&self.metric.name);
        out.u64(self.metric.digest);
        self.tails.iter().flatten().for_each(|tail| tail.save(out));
        self.population.save(out);
        out.u32(self.slices.len() as u32);
        for slice in &self.slices {
            out.i64(slice.index);
            out.u32(slice.slots.len() as u32);
            slice.slots.iter().for_each(|slot| out.u32(*slot));
        }
    }

    fn take_over(&mut self, loaded: LoadedMetric) {
        self.tails = loaded.tails;
        self.population = loaded.population;
        self.slices = loaded.slices.into();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::super::aside::AsideSettings;
    use super::super::fields::Value;
    use super::super::harness::{Feed, Noise, TestEvent, settings, text};
    use super::*;

    const DECLARED: &str = r#"[
      {"name":"events","over":["source"],"direction":"both","gap":"zero","minimum_deviation":1},
      {"name":"ports","over":["source"],"function":"distinct","field":"port","bucket_span":"1h"}]"#;
    /// The same, of which one is judged by the detector of points.
    const WITH_POINTS: &str = r#"[
      {"name":"events","over":["source"],"direction":"both","gap":"zero","detector":"combined"},
      {"name":"ports","over":["source"],"function":"first_seen","field":"port","bucket_span":"1h"}]"#;

    fn events(count: u32, seed: u64) -> Vec<TestEvent> {
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
        bytes[8] = 5;
        assert_eq!(feed.engine.restore(&bytes), Err(SnapshotError::Newer { found: 5 }));
    }

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
            assert!(
                Feed::new(settings(WITH_POINTS)).engine.restore(&framed(older[..cut.max(12)].to_vec(), 2)).is_err()
            );
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
}
