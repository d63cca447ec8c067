//! Refused input with its reason, in frames like the spool's own, in a folder beside it.
//!
//! Bounded: when there is too much, the oldest segment goes, which is counted and said. What is appended is durable on
//! return. Everything here blocks; asynchronous callers use `spawn_blocking`.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Digest;
use super::error::{DeadLetterError, OpenError};
use super::files::Files;
use super::format::{Kind, PrefixFault, Record, numbers, read_record, write_record};
use super::frame::{Draft, Frame, HEADER as FRAME_HEADER};
use super::members::{Table, put_text};
use super::recover::{at, length_of, newer};
use super::segment::{Active, HEADER, Previous, SegmentHeader, first_of, path_of};
use super::stream::{Item, Stream};
use super::walk::{Look, Walk};
use crate::event::id::SpoolId;
use crate::event::{ReceivedTime, SeqNo};

const DISCARDED: &str = "discarded";

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it came.
    pub at: ReceivedTime,
    /// Why it was refused, in words.
    pub reason: String,
    /// Who sent it.
    pub source: String,
    /// As it came; any bytes.
    pub raw: Bytes,
}

/// Which dead letters to read; the default is all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those with a number above this one.
    pub after: u64,
    /// Only those from this time on.
    pub since: Option<ReceivedTime>,
    /// Only those whose reason contains this.
    pub reason: Option<String>,
    /// Only those from this source.
    pub source: Option<String>,
}

impl Filter {
    fn admits(&self, number: u64, letter: &DeadLetter) -> bool {
        number > self.after
            && self.since.is_none_or(|since| letter.at >= since)
            && self.reason.as_ref().is_none_or(|reason| letter.reason.contains(reason.as_str()))
            && self.source.as_ref().is_none_or(|source| *source == letter.source)
    }
}

/// How many dead letters there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLetterUsage {
    /// Kept.
    pub count: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// What `bytes` may not exceed.
    pub limit: u64,
    /// Let go since the start, because there were too many.
    pub dropped: u64,
}

/// The dead letters of one spool; clones share them.
#[derive(Debug, Clone)]
pub struct DeadLetters(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    folder: PathBuf,
    files: Arc<dyn Files>,
    identity: (SpoolId, u64),
    limit: u64,
    segment_bytes: u64,
    segments: VecDeque<Segment>,
    active: Option<Active>,
    previous: Previous,
    next: u64,
    /// Letters up to here are gone, whatever the segments hold.
    discarded: u64,
    dropped: u64,
}

#[derive(Debug, Clone)]
struct Segment {
    first: u64,
    /// The number after its last letter.
    next: u64,
    letters: u64,
    length: u64,
}

