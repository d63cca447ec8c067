//! The connections under way: found by their ends, let go when they are over, or when there are too many.
//!
//! Timers run on the latest time that a packet had; a packet from before it changes nothing that was decided.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroUsize;

use lru::LruCache;

use super::Settings;
use super::datagram::Datagram;
use super::flow::{Flow, Place};
use super::record;
use super::segment::{ICMP6, Icmp, Segment};
use super::server_ports::is_likely;

/// Bytes of payload that may wait for earlier ones, in all connections together.
const MOST_HELD: usize = 128 << 20;

/// A second, in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;

/// The connections under way, the most recently seen first.
pub struct Table {
    flows: LruCache<Key, Flow>,
    most: NonZeroUsize,
    /// When to look at which connection; an entry whose time is not the connection's own is left over.
    due: BinaryHeap<Reverse<(i64, u64, Key)>>,
    now: i64,
    content: u32,
    begun: u64,
    evicted: u64,
    /// Bytes of payload that wait.
    held: usize,
    /// What is still to be closed at the end, the last one first.
    closing: Option<Vec<Key>>,
}

/// The two ends, in the order of their addresses unless the protocol knows no answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    places: [Place; 2],
    protocol: u8,
}

impl Table {
    /// Empty.
    pub fn new(settings: &Settings) -> Self {
        let most = NonZeroUsize::new(settings.connections).unwrap_or(NonZeroUsize::MIN);
        Self {
            // it grows to its limit by and by, since most captures hold few connections
            flows: LruCache::unbounded(),
            most,
            due: BinaryHeap::new(),
            now: i64::MIN,
            content: settings.content,
            begun: 0,
            evicted: 0,
            held: 0,
            closing: None,
        }
    }

    /// Connections that ended early for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Lets go of what is over at `nanos`.
    pub fn expire(&mut self, nanos: i64, finished: &mut VecDeque<String>) {
        self.now = self.now.max(nanos);
        while let Some(Reverse((due, ordinal, key))) =
            self.due.peek().copied().filter(|Reverse((due, ..))| *due <= self.now)
        {
            self.due.pop();
            let known = self.flows.peek_mut(&key).filter(|flow| flow.ordinal == ordinal && flow.due == due);
            let Some(flow) = known else { continue };
            if flow.is_over(self.now) {
                finished.extend(self.close(&key));
            } else {
                flow.due = flow.next_due().max(self.now + 1);
                self.due.push(Reverse((flow.due, ordinal, key)));
            }
        }
    }

    /// Takes a packet, of which so many fragments were wrong.
    pub fn take(
        &mut self,
        nanos: i64,
        datagram: &Datagram<'_>,
        segment: &Segment<'_>,
        wrong_fragments: u32,
        finished: &mut VecDeque<String>,
    ) {
        let (places, answered) = ends(datagram, segment);
        let ordered = if answered && places[1] < places[0] { [places[1], places[0]] } else { places };
        let key = Key { places: ordered, protocol: datagram.protocol };
        if self.flows.peek(&key).is_some_and(|flow| flow.is_reused(segment)) {
            finished.extend(self.close(&key));
        }
        if !self.flows.contains(&key) {
            self.begin(key, nanos, places, datagram, segment, finished);
        }
        let Some(flow) = self.flows.get_mut(&key) else { return };
        flow.wrong_fragments = flow.wrong_fragments.saturating_add(wrong_fragments);
        let side = flow.side(places[0]);
        self.held -= flow.held();
        flow.take(nanos, side, datagram, segment);
        if self.held + flow.held() > MOST_HELD {
            flow.give_up();
        }
        self.held += flow.held();
        let due = flow.next_due();
        // an entry that comes too early finds out by itself; one that came too late would not
        if due < flow.due {
            flow.due = due;
            self.due.push(Reverse((due, flow.ordinal, key)));
        }
    }

