//! Flows with ECS names: Packetbeat, Filebeat's netflow and VPC inputs and anything like them, and what Elastic's and
//! Security Onion's pipelines make of Zeek's conn.log.
//!
//! A record is a flow if it has both addresses, a protocol, and counts: packets of either side or, from Zeek, the
//! state. (Transactions, alerts and logins have addresses too; none of them counts packets.) Of Packetbeat's reports on
//! a flow that goes on (`flow.final: false`) none is taken: the last one tells all of it.
//!
//! `event.duration` is nanoseconds, but for Security Onion, where it is seconds. Where start and end are told as well
//! they decide, so a sender with another unit does no harm. A flow whose other side has counted nothing at all is
//! one-way, and is paired.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Dialect, Found, Names};
use super::slots::{self, Slots};
use super::{moment, netflow, zeek};

slots::slots! { slots::FIRST_DIALECT;
    /// The client's address.
    SOURCE_IP: "source.ip";
    /// The same, where it may be a name.
    SOURCE_ADDRESS: "source.address";
    /// The client's port.
    SOURCE_PORT: "source.port";
    /// Bytes it sent.
    SOURCE_BYTES: "source.bytes";
    /// Packets it sent.
    SOURCE_PACKETS: "source.packets";
    /// The server's address.
    DESTINATION_IP: "destination.ip";
    /// The same, where it may be a name.
    DESTINATION_ADDRESS: "destination.address";
    /// The server's port.
    DESTINATION_PORT: "destination.port";
    /// Bytes it sent.
    DESTINATION_BYTES: "destination.bytes";
    /// Packets it sent.
    DESTINATION_PACKETS: "destination.packets";
    /// Security Onion: payload of the client.
    CLIENT_BYTES: "client.bytes";
    /// Security Onion: the client's bytes with IP headers.
    CLIENT_IP_BYTES: "client.ip_bytes";
    /// Security Onion: packets of the client.
    CLIENT_PACKETS: "client.packets";
    /// Security Onion: payload of the server.
    SERVER_BYTES: "server.bytes";
    /// Security Onion: the server's bytes with IP headers.
    SERVER_IP_BYTES: "server.ip_bytes";
    /// Security Onion: packets of the server.
    SERVER_PACKETS: "server.packets";
    /// The protocol above IP, by name.
    TRANSPORT: "network.transport";
    /// The same, by number.
    IANA_NUMBER: "network.iana_number";
    /// The application protocol.
    PROTOCOL: "network.protocol";
    /// How long it lasted.
    EVENT_DURATION: "event.duration";
    /// Its first packet.
    EVENT_START: "event.start";
    /// Its last packet.
    EVENT_END: "event.end";
    /// Which log it is of.
    DATASET: "event.dataset" | "data_stream.dataset";
    /// Packetbeat: `flow`, or the protocol of a transaction.
    KIND: "type";
    /// Packetbeat: whether nothing more comes of the flow.
    FINAL: "flow.final";
    /// Security Onion: Zeek's state.
    SO_STATE: "connection.state";
    /// Elastic: Zeek's state.
    ZEEK_STATE: "zeek.connection.state";
    /// Elastic: ICMP type.
    ZEEK_ICMP_TYPE: "zeek.connection.icmp.type";
    /// Elastic: ICMP code.
    ZEEK_ICMP_CODE: "zeek.connection.icmp.code";
}

/// Whether both addresses are there.
#[inline]
pub fn is_ours(slots: &Slots) -> bool {
    [SOURCE_IP, SOURCE_ADDRESS].into_iter().any(|slot| slots.at(slot).is_there())
        && [DESTINATION_IP, DESTINATION_ADDRESS].into_iter().any(|slot| slots.at(slot).is_there())
}

/// Whose ECS it is.
pub fn shape(slots: &Slots, body: &str, told: Option<Dialect>) -> Dialect {
    if let Some(told) = told {
        return told;
    }
    let dataset = slots.at(DATASET).plain(body).unwrap_or_default();
    if slots.at(SO_STATE).is_there() || matches!(dataset, "conn" | "zeek.conn") {
        Dialect::SecurityOnion
    } else if slots.at(ZEEK_STATE).is_there() || dataset == "zeek.connection" {
        Dialect::ZeekEcs
    } else {
        Dialect::Ecs
    }
}

