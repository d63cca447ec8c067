//! Finds single events that are still in the spool, by their numbers: what was refused is kept as it came.
//!
//! Frames are passed over by their headers. A finder stays where it was, so that numbers that grow from call to call
//! cost one walk through a segment together, and one that lies behind costs a new walk.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::Header;
use super::log::Shared;
use super::segment::{HEADER, path_of};
use super::stream::{Item, Stream};
use super::{Member, members};
use crate::event::{ReceivedTime, SeqNo};

/// An event as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// When it was received.
    pub received: ReceivedTime,
    /// Who sent it.
    pub source: Box<str>,
    /// Its JSON object, as it came.
    pub raw: Bytes,
    /// The id that a bulk action gave it.
    pub id: Option<Box<str>>,
    /// The index that a bulk action named.
    pub index: Option<Box<str>>,
    /// The ingest pipeline that a bulk action named.
    pub pipeline: Option<Box<str>>,
    /// The id of its document, where it came out of the dead letters.
    pub redriven: Option<Box<str>>,
}

/// Looks for events in the spool; one for each who asks.
pub struct Originals {
    shared: Arc<Shared>,
    place: Option<Place>,
}

/// Where it stands, and the frame that was read last.
struct Place {
    segment: SeqNo,
    stream: Stream,
    frame: Option<Opened>,
}

/// A frame with its members.
struct Opened {
    header: Header,
    source: Box<str>,
    members: Vec<Member>,
    body: Bytes,
}

impl Originals {
    /// A finder that stands nowhere yet.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, place: None }
    }

    /// The event of this number; none where it was let go, or its frame is damaged. Blocks.
    ///
    /// # Errors
    /// When the operating system does not give the file.
    pub fn find(&mut self, number: SeqNo) -> io::Result<Option<Original>> {
        let segment = {
            let log = self.shared.log();
            let mut segments = log.segments.iter();
            segments.find(|listed| listed.first <= number && number < listed.next).cloned()
        };
        let Some(segment) = segment else { return Ok(None) };
        let mut place = match self.place.take() {
            Some(place) if place.segment == segment.first => place,
            _ => match self.shared.files.read(&path_of(&self.shared.folder, segment.first)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => {
                    let stream = Stream::new(file?, self.shared.salt, HEADER as u64)?;
                    Place { segment: segment.first, stream, frame: None }
                }
            },
        };
        let found = place.find(number, segment.length)?;
        self.place = Some(place);
        Ok(found)
    }
}

impl Place {
    fn find(&mut self, number: SeqNo, end: u64) -> io::Result<Option<Original>> {
        if self.frame.as_ref().is_none_or(|frame| number < frame.header.first) {
            self.stream.go_to(HEADER as u64)?;
            self.frame = None;
        }
        loop {
            if let Some(frame) = self.frame.as_ref().filter(|frame| number < frame.header.end()) {
                return Ok(frame.original(number));
            }
            let offset = self.stream.offset();
            match self.stream.next_header(end)? {
                Some(header) if header.end() <= number => {}
                Some(header) if header.first <= number => {
                    self.stream.go_to(offset)?;
                    match self.stream.next(end)? {
                        Item::Frame(frame) => self.frame = Opened::new(frame),
                        Item::Damaged(_) | Item::End => return Ok(None),
                    }
                    if self.frame.is_none() {
                        return Ok(None);
                    }
                }
                Some(_) => return Ok(None),
                // no header stands here: damage, which this passes over, or the end
                None => match self.stream.next(end)? {
                    Item::End => return Ok(None),
                    Item::Frame(_) | Item::Damaged(_) => {}
                },
            }
        }
    }
}

impl Opened {
    fn new(frame: super::frame::Frame) -> Option<Self> {
        let (source, members) = members::decode(&frame.table, frame.header.count, frame.header.body_length)?;
        Some(Self { header: frame.header, source, members, body: frame.body })
    }

    fn original(&self, number: SeqNo) -> Option<Original> {
        let place = usize::try_from(number.0.checked_sub(self.header.first.0)?).ok()?;
        let Member { range, id, index, pipeline, redriven } = self.members.get(place)?.clone();
        Some(Original {
            received: self.header.received,
            source: self.source.clone(),
            raw: self.body.slice(range.start as usize..range.end as usize),
            id,
            index,
            pipeline,
            redriven,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{append, batch, drain, opened, settle_all};
    use super::*;

    #[test]
    fn events_are_found_in_any_order_until_their_segment_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut o = opened(folder.path());
        let mut given = Vec::new();
        for tag in 0..60 {
            let mut batch = batch(tag, 3);
            batch.members[1].id = Some(format!("id {tag}").into());
            append(&o.spool, &batch).unwrap();
            given.push(batch);
        }
        let mut finder = o.spool.originals();
        for number in [1_u64, 2, 3, 100, 99, 101, 180, 5, 180, 60] {
            let found = finder.find(SeqNo(number)).unwrap().unwrap();
            let (batch, member) = (&given[(number as usize - 1) / 3], (number as usize - 1) % 3);
            let range = &batch.members[member].range;
            assert_eq!(found.raw, batch.body.slice(range.start as usize..range.end as usize), "{number}");
            assert_eq!((found.id, found.source), (batch.members[member].id.clone(), batch.source.clone()));
        }
        assert_eq!(finder.find(SeqNo(181)).unwrap(), None);
        settle_all(&o.spool, &drain(&mut o.reader));
        o.spool.close().unwrap();
        assert_eq!(finder.find(SeqNo(1)).unwrap(), None);
    }
}
