//! A connection between two hosts: the common face of all dialects that speak of one.

use std::net::{IpAddr, Ipv6Addr};

use crate::event::EventTime;
use crate::features::flow::NameShape;
use crate::features::symbols::{Symbol, Symbols};

/// One connection, or for UDP and ICMP one flow of packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connection<'a> {
    /// Who opened it.
    pub source: Endpoint<'a>,
    /// Who answered, or was to.
    pub destination: Endpoint<'a>,
    /// The protocol above IP.
    pub transport: Transport,
    /// Its number, where it is known.
    pub number: Option<u8>,
    /// The application protocol as the source names it, such as `http`; lists (`gssapi,smb`) as they come.
    pub application: Option<&'a str>,
    /// `protocol_type`, `service` and `flag` as KDD-99 would have them.
    pub symbols: Symbols,
    /// Seconds; none where the source does not say.
    pub duration: Option<f64>,
    /// When its first packet was seen, where the source says so.
    pub start: Option<EventTime>,
    /// How it ended, in the source's words.
    pub state: Option<&'a str>,
    /// What happened in it, in Zeek's letters.
    pub history: Option<&'a str>,
    /// What the name looks like that was asked for: a DNS question, the server of a TLS greeting, the host of an HTTP
    /// request.
    pub name: Option<NameShape>,
    /// What was seen in its packets and payload.
    pub content: Content,
    /// What here is an estimate.
    pub approximated: Approximated,
    /// How many of its sides were told so far.
    pub sides: Sides,
}

impl Connection<'_> {
    /// Whether it goes from one port of a host to the same port of the same host.
    pub fn is_land(&self) -> bool {
        self.source.address == self.destination.address && self.source.port == self.destination.port
    }

    /// When its last packet was seen, where start and duration are known.
    pub fn end(&self) -> Option<EventTime> {
        let micros = (self.duration? * 1e6).round();
        EventTime::from_micros(self.start?.micros().checked_add(micros as i64)?)
    }
}

/// How much of a connection was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Sides {
    /// All of it, by one event.
    #[default]
    Whole,
    /// What one side sent; the other side may have an event of its own, later.
    First,
    /// What the other side sent as well, and an earlier event told of the first one: this connection has been counted.
    Second,
}

/// One side of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Endpoint<'a> {
    /// The host.
    pub address: Address<'a>,
    /// The port; of ICMP the type (source) and the code (destination).
    pub port: Option<u16>,
    /// Payload bytes it sent; of ICMP the ICMP headers are payload.
    pub bytes: Option<u64>,
    /// Packets it sent.
    pub packets: Option<u64>,
}

/// A host's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// An IP address; an IPv4 address in IPv6 clothes is undressed.
    Ip(IpAddr),
    /// Anything else, as it came.
    Name(&'a str),
}

impl<'a> Address<'a> {
    /// Reads an address.
    pub fn of(text: &'a str) -> Self {
        text.parse::<IpAddr>().map_or(Self::Name(text), |address| Self::Ip(address.to_canonical()))
    }

    /// 128 bits that tell hosts apart: the IPv6 address (IPv4 mapped into it); of a name a hash, within `0:0:0:1::/64`,
    /// where no host lives. Names whose 64-bit hashes meet are taken for one host.
    pub fn key(&self) -> u128 {
        match self {
            Self::Ip(IpAddr::V4(address)) => address.to_ipv6_mapped().to_bits(),
            Self::Ip(IpAddr::V6(address)) => Ipv6Addr::to_bits(*address),
            Self::Name(name) => {
                let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    // FNV-1a, 64 bits
                    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
                });
                1 << 64 | u128::from(hash)
            }
        }
    }

    /// Whether it is an IPv6 address.
    pub fn is_v6(&self) -> bool {
        matches!(self, Self::Ip(IpAddr::V6(_)))
    }
}

/// The protocol above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Another one.
    Other,
}

impl Transport {
    /// Reads the name of a protocol as the dialects write them.
    pub fn of(name: &str) -> Self {
        match name {
            "tcp" | "TCP" => Self::Tcp,
            "udp" | "UDP" => Self::Udp,
            "icmp" | "ICMP" | "icmp6" | "ipv6-icmp" | "IPv6-ICMP" => Self::Icmp,
            _ => Self::Other,
        }
    }

    /// The protocol of this number.
    pub fn of_number(number: u8) -> Self {
        match number {
            1 | 58 => Self::Icmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            _ => Self::Other,
        }
    }

    /// Its number, between hosts with such addresses; none for others than these three.
    pub fn number(self, v6: bool) -> Option<u8> {
        match self {
            Self::Tcp => Some(6),
            Self::Udp => Some(17),
            Self::Icmp => Some(if v6 { 58 } else { 1 }),
            Self::Other => None,
        }
    }

    /// Its name in ECS; none for others than these three.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Tcp => Some("tcp"),
            Self::Udp => Some("udp"),
            Self::Icmp => Some("icmp"),
            Self::Other => None,
        }
    }
}

/// Which features of a connection are estimates: bits in the order of [`NAMES`](crate::features::NAMES).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Approximated(u64);

impl Approximated {
    /// The service is derived by a rule of our own.
    pub const SERVICE: Self = Self(1 << 2);
    /// The flag stands for a state that KDD-99 does not have, or is derived from TCP flags.
    pub const FLAG: Self = Self(1 << 3);
    /// The source's bytes are computed from bytes with headers, and packets.
    pub const SOURCE_BYTES: Self = Self(1 << 4);
    /// The destination's bytes are computed from bytes with headers, and packets.
    pub const DESTINATION_BYTES: Self = Self(1 << 5);

    /// The feature at `place` of [`NAMES`](crate::features::NAMES), which has 41.
    pub fn at(place: usize) -> Self {
        Self(1 << place.min(63))
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all of `other` are estimates.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether anything is.
    pub fn any(self) -> bool {
        self.0 != 0
    }

    /// The bits.
    pub fn places(self) -> u64 {
        self.0
    }
}

/// Places 8 to 22 of KDD-99, `wrong_fragment` to `is_guest_login`: what was seen in packets and payload. NaN is what
/// nobody looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Content(pub [f32; 15]);

impl Content {
    /// Nobody looked.
    pub const UNSEEN: Self = Self([f32::NAN; 15]);
    /// The place in [`NAMES`](crate::features::NAMES) of the first of them.
    pub const FIRST: usize = 7;
}

/// The symbols of connections, looked up once.
#[derive(Debug, Clone, Copy)]
pub struct Protocols {
    tcp: Symbol,
    udp: Symbol,
    icmp: Symbol,
}

impl Default for Protocols {
    /// Looks them up.
    fn default() -> Self {
        let of = |name| Symbol::of(crate::features::symbols::PROTOCOLS, name);
        Self { tcp: of("tcp"), udp: of("udp"), icmp: of("icmp") }
    }
}

impl Protocols {
    /// The symbol of `transport`.
    pub fn of(&self, transport: Transport) -> Symbol {
        match transport {
            Transport::Tcp => self.tcp,
            Transport::Udp => self.udp,
            Transport::Icmp => self.icmp,
            Transport::Other => Symbol::UNKNOWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_key_however_it_is_written() {
        let key = |text| Address::of(text).key();
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_eq!(key("FE80::0:1"), key("fe80::1"));
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
        assert_ne!(key("host-a"), key("host-b"));
        assert_eq!(Address::of("300.1.1.1"), Address::Name("300.1.1.1"));
    }
}
