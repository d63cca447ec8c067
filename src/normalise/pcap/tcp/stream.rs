//! The payload of one side in order: what came too early waits, what never came is a gap.
//!
//! Numbers are relative to the SYN, so payload begins at 1. Only where somebody listens are bytes kept; else ranges.

use std::collections::BTreeMap;

/// Segments that may wait for an earlier one, and bytes in them; beyond that the side is not followed any more.
const MOST_WAITING: usize = 1024;
const MOST_BYTES: usize = 256 << 10;

/// What a listener is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes.
    Data(&'a [u8]),
    /// Bytes that the capture lacks.
    Gap,
}

/// The payload of one side.
#[derive(Debug)]
pub struct Stream {
    /// The first byte that was not given yet.
    next: i64,
    /// Acknowledgments up to here were looked at.
    looked_at: i64,
    waiting: BTreeMap<i64, Waiting>,
    held: usize,
    /// Too much waited; nothing more is followed.
    given_up: bool,
    /// Whether somebody listens.
    pub heard: bool,
}

#[derive(Debug)]
struct Waiting {
    end: i64,
    data: Box<[u8]>,
}

impl Default for Stream {
    fn default() -> Self {
        Self { next: 1, looked_at: 1, waiting: BTreeMap::new(), held: 0, given_up: false, heard: false }
    }
}

impl Stream {
    /// The first byte that was not given yet; none where the side is not followed any more.
    pub fn next(&self) -> Option<i64> {
        (!self.given_up).then_some(self.next)
    }

    /// Bytes that wait for earlier ones.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Stops following this side.
    pub fn give_up(&mut self) {
        self.given_up = true;
        self.waiting.clear();
        self.held = 0;
    }

    /// Whether payload waits for an earlier one.
    pub fn is_waiting(&self) -> bool {
        self.waiting.values().any(|waiting| waiting.end > self.next)
    }

    /// Takes a segment.
    pub fn insert(&mut self, start: i64, payload: &[u8], sink: &mut dyn FnMut(Piece<'_>)) {
        let end = start + payload.len() as i64;
        if self.given_up || end <= self.next {
            return;
        }
        let known = usize::try_from(self.next - start).unwrap_or(0);
        if start <= self.next {
            self.give(&payload[known..], end, sink);
            self.drain(sink);
        } else if self.waiting.get(&start).is_none_or(|other| other.end < end) {
            let data: Box<[u8]> = if self.heard { payload.into() } else { Box::default() };
            self.held += data.len();
            if let Some(other) = self.waiting.insert(start, Waiting { end, data }) {
                self.held -= other.data.len();
            }
            if self.waiting.len() > MOST_WAITING || self.held > MOST_BYTES {
                self.give_up();
            }
        }
    }

    /// The peer has everything before `end`: what did not come by now was missed. Gives how many bytes and gaps.
    pub fn acknowledge(&mut self, end: i64, partial: bool, sink: &mut dyn FnMut(Piece<'_>)) -> (u64, u32) {
        // of a connection joined midway the first byte is a guess, so the first acknowledgment proves nothing
        if self.given_up || end <= self.looked_at {
            return (0, 0);
        }
        self.looked_at = end;
        if end <= self.next || end <= 2 && partial {
            return (0, 0);
        }
        let (mut missed, mut gaps) = (0, 0);
        while self.next < end {
            let upto = self.waiting.first_key_value().map_or(end, |(start, _)| (*start).min(end));
            if upto > self.next {
                missed += (upto - self.next).unsigned_abs();
                gaps += 1;
                self.next = upto;
                sink(Piece::Gap);
            }
            self.drain(sink);
        }
        (missed, gaps)
    }

    /// Gives what waited for nothing else.
    fn drain(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= self.next) {
            let (start, Waiting { end, data }) = entry.remove_entry();
            self.held -= data.len();
            if end > self.next {
                let known = usize::try_from(self.next - start).unwrap_or(0);
                self.give(data.get(known..).unwrap_or_default(), end, sink);
            }
        }
    }

    fn give(&mut self, data: &[u8], end: i64, sink: &mut dyn FnMut(Piece<'_>)) {
        self.next = end;
        if self.heard && !data.is_empty() {
            sink(Piece::Data(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn heard() -> Stream {
        Stream { heard: true, ..Stream::default() }
    }

    proptest! {
        #[test]
        fn payload_comes_out_in_order_however_it_came_in(
            text in prop::collection::vec(any::<u8>(), 1..300), cuts in prop::collection::vec((0..300_usize, 1..80_usize), 0..60),
        ) {
            let mut stream = heard();
            let mut out = Vec::new();
            let mut sink = |piece: Piece<'_>| if let Piece::Data(data) = piece { out.extend_from_slice(data) };
            for (from, length) in cuts {
                let from = from % text.len();
                stream.insert(from as i64 + 1, &text[from..(from + length).min(text.len())], &mut sink);
            }
            stream.insert(1, &text, &mut sink);
            prop_assert!(!stream.is_waiting());
            prop_assert_eq!(out, text);
        }
    }

    #[test]
    fn what_is_acknowledged_and_never_came_is_missed_once() {
        let mut stream = heard();
        let mut pieces = Vec::new();
        let mut sink = |piece: Piece<'_>| {
            pieces.push(match piece {
                Piece::Data(data) => String::from_utf8_lossy(data).into_owned(),
                Piece::Gap => "gap".to_owned(),
            });
        };
        stream.insert(1, b"ab", &mut sink);
        stream.insert(6, b"fg", &mut sink);
        assert_eq!(stream.acknowledge(3, false, &mut sink), (0, 0));
        assert_eq!(stream.acknowledge(10, false, &mut sink), (3 + 2, 2));
        assert_eq!(stream.acknowledge(10, false, &mut sink), (0, 0));
        stream.insert(3, b"late", &mut sink);
        assert_eq!(pieces, ["ab", "gap", "fg", "gap"]);
    }

    #[test]
    fn a_side_of_which_too_much_waits_is_given_up() {
        let mut stream = heard();
        for place in 0..2000 {
            stream.insert(3 + place * 2, b"x", &mut |_| ());
        }
        assert_eq!((stream.next(), stream.waiting.len()), (None, 0));
    }
}
