//! A connection as a line of Zeek's conn.log in JSON, and what else a capture tells: content features and names.

use std::fmt::Write;
use std::net::IpAddr;

use serde_json::Value;

use super::content::Name;
use super::flow::Flow;
use super::history::Side;
use super::segment::{ICMP, ICMP6, TCP, UDP};
use super::table::SECOND;
use crate::event::EventTime;

/// The event of a connection that ended.
pub fn of(flow: &Flow) -> String {
    let mut out = String::with_capacity(768);
    write_into(&mut out, flow).expect("writing to a string does not fail");
    out
}

fn write_into(out: &mut String, flow: &Flow) -> std::fmt::Result {
    out.push('{');
    // beyond the year 9999 an event has no timestamp, and that of its arrival is taken
    if let Some(time) = EventTime::from_micros(flow.start.div_euclid(1000)) {
        write!(out, "\"@timestamp\":\"{time}\",")?;
    }
    let [(originator, from), (responder, to)] = flow.places;
    write!(out, "\"ts\":{},\"uid\":\"{}\"", Seconds(flow.start), Uid::of(flow))?;
    write!(out, ",\"id.orig_h\":\"{originator}\",\"id.orig_p\":{from}")?;
    write!(out, ",\"id.resp_h\":\"{responder}\",\"id.resp_p\":{to},\"proto\":\"{}\"", protocol(flow.protocol))?;
    if let Some(service) = flow.inspection.as_ref().and_then(|inspection| inspection.service()) {
        write!(out, ",\"service\":\"{service}\"")?;
    }
    let duration = flow.last.saturating_sub(flow.start).max(0);
    write!(out, ",\"duration\":{}", Seconds(duration))?;
    let (sent, received) = (flow.size(Side::Originator), flow.size(Side::Responder));
    write!(out, ",\"orig_bytes\":{sent},\"resp_bytes\":{received},\"conn_state\":\"{}\"", flow.state())?;
    write!(out, ",\"local_orig\":{},\"local_resp\":{}", is_local(originator), is_local(responder))?;
    write!(out, ",\"missed_bytes\":{}", flow.missed())?;
    if !flow.history.letters().is_empty() {
        write!(out, ",\"history\":\"{}\"", flow.history.letters())?;
    }
    let [up, down] = flow.sent;
    write!(out, ",\"orig_pkts\":{},\"orig_ip_bytes\":{}", up.packets, up.bytes)?;
    write!(out, ",\"resp_pkts\":{},\"resp_ip_bytes\":{},\"ip_proto\":{}", down.packets, down.bytes, flow.protocol)?;
    write_name(out, flow)?;
    write_content(out, flow, sent == 0 && received == 0)?;
    out.push('}');
    Ok(())
}

/// The name that was asked for, where ECS has it.
fn write_name(out: &mut String, flow: &Flow) -> std::fmt::Result {
    match flow.inspection.as_ref().and_then(|inspection| inspection.name()) {
        Some(Name::Server(name)) => write!(out, ",\"tls\":{{\"client\":{{\"server_name\":{}}}}}", Value::from(name)),
        Some(Name::Question(name)) => write_questions(out, name, flow),
        Some(Name::Host(name)) => write!(out, ",\"url\":{{\"domain\":{}}}", Value::from(name)),
        None => Ok(()),
    }
}

/// The first question with its type, and all of them where there are more.
fn write_questions(out: &mut String, first: &str, flow: &Flow) -> std::fmt::Result {
    let questions = flow.inspection.iter().flat_map(|inspection| inspection.questions());
    let (names, types): (Vec<&str>, Vec<_>) = questions.unzip();
    write!(out, ",\"dns\":{{\"question\":{{\"name\":{}", Value::from(first))?;
    if let Some(kind) = types.first() {
        write!(out, ",\"type\":\"{kind}\"")?;
    }
    out.push('}');
    if names.len() > 1 {
        write!(out, ",\"asked\":{},\"asked_types\":{}", Value::from(names), serde_json::json!(types))?;
    }
    out.push('}');
    Ok(())
}

/// The content features of KDD-99: all where the payload was understood or where there is none by nature, else only
/// those of the headers.
fn write_content(out: &mut String, flow: &Flow, silent: bool) -> std::fmt::Result {
    write!(out, ",\"kdd\":{{\"wrong_fragment\":{},\"urgent\":{}", flow.wrong_fragments, flow.urgent)?;
    let found = flow.inspection.as_ref().and_then(|inspection| inspection.findings());
    let nothing = silent || flow.protocol != TCP;
    if let Some(found) = found.or(nothing.then(Default::default)) {
        for (name, value) in found.features() {
            write!(out, ",\"{name}\":{value}")?;
        }
    }
    out.push('}');
    Ok(())
}

fn protocol(number: u8) -> &'static str {
    match number {
        TCP => "tcp",
        UDP => "udp",
        ICMP | ICMP6 => "icmp",
        _ => "unknown_transport",
    }
}

/// Whether an address is none of the public Internet.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Nanoseconds, written as seconds with six decimals.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let second = SECOND.unsigned_abs();
        write!(out, "{sign}{}.{:06}", nanos / second, nanos % second / 1000)
    }
}

/// An identity that looks like Zeek's: the same for the same connection of the same capture, another one for every other.
struct Uid([u8; 16]);

impl Uid {
    fn of(flow: &Flow) -> Self {
        let mut hash = blake3::Hasher::new();
        for (address, port) in flow.places {
            match address {
                IpAddr::V4(address) => hash.update(&address.octets()),
                IpAddr::V6(address) => hash.update(&address.octets()),
            };
            hash.update(&port.to_be_bytes());
        }
        hash.update(&[flow.protocol]).update(&flow.start.to_be_bytes()).update(&flow.ordinal.to_be_bytes());
        let mut bytes = [0; 16];
        hash.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut rest = u128::from_be_bytes(self.0);
        out.write_char('C')?;
        for _ in 0..17 {
            out.write_char(char::from(DIGITS[(rest % 62) as usize]))?;
            rest /= 62;
        }
        Ok(())
    }
}
