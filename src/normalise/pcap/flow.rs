//! One connection, or for UDP and ICMP one flow of packets: who, when, how much, and what was said.

use std::net::IpAddr;

use super::content::Inspection;
use super::datagram::Datagram;
use super::history::{History, Kind, Side};
use super::segment::{Icmp, Segment, Udp};
use super::table::SECOND;
use super::tcp::{self, Piece};

/// How long UDP and ICMP may be silent.
const SILENCE: i64 = 60 * SECOND;

/// An address and a port, or a type of ICMP.
pub type Place = (IpAddr, u16);

/// A connection.
#[derive(Debug)]
pub struct Flow {
    /// Originator and responder.
    pub places: [Place; 2],
    /// The protocol above IP.
    pub protocol: u8,
    /// When its first packet came, in nanoseconds since 1970.
    pub start: i64,
    /// When the last one came that counts.
    pub last: i64,
    /// What the sides sent.
    pub sent: [Sent; 2],
    /// What happened, in letters.
    pub history: History,
    /// Packets with urgent data.
    pub urgent: u32,
    /// Fragments that overlap or do not fit.
    pub wrong_fragments: u32,
    /// What was said; none where nobody listens.
    pub inspection: Option<Box<Inspection>>,
    /// Which of all connections it is, counted from 0.
    pub ordinal: u64,
    /// When it is looked at next.
    pub due: i64,
    transport: Transport,
}

/// What a side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Packets.
    pub packets: u64,
    /// Bytes with IP headers.
    pub bytes: u64,
}

#[derive(Debug)]
enum Transport {
    Tcp(Box<tcp::Connection>),
    /// Payload bytes of the sides; none for one that was not heard of.
    Other([Option<u64>; 2]),
}

impl Flow {
    /// The connection that begins with this packet.
    pub fn new(nanos: i64, places: [Place; 2], datagram: &Datagram<'_>, segment: &Segment<'_>, content: u32) -> Self {
        let inspection = match segment {
            Segment::Tcp(_) => Some(Box::new(Inspection::of_tcp(places[1].1, content))),
            Segment::Udp(_) => Inspection::of_udp(places[1].1).map(Box::new),
            Segment::Icmp(_) => None,
        };
        let transport = match segment {
            Segment::Tcp(_) => Transport::Tcp(Box::new(tcp::Connection::new(nanos, inspection.is_some()))),
            Segment::Udp(_) | Segment::Icmp(_) => Transport::Other([None; 2]),
        };
        Self {
            places,
            protocol: datagram.protocol,
            start: nanos,
            last: nanos,
            sent: [Sent::default(); 2],
            history: History::default(),
            urgent: 0,
            wrong_fragments: 0,
            inspection,
            ordinal: 0,
            due: 0,
            transport,
        }
    }

    /// Which side `place` is; the originator where both are the same.
    pub fn side(&self, place: Place) -> Side {
        if place == self.places[0] { Side::Originator } else { Side::Responder }
    }

    /// Takes a packet.
    pub fn take(&mut self, nanos: i64, side: Side, datagram: &Datagram<'_>, segment: &Segment<'_>) {
        let sent = &mut self.sent[side as usize];
        sent.packets += 1;
        sent.bytes += datagram.length;
        match segment {
            Segment::Tcp(segment) => {
                self.urgent += u32::from(segment.flags.urg());
                self.take_tcp(nanos, side, segment);
            }
            Segment::Udp(datagram) => {
                self.take_udp(side, datagram);
                self.last = nanos.max(self.last);
            }
            Segment::Icmp(Icmp { length, .. }) => {
                self.add(side, *length);
                self.last = nanos.max(self.last);
            }
        }
    }

    fn take_tcp(&mut self, nanos: i64, side: Side, segment: &super::segment::Tcp<'_>) {
        let Transport::Tcp(connection) = &mut self.transport else { return };
        let inspection = &mut self.inspection;
        let mut listen = |side: Side, piece: Piece<'_>| {
            if let Some(inspection) = inspection {
                inspection.hear(side, piece);
            }
        };
        connection.take(nanos, side, segment, &mut self.history, &mut self.last, &mut listen);
        if self.inspection.as_ref().is_some_and(|inspection| inspection.is_over()) {
            connection.unheard();
        }
        if connection.was_reversed() {
            self.flip();
        }
    }

    fn take_udp(&mut self, side: Side, datagram: &Udp<'_>) {
        self.history.first(side, Kind::Data, 'D');
        self.add(side, datagram.length);
        if let Some(inspection) = &mut self.inspection {
            inspection.hear(side, Piece::Data(datagram.payload));
        }
    }

    fn add(&mut self, side: Side, length: u32) {
        if let Transport::Other(sizes) = &mut self.transport {
            let size = &mut sizes[side as usize];
            *size = Some(size.unwrap_or(0) + u64::from(length));
        }
    }

    /// Originator and responder change places.
    pub fn flip(&mut self) {
        self.places.swap(0, 1);
        self.sent.swap(0, 1);
        self.history.flip();
        if let Some(inspection) = &mut self.inspection {
            inspection.flip();
        }
    }

    /// Whether a packet begins another connection between the same places.
    pub fn is_reused(&self, segment: &Segment<'_>) -> bool {
        match (&self.transport, segment) {
            (Transport::Tcp(connection), Segment::Tcp(segment)) => connection.is_reused(segment),
            _ => false,
        }
    }

    /// When it may be over.
    pub fn next_due(&self) -> i64 {
        match &self.transport {
            Transport::Tcp(connection) => connection.next_due(self.last),
            Transport::Other(_) => self.last.saturating_add(SILENCE),
        }
    }

    /// Whether it is over at `now`.
    pub fn is_over(&mut self, now: i64) -> bool {
        match &mut self.transport {
            Transport::Tcp(connection) => connection.is_over(now, self.last),
            Transport::Other(_) => self.last.saturating_add(SILENCE) <= now,
        }
    }

    /// Payload bytes of a side.
    pub fn size(&self, side: Side) -> u64 {
        match &self.transport {
            Transport::Tcp(connection) => connection.size(side),
            Transport::Other(sizes) => sizes[side as usize].unwrap_or(0),
        }
    }

    /// Bytes of payload that wait for earlier ones.
    pub fn held(&self) -> usize {
        match &self.transport {
            Transport::Tcp(connection) => connection.held(),
            Transport::Other(_) => 0,
        }
    }

    /// Stops following the payload.
    pub fn give_up(&mut self) {
        if let Transport::Tcp(connection) = &mut self.transport {
            connection.give_up();
        }
    }

    /// Bytes that were acknowledged and not captured.
    pub fn missed(&self) -> u64 {
        match &self.transport {
            Transport::Tcp(connection) => connection.missed(),
            Transport::Other(_) => 0,
        }
    }

    /// Zeek's `conn_state`.
    pub fn state(&self) -> &'static str {
        match (&self.transport, self.protocol) {
            (Transport::Tcp(connection), _) => connection.outcome(self.history.letters()),
            (Transport::Other([originator, responder]), super::segment::UDP) => {
                match (originator.is_some(), responder.is_some()) {
                    (true, true) => "SF",
                    (true, false) => "S0",
                    (false, true) => "SHR",
                    (false, false) => "OTH",
                }
            }
            _ => "OTH",
        }
    }
}
