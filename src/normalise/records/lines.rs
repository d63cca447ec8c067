//! What a line of a file is, and the event that it gives.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Format;
use super::columns::Columns;
use super::kdd_line::KddLines;
use super::tsv::{self, Header};
use crate::event::EventTime;

/// What is known of a file's lines so far.
pub struct Lines {
    format: Format,
    /// The header of a tab-separated Zeek log, once it was read.
    header: Option<Header>,
    table: Table,
    kdd: KddLines,
}

/// What the lines are that are neither JSON nor behind a Zeek header.
enum Table {
    Unknown,
    Kdd,
    Columns(Columns),
    Text,
}

impl Lines {
    /// Of the file at `path`, of which nothing is known but its `format`; KDD records get times from `start` on.
    pub fn new(path: &Path, format: Format, start: EventTime) -> Self {
        Self { format, header: None, table: Table::Unknown, kdd: KddLines::new(path, start) }
    }

    /// The event in a line, which begins `offset` bytes into the file; none for a line that only describes the file.
    pub fn event(&mut self, text: &str, offset: u64) -> Result<Option<String>, String> {
        match self.format {
            Format::Kdd => self.kdd.event(text, offset).map(Some),
            Format::Ndjson => object(text).map(Some),
            // captures have no lines, so this is never asked of one
            Format::Text | Format::Capture => Ok(Some(message(text))),
            Format::Csv => self.row(text, offset),
            Format::Zeek | Format::Auto if text.starts_with('#') => {
                self.header.get_or_insert_default().read(text);
                Ok(None)
            }
            Format::Zeek if text.trim_start().starts_with('{') => with_timestamp(text.trim().to_owned()).map(Some),
            Format::Auto if text.trim_start().starts_with('{') => object(text.trim()).map(Some),
            Format::Zeek | Format::Auto if self.header.as_ref().is_some_and(Header::is_complete) => {
                let header = self.header.as_ref().expect("it was looked at");
                tsv::event(header, text).map(Some)
            }
            Format::Zeek => Err("neither an object nor behind a line of #fields".to_owned()),
            Format::Auto => self.row(text, offset),
        }
    }

    /// The event in a line of a table, or of nothing that is known.
    fn row(&mut self, text: &str, offset: u64) -> Result<Option<String>, String> {
        if matches!(self.table, Table::Unknown) {
            self.table = match Columns::begin(text) {
                Some(columns) => Table::Columns(columns),
                None if self.format == Format::Csv => return Err("the first line names no columns".to_owned()),
                None if KddLines::is_record(text) => Table::Kdd,
                None => Table::Text,
            };
        }
        match &mut self.table {
            Table::Columns(columns) => columns.event(text),
            Table::Kdd => self.kdd.event(text, offset).map(Some),
            Table::Text | Table::Unknown => Ok(Some(message(text))),
        }
    }
}

/// A line that is no record of anything known.
fn message(text: &str) -> String {
    format!("{{\"message\":{}}}", serde_json::Value::from(text))
}

fn object(text: &str) -> Result<String, String> {
    let object: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if object.get().starts_with('{') { Ok(text.to_owned()) } else { Err("not an object".to_owned()) }
}

/// The two times that a Zeek record may have.
#[derive(Deserialize)]
struct Times<'a> {
    #[serde(rename = "@timestamp", borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

/// Adds `@timestamp` from `ts` where it is missing and can be read.
fn with_timestamp(event: String) -> Result<String, String> {
    let times: Times<'_> = serde_json::from_str(&event).map_err(|error| error.to_string())?;
    let text = times.ts.filter(|_| times.timestamp.is_none()).map(|ts| ts.get().trim_matches('"'));
    let Some(time) = text.and_then(moment) else { return Ok(event) };
    let rest = event.trim_start().strip_prefix('{').unwrap_or_default();
    // an object with ts has at least one key, so a comma goes before it
    Ok(format!("{{\"@timestamp\":\"{time}\",{rest}"))
}

/// Zeek's time: seconds, or a text.
pub fn moment(text: &str) -> Option<EventTime> {
    text.parse().map_or_else(|_| EventTime::parse_rfc3339(text), EventTime::from_seconds)
}
