//! The engine: events in, scores for each at once, records of anomalous buckets when they close.

use std::time::Duration;

use super::aside::{Aside, AsideSettings};
use super::corrections::Corrections;
use super::declare::Function;
use super::fields::{Fields, Reading};
use super::judge::{MetricState, Slice};
use super::metric::Metrics;
use super::patterns::{Finding as PatternFinding, PatternSettings, Patterns};
use super::record::{AnomalyRecord, Finding};
use super::series::{Buckets, CLOSED, Running, Series, Table};
use super::tail::severity;
use super::touched::{Fragments, Touched};
use crate::event::{EventTime, ReceivedTime, SeqNo};

/// How the engine works; the defaults are for one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to count.
    pub metrics: Metrics,
    /// The most series kept in memory; each takes about 300 bytes.
    pub series: usize,
    /// Where those go that make room for others; without it they are forgotten.
    pub aside: Option<AsideSettings>,
    /// Buckets of this severity or more, 0 to 100, give a record.
    pub record_from: f32,
    /// Events whose time lies further ahead of their receipt are not counted.
    pub ahead: Duration,
    /// What to look for beside metrics.
    pub patterns: PatternSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let ahead = Duration::from_secs(3600);
        let patterns = PatternSettings::default();
        Self { metrics: Metrics::default(), series: 200_000, aside: None, record_from: 75.0, ahead, patterns }
    }
}

/// What has happened since the start, for telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Buckets closed.
    pub buckets: u64,
    /// Records made.
    pub records: u64,
    /// Series that made room for others and were forgotten.
    pub evicted: u64,
    /// Events that came too late for a metric, counted once per metric.
    pub late: u64,
    /// Events that came late and correct a bucket that was closed.
    pub corrected: u64,
    /// Series that made room for others and were set aside on disk.
    pub set_aside: u64,
    /// Of those, how often one was taken back.
    pub taken_back: u64,
    /// Events from too far in the future.
    pub ahead: u64,
    /// Events that were observed before, which happens after a restart.
    pub repeated: u64,
}

/// A series that has learnt fewer buckets is forgotten and not set aside: those that come once, such as the made-up addresses of a flood,
/// must not displace the others on the disk as well.
const WORTH_KEEPING: u32 = 3;
/// An event further ahead of the front than this moves it only when confirmed …
const LEAP: i64 = 600_000_000;
/// … by so many more such events than events at the front.
const CONFIRMED_BY: u32 = 8;
/// One call of [`Engine::advance`] moves the front by at most this.
const IDLE_STEP: i64 = 60_000_000;

/// Counts metrics and judges them.
#[derive(Debug)]
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) metrics: Vec<MetricState>,
    pub(super) table: Table,
    pub(super) buckets: Buckets,
    pub(super) front: Front,
    pub(super) position: SeqNo,
    pub(super) counters: Counters,
    pub(super) patterns: Patterns,
    pub(super) corrections: Corrections,
    pub(super) aside: Option<Aside>,
    fragments: Fragments,
    readings: Vec<Reading>,
    pub(super) records: Vec<AnomalyRecord>,
    /// The clock at the last call of `advance`, and whether an event has come since.
    clock: Option<ReceivedTime>,
    busy: bool,
}

/// How far event time has come, in microseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Front {
    /// [`CLOSED`] before the first event.
    pub at: i64,
    /// Events that lay far ahead, less those that did not.
    pub ahead: u32,
    /// The earliest of those far ahead.
    pub ahead_from: i64,
    /// When the next bucket has to be closed.
    pub next_close: i64,
}

impl Engine {
    /// With nothing learnt.
    pub fn new(settings: Settings) -> Self {
        let metrics = settings.metrics.list.iter().cloned().map(MetricState::new).collect();
        let front = Front { at: CLOSED, ahead: 0, ahead_from: 0, next_close: i64::MAX };
        Self {
            readings: vec![Reading::NONE; settings.metrics.paths.len()],
            table: Table::new(settings.series),
            fragments: Fragments::new(),
            patterns: Patterns::new(&settings.patterns, settings.record_from),
            corrections: Corrections::default(),
            aside: settings.aside.clone().map(Aside::new),
            settings,
            metrics,
            buckets: Buckets::default(),
            front,
            position: SeqNo(0),
            counters: Counters::default(),
            records: Vec::new(),
            clock: None,
            busy: false,
        }
    }

    /// The same, which sets series aside on disk to make room for others. To be said before anything is learnt or restored.
    #[must_use]
    pub fn setting_aside(mut self, aside: AsideSettings) -> Self {
        self.aside = Some(Aside::new(aside.clone()));
        self.settings.aside = Some(aside);
        self
    }

    /// The field paths that it reads; their places are the ids that [`Fields::field`] is asked for.
    pub fn paths(&self) -> Vec<String> {
        let of_patterns = self.patterns.paths().map(str::to_owned);
        self.settings.metrics.paths.iter().cloned().chain(of_patterns).collect()
    }

