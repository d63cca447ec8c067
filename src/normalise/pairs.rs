//! Two one-way flows become a connection: what one side sent and what the other side sent, told by two events.
//!
//! The first of the two is taken for the connection as far as it tells: an attack such as a scan has no second one, and
//! must not wait for it. The second is the whole connection ([`Sides::Second`]), which the windows do not count again.
//! Two flows are a pair if they have the same hosts, ports and protocol, opposite directions, and begin within
//! [`WITHIN`] of each other (where they say so, else are read within it). Who began first is the client; where that is
//! not told, who sent a SYN alone, else who does not have the port of a service.
//!
//! Memory: [`MOST`] flows wait, 12 MiB. Of more the one that waited longest stays alone.

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::assemble::{Ending, Facts, Side};
use super::connection::{Sides, Transport};
use super::dialect::Found;
use super::flags::{ACK, FIN, RST, SYN};
use crate::event::EventTime;

/// Flows that wait for their other side.
const MOST: usize = 65_536;
/// How far apart two flows of one connection may begin, in microseconds: two minutes, as exporters tell of a flow that
/// goes on after one minute as a rule.
const WITHIN: i64 = 120_000_000;
/// Ports below this one belong to services.
const SERVICE_PORTS: u16 = 1024;

/// What two flows of one connection have in common: hosts and ports in a fixed order, and the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    hosts: [(u128, u16); 2],
    protocol: u8,
}

/// A flow that waits.
#[derive(Debug, Clone, Copy)]
struct Half {
    host: (u128, u16),
    payload: Option<u64>,
    bytes: Option<u64>,
    packets: Option<u64>,
    flags: Option<u8>,
    start: Option<EventTime>,
    duration: Option<f64>,
    /// When it began, or was told.
    micros: i64,
    /// Which of all that ever waited.
    number: u64,
}

/// What is known of the connection of a one-way flow.
#[derive(Debug)]
pub struct Met<'a> {
    /// What is told of it.
    pub found: Found<'a>,
    /// By how many of its sides.
    pub sides: Sides,
    /// A number that both of them have and no others.
    pub pair: Option<u64>,
}

/// The flows that wait.
#[derive(Debug)]
pub struct Pairs {
    waiting: LruCache<Key, Half, FxBuildHasher>,
    /// How many ever waited.
    waited: u64,
}

impl Default for Pairs {
    /// None.
    fn default() -> Self {
        Self { waiting: LruCache::unbounded_with_hasher(FxBuildHasher), waited: 0 }
    }
}

impl Pairs {
    /// Makes of a one-way flow what is known of its connection. `told` is the event's time, for flows without one.
    pub fn meet<'a>(&mut self, found: Found<'a>, told: Option<EventTime>) -> Met<'a> {
        let half = Half::of(&found.facts, told, self.waited);
        let key = Key::of(&found.facts);
        let other = self.waiting.get(&key).copied();
        match other.filter(|other| half.is_other_side_of(other)) {
            Some(other) => {
                self.waiting.pop(&key);
                Met { found: merge(found, &half, &other), sides: Sides::Second, pair: Some(other.number) }
            }
            None => {
                if self.waiting.len() >= MOST && !self.waiting.contains(&key) {
                    self.waiting.pop_lru();
                }
                self.waiting.put(key, half);
                self.waited += 1;
                Met { found: alone(found), sides: Sides::First, pair: Some(half.number) }
            }
        }
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.waiting.len()
    }
}

impl Key {
    fn of(facts: &Facts<'_>) -> Self {
        let mut hosts = [&facts.source, &facts.destination].map(|side| host(side, facts.transport));
        hosts.sort_unstable();
        let protocol = facts.number.or(facts.transport.number(facts.source.address.is_v6())).unwrap_or(u8::MAX);
        Self { hosts, protocol }
    }
}

/// A host and its port; of ICMP requests and answers have different types, so those do not count.
fn host(side: &Side<'_>, transport: Transport) -> (u128, u16) {
    let port = side.port.filter(|_| transport != Transport::Icmp);
    (side.address.key(), port.unwrap_or(0))
}

