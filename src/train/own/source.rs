//! Reads the records of a CSV or NDJSON file, front to back, in constant memory. NDJSON is read as events are, so what is
//! learned here is what is seen later.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use super::spec::{Spec, SplitBy};
use super::{OwnError, traffic};
use crate::config::nearest;
use crate::normalise::file::open;
use crate::normalise::{FieldId, Normaliser, Scalar};

/// Longest line of NDJSON that is read as one.
const LONGEST: u64 = 16 << 20;

/// Columns of a header that a fault names.
const NAMED: usize = 40;

/// What the spec asks of one record.
#[derive(Debug)]
pub struct Record<'a> {
    /// Where it stands, counted from 1.
    pub line: u64,
    /// The values of the features, in order; none where an event has no such field.
    pub values: Vec<Option<Scalar<'a>>>,
    /// Its label.
    pub label: Option<Scalar<'a>>,
    /// What the split goes by.
    pub key: Option<Scalar<'a>>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Records.
    pub records: u64,
    /// BLAKE3 of the decompressed content.
    pub blake3: String,
}

/// Reads all records of `file`: connections in any form where the spec asks for what is measured of them; otherwise it is NDJSON
/// where its first character is a brace, and CSV with a header where not.
///
/// # Errors
/// With the first record that is none, or what `take` gives.
pub fn each(
    file: &Path,
    spec: &Spec,
    take: &mut dyn FnMut(Record<'_>) -> Result<(), OwnError>,
) -> Result<Content, OwnError> {
    if spec.of_connections() {
        return traffic::each(file, spec, take);
    }
    let failed = |source| OwnError::Read { file: file.to_owned(), source };
    let mut reader = open(file).map_err(failed)?;
    let is_json = begins_with_brace(&mut reader).map_err(failed)?;
    let mut hashed = Hashed { inner: reader, hasher: blake3::Hasher::new() };
    let records = match is_json {
        true => ndjson(BufReader::new(&mut hashed), file, spec, take)?,
        false => csv(&mut hashed, file, spec, take)?,
    };
    if records == 0 {
        return Err(OwnError::Empty { file: file.to_owned() });
    }
    Ok(Content { records, blake3: hashed.hasher.finalize().to_hex().to_string() })
}

fn begins_with_brace(reader: &mut impl BufRead) -> io::Result<bool> {
    let head = reader.fill_buf()?;
    Ok(head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'))
}

/// Hashes what is read from it.
struct Hashed<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn csv(
    reader: impl Read,
    file: &Path,
    spec: &Spec,
    take: &mut dyn FnMut(Record<'_>) -> Result<(), OwnError>,
) -> Result<u64, OwnError> {
    let mut builder = ReaderBuilder::new();
    let mut reader = builder.delimiter(spec.delimiter.byte()).trim(Trim::All).from_reader(reader);
    let header = reader.headers().map_err(|fault| csv_fault(file, fault))?.clone();
    let place = |column: &str| {
        let found = header.iter().position(|known| known == column);
        found.ok_or_else(|| unknown_column(file, column, &header))
    };
    if header.is_empty() {
        return Err(OwnError::Empty { file: file.to_owned() });
    }
    let features: Vec<usize> = spec.features.iter().map(|feature| place(feature.source())).collect::<Result<_, _>>()?;
    let label = place(&spec.label)?;
    let key = split_column(spec).map(place).transpose()?;
    let (mut record, mut records) = (StringRecord::new(), 0);
    while reader.read_record(&mut record).map_err(|fault| csv_fault(file, fault))? {
        let value = |place: &usize| record.get(*place).map(|text| Scalar::Str(Cow::Borrowed(text)));
        let line = record.position().map_or(0, csv::Position::line);
        let values = features.iter().map(value).collect();
        take(Record { line, values, label: value(&label), key: key.as_ref().and_then(value) })?;
        records += 1;
    }
    Ok(records)
}

fn ndjson(
    mut reader: impl BufRead,
    file: &Path,
    spec: &Spec,
    take: &mut dyn FnMut(Record<'_>) -> Result<(), OwnError>,
) -> Result<u64, OwnError> {
    let mut paths: Vec<String> = spec.features.iter().map(|feature| feature.path().to_owned()).collect();
    let features = paths.len();
    paths.push(spec.label.clone());
    paths.extend(split_column(spec).map(str::to_owned));
    let mut seen = vec![false; paths.len()];
    let mut normaliser = Normaliser::new(&paths);
    let (mut bytes, mut line, mut records) = (Vec::new(), 0, 0);
    loop {
        bytes.clear();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut bytes);
        if read.map_err(|source| OwnError::Read { file: file.to_owned(), source })? == 0 {
            break;
        }
        line += 1;
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let view = normaliser.read(bytes.trim_ascii()).map_err(|source| OwnError::Json {
            file: file.to_owned(),
            line,
            source,
        })?;
        let mut values = (0..).zip(&mut seen).map(|(id, seen)| {
            let value = view.field(FieldId(id));
            *seen |= value.is_some();
            value
        });
        let of_features = values.by_ref().take(features).collect();
        let (label, key) = (values.next().flatten(), values.next().flatten());
        take(Record { line, values: of_features, label, key })?;
        records += 1;
        normaliser.recycle(view);
    }
    match seen.iter().position(|seen| !seen) {
        Some(place) if records > 0 => {
            Err(OwnError::Field { file: file.to_owned(), records, field: paths[place].clone() })
        }
        _ => Ok(records),
    }
}

/// What the split goes by, where it goes by something.
fn split_column(spec: &Spec) -> Option<&str> {
    spec.split.column.as_deref().filter(|_| spec.split.by != SplitBy::Rows)
}

/// That `header` lacks a column.
pub fn unknown_column(file: &Path, column: &str, header: &StringRecord) -> OwnError {
    let mut known: Vec<&str> = header.iter().take(NAMED).collect();
    if header.len() > NAMED {
        known.push("…");
    }
    OwnError::Column {
        file: file.to_owned(),
        column: column.to_owned(),
        near: nearest(column, header.iter()).map(str::to_owned),
        known: known.join(", "),
    }
}

/// What is wrong with a CSV file.
pub fn csv_fault(file: &Path, fault: csv::Error) -> OwnError {
    let file = file.to_owned();
    let line = fault.position().map_or(1, csv::Position::line);
    match fault.into_kind() {
        ErrorKind::Io(source) => OwnError::Read { file, source },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            OwnError::Width { file, line, found: len, expected: expected_len }
        }
        ErrorKind::Utf8 { err, .. } => {
            OwnError::Csv { file, line, what: format!("column {} is not UTF-8", err.field() + 1) }
        }
        _ => OwnError::Csv { file, line, what: "is not CSV".to_owned() },
    }
}
