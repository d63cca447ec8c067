//! Flow logs of AWS VPC: the fields under their own names, or below `aws.vpc` and `aws.vpcflow`.
//!
//! A record tells what one side sent within a minute or ten, in IP bytes; two of them are paired. `REJECT` means that
//! a security group dropped the packets, so nobody answered: S0 of TCP. TCP flags come from version 3 on. Records that
//! say `NODATA` or `SKIPDATA` are no flows.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Found, Names};
use super::slots::{self, Slots};
use super::{argus, flags, moment};

slots::slots! { argus::END;
    /// Who sent the packets.
    SRC: "srcaddr" | "aws.vpc.srcaddr" | "aws.vpcflow.srcaddr";
    /// Who was to get them.
    DST: "dstaddr" | "aws.vpc.dstaddr" | "aws.vpcflow.dstaddr";
    /// The sender's port.
    SRC_PORT: "srcport" | "aws.vpc.srcport" | "aws.vpcflow.srcport";
    /// The receiver's port.
    DST_PORT: "dstport" | "aws.vpc.dstport" | "aws.vpcflow.dstport";
    /// The protocol above IP, by number.
    PROTOCOL: "protocol" | "aws.vpc.protocol" | "aws.vpcflow.protocol";
    /// Packets.
    PACKETS: "packets" | "aws.vpc.packets" | "aws.vpcflow.packets";
    /// Bytes from the IP header on.
    BYTES: "bytes" | "aws.vpc.bytes" | "aws.vpcflow.bytes";
    /// Begin of the time that was counted, in seconds.
    START: "start" | "aws.vpc.start" | "aws.vpcflow.start";
    /// Its end.
    END_TIME: "end" | "aws.vpc.end" | "aws.vpcflow.end";
    /// `ACCEPT` or `REJECT`.
    ACTION: "action" | "aws.vpc.action" | "aws.vpcflow.action";
    /// TCP flags, or-ed.
    TCP_FLAGS: "tcp-flags" | "tcp_flags" | "aws.vpc.tcp-flags" | "aws.vpcflow.tcp_flags";
}

/// Where a flow has what goes by an ECS name; the application protocol it has nowhere.
const NAMES: Names = Names { source: SRC, destination: DST, transport: PROTOCOL, application: ACTION };

/// Whether both addresses are there.
#[inline]
pub fn is_ours(slots: &Slots) -> bool {
    slots.at(SRC).is_there() && slots.at(DST).is_there() && slots.at(PROTOCOL).is_there()
}

/// The flow that lies in the slots, if one does.
pub fn connection<'a>(slots: &Slots, body: &'a str) -> Option<Found<'a>> {
    let count = |slot: u32| slots.at(slot).count(body);
    let number = u8::try_from(count(PROTOCOL)?).ok()?;
    let (transport, start) = (Transport::of_number(number), moment::of(slots.at(START), body));
    // of ICMP, ports are 0 and the type is not told
    let port = |slot: u32| slots.at(slot).port(body).filter(|_| transport != Transport::Icmp);
    let address = |slot: u32| slots.at(slot).raw(body).filter(|text| !matches!(*text, "" | "-")).map(Address::of);
    let side = |address, port, bytes, packets| Side { address, port, payload: None, bytes, packets };
    let rejected = slots.at(ACTION).plain(body) == Some("REJECT");
    let facts = Facts {
        source: side(address(SRC)?, port(SRC_PORT), count(BYTES), count(PACKETS)),
        destination: side(address(DST)?, port(DST_PORT), None, None),
        transport,
        number: Some(number),
        application: None,
        ending: match count(TCP_FLAGS).map(|flags| (flags & 0xff) as u8) {
            _ if rejected => Ending::OneSide(flags::SYN),
            Some(told) if told != 0 => Ending::OneSide(told),
            _ => Ending::Unknown,
        },
        duration: moment::between(start, moment::of(slots.at(END_TIME), body)),
        start,
        counted: Counted::Ip,
    };
    Some(Found { facts, names: NAMES, one_way: true })
}
