//! What an ordinary office does: people by day, machines around the clock.
//!
//! Sessions begin as a Poisson process; that of the people follows the hours of the office's day, by thinning. A session
//! is what one action causes: opening a page is a name looked up and several connections.

use std::net::Ipv4Addr;

use super::Settings;
use super::chance::Chance;
use super::connection::{Cause, Connection, Ends, Protocol, State};
use super::network::{
    APPLICATION, BACKUP, DIRECTORY, FILES, JUMP, MAIL, MONITOR, MULTICAST_DNS, Network, PRINTER, SERVERS, WEB,
};

const HOUR: i64 = 3_600_000_000;

/// How busy people are at each hour of the day, 0 to 1.
const RHYTHM: [f64; 24] = [
    0.04, 0.03, 0.03, 0.03, 0.04, 0.08, 0.2, 0.5, 0.85, 1.0, 1.0, 0.9, 0.65, 0.85, 1.0, 0.95, 0.8, 0.55, 0.3, 0.2,
    0.15, 0.12, 0.08, 0.05,
];

/// The share of all connections that people cause.
const PEOPLE_SHARE: f64 = 0.7;
/// Connections of a person's session on average; a test holds the total to it.
const PEOPLE_SESSION: f64 = 3.35;
/// Connections of a machine's session on average.
const MACHINE_SESSION: f64 = 1.0;

/// Makes ordinary sessions, one after the other.
#[derive(Debug)]
pub struct Background {
    people: Arrivals,
    machines: Arrivals,
    chance: Chance,
    /// A midnight of the office, in microseconds since the epoch.
    midnight: i64,
}

/// When sessions begin.
#[derive(Debug)]
struct Arrivals {
    chance: Chance,
    /// Sessions a second at the busiest hour.
    peak: f64,
    /// Midnight, where they follow the hours of the day.
    by_day: Option<i64>,
    next: i64,
}

impl Arrivals {
    fn new(chance: Chance, peak: f64, by_day: Option<i64>, start: i64) -> Self {
        let mut arrivals = Self { chance, peak, by_day, next: start };
        arrivals.advance();
        arrivals
    }

    fn advance(&mut self) {
        if self.peak <= 0.0 {
            self.next = i64::MAX;
            return;
        }
        loop {
            self.next = self.next.saturating_add((self.chance.wait(self.peak) * 1e6) as i64);
            let share = self.by_day.map_or(1.0, |midnight| busyness(self.next.saturating_sub(midnight)));
            if share == 1.0 || self.chance.happens(share) || self.next == i64::MAX {
                return;
            }
        }
    }
}

/// How busy people are so long after a midnight: [`RHYTHM`] with straight lines between the hours.
fn busyness(micros: i64) -> f64 {
    let in_day = micros.rem_euclid(24 * HOUR);
    let hour = usize::try_from(in_day / HOUR).expect("below 24");
    let part = (in_day % HOUR) as f64 / HOUR as f64;
    RHYTHM[hour] * (1.0 - part) + RHYTHM[(hour + 1) % 24] * part
}

/// The mean of [`busyness`] over the settings' time span.
fn mean_busyness(settings: &Settings) -> f64 {
    const SAMPLES: i64 = 288;
    let length = settings.end_micros() - settings.start.micros();
    let begin = settings.start.micros() - settings.midnight.micros();
    let at = |sample: i64| begin + length / SAMPLES * sample + length / (2 * SAMPLES);
    (0..SAMPLES).map(|sample| busyness(at(sample))).sum::<f64>() / SAMPLES as f64
}

impl Background {
    /// As the settings ask.
    pub fn new(settings: &Settings) -> Self {
        let start = settings.start.micros();
        let rate = settings.rate.max(0.0);
        let people = rate * PEOPLE_SHARE / PEOPLE_SESSION / mean_busyness(settings);
        let machines = rate * (1.0 - PEOPLE_SHARE) / MACHINE_SESSION;
        Self {
            people: Arrivals::new(Chance::new(settings.seed, 0), people, Some(settings.midnight.micros()), start),
            machines: Arrivals::new(Chance::new(settings.seed, 1), machines, None, start),
            chance: Chance::new(settings.seed, 2),
            midnight: settings.midnight.micros(),
        }
    }

