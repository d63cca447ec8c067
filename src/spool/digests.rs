//! Digests of recent bodies, so that a body that is sent again after a restart is known.
//!
//! Every frame carries the digest of its body. When a segment is sealed its digests are written beside it, 24 bytes a
//! body, and stay there when the segment is deleted, until the youngest is older than the retry window or the files
//! together exceed [`MOST_BYTES`] (2.8 million bodies), when the oldest goes.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Buf;

use super::Digest;
use super::files::Files;
use super::format::{Kind, Record, read_record, write_record};
use crate::event::{ReceivedTime, SeqNo};

/// The most bytes that digests of deleted segments take on the disk.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// The most digests that are handed over after a start; the youngest.
pub(super) const MOST_RECENT: usize = 1 << 20;
const ENTRY: usize = 24;
const SUFFIX: &str = ".digests";

/// A body that was taken, and when.
pub type Seen = (Digest, ReceivedTime);

/// Where the digests of a segment lie.
pub(super) fn path_of(folder: &Path, segment: SeqNo) -> PathBuf {
    folder.join(format!("{:020}{SUFFIX}", segment.0))
}

/// The segment that a file name says; none where it is not a file of digests.
pub(super) fn segment_of(name: &str) -> Option<SeqNo> {
    name.strip_suffix(SUFFIX)?.parse().ok().map(SeqNo)
}

/// Reads such a file; none where it is damaged or there is none.
pub(super) fn read(files: &dyn Files, path: &Path) -> io::Result<Option<Vec<Seen>>> {
    let Record::Whole(payload) = read_record(files, path, Kind::Digests)? else { return Ok(None) };
    let entries = payload.chunks_exact(ENTRY).map(|mut entry| {
        let received = ReceivedTime::from_micros(entry.get_i64_le());
        let mut digest = Digest([0; 16]);
        entry.copy_to_slice(&mut digest.0);
        (digest, received)
    });
    Ok(Some(entries.collect()))
}

/// The files of digests, oldest first.
#[derive(Debug, Default)]
pub(super) struct DigestFiles {
    files: VecDeque<DigestFile>,
    bytes: u64,
}

#[derive(Debug)]
struct DigestFile {
    path: PathBuf,
    youngest: ReceivedTime,
    bytes: u64,
}

impl DigestFiles {
    /// Takes a file into the list that is there already.
    pub(super) fn add(&mut self, path: PathBuf, seen: &[Seen]) {
        let Some(youngest) = seen.iter().map(|(_, received)| *received).max() else { return };
        let bytes = (seen.len() * ENTRY) as u64;
        self.bytes += bytes;
        self.files.push_back(DigestFile { path, youngest, bytes });
    }

    /// Writes the digests of a segment, durable on return.
    pub(super) fn write(&mut self, files: &dyn Files, folder: &Path, segment: SeqNo, seen: &[Seen]) -> io::Result<()> {
        let mut payload = Vec::with_capacity(seen.len() * ENTRY);
        for (digest, received) in seen {
            payload.extend_from_slice(&received.micros().to_le_bytes());
            payload.extend_from_slice(&digest.0);
        }
        let path = path_of(folder, segment);
        write_record(files, &path, Kind::Digests, &payload, true)?;
        self.add(path, seen);
        Ok(())
    }

    /// Deletes what is older than the window, and the oldest where it is too much.
    pub(super) fn prune(&mut self, files: &dyn Files, now: ReceivedTime, window: Duration) {
        while let Some(oldest) = self.files.front() {
            if now - oldest.youngest <= window && self.bytes <= MOST_BYTES {
                break;
            }
            if let Err(error) = files.remove(&oldest.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %oldest.path.display(), %error, "old digests cannot be deleted");
            }
            self.bytes -= oldest.bytes;
            self.files.pop_front();
        }
    }
}

/// The youngest of all, at most [`MOST_RECENT`], oldest first.
pub(super) fn recent(mut seen: Vec<Seen>, now: ReceivedTime, window: Duration) -> Vec<Seen> {
    seen.retain(|(_, received)| now - *received <= window);
    seen.sort_by_key(|(_, received)| *received);
    seen.split_off(seen.len().saturating_sub(MOST_RECENT))
}
