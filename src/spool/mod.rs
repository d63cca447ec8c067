//! 2 KEEP: the durable log of accepted bodies; the only queue on disk.
//!
//! What comes in by [`Spool::append`] is on the disk when the call returns, is handed out in order by [`Reader::next`],
//! and stays until every event in it has been settled by [`Spool::settle`]: stored, known already, or refused.
//!
//! # What always holds
//! - An append that returned `Ok` has been synced. Its batch is delivered until all its events are settled, whatever
//!   stops the process or the machine in between; after a restart possibly once more, and then marked as replayed.
//! - Batches are delivered in the order of their numbers, and only after they were synced.
//! - Events are numbered 1, 2, 3 …, a batch of n members takes n. A number is never given to two events that anybody
//!   outside this room has seen; numbers may be left out: after a write that failed, and after a torn end was cut.
//! - An append that returned [`AppendError::Disk`] is not delivered by this process. It *may* be delivered by the next
//!   one, once, if the machine or the process stops before the next segment has been begun and the bytes did reach the
//!   disk. The sender repeats such a batch; its digest is then among [`Spool::recent`], so it is taken once.
//!   [`AppendError::Full`], `Unfit` and `Closed` leave no trace. A batch whose caller stopped waiting may be delivered.
//! - What has been damaged is passed over up to the next whole frame, said at error level, counted in [`Usage`], and
//!   its bytes are kept in `damaged-…` files. Its numbers count as settled, so delivery goes on.
//!
//! # Files
//! ```text
//! <folder>/lock                      locked by the process that has the spool
//!          identity                  id of the spool (u64), salt of its checksums (u64)
//!          checkpoint                floor, next, durable, hold (u64 each)
//!          <first number>.seg        a segment: 20 digits
//!          <first number>.digests    of its bodies: received (i64, µs), digest (16 bytes) each
//!          damaged-<segment>-<offset>.bin
//!          dead_letters/             segments of the same make, up to where they were discarded, and single ones gone
//! ```
//! All numbers are little endian. Every file begins with `OVSPL\n`, kind (u16), version (u32) and the CRC32C of these
//! twelve bytes. That much stays for ever: a file of a newer version is refused by name and both versions. `identity`,
//! `checkpoint` and `.digests` end with the CRC32C of what follows the prefix, and are replaced as a whole by rename.
//!
//! A segment goes on with: spool id, salt, first number, and of the segment before it the first number, the number
//! after its last acknowledged event and its length up to there (u64 each), zeros, CRC32C of all: 80 bytes. What a
//! failed write left behind in the segment before is thereby known not to count.
//!
//! A frame: magic `F3 6F 76 9C`, length of the table, length of the body, count (u32 each), first number (u64),
//! received (i64, µs), digest (16 bytes), CRC32C of the table, CRC32C of the body, zero (u32), CRC32C over the salt and
//! the 60 bytes before: 64 bytes. Then the table (`members.rs`), then the body as it came. The salt keeps a sender from
//! writing a body that looks like frames.
//!
//! # Writing
//! One thread. It takes all that waits, writes it with one vectored write into the segment's end, calls fdatasync once,
//! answers all. A write that fails is cut off again and the segment goes on. A sync that fails ends the segment: the
//! kernel may have dropped the dirty pages and would report the next sync as good, so the batches are answered with
//! the error, the next ones begin a new segment, and the old one ends, by the new one's header, where it was last good.
//! Neither stops the spool: when there is room again, appends succeed again.
//!
//! # Letting go
//! The checkpoint (lowest unsettled number) is replaced within a second after something was settled, unsynced: losing
//! it costs a repetition. Segments below it, and below [`Spool::hold`] where that is set, are deleted as a whole, after
//! a synced checkpoint. The digests of a deleted segment stay in their own file until the retry window is over.
//! Bounds: `max_bytes` for all segments, 64 MiB or one batch for what waits to be written, 64 MiB for digests of deleted
//! segments, `dead_letter_bytes` each for dead letters and for damaged bytes of one run.
//!
//! # Opening
//! Segments left by failed writes are deleted; the last segment is checked byte for byte and its torn end is cut (and
//! copied to a `damaged-…` file unless it is zeros); the others are walked by their frame headers, their bodies are
//! checked when they are read. Numbers go on behind everything that was ever given. Appending begins a new segment.
//!
//! # Why not a crate
//! wal-db's documentation was read: group commit and CRC32C, but it stops for good after a failed write and knows no
//! bound. Other log crates were not examined closely. What is needed here together: settling out of order by event,
//! skipping and keeping damage, a bound, and staying usable after a full disk.

