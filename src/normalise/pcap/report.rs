//! What was read of a capture, and what of it could not be used.

use std::fmt;

use super::error::Skipped;

/// Counts over one capture; every packet is in `packets`, and those that are part of no connection in one of the
/// others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Packets read.
    pub packets: u64,
    /// Connections given.
    pub connections: u64,
    /// Packets of a kind of link that is not known.
    pub unknown_link: u64,
    /// Packets of other protocols than IP, such as ARP.
    pub not_internet: u64,
    /// Packets whose headers are cut off or contradict themselves.
    pub malformed: u64,
    /// Packets of protocols above IP that have no connections, such as IGMP and ESP.
    pub other_protocols: u64,
    /// Packets of which the capture holds the beginning only; their headers are used.
    pub truncated: u64,
    /// Fragments of IP datagrams.
    pub fragments: u64,
    /// Fragments that overlap, or that do not fit into a datagram.
    pub wrong_fragments: u64,
    /// Fragmented datagrams of which a part never came.
    pub incomplete_datagrams: u64,
    /// Connections that ended early for want of room.
    pub evicted: u64,
    /// Blocks of a pcapng file that hold no packet, and unreadable ones.
    pub skipped_blocks: u64,
    /// Where and how the capture is damaged.
    pub damage: Option<String>,
}

impl Report {
    /// Counts a packet that is part of no connection (yet).
    pub(super) fn skip(&mut self, skipped: Skipped) {
        match skipped {
            Skipped::Link => self.unknown_link += 1,
            Skipped::NotInternet => self.not_internet += 1,
            Skipped::Malformed => self.malformed += 1,
            Skipped::Protocol => self.other_protocols += 1,
            Skipped::Waiting => {}
        }
    }
}

impl fmt::Display for Report {
    /// One line for people; what did not happen is left out.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} packets, {} connections", self.packets, self.connections)?;
        for (count, what) in [
            (self.unknown_link, "packets of an unknown kind of link"),
            (self.not_internet, "packets that are not IP"),
            (self.malformed, "packets with broken headers"),
            (self.other_protocols, "packets of protocols without connections"),
            (self.truncated, "packets cut off by the capture"),
            (self.fragments, "fragments"),
            (self.wrong_fragments, "wrong fragments"),
            (self.incomplete_datagrams, "incomplete datagrams"),
            (self.evicted, "connections ended early for want of room"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        match &self.damage {
            Some(damage) => write!(out, "; {damage}"),
            None => Ok(()),
        }
    }
}
