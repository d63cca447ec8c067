//! The kinds of metric. All are statics made of atomics: no lock, no allocation, safe from any thread. Only families
//! ([`Labelled`]) take a lock; they are set as a whole when they are shown, never on an event's way.
//!
//! Readings are relaxed: each number is exact in the end, but two numbers read together may be a moment apart.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a metric counts in; its name ends in it where Prometheus' naming rules ask for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things, such as events or connections.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// 1 for yes, 0 for no.
    YesOrNo,
    /// A share, or an index without a unit.
    Ratio,
}

/// What a metric is called and means.
#[derive(Debug)]
pub struct About {
    /// The name as Prometheus sees it, such as `oversight_events_received_total`.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// One sentence for a person.
    pub help: &'static str,
}

/// A number that only grows, from 0 at the start of the process.
#[derive(Debug)]
pub struct Counter {
    about: About,
    value: AtomicU64,
}

impl Counter {
    /// For the catalogue, which holds every counter there is.
    pub const fn new(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { about: About { name, unit, help }, value: AtomicU64::new(0) }
    }

    /// Counts `count` more.
    pub fn add(&self, count: u64) {
        self.value.fetch_add(count, Ordering::Relaxed);
    }

    /// Brings it to `total`, which somebody else has counted; it never falls.
    pub fn raise_to(&self, total: u64) {
        self.value.fetch_max(total, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn value(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Name, unit and meaning.
    pub fn about(&self) -> &About {
        &self.about
    }
}

/// A number that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    about: About,
    value: AtomicI64,
}

impl Gauge {
    /// For the catalogue, which holds every gauge there is.
    pub const fn new(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { about: About { name, unit, help }, value: AtomicI64::new(0) }
    }

    /// It stands at `value` now.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Moves it by `change`, which may be negative.
    pub fn add(&self, change: i64) {
        self.value.fetch_add(change, Ordering::Relaxed);
    }

    /// Where it stands.
    pub fn value(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Name, unit and meaning.
    pub fn about(&self) -> &About {
        &self.about
    }
}

/// One metric for each of a few things that labels tell apart, such as features or classes. Whoever sets it sees to it
/// that they are few.
#[derive(Debug)]
pub struct Labelled<const GROWS: bool> {
    about: About,
    samples: Mutex<Vec<Sample>>,
}

/// Numbers that only grow, told apart by labels.
pub type Counters = Labelled<true>;
/// Numbers that go up and down, told apart by labels.
pub type Gauges = Labelled<false>;

/// A value with what tells it from others.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Names and values; names are those of Prometheus, values any text.
    pub labels: Vec<(&'static str, String)>,
    /// How it stands.
    pub value: f64,
}

impl<const GROWS: bool> Labelled<GROWS> {
    /// For the catalogue, which holds every family there is.
    pub const fn new(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { about: About { name, unit, help }, samples: Mutex::new(Vec::new()) }
    }

    /// From now on there are these, and no others.
    pub fn set(&self, samples: Vec<Sample>) {
        *self.samples.lock().unwrap_or_else(PoisonError::into_inner) = samples;
    }

    /// How they stand.
    pub fn samples(&self) -> Vec<Sample> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name, unit and meaning.
    pub fn about(&self) -> &About {
        &self.about
    }
}

/// The upper ends of a histogram's buckets in microseconds, 100 µs to one minute; above the last lies one more.
pub const BOUNDS_MICROS: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// How long something took, in fixed buckets.
#[derive(Debug)]
pub struct Histogram {
    about: About,
    buckets: [AtomicU64; BOUNDS_MICROS.len() + 1],
    total_nanos: AtomicU64,
}

/// A histogram as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Observations in each bucket, in the order of [`BOUNDS_MICROS`]; the last holds what took longer than all.
    pub buckets: [u64; BOUNDS_MICROS.len() + 1],
    /// All observations together.
    pub total: Duration,
}

impl Reading {
    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Histogram {
    /// For the catalogue, which holds every histogram there is. Its unit is always seconds.
    pub const fn new(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self {
            about: About { name, unit, help },
            buckets: [const { AtomicU64::new(0) }; BOUNDS_MICROS.len() + 1],
            total_nanos: AtomicU64::new(0),
        }
    }

    /// Something took `length`.
    pub fn observe(&self, length: Duration) {
        let place = BOUNDS_MICROS.partition_point(|&bound| Duration::from_micros(bound) < length);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        // a sum of 584 years overflows; nothing observed lasts that long
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How it stands.
    pub fn reading(&self) -> Reading {
        Reading {
            buckets: std::array::from_fn(|place| self.buckets[place].load(Ordering::Relaxed)),
            total: Duration::from_nanos(self.total_nanos.load(Ordering::Relaxed)),
        }
    }

    /// Name, unit and meaning.
    pub fn about(&self) -> &About {
        &self.about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_grows_and_a_gauge_goes_both_ways() {
        let counter = Counter::new("a", Unit::Count, "");
        counter.add(3);
        counter.add(4);
        assert_eq!(counter.value(), 7);
        let gauge = Gauge::new("b", Unit::Count, "");
        gauge.set(5);
        gauge.add(-8);
        assert_eq!(gauge.value(), -3);
    }

    #[test]
    fn an_observation_at_a_bound_lies_in_the_bucket_below_it() {
        let histogram = Histogram::new("c", Unit::Seconds, "");
        histogram.observe(Duration::ZERO);
        histogram.observe(Duration::from_micros(100));
        histogram.observe(Duration::from_nanos(100_001));
        histogram.observe(Duration::from_secs(61));
        let reading = histogram.reading();
        assert_eq!(reading.buckets[..2], [2, 1]);
        assert_eq!(reading.buckets[BOUNDS_MICROS.len()], 1);
        assert_eq!(reading.count(), 4);
        assert_eq!(reading.total, Duration::from_nanos(61_000_200_001));
    }

    #[test]
    fn the_bounds_rise() {
        assert!(BOUNDS_MICROS.is_sorted_by(|a, b| a < b));
    }
}
