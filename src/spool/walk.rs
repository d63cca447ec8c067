//! Looking through a segment at opening: which frames it holds, what is damaged, where it ends.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::digests::Seen;
use super::files::Files;
use super::frame::Header;
use super::segment::HEADER;
use super::stream::{Damaged, Item, Stream};
use crate::event::SeqNo;

/// What one segment holds.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Numbers of its events, neighbours joined.
    pub(super) events: Vec<Range<SeqNo>>,
    /// How many frames.
    pub(super) frames: u64,
    /// The number after its last event.
    pub(super) next: SeqNo,
    /// Where its last frame ends.
    pub(super) end: u64,
    /// Damage that frames follow, and the numbers it held.
    pub(super) damage: Vec<(Range<u64>, Range<SeqNo>)>,
    /// Bytes behind the last frame that are none.
    pub(super) tail: Option<Range<u64>>,
    /// What the bodies were.
    pub(super) seen: Vec<Seen>,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// At every byte.
    Close,
    /// At headers: what is damaged inside a frame is found when it is read.
    Brief,
}

impl Walk {
    /// Walks through the segment `first` at `path` up to `end`.
    pub(super) fn through(
        files: &dyn Files,
        path: &Path,
        (first, salt): (SeqNo, u64),
        end: u64,
        depth: Depth,
    ) -> io::Result<Self> {
        let mut stream = Stream::new(files.read(path)?, salt, HEADER as u64)?;
        let mut walk = Self { next: first, end: HEADER as u64, ..Self::default() };
        let mut pending = Vec::new();
        loop {
            let brief = if depth == Depth::Brief { stream.next_header(end)? } else { None };
            let item = match brief {
                Some(header) => Ok(header),
                None => match stream.next(end)? {
                    Item::Frame(frame) => Ok(frame.header),
                    Item::Damaged(damaged) => Err(damaged),
                    Item::End => break,
                },
            };
            match item {
                Ok(header) => walk.take(&header, stream.offset(), &mut pending),
                Err(damaged) => pending.push(damaged),
            }
        }
        walk.tail = pending.first().map(|damaged| damaged.range.start..end);
        Ok(walk)
    }

    fn take(&mut self, header: &Header, end: u64, pending: &mut Vec<Damaged>) {
        for damaged in pending.drain(..) {
            let lost = match (damaged.header, damaged.following) {
                (Some(lost), _) => lost.first..lost.end(),
                (None, following) => self.next..following.as_ref().unwrap_or(header).first,
            };
            self.next = self.next.max(lost.end);
            self.damage.push((damaged.range, lost));
        }
        match self.events.last_mut() {
            Some(last) if last.end == header.first => last.end = header.end(),
            _ => self.events.push(header.first..header.end()),
        }
        self.frames += 1;
        self.next = self.next.max(header.end());
        self.end = end;
        self.seen.push((header.digest, header.received));
    }
}
