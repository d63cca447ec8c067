//! Flow features: what a connection of today's traffic is like, by itself and beside those before it.
//!
//! They hold neither an address nor a port nor a time of day: hosts and ports are only counted, times only compared. So a
//! model cannot learn by heart who attacked, or when. [`FEATURES`] has the name, unit and meaning of each.
//!
//! # Windows
//! Counts over 10 s, 2 min and 1 h are damped: a connection that is as old as the window counts e^-1, so old ones fade and do
//! not drop out. Numbers of different hosts and ports are of the window exactly: up to 8 by themselves, from there by
//! linear counting over 256 places (a standard error of 5 % at 200 and 9 % at 800; 1,420 is the most that is told).
//! Beside hosts as such they tell of an originator and one service, of whichever host (who tries a service from host to host), and
//! of an originator and one host (who tries ports); the last 8 or so connections of a pair to one service are told by their means.
//! Late events and clocks that are set back are treated as in [`Windows`](super::Windows).
//!
//! # Bounds
//! Of more than [`FlowSettings::hosts`] originators, responders or pairs of hosts, or more than [`FlowSettings::pairs`] pairs with a
//! service or originators with a service, the ones not seen for longest are forgotten and start anew, with counts too low. A scan of millions of hosts thus
//! forgets responders, and not the originator: what it does is counted there. The time for a connection is bounded.

mod damped;
mod history;
mod names;
mod own;
mod pair;
mod party;
#[cfg(test)]
mod reference;
mod service;
mod sketch;
mod text;
pub mod told;

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use super::steady::{Moment, SteadyClock};
use crate::event::EventTime;
use crate::normalise::{Connection, Record, Sides, Transport};
pub use names::{Described, FEATURES, Paced, group_of, is_always_told, paced};
use names::{HISTORY, NAME, OWN, PAIR, WINDOWS};
use pair::Pair;
use party::Party;
use service::Service;
use sketch::Sketch;
pub use text::NameShape;

/// How many features there are.
pub const FLOW: usize = FEATURES.len();

/// The lengths of the windows, in seconds.
pub const LENGTHS: [f32; 3] = [10.0, 120.0, 3600.0];

/// The flow features of one connection in the order of [`FEATURES`]; NaN where missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowVector(pub [f32; FLOW]);

impl FlowVector {
    /// One of which nothing is known.
    pub const MISSING: Self = Self([f32::NAN; FLOW]);

    /// The feature of this name.
    pub fn named(&self, name: &str) -> Option<f32> {
        place(name).map(|place| self.0[place])
    }
}

/// The place of the feature of this name.
pub fn place(name: &str) -> Option<usize> {
    FEATURES.iter().position(|feature| feature.name == name)
}

/// Bounds of what is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowSettings {
    /// Originators, as many responders, and as many pairs of an originator and a responder, at least 1; a host takes 0.3 to 2.3 KiB,
    /// a pair of hosts 0.1 to 1.1 KiB.
    pub hosts: usize,
    /// Pairs of hosts and a service, and as many of an originator and a service, at least 1; one takes about 250 bytes, an
    /// originator's service 0.2 to 1.2 KiB.
    pub pairs: usize,
    /// How late a connection may be without being taken for a sign that the clock was set back.
    pub lateness: Duration,
}

impl Default for FlowSettings {
    /// 32,768 originators and responders (20 MiB, 150 MiB where each meets many others) and pairs of them (4 MiB, 36 MiB where each has
    /// many ports), 65,536 pairs with a service (16 MiB) and services (12 MiB, 76 MiB where each is called of many hosts), 10 minutes.
    fn default() -> Self {
        Self { hosts: 32_768, pairs: 65_536, lateness: Duration::from_secs(600) }
    }
}

/// The connections seen so far, as far as flow features need them. One for each worker.
#[derive(Debug)]
pub struct FlowWindows {
    clock: SteadyClock,
    /// The first time seen, which ticks are counted from.
    epoch: Option<i64>,
    originators: LruCache<u128, Party>,
    responders: LruCache<u128, Party>,
    pairs: LruCache<u64, Pair>,
    /// Of an originator and a responder the ports.
    ports: LruCache<u64, Sketch>,
    /// Of an originator and a service whatever host was called.
    services: LruCache<u64, Service>,
}

/// Ticks that sketches count time in: a tenth of a second.
const TICK_MICROS: i64 = 100_000;

