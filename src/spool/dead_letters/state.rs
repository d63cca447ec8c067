//! The folder of dead letters as it is: its segments, what was let go, and the segment in writing.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DeadLetterUsage;
use super::filter::Filter;
use super::gone::Gone;
use super::letter::{DeadLetter, draft};
use super::reader::DeadLetterReader;
use crate::event::id::SpoolId;
use crate::event::{EventId, SeqNo};
use crate::spool::error::{DeadLetterError, OpenError};
use crate::spool::files::Files;
use crate::spool::format::{Kind, PrefixFault, Record, numbers, read_record, write_record};
use crate::spool::frame::Draft;
use crate::spool::recover::{at, length_of, newer};
use crate::spool::segment::{Active, HEADER, Previous, SegmentHeader, first_of, path_of};
use crate::spool::walk::{Depth, Walk};

const DISCARDED: &str = "discarded";

/// What may be done to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It is ours.
    Full,
    /// Another process may be writing there: nothing is made, cut or deleted.
    ReadOnly,
}

/// The folder and what is known of it.
#[derive(Debug)]
pub(super) struct State {
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
    /// Of those above, these are gone too.
    gone: Gone,
    /// What `count`, `bytes` and `limit` are is asked of the segments.
    flow: DeadLetterUsage,
}

/// One file of letters.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// Its name: no letter in it has a lower number.
    pub(super) first: u64,
    /// The number after its last letter.
    pub(super) next: u64,
    /// How many letters were written to it.
    letters: u64,
    /// In bytes.
    pub(super) length: u64,
}

impl State {
    /// Looks through the folder; `limits`: bytes of all segments, and of one.
    pub(super) fn open(
        folder: PathBuf,
        (limit, segment_bytes): (u64, u64),
        files: Arc<dyn Files>,
        identity: (SpoolId, u64),
        access: Access,
    ) -> Result<Self, OpenError> {
        if access == Access::Full {
            files.create_folder(&folder).map_err(at(&folder))?;
        }
        let path = folder.join(DISCARDED);
        let discarded = match read_record(files.as_ref(), &path, Kind::Discarded).map_err(at(&path))? {
            Record::Whole(payload) => numbers::<1>(&payload).map_or(0, |[number]| number),
            Record::Newer(found) => return Err(newer(&path, found)),
            Record::Missing | Record::Damaged => 0,
        };
        let gone = Gone::read(files.as_ref(), &folder).map_err(at(&folder))?;
        let mut gone = gone.map_err(|found| newer(&folder, found))?;
        gone.forget_below(discarded + 1);
        let mut state = Self {
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
            gone,
            flow: DeadLetterUsage::default(),
        };
        state.find_segments(access)?;
        state.forget_gone();
        state.flow.found = state.count();
        Ok(state)
    }

    /// The letters that the filter admits.
    pub(super) fn reader(&self, filter: Filter) -> DeadLetterReader {
        DeadLetterReader {
            folder: self.folder.clone(),
            files: Arc::clone(&self.files),
            salt: self.identity.1,
            segments: self.segments.clone(),
            gone: self.gone.clone(),
            filter: Filter { after: filter.after.max(self.discarded), ..filter },
            stream: None,
        }
    }

    /// The number given last.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// An id for the letter of this number. The spool's own id may change where a stop left nothing behind but dead
    /// letters; the salt does not, and what is shown of it does not give it away.
    pub(super) fn id_of(&self, number: u64) -> Box<str> {
        let hash = blake3::hash(&self.identity.1.to_le_bytes());
        let name = hash.as_bytes().first_chunk::<8>().expect("a hash has 32 bytes");
        format!("L{}", EventId::Place(SpoolId(u64::from_le_bytes(*name)), SeqNo(number))).into()
    }

    /// How many there are, and what became of the others.
    pub(super) fn usage(&self) -> DeadLetterUsage {
        DeadLetterUsage { count: self.count(), bytes: self.bytes(), limit: self.limit, ..self.flow }
    }

