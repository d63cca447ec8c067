//! What is planted: five attacks in the last part of the time span, each with its own chance, so that leaving one out
//! changes nothing else.

use std::net::Ipv4Addr;

use super::chance::Chance;
use super::connection::{Cause, Connection, Ends, Protocol, State};
use super::network::{JUMP, Network, SWITCH, WEB};
use super::{Scenario, Settings};

const HOUR: i64 = 3_600_000_000;

/// Attacks lie in the last six hours, or in the second half of a shorter time.
const WINDOW: i64 = 6 * HOUR;

const SCANNER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
const GUESSER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 23);
const CONTROLLER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);
const DROP: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 201);

/// Ports that a scan tries.
const SCANNED_PORTS: u16 = 1_200;
/// Half-open connections of a flood.
const FLOOD: u64 = 4_000;
/// Logins by ssh, and again as many by telnet.
const GUESSES: u64 = 300;
/// Transfers of an exfiltration.
const TRANSFERS: u64 = 10;

/// One attack, and when.
#[derive(Debug)]
pub struct Plan {
    scenario: Scenario,
    start: i64,
    end: i64,
    chance: Chance,
}

impl Plan {
    /// When `scenario` happens within the settings' time span.
    pub fn new(scenario: Scenario, settings: &Settings) -> Self {
        let (first, last) = (settings.start.micros(), settings.end_micros());
        let window = WINDOW.min((last - first) / 2);
        let part = |share: f64| last - (window as f64 * share) as i64;
        let at_most = |start: i64, micros: i64| (start, start + micros.min(window / 8));
        let (start, end) = match scenario {
            Scenario::Beacon => (part(1.0), last),
            Scenario::PortScan => at_most(part(0.7), 180_000_000),
            Scenario::PasswordGuessing => at_most(part(0.5), 20 * 60_000_000),
            Scenario::SynFlood => at_most(part(0.2), 6_000_000),
            Scenario::Exfiltration => {
                let length = (50 * 60_000_000).min(window / 8);
                let start = night(first, last - length, settings.midnight.micros()).unwrap_or(part(0.35));
                (start, start + length)
            }
        };
        let stream = 10 + Scenario::ALL.iter().position(|one| *one == scenario).expect("all are listed") as u64;
        Self { scenario, start, end, chance: Chance::new(settings.seed, stream) }
    }

    /// When it begins, in microseconds since the epoch.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Makes its connections.
    pub fn make(mut self, network: &Network, out: &mut Vec<Connection>) {
        let first = out.len();
        match self.scenario {
            Scenario::PortScan => self.port_scan(out),
            Scenario::SynFlood => self.syn_flood(network, out),
            Scenario::PasswordGuessing => self.password_guessing(out),
            Scenario::Beacon => self.beacon(network, out),
            Scenario::Exfiltration => self.exfiltration(network, out),
        }
        for connection in &mut out[first..] {
            connection.cause = Cause::Planted(self.scenario);
        }
    }

    /// Microseconds between two of `count` steps.
    fn step(&self, count: u64) -> i64 {
        (self.end - self.start) / i64::try_from(count.max(1)).expect("a small count")
    }

    fn port_scan(&mut self, out: &mut Vec<Connection>) {
        // every port from 1, in an order that jumps about: 487 and 1200 have no common divisor
        let step = self.step(u64::from(SCANNED_PORTS));
        for number in 0..SCANNED_PORTS {
            let port = 1 + u16::try_from(u32::from(number) * 487 % u32::from(SCANNED_PORTS)).expect("below 1200");
            let at = self.start + i64::from(number) * step;
            let ends = Ends::new(&mut self.chance, SCANNER, WEB, port);
            let probe = Connection::new(at, ends, Protocol::Tcp, None).carrying(0, 0, 0.0002);
            out.push(match port {
                80 | 443 => probe.ending(State::ResetByOriginator),
                _ if self.chance.happens(0.13) => probe.ending(State::Unanswered),
                _ => probe.ending(State::Refused),
            });
        }
    }

    fn syn_flood(&mut self, network: &Network, out: &mut Vec<Connection>) {
        let sources: Vec<Ipv4Addr> = (0..200).map(|_| network.stranger(&mut self.chance)).collect();
        let step = self.step(FLOOD);
        for number in 0..FLOOD {
            let from = self.chance.pick(&sources);
            let from_port = u16::try_from(self.chance.between(1_024, 65_535)).expect("a port");
            let at = self.start + i64::try_from(number).expect("a small count") * step;
            let ends = Ends { from, from_port, to: WEB, to_port: 80 };
            out.push(Connection::new(at, ends, Protocol::Tcp, None).ending(State::Unanswered));
        }
    }

    fn password_guessing(&mut self, out: &mut Vec<Connection>) {
        let step = self.step(2 * GUESSES);
        for number in 0..2 * GUESSES {
            let slack = self.chance.real(0.0, 0.6) * step as f64;
            let at = self.start + i64::try_from(number).expect("a small count") * step + slack as i64;
            out.push(if number < GUESSES { self.ssh_guess(at) } else { self.telnet_guess(at) });
        }
    }

    fn ssh_guess(&mut self, at: i64) -> Connection {
        let chance = &mut self.chance;
        let ends = Ends::new(chance, GUESSER, JUMP, 22);
        let (sent, received) = (chance.between(1_180, 1_420), chance.between(1_520, 1_790));
        let guess = Connection::new(at, ends, Protocol::Tcp, Some("ssh"));
        let guess = guess.carrying(sent, received, chance.real(1.1, 2.6));
        if chance.happens(0.8) { guess } else { guess.ending(State::ResetByResponder) }
    }

    /// With the sizes of most of the KDD-99 class `guess_passwd`: the sender gives up after a wrong password.
    fn telnet_guess(&mut self, at: i64) -> Connection {
        let chance = &mut self.chance;
        let ends = Ends::new(chance, GUESSER, SWITCH, 23);
        let guess = Connection::new(at, ends, Protocol::Tcp, Some("telnet"));
        let guess = guess.carrying(chance.between(125, 126), 179, chance.real(0.2, 0.9));
        guess.ending(if chance.happens(0.9) { State::ResetByOriginator } else { State::ResetByResponder })
    }

    fn beacon(&mut self, network: &Network, out: &mut Vec<Connection>) {
        let client = network.client(7);
        let mut at = self.start;
        while at < self.end {
            let ends = Ends::new(&mut self.chance, client, CONTROLLER, 443);
            let call = Connection::new(at, ends, Protocol::Tcp, Some("ssl"));
            out.push(call.carrying(412, 188, self.chance.real(0.18, 0.22)));
            at += 60_000_000 + (self.chance.real(-2e6, 2e6)) as i64;
        }
    }

    fn exfiltration(&mut self, network: &Network, out: &mut Vec<Connection>) {
        let client = network.client(13);
        let step = self.step(TRANSFERS);
        for number in 0..TRANSFERS {
            let at = self.start + i64::try_from(number).expect("a small count") * step;
            let sent = self.chance.real(2e8, 1.5e9);
            let ends = Ends::new(&mut self.chance, client, DROP, 443);
            let transfer = Connection::new(at, ends, Protocol::Tcp, Some("ssl"));
            out.push(transfer.carrying(sent as u64, 40_000 + (sent / 30_000.0) as u64, step as f64 / 1e6 * 0.7));
        }
    }
}

/// The latest three o'clock from `first` to `last`.
fn night(first: i64, last: i64, midnight: i64) -> Option<i64> {
    let three = last - (last - midnight - 3 * HOUR).rem_euclid(24 * HOUR);
    (three >= first).then_some(three)
}
