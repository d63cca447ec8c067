//! A flattened document as the index takes it: borrowed pieces, no copy between our text and the index.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tantivy::DateTime;
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf, Value};
use tantivy::schema::{Document, Field};
use tokio::sync::OwnedSemaphorePermit;

use super::flatten::{Flat, Leaf, Piece, Scalar};
use super::schema::Fields;

/// A document on its way into the index.
#[derive(Debug)]
pub(super) struct EventDocument {
    pub(super) fields: Fields,
    pub(super) id: Box<str>,
    pub(super) source: Bytes,
    pub(super) sequence: Option<u64>,
    pub(super) flat: Flat,
    /// Its share of the writer's queue, given back when the last document of its batch is gone.
    pub(super) _room: Arc<OwnedSemaphorePermit>,
}

/// A value of a document, borrowed from it.
#[derive(Debug, Clone)]
pub(super) enum Borrowed<'a> {
    Text(&'a str),
    Unsigned(u64),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Date(i64),
    Address(Ipv6Addr),
    /// All leaves, as one object whose keys are whole paths.
    Leaves(&'a EventDocument),
}

impl EventDocument {
    fn path(&self, piece: &Piece) -> &str {
        &self.flat.paths[piece.start as usize..piece.end as usize]
    }

    fn text(&self, range: Range<usize>) -> &str {
        std::str::from_utf8(&self.source[range]).expect("checked when the document was flattened")
    }

    fn leaf<'a>(&'a self, leaf: &'a Leaf) -> (&'a str, Borrowed<'a>) {
        let value = match &leaf.value {
            Scalar::Source(piece) => Borrowed::Text(self.text(piece.start as usize..piece.end as usize)),
            Scalar::Text(piece) => Borrowed::Text(&self.flat.texts[piece.start as usize..piece.end as usize]),
            Scalar::Integer(value) => Borrowed::Integer(*value),
            Scalar::Unsigned(value) => Borrowed::Unsigned(*value),
            Scalar::Float(value) => Borrowed::Float(*value),
            Scalar::Bool(value) => Borrowed::Bool(*value),
            Scalar::Date(nanos) => Borrowed::Date(*nanos),
        };
        (self.path(&leaf.path), value)
    }
}

/// The fields of a document in the order of the schema.
pub(super) struct FieldValues<'a> {
    document: &'a EventDocument,
    step: usize,
    within: usize,
}

impl<'a> Iterator for FieldValues<'a> {
    type Item = (Field, Borrowed<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let document = self.document;
        let (fields, flat) = (&document.fields, &document.flat);
        loop {
            let within = self.within;
            let single = |value: Borrowed<'a>| (within == 0).then_some(value);
            let (field, value) = match self.step {
                0 => (fields.id, single(Borrowed::Text(&document.id))),
                1 => (fields.source, single(Borrowed::Text(document.text(0..document.source.len())))),
                2 => (fields.time, flat.time.map(Borrowed::Date).and_then(single)),
                3 => (fields.sequence, document.sequence.map(Borrowed::Unsigned).and_then(single)),
                4 => (fields.source_ip, flat.source_ips.get(within).copied().map(Borrowed::Address)),
                5 => (fields.destination_ip, flat.destination_ips.get(within).copied().map(Borrowed::Address)),
                6 => (fields.doc, single(Borrowed::Leaves(document))),
                7 => (fields.message, flat.message.as_deref().map(Borrowed::Text).and_then(single)),
                8 => (fields.words, single(Borrowed::Text(&flat.words))),
                9 => (fields.present, flat.present.get(within).map(|piece| Borrowed::Text(document.path(piece)))),
                _ => return None,
            };
            if let Some(value) = value {
                self.within += 1;
                return Some((field, value));
            }
            self.step += 1;
            self.within = 0;
        }
    }
}

/// A document as it waits for its indexing thread. It is boxed because the index library keeps room for 40,000 of
/// them in each open index, which would be 27 MB otherwise.
#[derive(Debug)]
pub(super) struct Queued(pub(super) Box<EventDocument>);

impl Document for Queued {
    type Value<'a> = Borrowed<'a>;
    type FieldsValuesIter<'a> = FieldValues<'a>;

    fn iter_fields_and_values(&self) -> FieldValues<'_> {
        FieldValues { document: &self.0, step: 0, within: 0 }
    }
}

/// The leaves of a document.
pub(super) struct Leaves<'a> {
    document: &'a EventDocument,
    leaves: std::slice::Iter<'a, Leaf>,
}

impl<'a> Iterator for Leaves<'a> {
    type Item = (&'a str, Borrowed<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.leaves.next().map(|leaf| self.document.leaf(leaf))
    }
}

impl<'a> Value<'a> for Borrowed<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = Leaves<'a>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        let leaf = match self {
            Self::Text(text) => ReferenceValueLeaf::Str(text),
            Self::Unsigned(value) => ReferenceValueLeaf::U64(*value),
            Self::Integer(value) => ReferenceValueLeaf::I64(*value),
            Self::Float(value) => ReferenceValueLeaf::F64(*value),
            Self::Bool(value) => ReferenceValueLeaf::Bool(*value),
            Self::Date(nanos) => ReferenceValueLeaf::Date(DateTime::from_timestamp_nanos(*nanos)),
            Self::Address(address) => ReferenceValueLeaf::IpAddr(*address),
            Self::Leaves(document) => {
                return ReferenceValue::Object(Leaves { document, leaves: document.flat.leaves.iter() });
            }
        };
        ReferenceValue::Leaf(leaf)
    }
}