    /// When the next session begins.
    pub fn next_start(&self) -> i64 {
        self.people.next.min(self.machines.next)
    }

    /// Makes the next session.
    pub fn session(&mut self, network: &Network, out: &mut Vec<Connection>) {
        let start = self.next_start();
        if self.people.next <= self.machines.next {
            self.people.advance();
            person(&mut self.chance, network, start, out);
        } else {
            self.machines.advance();
            out.push(machine(&mut self.chance, network, start, self.midnight));
        }
    }
}

fn person(chance: &mut Chance, network: &Network, start: i64, out: &mut Vec<Connection>) {
    let client = network.any_client(chance);
    match chance.between(1, 100) {
        1..=66 => page(chance, network, client, start, out),
        67..=76 => out.push(mail_check(chance, client, start)),
        77..=79 => out.push(mail_out(chance, network, client, start)),
        80..=89 => out.push(file_share(chance, client, start)),
        90..=94 => out.push(application(chance, client, start)),
        95..=96 => out.push(print_job(chance, client, start)),
        97..=98 => out.push(shell(chance, client, start)),
        _ => login(chance, client, start, out),
    }
}

/// A name is looked up, then the page and its parts come over a few connections.
fn page(chance: &mut Chance, network: &Network, client: Ipv4Addr, start: i64, out: &mut Vec<Connection>) {
    let mut at = start;
    for _ in 0..chance.between(1, 2) {
        let lookup = name_lookup(chance, client, at);
        at += lookup.duration + 1_000;
        out.push(lookup);
    }
    let site = network.site(chance);
    let (port, service) = if chance.happens(0.93) { (443, "ssl") } else { (80, "http") };
    for _ in 0..1 + chance.between(0, 2) + chance.between(0, 2) {
        let sent = 300 + chance.around(900.0, 0.8) as u64;
        let received = chance.heavy(2_500.0, 1.15, 2e9) as u64;
        let seconds = chance.around(0.4, 1.2) + received as f64 / 4e6;
        let ends = Ends::new(chance, client, site, port);
        let connection =
            Connection::new(at, ends, Protocol::Tcp, Some(service)).carrying(sent, received, seconds.min(3_000.0));
        out.push(imperfect(chance, connection));
        at += (chance.wait(6.0) * 1e6) as i64;
    }
}

/// Most connections end well; some are cut off, some never come about.
fn imperfect(chance: &mut Chance, connection: Connection) -> Connection {
    match chance.between(1, 1000) {
        1..=850 => connection,
        851..=920 => connection.ending(State::ResetByOriginator),
        921..=960 => connection.ending(State::ResetByResponder),
        961..=980 => connection.ending(State::Open),
        981..=994 => unanswered(chance, connection),
        _ => connection.ending(State::Refused),
    }
}

/// A SYN that is repeated after one and three seconds, in vain.
fn unanswered(chance: &mut Chance, connection: Connection) -> Connection {
    let mut connection = connection.ending(State::Unanswered);
    connection.extra_packets = chance.between(0, 2);
    connection.duration = [0, 1_010_000, 3_030_000][usize::try_from(connection.extra_packets).expect("at most 2")];
    connection
}

fn name_lookup(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends::new(chance, client, DIRECTORY, 53);
    let sent = chance.between(28, 62);
    let lookup = Connection::new(start, ends, Protocol::Udp, Some("dns"));
    if chance.happens(0.006) {
        return lookup.carrying(sent, 0, 0.0).ending(State::Unanswered);
    }
    let seconds = chance.around(0.004, 1.1).min(2.0);
    lookup.carrying(sent, sent + chance.between(16, 210), seconds)
}

