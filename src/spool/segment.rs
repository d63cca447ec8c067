//! One file of frames: its header, its name, and the end that is written.
//!
//! A segment is named after its first number. Its header says which segment came before it and how much of that one
//! was acknowledged, so whatever a failed write left behind there is never read again.

use std::io::{self, IoSlice, Read};
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};

use super::files::{Files, Growing, write_all};
use super::format::{Kind, PREFIX, PrefixFault, check_prefix, prefix};
use crate::event::SeqNo;
use crate::event::id::SpoolId;

/// Length of a segment's header in bytes.
pub(super) const HEADER: usize = 80;
const SUFFIX: &str = ".seg";

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// The spool it belongs to.
    pub(super) spool: SpoolId,
    /// Begins the checksum of every frame header.
    pub(super) salt: u64,
    /// No number in it is lower.
    pub(super) first: SeqNo,
    /// The segment before it.
    pub(super) previous: Previous,
}

/// The segment before, as far as it was acknowledged; all zero for the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Previous {
    /// Its name.
    pub(super) first: SeqNo,
    /// The number after its last acknowledged event.
    pub(super) next: SeqNo,
    /// Its length in bytes up to there.
    pub(super) length: u64,
}

impl SegmentHeader {
    /// The bytes that begin the file.
    pub(super) fn encode(&self, kind: Kind) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..PREFIX].copy_from_slice(&prefix(kind));
        let mut rest = &mut bytes[PREFIX..];
        let previous = &self.previous;
        for number in [self.spool.0, self.salt, self.first.0, previous.first.0, previous.next.0, previous.length] {
            rest.put_u64_le(number);
        }
        let crc = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads it from the start of a file.
    pub(super) fn decode(bytes: &[u8], kind: Kind) -> Result<Self, PrefixFault> {
        check_prefix(bytes, kind)?;
        let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Err(PrefixFault::Damaged) };
        if crc32c::crc32c(&bytes[..HEADER - 4]).to_le_bytes() != bytes[HEADER - 4..] {
            return Err(PrefixFault::Damaged);
        }
        let mut rest = &bytes[PREFIX..];
        let (spool, salt, first) = (SpoolId(rest.get_u64_le()), rest.get_u64_le(), SeqNo(rest.get_u64_le()));
        let previous =
            Previous { first: SeqNo(rest.get_u64_le()), next: SeqNo(rest.get_u64_le()), length: rest.get_u64_le() };
        Ok(Self { spool, salt, first, previous })
    }

    /// Reads it from a file.
    pub(super) fn read(files: &dyn Files, path: &Path, kind: Kind) -> io::Result<Result<Self, PrefixFault>> {
        let mut bytes = Vec::with_capacity(HEADER);
        files.read(path)?.take(HEADER as u64).read_to_end(&mut bytes)?;
        Ok(Self::decode(&bytes, kind))
    }
}

/// Where the segment of this first number lies.
pub(super) fn path_of(folder: &Path, first: SeqNo) -> PathBuf {
    folder.join(format!("{:020}{SUFFIX}", first.0))
}

/// The first number that a file name says; none where it is not a segment's.
pub(super) fn first_of(name: &str) -> Option<SeqNo> {
    let digits = name.strip_suffix(SUFFIX)?;
    let valid = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| digits.parse().ok().map(SeqNo)).flatten()
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Active {
    file: Box<dyn Growing>,
    path: PathBuf,
    length: u64,
}

/// Why an append failed, and whether there may be another one.
#[derive(Debug)]
pub(super) struct Fault {
    /// In the operating system's words.
    pub(super) source: io::Error,
    /// The file has its old length again and may be written to.
    pub(super) usable: bool,
}

impl Active {
    /// Makes a segment; on return its header and its name are on the disk.
    pub(super) fn create(files: &dyn Files, folder: &Path, header: &SegmentHeader, kind: Kind) -> io::Result<Self> {
        let path = path_of(folder, header.first);
        let mut file = files.create(&path)?;
        let written = write_all(file.as_mut(), &mut [IoSlice::new(&header.encode(kind))])
            .and_then(|()| file.sync())
            .and_then(|()| files.sync_folder(folder));
        if let Err(error) = written {
            drop(file);
            // what cannot be removed is a segment without frames, which recovery knows
            let _ = files.remove(&path);
            return Err(error);
        }
        Ok(Self { file, path, length: HEADER as u64 })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How long the file is, in bytes, all of it durable.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes the parts and syncs them, or puts the file back to its length of before.
    ///
    /// A sync that failed is not tried again: the kernel may have dropped what it could not write and say all is
    /// well the next time. Such a segment is not written to any more.
    pub(super) fn append(&mut self, parts: &mut [IoSlice<'_>]) -> Result<(), Fault> {
        let total: u64 = parts.iter().map(|part| part.len() as u64).sum();
        if let Err(source) = write_all(self.file.as_mut(), parts) {
            return Err(Fault { source, usable: self.file.cut(self.length).is_ok() });
        }
        if let Err(source) = self.file.sync() {
            // not needed for what follows: the next segment's header says where this one ends
            let _ = self.file.cut(self.length);
            return Err(Fault { source, usable: false });
        }
        self.length += total;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_header_reads_back_and_every_flipped_byte_is_noticed() {
        let previous = Previous { first: SeqNo(1), next: SeqNo(90), length: 4096 };
        let header = SegmentHeader { spool: SpoolId(7), salt: 8, first: SeqNo(100), previous };
        let bytes = header.encode(Kind::Spool);
        assert_eq!(SegmentHeader::decode(&bytes, Kind::Spool), Ok(header));
        for at in 0..HEADER {
            let mut bytes = bytes;
            bytes[at] ^= 1;
            assert_eq!(SegmentHeader::decode(&bytes, Kind::Spool), Err(PrefixFault::Damaged), "byte {at}");
        }
    }

    #[test]
    fn names_sort_as_numbers_and_other_names_are_no_segments() {
        let path = path_of(Path::new(""), SeqNo(42));
        assert_eq!(path.to_str(), Some("00000000000000000042.seg"));
        assert_eq!(first_of("00000000000000000042.seg"), Some(SeqNo(42)));
        for name in ["42.seg", "checkpoint", "000000000000000000+2.seg", "00000000000000000042.tmp"] {
            assert_eq!(first_of(name), None, "{name}");
        }
    }
}
