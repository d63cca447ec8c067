//! Zeek's conn.log as JSON: the names Zeek gives (`id.orig_h`), nested (`id: {orig_h}`) or flattened (`id_orig_h`).
//!
//! A record is a connection if it has `uid`, both addresses and `proto`, and what only conn.log has: `conn_state`,
//! packet counts, or `_path` / `@stream` saying `conn`. (dns.log, notice.log and others have the first four too.)
//! `conn_long` and the like tell of connections that conn.log tells of again, so they are left alone.

use super::canonical::Canonical;
use super::connection::{Address, Approximated, Connection, Endpoint, Protocols, Transport};
use super::scalar::Captured;
use super::service::Services;
use super::slots::{
    CONN_STATE, DURATION, ORIG_BYTES, ORIG_H, ORIG_IP_BYTES, ORIG_P, ORIG_PKTS, PROTO, RESP_BYTES, RESP_H,
    RESP_IP_BYTES, RESP_P, RESP_PKTS, SERVICE, STREAM, Slots, UID,
};
use crate::features::symbols::{FLAGS, Symbol, Symbols};

/// Reads connections; holds the symbols.
#[derive(Debug)]
pub struct Zeek {
    services: Services,
    protocols: Protocols,
    ended: Symbol,
    odd: Symbol,
}

impl Default for Zeek {
    /// With all symbols looked up.
    fn default() -> Self {
        let of = |name| Symbol::of(FLAGS, name);
        Self { services: Services::default(), protocols: Protocols::default(), ended: of("SF"), odd: of("OTH") }
    }
}

impl Zeek {
    /// The connection that lies in the slots, if one does.
    pub fn connection<'a>(&self, slots: &Slots, body: &'a str) -> Option<Connection<'a>> {
        if !is_connection(slots, body) {
            return None;
        }
        let transport = Transport::of(slots.at(PROTO).plain(body)?);
        let mut approximated = Approximated::default();
        let source = Address::of(slots.at(ORIG_H).raw(body)?);
        let destination = Address::of(slots.at(RESP_H).raw(body)?);
        let ports = (slots.at(ORIG_P).port(body), slots.at(RESP_P).port(body));
        let state = text(slots.at(CONN_STATE), body);
        let service = self.service(transport, source.is_v6(), ports, &mut approximated);
        let flag = self.flag(transport, state, &mut approximated);
        let symbols = Symbols { protocol: self.protocols.of(transport), service, flag };
        let up = side(slots, body, [ORIG_BYTES, ORIG_IP_BYTES, ORIG_PKTS]);
        let down = side(slots, body, [RESP_BYTES, RESP_IP_BYTES, RESP_PKTS]);
        let unanswered = transport == Transport::Tcp && matches!(state, Some("S0" | "REJ"));
        let header = header(transport, source.is_v6());
        let mut bytes = |traffic: &Traffic, bit| {
            let (bytes, estimated) = traffic.payload(transport, header);
            if estimated {
                approximated.add(bit);
            }
            if unanswered { Some(bytes.unwrap_or(0)) } else { bytes }
        };
        let sent = bytes(&up, Approximated::SOURCE_BYTES);
        let received = bytes(&down, Approximated::DESTINATION_BYTES);
        Some(Connection {
            source: Endpoint { address: source, port: ports.0, bytes: sent, packets: up.packets },
            destination: Endpoint { address: destination, port: ports.1, bytes: received, packets: down.packets },
            transport,
            application: text(slots.at(SERVICE), body),
            symbols,
            // Zeek leaves it out of connections of one packet
            duration: Some(slots.at(DURATION).number(body).filter(|seconds| *seconds >= 0.0).unwrap_or(0.0)),
            state,
            approximated,
        })
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

fn is_connection(slots: &Slots, body: &str) -> bool {
    let named = [UID, ORIG_H, RESP_H, PROTO].into_iter().all(|slot| slots.at(slot).is_there());
    let stream = slots.at(STREAM).plain(body);
    let marked = || [CONN_STATE, ORIG_PKTS, ORIG_IP_BYTES].into_iter().any(|slot| slots.at(slot).is_there());
    named && stream.map_or_else(marked, |stream| stream == "conn")
}

/// A text that says something: `-` and `(empty)` are Zeek's marks for nothing.
fn text(captured: Captured, body: &str) -> Option<&str> {
    captured.plain(body).filter(|text| !matches!(*text, "" | "-" | "(empty)"))
}

/// What one side sent.
struct Traffic {
    payload: Option<u64>,
    ip_bytes: Option<u64>,
    packets: Option<u64>,
}

fn side(slots: &Slots, body: &str, [payload, ip_bytes, packets]: [u32; 3]) -> Traffic {
    let count = |slot| slots.at(slot).count(body);
    Traffic { payload: count(payload), ip_bytes: count(ip_bytes), packets: count(packets) }
}

/// Bytes of headers a packet has that KDD-99 does not count.
fn header(transport: Transport, v6: bool) -> u64 {
    let internet = if v6 { 40 } else { 20 };
    if transport == Transport::Udp { internet + 8 } else { internet }
}

impl Traffic {
    /// Payload bytes, and whether they are an estimate.
    fn payload(&self, transport: Transport, header: u64) -> (Option<u64>, bool) {
        let without_headers = self
            .ip_bytes
            .zip(self.packets)
            .map(|(bytes, packets)| bytes.saturating_sub(packets.saturating_mul(header)));
        match (transport, self.payload) {
            // KDD-99 counts the ICMP header, Zeek does not
            (Transport::Icmp, payload) => {
                let counted = payload.map(|bytes| bytes.saturating_add(self.packets.unwrap_or(1).saturating_mul(8)));
                (without_headers.or(counted), without_headers.is_none() && counted.is_some())
            }
            (_, Some(payload)) => (Some(payload), false),
            (_, None) if self.packets == Some(0) => (Some(0), false),
            (Transport::Udp, None) => (without_headers, without_headers.is_some()),
            (_, None) => (None, false),
        }
    }
}

/// An ECS field, from a Zeek connection.
pub fn canonical(field: Canonical, connection: &Connection<'_>, slots: &Slots) -> Captured {
    let count = |count: Option<u64>| count.map_or(Captured::Absent, |count| Captured::Number(count as f64));
    let (sent, received) = (connection.source.bytes, connection.destination.bytes);
    match field {
        Canonical::SourceAddress => slots.at(ORIG_H),
        Canonical::SourcePort => slots.at(ORIG_P),
        Canonical::DestinationAddress => slots.at(RESP_H),
        Canonical::DestinationPort => slots.at(RESP_P),
        Canonical::Transport => slots.at(PROTO),
        Canonical::Protocol if connection.application.is_some() => slots.at(SERVICE),
        Canonical::Protocol => Captured::Absent,
        Canonical::SourceBytes => count(sent),
        Canonical::DestinationBytes => count(received),
        Canonical::Bytes => count(sent.map(|sent| sent.saturating_add(received.unwrap_or(0))).or(received)),
        Canonical::Duration => {
            connection.duration.map_or(Captured::Absent, |seconds| Captured::Number((seconds * 1e9).round()))
        }
    }
}
