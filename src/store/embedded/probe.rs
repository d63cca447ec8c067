//! Which documents of a segment hold a value that passes a test.
//!
//! The test is put to each column of a field in the terms of its type, and the answers are joined.

use std::net::Ipv6Addr;
use std::ops::{Bound, RangeInclusive};

use tantivy::BitSet;
use tantivy::columnar::{Cardinality, Column, ColumnType, MonotonicallyMappableToU64, StrColumn};

use super::columns::{OpenColumn, print_address};
use super::edge::{Edge, Number};
use super::pattern::Pattern;

/// Documents that are scanned at a time, to bound the memory of a scan.
const STRIDE: u32 = 1 << 16;

/// A question to a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// A value lies between the edges; a date edge counts as the whole stretch it names.
    Between(Bound<Edge>, Bound<Edge>),
    /// A string or an address matches.
    Like(Pattern),
    /// An address lies in a network; first and last address.
    Network(Ipv6Addr, Ipv6Addr),
    /// There is a value.
    Any,
}

impl Test {
    /// A value is this one.
    pub(super) fn equals(edge: Edge) -> Self {
        Self::Between(Bound::Included(edge.clone()), Bound::Included(edge))
    }

    /// Adds the documents that pass to `found`.
    pub(super) fn collect(&self, column: &OpenColumn, found: &mut BitSet) -> tantivy::Result<()> {
        match (self, column) {
            (Self::Any, column) if column.is_full() => *found = BitSet::with_max_value_and_full(found.max_value()),
            (Self::Any, column) => {
                for doc in 0..found.max_value() {
                    if column.has_value(doc) {
                        found.insert(doc);
                    }
                }
            }
            (Self::Between(low, high), OpenColumn::Plain(kind, column)) => {
                if let Some(range) = plain_range(*kind, low, high) {
                    collect_range(column, range, found);
                }
            }
            (Self::Between(low, high), OpenColumn::Text(column)) => {
                if let Some(range) = ordinals_between(column, low, high)? {
                    collect_range(column.ords(), range, found);
                }
            }
            (Self::Between(low, high), OpenColumn::Address(column)) => {
                if let Some(range) = addresses_between(low, high) {
                    collect_addresses(column, range, found);
                }
            }
            (Self::Network(first, last), OpenColumn::Address(column)) => {
                collect_addresses(column, *first..=*last, found);
            }
            (Self::Network(first, last), OpenColumn::Text(column)) => {
                let inside = |text: &str| {
                    text.parse().is_ok_and(|address| (*first..=*last).contains(&super::flatten::as_v6(address)))
                };
                collect_texts(column, "", &inside, found)?;
            }
            (Self::Like(pattern), OpenColumn::Text(column)) => {
                collect_texts(column, pattern.beginning(), &|text| pattern.matches(text), found)?;
            }
            (Self::Like(pattern), OpenColumn::Address(column)) => {
                for doc in 0..found.max_value() {
                    if column.values_for_doc(doc).any(|address| pattern.matches(&print_address(address))) {
                        found.insert(doc);
                    }
                }
            }
            (Self::Like(_) | Self::Network(..), OpenColumn::Plain(..)) => {}
        }
        Ok(())
    }
}

/// The ordinals of the texts between two edges; none where an edge is no text.
fn ordinals_between(
    column: &StrColumn,
    low: &Bound<Edge>,
    high: &Bound<Edge>,
) -> tantivy::Result<Option<RangeInclusive<u64>>> {
    let text = |edge: &Edge| edge.text.clone();
    let (Some(low), Some(high)) = (map_bound(low, text), map_bound(high, text)) else { return Ok(None) };
    let (low, high) = column.dictionary().term_bounds_to_ord(low, high)?;
    Ok(whole(map_plain(low, i128::from), map_plain(high, i128::from), u64::MAX))
}

