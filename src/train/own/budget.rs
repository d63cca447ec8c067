//! Whether the rows of a file would fit into memory, estimated from its size and its head before it is read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::OwnError;
use super::feature::KindSpec;
use super::spec::Spec;
use crate::normalise::file::open;
use crate::normalise::pcap::is_capture;

/// Bytes of the head that rows are counted in.
const HEAD: u64 = 1 << 20;
/// What a row costs beside its values: its entry in the table of rows, and that of its hash.
const ROW: u64 = 224;
/// Bytes of a capture that a connection takes at least, as a rule: a few packets.
const CAPTURED: u64 = 256;
/// What may be used where the system does not say how much there is.
const UNTOLD: u64 = 4 << 30;

/// Refuses files whose rows would take more than `limit` bytes, if each of them were another.
///
/// # Errors
/// When they would, or the file cannot be read.
pub fn check(files: &[PathBuf], spec: &Spec, sample: f64, limit: u64) -> Result<(), OwnError> {
    let (mut all, mut largest) = (0, (0, PathBuf::new()));
    for file in files {
        let rows = rows(file).map_err(|source| OwnError::Read { file: file.clone(), source })?;
        all += rows;
        largest = largest.max((rows, file.clone()));
    }
    let rows = (all as f64 * sample) as u64;
    let needed = rows.saturating_mul(row_bytes(spec));
    if needed <= limit {
        return Ok(());
    }
    // a little less than what fits, in two digits
    let fits = sample * limit as f64 / needed as f64;
    let digit = 10f64.powf(fits.log10().floor() - 1.0);
    let share = ((fits * 0.9 / digit).floor() * digit).max(f64::MIN_POSITIVE);
    Err(OwnError::TooLarge { file: largest.1, rows, needed, limit, share })
}

/// Half of the memory that the system has left.
pub fn available() -> u64 {
    let told = std::fs::read_to_string("/proc/meminfo").ok();
    let kib = told.as_deref().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB")?.trim().parse().ok())
    });
    kib.map_or(UNTOLD, |kib: u64| kib << 9)
}

/// What a row takes, with its outputs while quality is measured.
fn row_bytes(spec: &Spec) -> u64 {
    let symbols = spec.features.iter().filter(|feature| feature.kind == KindSpec::Symbol).count() as u64;
    ROW + 4 * spec.features.len() as u64 + 2 * symbols
}

/// About how many lines a file has.
fn rows(file: &Path) -> io::Result<u64> {
    let mut head = Vec::new();
    open(file)?.take(HEAD).read_to_end(&mut head)?;
    if is_capture(&head) {
        return Ok(unpacked(file)? / CAPTURED + 1);
    }
    let lines = head.iter().filter(|byte| **byte == b'\n').count() as u64;
    if (head.len() as u64) < HEAD {
        return Ok(lines + 1);
    }
    Ok(unpacked(file)? / (head.len() as u64 / lines.max(1)).max(1))
}

/// The size of a file, decompressed: of gzip what its last four bytes say, which is the size up to a multiple of 4 GiB.
fn unpacked(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let (size, mut magic) = (file.metadata()?.len(), [0; 2]);
    file.read_exact(&mut magic)?;
    if magic != [0x1f, 0x8b] {
        return Ok(size);
    }
    file.seek(SeekFrom::End(-4))?;
    let mut last = [0; 4];
    file.read_exact(&mut last)?;
    let told = u64::from(u32::from_le_bytes(last));
    // text seldom shrinks to less than its own size: whole turns of the counter are made up for
    Ok(told + if told < size { (size - told).div_ceil(1 << 32) << 32 } else { 0 })
}
