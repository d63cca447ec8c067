//! What stands above IP: the headers of TCP, UDP and ICMP.

use super::datagram::Datagram;
use super::error::Skipped;

/// A packet of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// TCP.
    Tcp(Tcp<'a>),
    /// UDP.
    Udp(Udp<'a>),
    /// ICMP and ICMPv6.
    Icmp(Icmp),
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the byte that is expected next.
    pub acknowledgment: u32,
    /// FIN, SYN and so on.
    pub flags: Flags,
    /// Whether the receiver could take nothing at all.
    pub zero_window: bool,
    /// Bytes of payload, as the headers have it.
    pub length: u32,
    /// The payload, if it was captured whole; else nothing.
    pub payload: &'a [u8],
}

/// The flags of a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub fn fin(self) -> bool {
        self.0 & 1 != 0
    }

    /// The first segment.
    pub fn syn(self) -> bool {
        self.0 & 2 != 0
    }

    /// The connection is given up.
    pub fn rst(self) -> bool {
        self.0 & 4 != 0
    }

    /// There is an acknowledgment.
    pub fn ack(self) -> bool {
        self.0 & 16 != 0
    }

    /// There is urgent data.
    pub fn urg(self) -> bool {
        self.0 & 32 != 0
    }
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp<'a> {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// Bytes of payload, as the header has it.
    pub length: u32,
    /// What was captured of it.
    pub payload: &'a [u8],
}

/// An ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// Bytes behind its eight bytes of header.
    pub length: u32,
}

/// The numbers of protocols that have connections.
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;
/// ICMPv6.
pub const ICMP6: u8 = 58;

impl<'a> Segment<'a> {
    /// Reads the headers.
    pub fn read(datagram: &Datagram<'a>) -> Result<Self, Skipped> {
        let (bytes, length) = (datagram.payload, datagram.payload_length);
        let segment = match datagram.protocol {
            TCP => tcp(bytes, length).map(Self::Tcp),
            UDP => udp(bytes, length).map(Self::Udp),
            ICMP | ICMP6 => icmp(bytes, length).map(Self::Icmp),
            _ => return Err(Skipped::Protocol),
        };
        segment.ok_or(Skipped::Malformed)
    }
}

/// Reads a TCP header by hand, since one whose options were not captured is good for all but the payload.
fn tcp(bytes: &[u8], length: usize) -> Option<Tcp<'_>> {
    let header: &[u8; 20] = bytes.first_chunk()?;
    let header_length = usize::from(header[12] >> 4) * 4;
    let payload_length = length.checked_sub(header_length).filter(|_| header_length >= 20)?;
    let payload = bytes.get(header_length..header_length + payload_length).unwrap_or_default();
    Some(Tcp {
        source: u16::from_be_bytes([header[0], header[1]]),
        destination: u16::from_be_bytes([header[2], header[3]]),
        sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        acknowledgment: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags: Flags(header[13]),
        zero_window: header[14..16] == [0, 0],
        length: u32::try_from(payload_length).ok()?,
        payload,
    })
}

fn udp(bytes: &[u8], length: usize) -> Option<Udp<'_>> {
    let header: &[u8; 8] = bytes.first_chunk()?;
    let told = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // a length of 0 stands for the datagram's own (RFC 2675); one that exceeds it is a lie
    let whole = if told < 8 || told > length { length } else { told };
    Some(Udp {
        source: u16::from_be_bytes([header[0], header[1]]),
        destination: u16::from_be_bytes([header[2], header[3]]),
        length: u32::try_from(whole - 8).ok()?,
        payload: &bytes[8..whole.min(bytes.len())],
    })
}

fn icmp(bytes: &[u8], length: usize) -> Option<Icmp> {
    let header: &[u8; 8] = bytes.first_chunk()?;
    Some(Icmp { kind: header[0], code: header[1], length: u32::try_from(length - 8).ok()? })
}
