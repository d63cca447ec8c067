//! One connection as Zeek's `conn.log` has it, in the JSON that Logstash forwards.
//!
//! A connection is made from what the two sides send and how it ends; packets, IP bytes and history follow from that,
//! so they always agree. Source of states and history letters: Zeek, `base/protocols/conn/main.zeek`.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::event::EventTime;

use super::Scenario;
use super::chance::Chance;
use super::network::{client_port, is_local};

/// Payload of a full packet.
const SEGMENT: u64 = 1448;
/// IP and TCP headers with timestamps.
const TCP_HEADERS: u64 = 52;
/// IP and UDP headers, as for ICMP.
const UDP_HEADERS: u64 = 28;

/// Protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
    Icmp,
}

/// How a connection went: Zeek's `conn_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Established and closed by both; for UDP, answered.
    Closed,
    /// Asked, never answered.
    Unanswered,
    /// Refused.
    Refused,
    /// Established, then reset by the originator.
    ResetByOriginator,
    /// Established, then reset by the responder.
    ResetByResponder,
    /// Established and never closed.
    Open,
    /// Neither: ICMP.
    Other,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Closed => "SF",
            Self::Unanswered => "S0",
            Self::Refused => "REJ",
            Self::ResetByOriginator => "RSTO",
            Self::ResetByResponder => "RSTR",
            Self::Open => "S1",
            Self::Other => "OTH",
        }
    }
}

/// Who connects to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    pub from: Ipv4Addr,
    pub from_port: u16,
    pub to: Ipv4Addr,
    pub to_port: u16,
}

impl Ends {
    /// From any port of `from`.
    pub fn new(chance: &mut Chance, from: Ipv4Addr, to: Ipv4Addr, to_port: u16) -> Self {
        Self { from, from_port: client_port(chance), to, to_port }
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// Its first packet, microseconds since the epoch.
    pub start: i64,
    pub ends: Ends,
    pub protocol: Protocol,
    /// The service that Zeek recognises in the payload.
    pub service: Option<&'static str>,
    pub state: State,
    /// From first to last packet, microseconds.
    pub duration: i64,
    /// Payload from the originator.
    pub sent: u64,
    /// Payload from the responder.
    pub received: u64,
    /// Packets of the originator beyond those that follow from the rest, such as repeated SYNs.
    pub extra_packets: u64,
    pub cause: Cause,
}

/// Why a connection is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Somebody's work.
    Background,
    /// The Internet tries what is open, as it does everywhere: a scan, though no planted one.
    Knocking,
    Planted(Scenario),
}

impl Cause {
    /// The name in `labels.scenario`.
    fn name(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Knocking => "knocking",
            Self::Planted(scenario) => scenario.name(),
        }
    }

    pub fn planted(self) -> Option<Scenario> {
        match self {
            Self::Planted(scenario) => Some(scenario),
            Self::Background | Self::Knocking => None,
        }
    }
}

/// What is counted of one side.
struct Side {
    packets: u64,
    ip_bytes: u64,
}

impl Connection {
    /// An answered UDP exchange, or a TCP connection that both sides close.
    pub fn new(start: i64, ends: Ends, protocol: Protocol, service: Option<&'static str>) -> Self {
        let (state, duration, cause) = (State::Closed, 0, Cause::Background);
        Self { start, ends, protocol, service, state, duration, sent: 0, received: 0, extra_packets: 0, cause }
    }

    /// With payload of both sides over `seconds`.
    #[must_use]
    pub fn carrying(mut self, sent: u64, received: u64, seconds: f64) -> Self {
        self.sent = sent;
        self.received = received;
        // a connection with an answer takes some time
        self.duration = ((seconds * 1e6) as i64).max(120);
        self
    }

    /// Ending otherwise. States without an established connection carry nothing.
    #[must_use]
    pub fn ending(mut self, state: State) -> Self {
        self.state = state;
        if matches!(state, State::Unanswered | State::Refused) && self.protocol == Protocol::Tcp {
            (self.sent, self.received, self.service) = (0, 0, None);
        }
        if state == State::Unanswered {
            self.received = 0;
            self.duration = 0;
        }
        self
    }

