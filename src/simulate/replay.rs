//! Files as events: KDD-99 and NSL-KDD records, Zeek logs (JSON or TSV), NDJSON; plain or gzipped, read as a stream.
//!
//! Every event is one JSON object in one line. Records that look alike stay different events: they differ in
//! `log.offset`. A file is read once, front to back, in memory that does not grow with it.

use std::fmt::Write;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::Clock;
use crate::event::EventTime;
use crate::features::NAMES;
use crate::normalise::{file, kdd};

use super::tsv::{self, Header};

/// The longest line that is read.
const MAX_LINE: u64 = 16 << 20;

/// KDD records have no times: they are given one after the other, this many microseconds apart.
const KDD_STEP_MICROS: i64 = 100;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated records of KDD-99 or NSL-KDD. They become objects with the 41 names of the features, the
    /// label, `@timestamp`, `log.file.path` and `log.offset`.
    Kdd,
    /// A Zeek log, as JSON lines, taken as they are, or as tab-separated text. `@timestamp` is added from `ts` where
    /// it is missing, as Logstash does it.
    Zeek,
    /// One JSON object a line, taken as they are.
    Ndjson,
}

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be read, or it ends in the middle of its compression.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is not what the format asks for.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// The events of one file.
pub struct Events {
    path: PathBuf,
    format: Format,
    reader: Box<dyn BufRead + Send>,
    start: EventTime,
    /// The header of a tab-separated Zeek log, once it was read.
    header: Option<Header>,
    buffer: Vec<u8>,
    line: u64,
    offset: u64,
    /// Records given so far.
    records: i64,
    /// `,"log":{"file":{"path":"…"},"offset":`
    log: String,
    failed: bool,
}

/// Opens `path`; KDD records get times from `start` on.
///
/// # Errors
/// When the file cannot be opened.
pub fn open(path: &Path, format: Format, start: EventTime) -> Result<Events, SourceError> {
    let fault = |source| SourceError::Read { path: path.to_owned(), source };
    let reader = file::open(path).map_err(fault)?;
    let name = serde_json::Value::from(path.display().to_string());
    Ok(Events {
        path: path.to_owned(),
        format,
        reader,
        start,
        header: None,
        buffer: Vec::new(),
        line: 0,
        offset: 0,
        records: 0,
        log: format!(",\"log\":{{\"file\":{{\"path\":{name}}},\"offset\":"),
        failed: false,
    })
}

/// `count` events spread evenly over the first `records` records of a KDD file; fewer where it is shorter.
///
/// # Errors
/// When the file cannot be read or a record is broken.
pub fn sample(path: &Path, records: usize, count: usize) -> Result<Vec<String>, SourceError> {
    let step = (records / count.max(1)).max(1);
    open(path, Format::Kdd, Clock::system().now().as_event_time())?.take(records).step_by(step).take(count).collect()
}

impl Iterator for Events {
    type Item = Result<String, SourceError>;

    /// The next event. A broken line is told and the ones behind it follow; after a file that cannot be read on,
    /// nothing follows.
    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            let offset = self.offset;
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) => {}
                Err(source) => {
                    self.failed = true;
                    return Some(Err(SourceError::Read { path: self.path.clone(), source }));
                }
            }
            let event = match std::str::from_utf8(&self.buffer) {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => Self::event(self.format, &mut self.header, text.trim(), self.start, self.records),
                Err(_) => Err("not UTF-8".to_owned()),
            };
            match event {
                Ok(None) => {}
                Ok(Some(mut event)) => {
                    self.records += 1;
                    if self.format == Format::Kdd {
                        write!(event, "{}{offset}}}}}", self.log).expect("writing to a string does not fail");
                    }
                    return Some(Ok(event));
                }
                Err(problem) => {
                    return Some(Err(SourceError::Line { path: self.path.clone(), line: self.line, problem }));
                }
            }
        }
        None
    }
}

