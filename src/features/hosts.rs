//! What is kept of each destination host, and which hosts are kept: the most recently seen ones.
//!
//! A host takes [`size_of::<Host>`] bytes (about 2.2 KiB) whatever it does. A new one takes the place of the one
//! that was not seen for longest.

use std::collections::HashMap;
use std::hash::BuildHasher;

use rustc_hash::FxSeededState;

use super::symbols::{SERVICES, Symbol};

/// Connections in a host's window.
pub const WINDOW: usize = 255;
/// Services that are told apart: the vocabulary, "unknown" and "missing".
pub const KINDS: usize = SERVICES.len() + 2;

/// A service as an index below [`KINDS`].
pub fn kind(service: Symbol) -> u8 {
    let place = match service {
        Symbol::MISSING => KINDS - 1,
        known => known.place().unwrap_or(KINDS - 2),
    };
    u8::try_from(place).expect("vocabularies have at most 250 words")
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failure {
    /// It did not.
    #[default]
    None = 0,
    /// A SYN error: S0, S1, S2, S3, SH.
    Syn = 1,
    /// A rejection: REJ, RSTO, RSTR, RSTOS0.
    Reset = 2,
}

/// Counts of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All.
    pub all: u32,
    /// Those with a SYN error.
    pub syn: u32,
    /// Those rejected.
    pub reset: u32,
}

impl Tally {
    /// Counts `weight` more.
    pub fn add(&mut self, failure: Failure, weight: u32) {
        self.all += weight;
        self.syn += weight * u32::from(failure == Failure::Syn);
        self.reset += weight * u32::from(failure == Failure::Reset);
    }

    /// Takes `weight` back.
    pub fn remove(&mut self, failure: Failure, weight: u32) {
        self.all -= weight;
        self.syn -= weight * u32::from(failure == Failure::Syn);
        self.reset -= weight * u32::from(failure == Failure::Reset);
    }
}

/// A host's connections to one service.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfService {
    /// Within the last seconds.
    pub recent: u32,
    /// Where the newest of them stands in the ring of all hosts' connections, if it still does.
    pub newest: u8,
    /// In the host's window: all, with a SYN error, rejected; at most 255 each.
    pub window: [u8; 3],
}

/// One destination host.
#[derive(Debug)]
pub struct Host {
    key: u128,
    newer: u32,
    older: u32,
    /// Distinguishes it from hosts that had this slot before.
    pub generation: u32,
    /// Connections within the last seconds.
    pub recent: Tally,
    /// How many services they are to.
    pub recent_services: u32,
    /// Connections in the window.
    pub window: Tally,
    /// How many services they are to.
    pub window_services: u32,
    next: u8,
    /// By service.
    pub services: [OfService; KINDS],
    ports: [u16; WINDOW],
    ring: [(u8, Failure); WINDOW],
}

impl Host {
    fn new(key: u128, generation: u32) -> Self {
        Self {
            key,
            newer: END,
            older: END,
            generation,
            recent: Tally::default(),
            recent_services: 0,
            window: Tally::default(),
            window_services: 0,
            next: 0,
            services: [OfService::default(); KINDS],
            ports: [0; WINDOW],
            ring: [(0, Failure::None); WINDOW],
        }
    }

    /// Puts a connection into the window; the oldest one goes when there are [`WINDOW`] already.
    pub fn push(&mut self, service: u8, failure: Failure, port: u16) {
        let place = usize::from(self.next);
        if self.window.all as usize == WINDOW {
            let (service, failure) = self.ring[place];
            self.window.remove(failure, 1);
            let own = &mut self.services[usize::from(service)].window;
            own[0] -= 1;
            own[1] -= u8::from(failure == Failure::Syn);
            own[2] -= u8::from(failure == Failure::Reset);
            self.window_services -= u32::from(own[0] == 0);
        }
        self.ring[place] = (service, failure);
        self.ports[place] = port;
        self.next = if place + 1 == WINDOW { 0 } else { self.next + 1 };
        self.window.add(failure, 1);
        let own = &mut self.services[usize::from(service)].window;
        self.window_services += u32::from(own[0] == 0);
        own[0] += 1;
        own[1] += u8::from(failure == Failure::Syn);
        own[2] += u8::from(failure == Failure::Reset);
    }