    /// The last event observed; events up to it are not counted again.
    pub fn position(&self) -> SeqNo {
        self.position
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many series there are in memory.
    pub fn series(&self) -> usize {
        self.table.len()
    }

    /// How many series are set aside on disk.
    pub fn series_aside(&self) -> usize {
        self.aside.as_ref().map_or(0, Aside::len)
    }

    /// Bytes that series and open buckets take, texts, seasons and sets of distinct values not counted.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.buckets.bytes()
    }

    /// Counts an event, and puts the scores of the series it touches in `touched`, which is emptied first.
    ///
    /// Sequence numbers have to grow; an event that was observed before (also before a restart) touches nothing.
    pub fn observe(
        &mut self,
        fields: &impl Fields,
        time: EventTime,
        received: ReceivedTime,
        sequence: SeqNo,
        touched: &mut Touched,
    ) {
        touched.clear();
        if sequence <= self.position {
            self.counters.repeated += 1;
            return;
        }
        self.position = sequence;
        self.busy = true;
        let at = time.micros();
        let ahead = i64::try_from(self.settings.ahead.as_micros()).unwrap_or(i64::MAX);
        if at - received.micros() > ahead {
            self.counters.ahead += 1;
            return;
        }
        for (id, reading) in self.readings.iter_mut().enumerate() {
            *reading = Reading::of(fields.field(id));
        }
        self.settings.metrics.locate(fields, &mut self.readings);
        if self.front.reach(at) {
            self.close_due();
        }
        for place in 0..self.metrics.len() {
            self.touch(place, fields, at, touched);
        }
        self.patterns.observe(fields, self.settings.metrics.paths.len(), time.seconds(), touched);
    }

    /// The patterns found since the last call, to be recorded.
    pub fn take_findings(&mut self) -> Vec<PatternFinding> {
        let found = self.patterns.take();
        self.counters.records += found.len() as u64;
        found
    }

    /// The `most` strongest entities of each pattern as of now, recorded or not, the strongest first.
    pub fn ranked(&self, most: usize) -> Vec<PatternFinding> {
        self.patterns.ranked(most)
    }

    /// Entities that are remembered for patterns, and that made room for others.
    pub fn remembered(&self) -> (usize, u64) {
        self.patterns.remembered()
    }

    /// Tells the clock's time; gives the records made since the last call.
    ///
    /// To be called after each batch, and at least once a minute where no events come: only then does event time go
    /// on without events.
    pub fn advance(&mut self, now: ReceivedTime) -> Vec<AnomalyRecord> {
        let elapsed = self.clock.map_or(0, |before| (now.micros() - before.micros()).clamp(0, IDLE_STEP));
        self.clock = Some(now);
        if !std::mem::take(&mut self.busy) && self.front.at != CLOSED {
            self.front.at += elapsed;
            if self.front.at >= self.front.next_close {
                self.close_due();
            }
        }
        std::mem::take(&mut self.records)
    }

    /// Closes all buckets, for the end of a file or a demonstration; gives the records made since the last `advance`.
    /// Buckets that were not over yet are not judged for dips, and not learnt.
    pub fn finish(&mut self) -> Vec<AnomalyRecord> {
        for place in 0..self.metrics.len() {
            while let Some(slice) = self.metrics[place].slices.pop_front() {
                self.close_slice(place, &slice, false);
            }
        }
        self.settle_due(i64::MAX);
        self.front.next_close = i64::MAX;
        std::mem::take(&mut self.records)
    }

    /// Forgets which events it has counted, and keeps what it has learnt of them: for learning from a history whose events have other
    /// numbers than those that come.
    pub fn forget_position(&mut self) {
        self.position = SeqNo(0);
    }

    fn touch(&mut self, place: usize, fields: &impl Fields, at: i64, touched: &mut Touched) {
        let metric = &self.metrics[place].metric;
        if !metric.admits(&self.readings) {
            return;
        }
        let key = metric.key(&self.readings);
        let (Some(key), Some(sample)) = (key, metric.sample(&self.readings, fields)) else { return };
        let index = at.div_euclid(metric.span);
        if metric.closes_at(index) <= self.front.at {
            let corrects = self.corrections.add(key, index, metric.function, sample);
            *(if corrects { &mut self.counters.corrected } else { &mut self.counters.late }) += 1;
            return;
        }
        let slot = match self.table.find(key) {
            Some(slot) => slot,
            None => self.admit(place, key, at, fields),
        };
        if self.table.at(slot).current.index != index {
            self.turn_to(slot, index);
        }
        let state = &self.metrics[place];
        let function = state.metric.function;
        let series = self.table.at_mut(slot);
        series.touched = series.touched.max(at);
        series.add(function, sample, at, &state.metric.list(fields));
        let value = series.current.value(function);
        if value >= series.current.judge_from || function == Function::Mean {
            state.judge_running(series, value);
        }
        touched.push(self.fragments.of(&state.frame, series), value);
    }

