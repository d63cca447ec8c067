//! From what a capture holds of a packet to its IP header: the kinds of links, tags and labels in between.
//!
//! Source: the registry at <https://www.tcpdump.org/linktypes.html>; IEEE 802.3, 802.1Q, 802.11; RFC 2516, 3032.

use super::error::Skipped;

const NULL: i32 = 0;
const ETHERNET: i32 = 1;
const PPP: i32 = 9;
const RAW: [i32; 5] = [12, 14, 101, 228, 229];
const WIRELESS: i32 = 105;
const LOOP: i32 = 108;
const LINUX_SLL: i32 = 113;
const RADIOTAP: i32 = 127;
const LINUX_SLL2: i32 = 276;

/// Tags, labels and the like within each other.
const MOST_TAGS: usize = 8;

/// The IP packet in a frame.
pub fn internet(link: i32, frame: &[u8]) -> Result<&[u8], Skipped> {
    match link {
        ETHERNET => of_ethernet(frame),
        LINUX_SLL => by_ether_type(word(frame, 14)?, behind(frame, 16)?),
        LINUX_SLL2 => by_ether_type(word(frame, 0)?, behind(frame, 20)?),
        // 4 bytes of address family, whose numbers differ from system to system
        NULL | LOOP => by_version(behind(frame, 4)?),
        PPP => of_ppp(frame),
        WIRELESS => wireless(frame),
        RADIOTAP => {
            let length = frame.get(2..4).ok_or(Skipped::Malformed)?;
            wireless(behind(frame, usize::from(u16::from_le_bytes([length[0], length[1]])))?)
        }
        raw if RAW.contains(&raw) => by_version(frame),
        _ => Err(Skipped::Link),
    }
}

/// The IP packet in a frame of Ethernet.
pub fn of_ethernet(frame: &[u8]) -> Result<&[u8], Skipped> {
    by_ether_type(word(frame, 12)?, behind(frame, 14)?)
}

/// The IP packet in a frame of PPP.
pub fn of_ppp(frame: &[u8]) -> Result<&[u8], Skipped> {
    by_ppp(frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame))
}

/// The IP packet behind what this type of Ethernet says.
pub fn by_ether_type(mut kind: u16, mut rest: &[u8]) -> Result<&[u8], Skipped> {
    for _ in 0..MOST_TAGS {
        (kind, rest) = match kind {
            0x0800 | 0x86dd => return Ok(rest),
            // VLAN tags: customer, service, and the old ones of service providers
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => (word(rest, 2)?, behind(rest, 4)?),
            0x8847 | 0x8848 => return by_version(behind_labels(rest)?),
            0x8864 => return by_ppp(behind(rest, 6)?),
            // a length instead of a type: what follows is LLC, perhaps with SNAP
            0..0x0600 if rest.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]) => (word(rest, 6)?, behind(rest, 8)?),
            _ => return Err(Skipped::NotInternet),
        };
    }
    Err(Skipped::Malformed)
}

fn by_ppp(frame: &[u8]) -> Result<&[u8], Skipped> {
    match word(frame, 0)? {
        0x0021 | 0x0057 => behind(frame, 2),
        _ => Err(Skipped::NotInternet),
    }
}

fn by_version(packet: &[u8]) -> Result<&[u8], Skipped> {
    match packet.first().ok_or(Skipped::Malformed)? >> 4 {
        4 | 6 => Ok(packet),
        _ => Err(Skipped::NotInternet),
    }
}

/// Behind MPLS labels, the last of which has the lowest bit of its third byte set.
fn behind_labels(mut rest: &[u8]) -> Result<&[u8], Skipped> {
    for _ in 0..MOST_TAGS {
        let last = rest.get(2).ok_or(Skipped::Malformed)? & 1 == 1;
        rest = behind(rest, 4)?;
        if last {
            return Ok(rest);
        }
    }
    Err(Skipped::Malformed)
}

/// A frame of 802.11: only data frames that are not encrypted hold an IP packet.
fn wireless(frame: &[u8]) -> Result<&[u8], Skipped> {
    let [control, flags]: [u8; 2] = frame.get(..2).ok_or(Skipped::Malformed)?.try_into().expect("two bytes");
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    let (protected, between_stations) = (flags & 0x40 != 0, flags & 0x03 == 0x03);
    // subtypes with bit 2 have no body
    if kind != 2 || subtype & 4 != 0 || protected {
        return Err(Skipped::NotInternet);
    }
    let quality = subtype & 8 != 0;
    let header = 24 + if between_stations { 6 } else { 0 } + if quality { 2 } else { 0 };
    let body = behind(frame, header)?;
    if body.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]) {
        return by_ether_type(word(body, 6)?, behind(body, 8)?);
    }
    Err(Skipped::NotInternet)
}

fn word(bytes: &[u8], at: usize) -> Result<u16, Skipped> {
    let pair = bytes.get(at..at + 2).ok_or(Skipped::Malformed)?;
    Ok(u16::from_be_bytes([pair[0], pair[1]]))
}

fn behind(bytes: &[u8], length: usize) -> Result<&[u8], Skipped> {
    bytes.get(length..).ok_or(Skipped::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: [u8; 4] = [0x45, 0, 0, 20];

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn the_ip_packet_is_found_behind_every_kind_of_link() {
        let macs = [0_u8; 12];
        let snap: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
        for (link, frame) in [
            (1, frame(&[&macs, &[8, 0], &IP])),
            (1, frame(&[&macs, &[0x81, 0, 0, 5, 8, 0], &IP])),
            (1, frame(&[&macs, &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &IP])),
            (1, frame(&[&macs, &[0x88, 0x47, 0, 0, 0, 64, 0, 0, 1, 64], &IP])),
            (1, frame(&[&macs, &[0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0, 0x21], &IP])),
            (1, frame(&[&macs, &[0, 40], snap, &IP])),
            (113, frame(&[&[0; 14], &[8, 0], &IP])),
            (276, frame(&[&[8, 0], &[0; 18], &IP])),
            (0, frame(&[&[2, 0, 0, 0], &IP])),
            (108, frame(&[&[0, 0, 0, 2], &IP])),
            (101, IP.to_vec()),
            (228, IP.to_vec()),
            (9, frame(&[&[0xff, 3, 0, 0x21], &IP])),
            (105, frame(&[&[0x08, 0x01], &[0; 22], snap, &IP])),
            (105, frame(&[&[0x88, 0x03], &[0; 30], snap, &IP])),
            (127, frame(&[&[0, 0, 10, 0, 0, 0, 0, 0, 0, 0], &[0x08, 0x01], &[0; 22], snap, &IP])),
        ] {
            assert_eq!(internet(link, &frame), Ok(&IP[..]), "{link} {frame:x?}");
            for length in 0..frame.len() - IP.len() {
                assert!(
                    internet(link, &frame[..length]).is_err_and(|skipped| skipped != Skipped::Link),
                    "{link} {length}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_ip_is_told_from_what_is_broken() {
        let arp = frame(&[&[0; 12], &[8, 6], &[0; 28]]);
        assert_eq!(internet(1, &arp), Err(Skipped::NotInternet));
        assert_eq!(internet(147, &arp), Err(Skipped::Link));
        let endless = frame(&[&[0; 12], &[0x81, 0, 0, 1].repeat(20)]);
        assert_eq!(internet(1, &endless), Err(Skipped::Malformed));
        let encrypted = frame(&[&[0x08, 0x41], &[0; 40]]);
        assert_eq!(internet(105, &encrypted), Err(Skipped::NotInternet));
    }
}