impl FlowWindows {
    /// Nothing seen yet.
    pub fn new(settings: &FlowSettings) -> Self {
        // they grow to their limits by and by
        fn table<K: std::hash::Hash + Eq, V>(count: usize) -> LruCache<K, V> {
            let mut table = LruCache::new(NonZeroUsize::MIN);
            table.resize(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN));
            table
        }
        Self {
            clock: SteadyClock::new(settings.lateness),
            epoch: None,
            originators: table(settings.hosts),
            responders: table(settings.hosts),
            pairs: table(settings.pairs),
            ports: table(settings.hosts),
            services: table(settings.pairs),
        }
    }

    /// The flow features of a connection, which is remembered; none for anything else.
    pub fn measure(&mut self, record: &Record<'_>, time: EventTime) -> Option<FlowVector> {
        match record {
            Record::Connection(connection) => Some(self.measure_connection(connection, time)),
            Record::Kdd(_) | Record::Other => None,
        }
    }

    /// How many originators, responders, pairs with a service, pairs of hosts, and originators with a service are held.
    pub fn held(&self) -> [usize; 5] {
        [self.originators.len(), self.responders.len(), self.pairs.len(), self.ports.len(), self.services.len()]
    }

    fn measure_connection(&mut self, connection: &Connection<'_>, time: EventTime) -> FlowVector {
        let now = self.now(time);
        let ticks = (now - *self.epoch.get_or_insert(now)).max(0) / TICK_MICROS;
        // 13 years of ticks; whoever replays more starts to see old ones as new
        let tick = u32::try_from(ticks).unwrap_or(u32::MAX - 1);
        let (from, to) = (connection.source.address.key(), connection.destination.address.key());
        let port = connection.destination.port.unwrap_or(0);
        let seen = Seen::of(connection);
        let mut vector = FlowVector::MISSING;
        let out = &mut vector.0;
        own::fill(connection, &mut out[OWN]);
        history::fill(connection.history, &mut out[HISTORY]);
        let (one, other) = (Mixed::of(from), Mixed::of(to));
        let pair = self.pairs.get_or_insert_mut(one.with(other, u32::from(port)), Pair::default);
        if !(seen.counted && pair.is_known()) {
            pair.follow(now, &seen);
        }
        pair.fill(&seen, &mut out[PAIR]);
        let of_pair = pair.windows(&seen);
        let service = sketch::hash(u128::from(port));
        let originator = self.originators.get_or_insert_mut(from, Party::default);
        let opened = originator.take(now, tick, &seen, other.hash(), service);
        let responder = self.responders.get_or_insert_mut(to, Party::default);
        let answered = responder.take(now, tick, &seen, one.hash(), service);
        let ports = self.ports.get_or_insert_mut(one.with(other, u32::MAX), Sketch::default).count(service, tick);
        let called = self.services.get_or_insert_mut(one.with(Mixed::of(0), number_of(connection)), Service::default);
        let called = called.take(now, tick, &seen, other.hash());
        for (window, out) in out[WINDOWS].chunks_exact_mut(names::OF_WINDOW).enumerate() {
            out[..5].copy_from_slice(&opened[window]);
            out[5..10].copy_from_slice(&answered[window]);
            out[10..12].copy_from_slice(&of_pair[window]);
            out[12] = ports[window];
            out[13..].copy_from_slice(&called[window]);
        }
        text::fill(connection.name, &mut out[NAME]);
        vector
    }

    /// The place on the clock of an event. What was remembered of a future that is none is forgotten.
    fn now(&mut self, time: EventTime) -> i64 {
        match self.clock.at(time.micros()) {
            Moment::Now(now) => now,
            Moment::SetBack(now) => {
                self.epoch = None;
                self.originators.clear();
                self.responders.clear();
                self.pairs.clear();
                self.ports.clear();
                self.services.clear();
                now
            }
        }
    }
}

/// What is remembered of a connection; NaN where it is not known.
struct Seen {
    failed: bool,
    /// Payload of the originator.
    bytes: f32,
    /// Payload of the responder.
    bytes_in: f32,
    duration: f32,
    ending: Option<own::Ending>,
    /// Whether an event of its other side has been counted.
    counted: bool,
}

impl Seen {
    fn of(connection: &Connection<'_>) -> Self {
        let number = |count: Option<u64>| count.map_or(f32::NAN, |count| count as f32);
        Self {
            failed: own::has_failed(connection),
            bytes: number(connection.source.bytes),
            bytes_in: number(connection.destination.bytes),
            duration: connection.duration.map_or(f32::NAN, |seconds| seconds as f32),
            ending: own::ending(connection),
            counted: connection.sides == Sides::Second,
        }
    }
}

/// A service as a number: protocol and port; of ICMP the type stands for the port.
fn number_of(connection: &Connection<'_>) -> u32 {
    let (protocol, port) = match connection.transport {
        Transport::Tcp => (0, connection.destination.port),
        Transport::Udp => (1, connection.destination.port),
        Transport::Icmp => (2, connection.source.port),
        Transport::Other => (3, connection.destination.port),
    };
    protocol << 16 | u32::from(port.unwrap_or(0))
}

/// The two hashes of a host.
#[derive(Debug, Clone, Copy)]
struct Mixed(u64);

impl Mixed {
    fn of(key: u128) -> Self {
        Self(u64::from(sketch::hash(key)) << 32 | u64::from(sketch::hash(key.rotate_left(64) ^ 1)))
    }

    /// The first of them.
    fn hash(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// It, another host and a number as one number.
    fn with(self, other: Self, number: u32) -> u64 {
        sketch::spread(self.0.rotate_left(17) ^ sketch::spread(other.0) ^ u64::from(number))
    }
}
