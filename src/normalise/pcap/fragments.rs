//! Fragmented datagrams put together again, so many at once as there is room for.
//!
//! A fragment that overlaps another one, or that does not fit into a datagram of 64 KiB, is wrong and counted: attacks
//! such as teardrop and the ping of death consist of them. A datagram with a fragment that cannot be placed is given as far as it is there.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use etherparse::IpNumber;
use etherparse::defrag::IpDefragBuf;
use lru::LruCache;

use super::datagram::{Datagram, Fragment};
use super::error::Skipped;
use super::report::Report;

/// How long the parts of a datagram may be apart.
const PATIENCE_NANOS: i64 = 30_000_000_000;

/// Datagrams of which parts are missing.
pub struct Fragments {
    waiting: LruCache<Id, Partial>,
}

/// Which datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Id {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

struct Partial {
    buffer: IpDefragBuf,
    /// When its first part came.
    nanos: i64,
    wrong: u32,
    /// Whether the capture lacks bytes of a part.
    cut: bool,
}

/// A datagram put together.
pub struct Whole {
    payload: Vec<u8>,
    cut: bool,
    /// How many of its fragments were wrong.
    pub wrong: u32,
}

impl Whole {
    /// The datagram, of which `last` is a fragment.
    pub fn of(&self, last: &Datagram<'_>) -> Datagram<'_> {
        let headers = last.length.saturating_sub(last.payload_length as u64);
        Datagram {
            length: headers + self.payload.len() as u64,
            payload_length: self.payload.len() + usize::from(self.cut),
            payload: &self.payload,
            fragment: None,
            source: last.source,
            destination: last.destination,
            protocol: last.protocol,
        }
    }
}

impl Fragments {
    /// For at most `most` datagrams at once.
    pub fn new(most: usize) -> Self {
        Self { waiting: LruCache::new(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)) }
    }

    /// Takes a fragment; gives its datagram if that is complete now, or can not be completed.
    pub fn add(&mut self, part: &Datagram<'_>, nanos: i64, report: &mut Report) -> Result<Whole, Skipped> {
        let fragment = part.fragment.ok_or(Skipped::Malformed)?;
        report.fragments += 1;
        let id = Id {
            source: part.source,
            destination: part.destination,
            protocol: part.protocol,
            identification: fragment.identification,
        };
        let mut partial = self.partial(id, nanos, report);
        let placed = partial.place(part, fragment, report);
        if placed && !partial.buffer.is_complete() {
            if self.waiting.push(id, partial).is_some_and(|(gone, _)| gone != id) {
                report.incomplete_datagrams += 1;
            }
            return Err(Skipped::Waiting);
        }
        let Partial { buffer, wrong, cut, .. } = partial;
        let first = buffer.sections().iter().find(|section| section.start == 0).map_or(0, |section| section.end);
        let (mut payload, _) = buffer.take_bufs();
        payload.truncate(if placed { payload.len() } else { usize::from(first) });
        if payload.is_empty() {
            report.incomplete_datagrams += 1;
            return Err(Skipped::Waiting);
        }
        Ok(Whole { payload, cut, wrong })
    }

    /// How many datagrams lack parts.
    pub fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// What is there of a datagram; what is too old is another datagram of the same number.
    fn partial(&mut self, id: Id, nanos: i64, report: &mut Report) -> Partial {
        let known = self.waiting.pop(&id);
        report.incomplete_datagrams += u64::from(known.as_ref().is_some_and(|one| one.is_old(nanos)));
        known.filter(|one| !one.is_old(nanos)).unwrap_or_else(|| Partial {
            buffer: IpDefragBuf::new(IpNumber(id.protocol), Vec::new(), Vec::new()),
            nanos,
            wrong: 0,
            cut: false,
        })
    }
}

impl Partial {
    fn is_old(&self, nanos: i64) -> bool {
        nanos.saturating_sub(self.nanos) > PATIENCE_NANOS
    }

    /// Puts a fragment where it belongs; false if it belongs nowhere.
    fn place(&mut self, part: &Datagram<'_>, fragment: Fragment, report: &mut Report) -> bool {
        let start = fragment.offset.byte_offset();
        let end = usize::from(start) + part.payload_length;
        let overlaps =
            self.buffer.sections().iter().any(|section| usize::from(section.start) < end && start < section.end);
        let missing = part.payload_length - part.payload.len();
        let placed = if missing == 0 {
            self.buffer.add(fragment.offset, fragment.more, part.payload).is_ok()
        } else {
            // lengths are told right although the bytes are unknown
            self.cut = true;
            let mut padded = part.payload.to_vec();
            padded.resize(part.payload_length, 0);
            self.buffer.add(fragment.offset, fragment.more, &padded).is_ok()
        };
        let wrong = u32::from(overlaps || !placed);
        self.wrong += wrong;
        report.wrong_fragments += u64::from(wrong);
        placed
    }
}
