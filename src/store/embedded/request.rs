//! The `aggs` of a search body, read into [`Node`]s; what is not supported is named and refused.

use serde_json::{Map, Value};

use super::aggregate::{FilterShape, Interval, Key, Kind, Metric, Node, Order, RangeBucket};
use super::clause::Clause;
use super::columns::FieldName;
use super::dates::{MILLI, interval_millis, read};
use super::query::{bad, is_utc, known, object, parse};
use crate::store::SearchError;

/// How deep aggregations may be nested.
const DEEPEST: usize = 8;
/// The largest `size` of a terms aggregation.
const MOST_TERMS: u64 = 65_536;

/// Reads the member `aggs` or `aggregations` of a body or of an aggregation; `now` in milliseconds since 1970.
pub(super) fn aggregations(body: &Map<String, Value>, now: i64) -> Result<Vec<Node>, SearchError> {
    aggregations_at(body, now, 0)
}

fn aggregations_at(body: &Map<String, Value>, now: i64, depth: usize) -> Result<Vec<Node>, SearchError> {
    let Some(wanted) = body.get("aggs").or_else(|| body.get("aggregations")) else { return Ok(Vec::new()) };
    if depth >= DEEPEST {
        return Err(bad(format!("the aggregations are nested deeper than {DEEPEST} levels")));
    }
    let wanted = object(wanted, "aggs")?;
    wanted.iter().map(|(name, definition)| node(name, definition, now, depth)).collect()
}

fn node(name: &str, definition: &Value, now: i64, depth: usize) -> Result<Node, SearchError> {
    let definition = object(definition, name)?;
    let mut kinds = definition.iter().filter(|(key, _)| !matches!(key.as_str(), "aggs" | "aggregations" | "meta"));
    let (Some((kind, options)), None) = (kinds.next(), kinds.next()) else {
        return Err(bad(format!("the aggregation {name} needs exactly one type")));
    };
    let subs = aggregations_at(definition, now, depth + 1)?;
    let options = Options { name, kind, members: object(options, kind)?, now };
    let kind = options.read()?;
    if !subs.is_empty() && matches!(kind, Kind::Metric { .. } | Kind::Percentiles { .. } | Kind::Cardinality { .. }) {
        return Err(bad(format!("the aggregation {name} is a metric and has no sub-aggregations")));
    }
    if let Kind::Terms { order, .. } = &kind {
        check_order(name, order, &subs)?;
    }
    Ok(Node { name: name.to_owned(), kind, subs })
}

fn check_order(name: &str, order: &[Order], subs: &[Node]) -> Result<(), SearchError> {
    for order in order {
        let Order::Metric { name: metric, property, .. } = order else { continue };
        let found = subs.iter().find(|sub| sub.name == *metric);
        let fits = found.is_some_and(|sub| match &sub.kind {
            Kind::Metric { metric: Metric::Stats | Metric::ExtendedStats(_), .. } => {
                matches!(property.as_str(), "min" | "max" | "avg" | "sum" | "count")
            }
            Kind::Metric { .. } | Kind::Cardinality { .. } => property == "value",
            _ => false,
        });
        if !fits {
            return Err(bad(format!("{name}: the order {metric}.{property} is no metric of its buckets")));
        }
    }
    Ok(())
}

/// The body of one aggregation.
struct Options<'a> {
    name: &'a str,
    kind: &'a str,
    members: &'a Map<String, Value>,
    now: i64,
}