impl Events {
    /// Fills the buffer with the next line; false at the end of the file.
    fn read_line(&mut self) -> std::io::Result<bool> {
        self.buffer.clear();
        let read = self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.buffer)?;
        self.offset += read as u64;
        self.line += u64::from(read > 0);
        if read as u64 == MAX_LINE && self.buffer.last() != Some(&b'\n') {
            let problem = format!("line {} is longer than {MAX_LINE} bytes", self.line);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, problem));
        }
        Ok(read > 0)
    }

    /// The event in a line; none for a line that only describes the file. KDD events are left open at their end.
    fn event(
        format: Format,
        header: &mut Option<Header>,
        text: &str,
        start: EventTime,
        records: i64,
    ) -> Result<Option<String>, String> {
        match format {
            Format::Kdd => {
                let micros = start.micros().saturating_add(records.saturating_mul(KDD_STEP_MICROS));
                kdd_event(text, EventTime::from_micros(micros).unwrap_or(start)).map(Some)
            }
            Format::Ndjson => {
                let object: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
                if object.get().starts_with('{') { Ok(Some(text.to_owned())) } else { Err("not an object".to_owned()) }
            }
            Format::Zeek if text.starts_with('#') => {
                header.get_or_insert_default().read(text);
                Ok(None)
            }
            Format::Zeek => match header {
                Some(header) => with_timestamp(tsv::event(header, text)?).map(Some),
                None => with_timestamp(text.to_owned()).map(Some),
            },
        }
    }
}

/// The object of a KDD record without its closing brace. Numbers keep the digits that they are written with.
fn kdd_event(line: &str, time: EventTime) -> Result<String, String> {
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
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    digits(whole) && (whole.len() == 1 || !whole.starts_with('0')) && part.is_none_or(digits)
}

/// The two times that a Zeek record may have.
#[derive(Deserialize)]
struct Times<'a> {
    #[serde(rename = "@timestamp", borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
}

