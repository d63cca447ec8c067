//! The frames of one file, one after the other, in few reads and without a copy of what they hold.
//!
//! It never looks past the end it is given. What is not a frame it hands out as damage, up to where the next frame
//! header stands.

use std::io::{self, Read, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use super::buffers::Buffers;
use super::files::Readable;
use super::frame::{Frame, HEADER, Header, MAGIC};

/// The least that is read at once, so that small frames share a read.
const READ_AT_LEAST: u64 = 64 << 10;
/// How much is looked through at a time after damage.
const SEARCH: usize = 1 << 20;

/// Reads frames from a file.
pub(super) struct Stream {
    file: Box<dyn Readable>,
    salt: u64,
    /// Where in the file the next frame begins.
    offset: u64,
    /// Bytes of the file from `offset` on; the file stands behind them.
    ahead: Bytes,
    buffers: Buffers,
}

/// What stands at the stream's place.
#[derive(Debug)]
pub(super) enum Item {
    /// A frame that is whole.
    Frame(Frame),
    /// Bytes that are none.
    Damaged(Damaged),
    /// The given end.
    End,
}

/// A range of a file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damaged {
    /// In bytes of the file.
    pub(super) range: Range<u64>,
    /// The header, where that at least is whole: the range is then this one frame.
    pub(super) header: Option<Header>,
    /// The header that stands behind the range; none: nothing follows up to the end.
    pub(super) following: Option<Header>,
}

impl Stream {
    /// Reads from `offset` on.
    pub(super) fn new(mut file: Box<dyn Readable>, salt: u64, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, salt, offset, ahead: Bytes::new(), buffers: Buffers::default() })
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What stands before `end`, which is where a frame ends or the file does. After an error it can be called again.
    pub(super) fn next(&mut self, end: u64) -> io::Result<Item> {
        if self.offset >= end {
            return Ok(Item::End);
        }
        if !self.fill(HEADER as u64, end)? {
            return self.damaged(end);
        }
        let Some(header) = Header::decode(&self.ahead, self.salt) else { return self.damaged(end) };
        if !self.fill(header.length(), end)? {
            return self.damaged(end);
        }
        let range = self.offset..self.offset + header.length();
        let mut table = self.take(header.length()).split_off(HEADER);
        let body = table.split_off(header.table_length as usize);
        if header.fits(&table, &body) {
            return Ok(Item::Frame(Frame { header, table, body }));
        }
        Ok(Item::Damaged(Damaged { range, header: Some(header), following: None }))
    }

    /// The next header, passing over what it announces unread; none where no header stands there before `end`.
    pub(super) fn next_header(&mut self, end: u64) -> io::Result<Option<Header>> {
        if self.offset + HEADER as u64 > end || !self.fill_exactly(HEADER as u64)? {
            return Ok(None);
        }
        let header = Header::decode(&self.ahead, self.salt).filter(|header| self.offset + header.length() <= end);
        if let Some(header) = &header {
            self.go_to(self.offset + header.length())?;
        }
        Ok(header)
    }

    /// Makes `count` bytes available; false where they reach beyond `end` or the file is shorter than it should be.
    fn fill(&mut self, count: u64, end: u64) -> io::Result<bool> {
        let room = end - self.offset;
        if count > room {
            return Ok(false);
        }
        if self.ahead.len() as u64 >= count {
            return Ok(true);
        }
        // the header of the frame behind comes along: one read a frame
        let wanted = (count + HEADER as u64).max(READ_AT_LEAST).min(room);
        self.fill_exactly(wanted)?;
        Ok(self.ahead.len() as u64 >= count)
    }

    fn fill_exactly(&mut self, wanted: u64) -> io::Result<bool> {
        let wanted = usize::try_from(wanted).map_err(|_| io::ErrorKind::OutOfMemory)?;
        if self.ahead.len() < wanted {
            let mut buffer = self.buffers.lend(wanted);
            let mut count = self.ahead.len();
            buffer.bytes[..count].copy_from_slice(&self.ahead);
            let result = read_up_to(self.file.as_mut(), &mut buffer.bytes[..wanted], &mut count);
            self.ahead = Bytes::from_owner(buffer).slice(..count);
            result?;
        }
        Ok(self.ahead.len() >= wanted)
    }

    fn take(&mut self, count: u64) -> Bytes {
        self.offset += count;
        self.ahead.split_to(count as usize)
    }

    /// Goes to `offset`, where a frame begins.
    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        let ahead = offset.checked_sub(self.offset).filter(|ahead| *ahead <= self.ahead.len() as u64);
        if let Some(ahead) = ahead {
            self.take(ahead);
        } else {
            self.ahead = Bytes::new();
            self.file.seek(SeekFrom::Start(offset))?;
            self.offset = offset;
        }
        Ok(())
    }

    /// Goes to the next header before `end`, or there.
    fn damaged(&mut self, end: u64) -> io::Result<Item> {
        let start = self.offset;
        let (found, following) = self.search(start + 1, end)?;
        self.go_to(found)?;
        Ok(Item::Damaged(Damaged { range: start..found, header: None, following }))
    }

    /// Looks for a header from `from` on. Leaves the stream where it was.
    fn search(&mut self, from: u64, end: u64) -> io::Result<(u64, Option<Header>)> {
        let back = self.offset + self.ahead.len() as u64;
        let result = self.search_from(from, end);
        self.file.seek(SeekFrom::Start(back))?;
        result
    }

    fn search_from(&mut self, from: u64, end: u64) -> io::Result<(u64, Option<Header>)> {
        let finder = memmem::Finder::new(&MAGIC);
        let (mut window, mut base) = (Vec::new(), from);
        self.file.seek(SeekFrom::Start(from))?;
        while base < end {
            let mut count = window.len();
            let room = usize::try_from(end - base).unwrap_or(usize::MAX);
            window.resize(room.min(SEARCH + HEADER), 0);
            read_up_to(self.file.as_mut(), &mut window, &mut count)?;
            let at_end = count < SEARCH + HEADER;
            window.truncate(count);
            for at in finder.find_iter(&window) {
                let header = Header::decode(&window[at..], self.salt);
                let place = base + at as u64;
                if let Some(header) = header.filter(|header| place + header.length() <= end) {
                    return Ok((place, Some(header)));
                }
            }
            if at_end {
                break;
            }
            // a header may begin in what is left over
            window.drain(..SEARCH);
            base += SEARCH as u64;
        }
        Ok((end, None))
    }
}

/// Reads until `bytes` is full or the file ends; `count` says how far it came, also after an error.
fn read_up_to(file: &mut dyn Readable, bytes: &mut [u8], count: &mut usize) -> io::Result<()> {
    while *count < bytes.len() {
        match file.read(&mut bytes[*count..]) {
            Ok(0) => break,
            Ok(read) => *count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a range of a file; shorter where the file is.
pub(super) fn read_range(mut file: Box<dyn Readable>, range: Range<u64>) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    file.take(range.end - range.start).read_to_end(&mut bytes)?;
    Ok(bytes)
}