    fn find_segments(&mut self, access: Access) -> Result<(), OpenError> {
        let names = match self.files.names(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && access == Access::ReadOnly => Vec::new(),
            other => other.map_err(at(&self.folder))?,
        };
        let mut firsts: Vec<SeqNo> = names.iter().filter_map(|name| first_of(name)).collect();
        firsts.sort_unstable();
        let mut headers = Vec::with_capacity(firsts.len());
        for first in firsts {
            match self.header_of(first) {
                // let go by its owner since the names were read
                Err(OpenError::Files { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && access == Access::ReadOnly => {}
                header => headers.push((first, header?)),
            }
        }
        for (index, (first, _)) in headers.iter().enumerate() {
            let after = headers.get(index + 1);
            let ends = after.and_then(|(_, header)| header.as_ref()).map(|header| header.previous);
            let ends = ends.filter(|previous| previous.first == *first).map(|previous| previous.length);
            match self.find_segment(*first, ends, after.is_none() && access == Access::Full) {
                Err(OpenError::Files { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && access == Access::ReadOnly => {}
                found => found?,
            }
        }
        Ok(())
    }

    /// What the segment of this name says of itself; none where that is damaged.
    fn header_of(&self, first: SeqNo) -> Result<Option<SegmentHeader>, OpenError> {
        let path = path_of(&self.folder, first);
        match SegmentHeader::read(self.files.as_ref(), &path, Kind::DeadLetters).map_err(at(&path))? {
            Ok(header) => Ok(Some(header)),
            Err(PrefixFault::Newer(found)) => Err(newer(&path, found)),
            Err(PrefixFault::Damaged) => Ok(None),
        }
    }

    /// `ends`: its length as the segment after it says; what lies behind was written by an append that failed, whose
    /// letters were kept elsewhere since. `torn`: it is the last one, and what a crash may have left behind in it is to
    /// be cut off.
    fn find_segment(&mut self, first: SeqNo, ends: Option<u64>, torn: bool) -> Result<(), OpenError> {
        let path = path_of(&self.folder, first);
        let length = length_of(self.files.as_ref(), &path).map_err(at(&path))?;
        let length = ends.unwrap_or(length).min(length);
        let look = if torn { Depth::Close } else { Depth::Brief };
        let key = (first, self.identity.1);
        let walk = Walk::through(self.files.as_ref(), &path, key, length, look).map_err(at(&path))?;
        if torn {
            let end = walk.tail.as_ref().map_or(length, |tail| tail.start);
            if end < length {
                tracing::error!(path = %path.display(), bytes = length - end, "an unfinished write is cut off");
            }
            // synced in any case: an event is let go because its letter is here
            self.files.cut(&path, end).map_err(at(&path))?;
        }
        let next = walk.next.0.max(first.0);
        self.segments.push_back(Segment { first: first.0, next, letters: walk.frames, length: walk.end });
        self.previous = Previous { first, next: SeqNo(next), length: walk.end };
        // a segment that was never in use keeps its name to itself
        self.next = self.next.max(next).max(first.0 + 1);
        Ok(())
    }

    /// Keeps letters, all or none.
    pub(super) fn append(&mut self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
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
        self.flow.buried += self.next - first;
        let segment = self.segments.back_mut().expect("the segment in writing is the last one");
        (segment.next, segment.length) = (self.next, length);
        segment.letters += self.next - first;
        self.drop_oldest();
        Ok(())
    }

    fn draft(&self, letter: &DeadLetter) -> Result<Draft, DeadLetterError> {
        let bytes = (letter.reason.len() + letter.source.len() + letter.raw.len()) as u64;
        self.too_large(bytes)?;
        let draft = draft(letter).ok_or(DeadLetterError::TooLarge { bytes, limit: u64::from(u32::MAX) })?;
        self.too_large(draft.header().length())?;
        Ok(draft)
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
        self.segments.iter().map(|segment| segment.letters - self.let_go(segment).min(segment.letters)).sum()
    }

    /// How many letters of a segment are gone. Numbers of failed writes below the floor count as letters here, which
    /// is why the result may be above the number of letters.
    fn let_go(&self, segment: &Segment) -> u64 {
        let below = (self.discarded + 1).clamp(segment.first, segment.next);
        below - segment.first + self.gone.within(below, segment.next)
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    fn drop_oldest(&mut self) {
        while self.bytes() > self.limit && self.segments.len() > 1 {
            let before = self.count();
            let Some(oldest) = self.segments.pop_front() else { break };
            let dropped = before - self.count();
            self.flow.dropped += dropped;
            tracing::warn!(dropped, limit = self.limit, "too many dead letters: the oldest have been let go");
            self.remove_file(&path_of(&self.folder, SeqNo(oldest.first)));
        }
        self.forget_gone();
    }

    /// Lets go of all up to a number; durable on return.
    pub(super) fn discard(&mut self, up_to: u64) -> Result<(), DeadLetterError> {
        let up_to = up_to.min(self.last()).max(self.discarded);
        let path = self.folder.join(DISCARDED);
        write_record(self.files.as_ref(), &path, Kind::Discarded, &up_to.to_le_bytes(), true)
            .map_err(|source| DeadLetterError::Disk { path, source })?;
        let before = self.count();
        self.discarded = up_to;
        if self.segments.back().is_some_and(|last| last.next <= up_to + 1) {
            self.seal();
        }
        self.flow.removed += before - self.count();
        while let Some(oldest) = self.segments.front().filter(|oldest| oldest.next <= up_to + 1) {
            self.remove_file(&path_of(&self.folder, SeqNo(oldest.first)));
            self.segments.pop_front();
        }
        self.forget_gone();
        Ok(())
    }

    /// Lets go of single letters; durable on return. Segments of which nothing is left go as well, oldest first.
    pub(super) fn remove(&mut self, numbers: &[u64]) -> Result<(), DeadLetterError> {
        let mut gone = self.gone.clone();
        let given = numbers.iter().filter(|number| **number > self.discarded && **number < self.next);
        let fresh = given.filter(|number| gone.insert(**number)).count() as u64;
        if fresh == 0 {
            return Ok(());
        }
        gone.write(self.files.as_ref(), &self.folder)
            .map_err(|source| DeadLetterError::Disk { path: self.folder.clone(), source })?;
        self.gone = gone;
        self.flow.removed += fresh;
        let empty = self.segments.iter().take_while(|segment| self.let_go(segment) >= segment.letters);
        let floor = empty.last().map(|segment| segment.next - 1);
        if let Some(floor) = floor.filter(|floor| *floor > self.discarded)
            && let Err(error) = self.discard(floor)
        {
            // they are gone all the same; the next call tries again
            tracing::warn!(%error, "the space of dead letters that are gone is not given back yet");
        }
        Ok(())
    }

    /// Forgets of the letters gone those that no segment holds any more.
    fn forget_gone(&mut self) {
        let oldest = self.segments.front().map_or(self.next, |segment| segment.first);
        self.gone.forget_below(oldest.max(self.discarded + 1));
    }

    fn remove_file(&self, path: &Path) {
        match self.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), %error, "old dead letters cannot be deleted");
            }
            _ => {}
        }
    }
}
