//! Ports that servers have: they tell who answers where the beginning of a connection was not seen.
//!
//! Source: Zeek's `likely_server_ports`, collected from `scripts/base/protocols/*/main.zeek` and its tunnels.

use super::segment::{TCP, UDP};

const TCP_PORTS: &[u16] = &[
    21, 22, 25, 43, 53, 80, 81, 88, 110, 135, 139, 143, 389, 443, 445, 502, 563, 585, 587, 614, 631, 636, 989, 990,
    992, 993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3269, 3306, 3389, 5060, 5222, 5223, 5269, 5432, 5900, 5901,
    5902, 5903, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8443, 8888, 20_000,
];
const UDP_PORTS: &[u16] = &[
    53, 67, 69, 88, 123, 137, 161, 162, 389, 443, 514, 1812, 2123, 2152, 3389, 3478, 3544, 4011, 4789, 5060, 5072,
    5247, 5353, 5355, 6081, 20_000,
];

/// Whether `port` is one of them.
pub fn is_likely(protocol: u8, port: u16) -> bool {
    let ports = match protocol {
        TCP => TCP_PORTS,
        UDP => UDP_PORTS,
        _ => return false,
    };
    ports.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(TCP_PORTS.is_sorted() && UDP_PORTS.is_sorted());
        assert!(is_likely(TCP, 22) && !is_likely(UDP, 22) && !is_likely(1, 22));
    }
}
