//! Community ID, version 1 with seed 0: a name for a connection that all tools give alike, whichever direction they saw
//! first.
//!
//! Source: corelight/community-id-spec, README.

use std::net::IpAddr;

use sha1::{Digest, Sha1};

use super::connection::{Address, Connection, Transport};

/// The digits of base64.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// `1:` and 20 bytes in base64.
const LENGTH: usize = 2 + 28;

/// A Community ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommunityId([u8; LENGTH]);

impl CommunityId {
    /// The text, such as `1:LQU9qZlK+B5F3KDmev6m5PMibrg=`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

/// The Community ID of a connection; none where its protocol is not known, or an address is a name.
pub fn community_id(connection: &Connection<'_>) -> Option<CommunityId> {
    let (Address::Ip(source), Address::Ip(destination)) = (connection.source.address, connection.destination.address)
    else {
        return None;
    };
    let number = connection.number?;
    let ports = ports(connection, number);
    let one_way = ports.is_some_and(|(.., one_way)| one_way);
    let (mut first, mut second) = ((source, ports.map(|ports| ports.0)), (destination, ports.map(|ports| ports.1)));
    if !one_way && (octets(first.0).as_slice(), first.1) > (octets(second.0).as_slice(), second.1) {
        std::mem::swap(&mut first, &mut second);
    }
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    hash.update(octets(first.0).as_slice());
    hash.update(octets(second.0).as_slice());
    hash.update([number, 0]);
    if let (Some(first), Some(second)) = (first.1, second.1) {
        hash.update(first.to_be_bytes());
        hash.update(second.to_be_bytes());
    }
    Some(encode(&hash.finalize()))
}

/// The two ports that count, and whether they keep their order: of ICMP, a message and the one that answers it. None for
/// protocols without ports.
fn ports(connection: &Connection<'_>, number: u8) -> Option<(u16, u16, bool)> {
    let (source, destination) = connection.source.port.zip(connection.destination.port)?;
    match (connection.transport, number) {
        (Transport::Icmp, 1) => Some(icmp(source, destination, ANSWERS)),
        (Transport::Icmp, _) => Some(icmp(source, destination, ANSWERS_V6)),
        (Transport::Tcp | Transport::Udp, _) | (_, 132) => Some((source, destination, false)),
        (Transport::Other, _) => None,
    }
}

/// Types of ICMP, each with the type that answers it.
const ANSWERS: &[(u16, u16)] = &[(8, 0), (13, 14), (15, 16), (10, 9), (17, 18)];
/// The same of ICMPv6.
const ANSWERS_V6: &[(u16, u16)] = &[(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)];

fn icmp(kind: u16, code: u16, answers: &[(u16, u16)]) -> (u16, u16, bool) {
    let answer = answers.iter().find_map(|&(asks, answers)| match kind {
        _ if kind == asks => Some(answers),
        _ if kind == answers => Some(asks),
        _ => None,
    });
    answer.map_or((kind, code, true), |answer| (kind, answer, false))
}

/// An address' bytes in the order of the network, and how many.
struct Octets([u8; 16], usize);

impl Octets {
    fn as_slice(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

fn octets(address: IpAddr) -> Octets {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            Octets(bytes, 4)
        }
        IpAddr::V6(address) => Octets(address.octets(), 16),
    }
}

fn encode(hash: &[u8]) -> CommunityId {
    let mut out = [b'='; LENGTH];
    out[..2].copy_from_slice(b"1:");
    for (place, three) in hash.chunks(3).enumerate() {
        let word = (0..3).fold(0_u32, |word, at| word << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for (at, digit) in out[2 + place * 4..].iter_mut().take(three.len() + 1).enumerate() {
            *digit = BASE64[(word >> (18 - 6 * at) & 63) as usize];
        }
    }
    CommunityId(out)
}

#[cfg(test)]
mod tests {
    use super::super::{Normaliser, Record};

    /// The Community ID of a flow; ICMP types and codes stand for ports.
    fn id(proto: &str, source: (&str, u16), destination: (&str, u16)) -> Option<String> {
        let body = format!(
            r#"{{"uid":"C","conn_state":"SF","proto":"{proto}","id.orig_h":"{}","id.orig_p":{},"id.resp_h":"{}","id.resp_p":{}}}"#,
            source.0, source.1, destination.0, destination.1
        );
        let mut normaliser = Normaliser::new(&[]);
        let view = normaliser.read(body.as_bytes()).expect("valid");
        let Record::Connection(connection) = view.record else { panic!("a connection") };
        super::community_id(&connection).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn the_published_vectors_come_out() {
        // from the reference implementation, corelight/pycommunityid
        for (proto, source, destination, expected) in [
            ("tcp", ("128.232.110.120", 34855), ("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            ("tcp", ("66.35.250.204", 80), ("128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            ("udp", ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            ("icmp", ("192.168.0.89", 8), ("192.168.0.1", 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            ("icmp", ("192.168.0.1", 0), ("192.168.0.89", 8), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            ("icmp", ("192.168.0.89", 20), ("192.168.0.1", 0), "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="),
            ("icmp", ("192.168.0.89", 20), ("192.168.0.1", 1), "1:tz/fHIDUHs19NkixVVoOZywde+I="),
            (
                "icmp",
                ("fe80::200:86ff:fe05:80da", 135),
                ("fe80::260:97ff:fe07:69ea", 0),
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
            ),
            (
                "icmp",
                ("3ffe:507:0:1:200:86ff:fe05:80da", 3),
                ("3ffe:507:0:1:260:97ff:fe07:69ea", 0),
                "1:/OGBt9BN1ofenrmSPWYicpij2Vc=",
            ),
            ("icmp", ("fe80::260:97ff:fe07:69ea", 134), ("ff02::1", 0), "1:pkvHqCL88/tg1k4cPigmZXUtL00="),
            (
                "sctp\",\"ip_proto\":132,\"x\":\"",
                ("192.168.170.8", 7),
                ("192.168.170.56", 7),
                "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=",
            ),
        ] {
            assert_eq!(id(proto, source, destination).as_deref(), Some(expected), "{proto} {source:?}");
        }
    }

    #[test]
    fn a_host_that_is_a_name_has_none() {
        assert_eq!(id("tcp", ("client", 1), ("10.0.0.1", 2)), None);
    }
}