    /// Connections in the window that came from `port`.
    pub fn with_port(&self, port: u16) -> u32 {
        let used = &self.ports[..self.window.all as usize];
        // at most 255; a check for overflow would keep the loop from comparing many at once
        u32::from(used.iter().fold(0_u16, |sum, other| sum.wrapping_add(u16::from(*other == port))))
    }
}

/// End of the list of hosts.
const END: u32 = u32::MAX;

/// The hosts, the most recently seen first.
#[derive(Debug)]
pub struct Hosts {
    places: HashMap<u128, u32, FxSeededState>,
    // boxed, so that growing moves pointers and no hosts
    #[expect(clippy::vec_box, reason = "a host is 2 KiB and the list grows to its limit one by one")]
    hosts: Vec<Box<Host>>,
    limit: usize,
    newest: u32,
    oldest: u32,
}

impl Hosts {
    /// For at most `limit` hosts (at least 1).
    pub fn new(limit: usize) -> Self {
        // addresses are chosen by whoever sends packets, so the hash is seeded
        let seed = std::hash::RandomState::new().hash_one(0) as usize;
        Self {
            places: HashMap::with_hasher(FxSeededState::with_seed(seed)),
            hosts: Vec::new(),
            limit: limit.clamp(1, END as usize - 1),
            newest: END,
            oldest: END,
        }
    }

    /// The slot of a known host, which becomes the most recently seen.
    pub fn find(&mut self, key: u128) -> Option<u32> {
        let slot = *self.places.get(&key)?;
        if self.newest != slot {
            self.unlink(slot);
            self.link(slot);
        }
        Some(slot)
    }

    /// The slot that the next new host will take from another one, if there is no free one.
    pub fn next_to_go(&self) -> Option<u32> {
        (self.hosts.len() == self.limit).then_some(self.oldest)
    }

    /// Takes a new host in, in place of [`Hosts::next_to_go`] if need be.
    pub fn insert(&mut self, key: u128) -> u32 {
        let slot = match self.next_to_go() {
            Some(slot) => {
                self.unlink(slot);
                let host = &mut self.hosts[slot as usize];
                self.places.remove(&host.key);
                **host = Host::new(key, host.generation.wrapping_add(1));
                slot
            }
            None => {
                self.hosts.push(Box::new(Host::new(key, 0)));
                u32::try_from(self.hosts.len() - 1).expect("bounded by the limit")
            }
        };
        self.places.insert(key, slot);
        self.link(slot);
        slot
    }

    /// The host in `slot`.
    pub fn at(&mut self, slot: u32) -> &mut Host {
        &mut self.hosts[slot as usize]
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.hosts.len()
    }

    fn unlink(&mut self, slot: u32) {
        let (newer, older) = (self.at(slot).newer, self.at(slot).older);
        match newer {
            END => self.newest = older,
            newer => self.at(newer).older = older,
        }
        match older {
            END => self.oldest = newer,
            older => self.at(older).newer = newer,
        }
    }

    fn link(&mut self, slot: u32) {
        let second = self.newest;
        self.at(slot).newer = END;
        self.at(slot).older = second;
        match second {
            END => self.oldest = slot,
            second => self.at(second).newer = slot,
        }
        self.newest = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_not_seen_for_longest_goes_first() {
        let mut hosts = Hosts::new(2);
        let (first, second) = (hosts.insert(1), hosts.insert(2));
        assert_eq!(hosts.find(1), Some(first));
        assert_eq!(hosts.next_to_go(), Some(second));
        assert_eq!(hosts.insert(3), second);
        assert_eq!((hosts.find(2), hosts.find(1), hosts.find(3)), (None, Some(first), Some(second)));
        assert_eq!((hosts.count(), hosts.at(second).generation), (2, 1));
    }

    #[test]
    fn a_window_holds_the_last_255() {
        let mut host = Host::new(1, 0);
        for _ in 0..300 {
            host.push(3, Failure::Syn, 1000);
        }
        for _ in 0..55 {
            host.push(4, Failure::Reset, 2000);
        }
        assert_eq!(host.window, Tally { all: 255, syn: 200, reset: 55 });
        assert_eq!((host.services[3].window, host.services[4].window), ([200, 200, 0], [55, 0, 55]));
        assert_eq!((host.with_port(1000), host.with_port(2000), host.window_services), (200, 55, 2));
    }

    #[test]
    fn a_host_takes_about_two_kibibytes() {
        assert!(size_of::<Host>() < 2304, "{}", size_of::<Host>());
    }
}
