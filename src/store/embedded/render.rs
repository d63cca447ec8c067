//! What has been counted, in the shape of Elasticsearch's answers.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};
use tantivy::columnar::MonotonicallyMappableToU64;

use super::aggregate::{
    Bucket, FilterShape, Interval, Key, Kind, Metric, Node, Numbers, Order, RangeBucket, State, print_address_key,
};
use super::dates::print;
use super::query::bad;
use crate::store::SearchError;

/// Buckets of one answer, as Elasticsearch limits them.
const MOST_RENDERED: usize = 65_536;

type Buckets = FxHashMap<Key, Bucket<Key>>;

/// The member `aggregations` of an answer.
pub(super) fn render(nodes: &[Node], states: &[State<Key>]) -> Result<Map<String, Value>, SearchError> {
    let mut budget = MOST_RENDERED;
    members(nodes, states, &mut budget)
}

fn members(nodes: &[Node], states: &[State<Key>], budget: &mut usize) -> Result<Map<String, Value>, SearchError> {
    let all = nodes.iter().zip(states);
    all.map(|(node, state)| Ok((node.name.clone(), one(node, state, budget)?))).collect()
}

fn one(node: &Node, state: &State<Key>, budget: &mut usize) -> Result<Value, SearchError> {
    match (&node.kind, state) {
        (Kind::Metric { metric, .. }, State::Numbers(numbers)) => Ok(metric_value(*metric, numbers)),
        (Kind::Percentiles { percents, keyed, .. }, State::Quantiles(quantiles)) => {
            let values = percents.iter().map(|percent| (*percent, quantiles.percentile(*percent)));
            Ok(if *keyed {
                let values: Map<_, _> = values.map(|(percent, value)| (format!("{percent:?}"), json!(value))).collect();
                json!({ "values": values })
            } else {
                let values: Vec<_> = values.map(|(percent, value)| json!({"key": percent, "value": value})).collect();
                json!({ "values": values })
            })
        }
        (Kind::Cardinality { .. }, State::Distinct(distinct, _)) => Ok(json!({ "value": distinct.count() })),
        (_, State::Buckets(buckets)) => Renderer { node, budget }.buckets(buckets),
        _ => unreachable!("a state is made for its node"),
    }
}

struct Renderer<'a> {
    node: &'a Node,
    budget: &'a mut usize,
}