    /// A series for a key that has none, in the place of another if there are too many.
    fn admit(&mut self, place: usize, key: u64, at: i64, fields: &impl Fields) -> u32 {
        let back = self.aside.as_mut().and_then(|aside| aside.take(key));
        self.counters.taken_back += u64::from(back.is_some());
        let mut series = back.unwrap_or_else(|| Series::new(key, 0, self.metrics[place].metric.entity_text(fields)));
        series.metric = place as u16;
        if !self.table.is_full() {
            return self.table.add(series);
        }
        let metrics = &self.metrics;
        let slot = self.table.victim(at, |metric| metrics[usize::from(metric)].metric.span);
        let evicted = usize::from(self.table.at(slot).metric);
        while let Some(index) = self.buckets.oldest(self.table.at(slot)) {
            self.close(evicted, slot, index, false);
        }
        match &mut self.aside {
            Some(aside) if self.table.at(slot).detector.seen() >= WORTH_KEEPING => {
                aside.put(self.table.at(slot));
                self.counters.set_aside += 1;
            }
            _ => self.counters.evicted += 1,
        }
        self.table.replace(slot, series);
        slot
    }

    /// Makes bucket `index` the current one of a series; opens it if need be.
    fn turn_to(&mut self, slot: u32, index: i64) {
        let series = self.table.at_mut(slot);
        let known = self.buckets.take(series, index);
        let before = std::mem::replace(&mut series.current, Running::NONE);
        let is_open = known.is_some();
        if let Some(running) = known {
            series.current = running;
        }
        if !is_open {
            let running = self.open(slot, index);
            self.table.at_mut(slot).current = running;
        }
        if before.index != CLOSED {
            self.buckets.put(self.table.at_mut(slot), before);
        }
    }

    /// A new bucket of a series, with its outlook, put in the queue of those to be closed.
    fn open(&mut self, slot: u32, index: i64) -> Running {
        let series = self.table.at(slot);
        let state = &mut self.metrics[usize::from(series.metric)];
        state.enqueue(slot, index);
        self.front.next_close = self.front.next_close.min(state.metric.closes_at(index));
        state.open(series, index)
    }

    /// Closes all buckets whose time has come.
    fn close_due(&mut self) {
        let front = self.front.at;
        for place in 0..self.metrics.len() {
            while let Some(slice) = self.metrics[place].pop_due(front) {
                self.close_slice(place, &slice, true);
            }
        }
        self.settle_due(front);
        self.find_next_close();
    }

    /// When something has to be done next.
    pub(super) fn find_next_close(&mut self) {
        let next = self.metrics.iter().filter_map(MetricState::next_close).chain(self.corrections.next_end()).min();
        self.front.next_close = next.unwrap_or(i64::MAX);
    }

    fn close_slice(&mut self, place: usize, slice: &Slice, due: bool) {
        for slot in &slice.slots {
            // the slot may have gone to another series since
            if usize::from(self.table.at(*slot).metric) == place {
                self.close(place, *slot, slice.index, due);
            }
        }
    }

    /// Judges and learns one bucket, if it is still open. One that is closed before it is due is not learnt, since it
    /// may lack events.
    fn close(&mut self, place: usize, slot: u32, index: i64, due: bool) {
        let series = self.table.at_mut(slot);
        let Some(running) = self.buckets.take(series, index) else { return };
        self.counters.buckets += 1;
        let state = &mut self.metrics[place];
        let closed = state.close(series, &running, due);
        let is_told = severity(closed.evidence) >= f64::from(self.settings.record_from);
        if is_told {
            self.counters.records += 1;
            self.records.push(AnomalyRecord::new(&Finding {
                metric: &state.metric,
                frame: &state.frame,
                key: series.key,
                entity: &series.entity,
                index,
                value: running.value(state.metric.function),
                outlook: closed.outlook,
                evidence: closed.evidence,
                side: closed.side,
                reason: closed.reason,
                multi_bucket: closed.multi_bucket,
                seldom: closed.seldom,
                corrected: None,
            }));
        }
        let would_miss = due && state.would_miss(series, index + 1);
        if due {
            self.wait_for_late(place, slot, running, &closed, is_told);
        }
        if would_miss {
            self.expect(slot, index + 1);
        }
    }

    /// Opens a bucket that will be closed whether events come or not.
    fn expect(&mut self, slot: u32, index: i64) {
        let series = self.table.at_mut(slot);
        if let Some(running) = self.buckets.take(series, index) {
            self.buckets.put(series, running);
            return;
        }
        let running = self.open(slot, index);
        self.buckets.put(self.table.at_mut(slot), running);
    }
}

impl Front {
    /// Takes in the time of an event; true if buckets may have to be closed.
    fn reach(&mut self, at: i64) -> bool {
        if self.at == CLOSED {
            self.at = at;
        } else if at > self.at.saturating_add(LEAP) {
            self.ahead_from = if self.ahead == 0 { at } else { self.ahead_from.min(at) };
            self.ahead += 1;
            if self.ahead < CONFIRMED_BY {
                return false;
            }
            self.at = self.ahead_from;
            self.ahead = 0;
        } else {
            self.ahead = self.ahead.saturating_sub(1);
            self.at = self.at.max(at);
        }
        self.at >= self.next_close
    }
}

#[cfg(test)]
mod tests {
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
        assert!(
            records.iter().all(|record| record.entity.iter().any(|(_, value)| value == "172.16.6.6")),
            "{records:?}"
        );
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
}
