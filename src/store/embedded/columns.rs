//! Columns of one segment: which ones a field name means, and how their values are read.
//!
//! A path may have columns of several types: it was a number in one document and a string in another.

use std::net::Ipv6Addr;

use tantivy::SegmentReader;
use tantivy::columnar::{Cardinality, Column, ColumnType, DynamicColumn, DynamicColumnHandle, StrColumn};

use super::schema::{DESTINATION_IP, DOC, SOURCE_IP, TIME};

/// A field as a query names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldName {
    /// `@timestamp`
    Time,
    /// `source.ip` (or `destination.ip`): addresses from all dialects; strings there that are none are a path.
    Address { column: &'static str, path: &'static str },
    /// `message`: words only.
    Message,
    /// `_id`
    Id,
    /// `_seq`: the place of the event in the spool.
    Sequence,
    /// Any other path.
    Path(String),
}

impl FieldName {
    /// Reads a name; `.keyword` behind it is taken off, because every string has what Elasticsearch calls so.
    pub(super) fn parse(name: &str) -> Self {
        match name.strip_suffix(".keyword").unwrap_or(name) {
            "@timestamp" => Self::Time,
            "source.ip" => Self::Address { column: SOURCE_IP, path: "source.ip" },
            "destination.ip" => Self::Address { column: DESTINATION_IP, path: "destination.ip" },
            "message" => Self::Message,
            "_id" => Self::Id,
            "_seq" => Self::Sequence,
            path => Self::Path(path.to_owned()),
        }
    }

    /// The columns that hold its values in a segment.
    pub(super) fn columns(&self, reader: &SegmentReader) -> tantivy::Result<Vec<OpenColumn>> {
        let mut names = Vec::new();
        match self {
            Self::Time => names.push(TIME.to_owned()),
            Self::Sequence => names.push("_seq".to_owned()),
            Self::Address { column, path } => names.extend([(*column).to_owned(), path_column(path)]),
            Self::Path(path) => names.push(path_column(path)),
            Self::Message | Self::Id => {}
        }
        let mut columns = Vec::new();
        for name in names {
            for handle in reader.fast_fields().dynamic_column_handles(&name)? {
                columns.extend(OpenColumn::new(&handle)?);
            }
        }
        Ok(columns)
    }

    /// The column of addresses by the segment's own numbers of them, where the field is one of addresses.
    pub(super) fn codes(&self, reader: &SegmentReader) -> tantivy::Result<Option<Column<u64>>> {
        let Self::Address { column, .. } = self else { return Ok(None) };
        for handle in reader.fast_fields().dynamic_column_handles(column)? {
            if handle.column_type() == ColumnType::IpAddr {
                return Ok(handle.open_u64_lenient()?);
            }
        }
        Ok(None)
    }

    /// The columns of a field and of all fields below it.
    pub(super) fn columns_below(&self, reader: &SegmentReader) -> tantivy::Result<Vec<OpenColumn>> {
        let mut columns = self.columns(reader)?;
        if let Self::Path(path) = self {
            for handle in reader.fast_fields().dynamic_subpath_column_handles(&path_column(path))? {
                columns.extend(OpenColumn::new(&handle)?);
            }
            for (name, column) in [("source", SOURCE_IP), ("destination", DESTINATION_IP)] {
                if path == name {
                    columns.extend(Self::Address { column, path: "" }.columns(reader)?);
                }
            }
        }
        Ok(columns)
    }
}

fn path_column(path: &str) -> String {
    format!("{DOC}.{}", path.replace('\\', "\\\\"))
}

/// A column and how its values are to be read.
pub(super) enum OpenColumn {
    /// Numbers, dates and truth values in the order-preserving form that the index keeps them in.
    Plain(ColumnType, Column<u64>),
    Text(StrColumn),
    Address(Column<Ipv6Addr>),
}

impl OpenColumn {
    /// None for bytes, which no document has.
    fn new(handle: &DynamicColumnHandle) -> tantivy::Result<Option<Self>> {
        let kind = handle.column_type();
        if !matches!(kind, ColumnType::Str | ColumnType::IpAddr | ColumnType::Bytes) {
            // as they are kept; read by their type they would be turned forth and back at each look
            return Ok(handle.open_u64_lenient()?.map(|column| Self::Plain(kind, column)));
        }
        Ok(match handle.open()? {
            DynamicColumn::Str(column) => Some(Self::Text(column)),
            DynamicColumn::IpAddr(column) => Some(Self::Address(column)),
            _ => None,
        })
    }

    /// Whether every document has a value.
    pub(super) fn is_full(&self) -> bool {
        let cardinality = match self {
            Self::Plain(_, column) => column.get_cardinality(),
            Self::Text(column) => column.ords().get_cardinality(),
            Self::Address(column) => column.get_cardinality(),
        };
        cardinality == Cardinality::Full
    }

    pub(super) fn has_value(&self, doc: u32) -> bool {
        match self {
            Self::Plain(_, column) => column.first(doc).is_some(),
            Self::Text(column) => column.ords().first(doc).is_some(),
            Self::Address(column) => column.first(doc).is_some(),
        }
    }
}

/// An address as a document writes it.
pub(super) fn print_address(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        Some(address) => address.to_string(),
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_keyword_mean_the_field_itself() {
        assert_eq!(FieldName::parse("user.name.keyword"), FieldName::Path("user.name".to_owned()));
        assert_eq!(FieldName::parse("@timestamp"), FieldName::Time);
    }
}