impl Renderer<'_> {
    fn buckets(mut self, buckets: &Buckets) -> Result<Value, SearchError> {
        match &self.node.kind {
            Kind::Terms { size, order, least, .. } => self.terms(buckets, *size, order, *least),
            Kind::DateHistogram { interval, least, bounds, keyed, .. } => {
                self.times(buckets, *interval, *least, *bounds, *keyed)
            }
            Kind::Histogram { interval, offset, least, bounds, keyed, .. } => {
                let place = |value: f64| ((value - offset) / interval).floor() as i64;
                let bounds = bounds.map(|(min, max)| (place(min), place(max)));
                self.numbers(buckets, (*interval, *offset), *least, bounds, *keyed)
            }
            Kind::Ranges { ranges, keyed, dates, .. } => self.ranges(buckets, ranges, *keyed, *dates),
            Kind::Filters { clauses, shape } => self.filters(buckets, clauses.len(), shape),
            _ => unreachable!("metrics have no buckets"),
        }
    }

    /// `doc_count` and the sub-aggregations of one bucket, which may be an empty one.
    fn bucket(&mut self, bucket: Option<&Bucket<Key>>) -> Result<Map<String, Value>, SearchError> {
        *self.budget = self.budget.checked_sub(1).ok_or_else(|| {
            bad(format!("{}: more than {MOST_RENDERED} buckets; ask for fewer or wider ones", self.node.name))
        })?;
        let mut members = match bucket {
            Some(bucket) => self::members(&self.node.subs, &bucket.subs, self.budget)?,
            None => self::members(&self.node.subs, &super::aggregate::states(&self.node.subs), self.budget)?,
        };
        members.insert("doc_count".to_owned(), bucket.map_or(0, |bucket| bucket.count).into());
        Ok(members)
    }

    fn terms(&mut self, buckets: &Buckets, size: usize, order: &[Order], least: u64) -> Result<Value, SearchError> {
        let subs = &self.node.subs;
        let kept = buckets.iter().filter(|(_, bucket)| bucket.count >= least);
        let mut ranked: Vec<Ranked<'_>> = kept.map(|(key, bucket)| Ranked::new(key, bucket, order, subs)).collect();
        let mut others = 0;
        if ranked.len() > size {
            // only the best have to be in order
            ranked.select_nth_unstable_by(size, |left, right| left.compare(right, order));
            others = ranked.drain(size..).map(|ranked| ranked.bucket.count).sum();
        }
        ranked.sort_unstable_by(|left, right| left.compare(right, order));
        let mut rendered = Vec::new();
        for Ranked { key, bucket, .. } in ranked {
            let mut members = self.bucket(Some(bucket))?;
            let (value, text) = term(key);
            members.insert("key".to_owned(), value);
            if let Some(text) = text {
                members.insert("key_as_string".to_owned(), text.into());
            }
            rendered.push(Value::Object(members));
        }
        Ok(json!({"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": rendered}))
    }

    fn times(
        &mut self,
        buckets: &Buckets,
        interval: Interval,
        least: u64,
        bounds: Option<(i64, i64)>,
        keyed: bool,
    ) -> Result<Value, SearchError> {
        let mut rendered = Vec::new();
        for start in self.row(buckets, least, bounds, |start| interval.next(start))? {
            let bucket = buckets.get(&Key::Integer(start.into())).filter(|bucket| bucket.count >= least);
            let mut members = self.bucket(bucket)?;
            members.insert("key".to_owned(), start.into());
            members.insert("key_as_string".to_owned(), print(start).into());
            rendered.push((print(start), members));
        }
        Ok(json!({ "buckets": list(rendered, keyed) }))
    }

    fn numbers(
        &mut self,
        buckets: &Buckets,
        (interval, offset): (f64, f64),
        least: u64,
        bounds: Option<(i64, i64)>,
        keyed: bool,
    ) -> Result<Value, SearchError> {
        let mut rendered = Vec::new();
        for place in self.row(buckets, least, bounds, |place| place.saturating_add(1))? {
            let bucket = buckets.get(&Key::Integer(place.into())).filter(|bucket| bucket.count >= least);
            let mut members = self.bucket(bucket)?;
            let key = place as f64 * interval + offset;
            members.insert("key".to_owned(), key.into());
            rendered.push((format!("{key:?}"), members));
        }
        Ok(json!({ "buckets": list(rendered, keyed) }))
    }

    /// The starts of the buckets to render, in order; without gaps where empty ones are wanted.
    fn row(
        &self,
        buckets: &Buckets,
        least: u64,
        bounds: Option<(i64, i64)>,
        next: impl Fn(i64) -> i64,
    ) -> Result<Vec<i64>, SearchError> {
        let starts = buckets.iter().filter(|(_, bucket)| bucket.count >= least).filter_map(|(key, _)| match key {
            Key::Integer(start) => i64::try_from(*start).ok(),
            _ => None,
        });
        let mut starts: Vec<i64> = starts.collect();
        starts.sort_unstable();
        if least > 0 {
            return Ok(starts);
        }
        let ends = starts.first().copied().zip(starts.last().copied());
        let (first, last) = match (ends, bounds) {
            (Some((first, last)), Some((min, max))) => (first.min(min), last.max(max)),
            (Some(ends), None) | (None, Some(ends)) => ends,
            (None, None) => return Ok(starts),
        };
        let mut all = Vec::new();
        let mut at = first;
        while at <= last {
            if all.len() >= MOST_RENDERED {
                let name = &self.node.name;
                return Err(bad(format!("{name}: more than {MOST_RENDERED} buckets; take a wider interval")));
            }
            all.push(at);
            let following = next(at);
            if following <= at {
                break;
            }
            at = following;
        }
        Ok(all)
    }

    fn ranges(
        &mut self,
        buckets: &Buckets,
        ranges: &[RangeBucket],
        keyed: bool,
        dates: bool,
    ) -> Result<Value, SearchError> {
        let end = |end: Option<f64>| match end {
            None => "*".to_owned(),
            Some(millis) if dates => print(millis as i64),
            Some(value) => format!("{value:?}"),
        };
        let mut rendered = Vec::new();
        for (number, range) in ranges.iter().enumerate() {
            let mut members = self.bucket(buckets.get(&Key::Integer(number as i128)))?;
            for (name, value) in [("from", range.from), ("to", range.to)] {
                if let Some(value) = value {
                    members.insert(name.to_owned(), value.into());
                    if dates {
                        members.insert(format!("{name}_as_string"), print(value as i64).into());
                    }
                }
            }
            let key = range.key.clone().unwrap_or_else(|| format!("{}-{}", end(range.from), end(range.to)));
            if !keyed {
                members.insert("key".to_owned(), key.clone().into());
            }
            rendered.push((key, members));
        }
        Ok(json!({ "buckets": list(rendered, keyed) }))
    }

    fn filters(&mut self, buckets: &Buckets, count: usize, shape: &FilterShape) -> Result<Value, SearchError> {
        let mut rendered = Vec::new();
        for number in 0..count {
            rendered.push(self.bucket(buckets.get(&Key::Integer(number as i128)))?);
        }
        Ok(match shape {
            FilterShape::Single => rendered.pop().map_or(Value::Null, Value::Object),
            FilterShape::Named(names) => {
                json!({ "buckets": list(names.iter().cloned().zip(rendered).collect(), true) })
            }
            FilterShape::Anonymous => json!({ "buckets": rendered }),
        })
    }
}

