//! Aggregations: what is asked ([`Node`]), what has been counted ([`State`]), and the counting over one segment.
//!
//! Counting is our own, over the columns, instead of the index library's: that one keeps `5` and `5.0` from two
//! segments as two terms, knows no `filters` and no `missing`, and ignores options it does not know. Counts are
//! exact; only percentiles of many values and cardinality of many values are estimates (see [`super::sketch`]).
//! Counts of several segments and days are merged by the values themselves.

use std::net::Ipv6Addr;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::columnar::{ColumnType, MonotonicallyMappableToU64};
use tantivy::query::{EnableScoring, Weight};
use tantivy::schema::Schema;
use tantivy::{BitSet, DocSet, SegmentReader, TERMINATED, TantivyError};

use super::clause::Clause;
use super::columns::{FieldName, OpenColumn, print_address};
use super::dates::{MILLI, month_start};
use super::schema::Fields;
use super::sketch::{Distinct, Quantiles};

/// Buckets that one search may hold at a time.
pub(super) const MOST_BUCKETS: usize = 400_000;
/// The column number of a key that stands for a missing value.
const MISSING: u8 = u8::MAX;

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
        let whole = value.fract() == 0.0 && value.abs() < 1e15;
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
    fn add(&mut self, value: f64) {
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

/// A key within one segment: number of the column, and the stored value (a string's ordinal).
type LocalKey = (u8, u128);

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
            (State::Buckets(into), State::Buckets(from)) => {
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

/// The clauses of a request as queries of the index, in the order of the tree.
pub(super) struct Prepared {
    weights: Vec<Box<dyn Weight>>,
    subs: Vec<Prepared>,
}

impl Prepared {
    pub(super) fn new(nodes: &[Node], fields: &Fields, schema: &Schema) -> tantivy::Result<Vec<Self>> {
        let one = |node: &Node| {
            let clauses = match &node.kind {
                Kind::Filters { clauses, .. } => clauses.as_slice(),
                _ => &[],
            };
            let compile = |clause: &Clause| clause.compile(fields).weight(EnableScoring::disabled_from_schema(schema));
            let weights = clauses.iter().map(compile).collect::<tantivy::Result<_>>()?;
            Ok(Self { weights, subs: Self::new(&node.subs, fields, schema)? })
        };
        nodes.iter().map(one).collect()
    }
}

/// The columns and filters of one aggregation in one segment.
struct Opened {
    columns: Vec<OpenColumn>,
    filters: Vec<BitSet>,
    subs: Vec<Opened>,
}

impl Opened {
    fn all(nodes: &[Node], prepared: &[Prepared], reader: &SegmentReader) -> tantivy::Result<Vec<Self>> {
        let one = |(node, prepared): (&Node, &Prepared)| {
            let columns = match node.kind.field() {
                Some(field) => field.columns(reader)?,
                None => Vec::new(),
            };
            let filters = prepared.weights.iter().map(|weight| bits(weight.as_ref(), reader));
            let filters = filters.collect::<tantivy::Result<_>>()?;
            Ok(Self { columns, filters, subs: Self::all(&node.subs, &prepared.subs, reader)? })
        };
        nodes.iter().zip(prepared).map(one).collect()
    }
}

fn bits(weight: &dyn Weight, reader: &SegmentReader) -> tantivy::Result<BitSet> {
    let mut found = BitSet::with_max_value(reader.max_doc());
    let mut scorer = weight.scorer(reader, 1.0)?;
    let mut doc = scorer.doc();
    while doc != TERMINATED {
        found.insert(doc);
        doc = scorer.advance();
    }
    Ok(found)
}

impl Kind {
    fn field(&self) -> Option<&FieldName> {
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

/// Counting over one segment.
pub(super) struct SegmentCount {
    nodes: Arc<Vec<Node>>,
    opened: Vec<Opened>,
    states: Vec<State<LocalKey>>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    buckets: usize,
}

impl SegmentCount {
    pub(super) fn new(nodes: Arc<Vec<Node>>, prepared: &[Prepared], reader: &SegmentReader) -> tantivy::Result<Self> {
        let opened = Opened::all(&nodes, prepared, reader)?;
        let states = states(&nodes);
        Ok(Self { nodes, opened, states, scratch: Scratch::default() })
    }

    /// Counts one document.
    pub(super) fn collect(&mut self, doc: u32) {
        collect_all(&self.nodes, &self.opened, &mut self.states, doc, &mut self.scratch);
    }

    /// What was counted, with the values in place of the segment's own numbers.
    pub(super) fn finish(self) -> tantivy::Result<Vec<State<Key>>> {
        if self.scratch.buckets > MOST_BUCKETS {
            let reason = format!("the aggregations have more than {MOST_BUCKETS} buckets; narrow the query");
            return Err(TantivyError::InvalidArgument(reason));
        }
        resolve_all(&self.nodes, &self.opened, self.states)
    }
}

fn collect_all(nodes: &[Node], opened: &[Opened], states: &mut [State<LocalKey>], doc: u32, scratch: &mut Scratch) {
    for ((node, opened), state) in nodes.iter().zip(opened).zip(states) {
        collect(node, opened, state, doc, scratch);
    }
}

fn collect(node: &Node, opened: &Opened, state: &mut State<LocalKey>, doc: u32, scratch: &mut Scratch) {
    match state {
        State::Buckets(buckets) => {
            let mut keys = Keys::default();
            keys_of(node, opened, doc, &mut keys);
            for key in keys.as_slice() {
                if scratch.buckets > MOST_BUCKETS {
                    return;
                }
                let bucket = buckets.entry(*key).or_insert_with(|| {
                    scratch.buckets += 1;
                    Bucket { count: 0, subs: states(&node.subs) }
                });
                bucket.count += 1;
                if !node.subs.is_empty() {
                    collect_all(&node.subs, &opened.subs, &mut bucket.subs, doc, scratch);
                }
            }
        }
        State::Numbers(numbers) => {
            let counts_texts = matches!(node.kind, Kind::Metric { metric: Metric::Count, .. });
            for column in &opened.columns {
                match column {
                    OpenColumn::Plain(kind, column) => {
                        numbers.dates |= *kind == ColumnType::DateTime;
                        column.values_for_doc(doc).for_each(|raw| numbers.add(as_f64(*kind, raw)));
                    }
                    OpenColumn::Text(column) if counts_texts => {
                        numbers.count += column.ords().values_for_doc(doc).count() as u64;
                    }
                    OpenColumn::Address(column) if counts_texts => {
                        numbers.count += column.values_for_doc(doc).count() as u64;
                    }
                    OpenColumn::Text(_) | OpenColumn::Address(_) => {}
                }
            }
        }
        State::Quantiles(quantiles) => {
            for column in &opened.columns {
                if let OpenColumn::Plain(kind, column) = column {
                    column.values_for_doc(doc).for_each(|raw| quantiles.add(as_f64(*kind, raw)));
                }
            }
        }
        State::Distinct(distinct, texts) => {
            for (number, column) in (0..).zip(&opened.columns) {
                match column {
                    OpenColumn::Text(column) => {
                        texts.extend(column.ords().values_for_doc(doc).map(|ordinal| (number, ordinal)));
                    }
                    OpenColumn::Plain(kind, column) => {
                        column.values_for_doc(doc).for_each(|raw| distinct.add(&plain_key(*kind, raw)));
                    }
                    OpenColumn::Address(column) => {
                        column.values_for_doc(doc).for_each(|value| distinct.add(&Key::Address(value.into())));
                    }
                }
            }
        }
    }
}

/// The buckets of a document, each once; most documents have one.
#[derive(Default)]
struct Keys {
    first: Option<LocalKey>,
    more: Vec<LocalKey>,
}

impl Keys {
    fn push(&mut self, key: LocalKey) {
        match self.first {
            None => self.first = Some(key),
            Some(first) if self.more.is_empty() => {
                if first != key {
                    self.more = vec![first, key];
                }
            }
            Some(_) => {
                if !self.more.contains(&key) {
                    self.more.push(key);
                }
            }
        }
    }

    fn as_slice(&self) -> &[LocalKey] {
        if self.more.is_empty() { self.first.as_slice() } else { &self.more }
    }
}

fn keys_of(node: &Node, opened: &Opened, doc: u32, keys: &mut Keys) {
    match &node.kind {
        Kind::Terms { missing, .. } => {
            for (number, column) in (0..).zip(&opened.columns) {
                match column {
                    OpenColumn::Plain(_, column) => {
                        column.values_for_doc(doc).for_each(|raw| keys.push((number, raw.into())));
                    }
                    OpenColumn::Text(column) => {
                        column.ords().values_for_doc(doc).for_each(|ordinal| keys.push((number, ordinal.into())));
                    }
                    OpenColumn::Address(column) => {
                        column.values_for_doc(doc).for_each(|value| keys.push((number, value.into())));
                    }
                }
            }
            if keys.first.is_none() && missing.is_some() {
                keys.push((MISSING, 0));
            }
        }
        Kind::DateHistogram { interval, .. } => {
            for_numbers(opened, doc, true, |nanos_or_value| {
                keys.push((0, index_key(interval.start(nanos_or_value as i64))));
            });
        }
        Kind::Histogram { interval, offset, .. } => {
            for_numbers(opened, doc, false, |value| {
                keys.push((0, index_key(((value - offset) / interval).floor() as i64)));
            });
        }
        Kind::Ranges { ranges, dates, .. } => {
            for_numbers(opened, doc, *dates, |value| {
                for (number, range) in ranges.iter().enumerate() {
                    if range.from.is_none_or(|from| value >= from) && range.to.is_none_or(|to| value < to) {
                        keys.push((0, number as u128));
                    }
                }
            });
        }
        Kind::Filters { .. } => {
            for (number, filter) in opened.filters.iter().enumerate() {
                if filter.contains(doc) {
                    keys.push((0, number as u128));
                }
            }
        }
        Kind::Metric { .. } | Kind::Percentiles { .. } | Kind::Cardinality { .. } => {}
    }
}

/// The numbers of a document: dates in milliseconds where `dates`, else all that are no dates.
fn for_numbers(opened: &Opened, doc: u32, dates: bool, mut see: impl FnMut(f64)) {
    for column in &opened.columns {
        if let OpenColumn::Plain(kind, column) = column
            && dates == (*kind == ColumnType::DateTime)
        {
            column.values_for_doc(doc).for_each(|raw| see(as_f64(*kind, raw)));
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

/// A stored number as a plain one; dates in whole milliseconds.
fn as_f64(kind: ColumnType, raw: u64) -> f64 {
    match kind {
        ColumnType::I64 => i64::from_u64(raw) as f64,
        ColumnType::F64 => f64::from_u64(raw),
        ColumnType::DateTime => i64::from_u64(raw).div_euclid(MILLI) as f64,
        _ => raw as f64,
    }
}

fn plain_key(kind: ColumnType, raw: u64) -> Key {
    match kind {
        ColumnType::I64 => Key::Integer(i64::from_u64(raw).into()),
        ColumnType::U64 => Key::Integer(raw.into()),
        ColumnType::Bool => Key::Truth(raw > 0),
        ColumnType::DateTime => Key::Date(i64::from_u64(raw).div_euclid(MILLI)),
        _ => Key::of_float(f64::from_u64(raw)),
    }
}

fn index_key(index: i64) -> u128 {
    u128::from(index.to_u64())
}

fn resolve_all(nodes: &[Node], opened: &[Opened], states: Vec<State<LocalKey>>) -> tantivy::Result<Vec<State<Key>>> {
    let all = nodes.iter().zip(opened).zip(states);
    all.map(|((node, opened), state)| resolve(node, opened, state)).collect()
}

fn resolve(node: &Node, opened: &Opened, state: State<LocalKey>) -> tantivy::Result<State<Key>> {
    Ok(match state {
        State::Numbers(numbers) => State::Numbers(numbers),
        State::Quantiles(quantiles) => State::Quantiles(quantiles),
        State::Distinct(mut distinct, texts) => {
            let names = Names::look_up(opened, texts.into_iter())?;
            for name in names.0.into_values() {
                distinct.add(&Key::Text(name));
            }
            State::Distinct(distinct, FxHashSet::default())
        }
        State::Buckets(buckets) => {
            let terms = matches!(node.kind, Kind::Terms { .. });
            let ordinals = buckets.keys().filter(|(number, _)| terms && *number != MISSING);
            let names = Names::look_up(opened, ordinals.map(|(number, value)| (*number, *value as u64)))?;
            let mut resolved = FxHashMap::default();
            for (local, bucket) in buckets {
                let key = if terms { term_key(node, opened, &names, local) } else { position_key(node, local) };
                let subs = resolve_all(&node.subs, &opened.subs, bucket.subs)?;
                let bucket = Bucket { count: bucket.count, subs };
                // 5 and 5.0 of two columns, or two moments of one millisecond, are one term
                match resolved.get_mut(&key) {
                    None => {
                        resolved.insert(key, bucket);
                    }
                    Some(Bucket { count, subs }) => {
                        *count += bucket.count;
                        merge(subs, bucket.subs);
                    }
                }
            }
            State::Buckets(resolved)
        }
    })
}

fn term_key(node: &Node, opened: &Opened, names: &Names, (number, value): LocalKey) -> Key {
    if number == MISSING {
        let Kind::Terms { missing: Some(missing), .. } = &node.kind else { unreachable!("only terms make it") };
        return missing.clone();
    }
    match &opened.columns[usize::from(number)] {
        OpenColumn::Plain(kind, _) => plain_key(*kind, value as u64),
        OpenColumn::Address(_) => Key::Address(value),
        OpenColumn::Text(_) => Key::Text(names.0.get(&(number, value as u64)).cloned().unwrap_or_default()),
    }
}

fn position_key(node: &Node, (_, value): LocalKey) -> Key {
    match node.kind {
        Kind::DateHistogram { .. } | Kind::Histogram { .. } => Key::Integer(i64::from_u64(value as u64).into()),
        _ => Key::Integer(value as i128),
    }
}

/// Strings of a segment by column and ordinal.
struct Names(FxHashMap<(u8, u64), Box<str>>);

impl Names {
    fn look_up(opened: &Opened, ordinals: impl Iterator<Item = (u8, u64)>) -> tantivy::Result<Self> {
        let mut wanted: Vec<_> = ordinals.filter(|(number, _)| opened.is_text(*number)).collect();
        wanted.sort_unstable();
        let mut names = FxHashMap::default();
        for part in wanted.chunk_by(|left, right| left.0 == right.0) {
            let number = part[0].0;
            let OpenColumn::Text(column) = &opened.columns[usize::from(number)] else { continue };
            let ordinals: Vec<u64> = part.iter().map(|(_, ordinal)| *ordinal).collect();
            let mut next = ordinals.iter();
            column.dictionary().sorted_ords_to_term_cb(&ordinals, |bytes| {
                if let Some(ordinal) = next.next() {
                    names.insert((number, *ordinal), String::from_utf8_lossy(bytes).into());
                }
            })?;
        }
        Ok(Self(names))
    }
}

impl Opened {
    fn is_text(&self, number: u8) -> bool {
        matches!(self.columns.get(usize::from(number)), Some(OpenColumn::Text(_)))
    }
}

/// An address key as a document writes it.
pub(super) fn print_address_key(value: u128) -> String {
    print_address(Ipv6Addr::from(value))
}
