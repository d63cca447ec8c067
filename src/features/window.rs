//! The traffic features of KDD-99 (places 23 to 41), from the connections seen so far.
//!
//! # Definitions
//! Read off the KDD-99 10 % file, where they hold in more than 99.8 % of its 494,021 rows:
//! - The connection itself is counted, so counts are at least 1. Rates have two decimals, rounded as `printf` does.
//! - `count` and what follows it: connections to the same host within the last two seconds, capped at 511 (the rates are
//!   over all of them). `srv_count` likewise: connections to the same service, whichever host.
//! - "diff" rates are *the number of different values over the number of connections*, and 0 if all are alike; they
//!   are not 1 minus the "same" rate. So 12 connections to 3 services have a `diff_srv_rate` of 0.25.
//! - SYN errors are S0, S1, S2, S3 and SH; rejections REJ, RSTO, RSTR and RSTOS0.
//! - `dst_host_count` and what follows it: the last 255 connections to the same host. (The task description speaks of
//!   100; the file has counts up to 255, and all its rates are fractions of these counts.)
//! - `dst_host_srv_count` and what follows it: connections to the same service in a window of 255. KDD-99 was sorted
//!   by destination for it, so for a host with fewer than 255 connections the window reaches into its neighbours'
//!   (`dst_host_srv_count` is larger than `dst_host_count` in 4 of 5 such rows). A stream has no such neighbours; here
//!   the window of a host with n connections is filled up with those to other hosts among the last 255 - n of all.
//! - ICMP: KDD-99 has one record for each packet. A flow of n packets counts as n connections (at most 511 within two
//!   seconds, of a long flow those that fall into two seconds on average; at most 255 in windows), and its own features
//!   are those of its last packet: no duration, no answer, an n-th of its bytes.
//! - Connections without an answer (S0, REJ) have no bytes and no duration in KDD-99, so here too. Durations are
//!   whole seconds, cut off.
//! - Places 8 to 22 (fragments, urgent, content) cannot be told from a connection's summary; they are what its source
//!   saw otherwise, and missing where it did not look.
//! - A connection that two events tell of, one for each side, is counted with the first.
//!
//! # Time
//! The clock of the windows is the latest time seen. Sensors write connections when they end, so many come late; a
//! late one is counted as if it came now, which keeps the pace of a burst whose records are all late by the same time. When
//! [`PATIENCE`](super::steady::PATIENCE) connections in a row are later than [`Settings::lateness`] (a clock was set back, or an older file is replayed
//! behind a newer one), the clock goes back to them and the two-second windows start afresh.
//!
//! # Bounds
//! Memory: [`Settings::hosts`] times 2.2 KiB and [`Settings::connections`] times 24 bytes. Of more hosts the least recently
//! seen are forgotten and start anew, with counts too low. With more connections in two seconds than that the window is
//! shorter than two seconds; as counts are capped at 511 it shows in rates only. The time for a connection is
//! bounded (two scans of 255 entries) but for the removal of what has left the window, which each pays for once.

use std::collections::VecDeque;
use std::time::Duration;

use super::hosts::{Failure, Hosts, KINDS, Tally, WINDOW, kind};
use super::latest::Latest;
use super::rate::Rates;
use super::steady::{Moment, SteadyClock};
use super::symbols::{FLAGS, Symbol};
use super::{FeatureVector, TRAFFIC};
use crate::event::EventTime;
use crate::normalise::{Connection, Record, Sides, Transport};

/// Counts within two seconds stop here.
pub const MOST_RECENT: u32 = 511;

/// Bounds of the windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Destination hosts that are remembered, at least 1.
    pub hosts: usize,
    /// Connections that the two-second window holds, at least 1.
    pub connections: usize,
    /// How late a connection may be without being taken for a sign that the clock was set back.
    pub lateness: Duration,
}

impl Default for Settings {
    /// 16,384 hosts (36 MiB), 131,072 connections (3 MiB), 10 minutes.
    fn default() -> Self {
        Self { hosts: 16_384, connections: 131_072, lateness: Duration::from_secs(600) }
    }
}

/// The length of the short window, in microseconds.
const SPAN_MICROS: i64 = 2_000_000;

/// A connection in the two-second window.
#[derive(Debug, Clone, Copy)]
struct Recent {
    micros: i64,
    host: u32,
    generation: u32,
    weight: u16,
    service: u8,
    failure: Failure,
}

/// The connections seen so far, as far as features need them. One for each worker; connections to one host belong
/// to one worker, and the features across hosts (`srv_…`) then are of that worker's hosts.
#[derive(Debug)]
pub struct Windows {
    limit: usize,
    clock: SteadyClock,
    recent: VecDeque<Recent>,
    hosts: Hosts,
    services: [Service; KINDS],
    latest: Latest,
    failures: [Failure; FLAGS.len()],
    unanswered: [bool; FLAGS.len()],
    rates: Rates,
}

