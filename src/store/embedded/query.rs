//! Elasticsearch's query DSL, the part of it that the page and the commands use; anything else is named and refused.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Bound;

use serde_json::{Map, Value};

use super::clause::{Clause, Group, Words};
use super::columns::FieldName;
use super::edge::{Edge, Number};
use super::flatten::as_v6;
use super::lucene;
use super::pattern::Pattern;
use super::probe::Test;
use super::words::words;
use crate::store::SearchError;

/// How deep queries may be nested.
const DEEPEST: usize = 32;

/// The error for a part that is wrong or not understood.
pub(super) fn bad(reason: impl Into<String>) -> SearchError {
    SearchError::Bad(reason.into())
}

/// Reads a query; `now` in milliseconds since 1970.
pub(super) fn parse(query: &Value, now: i64) -> Result<Clause, SearchError> {
    parse_at(query, now, 0)
}

fn parse_at(query: &Value, now: i64, depth: usize) -> Result<Clause, SearchError> {
    if depth > DEEPEST {
        return Err(bad(format!("the query is nested deeper than {DEEPEST} levels")));
    }
    let (name, body) = only_member(query, "query")?;
    match name {
        "match_all" => Ok(Clause::All),
        "match_none" => Ok(Clause::Nothing),
        "bool" => parse_bool(body, now, depth),
        "constant_score" => {
            let inner = object(body, name)?;
            known(inner, name, &["filter", "boost"])?;
            parse_at(inner.get("filter").ok_or_else(|| bad("constant_score: filter is missing"))?, now, depth + 1)
        }
        "term" => by_field(body, name, "value", now, |field, value, options| {
            known(options, "term", &["value", "boost", "case_insensitive"])?;
            if flag(options, "case_insensitive")? {
                let text = value.as_str().ok_or_else(|| bad("term: case_insensitive needs a string"))?;
                return Ok(Clause::like(field, Pattern::exactly(text, true)));
            }
            term(field, value, now)
        }),
        "match" => by_field(body, name, "query", now, |field, value, options| {
            known(options, "match", &["query", "operator", "boost", "lenient"])?;
            matches(field, value, options, now)
        }),
        "match_phrase" => by_field(body, name, "query", now, |field, value, options| {
            known(options, "match_phrase", &["query", "boost"])?;
            Ok(Clause::equals(field, edge(value, now)?))
        }),
        "multi_match" => multi_match(body, now),
        "terms" => terms(body, now),
        "prefix" => by_field(body, name, "value", now, |field, value, options| {
            known(options, "prefix", &["value", "boost", "case_insensitive"])?;
            let text = value.as_str().ok_or_else(|| bad("prefix: the value is no string"))?;
            Ok(Clause::like(field, Pattern::beginning_with(text, flag(options, "case_insensitive")?)))
        }),
        "wildcard" => by_field(body, name, "value", now, |field, value, options| {
            known(options, "wildcard", &["value", "wildcard", "boost", "case_insensitive"])?;
            let value = options.get("wildcard").unwrap_or(value);
            let text = value.as_str().ok_or_else(|| bad("wildcard: the value is no string"))?;
            Ok(Clause::like(field, Pattern::new(text, flag(options, "case_insensitive")?)))
        }),
        "exists" => {
            let inner = object(body, name)?;
            known(inner, name, &["field", "boost"])?;
            let field = inner.get("field").and_then(Value::as_str).ok_or_else(|| bad("exists: field is missing"))?;
            Ok(Clause::Exists(FieldName::parse(field)))
        }
        "range" => range(body, now),
        "ids" => {
            let inner = object(body, name)?;
            known(inner, name, &["values", "boost"])?;
            let values = inner.get("values").and_then(Value::as_array).ok_or_else(|| bad("ids: values is missing"))?;
            let ids = values.iter().map(|id| id.as_str().map(str::to_owned).ok_or_else(|| bad("ids: not a string")));
            Ok(Clause::Ids(ids.collect::<Result<_, _>>()?))
        }
        "query_string" => query_string(body, now),
        other => Err(bad(format!("the query [{other}] is not supported by the embedded index"))),
    }
}

fn parse_bool(body: &Value, now: i64, depth: usize) -> Result<Clause, SearchError> {
    let body = object(body, "bool")?;
    let names = ["must", "filter", "should", "must_not", "minimum_should_match", "boost", "adjust_pure_negative"];
    known(body, "bool", &names)?;
    let clauses = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(queries)) => queries.iter().map(|query| parse_at(query, now, depth + 1)).collect(),
        Some(query) => parse_at(query, now, depth + 1).map(|clause| vec![clause]),
    };
    let (must, filter) = (clauses("must")?, clauses("filter")?);
    let (should, must_not) = (clauses("should")?, clauses("must_not")?);
    let minimum = body.get("minimum_should_match").map(|value| minimum(value, should.len())).transpose()?;
    Ok(Clause::Bool(Box::new(Group { must, filter, should, must_not, minimum })))
}

