//! The engine: events in, scores for each at once, records of anomalous buckets when they close.

use std::time::Duration;

use super::declare::Function;
use super::fields::{Fields, Reading};
use super::judge::{MetricState, Slice};
use super::metric::Metrics;
use super::record::{AnomalyRecord, Finding};
use super::series::{Buckets, CLOSED, Running, Series, Table};
use super::tail::severity;
use super::touched::Touched;
use crate::event::{EventTime, ReceivedTime, SeqNo};

/// How the engine works; the defaults are for one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to count.
    pub metrics: Metrics,
    /// The most series kept; each takes about 250 bytes.
    pub series: usize,
    /// Buckets of this severity or more, 0 to 100, give a record.
    pub record_from: f32,
    /// Events whose time lies further ahead of their receipt are not counted.
    pub ahead: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { metrics: Metrics::default(), series: 200_000, record_from: 75.0, ahead: Duration::from_secs(3600) }
    }
}

/// What has happened since the start, for telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Buckets closed.
    pub buckets: u64,
    /// Records made.
    pub records: u64,
    /// Series that made room for others.
    pub evicted: u64,
    /// Events that came too late for a metric, counted once per metric.
    pub late: u64,
    /// Events from too far in the future.
    pub ahead: u64,
    /// Events that were observed before, which happens after a restart.
    pub repeated: u64,
}

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
    readings: Vec<Reading>,
    records: Vec<AnomalyRecord>,
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

    /// The field paths that it reads; their places are the ids that [`Fields::field`] is asked for.
    pub fn paths(&self) -> Vec<String> {
        self.settings.metrics.paths.clone()
    }

    /// The last event observed; events up to it are not counted again.
    pub fn position(&self) -> SeqNo {
        self.position
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.table.len()
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
        if self.front.reach(at) {
            self.close_due();
        }
        for place in 0..self.metrics.len() {
            self.touch(place, fields, at, touched);
        }
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
        self.front.next_close = i64::MAX;
        std::mem::take(&mut self.records)
    }

    fn touch(&mut self, place: usize, fields: &impl Fields, at: i64, touched: &mut Touched) {
        let metric = &self.metrics[place].metric;
        if !metric.admits(&self.readings) {
            return;
        }
        let (Some(key), Some(sample)) = (metric.key(&self.readings), metric.sample(&self.readings)) else { return };
        let index = at.div_euclid(metric.span);
        if metric.closes_at(index) <= self.front.at {
            self.counters.late += 1;
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
        series.current.add(function, sample);
        let value = series.current.value(function);
        if value >= series.current.judge_from || function == Function::Mean {
            state.judge_running(series, value);
        }
        let running = &series.current;
        touched.push(&state.frame, &series.entity, value, &running.outlook, running.evidence.into());
    }

    /// A series for a key that has none, in the place of another if there are too many.
    fn admit(&mut self, place: usize, key: u64, at: i64, fields: &impl Fields) -> u32 {
        let entity = self.metrics[place].metric.entity_text(fields);
        let series = Series::new(key, place as u16, entity);
        if !self.table.is_full() {
            return self.table.add(series);
        }
        let metrics = &self.metrics;
        let slot = self.table.victim(at, |metric| metrics[usize::from(metric)].metric.span);
        self.counters.evicted += 1;
        let evicted = usize::from(self.table.at(slot).metric);
        while let Some(index) = self.buckets.oldest(self.table.at(slot)) {
            self.close(evicted, slot, index, false);
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
        let next = self.metrics.iter().filter_map(MetricState::next_close).min();
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
        if severity(closed.evidence) >= f64::from(self.settings.record_from) {
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
            }));
        }
        if due && state.would_miss(series, index + 1) {
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
