//! The last 255 connections to any host, in the order they came.

use super::hosts::{Failure, Tally, WINDOW};

/// A ring of connections, column by column so that a scan compares many at once.
#[derive(Debug)]
pub struct Latest {
    services: [u8; SIZE],
    hosts: [u32; SIZE],
    failures: [u8; SIZE],
    /// 1 for the newest connection of its host to its service.
    newest: [u8; SIZE],
    next: u8,
}

/// One more than [`WINDOW`], so that a byte is the place and wraps by itself.
const SIZE: usize = WINDOW + 1;
/// A host that is not kept any more, or none.
const GONE: u32 = u32::MAX;
/// No service.
const NO_SERVICE: u8 = u8::MAX;

impl Latest {
    /// Empty.
    pub fn new() -> Self {
        Self { services: [NO_SERVICE; SIZE], hosts: [GONE; SIZE], failures: [0; SIZE], newest: [0; SIZE], next: 0 }
    }

    /// Adds a connection to `service` of `host`, whose newest one stood at `before`; gives its own place.
    pub fn push(&mut self, host: u32, service: u8, failure: Failure, before: u8) -> u8 {
        let before = usize::from(before);
        if self.hosts[before] == host && self.services[before] == service {
            self.newest[before] = 0;
        }
        let place = self.next;
        let at = usize::from(place);
        (self.services[at], self.hosts[at], self.failures[at], self.newest[at]) = (service, host, failure as u8, 1);
        self.next = place.wrapping_add(1);
        place
    }

    /// Forgets whose connections those of `host` were; they remain somebody's.
    pub fn forget(&mut self, host: u32) {
        for other in &mut self.hosts {
            *other = if *other == host { GONE } else { *other };
        }
    }

    /// Among the last `length`: those to `service` and to other hosts than `host`, and how many hosts these are.
    pub fn others(&self, length: usize, host: u32, service: u8) -> (Tally, u32) {
        let next = usize::from(self.next);
        let mut sum = [0; 4];
        self.scan(next.saturating_sub(length)..next, host, service, &mut sum);
        if length > next {
            self.scan(SIZE - (length - next)..SIZE, host, service, &mut sum);
        }
        (Tally { all: sum[0], syn: sum[1], reset: sum[2] }, sum[3])
    }

    fn scan(&self, range: std::ops::Range<usize>, host: u32, service: u8, sum: &mut [u32; 4]) {
        let columns = self.services[range.clone()].iter().zip(&self.hosts[range.clone()]);
        let marks = self.failures[range.clone()].iter().zip(&self.newest[range]);
        for ((other_service, other_host), (failure, newest)) in columns.zip(marks) {
            let hit = u32::from(*other_service == service) & u32::from(*other_host != host);
            let adds = [
                hit,
                hit & u32::from(*failure == Failure::Syn as u8),
                hit & u32::from(*failure == Failure::Reset as u8),
                hit & u32::from(*newest),
            ];
            for (sum, add) in sum.iter_mut().zip(adds) {
                // at most 256 times 1; a check for overflow would keep the loop from comparing many at once
                *sum = sum.wrapping_add(add);
            }
        }
    }
}