/// `2`, `"2"`, `"-1"`, `"75%"`, `"-25%"`.
fn minimum(value: &Value, count: usize) -> Result<usize, SearchError> {
    let wrong = || bad(format!("minimum_should_match: {value} is neither a number nor a percentage"));
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err(wrong()),
    };
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let needed = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: i64 = percent.parse().map_err(|_| wrong())?;
            let part = count.saturating_mul(percent.abs().min(100)) / 100;
            if percent < 0 { count - part } else { part }
        }
        None => {
            let number: i64 = text.parse().map_err(|_| wrong())?;
            if number < 0 { count.saturating_add(number) } else { number }
        }
    };
    Ok(usize::try_from(needed.max(0)).unwrap_or(usize::MAX))
}

/// A field's value as an edge.
pub(super) fn edge(value: &Value, now: i64) -> Result<Edge, SearchError> {
    match value {
        Value::String(text) => Ok(Edge::of_text(text, now)),
        Value::Bool(truth) => Ok(Edge::of_truth(*truth)),
        Value::Number(number) => {
            let number = Number::parse(&number.to_string()).ok_or_else(|| bad(format!("{number} is no number")))?;
            Ok(Edge::of_number(number))
        }
        other => Err(bad(format!("{other} is no value to compare with"))),
    }
}

/// The field has this value; an address with a prefix length means a network.
pub(super) fn term(field: FieldName, value: &Value, now: i64) -> Result<Clause, SearchError> {
    if let Some((first, last)) = value.as_str().and_then(network)
        && matches!(field, FieldName::Address { .. } | FieldName::Path(_))
    {
        let inside = Clause::Field(field.clone(), Box::new(Test::Network(first, last)));
        return Ok(Clause::any_of(vec![inside, Clause::equals(field, edge(value, now)?)]));
    }
    Ok(Clause::equals(field, edge(value, now)?))
}

/// First and last address of `10.0.0.0/8` or `fe80::/10`.
pub(super) fn network(text: &str) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let length = match address {
        IpAddr::V4(_) if length <= 32 => length + 96,
        IpAddr::V6(_) if length <= 128 => length,
        _ => return None,
    };
    let open = u128::MAX.checked_shr(length).unwrap_or(0);
    let first = u128::from(as_v6(address)) & !open;
    Some((first.into(), (first | open).into()))
}

fn matches(field: FieldName, value: &Value, options: &Map<String, Value>, now: i64) -> Result<Clause, SearchError> {
    let (FieldName::Message, Some(text)) = (&field, value.as_str()) else { return term(field, value, now) };
    let all = match options.get("operator").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        None | Some("or") => false,
        Some("and") => true,
        Some(other) => return Err(bad(format!("match: the operator {other} is neither and nor or"))),
    };
    let words = words(text).into_iter().map(|word| Clause::Phrase(Words::Message, word)).collect();
    Ok(if all { Clause::all_of(words) } else { Clause::any_of(words) })
}

fn multi_match(body: &Value, now: i64) -> Result<Clause, SearchError> {
    let body = object(body, "multi_match")?;
    known(body, "multi_match", &["query", "fields", "type", "operator", "lenient", "boost"])?;
    let value = body.get("query").ok_or_else(|| bad("multi_match: query is missing"))?;
    let phrase = match body.get("type").and_then(Value::as_str) {
        None | Some("best_fields" | "most_fields") => false,
        Some("phrase") => true,
        Some(other) => return Err(bad(format!("multi_match: the type {other} is not supported"))),
    };
    let fields = field_list(body.get("fields"), "multi_match")?;
    let one = |name: &String| match name.as_str() {
        "*" => anywhere(value, phrase),
        name if phrase => Ok(Clause::equals(FieldName::parse(name), edge(value, now)?)),
        name => matches(FieldName::parse(name), value, body, now),
    };
    Ok(Clause::any_of(fields.iter().map(one).collect::<Result<_, _>>()?))
}

fn anywhere(value: &Value, phrase: bool) -> Result<Clause, SearchError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(bad(format!("{other} is no text"))),
    };
    if phrase {
        return Ok(Clause::Phrase(Words::Anywhere, text));
    }
    Ok(Clause::any_of(words(&text).into_iter().map(|word| Clause::Phrase(Words::Anywhere, word)).collect()))
}

