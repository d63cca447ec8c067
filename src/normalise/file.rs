//! Files of records, plain or compressed, for whoever reads them from front to back.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// Opens a file, decompressing gzip, which is known by its first bytes.
///
/// # Errors
/// When the file cannot be opened or its first bytes cannot be read.
pub fn open(file: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::with_capacity(CHUNK, File::open(file)?);
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(reader))));
    }
    Ok(Box::new(reader))
}
