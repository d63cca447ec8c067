//! From what a dialect tells of a connection to what its features are measured from: KDD-99's three words, payload
//! bytes, and which of it is an estimate. Every dialect fills [`Facts`]; the rules stand here once.

use super::connection::{Address, Approximated, Connection, Content, Endpoint, Protocols, Sides, Transport};
use super::flags;
use super::service::Services;
use crate::event::EventTime;
use crate::features::symbols::{FLAGS, Symbol, Symbols};

/// A connection as its source tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who opened it.
    pub source: Side<'a>,
    /// Who answered, or was to.
    pub destination: Side<'a>,
    /// The protocol above IP.
    pub transport: Transport,
    /// Its number; none where it follows from `transport` or is not told.
    pub number: Option<u8>,
    /// The application protocol in the source's words.
    pub application: Option<&'a str>,
    /// How it ended.
    pub ending: Ending<'a>,
    /// Seconds; none where they are not told or make no sense.
    pub duration: Option<f64>,
    /// When its first packet was seen.
    pub start: Option<EventTime>,
    /// What counted bytes hold beside payload.
    pub counted: Counted,
}

/// What one side sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side<'a> {
    /// The host.
    pub address: Address<'a>,
    /// The port; of ICMP the type (source) and the code (destination).
    pub port: Option<u16>,
    /// Payload bytes, where they are told.
    pub payload: Option<u64>,
    /// Bytes with headers, where they are told.
    pub bytes: Option<u64>,
    /// Packets.
    pub packets: Option<u64>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending<'a> {
    /// In Zeek's letters.
    State(&'a str),
    /// TCP flags of all packets, or-ed, for each side.
    Flags(u8, u8),
    /// The same, of the side alone whose packets were counted.
    OneSide(u8),
    /// Not told.
    Unknown,
}

/// What [`Side::bytes`] counts beside payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// IP headers and what lies under them; the length of TCP headers is not guessed, because the source tells the
    /// payload of TCP wherever it knows it.
    IpWithoutTcp,
    /// IP headers and what lies under them.
    Ip,
    /// Whole Ethernet frames, each with so many VLAN tags.
    Frames(u64),
}

/// Puts connections together; holds the symbols.
#[derive(Debug)]
pub struct Assembler {
    services: Services,
    protocols: Protocols,
    ended: Symbol,
    odd: Symbol,
}

impl Default for Assembler {
    /// With all symbols looked up.
    fn default() -> Self {
        let of = |name| Symbol::of(FLAGS, name);
        Self { services: Services::default(), protocols: Protocols::default(), ended: of("SF"), odd: of("OTH") }
    }
}

impl Assembler {
    /// The connection that `facts` tell of.
    pub fn connection<'a>(&self, facts: &Facts<'a>) -> Connection<'a> {
        let mut approximated = Approximated::default();
        let v6 = facts.source.address.is_v6();
        let (transport, state) = (facts.transport, self.state(facts, &mut approximated));
        let ports = (facts.source.port, facts.destination.port);
        let symbols = Symbols {
            protocol: self.protocols.of(transport),
            service: self.service(transport, v6, ports, &mut approximated),
            flag: self.flag(transport, state, &mut approximated),
        };
        let headers = Headers::new(facts, v6, state);
        let unanswered = transport == Transport::Tcp && matches!(state, Some("S0" | "REJ"));
        let content = content(facts, &mut approximated);
        let mut side = |side: &Side<'a>, bit| {
            let (bytes, estimated) = headers.payload(side);
            if estimated {
                approximated.add(bit);
            }
            let bytes = if unanswered { Some(bytes.unwrap_or(0)) } else { bytes };
            Endpoint { address: side.address, port: side.port, bytes, packets: side.packets }
        };
        Connection {
            source: side(&facts.source, Approximated::SOURCE_BYTES),
            destination: side(&facts.destination, Approximated::DESTINATION_BYTES),
            transport,
            number: facts.number.or(transport.number(v6)),
            application: facts.application,
            symbols,
            duration: facts.duration,
            start: facts.start,
            state,
            history: None,
            name: None,
            content,
            approximated,
            sides: Sides::Whole,
        }
    }

    /// The ending in Zeek's letters. From flags it is an estimate: their order is lost.
    fn state<'a>(&self, facts: &Facts<'a>, approximated: &mut Approximated) -> Option<&'a str> {
        let state = match facts.ending {
            Ending::State(state) => return Some(state),
            _ if facts.transport != Transport::Tcp => return None,
            Ending::Flags(source, destination) => flags::state(source, destination),
            Ending::OneSide(flags) => flags::state_of_one_side(flags),
            Ending::Unknown => None,
        };
        if state.is_some() {
            approximated.add(Approximated::FLAG);
        }
        state
    }

    fn service(
        &self,
        transport: Transport,
        v6: bool,
        ports: (Option<u16>, Option<u16>),
        approximated: &mut Approximated,
    ) -> Symbol {
        match (transport, ports) {
            (Transport::Icmp, (Some(kind), Some(code))) if v6 => {
                approximated.add(Approximated::SERVICE);
                self.services.of_icmp6(kind, code)
            }
            (Transport::Icmp, (Some(kind), Some(code))) => self.services.of_icmp(kind, code),
            (Transport::Tcp | Transport::Udp | Transport::Other, (_, Some(port))) => {
                self.services.of_port(transport, port)
            }
            _ => Symbol::MISSING,
        }
    }

    /// KDD-99's flag: all its UDP and ICMP records are `SF`; it has no letters for RSTRH and SHR.
    fn flag(&self, transport: Transport, state: Option<&str>, approximated: &mut Approximated) -> Symbol {
        match (transport, state) {
            (Transport::Udp | Transport::Icmp, _) => self.ended,
            (_, None) => Symbol::MISSING,
            (_, Some("RSTRH" | "SHR")) => {
                approximated.add(Approximated::FLAG);
                self.odd
            }
            (_, Some(state)) => Symbol::of(FLAGS, state),
        }
    }
}