impl DeadLetters {
    pub(super) fn open(
        folder: PathBuf,
        limit: u64,
        segment_bytes: u64,
        files: Arc<dyn Files>,
        identity: (SpoolId, u64),
    ) -> Result<Self, OpenError> {
        files.create_folder(&folder).map_err(at(&folder))?;
        let path = folder.join(DISCARDED);
        let discarded = match read_record(files.as_ref(), &path, Kind::Discarded).map_err(at(&path))? {
            Record::Whole(payload) => numbers::<1>(&payload).map_or(0, |[number]| number),
            Record::Newer(found) => return Err(newer(&path, found)),
            Record::Missing | Record::Damaged => 0,
        };
        let mut state = State {
            folder,
            files,
            identity,
            limit,
            segment_bytes: segment_bytes.min(limit / 8),
            segments: VecDeque::new(),
            active: None,
            previous: Previous::default(),
            next: discarded + 1,
            discarded,
            dropped: 0,
        };
        state.find_segments()?;
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Keeps letters; durable on return, all or none. Where there are too many, the oldest go.
    pub fn append(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        if letters.is_empty() {
            return Ok(());
        }
        self.state().append(letters)
    }

    /// The letters that the filter admits, oldest first, with their numbers. Those that come while it reads may or may
    /// not be among them. Damaged ones are left out, which is said.
    pub fn read(&self, filter: Filter) -> DeadLetterReader {
        let state = self.state();
        DeadLetterReader {
            folder: state.folder.clone(),
            files: Arc::clone(&state.files),
            salt: state.identity.1,
            segments: state.segments.clone(),
            filter: Filter { after: filter.after.max(state.discarded), ..filter },
            stream: None,
        }
    }

    /// Lets go of all letters up to this number, such as after they have been sent again.
    pub fn discard(&self, up_to: u64) -> Result<(), DeadLetterError> {
        self.state().discard(up_to)
    }

    /// How many letters are kept.
    pub fn count(&self) -> u64 {
        self.usage().count
    }

    /// How many letters there are and what they take.
    pub fn usage(&self) -> DeadLetterUsage {
        let state = self.state();
        let (count, bytes) = (state.count(), state.bytes());
        DeadLetterUsage { count, bytes, limit: state.limit, dropped: state.dropped }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find_segments(&mut self) -> Result<(), OpenError> {
        let names = self.files.names(&self.folder).map_err(at(&self.folder))?;
        let mut firsts: Vec<SeqNo> = names.iter().filter_map(|name| first_of(name)).collect();
        firsts.sort_unstable();
        let last = firsts.last().copied();
        for first in firsts {
            let path = path_of(&self.folder, first);
            if let Err(PrefixFault::Newer(found)) =
                SegmentHeader::read(self.files.as_ref(), &path, Kind::DeadLetters).map_err(at(&path))?
            {
                return Err(newer(&path, found));
            }
            let length = length_of(self.files.as_ref(), &path).map_err(at(&path))?;
            let look = if Some(first) == last { Look::Close } else { Look::Brief };
            let key = (first, self.identity.1);
            let walk = Walk::through(self.files.as_ref(), &path, key, length, look).map_err(at(&path))?;
            if let Some(tail) = walk.tail.as_ref().filter(|_| look == Look::Close) {
                tracing::error!(path = %path.display(), bytes = tail.end - tail.start, "an unfinished write is cut off");
                self.files.cut(&path, tail.start).map_err(at(&path))?;
            }
            let next = walk.next.0.max(first.0);
            self.segments.push_back(Segment { first: first.0, next, letters: walk.frames, length: walk.end });
            self.previous = Previous { first, next: SeqNo(next), length: walk.end };
            // a segment that was never in use keeps its name to itself
            self.next = self.next.max(next).max(first.0 + 1);
        }
        Ok(())
    }

    fn append(&mut self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        let mut drafts = Vec::with_capacity(letters.len());
        for letter in letters {
            drafts.push(self.draft(letter)?);
        }
        let bytes: u64 = drafts.iter().map(|draft| draft.header().length()).sum();
        self.too_large(bytes)?;
        self.make_segment(bytes)?;
        let first = self.next;
        for draft in &mut drafts {
            draft.number(SeqNo(self.next), self.identity.1);
            self.next += 1;
        }
        let active = self.active.as_mut().expect("make_segment has made one");
        let mut parts: Vec<IoSlice<'_>> = drafts.iter().flat_map(Draft::parts).collect();
        if let Err(fault) = active.append(&mut parts) {
            let path = active.path().to_owned();
            if !fault.usable {
                self.seal();
            }
            return Err(DeadLetterError::Disk { path, source: fault.source });
        }
        let length = active.length();
        let segment = self.segments.back_mut().expect("the segment in writing is the last one");
        (segment.next, segment.length) = (self.next, length);
        segment.letters += self.next - first;
        self.drop_oldest();
        Ok(())
    }

    fn draft(&self, letter: &DeadLetter) -> Result<Draft, DeadLetterError> {
        let mut head = vec![0; FRAME_HEADER];
        put_text(&mut head, &letter.reason);
        put_text(&mut head, &letter.source);
        self.too_large((head.len() + letter.raw.len()) as u64)?;
        let bytes = (head.len() + letter.raw.len()) as u64;
        let draft = Draft::new(1, letter.at, Digest([0; 16]), head, letter.raw.clone());
        draft.ok_or(DeadLetterError::TooLarge { bytes, limit: u64::from(u32::MAX) })
    }

    fn too_large(&self, bytes: u64) -> Result<(), DeadLetterError> {
        if bytes + HEADER as u64 > self.limit {
            return Err(DeadLetterError::TooLarge { bytes, limit: self.limit });
        }
        Ok(())
    }

    /// A segment in writing that has room for so many bytes.
    fn make_segment(&mut self, bytes: u64) -> Result<(), DeadLetterError> {
        let limit = self.segment_bytes;
        if self.active.as_ref().is_some_and(|a| a.length() > HEADER as u64 && a.length() + bytes > limit) {
            self.seal();
        }
        if self.active.is_some() {
            return Ok(());
        }
        let (first, (spool, salt)) = (SeqNo(self.next), self.identity);
        let header = SegmentHeader { spool, salt, first, previous: self.previous };
        let created = Active::create(self.files.as_ref(), &self.folder, &header, Kind::DeadLetters);
        let active = created.map_err(|source| {
            self.next += 1;
            DeadLetterError::Disk { path: path_of(&self.folder, first), source }
        })?;
        self.active = Some(active);
        let length = HEADER as u64;
        self.segments.push_back(Segment { first: first.0, next: first.0, letters: 0, length });
        Ok(())
    }

    fn seal(&mut self) {
        self.active = None;
        if let Some(last) = self.segments.back() {
            self.previous = Previous { first: SeqNo(last.first), next: SeqNo(last.next), length: last.length };
            self.next = self.next.max(last.first + 1);
        }
    }

    fn count(&self) -> u64 {
        let discarded = |s: &Segment| (self.discarded + 1).clamp(s.first, s.next) - s.first;
        self.segments.iter().map(|s| s.letters.saturating_sub(discarded(s))).sum()
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    fn drop_oldest(&mut self) {
        while self.bytes() > self.limit && self.segments.len() > 1 {
            let before = self.count();
            let Some(oldest) = self.segments.pop_front() else { break };
            let dropped = before - self.count();
            self.dropped += dropped;
            tracing::warn!(dropped, limit = self.limit, "too many dead letters: the oldest have been let go");
            self.remove(&path_of(&self.folder, SeqNo(oldest.first)));
        }
    }

    fn discard(&mut self, up_to: u64) -> Result<(), DeadLetterError> {
        let up_to = up_to.min(self.next - 1).max(self.discarded);
        let path = self.folder.join(DISCARDED);
        write_record(self.files.as_ref(), &path, Kind::Discarded, &up_to.to_le_bytes(), true)
            .map_err(|source| DeadLetterError::Disk { path, source })?;
        self.discarded = up_to;
        if self.segments.back().is_some_and(|last| last.next <= up_to + 1) {
            self.seal();
        }
        while let Some(oldest) = self.segments.front().filter(|oldest| oldest.next <= up_to + 1) {
            self.remove(&path_of(&self.folder, SeqNo(oldest.first)));
            self.segments.pop_front();
        }
        Ok(())
    }

    fn remove(&self, path: &Path) {
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), %error, "old dead letters cannot be deleted");
            }
            _ => {}
        }
    }
}

/// Dead letters one after the other; ends at the first error.
pub struct DeadLetterReader {
    folder: PathBuf,
    files: Arc<dyn Files>,
    salt: u64,
    segments: VecDeque<Segment>,
    filter: Filter,
    stream: Option<Stream>,
}

impl Iterator for DeadLetterReader {
    type Item = Result<(u64, DeadLetter), DeadLetterError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let segment = self.segments.front()?.clone();
            let path = path_of(&self.folder, SeqNo(segment.first));
            match self.read(&segment, &path) {
                Ok(Item::Frame(frame)) => {
                    let found = letter(&frame);
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
        if segment.next <= self.filter.after + 1 {
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

pub(super) fn letter(frame: &Frame) -> Option<(u64, DeadLetter)> {
    let mut table = Table(&frame.table);
    let (reason, source) = (table.text()?.into_string(), table.text()?.into_string());
    let letter = DeadLetter { at: frame.header.received, reason, source, raw: frame.body.clone() };
    Some((frame.header.first.0, letter))
}
