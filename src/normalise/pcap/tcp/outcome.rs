//! How a TCP connection ended, when it is over, and whether a SYN begins another one.

use super::endpoint::State;
use super::{Connection, Side};
use crate::normalise::pcap::segment::Tcp;

impl Connection {
    /// Zeek's `conn_state`.
    pub fn outcome(&self, history: &str) -> &'static str {
        let [originator, responder] = [self.ends[0].state, self.ends[1].state];
        match (originator, responder) {
            (State::SynSent | State::SynAckSent, State::Reset) => "REJ",
            (State::Reset, State::Reset) if self.size(Side::Originator) == 0 && self.size(Side::Responder) == 0 => {
                "REJ"
            }
            (other, State::Reset) if other.is_inactive() => "RSTRH",
            (_, State::Reset) => "RSTR",
            (State::Reset, other) if !other.is_inactive() => "RSTO",
            (State::Reset, _) if is_aborted_attempt(history) => "RSTOS0",
            (State::Reset, _) => "OTH",
            (State::Closed, State::Closed) => "SF",
            (State::Closed, other) if other.is_inactive() => "SH",
            (State::Closed, _) => "S2",
            (other, State::Closed) if other.is_inactive() => "SHR",
            (_, State::Closed) => "S3",
            (State::SynSent, State::Inactive) => "S0",
            (State::Established, State::Established) => "S1",
            _ => "OTH",
        }
    }

    /// When to look at it next.
    pub fn next_due(&self, last: i64) -> i64 {
        self.timers.next(last)
    }

    /// Whether it is over at `now`.
    pub fn is_over(&mut self, now: i64, last: i64) -> bool {
        let due = self.timers.due(now, last);
        if !self.active {
            self.timers.look_no_more();
            return due.over;
        }
        let [originator, responder] = [self.ends[0].state, self.ends[1].state];
        let unanswered = matches!(originator, State::SynSent | State::SynAckSent) && responder == State::Inactive;
        let any = |state: State| originator == state || responder == state;
        let closed = self.ends.iter().any(|end| end.closed);
        let ended = closed && (self.both_closed() || any(State::Reset) || any(State::Inactive));
        let nothing = originator == State::Inactive && responder == State::Inactive;
        due.over || due.attempt && unanswered || due.quiet && (ended || nothing)
    }

    /// Whether a segment begins another connection between the same ports.
    pub fn is_reused(&self, segment: &Tcp<'_>) -> bool {
        let flags = segment.flags;
        if !flags.syn() || flags.ack() && self.ends[0].state != State::Inactive {
            return false;
        }
        if self.both_closed() {
            return true;
        }
        let begun = &self.ends[usize::from(flags.ack())];
        let reversed = !flags.ack()
            && begun.state == State::SynAckSent
            && self.ends[1].state == State::Inactive
            && segment.sequence == self.ends[1].start();
        segment.sequence != begun.start() && !reversed
    }
}

/// Whether the originator sent an RST behind its SYN and, before that, nothing else but perhaps payload.
fn is_aborted_attempt(history: &str) -> bool {
    let behind = history.strip_prefix('^').unwrap_or(history).strip_prefix('S');
    behind
        .and_then(|rest| rest.find('R').map(|at| &rest[..at]))
        .is_some_and(|between| !between.contains(['H', 'A', 'F', 'G', 'I', 'Q']))
}
