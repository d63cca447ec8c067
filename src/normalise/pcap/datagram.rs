//! An IP packet: who to whom, which protocol, and how many bytes it says it has, which may be more than were captured.

use std::net::IpAddr;

use etherparse::{Ipv6ExtensionSlice, LaxIpSlice, LenSource};

use super::error::Skipped;

/// An IP packet.
#[derive(Debug, Clone)]
pub struct Datagram<'a> {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// The protocol above IP (behind extension headers).
    pub protocol: u8,
    /// All its bytes, headers included, as the header has them.
    pub length: u64,
    /// Bytes above IP, as the header has them.
    pub payload_length: usize,
    /// Those of them that were captured.
    pub payload: &'a [u8],
    /// Which part of a larger one it is.
    pub fragment: Option<Fragment>,
}

/// The place of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Which datagram of these two hosts.
    pub identification: u32,
    /// Where its payload belongs, in bytes.
    pub offset: etherparse::IpFragOffset,
    /// Whether more follow.
    pub more: bool,
}

/// Reads an IP packet from whose end the capture lacks `missing` bytes of the frame.
pub fn read(bytes: &[u8], missing: usize) -> Result<Datagram<'_>, Skipped> {
    let (packet, _) = LaxIpSlice::from_slice(bytes).map_err(|_| Skipped::Malformed)?;
    let payload = packet.payload().payload;
    let (headers, claimed) = match &packet {
        LaxIpSlice::Ipv4(packet) => {
            let extension = packet.extensions().auth.map_or(0, |header| header.slice().len());
            (packet.header().slice().len() + extension, usize::from(packet.header().total_len()))
        }
        LaxIpSlice::Ipv6(packet) => {
            let header = packet.header().slice().len();
            (header + packet.extensions().slice().len(), header + usize::from(packet.header().payload_length()))
        }
    };
    // a card that cuts packets itself leaves the length 0; then the frame's own length has to do
    let unset = packet.payload().len_source == LenSource::Slice && !packet.payload().incomplete;
    let length = if unset { bytes.len() + missing } else { claimed };
    Ok(Datagram {
        source: packet.source_addr(),
        destination: packet.destination_addr(),
        protocol: packet.payload().ip_number.0,
        length: length as u64,
        payload_length: length.saturating_sub(headers).max(payload.len()),
        payload,
        fragment: fragment(&packet),
    })
}

fn fragment(packet: &LaxIpSlice<'_>) -> Option<Fragment> {
    if !packet.is_fragmenting_payload() {
        return None;
    }
    match packet {
        LaxIpSlice::Ipv4(packet) => Some(Fragment {
            identification: u32::from(packet.header().identification()),
            offset: packet.header().fragments_offset(),
            more: packet.header().more_fragments(),
        }),
        LaxIpSlice::Ipv6(packet) => packet.extensions().clone().into_iter().find_map(|header| match header {
            Ipv6ExtensionSlice::Fragment(header) => Some(Fragment {
                identification: header.identification(),
                offset: header.fragment_offset(),
                more: header.more_fragments(),
            }),
            _ => None,
        }),
    }
}
