//! The packets of a capture file, pcap or pcapng, from front to back; times in nanoseconds whatever the file's unit.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

use super::error::CaptureError;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// The longest block: more than any capture tool writes, so a longer one is damage.
const LONGEST_BLOCK: usize = 64 << 20;
/// The most interfaces that a section may describe.
const INTERFACES: usize = 65_536;

/// A packet as it was captured.
#[derive(Debug, Default)]
pub struct Packet {
    /// When, since 1970.
    pub nanos: i64,
    /// The kind of link, a number of the tcpdump registry.
    pub link: i32,
    /// Bytes that it had on the wire.
    pub length: u32,
    /// The bytes that were captured.
    pub data: Vec<u8>,
}

/// A capture that is being read.
pub struct Capture<'r> {
    reader: Box<dyn PcapReaderIterator + Send + 'r>,
    fault: Arc<OnceLock<io::Error>>,
    capacity: usize,
    layout: Layout,
    packets: u64,
    skipped: u64,
}

/// What one look at the file gave.
enum Step {
    Took(usize, Taken),
    More,
    Grow,
    End,
    Cut,
    Broken,
}

impl<'r> Capture<'r> {
    /// Looks at the header.
    pub fn open(reader: impl Read + Send + 'r) -> Result<Self, CaptureError> {
        let fault = Arc::new(OnceLock::new());
        let filling = Filling { inner: reader, fault: Arc::clone(&fault) };
        match create_reader(CHUNK, filling) {
            Ok(reader) => {
                Ok(Self { reader, fault, capacity: CHUNK, layout: Layout::default(), packets: 0, skipped: 0 })
            }
            Err(_) => Err(match Arc::into_inner(fault).and_then(OnceLock::into_inner) {
                Some(source) => CaptureError::Read { source },
                None => CaptureError::Unknown,
            }),
        }
    }

    /// Reads the next packet; false behind the last one.
    pub fn next(&mut self, packet: &mut Packet) -> Result<bool, CaptureError> {
        loop {
            let step = match self.reader.next() {
                Ok((length, block)) => Step::Took(length, self.layout.take(block, packet)),
                Err(PcapError::Incomplete(_)) => Step::More,
                Err(PcapError::BufferTooSmall) => Step::Grow,
                Err(PcapError::Eof) => Step::End,
                Err(PcapError::UnexpectedEof) => Step::Cut,
                Err(_) => Step::Broken,
            };
            match step {
                Step::Took(length, taken) => {
                    self.reader.consume(length);
                    match taken {
                        Taken::Packet => {
                            self.packets += 1;
                            return Ok(true);
                        }
                        Taken::Described => {}
                        Taken::Other => self.skipped += 1,
                    }
                }
                Step::More => self.refill()?,
                Step::Grow => self.grow()?,
                Step::End => return self.end(),
                Step::Cut if self.reader.data().is_empty() => return self.end(),
                Step::Cut => return Err(self.damaged("it ends in the middle of a packet")),
                Step::Broken => return Err(self.damaged("what follows is no packet")),
            }
        }
    }

    /// Blocks that held no packet, so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn refill(&mut self) -> Result<(), CaptureError> {
        let before = self.reader.data().len();
        let filled = self.reader.refill().is_ok();
        if !filled {
            return Err(self.damaged("it cannot be read on"));
        }
        // a full buffer that still lacks something has to grow, or this would go on for ever
        if self.reader.data().len() == before && !self.reader.reader_exhausted() { self.grow() } else { Ok(()) }
    }

    fn grow(&mut self) -> Result<(), CaptureError> {
        let wanted = self.capacity * 2;
        if wanted > LONGEST_BLOCK || !self.reader.grow(wanted) {
            return Err(self.damaged("what follows claims to be a packet of many megabytes"));
        }
        self.capacity = wanted;
        self.refill()
    }

    /// The file ends where a packet ends; but perhaps only because it could not be read on.
    fn end(&self) -> Result<bool, CaptureError> {
        if self.fault.get().is_some() { Err(self.damaged("it cannot be read on")) } else { Ok(false) }
    }

    fn damaged(&self, problem: &str) -> CaptureError {
        let problem = match self.fault.get() {
            Some(fault) => fault.to_string(),
            None => problem.to_owned(),
        };
        CaptureError::Damaged { packets: self.packets, problem }
    }
}

