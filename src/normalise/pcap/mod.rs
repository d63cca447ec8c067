//! Packets as connections: a capture (pcap or pcapng) read from front to back, its connections given as Zeek would
//! have logged them.
//!
//! [`connections`] is the whole face of it: it takes a reader and gives one JSON object for each connection, in the
//! order in which they end, shaped as a line of Zeek's conn.log. What comes out goes the way of any other event, so a
//! capture and the Zeek log of the same traffic are understood by one piece of code:
//!
//! ```no_run
//! use oversight::normalise::{file, pcap};
//!
//! let reader = file::open("capture.pcap.gz".as_ref())?;
//! let mut connections = pcap::connections(reader, &pcap::Settings::default())?;
//! for event in &mut connections {
//!     println!("{}", event?);
//! }
//! eprintln!("{}", connections.report());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What always holds
//! - Any bytes give connections, counts in the [`Report`] and at most one fault (the place where a capture is damaged,
//!   told once, before the connections that were open there); never a panic.
//! - Memory is bounded by [`Settings`]: of more connections the ones not seen for longest end early, which is counted.
//! - Times are those of the packets; what ends by time ends by the latest time seen.
//!
//! # What is Zeek's and what is not
//! States, history letters, byte counts by sequence numbers, timeouts and who counts as originator are Zeek's, read off its
//! sources (`src/packet_analysis/protocol`, `src/analyzer/protocol/tcp`, `scripts/base/protocols/conn`). Different on
//! purpose: checksums are not verified (captures made where a network card computes them are full of wrong ones);
//! byte counts and duration are told of connections of one packet too; `tunnel_parents` is not told; `kdd` holds content
//! features where the payload is clear text, `tls`, `dns` and `url` the name that was asked for.

mod capture;
mod content;
mod datagram;
mod error;
mod flow;
mod fragments;
mod history;
mod link;
mod record;
mod report;
mod segment;
mod server_ports;
mod table;
mod tcp;
mod tunnel;

use std::collections::VecDeque;
use std::io::Read;

use capture::{Capture, Packet};
pub(super) use content::{Findings, Ftp, Http};
pub use error::CaptureError;
use error::Skipped;
use fragments::Fragments;
pub use report::Report;
use segment::Segment;
use table::Table;

/// Bounds of what is kept while a capture is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Connections under way at once, at least 1; each takes about 1 KiB. Payload that waits for earlier one takes 128 MiB at
    /// most, in all of them.
    pub connections: usize,
    /// Fragmented datagrams under way at once, at least 1; each takes up to 64 KiB.
    pub fragments: usize,
    /// Bytes of either side of a connection that are searched for content features.
    pub content: u32,
}

impl Default for Settings {
    /// 131,072 connections, 512 datagrams, 256 KiB.
    fn default() -> Self {
        Self { connections: 131_072, fragments: 512, content: 256 << 10 }
    }
}

/// Whether a file with these first bytes (4 suffice) is a capture.
pub fn is_capture(start: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 6] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x34, 0xcd, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGICS.iter().any(|magic| start.starts_with(magic))
}

/// Reads a capture; see the room's description.
///
/// # Errors
/// When the first bytes cannot be read or belong to no capture.
pub fn connections<'r>(reader: impl Read + Send + 'r, settings: &Settings) -> Result<Connections<'r>, CaptureError> {
    Ok(Connections {
        capture: Some(Capture::open(reader)?),
        packet: Packet::default(),
        fragments: Fragments::new(settings.fragments),
        table: Table::new(settings),
        finished: VecDeque::new(),
        report: Report::default(),
    })
}

/// The connections of a capture, each as one JSON object, in the order of their ends.
pub struct Connections<'r> {
    /// None behind the capture's end.
    capture: Option<Capture<'r>>,
    packet: Packet,
    fragments: Fragments,
    table: Table,
    finished: VecDeque<String>,
    report: Report,
}

impl Connections<'_> {
    /// What was read so far, and what of it could not be used.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Takes the packet that was read.
    fn take(&mut self) {
        self.report.packets += 1;
        self.report.truncated += u64::from(self.packet.data.len() < self.packet.length as usize);
        self.table.expire(self.packet.nanos, &mut self.finished);
        if let Err(skipped) = self.place() {
            self.report.skip(skipped);
        }
        self.report.evicted = self.table.evicted();
    }

    /// Puts the packet where it belongs, and what it carries if it is one of a tunnel.
    fn place(&mut self) -> Result<(), Skipped> {
        let Self { packet: Packet { nanos, link, length, data }, fragments, table, finished, report, .. } = self;
        let missing = (*length as usize).saturating_sub(data.len());
        let mut packet = datagram::read(link::internet(*link, data)?, missing)?;
        for _ in 0..tunnel::MOST {
            let part = tunnel::innermost(packet)?;
            if part.fragment.is_some() {
                let whole = fragments.add(&part, *nanos, report)?;
                let datagram = tunnel::innermost(whole.of(&part))?;
                let segment = Segment::read(&datagram)?;
                table.take(*nanos, &datagram, &segment, whole.wrong, finished);
                return Ok(());
            }
            let segment = Segment::read(&part)?;
            table.take(*nanos, &part, &segment, 0, finished);
            // what is no IP within it was told with the tunnel
            let carried = tunnel::carried(&segment).and_then(|frame| link::of_ethernet(frame).ok());
            let Some(inner) = carried else { break };
            packet = datagram::read(inner, missing)?;
        }
        Ok(())
    }

    /// Nothing more can be read: at the end of the file, or because of `fault`.
    fn end_of(&mut self, fault: Option<&CaptureError>) {
        self.report.skipped_blocks = self.capture.take().map_or(0, |capture| capture.skipped());
        self.report.incomplete_datagrams += self.fragments.waiting();
        self.report.damage = fault.map(ToString::to_string);
    }
}

impl Iterator for Connections<'_> {
    type Item = Result<String, CaptureError>;

    /// The next connection. Where the capture is damaged this is told, once, and the connections that were open there follow.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.finished.pop_front() {
                self.report.connections += 1;
                return Some(Ok(event));
            }
            let Some(capture) = &mut self.capture else {
                let event = self.table.close_next()?;
                self.report.connections += 1;
                return Some(Ok(event));
            };
            match capture.next(&mut self.packet) {
                Ok(true) => self.take(),
                Ok(false) => self.end_of(None),
                Err(fault) => {
                    self.end_of(Some(&fault));
                    return Some(Err(fault));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
