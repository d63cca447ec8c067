//! The pieces of syslog that fuzzing looks at one by one.

use std::net::SocketAddr;

use super::framing::{Frame, Framer, Framing, HEAD};
use super::{SyslogSettings, message::Reading};
use crate::event::ReceivedTime;

/// Messages, and whether they were cut.
pub(crate) type Frames = Vec<(Vec<u8>, bool)>;

/// The messages of a stream that comes in these pieces, through a buffer as a connection has one.
pub(crate) fn frames(framing: Framing, pieces: &[&[u8]], most: usize) -> Frames {
    let mut framer = Framer::new(framing, most);
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for (place, piece) in pieces.iter().enumerate() {
        buffer.extend_from_slice(piece);
        let ended = place + 1 == pieces.len();
        let used = framer.split(&buffer, ended, |frame| found.push((frame.text.to_vec(), frame.cut)));
        buffer.drain(..used);
        assert!(buffer.len() < most + HEAD + 1, "a buffer of {} would be full", most + HEAD);
    }
    assert!(buffer.is_empty(), "what is left at the end: {buffer:?}");
    found
}

/// The event that a message becomes.
pub(crate) fn event(text: &[u8], cut: bool, peer: SocketAddr) -> Vec<u8> {
    let reading: Reading = SyslogSettings::default().reading();
    let mut out = Vec::new();
    reading.write(&mut out, Frame { text, cut }, peer, ReceivedTime::from_micros(1_795_000_000_000_000));
    out
}