fn mail_check(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends::new(chance, client, MAIL, 993);
    let (sent, received) = (chance.between(600, 1_500), chance.heavy(3_000.0, 1.3, 4e7) as u64);
    let seconds = chance.around(1.2, 0.9).min(600.0);
    let connection = Connection::new(start, ends, Protocol::Tcp, Some("ssl")).carrying(sent, received, seconds);
    imperfect(chance, connection)
}

/// A person's mail, or one of those that the mail server passes on.
fn mail_out(chance: &mut Chance, network: &Network, client: Ipv4Addr, start: i64) -> Connection {
    let (from, to, port) = if chance.happens(0.5) { (MAIL, network.site(chance), 25) } else { (client, MAIL, 587) };
    let ends = Ends::new(chance, from, to, port);
    let sent = chance.heavy(2_000.0, 1.1, 2.5e7) as u64;
    let seconds = chance.around(0.9, 0.6) + sent as f64 / 2e6;
    let received = chance.between(300, 700);
    Connection::new(start, ends, Protocol::Tcp, Some("smtp")).carrying(sent, received, seconds)
}

fn file_share(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends::new(chance, client, FILES, 445);
    let (small, large) = (chance.heavy(1_500.0, 1.2, 1e8) as u64, chance.heavy(8_000.0, 1.05, 1e9) as u64);
    let (sent, received) = if chance.happens(0.75) { (small, large) } else { (large, small) };
    let seconds = chance.around(12.0, 1.4).min(7_000.0);
    let connection = Connection::new(start, ends, Protocol::Tcp, Some("gssapi,smb")).carrying(sent, received, seconds);
    imperfect(chance, connection)
}

fn application(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends::new(chance, client, APPLICATION, 443);
    let (sent, received) = (chance.around(2_200.0, 0.7) as u64, chance.heavy(6_000.0, 1.4, 5e7) as u64);
    let seconds = chance.around(2.0, 1.0).min(900.0);
    let connection = Connection::new(start, ends, Protocol::Tcp, Some("ssl")).carrying(sent, received, seconds);
    imperfect(chance, connection)
}

fn print_job(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends::new(chance, client, PRINTER, 9100);
    let (sent, seconds) = (chance.heavy(40_000.0, 1.2, 5e7) as u64, chance.around(4.0, 0.8));
    let received = chance.between(0, 120);
    Connection::new(start, ends, Protocol::Tcp, None).carrying(sent, received, seconds)
}

/// An administrator at work.
fn shell(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends::new(chance, client, JUMP, 22);
    let typed = chance.heavy(3_000.0, 1.1, 5e6);
    let received = typed * chance.real(1.2, 6.0);
    let seconds = chance.around(240.0, 1.2).min(28_000.0);
    Connection::new(start, ends, Protocol::Tcp, Some("ssh")).carrying(typed as u64, received as u64, seconds)
}

/// Somebody logs in: name service, then tickets from the directory.
fn login(chance: &mut Chance, client: Ipv4Addr, start: i64, out: &mut Vec<Connection>) {
    out.push(name_lookup(chance, client, start));
    for step in 1..=2 {
        let ends = Ends::new(chance, client, DIRECTORY, 88);
        let (sent, received) = (chance.between(280, 1_600), chance.between(1_200, 1_700));
        let at = start + step * 8_000;
        out.push(Connection::new(at, ends, Protocol::Tcp, Some("krb_tcp")).carrying(sent, received, 0.003));
    }
}

fn machine(chance: &mut Chance, network: &Network, start: i64, midnight: i64) -> Connection {
    let client = network.any_client(chance);
    match chance.between(1, 100) {
        1..=22 => time_of_day(chance, client, start),
        23..=44 => {
            let asking = if chance.happens(0.5) { client } else { chance.pick(&SERVERS) };
            name_lookup(chance, asking, start)
        }
        45..=62 => visitor(chance, network, start),
        63..=78 => are_you_there(chance, start),
        79..=86 => announcement(client, start, chance),
        87..=92 => database(chance, start),
        93..=95 => backup(chance, start, midnight),
        _ => noise(chance, network, start),
    }
}