/// The flow that lies in the slots, if one does.
pub fn connection<'a>(slots: &Slots, body: &'a str, shape: Dialect) -> Option<Found<'a>> {
    let there = |slot: u32| slots.at(slot).is_there();
    let counts = [SOURCE_PACKETS, DESTINATION_PACKETS, CLIENT_PACKETS, SERVER_PACKETS, SO_STATE, ZEEK_STATE];
    let interim = slots.at(FINAL).scalar(body) == Some(super::Scalar::Bool(false));
    if !counts.into_iter().any(there) || interim {
        return None;
    }
    let first = |own, other| if there(own) { own } else { other };
    let names = Names {
        source: first(SOURCE_IP, SOURCE_ADDRESS),
        destination: first(DESTINATION_IP, DESTINATION_ADDRESS),
        transport: TRANSPORT,
        application: PROTOCOL,
    };
    let number = slots.at(IANA_NUMBER).count(body).and_then(|number| u8::try_from(number).ok());
    let transport = match slots.at(TRANSPORT).plain(body) {
        Some(name) => Transport::of(name),
        None => Transport::of_number(number?),
    };
    let (source, destination) = sides(slots, body, &names, shape, transport)?;
    let one_way = shape == Dialect::Ecs && destination.bytes.is_none() && destination.packets.is_none();
    let (start, end) = (moment::of(slots.at(EVENT_START), body), moment::of(slots.at(EVENT_END), body));
    let facts = Facts {
        source,
        destination,
        transport,
        number,
        application: zeek::text(slots.at(PROTOCOL), body),
        ending: ending(slots, body, one_way),
        duration: moment::between(start, end).or_else(|| duration(slots, body, shape)),
        start,
        counted: counted(slots, body, shape),
    };
    Some(Found { facts, names, one_way })
}

fn sides<'a>(
    slots: &Slots,
    body: &'a str,
    names: &Names,
    shape: Dialect,
    transport: Transport,
) -> Option<(Side<'a>, Side<'a>)> {
    let count = |slot: u32| slots.at(slot).count(body);
    let onion = shape == Dialect::SecurityOnion;
    let side = |address, port, payload, [bytes, ip_bytes, packets, own_packets]: [u32; 4]| {
        let address = Address::of(slots.at(address).raw(body)?);
        let port = slots.at(port).port(body);
        Some(match onion {
            true => {
                Side { address, port, payload: count(payload), bytes: count(ip_bytes), packets: count(own_packets) }
            }
            false => Side { address, port, payload: None, bytes: count(bytes), packets: count(packets) },
        })
    };
    let own = [SOURCE_BYTES, CLIENT_IP_BYTES, SOURCE_PACKETS, CLIENT_PACKETS];
    let mut source = side(names.source, SOURCE_PORT, CLIENT_BYTES, own)?;
    let own = [DESTINATION_BYTES, SERVER_IP_BYTES, DESTINATION_PACKETS, SERVER_PACKETS];
    let mut destination = side(names.destination, DESTINATION_PORT, SERVER_BYTES, own)?;
    if transport == Transport::Icmp {
        let told = |slot: u32| slots.at(slot).port(body);
        source.port = told(ZEEK_ICMP_TYPE).or(told(netflow::ICMP_TYPE)).or(source.port);
        destination.port = told(ZEEK_ICMP_CODE).or(told(netflow::ICMP_CODE)).or(destination.port);
    }
    Some((source, destination))
}

fn ending<'a>(slots: &Slots, body: &'a str, one_way: bool) -> Ending<'a> {
    let state = |slot: u32| zeek::text(slots.at(slot), body);
    if let Some(state) = state(SO_STATE).or_else(|| state(ZEEK_STATE)) {
        return Ending::State(state);
    }
    match netflow::flags(slots, body) {
        Some(flags) if one_way => Ending::OneSide(flags),
        _ => Ending::Unknown,
    }
}

/// Seconds.
fn duration(slots: &Slots, body: &str, shape: Dialect) -> Option<f64> {
    let told = slots.at(EVENT_DURATION).number(body);
    match shape {
        Dialect::SecurityOnion => told.or(Some(0.0)),
        Dialect::ZeekEcs => told.map(|nanos| nanos / 1e9).or(Some(0.0)),
        _ => told.map(|nanos| nanos / 1e9),
    }
    .filter(|seconds| *seconds >= 0.0)
}

/// Packetbeat counts frames, all others from the IP header on. Security Onion tells payload, and of that what Zeek knew.
fn counted(slots: &Slots, body: &str, shape: Dialect) -> Counted {
    let packetbeat = || slots.at(KIND).plain(body) == Some("flow") || slots.at(FINAL).is_there();
    match shape {
        Dialect::SecurityOnion => Counted::IpWithoutTcp,
        Dialect::Ecs if packetbeat() => Counted::Frames(0),
        _ => Counted::Ip,
    }
}
