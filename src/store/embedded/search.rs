//! A search over the days: what the body asks, which days can have an answer, and the answers as one.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use serde_json::{Map, Value, json};
use tantivy::schema::Value as _;
use tantivy::{Searcher, TantivyDocument, TantivyError};

use super::aggregate::{Key, Node, State, merge, states};
use super::clause::Clause;
use super::columns::FieldName;
use super::count::Prepared;
use super::days::{DayKey, OpenIndex};
use super::hits::{Found, Hit, MOST_KEYS, Search, SortBy, SortKey, SortValue};
use super::query::{bad, known, object, only_member, parse};
use super::render::render;
use super::request::aggregations;
use super::schema::{Fields, schema};
use super::source::Source;
use super::{DAY_MICROS, Shared};
use crate::store::{Kind, SearchError, SearchRequest};

/// `from + size` at most, as in Elasticsearch.
const MOST_HITS: u64 = 10_000;
/// Days that one search counts at the same time.
const MOST_SIDE_BY_SIDE: usize = 4;

/// A search body, read.
struct Wanted {
    clause: Clause,
    from: usize,
    sort: Vec<SortKey>,
    /// The body says how to sort, so the hits say by what.
    sorted: bool,
    limit: usize,
    source: Source,
    nodes: Arc<Vec<Node>>,
}

/// What the days have found.
struct Gathered {
    total: u64,
    hits: Vec<(DayKey, Arc<Searcher>, Hit)>,
    best_score: Option<f32>,
    states: Vec<State<Key>>,
    days: usize,
    skipped: usize,
    failures: Vec<Value>,
}

/// Answers a search; it blocks.
pub(super) fn search(shared: &Shared, request: &SearchRequest) -> Result<Value, SearchError> {
    let started = shared.clock.monotonic();
    let now = shared.clock.now().micros().div_euclid(1000);
    let wanted = read(&request.body, now)?;
    let (schema, fields) = schema();
    let prepared = Prepared::new(&wanted.nodes, &fields, &schema).map_err(unavailable)?;
    let pass = Search { sort: wanted.sort.clone(), limit: wanted.limit, nodes: Arc::clone(&wanted.nodes), prepared };
    let gathered = gather(shared, request.kind, &wanted, &pass, &fields)?;
    let took = shared.clock.monotonic().saturating_sub(started).as_millis();
    respond(&wanted, gathered, &fields, u64::try_from(took).unwrap_or(u64::MAX))
}

fn read(body: &Value, now: i64) -> Result<Wanted, SearchError> {
    let empty = Map::new();
    let body = if body.is_null() { &empty } else { object(body, "the search body")? };
    let names = [
        "query",
        "size",
        "from",
        "sort",
        "aggs",
        "aggregations",
        "track_total_hits",
        "_source",
        "timeout",
        "track_scores",
        "version",
    ];
    known(body, "the search body", &names)?;
    let clause = match body.get("query") {
        None | Some(Value::Null) => Clause::All,
        Some(query) => parse(query, now)?,
    };
    let number = |name: &str, default: u64| match body.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_u64().ok_or_else(|| bad(format!("{name} is no whole number"))),
    };
    let (size, from) = (number("size", 10)?, number("from", 0)?);
    if size.saturating_add(from) > MOST_HITS {
        return Err(bad(format!("from + size is above {MOST_HITS}: narrow the query instead of paging so deep")));
    }
    let whole = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let limit = if size == 0 { 0 } else { whole(size + from) };
    let sorted = body.get("sort").is_some_and(|sort| !sort.is_null());
    let sort = if sorted { sort(&body["sort"])? } else { newest_first() };
    let nodes = Arc::new(aggregations(body, now)?);
    Ok(Wanted { clause, from: whole(from), sort, sorted, limit, source: Source::read(body.get("_source"))?, nodes })
}

fn newest_first() -> Vec<SortKey> {
    let by = |field: FieldName| SortKey { by: SortBy::Field(field), descending: true };
    vec![by(FieldName::Time), by(FieldName::Sequence)]
}

fn sort(value: &Value) -> Result<Vec<SortKey>, SearchError> {
    let list = match value {
        Value::Array(keys) => keys.clone(),
        one => vec![one.clone()],
    };
    if list.len() > MOST_KEYS {
        return Err(bad(format!("sort: more than {MOST_KEYS} keys")));
    }
    list.iter().map(sort_key).collect()
}