    fn sides(&self) -> (Side, Side) {
        let segments = |bytes: u64| bytes.div_ceil(SEGMENT);
        let headers = if self.protocol == Protocol::Tcp { TCP_HEADERS } else { UDP_HEADERS };
        let (out, back) = match (self.protocol, self.state) {
            (Protocol::Tcp, State::Unanswered) => (1, 0),
            (Protocol::Tcp, State::Refused) => (1, 1),
            // SYN, then data, an acknowledgement for every other packet of the other side, and the end
            (Protocol::Tcp, _) => {
                let (out, back) = (segments(self.sent), segments(self.received));
                (2 + out + back.div_ceil(2) + 1, 1 + back + out.div_ceil(2) + 1)
            }
            (Protocol::Udp | Protocol::Icmp, _) => {
                (segments(self.sent).max(1), if self.received > 0 { segments(self.received) } else { 0 })
            }
        };
        let out = out + self.extra_packets;
        // a repeated datagram repeats its payload, which `sent` counts already
        (
            Side { packets: out, ip_bytes: self.sent + out * headers },
            Side { packets: back, ip_bytes: self.received + back * headers },
        )
    }

    fn history(&self) -> String {
        let out = if self.sent > 0 { "D" } else { "" };
        let back = if self.received > 0 { "d" } else { "" };
        let acknowledged = if self.received > 0 || self.sent > 0 { "a" } else { "" };
        let established = format!("ShA{out}{acknowledged}{back}");
        match (self.protocol, self.state) {
            (Protocol::Icmp, _) => String::new(),
            (Protocol::Udp, _) => format!("{out}{back}"),
            (Protocol::Tcp, State::Unanswered) => "S".to_owned(),
            (Protocol::Tcp, State::Refused) => "Sr".to_owned(),
            (Protocol::Tcp, State::ResetByOriginator) => format!("{established}R"),
            (Protocol::Tcp, State::ResetByResponder) => format!("{established}r"),
            (Protocol::Tcp, State::Open | State::Other) => established,
            (Protocol::Tcp, State::Closed) => {
                // who closes first changes from connection to connection
                let end = if self.ends.from_port.is_multiple_of(2) { "Ff" } else { "fF" };
                format!("{established}{end}")
            }
        }
    }

    /// The record as one JSON object; `names` gives it its unique id.
    pub fn json(&self, names: &mut Chance) -> String {
        let mut out = String::with_capacity(640);
        self.write(&mut out, names).expect("writing to a string does not fail");
        out
    }

    fn write(&self, out: &mut String, names: &mut Chance) -> std::fmt::Result {
        let time = EventTime::from_micros(self.start).ok_or(std::fmt::Error)?;
        let (seconds, micros) = (self.start.div_euclid(1_000_000), self.start.rem_euclid(1_000_000));
        write!(out, "{{\"@timestamp\":\"{time}\",\"@version\":\"1\",\"host\":{{\"name\":\"zeek-sensor\"}},")?;
        write!(out, "\"log\":{{\"file\":{{\"path\":\"/opt/zeek/logs/current/conn.log\"}}}},")?;
        write!(out, "\"ts\":{seconds}.{micros:06},\"uid\":\"")?;
        write_uid(out, names);
        let Ends { from, from_port, to, to_port } = self.ends;
        write!(out, "\",\"id.orig_h\":\"{from}\",\"id.orig_p\":{from_port},")?;
        write!(out, "\"id.resp_h\":\"{to}\",\"id.resp_p\":{to_port},")?;
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
        };
        write!(out, "\"proto\":\"{protocol}\",")?;
        if let Some(service) = self.service {
            write!(out, "\"service\":\"{service}\",")?;
        }
        let (orig, resp) = self.sides();
        // Zeek leaves these three out where there was only one packet
        if orig.packets + resp.packets > 1 {
            let (seconds, micros) = (self.duration / 1_000_000, self.duration % 1_000_000);
            let (sent, received) = (self.sent, self.received);
            write!(out, "\"duration\":{seconds}.{micros:06},\"orig_bytes\":{sent},\"resp_bytes\":{received},")?;
        }
        write!(out, "\"conn_state\":\"{}\",", self.state.name())?;
        write!(out, "\"local_orig\":{},\"local_resp\":{},\"missed_bytes\":0,", is_local(from), is_local(to))?;
        let history = self.history();
        if !history.is_empty() {
            write!(out, "\"history\":\"{history}\",")?;
        }
        write!(out, "\"orig_pkts\":{},\"orig_ip_bytes\":{},", orig.packets, orig.ip_bytes)?;
        write!(out, "\"resp_pkts\":{},\"resp_ip_bytes\":{},", resp.packets, resp.ip_bytes)?;
        write!(out, "\"labels\":{{\"scenario\":\"{}\"}}}}", self.cause.name())
    }
}

/// A unique id as Zeek makes them: `C` and 17 letters and digits.
fn write_uid(out: &mut String, names: &mut Chance) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    out.push('C');
    // 62^10 fits into 64 bits, and 62^7 too
    for digits in [10, 7] {
        let mut rest = names.between(0, u64::MAX);
        for _ in 0..digits {
            out.push(char::from(DIGITS[usize::try_from(rest % 62).expect("below 62")]));
            rest /= 62;
        }
    }
}