    /// Closes one of the connections that are still open at the end, in the order of their last packets.
    pub fn close_next(&mut self) -> Option<String> {
        let flows = &self.flows;
        let closing = self.closing.get_or_insert_with(|| {
            let mut open: Vec<_> =
                flows.iter().map(|(key, flow)| (Reverse(flow.last), Reverse(flow.ordinal), *key)).collect();
            open.sort_unstable();
            open.into_iter().map(|(_, _, key)| key).collect()
        });
        let key = closing.pop()?;
        self.close(&key)
    }

    /// Ends a connection.
    fn close(&mut self, key: &Key) -> Option<String> {
        let flow = self.flows.pop(key)?;
        self.held -= flow.held();
        Some(record::of(&flow))
    }

    fn begin(
        &mut self,
        key: Key,
        nanos: i64,
        places: [Place; 2],
        datagram: &Datagram<'_>,
        segment: &Segment<'_>,
        finished: &mut VecDeque<String>,
    ) {
        if self.flows.len() >= self.most.get() {
            self.evicted += 1;
            let oldest = self.flows.peek_lru().map(|(key, _)| *key);
            finished.extend(oldest.and_then(|key| self.close(&key)));
        }
        let flips = is_answer(datagram, segment);
        let ends = if flips { [places[1], places[0]] } else { places };
        let mut flow = Flow::new(nanos, ends, datagram, segment, self.content);
        if flips {
            flow.history.flip();
        }
        flow.ordinal = self.begun;
        flow.due = flow.next_due();
        self.begun += 1;
        self.due.push(Reverse((flow.due, flow.ordinal, key)));
        self.flows.put(key, flow);
        self.tidy();
    }

    /// Drops what is left over of connections that are gone, once it is more than of those that are there.
    fn tidy(&mut self) {
        if self.due.len() > 4 * self.flows.len() + 1024 {
            let flows = &self.flows;
            self.due.retain(|Reverse((due, ordinal, key))| {
                flows.peek(key).is_some_and(|flow| flow.ordinal == *ordinal && flow.due == *due)
            });
        }
    }
}

/// Sender and receiver, and whether the receiver may answer under the same numbers.
fn ends(datagram: &Datagram<'_>, segment: &Segment<'_>) -> ([Place; 2], bool) {
    let (ports, answered) = match segment {
        Segment::Tcp(segment) => ([segment.source, segment.destination], true),
        Segment::Udp(datagram) => ([datagram.source, datagram.destination], true),
        Segment::Icmp(Icmp { kind, code, .. }) => match counterpart(datagram.protocol, *kind) {
            Some(answer) => ([u16::from(*kind), u16::from(answer)], true),
            None => ([u16::from(*kind), u16::from(*code)], false),
        },
    };
    ([(datagram.source, ports[0]), (datagram.destination, ports[1])], answered)
}

/// Whether the first packet seen of a connection looks like one of the responder.
fn is_answer(datagram: &Datagram<'_>, segment: &Segment<'_>) -> bool {
    match segment {
        Segment::Tcp(segment) => {
            let (syn, ack) = (segment.flags.syn(), segment.flags.ack());
            let from = is_likely(datagram.protocol, segment.source);
            let to = is_likely(datagram.protocol, segment.destination);
            // a SYN with ACK is not turned around between two servers, or a stealthy scan would be hidden
            let between = !syn && segment.source < segment.destination;
            (!syn || ack) && from && (!to || between)
        }
        Segment::Udp(udp) => is_likely(datagram.protocol, udp.source) && !is_likely(datagram.protocol, udp.destination),
        Segment::Icmp(_) => false,
    }
}

/// The type of ICMP message that answers another one.
///
/// Source: Zeek, `src/packet_analysis/protocol/icmp/ICMP.cc`.
fn counterpart(protocol: u8, kind: u8) -> Option<u8> {
    let pairs: &[[u8; 2]] = if protocol == ICMP6 {
        &[[128, 129], [133, 134], [135, 136], [130, 131], [139, 140], [144, 145]]
    } else {
        &[[8, 0], [13, 14], [15, 16], [10, 9], [17, 18]]
    };
    pairs.iter().find_map(|[ask, answer]| match kind {
        kind if kind == *ask => Some(*answer),
        kind if kind == *answer => Some(*ask),
        _ => None,
    })
}
