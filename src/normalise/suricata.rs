//! Suricata's EVE records: as Suricata writes them, within `event` as AWS Network Firewall wraps them, and within
//! `suricata.eve` as Filebeat's module leaves them.
//!
//! `flow` is a connection; `netflow` is one direction of one, and is paired. Everything else (`alert`, `dns`, `http`,
//! `anomaly` …) tells about a connection whose `flow` record comes when it ends. Bytes are those of whole frames.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Found, Names};
use super::scalar::Captured;
use super::slots::{self, Slots};
use super::{ecs, moment};

slots::slots! { ecs::END;
    /// Which kind of record it is.
    EVENT_TYPE: "event_type" | "event.event_type" | "suricata.eve.event_type";
    /// When the record was written.
    WRITTEN: "timestamp" | "event.timestamp" | "suricata.eve.timestamp";
    /// Ties the records of one flow together.
    FLOW_ID: "flow_id" | "event.flow_id" | "suricata.eve.flow_id";
    /// The client's address.
    SRC_IP: "src_ip" | "event.src_ip" | "suricata.eve.src_ip";
    /// The client's port.
    SRC_PORT: "src_port" | "event.src_port" | "suricata.eve.src_port";
    /// The server's address.
    DEST_IP: "dest_ip" | "event.dest_ip" | "suricata.eve.dest_ip";
    /// The server's port.
    DEST_PORT: "dest_port" | "event.dest_port" | "suricata.eve.dest_port";
    /// The protocol above IP, by name.
    EVE_PROTO: "event.proto" | "suricata.eve.proto";
    /// The application protocol.
    APP_PROTO: "app_proto" | "event.app_proto" | "suricata.eve.app_proto";
    /// ICMP type.
    ICMP_TYPE: "icmp_type" | "event.icmp_type" | "suricata.eve.icmp_type";
    /// ICMP code.
    ICMP_CODE: "icmp_code" | "event.icmp_code" | "suricata.eve.icmp_code";
    /// Frames from client to server.
    PKTS_TOSERVER: "flow.pkts_toserver" | "event.flow.pkts_toserver" | "suricata.eve.flow.pkts_toserver";
    /// Frames from server to client.
    PKTS_TOCLIENT: "flow.pkts_toclient" | "event.flow.pkts_toclient" | "suricata.eve.flow.pkts_toclient";
    /// Bytes from client to server.
    BYTES_TOSERVER: "flow.bytes_toserver" | "event.flow.bytes_toserver" | "suricata.eve.flow.bytes_toserver";
    /// Bytes from server to client.
    BYTES_TOCLIENT: "flow.bytes_toclient" | "event.flow.bytes_toclient" | "suricata.eve.flow.bytes_toclient";
    /// Its first packet.
    START: "flow.start" | "event.flow.start" | "suricata.eve.flow.start" | "event.netflow.start";
    /// Its last packet.
    LAST: "flow.end" | "event.flow.end" | "suricata.eve.flow.end" | "event.netflow.end";
    /// Whole seconds it lasted.
    AGE: "flow.age" | "event.flow.age" | "suricata.eve.flow.age" | "event.netflow.age";
    /// TCP flags of the client, in hexadecimal.
    FLAGS_TOSERVER: "tcp.tcp_flags_ts" | "event.tcp.tcp_flags_ts" | "suricata.eve.tcp.tcp_flags_ts";
    /// TCP flags of the server, in hexadecimal.
    FLAGS_TOCLIENT: "tcp.tcp_flags_tc" | "event.tcp.tcp_flags_tc" | "suricata.eve.tcp.tcp_flags_tc";
    /// TCP flags of both, or of the one side of a `netflow` record.
    TCP_FLAGS: "tcp.tcp_flags" | "event.tcp.tcp_flags" | "suricata.eve.tcp.tcp_flags";
    /// The VLAN tags of its frames, from outside in.
    VLAN: "vlan" | "event.vlan" | "suricata.eve.vlan";
    /// Frames of a `netflow` record.
    PACKETS: "netflow.pkts" | "event.netflow.pkts" | "suricata.eve.netflow.pkts";
    /// Bytes of a `netflow` record.
    BYTES: "netflow.bytes" | "event.netflow.bytes" | "suricata.eve.netflow.bytes";
    /// First packet of a `netflow` record, in a plain EVE file.
    NETFLOW_START: "netflow.start" | "suricata.eve.netflow.start";
    /// Last packet of a `netflow` record, in a plain EVE file.
    NETFLOW_LAST: "netflow.end" | "suricata.eve.netflow.end";
}

