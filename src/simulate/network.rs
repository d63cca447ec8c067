//! The office network that the traffic happens in. Addresses outside are documentation ranges (RFC 5737), so that
//! nobody's real address is accused.

use std::net::Ipv4Addr;

use super::chance::Chance;

/// Who is there.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    clients: u32,
}

/// Names, logins and time of the office.
pub const DIRECTORY: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 2);
/// Shared folders.
pub const FILES: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 3);
/// Mail.
pub const MAIL: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 4);
/// The web server that the world sees.
pub const WEB: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 5);
/// An application and its database.
pub const APPLICATION: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 6);
/// Backups.
pub const BACKUP: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 7);
/// Where administrators log in by ssh.
pub const JUMP: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 8);
/// A printer.
pub const PRINTER: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 9);
/// Asks everyone whether they are well.
pub const MONITOR: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 10);
/// An old switch that still speaks telnet.
pub const SWITCH: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 11);
/// The servers that others talk to.
pub const SERVERS: [Ipv4Addr; 7] = [DIRECTORY, FILES, MAIL, WEB, APPLICATION, BACKUP, JUMP];
/// Multicast DNS.
pub const MULTICAST_DNS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// The first ports outside that an attacker's own tools use.
pub const FIRST_EPHEMERAL: u64 = 32_768;

/// How many web sites the office visits.
const SITES: usize = 300;

impl Network {
    /// An office with `clients` clients; fewer than 1 count as 1, more than 200 as 200.
    pub fn new(clients: u32) -> Self {
        Self { clients: clients.clamp(1, 200) }
    }

    /// The client of this number; numbers beyond the last start over.
    pub fn client(self, number: u32) -> Ipv4Addr {
        let number = u8::try_from(number % self.clients).expect("at most 200 clients");
        Ipv4Addr::new(10, 20, 1, 10 + number)
    }

    /// Any client.
    pub fn any_client(self, chance: &mut Chance) -> Ipv4Addr {
        let number = chance.between(0, u64::from(self.clients) - 1);
        self.client(u32::try_from(number).expect("at most 200 clients"))
    }

    /// A web site, the popular ones more often.
    pub fn site(self, chance: &mut Chance) -> Ipv4Addr {
        outside(chance.popular(SITES))
    }

    /// Somebody out there.
    pub fn stranger(self, chance: &mut Chance) -> Ipv4Addr {
        outside(SITES + usize::try_from(chance.between(0, 399)).expect("small"))
    }
}

/// Address number `number` of the documentation ranges, hosts 1 to 250 of each.
fn outside(number: usize) -> Ipv4Addr {
    let host = u8::try_from(number % 250 + 1).expect("at most 250");
    match number / 250 {
        0 => Ipv4Addr::new(192, 0, 2, host),
        1 => Ipv4Addr::new(198, 51, 100, host),
        _ => Ipv4Addr::new(203, 0, 113, host),
    }
}

/// Whether an address belongs to the office, as Zeek's `local_orig` and `local_resp` tell.
pub fn is_local(address: Ipv4Addr) -> bool {
    address.is_private()
}

/// A port that clients connect from.
pub fn client_port(chance: &mut Chance) -> u16 {
    u16::try_from(chance.between(FIRST_EPHEMERAL, 60_999)).expect("a port")
}
