//! Zeek's conn.log as JSON: the names Zeek gives (`id.orig_h`), nested (`id: {orig_h}`) or flattened (`id_orig_h`).
//!
//! A record is a connection if it has `uid`, both addresses and `proto`, and what only conn.log has: `conn_state`,
//! packet counts, or `_path` / `@stream` saying `conn`. (dns.log, notice.log and others have the first four too.)
//! `conn_long` and the like tell of connections that conn.log tells of again, so they are left alone.

use super::assemble::{Counted, Ending, Facts, Side};
use super::connection::{Address, Transport};
use super::dialect::{Found, Names};
use super::joins::{CONN_UIDS, FUID};
use super::moment;
use super::scalar::Captured;
use super::slots::{
    CONN_STATE, DURATION, IP_PROTO, ORIG_BYTES, ORIG_H, ORIG_IP_BYTES, ORIG_P, ORIG_PKTS, PROTO, RESP_BYTES, RESP_H,
    RESP_IP_BYTES, RESP_P, RESP_PKTS, SERVICE, STREAM, Slots, TS, UID,
};

/// Where Zeek's connections have what goes by an ECS name.
const NAMES: Names = Names { source: ORIG_H, destination: RESP_H, transport: PROTO, application: SERVICE };

/// Whether the record comes from Zeek, whichever log it is of.
#[inline]
pub fn is_ours(slots: &Slots) -> bool {
    let both = |one, other| slots.at(one).is_there() && slots.at(other).is_there();
    // files.log has no connection of its own, and names no log in its JSON
    both(ORIG_H, UID) || both(STREAM, TS) || both(FUID, CONN_UIDS)
}

/// The connection that lies in the slots, if one does; `told` says that it is one, whatever it lacks.
pub fn connection<'a>(slots: &Slots, body: &'a str, told: bool) -> Option<Found<'a>> {
    if !told && !is_connection(slots, body) {
        return None;
    }
    let side = |[address, port, payload, bytes, packets]: [u32; 5]| {
        let count = |slot| slots.at(slot).count(body);
        Some(Side {
            address: Address::of(slots.at(address).raw(body)?),
            port: slots.at(port).port(body),
            payload: count(payload),
            bytes: count(bytes),
            packets: count(packets),
        })
    };
    let duration = match slots.at(DURATION) {
        // Zeek leaves it out of connections of one packet
        Captured::Absent => Some(0.0),
        told => match told.number(body) {
            None if text(told, body).is_none() => Some(0.0),
            seconds => seconds.filter(|seconds| *seconds >= 0.0),
        },
    };
    let facts = Facts {
        source: side([ORIG_H, ORIG_P, ORIG_BYTES, ORIG_IP_BYTES, ORIG_PKTS])?,
        destination: side([RESP_H, RESP_P, RESP_BYTES, RESP_IP_BYTES, RESP_PKTS])?,
        transport: Transport::of(slots.at(PROTO).plain(body)?),
        number: slots.at(IP_PROTO).count(body).and_then(|number| u8::try_from(number).ok()),
        application: text(slots.at(SERVICE), body),
        ending: text(slots.at(CONN_STATE), body).map_or(Ending::Unknown, Ending::State),
        duration,
        start: moment::of(slots.at(TS), body),
        counted: Counted::IpWithoutTcp,
    };
    Some(Found { facts, names: NAMES, one_way: false })
}

fn is_connection(slots: &Slots, body: &str) -> bool {
    let named = [UID, ORIG_H, RESP_H, PROTO].into_iter().all(|slot| slots.at(slot).is_there());
    let stream = slots.at(STREAM).plain(body);
    let marked = || [CONN_STATE, ORIG_PKTS, ORIG_IP_BYTES].into_iter().any(|slot| slots.at(slot).is_there());
    named && stream.map_or_else(marked, |stream| stream == "conn")
}

/// A text that says something: `-` and `(empty)` are Zeek's marks for nothing.
pub fn text(captured: Captured, body: &str) -> Option<&str> {
    captured.plain(body).filter(|text| !matches!(*text, "" | "-" | "(empty)"))
}