/// Whether the record comes from Suricata, whichever type it is of.
#[inline]
pub fn is_ours(slots: &Slots) -> bool {
    slots.at(EVENT_TYPE).is_there() && (slots.at(SRC_IP).is_there() || slots.at(FLOW_ID).is_there())
}

/// The connection, or the one direction of one, that lies in the slots.
pub fn connection<'a>(slots: &Slots, body: &'a str) -> Option<Found<'a>> {
    let one_way = match slots.at(EVENT_TYPE).plain(body)? {
        "flow" => false,
        "netflow" => true,
        _ => return None,
    };
    // Filebeat's module moves the addresses to their ECS names
    let first = |own: u32, other: u32| if slots.at(own).is_there() { own } else { other };
    let names = Names {
        source: first(SRC_IP, ecs::SOURCE_IP),
        destination: first(DEST_IP, ecs::DESTINATION_IP),
        transport: first(first(slots::PROTO, EVE_PROTO), ecs::TRANSPORT),
        application: first(APP_PROTO, ecs::PROTOCOL),
    };
    let transport = Transport::of(slots.at(names.transport).plain(body)?);
    let count = |slot: u32| slots.at(slot).count(body);
    let port = |own, other| slots.at(first(own, other)).port(body);
    let (kind, code) = (slots.at(ICMP_TYPE).port(body), slots.at(ICMP_CODE).port(body));
    let icmp = transport == Transport::Icmp;
    let [to_server, to_client] = match one_way {
        true => [(count(BYTES), count(PACKETS)), (None, None)],
        false => [(count(BYTES_TOSERVER), count(PKTS_TOSERVER)), (count(BYTES_TOCLIENT), count(PKTS_TOCLIENT))],
    };
    let side = |address, port, (bytes, packets)| {
        Some(Side { address: Address::of(slots.at(address).raw(body)?), port, payload: None, bytes, packets })
    };
    let start = moment::of(slots.at(first(START, first(NETFLOW_START, ecs::EVENT_START))), body);
    let last = moment::of(slots.at(first(LAST, first(NETFLOW_LAST, ecs::EVENT_END))), body);
    let facts = Facts {
        source: side(names.source, if icmp { kind } else { port(SRC_PORT, ecs::SOURCE_PORT) }, to_server)?,
        destination: side(
            names.destination,
            if icmp { code } else { port(DEST_PORT, ecs::DESTINATION_PORT) },
            to_client,
        )?,
        transport,
        number: None,
        application: slots.at(names.application).plain(body).filter(|name| !matches!(*name, "" | "failed" | "unknown")),
        ending: ending(slots, body, one_way),
        duration: moment::between(start, last).or_else(|| slots.at(AGE).number(body).filter(|age| *age >= 0.0)),
        start,
        counted: Counted::Frames(slots.at(VLAN).values(body).count() as u64),
    };
    Some(Found { facts, names, one_way })
}

fn ending<'a>(slots: &Slots, body: &str, one_way: bool) -> Ending<'a> {
    let flags = |slot| hexadecimal(slots.at(slot), body);
    if one_way {
        return flags(TCP_FLAGS).map_or(Ending::Unknown, Ending::OneSide);
    }
    match (flags(FLAGS_TOSERVER), flags(FLAGS_TOCLIENT)) {
        (Some(source), Some(destination)) => Ending::Flags(source, destination),
        _ => Ending::Unknown,
    }
}

fn hexadecimal(captured: Captured, body: &str) -> Option<u8> {
    u8::from_str_radix(captured.plain(body)?, 16).ok()
}
