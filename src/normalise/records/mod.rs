//! Files of records as events, one JSON object each, for whoever reads them from front to back: replay, judge, doctor.
//!
//! A file may be plain, gzip or zstd. What its lines are is told by their content, line by line where it can change
//! (JSON among tab-separated text, a new `#fields`), else by the first line that is no comment:
//!
//! | line | event |
//! | --- | --- |
//! | begins with `{` | the object as it came |
//! | begins with `#` | none: a header of Zeek, or a comment |
//! | behind a Zeek header | the object that Zeek's JSON writer makes of it, with `_path` and `@timestamp` |
//! | 41 to 43 columns of KDD-99 | the 41 names of the features, `label`, `@timestamp`, `log.file.path`, `log.offset` |
//! | behind a line of column names (commas, tabs, semicolons), or of an AWS VPC flow log | an object of the columns |
//! | anything else | `{"message": …}` |
//!
//! A capture, known by how it begins, has no lines: its events are its connections, see [`pcap`](super::pcap).
//!
//! Records that look alike stay different events where they have a time or an offset of their own. A file is read once,
//! in memory that does not grow with it. A line that cannot be read is told with its number, and the ones behind it
//! follow.

mod columns;
mod kdd_line;
mod lines;
mod tsv;

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{file, pcap};
use crate::clock::Clock;
use crate::event::EventTime;

use lines::Lines;

/// The longest line that is read.
const MAX_LINE: u64 = 16 << 20;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As the lines tell.
    Auto,
    /// Comma-separated records of KDD-99 or NSL-KDD.
    Kdd,
    /// A Zeek log, as JSON lines or as tab-separated text. `@timestamp` is added from `ts` where it is missing, as
    /// Logstash does it.
    Zeek,
    /// One JSON object a line, taken as they are.
    Ndjson,
    /// Columns whose names the first line tells.
    Csv,
    /// A line each.
    Text,
    /// Packets, as pcap or pcapng.
    Capture,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Auto, Self::Kdd, Self::Zeek, Self::Ndjson, Self::Csv, Self::Text, Self::Capture];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kdd => "kdd",
            Self::Zeek => "zeek",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Capture => "capture",
        }
    }

    /// The format of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Why a file cannot be read, or a line of it.
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
    /// A capture is none, or is damaged; behind the damage its last connections follow.
    #[error("{}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pcap::CaptureError,
    },
}

/// The events of one file.
pub struct Events {
    path: PathBuf,
    source: Source,
}

enum Source {
    Text(Box<Text>),
    Capture(Box<pcap::Connections<'static>>),
}

/// A file of lines.
struct Text {
    reader: Box<dyn BufRead + Send>,
    lines: Lines,
    buffer: Vec<u8>,
    line: u64,
    offset: u64,
    failed: bool,
}

/// Opens `path`; KDD records get times from `start` on.
///
/// # Errors
/// When the file cannot be opened.
pub fn open(path: &Path, format: Format, start: EventTime) -> Result<Events, SourceError> {
    open_counting(path, format, start, &Arc::default())
}

/// The same; `done` is told how many bytes of the file have been read.
///
/// # Errors
/// When the file cannot be opened.
pub fn open_counting(
    path: &Path,
    format: Format,
    start: EventTime,
    done: &Arc<AtomicU64>,
) -> Result<Events, SourceError> {
    let fault = |source| SourceError::Read { path: path.to_owned(), source };
    of_reader(file::open_counting(path, done).map_err(fault)?, path, format, start)
}

/// The events of what `reader` gives; `path` is only named in faults.
///
/// # Errors
/// When it cannot be read, or is no capture although `format` says so.
pub fn of_reader(
    mut reader: Box<dyn BufRead + Send>,
    path: &Path,
    format: Format,
    start: EventTime,
) -> Result<Events, SourceError> {
    let fault = |source| SourceError::Read { path: path.to_owned(), source };
    let begins_as_capture = pcap::is_capture(reader.fill_buf().map_err(fault)?);
    if format == Format::Capture || format == Format::Auto && begins_as_capture {
        let fault = |source| SourceError::Capture { path: path.to_owned(), source };
        let connections = pcap::connections(reader, &pcap::Settings::default()).map_err(fault)?;
        return Ok(Events { path: path.to_owned(), source: Source::Capture(Box::new(connections)) });
    }
    let lines = Lines::new(path, format, start);
    let text = Text { reader, lines, buffer: Vec::new(), line: 0, offset: 0, failed: false };
    Ok(Events { path: path.to_owned(), source: Source::Text(Box::new(text)) })
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
    /// nothing follows, but for the connections that were open in a capture.
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Text(text) => text.next(&self.path),
            Source::Capture(connections) => {
                let fault = |source| SourceError::Capture { path: self.path.clone(), source };
                connections.next().map(|event| event.map_err(fault))
            }
        }
    }
}

impl Events {
    /// The line that the last event came from, or the connection of a capture; counted from 1.
    pub fn line(&self) -> u64 {
        match &self.source {
            Source::Text(text) => text.line,
            Source::Capture(connections) => connections.report().connections,
        }
    }

    /// What there is to tell of a capture that was read: what was in it, and what of it could not be used.
    pub fn told(&self) -> Option<&pcap::Report> {
        match &self.source {
            Source::Text(_) => None,
            Source::Capture(connections) => Some(connections.report()),
        }
    }
}

impl Text {
    fn next(&mut self, path: &Path) -> Option<Result<String, SourceError>> {
        while !self.failed {
            let offset = self.offset;
            match self.read_line() {
                Ok(false) => return None,
                Ok(true) => {}
                Err(source) => {
                    self.failed = true;
                    return Some(Err(SourceError::Read { path: path.to_owned(), source }));
                }
            }
            let event = match std::str::from_utf8(&self.buffer) {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => self.lines.event(text.trim_end_matches(['\r', '\n']), offset),
                Err(_) => Err("not UTF-8".to_owned()),
            };
            match event {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(problem) => {
                    return Some(Err(SourceError::Line { path: path.to_owned(), line: self.line, problem }));
                }
            }
        }
        None
    }

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
}

#[cfg(test)]
mod tests;
