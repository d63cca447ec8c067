//! For tests: events as lists of values, engines of a few lines, and noise with fixed seeds.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::declare::MetricDeclaration;
use super::engine::{Engine, Settings};
use super::fields::{Fields, Value};
use super::metric::Metrics;
use super::record::AnomalyRecord;
use super::touched::Touched;
use crate::event::{EventTime, ReceivedTime};

/// 2026-01-05T00:00:00Z, a Monday.
pub(super) const MONDAY: f64 = 1_767_571_200.0;

/// An event: its time in seconds after [`MONDAY`], and the values of the engine's paths in their order.
#[derive(Debug, Clone)]
pub(super) struct TestEvent {
    pub at: f64,
    pub values: Vec<Option<Value<'static>>>,
}

impl TestEvent {
    pub(super) fn new(at: f64, values: &[Value<'static>]) -> Self {
        Self { at, values: values.iter().cloned().map(Some).collect() }
    }

    pub(super) fn time(&self) -> EventTime {
        EventTime::from_seconds(MONDAY + self.at).expect("within the years")
    }
}

impl Fields for TestEvent {
    fn field(&self, id: usize) -> Option<Value<'_>> {
        self.values.get(id).cloned().flatten()
    }
}

pub(super) fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

pub(super) fn settings(declared: &str) -> Settings {
    let declared: Vec<MetricDeclaration> = serde_json::from_str(declared).expect("readable");
    Settings { metrics: Metrics::check(&declared).expect("no faults"), ..Settings::default() }
}

/// All values of an enum that declarations have, as its schema lists them: a test that goes through them cannot forget one.
pub(super) fn every<T: schemars::JsonSchema + serde::de::DeserializeOwned>() -> Vec<T> {
    let schema = serde_json::to_value(schemars::schema_for!(T)).expect("a schema is JSON");
    let described = schema["oneOf"].as_array().into_iter().flatten().map(|one| one["const"].clone());
    let plain = schema["enum"].as_array().into_iter().flatten().cloned();
    described.chain(plain).map(|name| serde_json::from_value(name).expect("one of its values")).collect()
}

/// An engine that is fed one event after the other; all are received when they happen.
pub(super) struct Feed {
    pub engine: Engine,
    pub touched: Touched,
    pub records: Vec<AnomalyRecord>,
}

impl Feed {
    pub(super) fn new(settings: Settings) -> Self {
        Self { engine: Engine::new(settings), touched: Touched::new(), records: Vec::new() }
    }

    /// What the event is told of the series it touches.
    pub(super) fn observe(&mut self, event: &TestEvent) -> String {
        let sequence = self.engine.position().plus(1);
        let received = ReceivedTime::from_micros(event.time().micros());
        self.engine.observe(event, event.time(), received, sequence, &mut self.touched);
        self.touched.metrics_json().to_owned()
    }

    /// Records so far, with those that only the clock would bring.
    pub(super) fn drain(&mut self) -> &[AnomalyRecord] {
        let new = self.engine.advance(ReceivedTime::from_micros(0));
        self.records.extend(new);
        &self.records
    }

    pub(super) fn finish(mut self) -> Vec<AnomalyRecord> {
        self.records.extend(self.engine.finish());
        self.records
    }
}

/// Random numbers with a fixed seed.
pub(super) struct Noise(ChaCha8Rng);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    pub(super) fn below(&mut self, end: u32) -> u32 {
        self.0.random_range(0..end)
    }

    /// Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Marsaglia and Tsang, for shape of at least 1; smaller ones by their boost.
    pub(super) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = self.uniform().powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.uniform()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Knuth's product for small means, rounded normal for large ones.
    pub(super) fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 60.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0.0);
        while product > limit {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }
}