/// Adds `@timestamp` from `ts` where it is missing.
fn with_timestamp(mut event: String) -> Result<String, String> {
    let times: Times<'_> = serde_json::from_str(&event).map_err(|error| error.to_string())?;
    let Some(ts) = times.ts.filter(|_| times.timestamp.is_none()) else { return Ok(event) };
    let text = ts.get().trim_matches('"');
    let time = match text.parse() {
        Ok(seconds) => EventTime::from_seconds(seconds),
        Err(_) => EventTime::parse_rfc3339(text),
    };
    let Some(time) = time else { return Err(format!("ts {} is not a time", ts.get())) };
    let rest = event.split_off(1);
    // an object with ts has at least one key, so a comma goes before it
    write!(event, "\"@timestamp\":\"{time}\",{rest}").expect("writing to a string does not fail");
    Ok(event)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::{Value, json};

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn start() -> EventTime {
        EventTime::parse_rfc3339("2026-11-22T10:00:00Z").unwrap()
    }

    fn events(path: &Path, format: Format) -> Vec<Value> {
        open(path, format, start()).unwrap().map(|event| serde_json::from_str(&event.unwrap()).unwrap()).collect()
    }

    const RECORD: &str = "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0.00,0.00,0.00,0.00,1.00,0.00,0.00,9,9,1.00,0.00,0.11,0.00,0.00,0.00,0.00,0.00";

    #[test]
    fn equal_kdd_records_become_different_events_with_typed_values() {
        let (_folder, path) = file("kdd.gz", &gzip(&format!("{RECORD},normal.\n{RECORD},normal.\n")));
        let found = events(&path, Format::Kdd);
        assert_eq!(found.len(), 2);
        assert_ne!(found[0], found[1]);
        assert_eq!(found[0]["src_bytes"], json!(181));
        assert_eq!(found[0]["dst_host_same_src_port_rate"], json!(0.11));
        assert_eq!((&found[0]["service"], &found[0]["label"]), (&json!("http"), &json!("normal")));
        assert_eq!(found[0]["@timestamp"], "2026-11-22T10:00:00.000Z");
        assert_eq!(found[1]["log"]["offset"], json!(RECORD.len() + ",normal.\n".len()));
        assert_eq!(found[1]["log"]["file"]["path"], json!(path.display().to_string()));
        assert_eq!(found[0].as_object().unwrap().len(), 44);
    }

    #[test]
    fn a_number_that_json_writes_otherwise_keeps_its_value() {
        let odd = RECORD.replacen(",181,5450,", ",+181,05450.5,", 1);
        let (_folder, path) = file("kdd", odd.as_bytes());
        let found = events(&path, Format::Kdd);
        assert_eq!((&found[0]["src_bytes"], &found[0]["dst_bytes"]), (&json!(181.0), &json!(5450.5)));
        assert!(is_json_number("0") && is_json_number("0.00") && is_json_number("12.5"));
        assert!(!["", "01", "1.", ".5", "-1", "1e3", "1.2.3"].iter().any(|text| is_json_number(text)));
    }

    #[test]
    fn a_broken_record_is_told_with_its_line_and_the_next_one_follows() {
        let (_folder, path) = file("kdd", format!("1,2\n\n{RECORD},normal,21\n").as_bytes());
        let found: Vec<_> = open(&path, Format::Kdd, start()).unwrap().collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].as_ref().unwrap_err().to_string().contains("kdd, line 1: 2 columns"), "{found:?}");
        assert!(found[1].is_ok());
    }

    #[test]
    fn a_file_cut_off_in_its_compression_is_told_once() {
        let mut bytes = gzip(&format!("{RECORD}\n").repeat(5_000));
        bytes.truncate(bytes.len() - 20);
        let (_folder, path) = file("cut.gz", &bytes);
        let found: Vec<_> = open(&path, Format::Kdd, start()).unwrap().collect();
        assert!(found.last().unwrap().is_err());
        assert_eq!(found.iter().filter(|event| event.is_err()).count(), 1);
    }

    #[test]
    fn a_zeek_line_is_kept_as_it_is_and_gets_the_timestamp_that_it_lacks() {
        let lines = "{\"ts\": 1588205199.82437, \"uid\": \"C1\"}\n{\"ts\":\"2020-04-30T00:06:39.824370Z\"}\n{\"ts\":1,\"@timestamp\":\"x\"}\n{}\n";
        let (_folder, path) = file("conn.log", lines.as_bytes());
        let texts: Vec<String> = open(&path, Format::Zeek, start()).unwrap().map(Result::unwrap).collect();
        assert_eq!(texts[0], "{\"@timestamp\":\"2020-04-30T00:06:39.824Z\",\"ts\": 1588205199.82437, \"uid\": \"C1\"}");
        assert!(texts[1].starts_with("{\"@timestamp\":\"2020-04-30T00:06:39.824Z\","));
        assert_eq!(texts[2..], ["{\"ts\":1,\"@timestamp\":\"x\"}", "{}"]);
    }

    #[test]
    fn ndjson_is_taken_as_it_is_and_anything_else_is_told() {
        let (_folder, path) = file("x.ndjson", b"{\"a\": 1}\n\n[1]\n{\"a\":\n");
        let found: Vec<_> = open(&path, Format::Ndjson, start()).unwrap().collect();
        assert_eq!(found[0].as_ref().unwrap(), "{\"a\": 1}");
        assert!(found[1].as_ref().unwrap_err().to_string().contains("line 3: not an object"));
        assert!(found[2].as_ref().unwrap_err().to_string().contains("line 4"));
    }

    /// The folder of real data; tests that need it say so where it is absent.
    fn shared(name: &str) -> Option<PathBuf> {
        let given = std::env::var_os("OVERSIGHT_SHARED").map(PathBuf::from);
        let folder = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
        let path = folder.join("data").join(name);
        if path.exists() {
            return Some(path);
        }
        println!("SKIPPED: {} is not there", path.display());
        None
    }

    #[test]
    fn the_real_kdd_file_comes_out_with_exactly_its_values() {
        let Some(path) = shared("kdd99/kddcup.data_10_percent.gz") else { return };
        let lines = file::open(&path).unwrap().lines();
        let mut compared = 0;
        for (line, event) in lines.zip(open(&path, Format::Kdd, start()).unwrap()).step_by(37).take(5_000) {
            let (line, event) = (line.unwrap(), event.unwrap());
            let event: Value = serde_json::from_str(&event).unwrap();
            let columns: Vec<&str> = line.split(',').collect();
            for (name, text) in NAMES.iter().zip(&columns) {
                let same = match &event[name] {
                    Value::String(found) => found == text,
                    Value::Number(found) => found.as_f64() == text.parse().ok(),
                    _ => false,
                };
                assert!(same, "{name} is {} and not {text}", event[name]);
            }
            assert_eq!(event["label"].as_str(), Some(columns[41].trim_end_matches('.')));
            compared += 1;
        }
        assert_eq!(compared, 5_000);
    }

    #[test]
    fn a_sample_is_spread_over_the_records() {
        let text: String = (0..100).map(|n| format!("{n}{}\n", &RECORD[1..])).collect();
        let (_folder, path) = file("kdd", text.as_bytes());
        let found = sample(&path, 50, 5).unwrap();
        let durations: Vec<Value> =
            found.iter().map(|event| serde_json::from_str::<Value>(event).unwrap()["duration"].clone()).collect();
        assert_eq!(durations, [0, 10, 20, 30, 40].map(Value::from));
    }

    #[test]
    fn real_zeek_json_logs_all_get_a_timestamp() {
        let Some(path) = shared("otrf-zeek/apt29_day1_combined_zeek.json.gz") else { return };
        let found = events(&path, Format::Zeek);
        assert!(found.len() > 500, "{}", found.len());
        assert!(found.iter().all(|event| event["@timestamp"].is_string()));
    }
}
