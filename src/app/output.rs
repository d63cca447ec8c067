//! The documents of a batch as they are written, one behind the other in one piece of memory.

use crate::event::{EventId, EventTime, SeqNo};
use crate::spool::StoredBatch;
use crate::store::{Batch, Document, Kind};

/// Documents that are being written.
#[derive(Default)]
pub struct Output {
    /// What has been written, one behind the other in `bytes`.
    pub documents: Vec<Document>,
    /// Their JSON.
    pub bytes: Vec<u8>,
}

impl Output {
    /// Room for these, when `added` bytes are added to an event.
    pub fn with_room_for(stored: &[StoredBatch], added: usize) -> Self {
        let events: usize = stored.iter().map(|batch| batch.members.len()).sum();
        let bytes: usize = stored.iter().map(|batch| batch.body.len()).sum();
        Self { documents: Vec::with_capacity(events), bytes: Vec::with_capacity(bytes + events * added) }
    }

    /// Bytes that were added to an event of these, in the mean.
    pub fn added(&self, stored: &[StoredBatch]) -> usize {
        let bytes: usize = stored.iter().map(|batch| batch.body.len()).sum();
        self.bytes.len().saturating_sub(bytes) / self.documents.len().max(1)
    }

    /// Takes in what was written from `start` on.
    pub fn push(
        &mut self,
        kind: Kind,
        time: EventTime,
        id: EventId,
        start: usize,
        sequence: Option<SeqNo>,
        replayed: bool,
    ) {
        let source = start..self.bytes.len();
        self.documents.push(Document { kind, day: time.day(), id, source, sequence, replayed });
    }

    /// What is written.
    pub fn finish(self) -> Batch {
        Batch { documents: self.documents, bytes: self.bytes.into() }
    }
}