mod buffers;
mod checkpoint;
mod damage;
mod dead_letters;
mod digests;
mod error;
pub mod failing;
pub mod files;
mod format;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod log;
mod look;
mod members;
mod originals;
mod queue;
mod reader;
mod recover;
mod segment;
mod settled;
mod stream;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::event::id::SpoolId;
use crate::event::{ReceivedTime, SeqNo};

pub use damage::Damage;
pub use dead_letters::shown as letters;
pub use dead_letters::{Content, DeadLetter, DeadLetterReader, DeadLetterUsage, DeadLetters, Filter, Origin};
pub use digests::Seen;
pub use error::{AppendError, CloseError, DeadLetterError, OpenError, ReadError};
pub use files::{Files, RealFiles};
pub use format::VERSION;
pub use look::{Look, is_running, look};
pub use originals::{Original, Originals};
pub use reader::{Next, Reader, StoredBatch};
pub use recover::Recovery;

use log::Shared;
use queue::Job;

/// Where the spool lies and how large it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its folder; made where it is not there.
    pub folder: PathBuf,
    /// What all segments together may take, in bytes; a single batch half of it.
    pub max_bytes: u64,
    /// When a new segment is begun, in bytes; at most a quarter of `max_bytes` is used.
    pub segment_bytes: u64,
    /// What the dead letters may take, in bytes.
    pub dead_letter_bytes: u64,
    /// How long a body that comes again is known as a repetition.
    pub retry_window: Duration,
}

impl Settings {
    /// The usual bounds: 8 GiB in segments of 64 MiB, 256 MiB of dead letters, repetitions known for ten minutes.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            max_bytes: 8 << 30,
            segment_bytes: 64 << 20,
            dead_letter_bytes: 256 << 20,
            retry_window: Duration::from_secs(600),
        }
    }
}

/// A digest of a body as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

/// One body to keep.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Of the body as sent, by which a repetition is known.
    pub digest: Digest,
    /// When it was received.
    pub received: ReceivedTime,
    /// Who sent it.
    pub source: Box<str>,
    /// The body as it is to be kept.
    pub body: Bytes,
    /// Where in the body the events lie; one at least.
    pub members: Vec<Member>,
}

/// One event of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where in the body its JSON object lies.
    pub range: Range<u32>,
    /// The id that a bulk action gave it.
    pub id: Option<Box<str>>,
    /// The index that a bulk action named; without a NUL in it, and not empty.
    pub index: Option<Box<str>>,
    /// The ingest pipeline that a bulk action named.
    pub pipeline: Option<Box<str>>,
    /// The id of its document, where it comes out of the dead letters and no action gave it one: the same as before.
    /// Not empty, without a NUL at its beginning, and only without `id`.
    pub redriven: Option<Box<str>>,
}

/// What a kept batch is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Number of its first event; the others follow.
    pub first: SeqNo,
    /// How many events.
    pub count: u64,
}

/// How full the spool is, and what went through it. Of the events taken since the start and those found at it:
/// `recovered + appended = settled + lost + waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of all segments.
    pub bytes: u64,
    /// What `bytes` may not exceed.
    pub limit: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Events that are not settled.
    pub waiting: u64,
    /// Events that were waiting when the spool was opened.
    pub recovered: u64,
    /// Events taken since then.
    pub appended: u64,
    /// Events settled since then.
    pub settled: u64,
    /// Events found damaged since then while they were waiting.
    pub lost: u64,
    /// Places found damaged since the spool was opened, at opening too.
    pub damaged: u64,
    /// Events lost through them, at most; those found at opening too.
    pub damaged_events: u64,
}

/// An open spool.
pub struct Opened {
    /// To append and settle.
    pub spool: Spool,
    /// To read.
    pub reader: Reader,
    /// What was found.
    pub recovery: Recovery,
}

/// Opens a spool, or makes one. Reads all frame headers, and the last segment whole; blocks for as long.
pub fn open(settings: Settings, files: Arc<dyn Files>, clock: Clock) -> Result<Opened, OpenError> {
    let folder = settings.folder.clone();
    let recover::Parts { shared, writer, reader, recovery, lock } = recover::open(&settings, files, clock)?;
    let thread = Builder::new().name("spool writer".to_owned()).spawn(move || writer.run());
    let thread = thread.map_err(|source| OpenError::Files { path: folder, source })?;
    let running = Mutex::new(Some(Running { thread, _lock: lock }));
    let recovered = recovery.waiting;
    let spool = Spool(Arc::new(Handle { shared, recovered, running }));
    Ok(Opened { spool, reader, recovery })
}

