//! One pass over the documents that a query finds: their number, the best of them by the sort, and what is counted.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use serde_json::Value;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{ColumnType, MonotonicallyMappableToU64};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::aggregate::{Key, Node, State, merge, states};
use super::columns::{FieldName, OpenColumn, print_address};
use super::count::{Prepared, SegmentCount};
use super::dates::MILLI;

/// Sort keys of one search at most.
pub(super) const MOST_KEYS: usize = 4;

/// One sort key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SortKey {
    pub(super) by: SortBy,
    pub(super) descending: bool,
}

/// What to sort by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SortBy {
    Score,
    /// The order in which documents lie in the index.
    Place,
    Field(FieldName),
}

/// A value that a document is sorted by, comparable over segments.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SortValue {
    Integer(i128),
    Float(f64),
    /// Nanoseconds since 1970.
    Date(i64),
    Address(u128),
    Text(String),
    Missing,
}

impl SortValue {
    /// As it stands in the answer.
    pub(super) fn render(&self) -> Value {
        match self {
            Self::Integer(value) => match i64::try_from(*value) {
                Ok(value) => value.into(),
                Err(_) => u64::try_from(*value).map_or(Value::Null, Value::from),
            },
            Self::Float(value) => (*value).into(),
            Self::Date(nanos) => nanos.div_euclid(MILLI).into(),
            Self::Address(address) => print_address((*address).into()).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Missing => Value::Null,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Integer(_) | Self::Float(_) => 1,
            Self::Date(_) => 2,
            Self::Address(_) => 3,
            Self::Text(_) => 4,
            Self::Missing => 5,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(right),
            (Self::Integer(left), Self::Float(right)) => (*left as f64).total_cmp(right),
            (Self::Float(left), Self::Integer(right)) => left.total_cmp(&(*right as f64)),
            (Self::Float(left), Self::Float(right)) => left.total_cmp(right),
            (Self::Date(left), Self::Date(right)) => left.cmp(right),
            (Self::Address(left), Self::Address(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Which comes first in a sort; documents without the value come last in both directions.
    pub(super) fn order(&self, other: &Self, descending: bool) -> Ordering {
        let found = self.compare(other);
        let last = *self == Self::Missing || *other == Self::Missing;
        if descending && !last { found.reverse() } else { found }
    }
}

/// A document that was found.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub(super) address: DocAddress,
    pub(super) score: Score,
    pub(super) values: Vec<SortValue>,
}

/// What one day's search has found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) total: u64,
    pub(super) hits: Vec<Hit>,
    pub(super) best_score: Option<Score>,
    pub(super) states: Vec<State<Key>>,
}

/// The pass.
pub(super) struct Search {
    pub(super) sort: Vec<SortKey>,
    pub(super) limit: usize,
    pub(super) nodes: Arc<Vec<Node>>,
    pub(super) prepared: Vec<Prepared>,
}

impl Search {
    /// Puts hits in their order and drops what is beyond the limit.
    pub(super) fn keep_best<T>(&self, hits: &mut Vec<T>, hit: impl Fn(&T) -> &Hit) {
        hits.sort_by(|left, right| {
            let values = hit(left).values.iter().zip(&hit(right).values).zip(&self.sort);
            let mut orders = values.map(|((left, right), key)| left.order(right, key.descending));
            orders.find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
        });
        hits.truncate(self.limit);
    }

    fn by_score(&self) -> bool {
        self.limit > 0 && self.sort.iter().any(|key| key.by == SortBy::Score)
    }
}

impl Collector for Search {
    type Fruit = Found;
    type Child = SegmentSearch;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentSearch> {
        let mut keys = Vec::new();
        for key in self.sort.iter().filter(|_| self.limit > 0) {
            let columns = match &key.by {
                SortBy::Field(field) => field.columns(reader)?,
                SortBy::Score | SortBy::Place => Vec::new(),
            };
            keys.push(OpenKey { key: key.clone(), columns });
        }
        let count = if self.nodes.is_empty() {
            None
        } else {
            Some(SegmentCount::new(Arc::clone(&self.nodes), &self.prepared, reader)?)
        };
        let best = BinaryHeap::new();
        Ok(SegmentSearch { segment, limit: self.limit, keys, best, total: 0, best_score: None, count })
    }

    fn requires_scoring(&self) -> bool {
        self.by_score()
    }

    fn merge_fruits(&self, fruits: Vec<tantivy::Result<Found>>) -> tantivy::Result<Found> {
        let mut all = Found { total: 0, hits: Vec::new(), best_score: None, states: states(&self.nodes) };
        for found in fruits {
            let found = found?;
            all.total += found.total;
            all.hits.extend(found.hits);
            all.best_score = all.best_score.max_by_score(found.best_score);
            merge(&mut all.states, found.states);
            super::check_size(&all.states)?;
        }
        self.keep_best(&mut all.hits, |hit| hit);
        Ok(all)
    }
}

trait MaxByScore {
    fn max_by_score(self, other: Self) -> Self;
}

impl MaxByScore for Option<Score> {
    fn max_by_score(self, other: Self) -> Self {
        match (self, other) {
            (Some(left), Some(right)) => Some(left.max(right)),
            (left, right) => left.or(right),
        }
    }
}

/// A sort key within one segment.
struct OpenKey {
    key: SortKey,
    columns: Vec<OpenColumn>,
}

/// A value within one segment, made so that the better one is smaller: place of the column's type (255: no value),
/// and the stored value, upside down where the sort descends.
type LocalValue = (u8, u128);

const NO_VALUE: LocalValue = (u8::MAX, 0);

/// A document and its values; the greatest is the worst.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    values: [LocalValue; MOST_KEYS],
    doc: DocId,
    score: u32,
}

/// The pass over one segment.
pub(super) struct SegmentSearch {
    segment: SegmentOrdinal,
    limit: usize,
    keys: Vec<OpenKey>,
    best: BinaryHeap<Candidate>,
    total: u64,
    best_score: Option<Score>,
    count: Option<SegmentCount>,
}

impl SegmentCollector for SegmentSearch {
    type Fruit = tantivy::Result<Found>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        if self.limit > 0 {
            self.rank(doc, score);
        }
        if let Some(count) = &mut self.count {
            count.collect(&[doc]);
        }
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        self.total += docs.len() as u64;
        if self.limit > 0 {
            docs.iter().for_each(|doc| self.rank(*doc, 0.0));
        }
        if let Some(count) = &mut self.count {
            count.collect(docs);
        }
    }

