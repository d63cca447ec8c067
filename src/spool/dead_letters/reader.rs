//! Reads dead letters from their files.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::filter::Filter;
use super::gone::Gone;
use super::letter::{self, DeadLetter};
use super::state::Segment;
use crate::event::SeqNo;
use crate::spool::error::DeadLetterError;
use crate::spool::files::Files;
use crate::spool::segment::{HEADER, path_of};
use crate::spool::stream::{Item, Stream};

/// Dead letters one after the other; ends at the first error.
pub struct DeadLetterReader {
    pub(super) folder: PathBuf,
    pub(super) files: Arc<dyn Files>,
    pub(super) salt: u64,
    pub(super) segments: VecDeque<Segment>,
    pub(super) gone: Gone,
    pub(super) filter: Filter,
    pub(super) stream: Option<Stream>,
}

impl Iterator for DeadLetterReader {
    type Item = Result<(u64, DeadLetter), DeadLetterError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let segment = self.segments.front()?.clone();
            let path = path_of(&self.folder, SeqNo(segment.first));
            match self.read(&segment, &path) {
                Ok(Item::Frame(frame)) => {
                    let found = letter::read(&frame).filter(|(number, _)| !self.gone.contains(*number));
                    if let Some(found) = found.filter(|(number, letter)| self.filter.admits(*number, letter)) {
                        return Some(Ok(found));
                    }
                }
                Ok(Item::Damaged(damaged)) => {
                    let (from, to) = (damaged.range.start, damaged.range.end);
                    tracing::error!(path = %path.display(), from, to, "damaged dead letters are passed over");
                }
                Ok(Item::End) => self.go_on(),
                // let go since the list was made
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.go_on(),
                Err(source) => {
                    self.segments.clear();
                    return Some(Err(DeadLetterError::Disk { path, source }));
                }
            }
        }
    }
}

impl DeadLetterReader {
    fn read(&mut self, segment: &Segment, path: &Path) -> io::Result<Item> {
        let outside = self.filter.up_to.is_some_and(|last| segment.first > last);
        if segment.next <= self.filter.after + 1 || outside {
            return Ok(Item::End);
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(Stream::new(self.files.read(path)?, self.salt, HEADER as u64)?),
        };
        stream.next(segment.length)
    }

    fn go_on(&mut self) {
        self.stream = None;
        self.segments.pop_front();
    }
}
