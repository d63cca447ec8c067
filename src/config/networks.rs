//! Sets of networks that a condition on an address names: CIDR blocks, and the ranges by name that Elasticsearch's
//! `network_direction` processor knows (`private`, `public`, `loopback`, `link_local`, `multicast`).

use std::net::{IpAddr, Ipv6Addr};

/// The ranges that have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Private,
    Public,
    Loopback,
    LinkLocal,
    Multicast,
}

impl Named {
    const ALL: [(&'static str, Self); 5] = [
        ("private", Self::Private),
        ("public", Self::Public),
        ("loopback", Self::Loopback),
        ("link_local", Self::LinkLocal),
        ("multicast", Self::Multicast),
    ];

    fn contains(self, address: IpAddr) -> bool {
        match self {
            Self::Private => match address {
                IpAddr::V4(v4) => v4.is_private(),
                IpAddr::V6(v6) => v6.is_unique_local(),
            },
            Self::Loopback => address.is_loopback(),
            Self::LinkLocal => match address {
                IpAddr::V4(v4) => v4.is_link_local(),
                IpAddr::V6(v6) => v6.is_unicast_link_local(),
            },
            Self::Multicast => address.is_multicast(),
            Self::Public => {
                let elsewhere = [Self::Private, Self::Loopback, Self::LinkLocal, Self::Multicast];
                let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
                !address.is_unspecified() && !broadcast && !elsewhere.iter().any(|named| named.contains(address))
            }
        }
    }
}

/// One block, on the IPv6 scale (IPv4 as mapped addresses).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    bits: u128,
    mask: u128,
}

/// Addresses that lie in any of its ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    named: Vec<Named>,
    blocks: Vec<Block>,
}

impl Networks {
    /// No address.
    pub const NONE: Self = Self { named: Vec::new(), blocks: Vec::new() };

    /// Reads names and blocks.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse(texts: &[String]) -> Result<Self, &str> {
        let mut networks = Self::NONE;
        for text in texts {
            match Named::ALL.iter().find(|(name, _)| name == text) {
                Some((_, named)) => networks.named.push(*named),
                None => networks.blocks.push(block(text).ok_or(text.as_str())?),
            }
        }
        Ok(networks)
    }

    /// Whether the address lies in one of them; an IPv4 address that is written as IPv6 counts as IPv4.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let bits = on_one_scale(address);
        self.named.iter().any(|named| named.contains(address))
            || self.blocks.iter().any(|block| bits & block.mask == block.bits)
    }
}

fn on_one_scale(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or a single address. Bits behind the prefix are not looked at.
fn block(text: &str) -> Option<Block> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(width);
    let host_bits = width.checked_sub(length)?;
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    Some(Block { bits: on_one_scale(address) & mask, mask })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).expect("fine")
    }

    fn contain(texts: &[&str], address: &str) -> bool {
        networks(texts).contain(address.parse().expect("an address"))
    }

    #[test]
    fn every_address_is_private_public_or_of_a_special_kind() {
        for (address, kind) in [
            ("10.1.2.3", "private"),
            ("192.168.0.1", "private"),
            ("fd00::1", "private"),
            ("8.8.8.8", "public"),
            ("2001:4860::8888", "public"),
            ("::ffff:8.8.8.8", "public"),
            ("::ffff:10.0.0.1", "private"),
            ("127.0.0.1", "loopback"),
            ("169.254.1.1", "link_local"),
            ("fe80::1", "link_local"),
            ("224.0.0.251", "multicast"),
        ] {
            for (name, _) in Named::ALL {
                assert_eq!(contain(&[name], address), name == kind, "{address} {name}");
            }
        }
        assert!(!contain(&["public"], "255.255.255.255") && !contain(&["public"], "0.0.0.0"));
    }

    #[test]
    fn blocks_hold_what_shares_their_prefix() {
        assert!(contain(&["10.0.0.0/8"], "10.255.0.1") && !contain(&["10.0.0.0/8"], "11.0.0.0"));
        assert!(contain(&["2001:db8::/32"], "2001:db8:1::1") && !contain(&["2001:db8::/32"], "2001:db9::"));
        assert!(contain(&["0.0.0.0/0"], "1.2.3.4") && !contain(&["0.0.0.0/0"], "2001:db8::1"));
        assert!(contain(&["::/0"], "1.2.3.4") && contain(&["1.2.3.4"], "1.2.3.4"));
        assert!(contain(&["10.9.9.9/8", "public"], "10.0.0.1"));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in ["10.0.0.0/33", "10.0.0/8", "internal", "", "10.0.0.0/", "::/129"] {
            assert_eq!(Networks::parse(&[text.to_owned()]), Err(text));
        }
    }
}
