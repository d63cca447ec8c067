//! Flow features: what a connection of today's traffic is like, by itself and beside those before it.
//!
//! They hold neither an address nor a port nor a time of day: hosts and ports are only counted, times only compared. So a
//! model cannot learn by heart who attacked, or when. [`FEATURES`] has the name, unit and meaning of each.
//!
//! # Windows
//! Counts over 10 s, 2 min and 1 h are damped: a connection that is as old as the window counts e^-1, so old ones fade and do
//! not drop out. Numbers of different hosts and ports are of the window exactly: up to 8 by themselves, from there by
//! linear counting over 256 places (a standard error of 5 % at 200 and 9 % at 800; 1,420 is the most that is told).
//! Late events and clocks that are set back are treated as in [`Windows`](super::Windows).
//!
//! # Bounds
//! Of more than [`FlowSettings::hosts`] originators or responders, or more than [`FlowSettings::pairs`] pairs of them,
//! the ones not seen for longest are forgotten and start anew, with counts too low. A scan of millions of hosts thus
//! forgets responders, and not the originator: what it does is counted there. The time for a connection is bounded.

mod damped;
mod history;
mod names;
mod own;
mod pair;
mod party;
#[cfg(test)]
mod reference;
mod sketch;
mod text;

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use super::steady::{Moment, SteadyClock};
use crate::event::EventTime;
use crate::normalise::{Connection, Record, Sides};
pub use names::{Described, FEATURES, group_of};
use names::{HISTORY, NAME, OWN, PAIR, WINDOWS};
use pair::Pair;
use party::Party;
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
    /// Originators, and as many responders, at least 1; each takes 0.3 to 2.3 KiB.
    pub hosts: usize,
    /// Pairs of hosts and a service, at least 1; each takes about 150 bytes.
    pub pairs: usize,
    /// How late a connection may be without being taken for a sign that the clock was set back.
    pub lateness: Duration,
}

impl Default for FlowSettings {
    /// 32,768 originators and responders (20 MiB, 150 MiB where each meets many others), 65,536 pairs (10 MiB), 10 minutes.
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
}

/// Ticks that sketches count time in: a tenth of a second.
const TICK_MICROS: i64 = 100_000;

impl FlowWindows {
    /// Nothing seen yet.
    pub fn new(settings: &FlowSettings) -> Self {
        let most = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        // they grow to their limits by and by
        let table = |count| {
            let mut table = LruCache::new(NonZeroUsize::MIN);
            table.resize(most(count));
            table
        };
        Self {
            clock: SteadyClock::new(settings.lateness),
            epoch: None,
            originators: table(settings.hosts),
            responders: table(settings.hosts),
            pairs: LruCache::new(most(settings.pairs)),
        }
    }

    /// The flow features of a connection, which is remembered; none for anything else.
    pub fn measure(&mut self, record: &Record<'_>, time: EventTime) -> Option<FlowVector> {
        match record {
            Record::Connection(connection) => Some(self.measure_connection(connection, time)),
            Record::Kdd(_) | Record::Other => None,
        }
    }

    /// How many originators, responders and pairs are held.
    pub fn held(&self) -> [usize; 3] {
        [self.originators.len(), self.responders.len(), self.pairs.len()]
    }

    fn measure_connection(&mut self, connection: &Connection<'_>, time: EventTime) -> FlowVector {
        let now = self.now(time);
        let ticks = (now - *self.epoch.get_or_insert(now)).max(0) / TICK_MICROS;
        // 13 years of ticks; whoever replays more starts to see old ones as new
        let tick = u32::try_from(ticks).unwrap_or(u32::MAX - 1);
        let (from, to) = (connection.source.address.key(), connection.destination.address.key());
        let port = connection.destination.port.unwrap_or(0);
        let seen = Seen {
            failed: own::has_failed(connection),
            bytes: connection.source.bytes.unwrap_or(0) as f32,
            counted: connection.sides == Sides::Second,
        };
        let mut vector = FlowVector::MISSING;
        let out = &mut vector.0;
        own::fill(connection, &mut out[OWN]);
        history::fill(connection.history, &mut out[HISTORY]);
        let pair = self.pairs.get_or_insert_mut(mixed(from, to, port), Pair::default);
        if !(seen.counted && pair.is_known()) {
            pair.follow(now, seen.bytes);
        }
        pair.fill(&mut out[PAIR]);
        let damped = pair.connections();
        let hosts = [sketch::hash(from), sketch::hash(to)];
        let service = sketch::hash(u128::from(port));
        let originator = self.originators.get_or_insert_mut(from, Party::default);
        let opened = originator.take(now, tick, &seen, hosts[1], service);
        let responder = self.responders.get_or_insert_mut(to, Party::default);
        let answered = responder.take(now, tick, &seen, hosts[0], service);
        for (window, out) in out[WINDOWS].chunks_exact_mut(names::OF_WINDOW).enumerate() {
            out[..5].copy_from_slice(&opened[window]);
            out[5..10].copy_from_slice(&answered[window]);
            out[10] = damped[window];
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
                now
            }
        }
    }
}

/// What is remembered of a connection at either end.
struct Seen {
    failed: bool,
    bytes: f32,
    /// Whether an event of its other side has been counted.
    counted: bool,
}

/// A pair of hosts and a service as one number.
fn mixed(from: u128, to: u128, port: u16) -> u64 {
    let [from, to] =
        [from, to].map(|key| u64::from(sketch::hash(key)) << 32 | u64::from(sketch::hash(key.rotate_left(64) ^ 1)));
    sketch::spread(from.rotate_left(17) ^ sketch::spread(to) ^ u64::from(port))
}
