//! Counting a block of documents at a time, for the aggregations that pages are made of: terms, bars of time, and filters.
//!
//! Each document of a segment has at most one value of such a column, and its number fits a table; so a value costs some nanoseconds
//! and no lookup. What a tally has counted is what counting document by document would have, which all else is left to (see
//! [`super::count`]).

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use tantivy::columnar::column_values::CompactSpaceU64Accessor;
use tantivy::columnar::{Cardinality, Column, ColumnType, MonotonicallyMappableToU64};
use tantivy::{BitSet, DocId, SegmentReader};

use super::aggregate::{Bucket, Interval, Kind, MOST_BUCKETS, Node, State};
use super::columns::OpenColumn;
use super::count::{LocalKey, Opened, index_key};
use super::dates::MILLI;

/// A column whose values lie within so many numbers is counted in a table.
const WIDEST_TABLE: u64 = 1 << 17;
/// The same within a bar of time, of which there are many.
const WIDEST_TABLE_IN_A_BAR: u64 = 64;

/// What one aggregation has counted in a segment.
pub(super) enum Tally {
    Terms(Vec<Counter>),
    Bars(Box<Bars>),
    Filters(Vec<(Arc<BitSet>, u64)>),
}

impl Tally {
    /// Counts this aggregation; none where documents have to be looked at one by one.
    pub(super) fn new(node: &Node, opened: &Opened, reader: &SegmentReader) -> tantivy::Result<Option<Self>> {
        Self::with(node, opened, reader, WIDEST_TABLE)
    }

    fn with(node: &Node, opened: &Opened, reader: &SegmentReader, widest: u64) -> tantivy::Result<Option<Self>> {
        Ok(match &node.kind {
            Kind::Terms { field, missing: None, .. } if node.subs.is_empty() => {
                let codes = field.codes(reader)?;
                let counters = (0..).zip(&opened.columns).map(|(number, column)| {
                    let codes = codes.as_ref().filter(|_| matches!(column, OpenColumn::Address(_)));
                    Counter::new(number, column, codes, widest)
                });
                counters.collect::<Option<_>>().map(Self::Terms)
            }
            Kind::DateHistogram { interval, .. } => Bars::new(*interval, node, opened, reader)?.map(Self::Bars),
            Kind::Filters { .. } if node.subs.is_empty() => {
                Some(Self::Filters(opened.filters.iter().map(|filter| (Arc::clone(filter), 0)).collect()))
            }
            _ => None,
        })
    }

    /// The same, with nothing counted.
    fn fresh(&self) -> Self {
        match self {
            Self::Terms(counters) => Self::Terms(counters.iter().map(Counter::fresh).collect()),
            Self::Bars(bars) => Self::Bars(Box::new(bars.fresh())),
            Self::Filters(filters) => {
                Self::Filters(filters.iter().map(|(filter, _)| (Arc::clone(filter), 0)).collect())
            }
        }
    }

    /// Counts documents, in the order of the segment. `buckets` grows with those that are begun; beyond [`MOST_BUCKETS`] none is.
    pub(super) fn count(&mut self, docs: &[DocId], scratch: &mut Scratch, buckets: &mut usize) {
        if *buckets > MOST_BUCKETS {
            return;
        }
        match self {
            Self::Terms(counters) => counters.iter_mut().for_each(|counter| counter.count(docs, scratch, buckets)),
            Self::Bars(bars) => bars.count(docs, scratch, buckets),
            Self::Filters(filters) => {
                for (filter, count) in filters {
                    *count += docs.iter().filter(|doc| filter.contains(**doc)).count() as u64;
                }
            }
        }
    }

    /// What was counted, as counting document by document has it.
    pub(super) fn state(self) -> State<LocalKey> {
        let bucket = |count: u64| Bucket { count, subs: Vec::new() };
        State::Buckets(match self {
            Self::Terms(counters) => {
                let counted: Vec<_> = counters.into_iter().flat_map(Counter::counted).collect();
                counted.into_iter().map(|(key, count)| (key, bucket(count))).collect()
            }
            Self::Bars(bars) => bars.counted(),
            Self::Filters(filters) => {
                let counted = (0_u128..).zip(filters).filter(|(_, (_, count))| *count > 0);
                counted.map(|(place, (_, count))| ((0, place), bucket(count))).collect()
            }
        })
    }
}

