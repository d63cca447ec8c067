//! Events of the past through the metrics: to try declarations out, and to learn before the first start.
//!
//! Time is that of the events; nothing is stored, and no engine but the one at hand learns anything.

use crate::anomaly::{AnomalyRecord, Counters, Engine, Fields, Touched, Value};
use crate::event::{EventTime, ReceivedTime};
use crate::normalise::{Normaliser, Rules};

use super::fields::MetricFields;

/// An engine that is shown the past.
pub struct History {
    engine: Engine,
    normaliser: Normaliser,
    touched: Touched,
    /// Only events from here on, and before there, count.
    from: Option<EventTime>,
    to: Option<EventTime>,
    counted: Counted,
    records: Vec<AnomalyRecord>,
}

/// What became of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Shown to the metrics.
    pub events: u64,
    /// Outside of the time that was asked for.
    pub outside: u64,
    /// No JSON object.
    pub unreadable: u64,
    /// Without a time of their own.
    pub timeless: u64,
}

/// What the past has shown.
pub struct Past {
    /// What has learnt it.
    pub engine: Engine,
    /// What it made of it, in the order in which buckets closed.
    pub records: Vec<AnomalyRecord>,
    /// What became of the events.
    pub counted: Counted,
    /// What the engine says of them.
    pub counters: Counters,
}

/// The value of a bucket that was measured elsewhere, at the one path that the metric reads.
struct Measured(f64);

impl Fields for Measured {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        (id == 0).then_some(Value::Number(self.0))
    }
}

impl History {
    /// For an engine with nothing learnt; events before `from`, and from `to` on, are left out.
    pub fn new(engine: Engine, rules: &Rules, from: Option<EventTime>, to: Option<EventTime>) -> Self {
        Self {
            normaliser: Normaliser::with_rules(&engine.paths(), rules),
            engine,
            touched: Touched::new(),
            from,
            to,
            counted: Counted::default(),
            records: Vec::new(),
        }
    }

    /// Shows an event.
    pub fn event(&mut self, body: &[u8]) {
        let Ok(view) = self.normaliser.read(body) else {
            self.counted.unreadable += 1;
            return;
        };
        match view.time {
            Some(time) if self.is_wanted(time) => {
                self.counted.events += 1;
                let (engine, touched) = (&mut self.engine, &mut self.touched);
                show(engine, &MetricFields(&view), time, touched);
            }
            Some(_) => self.counted.outside += 1,
            None => self.counted.timeless += 1,
        }
        self.normaliser.recycle(view);
        self.collect();
    }

    /// Shows a value that was measured elsewhere.
    pub fn value(&mut self, time: EventTime, value: f64) {
        if self.is_wanted(time) {
            self.counted.events += 1;
            show(&mut self.engine, &Measured(value), time, &mut self.touched);
            self.collect();
        } else {
            self.counted.outside += 1;
        }
    }

    /// Closes what is open.
    pub fn finish(mut self) -> Past {
        let rest = self.engine.finish();
        self.records.extend(rest);
        let counters = self.engine.counters();
        Past { engine: self.engine, records: self.records, counted: self.counted, counters }
    }

    fn is_wanted(&self, time: EventTime) -> bool {
        self.from.is_none_or(|from| time.micros() >= from.micros())
            && self.to.is_none_or(|to| time.micros() < to.micros())
    }

    fn collect(&mut self) {
        // a clock that stands still moves nothing
        let made = self.engine.advance(ReceivedTime::from_micros(0));
        self.records.extend(made);
    }
}

/// An event is received when it happens, so none lies in the future.
fn show(engine: &mut Engine, fields: &impl Fields, time: EventTime, touched: &mut Touched) {
    let sequence = engine.position().plus(1);
    engine.observe(fields, time, ReceivedTime::from_micros(time.micros()), sequence, touched);
}
