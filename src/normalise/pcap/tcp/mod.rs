//! A TCP connection as Zeek follows it.
//!
//! Source: Zeek, `src/packet_analysis/protocol/tcp/TCPSessionAdapter.cc`, `src/analyzer/protocol/tcp/TCP_Endpoint.cc`,
//! `TCP_Reassembler.cc` and `scripts/base/protocols/conn/main.zeek`, followed step by step, since `conn_state` and
//! history depend on the order in which things are looked at.

mod change;
mod endpoint;
mod outcome;
mod stream;
mod timers;

use endpoint::{Endpoint, State};
pub use stream::Piece;
use timers::Timers;

use super::history::{History, Kind, Side};
use super::segment::Tcp;

/// A connection of TCP.
#[derive(Debug)]
pub struct Connection {
    ends: [Endpoint; 2],
    timers: Timers,
    /// Whether its beginning was not seen.
    partial: bool,
    /// Of which ends there was a packet.
    seen: [bool; 2],
    /// Whether it was not given up by an RST.
    active: bool,
    /// An end is to close once its payload is complete.
    close_deferred: bool,
    /// SYN and its answer came in the wrong order, so the ends are to change places.
    reversed: bool,
    missed: u64,
}

/// Who is told of the payload.
pub type Sink<'s> = dyn FnMut(Side, Piece<'_>) + 's;

impl Connection {
    /// One whose first packet came at `nanos`; whether its payload is listened to.
    pub fn new(nanos: i64, heard: bool) -> Self {
        let mut ends = [Endpoint::default(), Endpoint::default()];
        ends.iter_mut().for_each(|end| end.stream.heard = heard);
        Self {
            ends,
            timers: Timers::new(nanos),
            partial: false,
            seen: [false; 2],
            active: true,
            close_deferred: false,
            reversed: false,
            missed: 0,
        }
    }

    /// Nobody listens any more.
    pub fn unheard(&mut self) {
        self.ends.iter_mut().for_each(|end| end.stream.heard = false);
    }

    /// Bytes of payload that wait for earlier ones.
    pub fn held(&self) -> usize {
        self.ends.iter().map(|end| end.stream.held()).sum()
    }

    /// Stops following the payload.
    pub fn give_up(&mut self) {
        self.ends.iter_mut().for_each(|end| end.stream.give_up());
    }

    /// Bytes that were acknowledged and not captured.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Payload bytes of a side.
    pub fn size(&self, side: Side) -> u64 {
        self.ends[side as usize].size(&self.ends[side.other() as usize])
    }

    /// Takes a segment of `side`. `last` is the time of the connection, which segments behind its end do not move.
    pub fn take(
        &mut self,
        nanos: i64,
        side: Side,
        segment: &Tcp<'_>,
        history: &mut History,
        last: &mut i64,
        sink: &mut Sink<'_>,
    ) {
        let (me, peer, flags) = (side as usize, side.other() as usize, segment.flags);
        self.look_at_first(side, segment);
        let span = span(segment);
        self.ends[me].begin(segment, span);
        let sequence = self.ends[me].relative(segment.sequence);
        self.note(side, segment, sequence, history);
        if !self.both_closed() {
            *last = nanos.max(*last);
        }
        if flags.fin() {
            self.ends[me].fins += 1;
            self.ends[me].fin_end = sequence + i64::from(span);
        }
        let acknowledged =
            if flags.ack() { self.ends[peer].acknowledge(segment.acknowledgment, flags.rst()) } else { 0 };
        self.ends[me].advance(segment, span, side, history);
        let closes = self.change(nanos, side, segment);
        // behind the change of state, since gaps at the very end are not worth telling
        if flags.ack() {
            self.acknowledged(side.other(), acknowledged, history, *last, sink);
        }
        self.seen[me] = true;
        let whole = segment.payload.len() == segment.length as usize;
        if segment.length > 0 && whole && !flags.rst() && sequence >= 0 {
            let start = sequence + i64::from(flags.syn());
            self.ends[me].stream.insert(start, segment.payload, &mut |piece| sink(side, piece));
        }
        self.check_end(side, *last);
        if closes {
            self.close(side, *last);
        }
    }

    /// Whether SYN and its answer turned out to have come in the wrong order; told once.
    pub fn was_reversed(&mut self) -> bool {
        if !std::mem::take(&mut self.reversed) {
            return false;
        }
        self.swap();
        true
    }

    fn swap(&mut self) {
        self.ends.swap(0, 1);
        self.seen.swap(0, 1);
        self.partial = false;
    }

