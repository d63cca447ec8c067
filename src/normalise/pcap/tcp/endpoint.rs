//! One end of a TCP connection: its state, and how far its numbers got.
//!
//! Numbers are kept relative to the SYN in 64 bits, so that connections of more than 4 GiB are counted right. Where no
//! SYN was seen, one is made up before the first byte.

use super::stream::Stream;
use crate::normalise::pcap::history::{History, Scaled, Side};
use crate::normalise::pcap::segment::Tcp;

/// A jump of numbers that SYN and RST are not believed.
const TOO_FAR: i32 = 1 << 20;

/// What an end did last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing.
    #[default]
    Inactive,
    /// It sent a SYN.
    SynSent,
    /// It sent a SYN with an ACK although it is the originator.
    SynAckSent,
    /// It was seen midway.
    Partial,
    /// It is connected.
    Established,
    /// It sent a FIN.
    Closed,
    /// It sent an RST.
    Reset,
}

impl State {
    /// Whether the connection is not there yet.
    pub fn is_handshake(self) -> bool {
        matches!(self, Self::Inactive | Self::SynSent | Self::SynAckSent)
    }

    /// Whether its beginning was not seen.
    pub fn is_inactive(self) -> bool {
        matches!(self, Self::Inactive | Self::Partial)
    }
}

/// One end.
#[derive(Debug, Default)]
pub struct Endpoint {
    /// What it did last.
    pub state: State,
    /// And before.
    pub previous: State,
    /// Whether its closing was taken note of.
    pub closed: bool,
    /// How many FINs it sent.
    pub fins: u32,
    /// The number behind its FIN.
    pub fin_end: i64,
    /// Its payload.
    pub stream: Stream,
    /// Where its last SYN, FIN and RST stood.
    pub marks: [i64; 3],
    /// How often it said that it has no room.
    pub zero_windows: Scaled,
    /// How often payload of it was missed.
    pub gaps: Scaled,
    repeats: Scaled,
    start: u32,
    last: i64,
    acknowledged: i64,
}

impl Endpoint {
    /// The number that the connection begins with.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// The highest number seen.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Sets the numbers up where a segment begins (or begins anew) to be believed.
    pub fn begin(&mut self, segment: &Tcp<'_>, span: u32) {
        let syn = segment.flags.syn();
        let anew = match self.state {
            State::Inactive => true,
            State::SynSent | State::SynAckSent => syn && segment.sequence != self.start,
            State::Established | State::Partial => syn,
            State::Reset => syn && self.previous == State::Inactive,
            State::Closed => false,
        };
        if anew {
            self.start = if syn { segment.sequence } else { segment.sequence.wrapping_sub(1) };
            self.acknowledged = 0;
            self.last = if syn { i64::from(span) } else { 1 };
        }
    }

    /// The number `sequence`, relative.
    pub fn relative(&self, sequence: u32) -> i64 {
        near(self.start, self.last, sequence)
    }

    /// Takes an acknowledgment of this end's bytes; gives it relative, or 0 where it makes no sense.
    pub fn acknowledge(&mut self, number: u32, is_reset: bool) -> i64 {
        if self.state == State::Inactive {
            self.start = number.wrapping_sub(1);
            (self.acknowledged, self.last) = (0, 0);
            return 1;
        }
        let relative = near(self.start, self.acknowledged, number);
        if relative < 0 {
            return 0;
        }
        // an acknowledgment of 0 is more likely broken than right
        let broken = number == 0 && relative - self.acknowledged > i64::from(TOO_FAR);
        if !is_reset && !broken {
            self.acknowledged = self.acknowledged.max(relative);
        }
        relative
    }

    /// Moves the highest number to the end of a segment.
    pub fn advance(&mut self, segment: &Tcp<'_>, span: u32, side: Side, history: &mut History) {
        let end = segment.sequence.wrapping_add(span);
        let delta = end.wrapping_sub(self.start.wrapping_add(self.last as u32)) as i32;
        let flags = segment.flags;
        let unbelievable = (flags.syn() || flags.rst()) && !(-TOO_FAR..=TOO_FAR).contains(&delta);
        if unbelievable {
            return;
        }
        if flags.fin() && self.last == 1 {
            // nothing was seen in between, which may be 2 GiB and more
            self.last = i64::from(end.wrapping_sub(self.start));
        } else if self.state == State::Reset {
            // what comes behind an RST has made-up numbers
        } else if delta > 0 {
            self.last += i64::from(delta);
        } else if segment.length > 0 {
            history.scaled(side, 'T', &mut self.repeats);
        }
    }

    /// Payload bytes by the numbers, whether they were captured or not.
    pub fn size(&self, peer: &Self) -> u64 {
        // an RST to a connection that this end knew nothing of: its numbers say nothing
        let aborted = self.previous == State::SynSent && self.state == State::Reset && peer.state == State::Inactive;
        if aborted && self.acknowledged > 1 {
            return 0;
        }
        let size = u64::try_from(self.last.max(self.acknowledged)).unwrap_or(0).saturating_sub(1);
        size.saturating_sub(u64::from(self.fins > 0))
    }
}

/// `number` in 64 bits, the one nearest to `place`.
fn near(start: u32, place: i64, number: u32) -> i64 {
    place + i64::from(number.wrapping_sub(start.wrapping_add(place as u32)) as i32)
}