    fn harvest(self) -> tantivy::Result<Found> {
        let mut hits = Vec::with_capacity(self.best.len());
        for candidate in self.best.into_sorted_vec() {
            let values = self.keys.iter().zip(candidate.values);
            let score = f32::from_bits(candidate.score);
            let values = values.map(|(key, value)| key.value(value, score, candidate.doc));
            let address = DocAddress::new(self.segment, candidate.doc);
            hits.push(Hit { address, score, values: values.collect::<tantivy::Result<_>>()? });
        }
        let states = self.count.map(SegmentCount::finish).transpose()?.unwrap_or_default();
        Ok(Found { total: self.total, hits, best_score: self.best_score, states })
    }
}

impl SegmentSearch {
    fn rank(&mut self, doc: DocId, score: Score) {
        let mut values = [NO_VALUE; MOST_KEYS];
        for (value, key) in values.iter_mut().zip(&self.keys) {
            *value = key.local(doc, score);
        }
        if self.keys.iter().any(|key| key.key.by == SortBy::Score) {
            self.best_score = self.best_score.max_by_score(Some(score));
        }
        let candidate = Candidate { values, doc, score: score.to_bits() };
        if self.best.len() < self.limit {
            self.best.push(candidate);
        } else if self.best.peek().is_some_and(|worst| candidate < *worst) {
            self.best.pop();
            self.best.push(candidate);
        }
    }
}

impl OpenKey {
    fn local(&self, doc: DocId, score: Score) -> LocalValue {
        let directed = |value: u128| if self.key.descending { !value } else { value };
        match self.key.by {
            SortBy::Score => (0, directed(f64::from(score).to_u64().into())),
            SortBy::Place => (0, directed(doc.into())),
            SortBy::Field(_) => {
                let mut best = NO_VALUE;
                for column in &self.columns {
                    let rank = if self.key.descending { 100 - rank(column) } else { rank(column) };
                    match column {
                        OpenColumn::Plain(_, column) => {
                            column.values_for_doc(doc).for_each(|raw| best = best.min((rank, directed(raw.into()))));
                        }
                        OpenColumn::Text(column) => {
                            let ordinals = column.ords().values_for_doc(doc);
                            ordinals.for_each(|ordinal| best = best.min((rank, directed(ordinal.into()))));
                        }
                        OpenColumn::Address(column) => {
                            column.values_for_doc(doc).for_each(|raw| best = best.min((rank, directed(raw.into()))));
                        }
                    }
                }
                best
            }
        }
    }

    fn value(&self, (place, value): LocalValue, score: Score, doc: DocId) -> tantivy::Result<SortValue> {
        let value = if self.key.descending { !value } else { value };
        match self.key.by {
            SortBy::Score => return Ok(SortValue::Float(score.into())),
            SortBy::Place => return Ok(SortValue::Integer(doc.into())),
            SortBy::Field(_) if place == u8::MAX => return Ok(SortValue::Missing),
            SortBy::Field(_) => {}
        }
        let place = if self.key.descending { 100 - place } else { place };
        let column = self.columns.iter().find(|column| rank(column) == place).expect("the value came from one");
        Ok(match column {
            OpenColumn::Plain(ColumnType::I64, _) => SortValue::Integer(i64::from_u64(value as u64).into()),
            OpenColumn::Plain(ColumnType::F64, _) => SortValue::Float(f64::from_u64(value as u64)),
            OpenColumn::Plain(ColumnType::DateTime, _) => SortValue::Date(i64::from_u64(value as u64)),
            OpenColumn::Plain(..) => SortValue::Integer(value as i128),
            OpenColumn::Address(_) => SortValue::Address(value),
            OpenColumn::Text(column) => {
                let mut text = String::new();
                column.ord_to_str(value as u64, &mut text)?;
                SortValue::Text(text)
            }
        })
    }
}

/// The order of types within one field: as [`SortValue::rank`], with truth values in front.
fn rank(column: &OpenColumn) -> u8 {
    match column {
        OpenColumn::Plain(ColumnType::Bool, _) => 0,
        OpenColumn::Plain(ColumnType::DateTime, _) => 2,
        OpenColumn::Plain(..) => 1,
        OpenColumn::Address(_) => 3,
        OpenColumn::Text(_) => 4,
    }
}