/// To append to the spool and to settle what it holds; clones share it. The last one to go closes it.
#[derive(Clone)]
pub struct Spool(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    recovered: u64,
    running: Mutex<Option<Running>>,
}

/// The writer; the folder stays locked as long as it runs.
struct Running {
    thread: JoinHandle<io::Result<()>>,
    _lock: File,
}

impl Spool {
    /// The name of this spool, drawn at random when its folder was made.
    pub fn id(&self) -> SpoolId {
        self.0.shared.id
    }

    /// Keeps a batch; returns when it is on the disk. Dropping the future does not take it back.
    pub async fn append(&self, batch: NewBatch) -> Result<Appended, AppendError> {
        let (answer, answered) = oneshot::channel();
        let draft = draft(batch)?;
        self.0.shared.queue.push(Job { draft, answer })?;
        // the writer answers everything it takes, unless it is gone
        answered.await.unwrap_or(Err(AppendError::Closed))
    }

    /// These events are done with, in any order; unknown numbers and repetitions do no harm.
    pub fn settle(&self, settled: &[SeqNo]) {
        self.0.shared.settle(settled);
    }

    /// Keeps segments from `position` on, settled or not, so that [`Reader::go_to`] can go back there; across restarts
    /// too. Each call replaces the one before; one with a higher position lets go of what lies between.
    pub fn hold(&self, position: SeqNo) {
        self.0.shared.hold(position);
    }

    /// Everything below is settled.
    pub fn settled_to(&self) -> SeqNo {
        self.0.shared.log().settled.floor()
    }

    /// How full the spool is, and what went through it.
    pub fn usage(&self) -> Usage {
        let shared = &self.0.shared;
        let (_, queued_bytes) = shared.queue.bytes();
        let damage = shared.damages.count();
        let log = shared.log();
        Usage {
            bytes: log.bytes(),
            limit: shared.max_bytes,
            queued_bytes,
            segments: log.segments.len() as u64,
            waiting: log.settled.waiting(),
            recovered: self.0.recovered,
            appended: log.flow.appended,
            settled: log.flow.settled,
            lost: log.flow.lost,
            damaged: damage.places,
            damaged_events: damage.lost,
        }
    }

    /// What was refused.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.0.shared.dead_letters
    }

    /// A finder of single events that are still here.
    pub fn originals(&self) -> Originals {
        Originals::new(Arc::clone(&self.0.shared))
    }

    /// Digests of the bodies within the retry window that were found at opening, oldest first.
    pub fn recent(&self) -> Arc<[Seen]> {
        Arc::clone(&self.0.shared.recent)
    }

    /// Writes what waits and a last checkpoint, stops the writer and unlocks the folder. Blocks until that is done; the
    /// reader says [`Next::Closed`] from then on. A second call does nothing.
    pub fn close(&self) -> Result<(), CloseError> {
        self.0.close()
    }
}

impl Handle {
    fn close(&self) -> Result<(), CloseError> {
        self.shared.queue.close();
        let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let ended = running.thread.join().unwrap_or_else(|_| Err(io::Error::other("the spool's writer panicked")));
        ended.map_err(|source| CloseError { path: checkpoint::path_in(&self.shared.folder), source })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the spool could not be closed as it should");
        }
    }
}

/// Checks a batch and makes it ready to be written; the checksums are taken here, on the caller's thread.
fn draft(batch: NewBatch) -> Result<frame::Draft, AppendError> {
    let NewBatch { digest, received, source, body, members } = batch;
    let inside = |member: &Member| member.range.start <= member.range.end && member.range.end as usize <= body.len();
    let count = match u32::try_from(members.len()) {
        Ok(0) => return Err(AppendError::Unfit { reason: "it has no members" }),
        Ok(_) if !members.iter().all(inside) => {
            return Err(AppendError::Unfit { reason: "a member lies outside the body" });
        }
        Ok(count) => count,
        Err(_) => return Err(AppendError::Unfit { reason: "it has more than four thousand million members" }),
    };
    let mut head = Vec::with_capacity(frame::HEADER + source.len() + 8 + 6 * members.len());
    head.resize(frame::HEADER, 0);
    members::encode(&source, &members, &mut head);
    let draft = frame::Draft::new(count, received, digest, head, body);
    draft.ok_or(AppendError::Unfit { reason: "it is larger than 4 GiB" })
}
