//! Events that arrive one by one, put together into the batches that the spool takes.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::event::ReceivedTime;
use crate::spool::{Digest, Member, NewBatch};

/// How many bytes of events one batch has before it is handed over, though more is waiting.
pub(super) const BATCH: usize = 1 << 20;

/// Events of one source that wait for the spool.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    body: Vec<u8>,
    members: Vec<Member>,
}

impl Gathering {
    /// Takes the event that `write` appends. The id, where there is one, names its document in the store.
    pub fn add(&mut self, id: Option<Box<str>>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = narrow(self.body.len());
        write(&mut self.body);
        self.members.push(Member {
            range: start..narrow(self.body.len()),
            id,
            index: None,
            pipeline: None,
            redriven: None,
        });
    }

    /// Bytes of its events.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What was gathered, for the spool. It gets a digest of its own: two equal messages of a stream are two events, so
    /// it is never taken for a repetition of another batch.
    pub fn into_batch(self, source: Box<str>, received: ReceivedTime) -> NewBatch {
        NewBatch { digest: unlike_any(received), received, source, body: Bytes::from(self.body), members: self.members }
    }
}

/// A gathering is handed over long before this; what is added to it at once is bounded by the settings.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).expect("a gathering is bounded to less than 4 GiB")
}

fn unlike_any(received: ReceivedTime) -> Digest {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"a batch of a stream");
    hasher.update(&received.micros().to_le_bytes());
    hasher.update(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let hash = hasher.finalize();
    Digest(*hash.as_bytes().first_chunk::<16>().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_gatherings_are_two_batches() {
        let batch = || {
            let mut gathering = Gathering::default();
            gathering.add(None, |out| out.extend_from_slice(b"{}"));
            gathering.add(Some("x".into()), |out| out.extend_from_slice(b"{\"a\":1}"));
            gathering.into_batch("test".into(), ReceivedTime::from_micros(1))
        };
        let (one, other) = (batch(), batch());
        assert_ne!(one.digest, other.digest);
        assert_eq!(one.members, other.members);
        let events: Vec<&[u8]> = one
            .members
            .iter()
            .map(|member| &one.body[member.range.start as usize..member.range.end as usize])
            .collect();
        assert_eq!(events, [b"{}".as_slice(), b"{\"a\":1}"]);
    }
}
