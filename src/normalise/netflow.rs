//! NetFlow v5, v9 and IPFIX as Logstash's codec writes them (`netflow.…`, in the names of v9 or of IPFIX).
//!
//! A record tells what one side sent; the other side has a record of its own, and the two are [paired](super::pairs).
//! Exporters of bidirectional records (`reverse…`, `rev_flow_delta_bytes`) tell both at once. `out_bytes` is no other
//! direction: it counts the same packets where they leave. What counts nothing (templates, options, statistics) is
//! no flow.
//!
//! Times come as texts, as milliseconds, as seconds, or in milliseconds since the exporter's start, which give a
//! duration and no time. A flow that ends before it begins (some exporters' clocks do that) has no duration.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Found, Names};
use super::slots::{self, Slots};
use super::{ecs, moment, suricata};

slots::slots! { suricata::END;
    /// Who sent the packets.
    SRC: "netflow.ipv4_src_addr" | "netflow.ipv6_src_addr" | "netflow.sourceIPv4Address" | "netflow.sourceIPv6Address";
    /// Who was to get them.
    DST: "netflow.ipv4_dst_addr" | "netflow.ipv6_dst_addr" | "netflow.destinationIPv4Address"
        | "netflow.destinationIPv6Address";
    /// The sender's port.
    SRC_PORT: "netflow.l4_src_port" | "netflow.sourceTransportPort";
    /// The receiver's port; of ICMP in v5, type times 256 and code.
    DST_PORT: "netflow.l4_dst_port" | "netflow.destinationTransportPort";
    /// The protocol above IP, by number.
    PROTOCOL: "netflow.protocol" | "netflow.protocolIdentifier";
    /// TCP flags, or-ed.
    TCP_FLAGS: "netflow.tcp_flags" | "netflow.tcpControlBits" | "netflow.unionTCPFlags" | "netflow.tcp_control_bits";
    /// TCP flags of the first packet, where the others are told apart from them.
    FIRST_FLAGS: "netflow.initialTCPFlags";
    /// TCP flags of the other side.
    REVERSE_FLAGS: "netflow.reverseUnionTCPFlags" | "netflow.reverseTcpControlBits";
    /// TCP flags of the other side's first packet.
    REVERSE_FIRST_FLAGS: "netflow.reverseInitialTCPFlags";
    /// Bytes from the IP header on.
    BYTES: "netflow.in_bytes" | "netflow.octetDeltaCount" | "netflow.octetTotalCount" | "netflow.fwd_flow_delta_bytes"
        | "netflow.in_permanent_bytes";
    /// Packets.
    PACKETS: "netflow.in_pkts" | "netflow.packetDeltaCount" | "netflow.packetTotalCount";
    /// The same bytes where they leave.
    OUT_BYTES: "netflow.out_bytes";
    /// The same packets where they leave.
    OUT_PACKETS: "netflow.out_pkts";
    /// Bytes of the other side.
    REVERSE_BYTES: "netflow.reverseOctetTotalCount" | "netflow.reverseOctetDeltaCount" | "netflow.rev_flow_delta_bytes";
    /// Packets of the other side.
    REVERSE_PACKETS: "netflow.reversePacketTotalCount" | "netflow.reversePacketDeltaCount";
    /// First packet.
    FIRST: "netflow.first_switched" | "netflow.flowStartMilliseconds" | "netflow.flow_start_msec"
        | "netflow.flowStartSeconds" | "netflow.flowStartMicroseconds" | "netflow.flowStartNanoseconds";
    /// Last packet.
    LAST: "netflow.last_switched" | "netflow.flowEndMilliseconds" | "netflow.flow_end_msec" | "netflow.flowEndSeconds"
        | "netflow.flowEndMicroseconds" | "netflow.flowEndNanoseconds" | "netflow.event_time_msec";
    /// First packet, in milliseconds since the exporter's start.
    FIRST_UPTIME: "netflow.flowStartSysUpTime";
    /// Last packet, likewise.
    LAST_UPTIME: "netflow.flowEndSysUpTime";
    /// Milliseconds it lasted.
    MILLIS: "netflow.flowDurationMilliseconds";
    /// ICMP type.
    ICMP_TYPE: "netflow.icmp_type" | "netflow.icmpTypeIPv4" | "netflow.icmpTypeIPv6" | "icmp.type";
    /// ICMP code.
    ICMP_CODE: "netflow.icmp_code" | "netflow.icmpCodeIPv4" | "netflow.icmpCodeIPv6" | "icmp.code";
    /// ICMP type times 256 and code.
    ICMP_BOTH: "netflow.icmpTypeCodeIPv4" | "netflow.icmpTypeCodeIPv6" | "netflow.icmp_type_code_ipv4";
    /// Which version exported it.
    VERSION: "netflow.version" | "netflow.exporter.version";
}