/// What TCP flags tell of content: whether there was urgent data at all, which is fewer than KDD-99's count.
fn content(facts: &Facts<'_>, approximated: &mut Approximated) -> Content {
    let mut content = Content::UNSEEN;
    let seen = match facts.ending {
        Ending::Flags(source, destination) => source | destination,
        Ending::OneSide(flags) => flags,
        Ending::State(_) | Ending::Unknown => return content,
    };
    if facts.transport == Transport::Tcp {
        content.0[URGENT - Content::FIRST] = f32::from(u8::from(seen & flags::URG != 0));
        approximated.add(Approximated::at(URGENT));
    }
    content
}

/// The place of `urgent` among the features.
const URGENT: usize = 8;

/// Bytes of headers in a packet that KDD-99 does not count.
struct Headers {
    transport: Transport,
    /// None where they cannot be known.
    packet: Option<u64>,
}

/// An Ethernet header.
const LINK: u64 = 14;
/// A VLAN tag.
const TAG: u64 = 4;
/// A TCP header without options, and one with timestamps, as most have that carry data.
const TCP: [u64; 2] = [20, 32];

impl Headers {
    fn new(facts: &Facts<'_>, v6: bool, state: Option<&str>) -> Self {
        let established = !matches!(state, Some("S0" | "REJ" | "RSTOS0" | "RSTRH" | "SH" | "SHR"));
        let above = match (facts.transport, facts.counted) {
            (Transport::Tcp, Counted::IpWithoutTcp) | (Transport::Other, _) => None,
            (Transport::Tcp, _) => Some(TCP[usize::from(established)]),
            (Transport::Udp, _) => Some(8),
            // KDD-99 counts the header of ICMP
            (Transport::Icmp, _) => Some(0),
        };
        let link = if let Counted::Frames(tags) = facts.counted { LINK + TAG * tags } else { 0 };
        let internet = if v6 { 40 } else { 20 };
        Self { transport: facts.transport, packet: above.map(|above| link + internet + above) }
    }

    /// Payload bytes, and whether they are an estimate.
    fn payload(&self, side: &Side<'_>) -> (Option<u64>, bool) {
        let counted = side.bytes.zip(side.packets).zip(self.packet);
        let without = counted.map(|((bytes, packets), header)| bytes.saturating_sub(packets.saturating_mul(header)));
        match (self.transport, side.payload) {
            (Transport::Icmp, payload) => {
                let counted = payload.map(|bytes| bytes.saturating_add(side.packets.unwrap_or(1).saturating_mul(8)));
                (without.or(counted), without.is_none() && counted.is_some())
            }
            (_, Some(payload)) => (Some(payload), false),
            (_, None) if side.packets == Some(0) => (Some(0), false),
            (_, None) => (without, without.is_some()),
        }
    }
}
