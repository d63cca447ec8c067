//! When a TCP connection is over although nobody says so. The intervals are Zeek's defaults.

use crate::normalise::pcap::table::SECOND;

/// For an answer to a SYN.
const ATTEMPT: i64 = 5 * SECOND;
/// Behind the end, for packets that are late.
const LINGER: i64 = 5 * SECOND;
/// Between looks at a connection that has perhaps ended.
const LOOK: i64 = 6 * SECOND;
/// Before it is established.
const INACTIVE_BEFORE: i64 = 60 * SECOND;
/// Once it is established.
const INACTIVE: i64 = 300 * SECOND;

/// The moments at which something is due, in nanoseconds.
#[derive(Debug)]
pub struct Timers {
    attempt: Option<i64>,
    look: Option<i64>,
    delete: Option<i64>,
    inactive: i64,
}

impl Timers {
    /// Those of a connection that begins at `nanos`.
    pub fn new(nanos: i64) -> Self {
        Self { attempt: None, look: Some(nanos.saturating_add(LINGER)), delete: None, inactive: INACTIVE_BEFORE }
    }

    /// A SYN was sent.
    pub fn attempt(&mut self, nanos: i64) {
        self.attempt = Some(nanos.saturating_add(ATTEMPT));
    }

    /// The handshake is over.
    pub fn establish(&mut self) {
        self.inactive = INACTIVE;
    }

    /// The connection is over; late packets are waited for.
    pub fn delete(&mut self, last: i64) {
        (self.attempt, self.look) = (None, None);
        self.delete = Some(last.saturating_add(LINGER));
    }

    /// One end closed; the other one may never.
    pub fn look_again(&mut self, last: i64) {
        let due = last.saturating_add(LOOK);
        self.look = Some(self.look.map_or(due, |look| look.min(due)));
    }

    /// When something is due next, for a connection whose last packet came at `last`.
    pub fn next(&self, last: i64) -> i64 {
        let inactive = last.saturating_add(self.inactive);
        [self.attempt, self.look, self.delete].into_iter().flatten().fold(inactive, i64::min)
    }

    /// What is due at `now`.
    pub fn due(&mut self, now: i64, last: i64) -> Due {
        let over = self.delete.is_some_and(|delete| delete <= now) || last.saturating_add(self.inactive) <= now;
        let attempt = self.attempt.take_if(|attempt| *attempt <= now).is_some();
        let look = self.look.take_if(|look| *look <= now).is_some();
        if look {
            self.look = Some(now.saturating_add(LOOK));
        }
        Due { over, attempt, quiet: look && last.saturating_add(LINGER) < now }
    }

    /// Nobody needs to look any more.
    pub fn look_no_more(&mut self) {
        self.look = None;
    }
}

/// What is due.
pub struct Due {
    /// The end, in any case.
    pub over: bool,
    /// The end, if the SYN has no answer.
    pub attempt: bool,
    /// The end, if it looks like one.
    pub quiet: bool,
}
