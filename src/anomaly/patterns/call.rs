//! What one event tells the patterns: a call of one host to another, or questions of DNS.

use crate::event::EventTime;
use crate::normalise::{Address, Transport};

use super::super::fields::{hash_bytes, mix};

/// A connection, as far as patterns look at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Call<'a> {
    /// Who opened it.
    pub source: Address<'a>,
    /// Who answered, or was to.
    pub destination: Address<'a>,
    /// The port that was called; 0 where it is not known.
    pub port: u16,
    /// The protocol above IP.
    pub transport: Transport,
    /// Payload bytes that the source sent.
    pub sent: Option<u64>,
    /// Seconds.
    pub duration: Option<f64>,
    /// When it began, where that is told.
    pub started: Option<EventTime>,
    /// The name that was asked for: of a TLS greeting or an HTTP request.
    pub name: Option<&'a str>,
    /// Whether it was told before, by the event of its other side.
    pub is_again: bool,
}

/// Ports of services that call regularly because they are made to: DNS, DHCP, NTP, NetBIOS, DHCPv6, SSDP, mDNS, LLMNR.
const CLOCKWORK: [u16; 11] = [53, 67, 68, 123, 137, 138, 546, 547, 1900, 5353, 5355];

impl Call<'_> {
    /// Whether its regularity may mean something: none of the services that are made to be regular, and no call to
    /// everybody.
    pub(super) fn may_beacon(&self) -> bool {
        let everybody = match self.destination {
            Address::Ip(std::net::IpAddr::V4(to)) => to.is_multicast() || to.is_broadcast() || to.octets()[3] == 255,
            Address::Ip(std::net::IpAddr::V6(to)) => to.is_multicast(),
            Address::Name(_) => false,
        };
        let plain = matches!(self.transport, Transport::Tcp | Transport::Udp);
        let clockwork = self.transport == Transport::Udp && CLOCKWORK.contains(&self.port);
        plain && !everybody && !clockwork && !self.is_again
    }

    /// 64 bits that stand for who calls whom, at which port.
    pub(super) fn key(&self) -> u64 {
        let way = u64::from(self.port) << 8 | self.transport as u64;
        mix(mix(folded(self.source), folded(self.destination)), way)
    }

    /// 64 bits that stand for who asks for which name.
    pub(super) fn key_of_name(&self, name: &str) -> u64 {
        mix(folded(self.source), hash_bytes(name.as_bytes()))
    }
}

fn folded(address: Address<'_>) -> u64 {
    let key = address.key();
    mix(key as u64, (key >> 64) as u64)
}

/// An address as documents have it.
pub(super) fn text(address: Address<'_>) -> Box<str> {
    match address {
        Address::Ip(address) => address.to_string().into(),
        Address::Name(name) => name.into(),
    }
}

/// The field of ECS that holds an address of this side (`source`, `destination`).
pub(super) fn field(side: &str, address: &str) -> String {
    let kind = if address.parse::<std::net::IpAddr>().is_ok() { "ip" } else { "address" };
    format!("{side}.{kind}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A call at a number of seconds.
    pub(in super::super) fn call(from: u32, to: u32, port: u16, sent: u64) -> Call<'static> {
        let address = |number: u32| Address::Ip(std::net::Ipv4Addr::from_bits(0x0a00_0000 | number).into());
        Call {
            source: address(from),
            destination: address(to),
            port,
            transport: Transport::Tcp,
            sent: Some(sent),
            duration: Some(0.2),
            started: None,
            name: None,
            is_again: false,
        }
    }

    #[test]
    fn clocks_and_calls_to_everybody_are_no_beacons() {
        let calling = call(1, 2, 443, 1);
        assert!(calling.may_beacon());
        assert!(Call { port: 123, ..calling }.may_beacon(), "over TCP it is no clock");
        assert!(!Call { port: 123, transport: Transport::Udp, ..calling }.may_beacon());
        assert!(!Call { destination: Address::of("ff02::2"), ..calling }.may_beacon());
        assert!(!Call { destination: Address::of("10.0.0.255"), ..calling }.may_beacon());
        assert!(!Call { transport: Transport::Icmp, ..calling }.may_beacon());
    }

    #[test]
    fn who_whom_and_where_are_told_apart() {
        let calling = call(1, 2, 443, 1);
        let others = [call(2, 1, 443, 1), call(1, 2, 444, 1), call(1, 3, 443, 1)];
        assert!(others.iter().all(|other| other.key() != calling.key()));
        assert_eq!(call(1, 2, 443, 9).key(), calling.key());
        assert_ne!(calling.key_of_name("a.example"), calling.key_of_name("b.example"));
    }
}