fn list(buckets: Vec<(String, Map<String, Value>)>, keyed: bool) -> Value {
    if keyed {
        return Value::Object(buckets.into_iter().map(|(key, members)| (key, Value::Object(members))).collect());
    }
    Value::Array(buckets.into_iter().map(|(_, members)| Value::Object(members)).collect())
}

/// A term's `key` and `key_as_string`.
fn term(key: &Key) -> (Value, Option<String>) {
    match key {
        Key::Truth(truth) => (u8::from(*truth).into(), Some(truth.to_string())),
        Key::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => (value.into(), None),
            (_, Ok(value)) => (value.into(), None),
            _ => ((*value as f64).into(), None),
        },
        Key::Float(raw) => (f64::from_u64(*raw).into(), None),
        Key::Date(millis) => ((*millis).into(), Some(print(*millis))),
        Key::Address(address) => (print_address_key(*address).into(), None),
        Key::Text(text) => (text.as_ref().into(), None),
    }
}

/// A bucket and the metrics it is sorted by, worked out once.
struct Ranked<'a> {
    key: &'a Key,
    bucket: &'a Bucket<Key>,
    metrics: Vec<Option<f64>>,
}

impl<'a> Ranked<'a> {
    fn new(key: &'a Key, bucket: &'a Bucket<Key>, orders: &[Order], subs: &[Node]) -> Self {
        let metrics = orders.iter().filter_map(|order| match order {
            Order::Metric { name, property, .. } => Some(property_of(subs, &bucket.subs, name, property)),
            Order::Count { .. } | Order::Key { .. } => None,
        });
        Self { key, bucket, metrics: metrics.collect() }
    }

