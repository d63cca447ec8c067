//! One frame: a header of fixed length, a table that says what lies in the body, and the body as it came.
//!
//! The header has a checksum of its own, so a frame whose body is damaged still says how long it is and which numbers
//! it held. That checksum begins with the salt of the spool: what a sender writes into a body is never taken for a frame.

use std::io::IoSlice;

use bytes::{Buf, BufMut, Bytes};

use super::Digest;
use crate::event::{ReceivedTime, SeqNo};

/// Length of a frame header in bytes.
pub(super) const HEADER: usize = 64;
/// The first bytes of a frame; not valid UTF-8, so JSON never holds them.
pub(super) const MAGIC: [u8; 4] = [0xF3, b'o', b'v', 0x9C];

/// What stands before every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Number of the first event.
    pub(super) first: SeqNo,
    /// How many events.
    pub(super) count: u32,
    /// When the body was received.
    pub(super) received: ReceivedTime,
    /// Of the body as sent.
    pub(super) digest: Digest,
    /// Length of the table in bytes.
    pub(super) table_length: u32,
    /// Length of the body in bytes.
    pub(super) body_length: u32,
    table_crc: u32,
    body_crc: u32,
}

impl Header {
    /// The header that these bytes hold; none where the checksum is wrong.
    pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let mut bytes = bytes.get(..HEADER)?;
        let crc = header_crc(&bytes[..HEADER - 4], salt);
        if bytes[..4] != MAGIC || bytes[HEADER - 4..] != crc.to_le_bytes() {
            return None;
        }
        bytes.advance(4);
        let (table_length, body_length, count) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u32_le());
        let (first, received) = (SeqNo(bytes.get_u64_le()), ReceivedTime::from_micros(bytes.get_i64_le()));
        let mut digest = Digest([0; 16]);
        bytes.copy_to_slice(&mut digest.0);
        let (table_crc, body_crc) = (bytes.get_u32_le(), bytes.get_u32_le());
        Some(Self { first, count, received, digest, table_length, body_length, table_crc, body_crc })
    }

    /// Length of the whole frame in bytes.
    pub(super) fn length(&self) -> u64 {
        HEADER as u64 + u64::from(self.table_length) + u64::from(self.body_length)
    }

    /// The number after the last event.
    pub(super) fn end(&self) -> SeqNo {
        self.first.plus(u64::from(self.count))
    }

    /// Whether table and body are what was written.
    pub(super) fn fits(&self, table: &[u8], body: &[u8]) -> bool {
        crc32c::crc32c(table) == self.table_crc && crc32c::crc32c(body) == self.body_crc
    }

    fn encode(&self, out: &mut [u8], salt: u64) {
        let mut rest = &mut out[..HEADER - 4];
        rest.put_slice(&MAGIC);
        rest.put_u32_le(self.table_length);
        rest.put_u32_le(self.body_length);
        rest.put_u32_le(self.count);
        rest.put_u64_le(self.first.0);
        rest.put_i64_le(self.received.micros());
        rest.put_slice(&self.digest.0);
        rest.put_u32_le(self.table_crc);
        rest.put_u32_le(self.body_crc);
        rest.put_u32_le(0);
        let crc = header_crc(&out[..HEADER - 4], salt);
        out[HEADER - 4..HEADER].copy_from_slice(&crc.to_le_bytes());
    }
}

fn header_crc(bytes: &[u8], salt: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), bytes)
}

/// A frame that is ready but for its numbers.
#[derive(Debug)]
pub(super) struct Draft {
    header: Header,
    /// Room for the header, then the table.
    head: Vec<u8>,
    body: Bytes,
}

impl Draft {
    /// Checksums and lengths are taken here, on the caller's thread; none where a part is longer than 4 GiB.
    ///
    /// `head` begins with [`HEADER`] bytes that are free, then the table.
    pub(super) fn new(count: u32, received: ReceivedTime, digest: Digest, head: Vec<u8>, body: Bytes) -> Option<Self> {
        let table = &head[HEADER..];
        let header = Header {
            first: SeqNo(0),
            count,
            received,
            digest,
            table_length: u32::try_from(table.len()).ok()?,
            body_length: u32::try_from(body.len()).ok()?,
            table_crc: crc32c::crc32c(table),
            body_crc: crc32c::crc32c(&body),
        };
        Some(Self { header, head, body })
    }

    /// Gives the first event its number.
    pub(super) fn number(&mut self, first: SeqNo, salt: u64) {
        self.header.first = first;
        self.header.encode(&mut self.head[..HEADER], salt);
    }

    /// What will stand before it.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes of the frame, to be written one after the other.
    pub(super) fn parts(&self) -> [IoSlice<'_>; 2] {
        [IoSlice::new(&self.head), IoSlice::new(&self.body)]
    }
}

/// A frame as it was read.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Its header.
    pub(super) header: Header,
    /// What lies in the body.
    pub(super) table: Bytes,
    /// The body as it came.
    pub(super) body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        let mut head = vec![0; HEADER];
        head.extend_from_slice(b"table");
        let received = ReceivedTime::from_micros(1_700_000_000_000_000);
        let mut draft = Draft::new(3, received, Digest([9; 16]), head, Bytes::from_static(b"{}{}{}")).unwrap();
        draft.number(SeqNo(17), 42);
        draft
    }

    #[test]
    fn a_header_reads_back() {
        let draft = draft();
        let header = Header::decode(&draft.head, 42).unwrap();
        assert_eq!(header, *draft.header());
        assert_eq!((header.end(), header.length()), (SeqNo(20), 64 + 5 + 6));
        assert!(header.fits(b"table", b"{}{}{}"));
        assert!(!header.fits(b"tabel", b"{}{}{}") && !header.fits(b"table", b"{}{}[]"));
    }

    #[test]
    fn a_header_with_a_flipped_bit_or_of_another_spool_is_none() {
        let head = draft().head;
        assert!(Header::decode(&head, 43).is_none());
        for bit in 0..HEADER * 8 {
            let mut head = head.clone();
            head[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&head, 42).is_none(), "bit {bit}");
        }
    }
}