fn field_list(value: Option<&Value>, part: &str) -> Result<Vec<String>, SearchError> {
    let Some(value) = value else { return Ok(vec!["*".to_owned()]) };
    let names = value.as_array().ok_or_else(|| bad(format!("{part}: fields is no list")))?;
    let plain = |name: &Value| {
        let name = name.as_str().ok_or_else(|| bad(format!("{part}: a field is no string")))?;
        // boosts are taken off: they change the order of hits by score only
        let name = name.split_once('^').map_or(name, |(name, _)| name);
        if name != "*" && name.contains('*') {
            return Err(bad(format!("{part}: patterns of fields such as {name} are not supported")));
        }
        Ok(name.to_owned())
    };
    names.iter().map(plain).collect()
}

fn terms(body: &Value, now: i64) -> Result<Clause, SearchError> {
    let body = object(body, "terms")?;
    let mut fields = body.iter().filter(|(name, _)| *name != "boost");
    let (Some((name, values)), None) = (fields.next(), fields.next()) else {
        return Err(bad("terms: exactly one field is needed"));
    };
    let values = values.as_array().ok_or_else(|| bad("terms: the values are no list (lookups are not supported)"))?;
    let field = FieldName::parse(name);
    let clauses = values.iter().map(|value| term(field.clone(), value, now)).collect::<Result<Vec<_>, _>>()?;
    Ok(if clauses.is_empty() { Clause::Nothing } else { Clause::any_of(clauses) })
}

fn range(body: &Value, now: i64) -> Result<Clause, SearchError> {
    by_field(body, "range", "", now, |field, _, options| {
        known(options, "range", &["gt", "gte", "lt", "lte", "from", "to", "format", "boost", "time_zone", "relation"])?;
        if let Some(zone) = options.get("time_zone").filter(|zone| !is_utc(zone)) {
            return Err(bad(format!("range: the time zone {zone} is not supported, only UTC is")));
        }
        if let Some(format) = options.get("format").and_then(Value::as_str) {
            let known = ["strict_date_optional_time", "date_optional_time", "epoch_millis"];
            if !format.split("||").all(|part| known.contains(&part)) {
                return Err(bad(format!("range: the format {format} is not supported")));
            }
        }
        let bound = |included: &[&str], excluded: &str| -> Result<Bound<Edge>, SearchError> {
            for name in included {
                if let Some(value) = options.get(*name).filter(|value| !value.is_null()) {
                    return Ok(Bound::Included(edge(value, now)?));
                }
            }
            match options.get(excluded).filter(|value| !value.is_null()) {
                Some(value) => Ok(Bound::Excluded(edge(value, now)?)),
                None => Ok(Bound::Unbounded),
            }
        };
        between(field, bound(&["gte", "from"], "gt")?, bound(&["lte", "to"], "lt")?)
    })
}

/// The clause for values between two bounds; a bound on time that is no date is refused.
pub(super) fn between(field: FieldName, low: Bound<Edge>, high: Bound<Edge>) -> Result<Clause, SearchError> {
    if field == FieldName::Time {
        for bound in [&low, &high] {
            if let Bound::Included(edge) | Bound::Excluded(edge) = bound
                && edge.date.is_none()
            {
                let text = edge.text.clone().unwrap_or_default();
                return Err(bad(format!("range: {text:?} is no date for @timestamp")));
            }
        }
    }
    if matches!(field, FieldName::Message | FieldName::Id) {
        return Err(bad("range: message and _id have no order to ask for"));
    }
    if matches!((&low, &high), (Bound::Unbounded, Bound::Unbounded)) {
        return Ok(Clause::Exists(field));
    }
    Ok(Clause::Field(field, Box::new(Test::Between(low, high))))
}

pub(super) fn is_utc(zone: &Value) -> bool {
    matches!(zone.as_str(), Some("UTC" | "Z" | "utc" | "+00:00" | "+0000" | "GMT" | "Etc/UTC"))
}

fn query_string(body: &Value, now: i64) -> Result<Clause, SearchError> {
    let body = object(body, "query_string")?;
    let names = ["query", "default_field", "fields", "default_operator", "analyze_wildcard", "lenient", "boost"];
    known(body, "query_string", &names)?;
    let text = body.get("query").and_then(Value::as_str).ok_or_else(|| bad("query_string: query is missing"))?;
    let and = match body.get("default_operator").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        None | Some("or") => false,
        Some("and") => true,
        Some(other) => return Err(bad(format!("query_string: default_operator {other} is neither and nor or"))),
    };
    let fields = match body.get("default_field") {
        Some(field) => field_list(Some(&Value::from(vec![field.clone()])), "query_string")?,
        None => field_list(body.get("fields"), "query_string")?,
    };
    lucene::parse(text, &fields, and, now)
}