impl Options<'_> {
    fn read(&self) -> Result<Kind, SearchError> {
        match self.kind {
            "terms" => self.terms(),
            "date_histogram" => self.date_histogram(),
            "histogram" => self.histogram(),
            "range" => self.ranges(false),
            "date_range" => self.ranges(true),
            "percentiles" => self.percentiles(),
            "cardinality" => {
                // it bounds memory elsewhere; here the bound is fixed, and lies above the largest that may be asked for
                known(self.members, self.name, &["field", "precision_threshold"])?;
                Ok(Kind::Cardinality { field: self.field()? })
            }
            "filter" => {
                let clauses = vec![parse(&Value::Object(self.members.clone()), self.now)?];
                Ok(Kind::Filters { clauses, shape: FilterShape::Single })
            }
            "missing" => {
                known(self.members, self.name, &["field"])?;
                let clauses = vec![Clause::Exists(self.field()?).not()];
                Ok(Kind::Filters { clauses, shape: FilterShape::Single })
            }
            "filters" => self.filters(),
            "avg" => self.metric(Metric::Average),
            "min" => self.metric(Metric::Min),
            "max" => self.metric(Metric::Max),
            "sum" => self.metric(Metric::Sum),
            "value_count" => self.metric(Metric::Count),
            "stats" => self.metric(Metric::Stats),
            "extended_stats" => {
                known(self.members, self.name, &["field", "sigma"])?;
                let sigma = self.number("sigma")?.unwrap_or(2.0);
                Ok(Kind::Metric { field: self.field()?, metric: Metric::ExtendedStats(sigma) })
            }
            other => Err(bad(format!("the aggregation type [{other}] of {} is not supported", self.name))),
        }
    }

    fn wrong(&self, reason: &str) -> SearchError {
        bad(format!("{}: {reason}", self.name))
    }

    /// The field; `message` has no values to count, only words to search.
    fn field(&self) -> Result<FieldName, SearchError> {
        let name = self.members.get("field").and_then(Value::as_str).ok_or_else(|| self.wrong("field is missing"))?;
        match FieldName::parse(name) {
            field @ (FieldName::Message | FieldName::Id) => {
                let exists = self.kind == "missing";
                if exists { Ok(field) } else { Err(self.wrong(&format!("{name} can be searched, not aggregated"))) }
            }
            field => Ok(field),
        }
    }

    fn number(&self, name: &str) -> Result<Option<f64>, SearchError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| self.wrong(&format!("{name} is no number"))),
        }
    }

    fn count(&self, name: &str) -> Result<Option<u64>, SearchError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| self.wrong(&format!("{name} is no whole number"))),
        }
    }

    fn keyed(&self, default: bool) -> Result<bool, SearchError> {
        match self.members.get("keyed") {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong("keyed is neither true nor false")),
        }
    }

    fn metric(&self, metric: Metric) -> Result<Kind, SearchError> {
        known(self.members, self.name, &["field"])?;
        Ok(Kind::Metric { field: self.field()?, metric })
    }

    fn terms(&self) -> Result<Kind, SearchError> {
        let names = ["field", "size", "shard_size", "order", "min_doc_count", "missing", "show_term_doc_count_error"];
        known(self.members, self.name, &names)?;
        let size = self.count("size")?.unwrap_or(10);
        if size == 0 || size > MOST_TERMS {
            return Err(self.wrong(&format!("size must be 1 to {MOST_TERMS}")));
        }
        let least = self.count("min_doc_count")?.unwrap_or(1);
        if least == 0 {
            return Err(self.wrong("min_doc_count 0 is not supported for terms"));
        }
        let missing = self.members.get("missing").map(|value| self.key(value)).transpose()?;
        let mut order = match self.members.get("order") {
            None => vec![Order::Count { descending: true }],
            Some(Value::Array(orders)) => orders.iter().map(|order| self.order(order)).collect::<Result<_, _>>()?,
            Some(order) => vec![self.order(order)?],
        };
        if !order.iter().any(|order| matches!(order, Order::Key { .. })) {
            order.push(Order::Key { descending: false });
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Kind::Terms { field: self.field()?, size, order, least, missing })
    }

    fn key(&self, value: &Value) -> Result<Key, SearchError> {
        match value {
            Value::String(text) => Ok(Key::Text(text.as_str().into())),
            Value::Bool(truth) => Ok(Key::Truth(*truth)),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Ok(Key::Integer(integer.into())),
                None => Ok(Key::of_float(number.as_f64().unwrap_or(0.0))),
            },
            _ => Err(self.wrong("missing is no value")),
        }
    }

    fn order(&self, order: &Value) -> Result<Order, SearchError> {
        let (name, direction) = super::query::only_member(order, "order")?;
        let descending = match direction.as_str() {
            Some("desc") => true,
            Some("asc") => false,
            _ => return Err(self.wrong("an order is neither asc nor desc")),
        };
        Ok(match name {
            "_count" => Order::Count { descending },
            "_key" | "_term" => Order::Key { descending },
            path => {
                let (name, property) = path.split_once('.').unwrap_or((path, "value"));
                Order::Metric { name: name.to_owned(), property: property.to_owned(), descending }
            }
        })
    }

    fn date_histogram(&self) -> Result<Kind, SearchError> {
        let names = [
            "field",
            "fixed_interval",
            "calendar_interval",
            "interval",
            "min_doc_count",
            "extended_bounds",
            "keyed",
            "offset",
            "time_zone",
            "order",
            "format",
        ];
        known(self.members, self.name, &names)?;
        if let Some(zone) = self.members.get("time_zone").filter(|zone| !is_utc(zone)) {
            return Err(self.wrong(&format!("the time zone {zone} is not supported, only UTC is")));
        }
        if let Some(format) = self.members.get("format")
            && !matches!(format.as_str(), Some("strict_date_optional_time" | "strict_date_time" | "date_time"))
        {
            return Err(self.wrong(&format!("the format {format} is not supported")));
        }
        if self
            .members
            .get("order")
            .is_some_and(|order| self.order(order).ok() != Some(Order::Key { descending: false }))
        {
            return Err(self.wrong("buckets of time come in their order only"));
        }
        let bounds = match self.members.get("extended_bounds") {
            None | Some(Value::Null) => None,
            Some(bounds) => Some((self.moment(bounds, "min")?, self.moment(bounds, "max")?)),
        };
        let (interval, least) = (self.interval()?, self.count("min_doc_count")?.unwrap_or(0));
        let bounds = bounds.map(|(min, max)| (interval.start(min), interval.start(max)));
        Ok(Kind::DateHistogram { field: self.field()?, interval, least, bounds, keyed: self.keyed(false)? })
    }

    fn moment(&self, bounds: &Value, name: &str) -> Result<i64, SearchError> {
        let wrong = || self.wrong(&format!("extended_bounds: {name} is no date"));
        match bounds.get(name) {
            Some(Value::Number(millis)) => millis.as_i64().ok_or_else(wrong),
            Some(Value::String(text)) => Ok(read(text, self.now).ok_or_else(wrong)?.first.div_euclid(MILLI)),
            _ => Err(wrong()),
        }
    }

    fn interval(&self) -> Result<Interval, SearchError> {
        let offset = match self.members.get("offset").and_then(Value::as_str) {
            None => 0,
            Some(text) => {
                let (sign, plain) = match text.strip_prefix('-') {
                    Some(plain) => (-1, plain),
                    None => (1, text.strip_prefix('+').unwrap_or(text)),
                };
                sign * interval_millis(plain).ok_or_else(|| self.wrong("the offset is no interval"))?
            }
        };
        let text = |name: &str| self.members.get(name).and_then(Value::as_str);
        let fixed = |text: &str| interval_millis(text).map(|millis| Interval::Fixed { millis, offset });
        let calendar = |text: &str| {
            let day = 86_400_000;
            let (millis, shift) = match text {
                "minute" | "1m" => (60_000, 0),
                "hour" | "1h" => (3_600_000, 0),
                "day" | "1d" => (day, 0),
                // weeks begin on Monday, and 1970 began on a Thursday
                "week" | "1w" => (7 * day, 4 * day),
                "second" | "1s" => (1000, 0),
                "month" | "1M" if offset == 0 => return Some(Interval::Months(1)),
                "quarter" | "1q" if offset == 0 => return Some(Interval::Months(3)),
                "year" | "1y" if offset == 0 => return Some(Interval::Months(12)),
                _ => return None,
            };
            Some(Interval::Fixed { millis, offset: shift + offset })
        };
        let read = match (text("fixed_interval"), text("calendar_interval"), text("interval")) {
            (Some(interval), None, None) => fixed(interval),
            (None, Some(interval), None) => calendar(interval),
            (None, None, Some(interval)) => calendar(interval).or_else(|| fixed(interval)),
            _ => return Err(self.wrong("exactly one of fixed_interval and calendar_interval is needed")),
        };
        read.ok_or_else(|| self.wrong("the interval is not supported"))
    }

    fn histogram(&self) -> Result<Kind, SearchError> {
        let names = ["field", "interval", "offset", "min_doc_count", "extended_bounds", "keyed"];
        known(self.members, self.name, &names)?;
        let interval = self.number("interval")?.filter(|interval| *interval > 0.0 && interval.is_finite());
        let interval = interval.ok_or_else(|| self.wrong("interval must be a number above 0"))?;
        let bounds = match self.members.get("extended_bounds") {
            None | Some(Value::Null) => None,
            Some(bounds) => {
                let end = |name: &str| bounds.get(name).and_then(Value::as_f64);
                Some(end("min").zip(end("max")).ok_or_else(|| self.wrong("extended_bounds needs min and max"))?)
            }
        };
        let (offset, least) = (self.number("offset")?.unwrap_or(0.0), self.count("min_doc_count")?.unwrap_or(0));
        Ok(Kind::Histogram { field: self.field()?, interval, offset, least, bounds, keyed: self.keyed(false)? })
    }

    fn ranges(&self, dates: bool) -> Result<Kind, SearchError> {
        known(self.members, self.name, &["field", "ranges", "keyed"])?;
        let ranges = self.members.get("ranges").and_then(Value::as_array);
        let ranges = ranges.ok_or_else(|| self.wrong("ranges is missing"))?;
        let one = |range: &Value| -> Result<RangeBucket, SearchError> {
            let members = object(range, self.name)?;
            known(members, self.name, &["key", "from", "to"])?;
            let end = |name: &str| match members.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) if dates => {
                    let span = read(text, self.now).ok_or_else(|| self.wrong(&format!("{text} is no date")))?;
                    Ok(Some(span.first.div_euclid(MILLI) as f64))
                }
                Some(value) => value.as_f64().map(Some).ok_or_else(|| self.wrong(&format!("{name} is no number"))),
            };
            let key = members.get("key").and_then(Value::as_str).map(str::to_owned);
            Ok(RangeBucket { key, from: end("from")?, to: end("to")? })
        };
        let mut ranges = ranges.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let ends = |range: &RangeBucket| (range.from.unwrap_or(f64::NEG_INFINITY), range.to.unwrap_or(f64::INFINITY));
        ranges.sort_by(|left, right| {
            let (left, right) = (ends(left), ends(right));
            left.0.total_cmp(&right.0).then(left.1.total_cmp(&right.1))
        });
        Ok(Kind::Ranges { field: self.field()?, ranges, keyed: self.keyed(false)?, dates })
    }

    fn percentiles(&self) -> Result<Kind, SearchError> {
        known(self.members, self.name, &["field", "percents", "keyed"])?;
        let percents = match self.members.get("percents") {
            None => vec![1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0],
            Some(percents) => {
                let list = percents.as_array().ok_or_else(|| self.wrong("percents is no list"))?;
                let one = |percent: &Value| percent.as_f64().filter(|percent| (0.0..=100.0).contains(percent));
                list.iter().map(one).collect::<Option<_>>().ok_or_else(|| self.wrong("a percent is not 0 to 100"))?
            }
        };
        Ok(Kind::Percentiles { field: self.field()?, percents, keyed: self.keyed(true)? })
    }

    fn filters(&self) -> Result<Kind, SearchError> {
        known(self.members, self.name, &["filters", "other_bucket", "other_bucket_key"])?;
        let (mut names, mut clauses) = (Vec::new(), Vec::new());
        let named = match self.members.get("filters") {
            Some(Value::Object(filters)) => {
                for (name, filter) in filters {
                    names.push(name.clone());
                    clauses.push(parse(filter, self.now)?);
                }
                true
            }
            Some(Value::Array(filters)) => {
                clauses = filters.iter().map(|filter| parse(filter, self.now)).collect::<Result<_, _>>()?;
                false
            }
            _ => return Err(self.wrong("filters is missing")),
        };
        let other = self.members.get("other_bucket_key").and_then(Value::as_str);
        if other.is_some() || self.members.get("other_bucket").and_then(Value::as_bool).unwrap_or(false) {
            clauses.push(Clause::any_of(clauses.clone()).not());
            names.push(other.unwrap_or("_other_").to_owned());
        }
        let shape = if named { FilterShape::Named(names) } else { FilterShape::Anonymous };
        Ok(Kind::Filters { clauses, shape })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_aggs(aggs: Value) -> Result<Vec<Node>, SearchError> {
        aggregations(json!({ "aggs": aggs }).as_object().expect("an object"), 0)
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (aggs, word) in [
            (json!({"a": {"top_hits": {}}}), "top_hits"),
            (json!({"a": {"terms": {"field": "x", "include": "y"}}}), "include"),
            (json!({"a": {"terms": {"field": "message"}}}), "not aggregated"),
            (json!({"a": {"terms": {"field": "x", "order": {"b": "asc"}}}}), "b.value"),
            (json!({"a": {"date_histogram": {"field": "x", "fixed_interval": "1M"}}}), "interval"),
            (json!({"a": {"date_histogram": {"field": "x", "fixed_interval": "1d", "time_zone": "CET"}}}), "CET"),
            (json!({"a": {"percentiles": {"field": "x", "hdr": {}}}}), "hdr"),
            (json!({"a": {"avg": {"field": "x"}, "aggs": {"b": {"avg": {"field": "x"}}}}}), "metric"),
            (json!({"a": {"histogram": {"field": "x", "interval": 0}}}), "interval"),
            (json!({"a": {"avg": {"field": "x"}, "sum": {"field": "x"}}}), "one type"),
        ] {
            let error = read_aggs(aggs.clone()).expect_err("not supported").to_string();
            assert!(error.contains(word), "{aggs}: {error}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let read = read_aggs(json!({"a": {"date_histogram": {"field": "x", "calendar_interval": "week"}}}));
        let Kind::DateHistogram { interval, .. } = read.expect("readable")[0].kind.clone() else { panic!() };
        let sunday = super::super::dates::recognise("2026-11-22T10:00:00Z").expect("a date") / MILLI;
        assert_eq!(super::super::dates::print(interval.start(sunday)), "2026-11-16T00:00:00.000Z");
    }
}
