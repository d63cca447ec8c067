//! How a segment changes the state of the side that sent it.

use super::endpoint::State;
use super::{Connection, Side, Tcp};

impl Connection {
    fn set(&mut self, side: Side, state: State) {
        let peer = self.ends[side.other() as usize].state;
        let end = &mut self.ends[side as usize];
        if state != end.state {
            if !state.is_handshake() && end.state.is_handshake() && peer.is_handshake() {
                self.timers.establish();
            }
            end.previous = end.state;
            end.state = state;
        }
    }

    /// Changes the state of `side`; tells whether that end closes.
    pub(super) fn change(&mut self, nanos: i64, side: Side, segment: &Tcp<'_>) -> bool {
        match self.ends[side as usize].state {
            State::Inactive => self.change_inactive(nanos, side, segment),
            State::SynSent | State::SynAckSent => self.change_syn_sent(side, segment),
            State::Established | State::Partial => self.change_established(side, segment),
            State::Closed => self.change_closed(side, segment),
            State::Reset => false,
        }
    }

    fn change_inactive(&mut self, nanos: i64, side: Side, segment: &Tcp<'_>) -> bool {
        let flags = segment.flags;
        if flags.syn() && side == Side::Originator {
            self.set(side, if flags.ack() { State::SynAckSent } else { State::SynSent });
            self.timers.attempt(nanos);
        } else if flags.syn() {
            self.answered(side, segment);
        }
        if flags.fin() {
            self.set(side, State::Closed);
        }
        if flags.rst() {
            self.set(side, State::Reset);
        }
        let peer = self.ends[side.other() as usize].state;
        if self.ends[side as usize].state == State::Inactive {
            if side == Side::Responder && segment.length == 0 && peer == State::SynSent {
                // some acknowledge a SYN before they answer it
            } else if flags.ack() && peer == State::Established {
                // the SYN was missed, its answer was not
                self.set(side, State::Established);
                self.partial = false;
            } else {
                self.set(side, State::Partial);
            }
        }
        flags.fin() || flags.rst()
    }

    /// The responder sent its SYN.
    fn answered(&mut self, side: Side, segment: &Tcp<'_>) {
        let peer = side.other();
        let start = self.ends[side as usize].start();
        let reversed = self.ends[peer as usize].state == State::SynAckSent && segment.sequence == start;
        if !segment.flags.ack() && reversed {
            self.reversed = true;
            self.set(peer, State::Established);
        }
        if self.ends[peer as usize].state == State::SynSent {
            self.set(peer, State::Established);
        }
        self.set(side, State::Established);
    }

    fn change_syn_sent(&mut self, side: Side, segment: &Tcp<'_>) -> bool {
        if segment.flags.fin() {
            self.set(side, State::Closed);
        }
        if segment.flags.rst() {
            self.set(side, State::Reset);
        }
        self.active &= !segment.flags.rst();
        segment.flags.fin() || segment.flags.rst()
    }

    fn change_established(&mut self, side: Side, segment: &Tcp<'_>) -> bool {
        let (flags, me, peer) = (segment.flags, side as usize, side.other() as usize);
        if flags.syn()
            && !flags.ack()
            && self.ends[me].state == State::Partial
            && self.ends[peer].state == State::Inactive
        {
            self.set(side, State::SynSent);
        }
        if flags.rst() {
            let expected = self.ends[peer].state == State::Reset && self.ends[peer].previous == State::Established;
            self.set(side, State::Reset);
            self.active &= expected;
            return true;
        }
        if flags.fin() {
            self.set(side, State::Closed);
            if self.ends[peer].state == State::Reset && self.ends[peer].previous == State::Closed {
                // a FIN and an RST behind it is how some end connections
                self.set(side.other(), State::Closed);
            }
        }
        flags.fin()
    }

    fn change_closed(&mut self, side: Side, segment: &Tcp<'_>) -> bool {
        if !segment.flags.rst() || self.ends[side.other() as usize].state == State::Closed {
            return false;
        }
        self.set(side, State::Reset);
        !self.ends[side as usize].closed
    }
}
