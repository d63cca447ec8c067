//! How far the time of events has come: it follows them, but a single event from far ahead does not pull it along.

use super::super::series::CLOSED;

/// An event further ahead of the front than this moves it only when confirmed …
const LEAP: i64 = 600_000_000;
/// … by so many more such events than events at the front.
const CONFIRMED_BY: u32 = 8;

/// How far event time has come, in microseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(in crate::anomaly) struct Front {
    /// [`CLOSED`] before the first event.
    pub at: i64,
    /// Events that lay far ahead, less those that did not.
    pub ahead: u32,
    /// The earliest of those far ahead.
    pub ahead_from: i64,
    /// When the next bucket has to be closed.
    pub next_close: i64,
}

impl Front {
    /// Before the first event.
    pub(super) const NONE: Self = Self { at: CLOSED, ahead: 0, ahead_from: 0, next_close: i64::MAX };

    /// Takes in the time of an event; true if buckets may have to be closed.
    pub(super) fn reach(&mut self, at: i64) -> bool {
        if self.at == CLOSED {
            self.at = at;
        } else if at > self.at.saturating_add(LEAP) {
            self.ahead_from = if self.ahead == 0 { at } else { self.ahead_from.min(at) };
            self.ahead += 1;
            if self.ahead < CONFIRMED_BY {
                return false;
            }
            self.at = self.ahead_from;
            self.ahead = 0;
        } else {
            self.ahead = self.ahead.saturating_sub(1);
            self.at = self.at.max(at);
        }
        self.at >= self.next_close
    }
}