/// Connections of the last seconds to one service.
#[derive(Debug, Clone, Copy, Default)]
struct Service {
    tally: Tally,
    hosts: u32,
}

/// What the windows need of a connection.
struct Seen {
    host: u32,
    service: u8,
    failure: Failure,
    port: u16,
}

impl Windows {
    /// Nothing seen yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            limit: settings.connections.max(1),
            clock: SteadyClock::new(settings.lateness),
            recent: VecDeque::new(),
            hosts: Hosts::new(settings.hosts),
            services: [Service::default(); KINDS],
            latest: Latest::new(),
            failures: std::array::from_fn(|place| failure(FLAGS[place])),
            unanswered: std::array::from_fn(|place| matches!(FLAGS[place], "S0" | "REJ")),
            rates: Rates::new(),
        }
    }

    /// The 41 features of a record: measured for a connection, which is remembered; as they came for a KDD record, which
    /// is not (it has no hosts); none for anything else.
    pub fn measure(&mut self, record: &Record<'_>, time: EventTime) -> Option<FeatureVector> {
        match record {
            Record::Kdd(features) => Some(*features),
            Record::Connection(connection) => Some(self.measure_connection(connection, time)),
            Record::Other => None,
        }
    }

    /// The 41 features of a record by itself: of a connection, which is not remembered, those are missing that compare it with others.
    pub fn alone(&self, record: &Record<'_>) -> Option<FeatureVector> {
        match record {
            Record::Kdd(features) => Some(*features),
            Record::Connection(connection) => Some(self.own(connection)),
            Record::Other => None,
        }
    }

    /// How many hosts and recent connections are held.
    pub fn held(&self) -> (usize, usize) {
        (self.hosts.count(), self.recent.len())
    }

    fn measure_connection(&mut self, connection: &Connection<'_>, time: EventTime) -> FeatureVector {
        let now = self.clock(time.micros());
        self.expire(now);
        let seen = Seen {
            host: self.host(connection.destination.address.key()),
            service: kind(connection.symbols.service),
            failure: self.of_flag(&self.failures, connection.symbols.flag),
            port: connection.source.port.unwrap_or(0),
        };
        let (packets, recent) = weights(connection);
        let host = self.hosts.at(seen.host);
        // one whose other side has been told of is in the windows, unless they have moved on
        let counted = connection.sides == Sides::Second;
        let (known, known_recent) = (counted && host.window.all > 0, counted && host.recent.all > 0);
        if !known_recent {
            self.remember_recent(&seen, now, recent);
        }
        for _ in 0..if known { 0 } else { packets } {
            self.remember(&seen);
        }
        let mut features = self.own(connection);
        self.traffic(&seen, &mut features.numeric);
        self.host_traffic(&seen, &mut features.numeric);
        features
    }

    /// The place on the windows' clock of a connection at `micros`.
    fn clock(&mut self, micros: i64) -> i64 {
        match self.clock.at(micros) {
            Moment::Now(now) => now,
            Moment::SetBack(now) => {
                self.expire(i64::MAX);
                now
            }
        }
    }

    /// Lets go of what happened more than two seconds before `now`.
    fn expire(&mut self, now: i64) {
        while self.recent.front().is_some_and(|first| first.micros < now.saturating_sub(SPAN_MICROS)) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(Recent { host, generation, weight, service, failure, .. }) = self.recent.pop_front() else { return };
        let weight = u32::from(weight);
        let across = &mut self.services[usize::from(service)];
        across.tally.remove(failure, weight);
        let host = self.hosts.at(host);
        // a host that was forgotten meanwhile has no counts any more
        if host.generation == generation {
            host.recent.remove(failure, weight);
            let own = &mut host.services[usize::from(service)];
            own.recent -= weight;
            if own.recent == 0 {
                host.recent_services -= 1;
                across.hosts -= 1;
            }
        }
    }

    /// The slot of a host, new or known.
    fn host(&mut self, key: u128) -> u32 {
        if let Some(slot) = self.hosts.find(key) {
            return slot;
        }
        if let Some(slot) = self.hosts.next_to_go() {
            self.latest.forget(slot);
            for (own, across) in self.hosts.at(slot).services.iter().zip(&mut self.services) {
                across.hosts -= u32::from(own.recent > 0);
            }
        }
        self.hosts.insert(key)
    }

    /// Counts a connection within the last two seconds.
    fn remember_recent(&mut self, seen: &Seen, now: i64, weight: u16) {
        if self.recent.len() >= self.limit {
            self.drop_oldest();
        }
        let Seen { host, service, failure, .. } = *seen;
        let counted = u32::from(weight);
        let across = &mut self.services[usize::from(service)];
        across.tally.add(failure, counted);
        let kept = self.hosts.at(host);
        kept.recent.add(failure, counted);
        let own = &mut kept.services[usize::from(service)];
        if own.recent == 0 {
            kept.recent_services += 1;
            across.hosts += 1;
        }
        own.recent += counted;
        self.recent.push_back(Recent { micros: now, host, generation: kept.generation, weight, service, failure });
    }

    /// Puts a connection into its host's window, and among the latest.
    fn remember(&mut self, seen: &Seen) {
        let host = self.hosts.at(seen.host);
        host.push(seen.service, seen.failure, seen.port);
        let own = &mut host.services[usize::from(seen.service)];
        own.newest = self.latest.push(seen.host, seen.service, seen.failure, own.newest);
    }

    fn of_flag<T: Copy + Default>(&self, table: &[T], flag: Symbol) -> T {
        flag.place().and_then(|place| table.get(place)).copied().unwrap_or_default()
    }

    /// Places 1 to 22: what the connection is by itself.
    fn own(&self, connection: &Connection<'_>) -> FeatureVector {
        let mut features = FeatureVector { symbols: connection.symbols, ..FeatureVector::MISSING };
        let bytes = |bytes: Option<u64>| bytes.map_or(f32::NAN, |bytes| bytes as f32);
        let (sent, received) = (connection.source.bytes, connection.destination.bytes);
        let [duration, up, down] = if connection.transport == Transport::Icmp {
            let packets = connection.source.packets.unwrap_or(1).max(1);
            [0.0, bytes(sent.map(|sent| sent / packets)), 0.0]
        } else if self.of_flag(&self.unanswered, connection.symbols.flag) {
            [0.0; 3]
        } else {
            [connection.duration.map_or(f32::NAN, |seconds| seconds.floor() as f32), bytes(sent), bytes(received)]
        };
        let land = f32::from(u8::from(connection.is_land()));
        features.numeric[..4].copy_from_slice(&[duration, up, down, land]);
        features.numeric[4..TRAFFIC].copy_from_slice(&connection.content.0);
        features
    }

    /// Places 23 to 31: the last two seconds.
    fn traffic(&mut self, seen: &Seen, numeric: &mut [f32]) {
        let rates = &self.rates;
        let host = self.hosts.at(seen.host);
        let (to_host, same) = (host.recent, host.services[usize::from(seen.service)].recent);
        let Service { tally: to_service, hosts } = self.services[usize::from(seen.service)];
        let capped = |count: u32| count.min(MOST_RECENT) as f32;
        numeric[TRAFFIC..28].copy_from_slice(&[
            capped(to_host.all),
            capped(to_service.all),
            rates.of(to_host.syn, to_host.all),
            rates.of(to_service.syn, to_service.all),
            rates.of(to_host.reset, to_host.all),
            rates.of(to_service.reset, to_service.all),
            rates.of(same, to_host.all),
            rates.of_different(host.recent_services, to_host.all),
            rates.of_different(hosts, to_service.all),
        ]);
    }

    /// Places 32 to 41: the last 255 connections to the host.
    fn host_traffic(&mut self, seen: &Seen, numeric: &mut [f32]) {
        let rates = &self.rates;
        let host = self.hosts.at(seen.host);
        let all = host.window.all;
        let [same, syn, reset] = host.services[usize::from(seen.service)].window.map(u32::from);
        let (others, other_hosts) = match WINDOW - all as usize {
            0 => (Tally::default(), 0),
            room => self.latest.others(room, seen.host, seen.service),
        };
        let to_service = Tally { all: same + others.all, syn: syn + others.syn, reset: reset + others.reset };
        numeric[28..38].copy_from_slice(&[
            all as f32,
            to_service.all as f32,
            rates.of(same, all),
            rates.of_different(host.window_services, all),
            rates.of(host.with_port(seen.port), all),
            rates.of_different(1 + other_hosts, to_service.all),
            rates.of(host.window.syn, all),
            rates.of(to_service.syn, to_service.all),
            rates.of(host.window.reset, all),
            rates.of(to_service.reset, to_service.all),
        ]);
    }
}

/// How often a connection counts: in windows of connections (1 to 255), and within two seconds (1 to 511).
pub(super) fn weights(connection: &Connection<'_>) -> (u16, u16) {
    if connection.transport != Transport::Icmp {
        return (1, 1);
    }
    let packets = connection.source.packets.unwrap_or(1).max(1);
    let spans = connection.duration.map_or(1.0, |seconds| (seconds * 1e6 / SPAN_MICROS as f64).max(1.0));
    let within = (packets as f64 / spans).ceil().min(f64::from(MOST_RECENT));
    (packets.min(WINDOW as u64) as u16, within as u16)
}

/// How a connection with this flag failed.
pub(super) fn failure(flag: &str) -> Failure {
    match flag {
        "S0" | "S1" | "S2" | "S3" | "SH" => Failure::Syn,
        "REJ" | "RSTO" | "RSTR" | "RSTOS0" => Failure::Reset,
        _ => Failure::None,
    }
}