/// Room for the values of a block.
#[derive(Default)]
pub(super) struct Scratch {
    rows: Vec<u32>,
    docs: Vec<DocId>,
    values: Vec<u64>,
}

impl Scratch {
    /// The values that these documents have in a column with at most one for each.
    fn values<'a>(&'a mut self, column: &Column<u64>, docs: &'a [DocId]) -> &'a [u64] {
        let Some(run) = run(docs) else { return self.both(column, docs).1 };
        // values that lie side by side are unpacked together
        let rows = column.index.docid_range_to_rowids(run);
        self.values.resize(rows.len(), 0);
        column.values.get_range(rows.start.into(), &mut self.values);
        &self.values
    }

    /// Those of these documents that have a value, and their values.
    fn both<'a>(&'a mut self, column: &Column<u64>, docs: &'a [DocId]) -> (&'a [DocId], &'a [u64]) {
        if column.get_cardinality() == Cardinality::Full {
            if run(docs).is_some() {
                return (docs, self.values(column, docs));
            }
            self.values.resize(docs.len(), 0);
            column.values.get_vals(docs, &mut self.values);
            return (docs, &self.values);
        }
        self.rows.clear();
        self.docs.clear();
        column.row_ids_for_docs(docs, &mut self.docs, &mut self.rows);
        self.values.resize(self.rows.len(), 0);
        column.values.get_vals(&self.rows, &mut self.values);
        (&self.docs, &self.values)
    }
}

/// Documents, in their order, as a range where none is left out.
fn run(docs: &[DocId]) -> Option<Range<DocId>> {
    let (first, behind) = (*docs.first()?, docs.last()? + 1);
    ((behind - first) as usize == docs.len()).then_some(first..behind)
}

/// How often each value of a column occurs.
pub(super) struct Counter {
    number: u8,
    column: Column<u64>,
    /// Gives the addresses behind the numbers of a column of addresses.
    addresses: Option<Arc<CompactSpaceU64Accessor>>,
    counts: Counts,
}

enum Counts {
    /// By the value less the least one.
    Table {
        least: u64,
        counts: Vec<u32>,
    },
    Sparse(FxHashMap<u64, u32>),
}

impl Counts {
    fn fresh(&self) -> Self {
        match self {
            Self::Table { least, counts } => Self::Table { least: *least, counts: vec![0; counts.len()] },
            Self::Sparse(_) => Self::Sparse(FxHashMap::default()),
        }
    }
}

impl Counter {
    /// None where a document may have several values.
    fn new(number: u8, column: &OpenColumn, codes: Option<&Column<u64>>, widest: u64) -> Option<Self> {
        let column = match column {
            OpenColumn::Plain(_, column) => column.clone(),
            OpenColumn::Text(column) => column.ords().clone(),
            OpenColumn::Address(_) => codes?.clone(),
        };
        if column.get_cardinality() == Cardinality::Multivalued {
            return None;
        }
        let addresses = codes.map(|codes| Arc::clone(&codes.values).downcast_arc::<CompactSpaceU64Accessor>());
        let addresses = addresses.transpose().ok()?;
        let (least, most) = (column.min_value(), column.max_value());
        let width = most.saturating_sub(least);
        let counts = if column.values.num_vals() > 0 && width < widest {
            Counts::Table { least, counts: vec![0; width as usize + 1] }
        } else {
            Counts::Sparse(FxHashMap::default())
        };
        Some(Self { number, column, addresses, counts })
    }

    fn fresh(&self) -> Self {
        Self {
            number: self.number,
            column: self.column.clone(),
            addresses: self.addresses.clone(),
            counts: self.counts.fresh(),
        }
    }

    fn count(&mut self, docs: &[DocId], scratch: &mut Scratch, buckets: &mut usize) {
        let values = scratch.values(&self.column, docs);
        match &mut self.counts {
            Counts::Table { least, counts } => {
                for value in values {
                    let count = &mut counts[(value - *least) as usize];
                    *buckets += usize::from(*count == 0);
                    *count += 1;
                }
            }
            Counts::Sparse(counts) => {
                for value in values {
                    let count = counts.entry(*value).or_default();
                    *buckets += usize::from(*count == 0);
                    *count += 1;
                }
            }
        }
    }

