//! Files of records, plain or compressed, for whoever reads them from front to back.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;
/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How zstd begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file, decompressing gzip and zstd, which are known by their first bytes.
///
/// # Errors
/// When the file cannot be opened or its first bytes cannot be read.
pub fn open(file: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    open_counting(file, &Arc::default())
}

/// The same; `done` is told how many bytes of the file have been read.
///
/// # Errors
/// When the file cannot be opened or its first bytes cannot be read.
pub fn open_counting(file: &Path, done: &Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
    let counted = Counted { file: File::open(file)?, done: Arc::clone(done) };
    let mut reader = BufReader::with_capacity(CHUNK, counted);
    let begin = reader.fill_buf()?;
    if begin.starts_with(&GZIP) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(reader))));
    }
    if begin.starts_with(&ZSTD) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK, zstd::Decoder::with_buffer(reader)?)));
    }
    Ok(Box::new(reader))
}

/// A file that tells how far it has been read.
struct Counted {
    file: File,
    done: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