/// The one field of a query such as `term`: its name, its value (under `key`, or bare) and its options.
fn by_field(
    body: &Value,
    part: &str,
    key: &str,
    _now: i64,
    read: impl Fn(FieldName, &Value, &Map<String, Value>) -> Result<Clause, SearchError>,
) -> Result<Clause, SearchError> {
    let (name, inner) = only_member(body, part)?;
    let field = FieldName::parse(name);
    match inner {
        Value::Object(options) if key.is_empty() => read(field, &Value::Null, options),
        Value::Object(options) => {
            let value = options.get(key).or_else(|| options.get("wildcard"));
            read(field, value.ok_or_else(|| bad(format!("{part}: {key} is missing for {name}")))?, options)
        }
        _ if key.is_empty() => Err(bad(format!("{part}: {name} needs an object"))),
        bare => read(field, bare, &Map::new()),
    }
}

fn flag(options: &Map<String, Value>, name: &str) -> Result<bool, SearchError> {
    match options.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| bad(format!("{name} is neither true nor false"))),
    }
}

/// The members of an object.
pub(super) fn object<'a>(value: &'a Value, part: &str) -> Result<&'a Map<String, Value>, SearchError> {
    value.as_object().ok_or_else(|| bad(format!("{part}: an object is needed")))
}

/// The only member of an object.
pub(super) fn only_member<'a>(value: &'a Value, part: &str) -> Result<(&'a str, &'a Value), SearchError> {
    let members = object(value, part)?;
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some((name, body)), None) => Ok((name, body)),
        (None, _) => Err(bad(format!("{part}: it is empty"))),
        (Some((first, _)), Some((second, _))) => {
            Err(bad(format!("{part}: both {first} and {second} where one belongs")))
        }
    }
}

/// Refuses members that are not among `names`, so that nothing is left out in silence.
pub(super) fn known(members: &Map<String, Value>, part: &str, names: &[&str]) -> Result<(), SearchError> {
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(bad(format!("{part}: [{name}] is not supported by the embedded index"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_supported_is_named() {
        for (query, name) in [
            (json!({"fuzzy": {"a": "b"}}), "fuzzy"),
            (json!({"match": {"a": {"query": "b", "fuzziness": 1}}}), "fuzziness"),
            (json!({"bool": {"shall": []}}), "shall"),
            (json!({"range": {"a": {"gte": 1, "time_zone": "Europe/Berlin"}}}), "Europe/Berlin"),
            (json!({"range": {"@timestamp": {"gte": "yesterday"}}}), "yesterday"),
            (json!({"terms": {"a": {"index": "x"}}}), "lookups"),
            (json!({"term": {"a": 1, "b": 2}}), "both a and b"),
            (json!([]), "object"),
        ] {
            let error = parse(&query, 0).expect_err("not supported").to_string();
            assert!(error.contains(name), "{query}: {error}");
        }
    }

    #[test]
    fn networks_cover_their_addresses() {
        let (first, last) = network("10.1.0.0/16").expect("a network");
        assert_eq!(first, as_v6("10.1.0.0".parse().unwrap()));
        assert_eq!(last, as_v6("10.1.255.255".parse().unwrap()));
        assert_eq!(network("::/0"), Some((Ipv6Addr::from(0), Ipv6Addr::from(u128::MAX))));
        assert_eq!(network("10.0.0.1/32").map(|(first, last)| first == last), Some(true));
        for text in ["10.0.0.0/33", "10.0.0.0", "a/8", "::/129"] {
            assert_eq!(network(text), None, "{text}");
        }
    }

    #[test]
    fn the_minimum_of_should_is_a_number_or_a_percentage() {
        let cases = [(json!(2), 2), (json!("-1"), 3), (json!("75%"), 3), (json!("-25%"), 3), (json!("1"), 1)];
        for (value, expected) in cases {
            assert_eq!(minimum(&value, 4).expect("readable"), expected, "{value}");
        }
        assert!(minimum(&json!("some"), 4).is_err());
    }

    #[test]
    fn the_time_range_of_a_query_is_that_of_what_it_requires() {
        let query = json!({"bool": {
            "filter": [{"range": {"@timestamp": {"gte": "2026-11-22", "lt": "2026-11-23"}}}],
            "should": [{"range": {"@timestamp": {"gte": "2030-01-01"}}}, {"match_all": {}}],
        }});
        let (first, last) = parse(&query, 0).expect("readable").time_range();
        assert_eq!((last - first) / 1_000_000_000, 2 * 86_400 - 1);
        let none = parse(&json!({"bool": {"must_not": [{"range": {"@timestamp": {"gte": "2026"}}}]}}), 0);
        assert_eq!(none.expect("readable").time_range(), (i64::MIN, i64::MAX));
    }
}