    fn counted(self) -> Vec<(LocalKey, u64)> {
        let found: Vec<(u64, u32)> = match self.counts {
            Counts::Table { least, counts } => {
                let counts = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
                counts.map(|(place, count)| (least + place as u64, count)).collect()
            }
            Counts::Sparse(counts) => counts.into_iter().collect(),
        };
        let value = |raw: u64| match &self.addresses {
            Some(addresses) => addresses.compact_to_u128(raw as u32),
            None => raw.into(),
        };
        found.into_iter().map(|(raw, count)| ((self.number, value(raw)), count.into())).collect()
    }
}

/// Bars of time.
pub(super) struct Bars {
    interval: Interval,
    /// Of dates; none where the segment has none.
    column: Option<Column<u64>>,
    /// What is counted within each.
    within: Vec<Tally>,
    bars: FxHashMap<i64, Bar>,
    /// The bar of the last document, and the stored values that lie in it.
    here: (i64, Range<u64>),
    seen: Scratch,
}

struct Bar {
    count: u64,
    within: Vec<Tally>,
}

impl Bars {
    fn new(
        interval: Interval,
        node: &Node,
        opened: &Opened,
        reader: &SegmentReader,
    ) -> tantivy::Result<Option<Box<Self>>> {
        let dates: Vec<&Column<u64>> = opened
            .columns
            .iter()
            .filter_map(|column| match column {
                OpenColumn::Plain(ColumnType::DateTime, column) => Some(column),
                _ => None,
            })
            .collect();
        let column = match dates[..] {
            [] => None,
            [column] if column.get_cardinality() != Cardinality::Multivalued => Some(column.clone()),
            _ => return Ok(None),
        };
        let mut within = Vec::new();
        for (node, opened) in node.subs.iter().zip(&opened.subs) {
            match Tally::with(node, opened, reader, WIDEST_TABLE_IN_A_BAR)? {
                Some(tally) => within.push(tally),
                None => return Ok(None),
            }
        }
        Ok(Some(Box::new(Self {
            interval,
            column,
            within,
            bars: FxHashMap::default(),
            here: (0, 0..0),
            seen: Scratch::default(),
        })))
    }

    fn fresh(&self) -> Self {
        Self {
            interval: self.interval,
            column: self.column.clone(),
            within: self.within.iter().map(Tally::fresh).collect(),
            bars: FxHashMap::default(),
            here: (0, 0..0),
            seen: Scratch::default(),
        }
    }

    /// Documents of one bar mostly follow each other, so what is within is counted run by run.
    fn count(&mut self, docs: &[DocId], scratch: &mut Scratch, buckets: &mut usize) {
        let Self { interval, column, within, bars, here, seen } = self;
        let Some(column) = column else { return };
        // a scratch of its own: what is within needs the other
        let (docs, values) = seen.both(column, docs);
        let mut begin = 0;
        while begin < docs.len() && *buckets <= MOST_BUCKETS {
            if !here.1.contains(&values[begin]) {
                *here = around(*interval, values[begin]);
            }
            let run = values[begin..].iter().take_while(|value| here.1.contains(*value)).count();
            // a moment at the end of time lies in no range
            let end = begin + run.max(1);
            let bar = bars.entry(here.0).or_insert_with(|| {
                *buckets += 1;
                Bar { count: 0, within: within.iter().map(Tally::fresh).collect() }
            });
            bar.count += (end - begin) as u64;
            bar.within.iter_mut().for_each(|tally| tally.count(&docs[begin..end], scratch, buckets));
            begin = end;
        }
    }

    fn counted(self) -> FxHashMap<LocalKey, Bucket<LocalKey>> {
        let bar = |(start, bar): (i64, Bar)| {
            let subs = bar.within.into_iter().map(Tally::state).collect();
            ((0, index_key(start)), Bucket { count: bar.count, subs })
        };
        self.bars.into_iter().map(bar).collect()
    }
}

/// Where the bar of a stored value begins, and the stored values that lie in it.
fn around(interval: Interval, raw: u64) -> (i64, Range<u64>) {
    let start = interval.start(i64::from_u64(raw).div_euclid(MILLI));
    let stored = |millis: i64| millis.saturating_mul(MILLI).to_u64();
    (start, stored(start)..stored(interval.next(start)))
}
