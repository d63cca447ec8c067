//! Field mappings: what a source calls the parts of a connection, for sources that speak no dialect of ours.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Found, Names};
use super::moment;
use super::rules::{CompiledCondition, Condition};
use super::slots::{Slots, UNUSED};
use super::zeek;

/// A part of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum MappedField {
    /// The client's address; must be mapped.
    SourceIp,
    /// The client's port.
    SourcePort,
    /// Bytes that the client sent.
    SourceBytes,
    /// Packets that the client sent.
    SourcePackets,
    /// TCP flags of the client's packets, or-ed: a number, or hexadecimal digits behind `0x`.
    SourceFlags,
    /// The server's address; must be mapped.
    DestinationIp,
    /// The server's port.
    DestinationPort,
    /// Bytes that the server sent.
    DestinationBytes,
    /// Packets that the server sent.
    DestinationPackets,
    /// TCP flags of the server's packets, or-ed.
    DestinationFlags,
    /// The protocol above IP, by name or number; must be mapped.
    Transport,
    /// The application protocol.
    Application,
    /// How it ended, in Zeek's letters.
    State,
    /// Its first packet: a text, or seconds to nanoseconds since the epoch.
    Start,
    /// Its last packet.
    End,
    /// How long it lasted, in the mapping's unit.
    Duration,
}

/// How many parts there are.
const PARTS: usize = MappedField::Duration as usize + 1;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Unit {
    /// How many of them are a second.
    fn in_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
        }
    }
}

/// What counted bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    /// Payload alone.
    Payload,
    /// From the IP header on.
    Ip,
    /// Whole frames.
    Frames,
}

/// What a source calls the parts of a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// Which events it is for; none for all that have the parts that must be there.
    pub when: Option<Condition>,
    /// The path of each part that the source tells.
    pub fields: Vec<(MappedField, String)>,
    /// What its bytes are.
    pub bytes: Bytes,
    /// The unit of its durations.
    pub duration: Unit,
    /// Each event tells one side only, and the other side has one of its own.
    pub one_way: bool,
}

impl Mapping {
    /// The paths that are looked at.
    pub(super) fn paths(&self) -> impl Iterator<Item = String> {
        let fields = self.fields.iter().map(|(_, path)| path.clone());
        self.when.iter().map(|condition| condition.field.clone()).chain(fields)
    }

    /// The mapping over slots, as many of which are taken as there are paths.
    pub(super) fn compile(&self, slots: &mut impl Iterator<Item = u32>) -> CompiledMapping {
        let mut next = || slots.next().unwrap_or(UNUSED);
        let when = self.when.as_ref().map(|condition| CompiledCondition::new(condition, next()));
        let mut places = [UNUSED; PARTS];
        for (field, _) in &self.fields {
            places[*field as usize] = next();
        }
        CompiledMapping { when, places, bytes: self.bytes, duration: self.duration, one_way: self.one_way }
    }
}

/// A [`Mapping`] over slots.
#[derive(Debug)]
pub(super) struct CompiledMapping {
    when: Option<CompiledCondition>,
    places: [u32; PARTS],
    bytes: Bytes,
    duration: Unit,
    one_way: bool,
}

impl CompiledMapping {
    /// The connection that it finds in the slots.
    pub fn connection<'a>(&self, slots: &Slots, body: &'a str) -> Option<Found<'a>> {
        if self.when.as_ref().is_some_and(|condition| !condition.holds(slots, body)) {
            return None;
        }
        let at = |field: MappedField| slots.at(self.places[field as usize]);
        let transport = at(MappedField::Transport);
        let number = transport.count(body).and_then(|number| u8::try_from(number).ok());
        let transport =
            number.map_or_else(|| transport.plain(body).map(Transport::of), |it| Some(Transport::of_number(it)))?;
        let side = |[address, port, bytes, packets]: [MappedField; 4]| {
            let bytes = at(bytes).count(body);
            let payload = bytes.filter(|_| self.bytes == Bytes::Payload);
            Some(Side {
                address: Address::of(at(address).raw(body)?),
                port: at(port).port(body),
                payload,
                bytes: if payload.is_some() { None } else { bytes },
                packets: at(packets).count(body),
            })
        };
        let (start, end) = (moment::of(at(MappedField::Start), body), moment::of(at(MappedField::End), body));
        let told = at(MappedField::Duration).number(body).map(|told| told / self.duration.in_second());
        let facts = Facts {
            source: side([
                MappedField::SourceIp,
                MappedField::SourcePort,
                MappedField::SourceBytes,
                MappedField::SourcePackets,
            ])?,
            destination: side([
                MappedField::DestinationIp,
                MappedField::DestinationPort,
                MappedField::DestinationBytes,
                MappedField::DestinationPackets,
            ])?,
            transport,
            number,
            application: zeek::text(at(MappedField::Application), body),
            ending: self.ending(slots, body),
            duration: told.filter(|seconds| *seconds >= 0.0).or_else(|| moment::between(start, end)),
            start,
            counted: if self.bytes == Bytes::Frames { Counted::Frames(0) } else { Counted::Ip },
        };
        let place = |field: MappedField| self.places[field as usize];
        let names = Names {
            source: place(MappedField::SourceIp),
            destination: place(MappedField::DestinationIp),
            transport: place(MappedField::Transport),
            application: place(MappedField::Application),
        };
        Some(Found { facts, names, one_way: self.one_way })
    }

    fn ending<'a>(&self, slots: &Slots, body: &'a str) -> Ending<'a> {
        let at = |field: MappedField| slots.at(self.places[field as usize]);
        let flags = |field: MappedField| {
            let told = at(field);
            let digits = told.plain(body).and_then(|text| text.trim().strip_prefix("0x"));
            let number = digits.map_or_else(|| told.count(body), |digits| u64::from_str_radix(digits, 16).ok());
            number.map(|flags| (flags & 0xff) as u8)
        };
        if let Some(state) = zeek::text(at(MappedField::State), body) {
            return Ending::State(state);
        }
        match (flags(MappedField::SourceFlags), flags(MappedField::DestinationFlags)) {
            (Some(source), Some(destination)) => Ending::Flags(source, destination),
            (Some(source), None) => Ending::OneSide(source),
            _ => Ending::Unknown,
        }
    }
}
