//! The cursor: hands out what is durable, in order, from the checkpoint on.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::ReadError;
use super::frame::Frame;
use super::log::{Log, Shared};
use super::segment::{HEADER, path_of};
use super::stream::{Damaged, Item, Stream};
use super::{Member, members};
use crate::event::{ReceivedTime, SeqNo};

/// One accepted body, as the spool gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    /// Number of the first member; the others follow it.
    pub first: SeqNo,
    /// When it was received.
    pub received: ReceivedTime,
    /// Who sent it.
    pub source: Box<str>,
    /// The body as it came.
    pub body: Bytes,
    /// Where in the body the events lie.
    pub members: Vec<Member>,
    /// It was in the spool before this process opened it, so an earlier one may have stored it already.
    pub replayed: bool,
}

/// What [`Reader::next`] has for its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next batch.
    Batch(StoredBatch),
    /// Nothing came within the time.
    Idle,
    /// The spool is closed; nothing more comes.
    Closed,
}

/// Reads the spool; one for each.
pub struct Reader {
    shared: Arc<Shared>,
    place: Option<Place>,
    /// Frames that end here or before are passed over.
    position: SeqNo,
    /// What was there when the spool was opened.
    replayed: SeqNo,
}

/// Where the reader stands.
struct Place {
    segment: SeqNo,
    /// Up to where it was durable when last looked at.
    end: u64,
    stream: Stream,
}

/// Where to read next.
#[derive(Clone, Copy)]
struct Target {
    segment: SeqNo,
    end: u64,
}

impl Reader {
    /// A reader that begins at `position`; everything below `replayed` was there before.
    pub(super) fn new(shared: Arc<Shared>, position: SeqNo, replayed: SeqNo) -> Self {
        Self { shared, place: None, position, replayed }
    }

    /// The number that comes next, where no event is missing.
    pub fn position(&self) -> SeqNo {
        self.position
    }

    /// Goes to `position`, such as one that was held: the next batch is the first one that holds it or a later one,
    /// of those that still exist. A batch is handed out whole; it may begin earlier.
    pub fn go_to(&mut self, position: SeqNo) {
        self.position = position;
        self.place = None;
    }

    /// The next batch that is durable; waits for one up to `wait`. Blocks: call it on a thread of its own.
    ///
    /// Damaged frames are passed over, counted, said and kept (see [`super::Damage`]); their numbers count as settled.
    /// Batches come whole, even where some of their members are settled. After an error, the next call tries again.
    pub fn next(&mut self, wait: Duration) -> Result<Next, ReadError> {
        loop {
            if self.shared.closed() {
                return Ok(Next::Closed);
            }
            let Some(target) = self.target(wait) else {
                return Ok(if self.shared.closed() { Next::Closed } else { Next::Idle });
            };
            match self.read(target) {
                Ok(Item::Frame(frame)) if frame.header.end() <= self.position => {}
                Ok(Item::Frame(frame)) => {
                    if let Some(batch) = self.batch(frame) {
                        return Ok(Next::Batch(batch));
                    }
                }
                Ok(Item::Damaged(damaged)) => self.pass_over(target.segment, damaged),
                Ok(Item::End) => {}
                Err(source) => {
                    self.place = None;
                    return Err(ReadError { path: path_of(&self.shared.folder, target.segment), source });
                }
            }
        }
    }

    /// Where there is something to read; none where nothing came within `wait`.
    fn target(&self, wait: Duration) -> Option<Target> {
        match &self.place {
            // known to be durable: no need to ask
            Some(place) if place.stream.offset() < place.end => Some(Target { segment: place.segment, end: place.end }),
            place => {
                let place = place.as_ref().map(|place| (place.segment, place.stream.offset()));
                self.shared.wait_for(wait, |log| find(log, place, self.position))
            }
        }
    }

    fn read(&mut self, target: Target) -> std::io::Result<Item> {
        let place = match &mut self.place {
            Some(place) if place.segment == target.segment => place,
            place => {
                let file = match self.shared.files.read(&path_of(&self.shared.folder, target.segment)) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        return Ok(self.gone(target));
                    }
                    other => other?,
                };
                let stream = Stream::new(file, self.shared.salt, HEADER as u64)?;
                place.insert(Place { segment: target.segment, end: target.end, stream })
            }
        };
        place.end = target.end;
        place.stream.next(target.end)
    }

    /// A segment's file is not there: it has been let go since the last look at the list, or somebody took it away.
    fn gone(&self, target: Target) -> Item {
        if self.shared.log().segments.iter().all(|listed| listed.first != target.segment) {
            return Item::End;
        }
        Item::Damaged(Damaged { range: HEADER as u64..target.end, header: None, following: None })
    }

    fn batch(&mut self, frame: Frame) -> Option<StoredBatch> {
        let Frame { header, table, body } = frame;
        let decoded = members::decode(&table, header.count, header.body_length);
        self.position = header.end();
        let Some((source, members)) = decoded else {
            // the checksums are right, so this was written like that: by a program with a fault
            tracing::error!(first = %header.first, "a frame of the spool holds no table of members; it is passed over");
            self.lose(header.first..header.end());
            return None;
        };
        let replayed = header.first < self.replayed;
        Some(StoredBatch { first: header.first, received: header.received, source, body, members, replayed })
    }

    /// Counts damage; the numbers it held are settled.
    fn pass_over(&mut self, segment: SeqNo, damaged: Damaged) {
        let lost = match (damaged.header, damaged.following) {
            (Some(header), _) => header.first..header.end(),
            (None, Some(following)) => self.position.max(segment)..following.first,
            (None, None) => self.position.max(segment)..self.end_of(segment),
        };
        let events = self.lose(lost.clone());
        self.shared.damages.report(&path_of(&self.shared.folder, segment), damaged.range, events);
        self.position = self.position.max(lost.end);
    }

    fn lose(&self, numbers: Range<SeqNo>) -> u64 {
        let mut log = self.shared.log();
        let events = log.settled.lose(numbers);
        log.flow.lost += events;
        log.unsaved |= events > 0;
        drop(log);
        self.shared.queue.poke();
        events
    }

    fn end_of(&self, segment: SeqNo) -> SeqNo {
        let log = self.shared.log();
        let listed = log.segments.iter().find(|listed| listed.first == segment);
        listed.map_or(self.position, |listed| listed.next)
    }
}

/// What can be read by one who stands at `place`, or nowhere yet and looks for `position`.
fn find(log: &Log, place: Option<(SeqNo, u64)>, position: SeqNo) -> Option<Target> {
    let readable = |segment: &&super::log::Segment| segment.length > HEADER as u64;
    let found = match place {
        Some((current, offset)) => log.segments.iter().find(|segment| {
            segment.first == current && segment.length > offset || segment.first > current && readable(segment)
        }),
        None => log.segments.iter().filter(readable).find(|segment| segment.next > position),
    };
    found.map(|segment| Target { segment: segment.first, end: segment.length })
}