impl Half {
    fn of(facts: &Facts<'_>, told: Option<EventTime>, number: u64) -> Self {
        let Side { payload, bytes, packets, .. } = facts.source;
        Self {
            host: host(&facts.source, facts.transport),
            payload,
            bytes,
            packets,
            flags: flags(facts),
            start: facts.start,
            duration: facts.duration,
            micros: facts.start.or(told).map_or(0, EventTime::micros),
            number,
        }
    }

    fn is_other_side_of(&self, other: &Self) -> bool {
        // of a host that talks to itself by one port the directions cannot be told apart: its flows stay alone
        self.host != other.host && self.micros.abs_diff(other.micros) <= WITHIN.unsigned_abs()
    }
}

fn flags(facts: &Facts<'_>) -> Option<u8> {
    match facts.ending {
        Ending::OneSide(flags) => Some(flags),
        Ending::Flags(..) | Ending::State(_) | Ending::Unknown => None,
    }
}

/// The connection of the flow `found`, of which `own` is kept, and of the one that waited.
fn merge<'a>(found: Found<'a>, own: &Half, other: &Half) -> Found<'a> {
    let Found { mut facts, mut names, .. } = found;
    let Side { address, port, .. } = facts.destination;
    facts.destination = Side { address, port, payload: other.payload, bytes: other.bytes, packets: other.packets };
    facts.ending = match (own.flags, other.flags) {
        (Some(own), Some(other)) => Ending::Flags(own, other),
        (Some(one), None) | (None, Some(one)) => Ending::OneSide(one),
        (None, None) => facts.ending,
    };
    let end = |half: &Half| Some(half.start?.micros().saturating_add((half.duration? * 1e6) as i64));
    let start = own.start.into_iter().chain(other.start).min();
    facts.duration = match (start, end(own).max(end(other))) {
        (Some(start), Some(end)) => Some(end.saturating_sub(start.micros()).max(0) as f64 / 1e6),
        _ => own.duration.into_iter().chain(other.duration).reduce(f64::max),
    };
    facts.start = start;
    if other_began(&facts, own, other) {
        turn(&mut facts);
        std::mem::swap(&mut names.source, &mut names.destination);
    }
    Found { facts, names, one_way: true }
}

/// Whether the side that waited is the client.
fn other_began(facts: &Facts<'_>, own: &Half, other: &Half) -> bool {
    let opens = |half: &Half| half.flags.is_some_and(|flags| flags & (SYN | ACK) == SYN);
    match (own.start, other.start) {
        (Some(mine), Some(theirs)) if mine != theirs => theirs < mine,
        _ if opens(own) != opens(other) => opens(other),
        _ => is_service(facts.source.port) && !is_service(facts.destination.port),
    }
}

