//! Lines of KDD-99 and NSL-KDD files as events: the 41 names of the features, the label, and what tells equal records
//! apart: `@timestamp`, `log.file.path` and `log.offset`.

use std::fmt::Write;
use std::path::Path;

use crate::event::EventTime;
use crate::features::NAMES;
use crate::normalise::kdd;

/// KDD records have no times: they are given one after the other, this many microseconds apart.
const STEP_MICROS: i64 = 100;

/// The records of one file.
pub struct KddLines {
    start: EventTime,
    /// Records so far.
    records: i64,
    /// `,"log":{"file":{"path":"…"},"offset":`
    log: String,
}

impl KddLines {
    /// Of the file `path`, with times from `start` on.
    pub fn new(path: &Path, start: EventTime) -> Self {
        let name = serde_json::Value::from(path.display().to_string());
        Self { start, records: 0, log: format!(",\"log\":{{\"file\":{{\"path\":{name}}},\"offset\":") }
    }

    /// Whether a line is such a record.
    pub fn is_record(line: &str) -> bool {
        kdd::parse_line(line).is_ok()
    }

    /// The event in a line that begins `offset` bytes into the file.
    pub fn event(&mut self, line: &str, offset: u64) -> Result<String, String> {
        let micros = self.start.micros().saturating_add(self.records.saturating_mul(STEP_MICROS));
        let mut event = open_object(line.trim(), EventTime::from_micros(micros).unwrap_or(self.start))?;
        self.records += 1;
        write!(event, "{}{offset}}}}}", self.log).expect("writing to a string does not fail");
        Ok(event)
    }
}

/// The object of a KDD record without its closing brace. Numbers keep the digits that they are written with.
fn open_object(line: &str, time: EventTime) -> Result<String, String> {
    let record = kdd::parse_line(line).map_err(|error| error.to_string())?;
    let mut out = String::with_capacity(1200);
    write!(out, "{{\"@timestamp\":\"{time}\"").expect("writing to a string does not fail");
    for (name, text) in NAMES.iter().zip(line.split(',').map(str::trim)) {
        let is_symbol = matches!(*name, "protocol_type" | "service" | "flag");
        write_field(&mut out, name, text, is_symbol);
    }
    if let Some(label) = record.label {
        write_field(&mut out, "label", label, true);
    }
    Ok(out)
}

fn write_field(out: &mut String, name: &str, text: &str, is_text: bool) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    if is_text {
        out.push_str(&serde_json::Value::from(text).to_string());
    } else if is_json_number(text) {
        out.push_str(text);
    } else {
        // a number that JSON writes otherwise, such as +1 or .5, is a number all the same
        let number = text.parse::<f64>().map_or(serde_json::Value::Null, serde_json::Value::from);
        out.push_str(&number.to_string());
    }
}

/// Whether JSON writes a number like this: digits without a leading zero, and perhaps a point and digits.
pub fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    digits(whole) && (whole.len() == 1 || !whole.starts_with('0')) && part.is_none_or(digits)
}
