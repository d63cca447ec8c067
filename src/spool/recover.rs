//! Opening: finds what is whole, cuts what a crash left half written, says what is damaged.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::checkpoint::{Checkpoint, Found, path_in};
use super::damage::{Damage, Damages};
use super::dead_letters::DeadLetters;
use super::digests::{self, DigestFiles, Seen};
use super::error::OpenError;
use super::files::Files;
use super::format::{Kind, PrefixFault, Record, VERSION, numbers, read_record, write_record};
use super::log::{Flow, Log, Segment, Shared};
use super::segment::{HEADER, Previous, SegmentHeader, first_of, path_of};
use super::settled::Settled;
use super::walk::{Depth, Walk};
use super::writer::Writer;
use super::{Settings, reader::Reader};
use crate::clock::Clock;
use crate::event::SeqNo;
use crate::event::id::SpoolId;

/// The file that is locked by whoever has the spool.
pub(super) const LOCK: &str = "lock";
/// The file that names the spool.
pub(super) const IDENTITY: &str = "identity";

/// Somebody who only looks (see `look.rs`) holds the lock for a moment.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What opening found.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Segments that are kept.
    pub segments: u64,
    /// Batches in them, settled ones too.
    pub batches: u64,
    /// Events that are not settled: they are delivered (again).
    pub waiting: u64,
    /// Where delivery begins.
    pub checkpoint: SeqNo,
    /// What the first event of this run will be called.
    pub next: SeqNo,
    /// Bytes of an unfinished write that were cut off.
    pub torn_bytes: u64,
    /// A copy of them; none where there was nothing in them but zeros, or it could not be made.
    pub torn_kept: Option<PathBuf>,
    /// Segments of failed writes that held nothing acknowledged and were deleted.
    pub abandoned: u64,
    /// Damage found so far; segments but the last are looked through closely only when they are read.
    pub damage: Vec<Damage>,
    /// The checkpoint could not be read: everything that is kept is delivered again.
    pub checkpoint_damaged: bool,
    /// Digests of the bodies within the retry window, oldest first, at most about a million.
    pub recent: Arc<[Seen]>,
}

/// An open spool in parts.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    pub(super) recovery: Recovery,
    pub(super) lock: File,
}

/// A segment's file.
struct Candidate {
    first: SeqNo,
    path: PathBuf,
    header: Option<SegmentHeader>,
    length: u64,
}

/// Opens the folder, or makes it.
pub(super) fn open(settings: &Settings, files: Arc<dyn Files>, clock: Clock) -> Result<Parts, OpenError> {
    let folder = &settings.folder;
    files.create_folder(folder).map_err(at(folder))?;
    let lock = take_lock(folder)?;
    let damages = Damages::new(Arc::clone(&files), folder.clone(), settings.dead_letter_bytes);
    let mut opening = Opening { folder, files: files.as_ref(), damages: &damages, recovery: Recovery::default() };
    let names = files.names(folder).map_err(at(folder))?;
    let candidates = opening.candidates(&names)?;
    let checkpoint = opening.checkpoint()?;
    let identity = opening.identity(&candidates, checkpoint.is_some())?;
    let highest = candidates.last().map_or(SeqNo(1), |candidate| candidate.first);
    let kept = opening.without_abandoned(candidates, identity.1)?;
    let segments = opening.walk(kept, identity.1, checkpoint.as_ref())?;
    let digest_files = opening.digests(&names, &segments, &clock, settings);
    let log = opening.log(&segments, checkpoint, highest);
    let mut recovery = opening.recovery;
    recovery.waiting = log.settled.waiting();
    recovery.checkpoint = log.settled.floor();

    let dead_letters = DeadLetters::open(
        folder.join("dead_letters"),
        settings.dead_letter_bytes,
        settings.segment_bytes,
        Arc::clone(&files),
        identity,
    )?;
    let previous =
        segments.last().map(|(candidate, walk)| Previous { first: candidate.first, next: walk.next, length: walk.end });
    let recent = Arc::clone(&recovery.recent);
    let shared = Arc::new(Shared::new(settings, files, clock, identity, damages, dead_letters, recent, log));
    let writer = Writer::new(Arc::clone(&shared), previous.unwrap_or_default(), recovery.next, digest_files);
    let reader = Reader::new(Arc::clone(&shared), recovery.checkpoint, recovery.next);
    Ok(Parts { shared, writer, reader, recovery, lock })
}