/// The flow by itself, turned round where it is plainly an answer.
fn alone(found: Found<'_>) -> Found<'_> {
    let Found { mut facts, mut names, one_way } = found;
    let answers = match flags(&facts) {
        Some(flags) if flags & (SYN | ACK) == SYN => false,
        Some(flags) if flags & (SYN | FIN | RST) == RST => true,
        _ => is_service(facts.source.port) && !is_service(facts.destination.port),
    };
    if answers && facts.transport != Transport::Icmp {
        turn(&mut facts);
        std::mem::swap(&mut names.source, &mut names.destination);
    }
    Found { facts, names, one_way }
}

fn turn(facts: &mut Facts<'_>) {
    if facts.transport != Transport::Icmp {
        std::mem::swap(&mut facts.source, &mut facts.destination);
        if let Ending::Flags(source, destination) = facts.ending {
            facts.ending = Ending::Flags(destination, source);
        }
    }
}

fn is_service(port: Option<u16>) -> bool {
    port.is_some_and(|port| port < SERVICE_PORTS)
}

#[cfg(test)]
mod tests {
    use super::super::{Connection, Dialect, Normaliser, Record, Sides};
    use super::MOST;

    /// A NetFlow record of packets from one host to another.
    fn flow(from: (&str, u16), to: (&str, u16), flags: u8, first: &str, last: &str) -> String {
        format!(
            r#"{{"netflow":{{"version":9,"ipv4_src_addr":"{}","l4_src_port":{},"ipv4_dst_addr":"{}","l4_dst_port":{},"protocol":6,"tcp_flags":{flags},"in_bytes":1520,"in_pkts":10,"first_switched":"{first}","last_switched":"{last}"}}}}"#,
            from.0, from.1, to.0, to.1
        )
    }

    fn read<T>(normaliser: &mut Normaliser, body: &str, told: impl FnOnce(&Connection<'_>) -> T) -> T {
        let view = normaliser.read(body.as_bytes()).expect("valid");
        assert_eq!(view.dialect, Dialect::NetFlow);
        let Record::Connection(connection) = &view.record else { panic!("a connection: {body}") };
        told(connection)
    }

    fn ends(connection: &Connection<'_>) -> (Sides, Option<u16>, Option<u16>, Option<&'static str>) {
        let state = connection
            .state
            .map(|state| ["S0", "S1", "SF", "REJ"].into_iter().find(|one| *one == state).unwrap_or("?"));
        (connection.sides, connection.source.port, connection.destination.port, state)
    }

    const CLIENT: (&str, u16) = ("10.0.0.1", 40_000);
    const SERVER: (&str, u16) = ("10.0.0.2", 22);
    const AT: [&str; 3] = ["2026-11-22T10:00:00.000Z", "2026-11-22T10:00:00.250Z", "2026-11-22T10:00:02.500Z"];

    #[test]
    fn both_orders_of_two_flows_give_the_same_connection() {
        let (up, down) = (flow(CLIENT, SERVER, 0x1b, AT[0], AT[2]), flow(SERVER, CLIENT, 0x1b, AT[1], AT[2]));
        for (first, second) in [(&up, &down), (&down, &up)] {
            let mut normaliser = Normaliser::new(&[]);
            // the flow of the server alone is known for an answer by its port
            let alone = read(&mut normaliser, first, ends);
            assert_eq!(alone, (Sides::First, Some(40_000), Some(22), Some("SF")));
            let whole = read(&mut normaliser, second, |connection| {
                assert_eq!((connection.source.bytes, connection.destination.bytes), (Some(1000), Some(1000)));
                assert_eq!(connection.duration, Some(2.5));
                ends(connection)
            });
            assert_eq!(whole, (Sides::Second, Some(40_000), Some(22), Some("SF")));
            assert_eq!(read(&mut normaliser, first, ends).0, Sides::First, "the pair is complete");
        }
    }

    #[test]
    fn what_nobody_answers_is_told_at_once() {
        let mut normaliser = Normaliser::new(&[]);
        let syn = flow(CLIENT, SERVER, 0x02, AT[0], AT[0]);
        assert_eq!(read(&mut normaliser, &syn, ends), (Sides::First, Some(40_000), Some(22), Some("S0")));
        let refusal = flow(SERVER, CLIENT, 0x14, AT[1], AT[1]);
        assert_eq!(read(&mut normaliser, &refusal, ends), (Sides::Second, Some(40_000), Some(22), Some("REJ")));
    }

    #[test]
    fn flows_of_another_time_or_the_same_direction_are_no_pair() {
        let mut normaliser = Normaliser::new(&[]);
        let up = flow(CLIENT, SERVER, 0x1b, AT[0], AT[2]);
        assert_eq!(read(&mut normaliser, &up, ends).0, Sides::First);
        assert_eq!(read(&mut normaliser, &up, ends).0, Sides::First);
        let late = flow(SERVER, CLIENT, 0x1b, "2026-11-22T10:02:00.001Z", "2026-11-22T10:03:00.000Z");
        assert_eq!(read(&mut normaliser, &late, ends).0, Sides::First);
    }

    #[test]
    fn a_scan_that_nobody_answers_does_not_fill_the_memory() {
        let mut normaliser = Normaliser::new(&[]);
        for number in 0..MOST as u32 + 100 {
            let host = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number).to_string();
            let syn = flow(CLIENT, (&host, 22), 0x02, AT[0], AT[0]);
            assert_eq!(read(&mut normaliser, &syn, ends).0, Sides::First);
        }
        assert_eq!(normaliser.waiting(), MOST);
    }
}