fn time_of_day(chance: &mut Chance, client: Ipv4Addr, start: i64) -> Connection {
    let ends = Ends { from: client, from_port: 123, to: DIRECTORY, to_port: 123 };
    Connection::new(start, ends, Protocol::Udp, Some("ntp")).carrying(48, 48, chance.around(0.001, 0.5))
}

/// Somebody outside looks at the office's own web site.
fn visitor(chance: &mut Chance, network: &Network, start: i64) -> Connection {
    let stranger = network.stranger(chance);
    let (port, service) = if chance.happens(0.85) { (443, "ssl") } else { (80, "http") };
    let ends = Ends::new(chance, stranger, WEB, port);
    let (sent, received) = (chance.around(800.0, 0.5) as u64, chance.heavy(2_000.0, 1.3, 2e7) as u64);
    let seconds = chance.around(0.6, 1.0).min(120.0);
    let connection = Connection::new(start, ends, Protocol::Tcp, Some(service)).carrying(sent, received, seconds);
    imperfect(chance, connection)
}

/// The monitor pings a server.
fn are_you_there(chance: &mut Chance, start: i64) -> Connection {
    let ends = Ends { from: MONITOR, from_port: 8, to: chance.pick(&SERVERS), to_port: 0 };
    let seconds = chance.around(0.0006, 0.5);
    Connection::new(start, ends, Protocol::Icmp, None).carrying(56, 56, seconds).ending(State::Other)
}

/// A client tells its neighbours what it offers; nobody answers multicast.
fn announcement(client: Ipv4Addr, start: i64, chance: &mut Chance) -> Connection {
    let ends = Ends { from: client, from_port: 5353, to: MULTICAST_DNS, to_port: 5353 };
    let sent = chance.between(40, 380);
    Connection::new(start, ends, Protocol::Udp, Some("dns")).carrying(sent, 0, 0.0).ending(State::Unanswered)
}

fn database(chance: &mut Chance, start: i64) -> Connection {
    let ends = Ends::new(chance, WEB, APPLICATION, 5432);
    let (sent, received) = (chance.around(900.0, 0.6) as u64, chance.heavy(1_200.0, 1.4, 1e7) as u64);
    let seconds = chance.around(0.05, 0.9).min(30.0);
    Connection::new(start, ends, Protocol::Tcp, Some("postgresql")).carrying(sent, received, seconds)
}

/// A server saves its changes; in the small hours, everything.
fn backup(chance: &mut Chance, start: i64, midnight: i64) -> Connection {
    let from = chance.pick(&[FILES, MAIL, APPLICATION]);
    let at_night = (1..3).contains(&((start - midnight).rem_euclid(24 * HOUR) / HOUR));
    let least = if at_night { 4e7 } else { 1e5 };
    let sent = chance.heavy(least, 1.2, 2e10);
    let ends = Ends::new(chance, from, BACKUP, 873);
    let received = 2_000 + (sent / 4_000.0) as u64;
    Connection::new(start, ends, Protocol::Tcp, None).carrying(sent as u64, received, sent / 6e7 + 0.3)
}

/// The internet's everyday knocking at the front door.
fn noise(chance: &mut Chance, network: &Network, start: i64) -> Connection {
    let stranger = network.stranger(chance);
    let port = chance.pick(&[22, 23, 445, 3389, 5900, 6379, 8080, 8443]);
    let ends = Ends::new(chance, stranger, WEB, port);
    let state = if chance.happens(0.6) { State::Unanswered } else { State::Refused };
    let knock = Connection::new(start, ends, Protocol::Tcp, None).carrying(0, 0, 0.0002).ending(state);
    Connection { cause: Cause::Knocking, ..knock }
}