/// Where a flow has what goes by an ECS name; the application protocol it has nowhere.
const NAMES: Names = Names { source: SRC, destination: DST, transport: PROTOCOL, application: VERSION };

/// Whether Logstash's codec wrote the record.
#[inline]
pub fn is_ours(slots: &Slots) -> bool {
    // Filebeat's input has ECS names in place of the codec's
    slots.at(VERSION).is_there() && (slots.at(SRC).is_there() || !slots.at(ecs::SOURCE_IP).is_there())
}

/// The flow that lies in the slots, if one does.
pub fn connection<'a>(slots: &Slots, body: &'a str) -> Option<Found<'a>> {
    let count = |slot: u32| slots.at(slot).count(body);
    let number = u8::try_from(count(PROTOCOL)?).ok()?;
    let transport = Transport::of_number(number);
    let own = |bytes: u32, other: u32| count(bytes).filter(|bytes| *bytes > 0).or(count(other)).or(count(bytes));
    let sent = (own(BYTES, OUT_BYTES), own(PACKETS, OUT_PACKETS));
    let received = (count(REVERSE_BYTES), count(REVERSE_PACKETS));
    if sent == (None, None) && received == (None, None) {
        return None;
    }
    let one_way = received == (None, None);
    let ports = match transport {
        Transport::Icmp => icmp(slots, body),
        _ => (slots.at(SRC_PORT).port(body), slots.at(DST_PORT).port(body)),
    };
    let side = |address: u32, port, (bytes, packets)| {
        Some(Side { address: Address::of(slots.at(address).raw(body)?), port, payload: None, bytes, packets })
    };
    let start = moment::of(slots.at(FIRST), body);
    let facts = Facts {
        source: side(SRC, ports.0, sent)?,
        destination: side(DST, ports.1, received)?,
        transport,
        number: Some(number),
        application: None,
        ending: ending(slots, body, one_way),
        duration: duration(slots, body),
        start,
        counted: Counted::Ip,
    };
    Some(Found { facts, names: NAMES, one_way })
}

/// TCP flags of the sender; none where they are not exported. An exporter that counts TCP packets and no flag at all
/// does not export them.
pub fn flags(slots: &Slots, body: &str) -> Option<u8> {
    both(slots, body, TCP_FLAGS, FIRST_FLAGS).filter(|flags| *flags != 0)
}

fn both(slots: &Slots, body: &str, union: u32, first: u32) -> Option<u8> {
    let of = |slot: u32| slots.at(slot).count(body).map(|flags| (flags & 0xff) as u8);
    of(union).map(|flags| flags | of(first).unwrap_or_default())
}

fn ending<'a>(slots: &Slots, body: &str, one_way: bool) -> Ending<'a> {
    match (flags(slots, body), both(slots, body, REVERSE_FLAGS, REVERSE_FIRST_FLAGS)) {
        (Some(own), Some(reverse)) => Ending::Flags(own, reverse),
        (Some(own), None) if one_way => Ending::OneSide(own),
        _ => Ending::Unknown,
    }
}

/// Type and code.
fn icmp(slots: &Slots, body: &str) -> (Option<u16>, Option<u16>) {
    let told = |slot: u32| slots.at(slot).port(body);
    match (told(ICMP_TYPE), told(ICMP_CODE)) {
        (Some(kind), code) => (Some(kind), code.or(Some(0))),
        _ => told(ICMP_BOTH).or(told(DST_PORT)).map_or((None, None), |both| (Some(both >> 8), Some(both & 0xff))),
    }
}

/// Seconds.
fn duration(slots: &Slots, body: &str) -> Option<f64> {
    let millis = |slot: u32| slots.at(slot).number(body);
    let uptime = || Some((millis(LAST_UPTIME)? - millis(FIRST_UPTIME)?) / 1e3);
    moment::between(moment::of(slots.at(FIRST), body), moment::of(slots.at(LAST), body))
        .or_else(|| millis(MILLIS).map(|millis| millis / 1e3).or_else(uptime).filter(|seconds| *seconds >= 0.0))
}