/// The addresses between two edges; none where an edge is no address, or nothing lies between.
fn addresses_between(low: &Bound<Edge>, high: &Bound<Edge>) -> Option<RangeInclusive<Ipv6Addr>> {
    let address = |edge: &Edge| edge.address.map(u128::from);
    let low = match map_bound(low, address)? {
        Bound::Included(low) => low,
        Bound::Excluded(low) => low.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let high = match map_bound(high, address)? {
        Bound::Included(high) => high,
        Bound::Excluded(high) => high.checked_sub(1)?,
        Bound::Unbounded => u128::MAX,
    };
    Some(Ipv6Addr::from(low)..=Ipv6Addr::from(high))
}

fn collect_range(column: &Column<u64>, range: RangeInclusive<u64>, found: &mut BitSet) {
    // a column expects to be asked for values that it may have: one of equal values finds all of them otherwise
    let range = *range.start().max(&column.min_value())..=*range.end().min(&column.max_value());
    if range.is_empty() {
        return;
    }
    // a time range holds whole days, most of the time
    if range == (column.min_value()..=column.max_value()) && column.get_cardinality() == Cardinality::Full {
        *found = BitSet::with_max_value_and_full(found.max_value());
        return;
    }
    let mut docs = Vec::new();
    let end = found.max_value();
    for start in (0..end).step_by(STRIDE as usize) {
        docs.clear();
        column.get_docids_for_value_range(range.clone(), start..end.min(start.saturating_add(STRIDE)), &mut docs);
        for doc in &docs {
            found.insert(*doc);
        }
    }
}

fn collect_addresses(column: &Column<Ipv6Addr>, range: RangeInclusive<Ipv6Addr>, found: &mut BitSet) {
    let mut docs = Vec::new();
    let end = found.max_value();
    if range.is_empty() {
        return;
    }
    for start in (0..end).step_by(STRIDE as usize) {
        docs.clear();
        column.get_docids_for_value_range(range.clone(), start..end.min(start.saturating_add(STRIDE)), &mut docs);
        for doc in &docs {
            found.insert(*doc);
        }
    }
}

/// Looks through the dictionary first, then for documents with one of the ordinals that pass.
fn collect_texts(
    column: &StrColumn,
    beginning: &str,
    passes: &dyn Fn(&str) -> bool,
    found: &mut BitSet,
) -> tantivy::Result<()> {
    let mut ordinals = BitSet::with_max_value(u32::try_from(column.dictionary().num_terms()).unwrap_or(u32::MAX));
    let mut stream = column.dictionary().prefix_range(beginning).into_stream()?;
    while stream.advance() {
        if std::str::from_utf8(stream.key()).is_ok_and(passes) {
            ordinals.insert(u32::try_from(stream.term_ord()).unwrap_or(u32::MAX));
        }
    }
    if ordinals.len() == 0 {
        return Ok(());
    }
    for doc in 0..found.max_value() {
        let mut values = column.ords().values_for_doc(doc);
        if values.any(|ordinal| u32::try_from(ordinal).is_ok_and(|ordinal| ordinals.contains(ordinal))) {
            found.insert(doc);
        }
    }
    Ok(())
}

/// The stored values between two edges; none where no value of this type can be.
fn plain_range(kind: ColumnType, low: &Bound<Edge>, high: &Bound<Edge>) -> Option<RangeInclusive<u64>> {
    match kind {
        ColumnType::Bool => {
            let truth = |edge: &Edge| edge.truth.map(i128::from);
            whole(map_bound(low, truth)?, map_bound(high, truth)?, 1)
        }
        ColumnType::DateTime => {
            let (first, last) = (|edge: &Edge| Some(edge.date?.first), |edge: &Edge| Some(edge.date?.last));
            let low = match low {
                Bound::Included(edge) => first(edge)?,
                Bound::Excluded(edge) => last(edge)?.checked_add(1)?,
                Bound::Unbounded => i64::MIN,
            };
            let high = match high {
                Bound::Included(edge) => last(edge)?,
                Bound::Excluded(edge) => first(edge)?.checked_sub(1)?,
                Bound::Unbounded => i64::MAX,
            };
            (low <= high).then(|| low.to_u64()..=high.to_u64())
        }
        ColumnType::F64 => {
            let number = |edge: &Edge| edge.number.map(Number::as_f64);
            let low = match map_bound(low, number)? {
                Bound::Included(low) => low.to_u64(),
                Bound::Excluded(low) => low.to_u64().checked_add(1)?,
                Bound::Unbounded => 0,
            };
            let high = match map_bound(high, number)? {
                Bound::Included(high) => high.to_u64(),
                Bound::Excluded(high) => high.to_u64().checked_sub(1)?,
                Bound::Unbounded => u64::MAX,
            };
            (low <= high).then_some(low..=high)
        }
        ColumnType::I64 | ColumnType::U64 => {
            let (low, high) = (integer_bound(low, f64::ceil)?, integer_bound(high, f64::floor)?);
            if kind == ColumnType::U64 {
                return whole(low, high, u64::MAX);
            }
            // moved by 2^63, which is how the index keeps signed numbers
            let shift = |value: i128| value.saturating_sub(i128::from(i64::MIN));
            whole(map_plain(low, shift), map_plain(high, shift), u64::MAX)
        }
        ColumnType::Str | ColumnType::Bytes | ColumnType::IpAddr => None,
    }
}

/// The bound in whole numbers; a fraction is rounded inwards, and is then no value itself.
fn integer_bound(bound: &Bound<Edge>, inwards: fn(f64) -> f64) -> Option<Bound<i128>> {
    let number = |edge: &Edge| edge.number;
    Some(match map_bound(bound, number)? {
        Bound::Included(Number::Integer(value)) => Bound::Included(value),
        Bound::Excluded(Number::Integer(value)) => Bound::Excluded(value),
        Bound::Included(Number::Float(value)) => Bound::Included(inwards(value) as i128),
        Bound::Excluded(Number::Float(value)) if value.fract() == 0.0 => Bound::Excluded(value as i128),
        Bound::Excluded(Number::Float(value)) => Bound::Included(inwards(value) as i128),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// The whole numbers from 0 to `most` between two bounds; none where there is none.
fn whole(low: Bound<i128>, high: Bound<i128>, most: u64) -> Option<RangeInclusive<u64>> {
    let low = match low {
        Bound::Included(low) => low,
        Bound::Excluded(low) => low.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let high = match high {
        Bound::Included(high) => high,
        Bound::Excluded(high) => high.checked_sub(1)?,
        Bound::Unbounded => i128::from(most),
    };
    let (low, high) = (low.max(0), high.min(i128::from(most)));
    (low <= high).then_some(u64::try_from(low).ok()?..=u64::try_from(high).ok()?)
}

/// Maps what a bound holds; none where the mapping has no answer.
fn map_bound<T, U>(bound: &Bound<T>, map: impl Fn(&T) -> Option<U>) -> Option<Bound<U>> {
    Some(match bound {
        Bound::Included(value) => Bound::Included(map(value)?),
        Bound::Excluded(value) => Bound::Excluded(map(value)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn map_plain<T, U>(bound: Bound<T>, map: impl Fn(T) -> U) -> Bound<U> {
    bound.map(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(text: &str) -> Edge {
        Edge::of_text(text, 0)
    }

    fn range(kind: ColumnType, low: Bound<&str>, high: Bound<&str>) -> Option<RangeInclusive<u64>> {
        plain_range(kind, &map_plain(low, edge), &map_plain(high, edge))
    }

    #[test]
    fn mixed_bounds_are_rounded_inwards_on_whole_numbers() {
        let signed = |value: i64| value.to_u64();
        let found = range(ColumnType::I64, Bound::Included("9.9"), Bound::Included("10"));
        assert_eq!(found, Some(signed(10)..=signed(10)));
        let found = range(ColumnType::I64, Bound::Excluded("-1.5"), Bound::Excluded("1.0"));
        assert_eq!(found, Some(signed(-1)..=signed(0)));
        assert_eq!(range(ColumnType::U64, Bound::Included("-7"), Bound::Included("3")), Some(0..=3));
        assert_eq!(range(ColumnType::U64, Bound::Included("1e30"), Bound::Unbounded), None);
        assert_eq!(range(ColumnType::I64, Bound::Unbounded, Bound::Excluded("-9223372036854775808")), None);
    }

    #[test]
    fn an_edge_that_a_column_cannot_read_finds_nothing() {
        assert_eq!(range(ColumnType::F64, Bound::Included("many"), Bound::Unbounded), None);
        assert_eq!(range(ColumnType::Bool, Bound::Included("1"), Bound::Included("1")), None);
        assert_eq!(range(ColumnType::DateTime, Bound::Included("x"), Bound::Unbounded), None);
    }
}
