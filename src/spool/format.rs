//! What all files of the spool begin with, and the small ones that are replaced as a whole.
//!
//! The first 16 bytes have the same meaning in every version for ever, so that an older program knows a newer file.

use std::io::{self, IoSlice, Read};
use std::path::Path;

use super::files::{Files, write_all};

/// The version that this program writes; it reads this one.
pub const VERSION: u32 = 1;
/// Length of the prefix in bytes.
pub(super) const PREFIX: usize = 16;
const MAGIC: [u8; 6] = *b"OVSPL\n";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Kind {
    /// A segment of the spool.
    Spool = 1,
    /// A segment of the dead letters.
    DeadLetters = 2,
    /// Up to where everything is settled.
    Checkpoint = 3,
    /// The id of the spool and the salt of its checksums.
    Identity = 4,
    /// Digests of the bodies of one segment.
    Digests = 5,
    /// Up to where dead letters have been discarded.
    Discarded = 6,
    /// Dead letters that were let go one by one.
    Gone = 7,
}

/// Why a prefix is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrefixFault {
    /// Whole, and of a version that this program does not know.
    Newer(u32),
    /// Anything else.
    Damaged,
}

/// `OVSPL\n`, kind (u16), version (u32), CRC32C of the twelve bytes before it; little endian as everything here.
pub(super) fn prefix(kind: Kind) -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    bytes[..6].copy_from_slice(&MAGIC);
    bytes[6..8].copy_from_slice(&(kind as u16).to_le_bytes());
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Whether `bytes` begin as a file of this kind and version.
pub(super) fn check_prefix(bytes: &[u8], kind: Kind) -> Result<(), PrefixFault> {
    let Some(bytes) = bytes.first_chunk::<PREFIX>() else { return Err(PrefixFault::Damaged) };
    let version = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    let whole = bytes[..6] == MAGIC && crc32c::crc32c(&bytes[..12]).to_le_bytes() == bytes[12..];
    match whole {
        true if version > VERSION => Err(PrefixFault::Newer(version)),
        true if *bytes == prefix(kind) => Ok(()),
        _ => Err(PrefixFault::Damaged),
    }
}

/// What a small file turned out to be.
#[derive(Debug)]
pub(super) enum Record {
    /// Its payload.
    Whole(Vec<u8>),
    /// There is none.
    Missing,
    /// The checksum is wrong.
    Damaged,
    /// Of a newer version.
    Newer(u32),
}

/// Replaces a small file: prefix, payload, CRC32C of the payload; written beside it, then renamed.
///
/// `durable`: returns when file and name are on the disk.
pub(super) fn write_record(
    files: &dyn Files,
    path: &Path,
    kind: Kind,
    payload: &[u8],
    durable: bool,
) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    match files.remove(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (head, crc) = (prefix(kind), crc32c::crc32c(payload).to_le_bytes());
    let mut file = files.create(&beside)?;
    write_all(file.as_mut(), &mut [IoSlice::new(&head), IoSlice::new(payload), IoSlice::new(&crc)])?;
    if durable {
        file.sync()?;
    }
    files.rename(&beside, path)?;
    match path.parent() {
        Some(folder) if durable => files.sync_folder(folder),
        _ => Ok(()),
    }
}

/// Reads what [`write_record`] wrote.
pub(super) fn read_record(files: &dyn Files, path: &Path, kind: Kind) -> io::Result<Record> {
    let mut file = match files.read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Record::Missing),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    match check_prefix(&bytes, kind) {
        Err(PrefixFault::Newer(version)) => return Ok(Record::Newer(version)),
        Err(PrefixFault::Damaged) => return Ok(Record::Damaged),
        Ok(()) => {}
    }
    let Some((payload, crc)) = bytes[PREFIX..].split_last_chunk::<4>() else { return Ok(Record::Damaged) };
    Ok(if crc32c::crc32c(payload).to_le_bytes() == *crc { Record::Whole(payload.to_vec()) } else { Record::Damaged })
}

/// Little-endian numbers, eight bytes each, as the payloads of small files hold them; none where the length differs.
pub(super) fn numbers<const N: usize>(payload: &[u8]) -> Option<[u64; N]> {
    let (words, rest) = payload.as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    let words: &[[u8; 8]; N] = words.try_into().ok()?;
    Some(words.map(u64::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::files::RealFiles;

    #[test]
    fn a_small_file_reads_back_and_every_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        write_record(&RealFiles, &path, Kind::Checkpoint, &[7; 24], true).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert!(matches!(read_record(&RealFiles, &path, Kind::Checkpoint), Ok(Record::Whole(p)) if p == [7; 24]));
        assert!(matches!(read_record(&RealFiles, &path, Kind::Identity), Ok(Record::Damaged)));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(read_record(&RealFiles, &path, Kind::Checkpoint), Ok(Record::Damaged)), "byte {at}");
        }
    }

    #[test]
    fn a_prefix_of_a_newer_version_is_known_as_such() {
        let mut bytes = prefix(Kind::Spool);
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..12]);
        bytes[12..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_prefix(&bytes, Kind::Spool), Err(PrefixFault::Newer(2)));
    }
}