    fn both_closed(&self) -> bool {
        self.ends.iter().all(|end| end.closed)
    }

    /// Looks at an end's first packet: a connection that does not begin with a SYN is a part of one.
    fn look_at_first(&mut self, side: Side, segment: &Tcp<'_>) {
        let flags = segment.flags;
        match side {
            Side::Originator if !self.seen[0] => self.partial = !flags.syn() || flags.ack(),
            Side::Responder if !self.seen[1] && !self.partial => self.partial = !flags.syn(),
            _ => {}
        }
    }

    /// Writes the history.
    fn note(&mut self, side: Side, segment: &Tcp<'_>, sequence: i64, history: &mut History) {
        let (flags, peer) = (segment.flags, self.ends[side.other() as usize].state);
        let end = &mut self.ends[side as usize];
        let mut control = |kind: Kind, letter, place: i64| {
            let mark = &mut end.marks[kind as usize];
            if !history.first(side, kind, letter) && *mark != place {
                history.add(side, letter);
            }
            *mark = place;
        };
        match (flags.syn(), flags.fin(), flags.rst()) {
            (true, false, false) => control(Kind::Syn, if flags.ack() { 'H' } else { 'S' }, sequence),
            (false, true, false) => control(Kind::Fin, 'F', sequence + i64::from(segment.length)),
            (false, false, true) => control(Kind::Reset, 'R', sequence),
            (_, true, true) => {
                history.first(side, Kind::FinReset, 'I');
            }
            (true, ..) => {
                history.first(side, Kind::Mixed, 'Q');
            }
            (false, false, false) if segment.length > 0 => {
                history.first(side, Kind::Data, 'D');
            }
            (false, false, false) if flags.ack() => {
                history.first(side, Kind::Ack, 'A');
            }
            (false, false, false) => {}
        }
        if segment.zero_window && !flags.rst() && peer != State::Closed && end.state != State::Reset {
            history.scaled(side, 'W', &mut end.zero_windows);
        }
    }

    /// The peer of `side` has that end's bytes before `number`.
    fn acknowledged(&mut self, side: Side, number: i64, history: &mut History, last: i64, sink: &mut Sink<'_>) {
        let clean = self.ends.iter().all(|end| {
            end.state == State::Established || end.state == State::Closed && end.previous == State::Established
        });
        let partial = self.partial;
        let end = &mut self.ends[side as usize];
        // a FIN has a number and is no byte
        let number = if end.fins > 0 { number.min(end.fin_end - 1) } else { number };
        let (bytes, gaps) = end.stream.acknowledge(number, partial, &mut |piece| sink(side, piece));
        if clean {
            self.missed += bytes;
            for _ in 0..gaps {
                history.scaled(side, 'G', &mut end.gaps);
            }
        }
        self.check_end(side, last);
    }

    /// Whether an end that closes has payload that is still to come.
    fn is_pending(&self, side: Side) -> bool {
        let (end, peer) = (&self.ends[side as usize], &self.ends[side.other() as usize]);
        let Some(next) = end.stream.next() else { return false };
        if end.last() < next {
            return false;
        }
        // all is there up to the FIN, which has a number, or up to the RST, which has none
        let complete = next == end.last() - 1 || next == end.last();
        !complete || end.state != State::Reset && peer.stream.is_waiting()
    }

    /// Closes `side` if that had to wait for its payload, and need not any more.
    fn check_end(&mut self, side: Side, last: i64) {
        let end = &self.ends[side as usize];
        let ends = end.fins > 0 || matches!(end.state, State::Closed | State::Reset);
        if self.close_deferred && ends && !self.is_pending(side) {
            self.close_deferred = false;
            self.close(side, last);
        }
    }

    fn close(&mut self, side: Side, last: i64) {
        if self.is_pending(side) {
            self.close_deferred = true;
            return;
        }
        self.close_deferred = false;
        let peer = &self.ends[side.other() as usize];
        let (peer_closed, peer_state) = (peer.closed, peer.state);
        let end = &mut self.ends[side as usize];
        if std::mem::replace(&mut end.closed, true) {
            return;
        }
        if end.state == State::Reset || peer_closed || peer_state == State::Inactive {
            self.timers.delete(last);
        } else {
            self.timers.look_again(last);
        }
    }
}

/// Numbers that a segment takes: its payload, and one each for SYN and FIN. Payload of an RST is no part of the stream.
fn span(segment: &Tcp<'_>) -> u32 {
    let flags = segment.flags;
    let payload = if flags.rst() { 0 } else { segment.length };
    payload + u32::from(flags.syn()) + u32::from(flags.fin())
}
