//! Aggregations: what is asked ([`Node`]), and what has been counted ([`State`]).
//!
//! Counting is our own, over the columns, instead of the index library's: that one keeps `5` and `5.0` from two
//! segments as two terms, knows no `filters` and no `missing`, and ignores options it does not know. Counts are
//! exact; only percentiles of many values and cardinality of many values are estimates (see [`super::sketch`]).
//! Counts of several segments and days are merged by the values themselves.

use std::net::Ipv6Addr;

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::columnar::MonotonicallyMappableToU64;

use super::clause::Clause;
use super::columns::{FieldName, print_address};
use super::dates::month_start;
use super::sketch::{Distinct, Quantiles};

/// Buckets that one search may hold at a time.
pub(super) const MOST_BUCKETS: usize = 400_000;

/// One aggregation of a request.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) subs: Vec<Node>,
}

/// What it does.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Terms {
        field: FieldName,
        size: usize,
        order: Vec<Order>,
        least: u64,
        missing: Option<Key>,
    },
    DateHistogram {
        field: FieldName,
        interval: Interval,
        least: u64,
        bounds: Option<(i64, i64)>,
        keyed: bool,
    },
    Histogram {
        field: FieldName,
        interval: f64,
        offset: f64,
        least: u64,
        bounds: Option<(f64, f64)>,
        keyed: bool,
    },
    Ranges {
        field: FieldName,
        ranges: Vec<RangeBucket>,
        keyed: bool,
        dates: bool,
    },
    /// One bucket for each clause; several are a `filters`, one alone a `filter` or a `missing`.
    Filters {
        clauses: Vec<Clause>,
        shape: FilterShape,
    },
    Metric {
        field: FieldName,
        metric: Metric,
    },
    Percentiles {
        field: FieldName,
        percents: Vec<f64>,
        keyed: bool,
    },
    Cardinality {
        field: FieldName,
    },
}

/// How buckets of clauses are named.
#[derive(Debug, Clone)]
pub(super) enum FilterShape {
    Single,
    Named(Vec<String>),
    Anonymous,
}

/// How wide a bucket of time is, in milliseconds or in months.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Interval {
    Fixed { millis: i64, offset: i64 },
    Months(i64),
}

/// From (included) and to (excluded).
#[derive(Debug, Clone)]
pub(super) struct RangeBucket {
    pub(super) key: Option<String>,
    pub(super) from: Option<f64>,
    pub(super) to: Option<f64>,
}

/// What buckets are sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    Count {
        descending: bool,
    },
    Key {
        descending: bool,
    },
    /// A metric of the bucket: its name, the value's name in it, and the direction.
    Metric {
        name: String,
        property: String,
        descending: bool,
    },
}

/// A metric over numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Metric {
    Average,
    Min,
    Max,
    Sum,
    Count,
    Stats,
    /// How many standard deviations the bounds are apart from the mean.
    ExtendedStats(f64),
}

/// The value that a bucket stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Truth(bool),
    Integer(i128),
    /// A number with a fraction, in the order-preserving form.
    Float(u64),
    /// Milliseconds since 1970.
    Date(i64),
    Address(u128),
    Text(Box<str>),
}

impl Key {
    /// The key of a number; whole numbers have one form, whatever column they come from.
    pub(super) fn of_float(value: f64) -> Self {
        let whole = value.fract() == 0.0 && value.abs() < 1e19;
        if whole { Self::Integer(value as i128) } else { Self::Float(value.to_u64()) }
    }
}

/// What a number's statistics need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) squares: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// They are milliseconds since 1970.
    pub(super) dates: bool,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, dates: false }
    }
}

impl Numbers {
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.dates |= other.dates;
    }
}

/// What has been counted.
#[derive(Debug)]
pub(super) enum State<K> {
    Buckets(FxHashMap<K, Bucket<K>>),
    Numbers(Numbers),
    Quantiles(Quantiles),
    /// Distinct values, and ordinals of strings of the segment that are still to be looked up.
    Distinct(Distinct, FxHashSet<(u8, u64)>),
}

/// One bucket.
#[derive(Debug)]
pub(super) struct Bucket<K> {
    pub(super) count: u64,
    pub(super) subs: Vec<State<K>>,
}

impl<K> State<K> {
    fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Metric { .. } => Self::Numbers(Numbers::default()),
            Kind::Percentiles { .. } => Self::Quantiles(Quantiles::default()),
            Kind::Cardinality { .. } => Self::Distinct(Distinct::default(), FxHashSet::default()),
            _ => Self::Buckets(FxHashMap::default()),
        }
    }
}

/// The states of a request before anything is counted.
pub(super) fn states<K>(nodes: &[Node]) -> Vec<State<K>> {
    nodes.iter().map(|node| State::new(&node.kind)).collect()
}

/// Adds what another segment or day has counted.
pub(super) fn merge(into: &mut [State<Key>], from: Vec<State<Key>>) {
    for (into, from) in into.iter_mut().zip(from) {
        match (into, from) {
            (State::Buckets(into), State::Buckets(mut from)) => {
                // the smaller is put into the larger, and into none at all nothing is
                if into.len() < from.len() {
                    std::mem::swap(into, &mut from);
                }
                for (key, bucket) in from {
                    match into.entry(key) {
                        std::collections::hash_map::Entry::Vacant(place) => {
                            place.insert(bucket);
                        }
                        std::collections::hash_map::Entry::Occupied(mut known) => {
                            let known = known.get_mut();
                            known.count += bucket.count;
                            merge(&mut known.subs, bucket.subs);
                        }
                    }
                }
            }
            (State::Numbers(into), State::Numbers(from)) => into.merge(&from),
            (State::Quantiles(into), State::Quantiles(from)) => into.merge(from),
            (State::Distinct(into, _), State::Distinct(from, _)) => into.merge(from),
            _ => unreachable!("both come from the same request"),
        }
    }
}

/// How many buckets there are.
pub(super) fn size<K>(states: &[State<K>]) -> usize {
    let one = |state: &State<K>| match state {
        State::Buckets(buckets) => buckets.values().map(|bucket| 1 + size(&bucket.subs)).sum(),
        _ => 0,
    };
    states.iter().map(one).sum()
}

impl Kind {
    /// The field whose values it needs.
    pub(super) fn field(&self) -> Option<&FieldName> {
        match self {
            Self::Terms { field, .. }
            | Self::DateHistogram { field, .. }
            | Self::Histogram { field, .. }
            | Self::Ranges { field, .. }
            | Self::Metric { field, .. }
            | Self::Percentiles { field, .. }
            | Self::Cardinality { field } => Some(field),
            Self::Filters { .. } => None,
        }
    }
}

impl Interval {
    /// The first millisecond of the bucket that `millis` lies in.
    pub(super) fn start(self, millis: i64) -> i64 {
        match self {
            Self::Fixed { millis: width, offset } => (millis - offset).div_euclid(width) * width + offset,
            Self::Months(months) => month_start(millis, months).unwrap_or(millis),
        }
    }

    /// The bucket after the one that begins at `start`.
    pub(super) fn next(self, start: i64) -> i64 {
        match self {
            Self::Fixed { millis, .. } => start.saturating_add(millis),
            // any moment of the next block; a block has 31 days a month at most
            Self::Months(months) => self.start(start.saturating_add(months * 31 * 86_400_000 + 86_400_000)),
        }
    }
}

/// An address key as a document writes it.
pub(super) fn print_address_key(value: u128) -> String {
    print_address(Ipv6Addr::from(value))
}
