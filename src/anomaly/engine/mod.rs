//! The engine: events in, scores for each at once, records of anomalous buckets when they close.

mod close;
mod front;
mod settings;

pub(super) use front::Front;
pub use settings::{Counters, Settings};

use super::aside::{Aside, AsideSettings};
use super::corrections::Corrections;
use super::declare::Function;
use super::fields::{Fields, Reading};
use super::judge::MetricState;
use super::metric::Metric;
use super::patterns::{Finding as PatternFinding, Patterns};
use super::record::AnomalyRecord;
use super::series::{Buckets, CLOSED, Running, Series, Table};
use super::touched::{Fragments, Touched};
use crate::event::{EventTime, ReceivedTime, SeqNo};

/// A series that has learnt fewer buckets is forgotten and not set aside: those that come once, such as the made-up addresses of a flood,
/// must not displace the others on the disk as well.
const WORTH_KEEPING: u32 = 3;
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

impl Engine {
    /// With nothing learnt.
    pub fn new(settings: Settings) -> Self {
        let metrics = settings.metrics.list.iter().cloned().map(MetricState::new).collect();
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
            front: Front::NONE,
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
            None => self.admit(place, key, at, |metric| metric.entity_text(fields)),
        };
        if self.table.at(slot).current.index != index {
            self.turn_to(slot, index);
        }
        let state = &self.metrics[place];
        let function = state.metric.function;
        let series = self.table.at_mut(slot);
        series.touched = series.touched.max(at);
        series.add(function, sample, state.metric.met_at(at), &state.metric.list(fields));
        let value = series.current.value(function);
        if value >= series.current.judge_from || function == Function::Mean {
            state.judge_running(series, value);
        }
        touched.push(self.fragments.of(&state.frame, series), value);
    }

    /// A series for a key that has none, in the place of another if there are too many.
    pub(in crate::anomaly) fn admit(
        &mut self,
        place: usize,
        key: u64,
        at: i64,
        entity: impl FnOnce(&Metric) -> Box<str>,
    ) -> u32 {
        let back = self.aside.as_mut().and_then(|aside| aside.take(key));
        self.counters.taken_back += u64::from(back.is_some());
        let mut series = back.unwrap_or_else(|| Series::new(key, 0, entity(&self.metrics[place].metric)));
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
    pub(in crate::anomaly) fn turn_to(&mut self, slot: u32, index: i64) {
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
}

#[cfg(test)]
mod tests;