/// What a block was.
enum Taken {
    Packet,
    Described,
    Other,
}

/// What the headers say of the packets behind them.
#[derive(Default)]
struct Layout {
    interfaces: Vec<Interface>,
    /// The time of the last packet that had one.
    nanos: i64,
}

struct Interface {
    link: i32,
    /// Ticks of its clock in a second.
    ticks: u64,
    /// What its clock lacks, in seconds.
    offset: i64,
    /// Bytes that it keeps of a packet, or 0 for all.
    keeps: u32,
}

impl Layout {
    fn take(&mut self, block: PcapBlockOwned<'_>, packet: &mut Packet) -> Taken {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let ticks = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.describe(header.network.0, ticks, 0, header.snaplen)
            }
            PcapBlockOwned::Legacy(block) => {
                let Some(interface) = self.interfaces.first() else { return Taken::Other };
                let ticks = u64::from(block.ts_sec) * interface.ticks + u64::from(block.ts_usec);
                self.fill(packet, 0, Some(ticks), block.data, block.origlen)
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                Taken::Described
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                let ticks = resolution(block.if_tsresol).unwrap_or(1_000_000);
                self.describe(block.linktype.0, ticks, block.if_tsoffset, block.snaplen)
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                let ticks = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
                self.fill(packet, block.if_id as usize, Some(ticks), block.packet_data(), block.origlen)
            }
            PcapBlockOwned::NG(Block::SimplePacket(block)) => {
                let keeps = self.interfaces.first().map_or(0, |interface| interface.keeps as usize);
                let data = block.packet_data();
                let kept = if keeps == 0 { data.len() } else { keeps.min(data.len()) };
                self.fill(packet, 0, None, &data[..kept], block.origlen)
            }
            PcapBlockOwned::NG(_) => Taken::Other,
        }
    }

    fn describe(&mut self, link: i32, ticks: u64, offset: i64, keeps: u32) -> Taken {
        if self.interfaces.len() == INTERFACES {
            return Taken::Other;
        }
        // the upper half may tell how long the frame check sequences are
        self.interfaces.push(Interface { link: link & 0xffff, ticks, offset, keeps });
        Taken::Described
    }

    /// A packet of the interface `place`; one without a time is given that of the one before.
    fn fill(&mut self, packet: &mut Packet, place: usize, ticks: Option<u64>, data: &[u8], length: u32) -> Taken {
        let Some(interface) = self.interfaces.get(place) else { return Taken::Other };
        self.nanos = ticks.and_then(|ticks| interface.nanos(ticks)).unwrap_or(self.nanos);
        packet.nanos = self.nanos;
        packet.link = interface.link;
        packet.length = length.max(u32::try_from(data.len()).unwrap_or(u32::MAX));
        packet.data.clear();
        packet.data.extend_from_slice(data);
        Taken::Packet
    }
}

impl Interface {
    /// Nanoseconds since 1970; none beyond the year 2262.
    fn nanos(&self, ticks: u64) -> Option<i64> {
        let nanos = i128::from(ticks) * 1_000_000_000 / i128::from(self.ticks);
        i64::try_from(nanos + i128::from(self.offset) * 1_000_000_000).ok()
    }
}

/// Ticks in a second: a power of ten, or of two where the high bit is set.
fn resolution(code: u8) -> Option<u64> {
    match code {
        0..=19 => Some(10_u64.pow(u32::from(code))),
        0x80..=0xbf => Some(1 << (code & 0x7f)),
        _ => None,
    }
}

/// Fills buffers as far as it can, and remembers why it could not: the parser keeps no errors.
struct Filling<R> {
    inner: R,
    fault: Arc<OnceLock<io::Error>>,
}

impl<R: Read> Read for Filling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && self.fault.get().is_none() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => drop(self.fault.set(error)),
            }
        }
        Ok(filled)
    }
}