/// One process a spool.
fn take_lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(OpenError::Files { path, source }),
        }
    }
    Err(OpenError::Locked { folder: folder.to_owned() })
}

/// Says where an error of the operating system arose.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Files { path, source }
}

/// A file of a version that this program does not know.
pub(super) fn newer(path: &Path, found: u32) -> OpenError {
    OpenError::Newer { path: path.to_owned(), found, known: VERSION }
}

/// How long a file is, in bytes.
pub(super) fn length_of(files: &dyn Files, path: &Path) -> io::Result<u64> {
    files.read(path)?.seek(SeekFrom::End(0))
}

struct Opening<'a> {
    folder: &'a Path,
    files: &'a dyn Files,
    damages: &'a Damages,
    recovery: Recovery,
}

impl Opening<'_> {
    /// The segments of the folder, oldest first; refuses newer ones.
    fn candidates(&mut self, names: &[String]) -> Result<Vec<Candidate>, OpenError> {
        let mut firsts: Vec<SeqNo> = names.iter().filter_map(|name| first_of(name)).collect();
        firsts.sort_unstable();
        let mut candidates = Vec::with_capacity(firsts.len());
        for first in firsts {
            let path = path_of(self.folder, first);
            let length = length_of(self.files, &path).map_err(at(&path))?;
            let header = match SegmentHeader::read(self.files, &path, Kind::Spool).map_err(at(&path))? {
                Ok(header) => Some(header).filter(|header| header.first == first),
                Err(PrefixFault::Newer(found)) => return Err(newer(&path, found)),
                Err(PrefixFault::Damaged) => None,
            };
            candidates.push(Candidate { first, path, header, length });
        }
        Ok(candidates)
    }

    /// The checkpoint; none where there is none or it is damaged.
    fn checkpoint(&mut self) -> Result<Option<Checkpoint>, OpenError> {
        let path = path_in(self.folder);
        match Checkpoint::read(self.files, self.folder).map_err(at(&path))? {
            Found::Whole(checkpoint) => Ok(Some(checkpoint)),
            Found::Missing => Ok(None),
            Found::Newer(found) => Err(newer(&path, found)),
            Found::Damaged => {
                tracing::error!(path = %path.display(), "the checkpoint is damaged: what is kept is delivered again");
                self.recovery.checkpoint_damaged = true;
                Ok(None)
            }
        }
    }

    /// Id and salt: from their file, else from a segment; new ones where nothing is left that they name.
    fn identity(&self, candidates: &[Candidate], checkpoint: bool) -> Result<(SpoolId, u64), OpenError> {
        let path = self.folder.join(IDENTITY);
        let found = read_record(self.files, &path, Kind::Identity).map_err(at(&path))?;
        let copy = candidates.iter().find_map(|candidate| candidate.header);
        let fresh = candidates.is_empty() && !checkpoint;
        let identity = match (found, copy) {
            (Record::Newer(found), _) => return Err(newer(&path, found)),
            (Record::Whole(payload), _) if !fresh && numbers::<2>(&payload).is_some() => {
                let [id, salt] = numbers(&payload).expect("asked the line before");
                return Ok((SpoolId(id), salt));
            }
            (_, Some(header)) => (header.spool, header.salt),
            // the salt stays: the dead letters are readable by it alone, and they may be all there is
            (Record::Whole(payload), None) if fresh && numbers::<2>(&payload).is_some() => {
                let [_, salt] = numbers(&payload).expect("asked the line before");
                (SpoolId(random()), salt)
            }
            // without a checkpoint numbers begin again at 1: under the old id they would name other events' documents
            (_, None) if fresh => (SpoolId(random()), random()),
            (_, None) => return Err(OpenError::IdentityLost { path }),
        };
        let payload = [identity.0.0, identity.1].map(u64::to_le_bytes).concat();
        write_record(self.files, &path, Kind::Identity, &payload, true).map_err(at(&path))?;
        Ok(identity)
    }

    /// Without segments that a failed write left behind: nothing in them was acknowledged.
    fn without_abandoned(&mut self, candidates: Vec<Candidate>, salt: u64) -> Result<Vec<Candidate>, OpenError> {
        let mut kept: VecDeque<Candidate> = VecDeque::new();
        for candidate in candidates.into_iter().rev() {
            let chained = match kept.front().map(|after| after.header.map(|header| header.previous.first)) {
                Some(Some(previous)) if candidate.first > previous => false,
                Some(Some(previous)) if candidate.first == previous => true,
                Some(None) => true,
                _ => self.was_made(&candidate, salt)?,
            };
            if chained {
                kept.push_front(candidate);
                continue;
            }
            tracing::warn!(path = %candidate.path.display(), "a segment of a failed write is deleted");
            self.files.remove(&candidate.path).map_err(at(&candidate.path))?;
            self.recovery.abandoned += 1;
        }
        Ok(kept.into())
    }

    /// Whether a segment was ever in use: its header is whole, or there are frames in it.
    fn was_made(&self, candidate: &Candidate, salt: u64) -> Result<bool, OpenError> {
        let Candidate { first, path, header, length } = candidate;
        if header.is_some() {
            return Ok(true);
        }
        let walk = Walk::through(self.files, path, (*first, salt), *length, Depth::Brief);
        Ok(walk.map_err(at(path))?.frames > 0)
    }

    /// Looks through all segments.
    fn walk(
        &mut self,
        candidates: Vec<Candidate>,
        salt: u64,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Vec<(Candidate, Walk)>, OpenError> {
        let afters: Vec<(Option<Previous>, SeqNo)> =
            candidates.iter().skip(1).map(|after| (after.header.map(|h| h.previous), after.first)).collect();
        let mut expected = checkpoint.map(|checkpoint| checkpoint.floor);
        let mut segments = Vec::with_capacity(candidates.len());
        for (index, candidate) in candidates.into_iter().enumerate() {
            self.missing_before(&candidate, expected);
            let walk = match afters.get(index) {
                Some(&(previous, first)) => self.walk_sealed(&candidate, salt, previous, first)?,
                None => self.walk_last(&candidate, salt, checkpoint)?,
            };
            if candidate.header.is_none() {
                self.damaged(&candidate.path, 0..HEADER as u64, SeqNo(0)..SeqNo(0));
            }
            self.recovery.batches += walk.frames;
            // what is settled is not missed
            expected = expected.max(Some(walk.next));
            segments.push((candidate, walk));
        }
        if let (true, Some(checkpoint)) = (segments.is_empty(), checkpoint)
            && checkpoint.durable > checkpoint.floor
        {
            let path = path_of(self.folder, checkpoint.floor);
            self.damaged(&path, 0..0, checkpoint.floor..checkpoint.durable);
        }
        self.recovery.segments = segments.len() as u64;
        Ok(segments)
    }

    /// Says it where a segment before this one is not there though not all of it was settled.
    fn missing_before(&mut self, candidate: &Candidate, expected: Option<SeqNo>) {
        let Some((header, expected)) = candidate.header.zip(expected) else { return };
        let previous = header.previous;
        if previous.next > expected {
            let path = path_of(self.folder, previous.first);
            self.damaged(&path, HEADER as u64..previous.length, expected..previous.next);
        }
    }

    /// A segment that another one follows; it ends where that one says.
    fn walk_sealed(
        &mut self,
        candidate: &Candidate,
        salt: u64,
        previous: Option<Previous>,
        after: SeqNo,
    ) -> Result<Walk, OpenError> {
        let previous = previous.filter(|previous| previous.first == candidate.first);
        let (end, next) = previous.map_or((candidate.length, after), |previous| (previous.length, previous.next));
        let path = &candidate.path;
        let mut walk = Walk::through(self.files, path, (candidate.first, salt), end, Depth::Brief).map_err(at(path))?;
        if let Some(tail) = walk.tail.take() {
            walk.damage.push((tail, walk.next..next));
            (walk.end, walk.next) = (end, walk.next.max(next));
        }
        for (range, lost) in walk.damage.clone() {
            self.damaged(path, range, lost);
        }
        Ok(walk)
    }

    /// The last segment, which a crash may have left with a torn end.
    fn walk_last(
        &mut self,
        candidate: &Candidate,
        salt: u64,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Walk, OpenError> {
        let path = &candidate.path;
        let key = (candidate.first, salt);
        let walk = Walk::through(self.files, path, key, candidate.length, Depth::Close).map_err(at(path))?;
        for (range, lost) in walk.damage.clone() {
            self.damaged(path, range, lost);
        }
        if let Some(durable) = checkpoint.map(|checkpoint| checkpoint.durable).filter(|durable| *durable > walk.next) {
            self.damaged(path, walk.end..candidate.length.max(walk.end), walk.next..durable);
        }
        if let Some(tail) = walk.tail.clone() {
            self.recovery.torn_bytes = tail.end - tail.start;
            self.recovery.torn_kept = self.damages.keep_tail(path, tail.clone());
            tracing::error!(
                path = %path.display(), bytes = self.recovery.torn_bytes,
                "the last write before the stop was not finished: nobody was told it is safe; it is cut off"
            );
        }
        // synced in any case: a frame that is delivered, and whose digest answers a repetition, must not vanish later
        self.files.cut(path, walk.end).map_err(at(path))?;
        Ok(walk)
    }

    fn damaged(&mut self, path: &Path, range: Range<u64>, lost: Range<SeqNo>) {
        let lost = lost.end.0.saturating_sub(lost.start.0);
        self.recovery.damage.extend(self.damages.report(path, range, lost));
    }

    /// The digests that are kept beside the segments, and those of segments that have none yet.
    fn digests(
        &mut self,
        names: &[String],
        segments: &[(Candidate, Walk)],
        clock: &Clock,
        settings: &Settings,
    ) -> DigestFiles {
        let (now, window) = (clock.now(), settings.retry_window);
        let mut kept = DigestFiles::default();
        let mut all: Vec<Seen> = Vec::new();
        let mut sealed: Vec<SeqNo> = names.iter().filter_map(|name| digests::segment_of(name)).collect();
        sealed.sort_unstable();
        for segment in &sealed {
            let path = digests::path_of(self.folder, *segment);
            match digests::read(self.files, &path) {
                Ok(Some(seen)) => {
                    if segments.iter().all(|(candidate, _)| candidate.first != *segment) {
                        all.extend_from_slice(&seen);
                    }
                    kept.add(path, &seen);
                }
                Ok(None) => tracing::warn!(path = %path.display(), "a file of digests is damaged and not used"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a file of digests cannot be read"),
            }
        }
        for (candidate, walk) in segments {
            all.extend_from_slice(&walk.seen);
            let young = walk.seen.iter().any(|(_, received)| now - *received <= window);
            if young
                && !sealed.contains(&candidate.first)
                && let Err(error) = kept.write(self.files, self.folder, candidate.first, &walk.seen)
            {
                tracing::warn!(%error, "digests could not be kept: bodies repeated later may be taken twice");
            }
        }
        kept.prune(self.files, now, window);
        self.recovery.recent = digests::recent(all, now, window).into();
        kept
    }

    /// What is there, as writer and reader share it.
    fn log(&mut self, segments: &[(Candidate, Walk)], checkpoint: Option<Checkpoint>, highest: SeqNo) -> Log {
        let oldest = segments.first().map(|(candidate, _)| candidate.first);
        let floor = checkpoint.map(|checkpoint| checkpoint.floor).or(oldest).unwrap_or(SeqNo(1));
        let mut settled = Settled::new(floor);
        for range in segments.iter().flat_map(|(_, walk)| &walk.events) {
            settled.grow(range.clone());
        }
        let last = segments.last().map_or(SeqNo(1), |(_, walk)| walk.next);
        let given = checkpoint.map_or(SeqNo(1), |checkpoint| checkpoint.next.max(checkpoint.durable));
        // what was cut may have held numbers that somebody has seen; an event takes a byte at least
        let next = last.max(given).max(highest).max(floor).plus(self.recovery.torn_bytes);
        // a segment in which nothing was written has the name that the next one would get
        let taken = segments.last().is_some_and(|(candidate, _)| candidate.first == next);
        let next = next.plus(u64::from(taken));
        settled.pass_to(next);
        self.recovery.next = next;
        let segments = segments.iter().map(|(candidate, walk)| Segment {
            first: candidate.first,
            next: walk.next,
            length: walk.end,
            sealed: true,
        });
        let hold = checkpoint.and_then(|checkpoint| checkpoint.hold);
        Log { segments: segments.collect(), settled, hold, unsaved: true, flow: Flow::default() }
    }
}

/// A number that the operating system's random numbers have a part in.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