fn sort_key(value: &Value) -> Result<SortKey, SearchError> {
    let (name, options) = match value {
        Value::String(name) => (name.as_str(), &Value::Null),
        other => only_member(other, "sort")?,
    };
    let by = match name {
        "_score" => SortBy::Score,
        "_doc" => SortBy::Place,
        name => match FieldName::parse(name) {
            FieldName::Message | FieldName::Id => return Err(bad(format!("sort: {name} has no order"))),
            field => SortBy::Field(field),
        },
    };
    let order = match options {
        Value::Null => None,
        Value::String(order) => Some(order.as_str()),
        Value::Object(options) => {
            known(options, "sort", &["order", "unmapped_type", "missing", "format"])?;
            if options.get("missing").is_some_and(|missing| missing != "_last") {
                return Err(bad("sort: documents without a value come last; missing cannot be anything else"));
            }
            options.get("order").and_then(Value::as_str)
        }
        _ => return Err(bad(format!("sort: {name} has no readable order"))),
    };
    let descending = match order {
        None => by == SortBy::Score,
        Some("asc") => false,
        Some("desc") => true,
        Some(other) => return Err(bad(format!("sort: {other} is neither asc nor desc"))),
    };
    Ok(SortKey { by, descending })
}

fn gather(
    shared: &Shared,
    kind: Kind,
    wanted: &Wanted,
    pass: &Search,
    fields: &Fields,
) -> Result<Gathered, SearchError> {
    let days = shared.layout.days(kind).map_err(|error| SearchError::Unavailable(error.to_string()))?;
    let mut gathered = Gathered {
        total: 0,
        hits: Vec::new(),
        best_score: None,
        states: states(&wanted.nodes),
        days: days.len(),
        skipped: 0,
        failures: Vec::new(),
    };
    let range = wanted.clause.time_range();
    let mut open_days = Vec::new();
    for key in days.into_iter().rev() {
        match shared.readers.find(&shared.layout, key) {
            Ok(Some(open)) if open.straying || overlaps(key, range) => open_days.push((key, open)),
            Ok(Some(_)) => gathered.skipped += 1,
            // begun this moment, or dropped this moment
            Ok(None) => {}
            Err(trouble) => gathered.fail(key, &trouble.to_string()),
        }
    }
    // without anything to count, what one day has found says what need not be looked for in the next
    let width = if wanted.nodes.is_empty() { 1 } else { side_by_side() };
    let counting = Search { sort: Vec::new(), limit: 0, nodes: Arc::new(Vec::new()), prepared: Vec::new() };
    for days in open_days.chunks(width) {
        let pass_of = |(key, open): &(DayKey, OpenIndex)| {
            if gathered.lacks_none_of(*key, open, pass) { &counting } else { pass }
        };
        for ((key, _), found) in days.iter().zip(search_days(days, wanted, pass_of, fields)) {
            match found {
                Ok((searcher, found)) => gathered.add(*key, searcher, found, pass)?,
                Err(TantivyError::InvalidArgument(reason)) => return Err(SearchError::Bad(reason)),
                Err(error) => gathered.fail(*key, &error.to_string()),
            }
        }
    }
    if !gathered.failures.is_empty() && gathered.failures.len() + gathered.skipped >= gathered.days {
        let first = gathered.failures[0]["reason"]["reason"].as_str().unwrap_or_default().to_owned();
        return Err(SearchError::Unavailable(first));
    }
    Ok(gathered)
}

fn overlaps(key: DayKey, (first, last): (i64, i64)) -> bool {
    let start = key.day.start().micros().saturating_mul(1000);
    start <= last && start.saturating_add(DAY_MICROS * 1000) > first
}

/// How many days are counted side by side: one for each processor, within bounds.
fn side_by_side() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_SIDE_BY_SIDE)
}

