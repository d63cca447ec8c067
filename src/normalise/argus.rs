//! Argus' bidirectional flows, with the column names that `ra` prints (`SrcAddr`, `Sport`, `Dir` …).
//!
//! Bytes are those of whole frames. Where `SrcPkts` is not printed, packets are shared out evenly between the sides
//! that sent any byte. `Dir` with an arrow to the left alone turns the flow round. Times have no zone: UTC is taken.
//! Flows below IP (arp, llc) are no connections.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Found, Names};
use super::slots::{self, Slots};
use super::{flags, moment, netflow};

slots::slots! { netflow::END;
    /// First packet.
    START: "StartTime";
    /// Seconds.
    DUR: "Dur";
    /// The protocol, by name.
    PROTO: "Proto";
    /// The client's address.
    SRC: "SrcAddr";
    /// Its port.
    SRC_PORT: "Sport";
    /// Who talked to whom.
    DIR: "Dir";
    /// The server's address.
    DST: "DstAddr";
    /// Its port.
    DST_PORT: "Dport";
    /// TCP flags of both sides, or what else is known of the end.
    STATE: "State";
    /// Frames of both sides.
    TOTAL_PACKETS: "TotPkts";
    /// Bytes of both sides.
    TOTAL_BYTES: "TotBytes";
    /// Bytes of the client.
    SRC_BYTES: "SrcBytes";
    /// Frames of the client.
    SRC_PACKETS: "SrcPkts";
}

/// Whether the addresses and the counts are there.
#[inline]
pub fn is_ours(slots: &Slots) -> bool {
    slots.at(SRC).is_there() && slots.at(DST).is_there() && slots.at(TOTAL_BYTES).is_there()
}

/// The flow that lies in the slots, if it is one of IP.
pub fn connection<'a>(slots: &Slots, body: &'a str) -> Option<Found<'a>> {
    let text = |slot: u32| slots.at(slot).plain(body).map(str::trim);
    let name = text(PROTO)?;
    if matches!(name, "arp" | "rarp" | "llc" | "man") {
        return None;
    }
    let transport = Transport::of(name);
    let direction = text(DIR).unwrap_or_default();
    let turned = direction.contains('<') && !direction.contains('>');
    let [sent, received] = counts(slots, body);
    let state = text(STATE).unwrap_or_default();
    let ports = match transport {
        Transport::Icmp => icmp(state, port(slots, body, SRC_PORT)),
        _ => (port(slots, body, SRC_PORT), port(slots, body, DST_PORT)),
    };
    let side = |address: u32, port, (bytes, packets)| {
        Some(Side { address: Address::of(slots.at(address).raw(body)?.trim()), port, payload: None, bytes, packets })
    };
    let mut names = Names { source: SRC, destination: DST, transport: PROTO, application: STATE };
    let (mut source, mut destination) = (side(SRC, ports.0, sent)?, side(DST, ports.1, received)?);
    if turned && transport != Transport::Icmp {
        std::mem::swap(&mut source, &mut destination);
        std::mem::swap(&mut names.source, &mut names.destination);
    }
    let facts = Facts {
        source,
        destination,
        transport,
        number: None,
        application: None,
        ending: ending(state, turned),
        duration: slots.at(DUR).number(body).filter(|seconds| *seconds >= 0.0),
        start: moment::of(slots.at(START), body),
        counted: Counted::Frames(0),
    };
    Some(Found { facts, names, one_way: false })
}

/// Bytes and packets of each side.
fn counts(slots: &Slots, body: &str) -> [(Option<u64>, Option<u64>); 2] {
    let count = |slot: u32| slots.at(slot).count(body);
    let (all, sent) = (count(TOTAL_BYTES), count(SRC_BYTES));
    let received = all.zip(sent).map(|(all, sent)| all.saturating_sub(sent));
    let packets = count(TOTAL_PACKETS).map(|all| {
        let own = count(SRC_PACKETS).unwrap_or(match (sent, received) {
            (_, Some(0)) => all,
            (Some(0), _) => 0,
            _ => all.div_ceil(2),
        });
        (own.min(all), all.saturating_sub(own))
    });
    [(sent, packets.map(|(own, _)| own)), (received, packets.map(|(_, other)| other))]
}

/// A port, which `ra` may print in hexadecimal.
fn port(slots: &Slots, body: &str, slot: u32) -> Option<u16> {
    let captured = slots.at(slot);
    match captured.plain(body).and_then(|text| text.trim().strip_prefix("0x")) {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => captured.port(body),
    }
}

/// Type and code, from the state; of ICMPv6 the type is printed as the client's port.
fn icmp(state: &str, port: Option<u16>) -> (Option<u16>, Option<u16>) {
    let (kind, code) = match state {
        "ECO" => (8, 0),
        "ECR" => (0, 0),
        "URN" => (3, 0),
        "URH" => (3, 1),
        "URP" => (3, 3),
        "RED" => (5, 0),
        "TXD" => (11, 0),
        _ => return (port.filter(|kind| *kind < 256), Some(0)),
    };
    (Some(kind), Some(code))
}

fn ending<'a>(state: &str, turned: bool) -> Ending<'a> {
    if let Some((source, destination)) = state.split_once('_')
        && let (Some(source), Some(destination)) = (letters(source), letters(destination))
    {
        return if turned { Ending::Flags(destination, source) } else { Ending::Flags(source, destination) };
    }
    match state {
        "REQ" => Ending::Flags(flags::SYN, 0),
        "ACC" | "CON" => Ending::Flags(flags::SYN, flags::SYN),
        "FIN" | "CLO" => Ending::Flags(flags::SYN | flags::FIN, flags::SYN | flags::FIN),
        "RST" => Ending::Flags(flags::SYN | flags::RST, flags::SYN),
        _ => Ending::Unknown,
    }
}

/// The flags that letters such as `FSPA` stand for.
fn letters(text: &str) -> Option<u8> {
    text.bytes().try_fold(0, |all, letter| {
        Some(
            all | match letter {
                b'F' => flags::FIN,
                b'S' => flags::SYN,
                b'R' => flags::RST,
                b'P' => 0x08,
                b'A' => flags::ACK,
                b'U' => flags::URG,
                b'E' => 0x40,
                b'C' => 0x80,
                _ => return None,
            },
        )
    })
}
