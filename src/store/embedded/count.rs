//! Counting over one segment by the segment's own numbers of strings; the strings themselves are looked up once, at its end
//! ([`super::resolve`]).
//!
//! What pages are made of is counted block by block ([`super::tally`]), all else document by document.

use std::sync::Arc;

use tantivy::columnar::{ColumnType, MonotonicallyMappableToU64};
use tantivy::query::{EnableScoring, Weight};
use tantivy::schema::Schema;
use tantivy::{BitSet, DocId, DocSet, SegmentReader, TERMINATED, TantivyError};

use super::aggregate::{Bucket, Key, Kind, MOST_BUCKETS, Metric, Node, State, states};
use super::clause::Clause;
use super::columns::OpenColumn;
use super::dates::MILLI;
use super::resolve::resolve_all;
use super::schema::Fields;
use super::tally::{Scratch as Block, Tally};

/// Documents that are counted together.
const AT_ONCE: usize = 4096;

/// The column number of a key that stands for a missing value.
pub(super) const MISSING: u8 = u8::MAX;

/// A key within one segment: number of the column, and the stored value (a string's ordinal).
pub(super) type LocalKey = (u8, u128);

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
pub(super) struct Opened {
    pub(super) columns: Vec<OpenColumn>,
    pub(super) filters: Vec<Arc<BitSet>>,
    pub(super) subs: Vec<Opened>,
}

impl Opened {
    fn all(nodes: &[Node], prepared: &[Prepared], reader: &SegmentReader) -> tantivy::Result<Vec<Self>> {
        let one = |(node, prepared): (&Node, &Prepared)| {
            let columns = match node.kind.field() {
                Some(field) => field.columns(reader)?,
                None => Vec::new(),
            };
            let filters = prepared.weights.iter().map(|weight| bits(weight.as_ref(), reader).map(Arc::new));
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

/// Counting over one segment.
pub(super) struct SegmentCount {
    nodes: Arc<Vec<Node>>,
    opened: Vec<Opened>,
    counted: Vec<Counted>,
    /// Documents that are counted together once they are [`AT_ONCE`].
    waiting: Vec<DocId>,
    block: Block,
    scratch: Scratch,
}

/// How an aggregation is counted, and what has been.
enum Counted {
    Blocks(Tally),
    Documents(State<LocalKey>),
}

#[derive(Default)]
struct Scratch {
    buckets: usize,
}

impl SegmentCount {
    pub(super) fn new(nodes: Arc<Vec<Node>>, prepared: &[Prepared], reader: &SegmentReader) -> tantivy::Result<Self> {
        let opened = Opened::all(&nodes, prepared, reader)?;
        let mut counted = Vec::new();
        for ((node, opened), state) in nodes.iter().zip(&opened).zip(states(&nodes)) {
            let tally = Tally::new(node, opened, reader)?;
            counted.push(tally.map_or(Counted::Documents(state), Counted::Blocks));
        }
        let waiting = Vec::with_capacity(AT_ONCE);
        Ok(Self { nodes, opened, counted, waiting, block: Block::default(), scratch: Scratch::default() })
    }

    /// Counts documents, in the order of the segment.
    pub(super) fn collect(&mut self, docs: &[DocId]) {
        if self.waiting.len() + docs.len() > AT_ONCE {
            self.count();
        }
        self.waiting.extend_from_slice(docs);
    }

    /// One aggregation after the other, each over all that wait, so that it finds its column and its counts in the cache.
    fn count(&mut self) {
        let docs = &self.waiting;
        for ((node, opened), counted) in self.nodes.iter().zip(&self.opened).zip(&mut self.counted) {
            match counted {
                Counted::Blocks(tally) => tally.count(docs, &mut self.block, &mut self.scratch.buckets),
                Counted::Documents(state) => {
                    docs.iter().for_each(|doc| collect(node, opened, state, *doc, &mut self.scratch));
                }
            }
        }
        self.waiting.clear();
    }

    /// What was counted, with the values in place of the segment's own numbers.
    pub(super) fn finish(mut self) -> tantivy::Result<Vec<State<Key>>> {
        self.count();
        if self.scratch.buckets > MOST_BUCKETS {
            let reason = format!("the aggregations have more than {MOST_BUCKETS} buckets; narrow the query");
            return Err(TantivyError::InvalidArgument(reason));
        }
        let state = |counted: Counted| match counted {
            Counted::Blocks(tally) => tally.state(),
            Counted::Documents(state) => state,
        };
        resolve_all(&self.nodes, &self.opened, self.counted.into_iter().map(state).collect())
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

/// A stored number as a plain one; dates in whole milliseconds.
fn as_f64(kind: ColumnType, raw: u64) -> f64 {
    match kind {
        ColumnType::I64 => i64::from_u64(raw) as f64,
        ColumnType::F64 => f64::from_u64(raw),
        ColumnType::DateTime => i64::from_u64(raw).div_euclid(MILLI) as f64,
        _ => raw as f64,
    }
}

/// The key of a stored value of this type.
pub(super) fn plain_key(kind: ColumnType, raw: u64) -> Key {
    match kind {
        ColumnType::I64 => Key::Integer(i64::from_u64(raw).into()),
        ColumnType::U64 => Key::Integer(raw.into()),
        ColumnType::Bool => Key::Truth(raw > 0),
        ColumnType::DateTime => Key::Date(i64::from_u64(raw).div_euclid(MILLI)),
        _ => Key::of_float(f64::from_u64(raw)),
    }
}

/// The key of a bucket by its place.
pub(super) fn index_key(index: i64) -> u128 {
    u128::from(index.to_u64())
}