/// What each of these days has found, in their order.
fn search_days<'a>(
    days: &[(DayKey, OpenIndex)],
    wanted: &Wanted,
    pass_of: impl Fn(&(DayKey, OpenIndex)) -> &'a Search,
    fields: &Fields,
) -> Vec<tantivy::Result<(Arc<Searcher>, Found)>> {
    if let [day] = days {
        return vec![search_day(&day.1, wanted, pass_of(day), fields)];
    }
    thread::scope(|scope| {
        let begin = |day: &'_ (DayKey, OpenIndex)| {
            let (open, pass) = (day.1.clone(), pass_of(day));
            scope.spawn(move || search_day(&open, wanted, pass, fields))
        };
        let running: Vec<_> = days.iter().map(begin).collect();
        // a panic goes on to where searches are caught
        running.into_iter().map(|day| day.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn search_day(
    open: &OpenIndex,
    wanted: &Wanted,
    pass: &Search,
    fields: &Fields,
) -> tantivy::Result<(Arc<Searcher>, Found)> {
    let searcher = Arc::new(open.reader.searcher());
    let query = wanted.clause.compile(fields);
    let found = searcher.search(&*query, pass)?;
    Ok((searcher, found))
}

impl Gathered {
    fn add(&mut self, key: DayKey, searcher: Arc<Searcher>, found: Found, pass: &Search) -> Result<(), SearchError> {
        self.total += found.total;
        self.best_score = match (self.best_score, found.best_score) {
            (Some(left), Some(right)) => Some(left.max(right)),
            (left, right) => left.or(right),
        };
        if !found.hits.is_empty() {
            self.hits.extend(found.hits.into_iter().map(|hit| (key, Arc::clone(&searcher), hit)));
            pass.keep_best(&mut self.hits, |(_, _, hit)| hit);
        }
        merge(&mut self.states, found.states);
        super::check_size(&self.states).map_err(|error| SearchError::Bad(error.to_string()))
    }

    /// Whether no hit of this day can be among the best, because all that are wanted are there and younger: then its documents are only
    /// counted.
    fn lacks_none_of(&self, key: DayKey, open: &OpenIndex, pass: &Search) -> bool {
        let Some(SortKey { by: SortBy::Field(FieldName::Time), descending: true }) = pass.sort.first() else {
            return false;
        };
        let behind = key.day.start().micros().saturating_add(DAY_MICROS).saturating_mul(1000);
        let oldest = self.hits.last().and_then(|(_, _, hit)| hit.values.first());
        let younger = matches!(oldest, Some(SortValue::Date(nanos)) if *nanos >= behind);
        pass.nodes.is_empty() && self.hits.len() >= pass.limit && younger && !open.straying
    }

    fn fail(&mut self, key: DayKey, reason: &str) {
        tracing::error!(index = key.index_name(), reason, "an index cannot be searched");
        self.failures.push(json!({
            "shard": 0, "index": key.index_name(), "reason": {"type": "index_unreadable", "reason": reason}
        }));
    }
}

fn respond(wanted: &Wanted, gathered: Gathered, fields: &Fields, took: u64) -> Result<Value, SearchError> {
    let by_score = wanted.sort.iter().any(|key| key.by == SortBy::Score);
    let mut hits = Vec::new();
    for (key, searcher, hit) in gathered.hits.iter().skip(wanted.from) {
        hits.push(respond_hit(wanted, *key, searcher, hit, fields, by_score)?);
    }
    let mut shards = json!({
        "total": gathered.days,
        "successful": gathered.days - gathered.failures.len(),
        "skipped": gathered.skipped,
        "failed": gathered.failures.len(),
    });
    if !gathered.failures.is_empty() {
        shards["failures"] = gathered.failures.into();
    }
    let mut answer = json!({
        "took": took,
        "timed_out": false,
        "_shards": shards,
        "hits": {
            "total": {"value": gathered.total, "relation": "eq"},
            "max_score": gathered.best_score.filter(|_| by_score),
            "hits": hits,
        },
    });
    if !wanted.nodes.is_empty() {
        answer["aggregations"] = Value::Object(render(&wanted.nodes, &gathered.states)?);
    }
    Ok(answer)
}

fn respond_hit(
    wanted: &Wanted,
    key: DayKey,
    searcher: &Searcher,
    hit: &Hit,
    fields: &Fields,
    by_score: bool,
) -> Result<Value, SearchError> {
    let document: TantivyDocument = searcher.doc(hit.address).map_err(unavailable)?;
    let id = document.get_first(fields.id).and_then(|value| value.as_str()).unwrap_or_default();
    let mut rendered = json!({
        "_index": key.index_name(),
        "_id": id,
        "_score": by_score.then_some(hit.score),
    });
    let source = document.get_first(fields.source).and_then(|value| value.as_str()).unwrap_or_default();
    if let Some(part) = wanted.source.of(source) {
        rendered["_source"] = part;
    }
    if wanted.sorted {
        rendered["sort"] = hit.values.iter().map(SortValue::render).collect();
    }
    Ok(rendered)
}

fn unavailable(error: TantivyError) -> SearchError {
    SearchError::Unavailable(error.to_string())
}
