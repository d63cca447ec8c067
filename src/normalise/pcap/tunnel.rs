//! Packets within packets: what a tunnel carries is what connections are told of, as Zeek does it.
//!
//! IP in IP, 6in4 and GRE are taken off, since what is outside has no ports and so no connection. VXLAN is a connection of UDP
//! itself, so both are told. Encrypted tunnels, and Teredo, Geneve and GTP, are told as the connections that they are outside.
//!
//! Sources: RFC 2003, 4213, 2784, 2890, 2637, 7348.

use super::datagram::{self, Datagram};
use super::error::Skipped;
use super::link;
use super::segment::Segment;

/// Tunnels within each other.
pub const MOST: usize = 4;

const IP_IN_IP: u8 = 4;
const IPV6: u8 = 41;
const GRE: u8 = 47;
/// The port of VXLAN.
const VXLAN: u16 = 4789;

/// The innermost packet of one that holds others; any other as it is.
pub fn innermost(outer: Datagram<'_>) -> Result<Datagram<'_>, Skipped> {
    let mut packet = outer;
    for _ in 0..=MOST {
        let missing = packet.payload_length.saturating_sub(packet.payload.len());
        let inner = match packet.protocol {
            // the rest of it may come in another fragment
            _ if packet.fragment.is_some() => return Ok(packet),
            IP_IN_IP | IPV6 => packet.payload,
            GRE => behind_gre(packet.payload)?,
            _ => return Ok(packet),
        };
        packet = datagram::read(inner, missing)?;
    }
    Err(Skipped::Malformed)
}

/// The frame that a datagram of VXLAN carries.
pub fn carried<'a>(segment: &Segment<'a>) -> Option<&'a [u8]> {
    match segment {
        Segment::Udp(udp) if udp.destination == VXLAN => match udp.payload {
            // the bit says that the network has a number
            [flags, _, _, _, _, _, _, _, frame @ ..] if flags & 0x08 != 0 => Some(frame),
            _ => None,
        },
        _ => None,
    }
}

/// The IP packet behind a header of GRE; version 1 is that of PPTP.
fn behind_gre(bytes: &[u8]) -> Result<&[u8], Skipped> {
    let [flags, version, kind, protocol, ..] = bytes else { return Err(Skipped::Malformed) };
    let kind = u16::from_be_bytes([*kind, *protocol]);
    // routing has no fixed length, and nobody sends it
    if flags & 0x40 != 0 || version & 7 > 1 {
        return Err(Skipped::Protocol);
    }
    let acknowledges = version & 7 == 1 && version & 0x80 != 0;
    let fields = [flags & 0x80 != 0, flags & 0x20 != 0, flags & 0x10 != 0, acknowledges];
    let header = 4 + 4 * fields.into_iter().filter(|there| *there).count();
    let inner = bytes.get(header..).ok_or(Skipped::Malformed)?;
    match kind {
        _ if inner.is_empty() => Err(Skipped::Protocol),
        0x880b => link::of_ppp(inner),
        // a bridge between two networks
        0x6558 => link::of_ethernet(inner),
        _ => link::by_ether_type(kind, inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet of this protocol that holds `payload`.
    fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(20 + payload.len()).expect("short").to_be_bytes();
        let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend([10, 0, 0, protocol, 10, 0, 1, protocol]);
        packet.extend(payload);
        packet
    }

    fn protocol(packet: &[u8]) -> Result<u8, Skipped> {
        innermost(datagram::read(packet, 0)?).map(|packet| packet.protocol)
    }

    #[test]
    fn what_a_tunnel_carries_is_found_whatever_is_around_it() {
        let within = ip(17, b"12345678");
        let gre = |header: &[u8]| ip(GRE, &[header, &within].concat());
        let mac = [0_u8; 12];
        for packet in [
            ip(IP_IN_IP, &within),
            ip(IP_IN_IP, &ip(IP_IN_IP, &within)),
            gre(&[0, 0, 8, 0]),
            gre(&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]),
            gre(&[0x30, 0x81, 0x88, 0x0b, 0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 3, 0, 0x21]),
            gre(&[&[0x20, 0, 0x65, 0x58, 0, 0, 0, 9], &mac[..], &[0x81, 0, 0, 5, 8, 0]].concat()),
        ] {
            assert_eq!(protocol(&packet), Ok(17), "{packet:x?}");
            // a packet that is cut off is told as broken, never as something else
            for length in 20..packet.len() - within.len() {
                assert!(protocol(&packet[..length]).is_err(), "{length} of {packet:x?}");
            }
        }
        let deep = (0..6).fold(within.clone(), |inner, _| ip(IP_IN_IP, &inner));
        assert_eq!(protocol(&deep), Err(Skipped::Malformed));
        assert_eq!(protocol(&gre(&[0x40, 0, 8, 0])), Err(Skipped::Protocol));
        assert_eq!(protocol(&ip(50, b"esp")), Ok(50));
    }
}