    fn compare(&self, other: &Self, orders: &[Order]) -> Ordering {
        let mut metrics = self.metrics.iter().zip(&other.metrics);
        for order in orders {
            let (found, descending) = match order {
                Order::Count { descending } => (self.bucket.count.cmp(&other.bucket.count), *descending),
                Order::Key { descending } => (compare_keys(self.key, other.key), *descending),
                Order::Metric { descending, .. } => match metrics.next() {
                    Some((Some(left), Some(right))) => (left.total_cmp(right), *descending),
                    // buckets without the metric come last in both directions
                    Some((left, right)) => (right.is_some().cmp(&left.is_some()), false),
                    None => (Ordering::Equal, false),
                },
            };
            let found = if descending { found.reverse() } else { found };
            if found != Ordering::Equal {
                return found;
            }
        }
        Ordering::Equal
    }
}

/// Numbers by their value, whatever form they have.
fn compare_keys(left: &Key, right: &Key) -> Ordering {
    let number = |key: &Key| match key {
        Key::Integer(value) => Some(*value as f64),
        Key::Float(raw) => Some(f64::from_u64(*raw)),
        _ => None,
    };
    match (number(left), number(right)) {
        (Some(a), Some(b)) => a.total_cmp(&b).then_with(|| left.cmp(right)),
        _ => left.cmp(right),
    }
}

fn property_of(subs: &[Node], states: &[State<Key>], name: &str, property: &str) -> Option<f64> {
    let (node, state) = subs.iter().zip(states).find(|(node, _)| node.name == name)?;
    match (&node.kind, state) {
        (Kind::Metric { metric, .. }, State::Numbers(numbers)) => {
            let value = metric_value(*metric, numbers);
            value.get(property).and_then(Value::as_f64)
        }
        (Kind::Cardinality { .. }, State::Distinct(distinct, _)) => Some(distinct.count() as f64),
        _ => None,
    }
}

fn metric_value(metric: Metric, numbers: &Numbers) -> Value {
    let some = numbers.count > 0;
    let average = some.then(|| numbers.sum / numbers.count as f64);
    let (min, max) = (some.then_some(numbers.min), some.then_some(numbers.max));
    let single = |value: Option<f64>| {
        let mut members = json!({ "value": value });
        if let (true, Some(value)) = (numbers.dates, value) {
            members["value_as_string"] = print(value as i64).into();
        }
        members
    };
    match metric {
        Metric::Average => single(average),
        Metric::Min => single(min),
        Metric::Max => single(max),
        Metric::Sum => json!({ "value": numbers.sum }),
        Metric::Count => json!({ "value": numbers.count }),
        Metric::Stats => json!({"count": numbers.count, "min": min, "max": max, "avg": average, "sum": numbers.sum}),
        Metric::ExtendedStats(sigma) => extended(numbers, sigma),
    }
}

fn extended(numbers: &Numbers, sigma: f64) -> Value {
    let mut members = metric_value(Metric::Stats, numbers);
    let count = numbers.count as f64;
    let mean = numbers.sum / count;
    let spread = (numbers.squares - numbers.sum * mean).max(0.0);
    let population = (numbers.count > 0).then(|| spread / count);
    let sampling = (numbers.count > 1).then(|| spread / (count - 1.0));
    let bound = |variance: Option<f64>, sign: f64| variance.map(|variance| mean + sign * sigma * variance.sqrt());
    members["sum_of_squares"] = (numbers.count > 0).then_some(numbers.squares).into();
    for (name, value) in
        [("variance", population), ("variance_population", population), ("variance_sampling", sampling)]
    {
        members[name] = value.into();
        members[name.replace("variance", "std_deviation")] = value.map(f64::sqrt).into();
    }
    members["std_deviation_bounds"] = json!({
        "upper": bound(population, 1.0), "lower": bound(population, -1.0),
        "upper_population": bound(population, 1.0), "lower_population": bound(population, -1.0),
        "upper_sampling": bound(sampling, 1.0), "lower_sampling": bound(sampling, -1.0),
    });
    members
}
