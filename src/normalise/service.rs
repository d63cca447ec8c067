//! The KDD-99 service of a connection, from its protocol and port.
//!
//! The table that KDD-99 was made with is not public. This one has the IANA and old Unix names of its symbols, and
//! for ports without a name the rule that fits the data: `private` below 1024 (port 161 of UDP carries SNMP, which
//! the files call `private`), `other` from 1024 on. The common rule "`private` from 49152 on" does not fit them.

use super::connection::Transport;
use crate::features::symbols::{SERVICES, Symbol};

const TCP: &[(u16, &str)] = &[
    (7, "echo"),
    (9, "discard"),
    (11, "systat"),
    (13, "daytime"),
    (15, "netstat"),
    (20, "ftp_data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (37, "time"),
    (42, "name"),
    (43, "whois"),
    (53, "domain"),
    (57, "mtp"),
    (70, "gopher"),
    (71, "remote_job"),
    (72, "remote_job"),
    (73, "remote_job"),
    (74, "remote_job"),
    (77, "rje"),
    (79, "finger"),
    (80, "http"),
    (84, "ctf"),
    (87, "link"),
    (95, "supdup"),
    (101, "hostnames"),
    (102, "iso_tsap"),
    (105, "csnet_ns"),
    (109, "pop_2"),
    (110, "pop_3"),
    (111, "sunrpc"),
    (113, "auth"),
    (117, "uucp_path"),
    (119, "nntp"),
    (137, "netbios_ns"),
    (138, "netbios_dgm"),
    (139, "netbios_ssn"),
    (143, "imap4"),
    (150, "sql_net"),
    (175, "vmnet"),
    (179, "bgp"),
    (194, "IRC"),
    (210, "Z39_50"),
    (389, "ldap"),
    (433, "nnsp"),
    (443, "http_443"),
    (512, "exec"),
    (513, "login"),
    (514, "shell"),
    (515, "printer"),
    (520, "efs"),
    (530, "courier"),
    (540, "uucp"),
    (543, "klogin"),
    (544, "kshell"),
];

/// Ports below this one belong to the system.
const SYSTEM_PORTS: u16 = 1024;

/// The services, looked up once; 1 KiB.
#[derive(Debug)]
pub struct Services {
    tcp: Box<[Symbol]>,
    private: Symbol,
    other: Symbol,
    irc: Symbol,
    x11: Symbol,
    http_2784: Symbol,
    http_8001: Symbol,
    domain_u: Symbol,
    tftp_u: Symbol,
    ntp_u: Symbol,
    ecr_i: Symbol,
    eco_i: Symbol,
    urp_i: Symbol,
    urh_i: Symbol,
    red_i: Symbol,
    tim_i: Symbol,
}

impl Default for Services {
    /// Looks them up.
    fn default() -> Self {
        let of = |name| Symbol::of(SERVICES, name);
        let mut tcp = vec![of("private"); usize::from(SYSTEM_PORTS)].into_boxed_slice();
        for (port, name) in TCP {
            tcp[usize::from(*port)] = of(name);
        }
        Self {
            tcp,
            private: of("private"),
            other: of("other"),
            irc: of("IRC"),
            x11: of("X11"),
            http_2784: of("http_2784"),
            http_8001: of("http_8001"),
            domain_u: of("domain_u"),
            tftp_u: of("tftp_u"),
            ntp_u: of("ntp_u"),
            ecr_i: of("ecr_i"),
            eco_i: of("eco_i"),
            urp_i: of("urp_i"),
            urh_i: of("urh_i"),
            red_i: of("red_i"),
            tim_i: of("tim_i"),
        }
    }
}

impl Services {
    /// The service at `port`, the destination's; unknown for other protocols than TCP and UDP.
    pub fn of_port(&self, transport: Transport, port: u16) -> Symbol {
        match transport {
            Transport::Tcp => self.of_tcp(port),
            Transport::Udp => match port {
                53 => self.domain_u,
                69 => self.tftp_u,
                123 => self.ntp_u,
                _ if port < SYSTEM_PORTS => self.private,
                _ => self.other,
            },
            Transport::Icmp | Transport::Other => Symbol::UNKNOWN,
        }
    }

    fn of_tcp(&self, port: u16) -> Symbol {
        match port {
            0..SYSTEM_PORTS => self.tcp[usize::from(port)],
            2784 => self.http_2784,
            6000..=6063 => self.x11,
            6667 => self.irc,
            8001 => self.http_8001,
            _ => self.other,
        }
    }

    /// The service of an ICMP message; KDD-99's own symbol for the rest, `oth_i`, is in none of its public files.
    pub fn of_icmp(&self, kind: u16, code: u16) -> Symbol {
        match (kind, code) {
            (0, _) => self.ecr_i,
            (8, _) => self.eco_i,
            (3, 1) => self.urh_i,
            (3, 0 | 3) => self.urp_i,
            (5, _) => self.red_i,
            (11, _) => self.tim_i,
            _ => Symbol::UNKNOWN,
        }
    }

    /// The same for ICMPv6, which KDD-99 does not have: the message of the same meaning.
    pub fn of_icmp6(&self, kind: u16, code: u16) -> Symbol {
        match (kind, code) {
            (129, _) => self.ecr_i,
            (128, _) => self.eco_i,
            (1, 4) => self.urp_i,
            (1, 0 | 3) => self.urh_i,
            (137, _) => self.red_i,
            (3, _) => self.tim_i,
            _ => Symbol::UNKNOWN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_service_is_in_the_vocabulary() {
        let services = Services::default();
        for (port, name) in TCP {
            assert_eq!(services.of_port(Transport::Tcp, *port).word(SERVICES), *name, "{port}");
        }
        for (port, name) in
            [(6667, "IRC"), (6000, "X11"), (6063, "X11"), (6064, "other"), (2784, "http_2784"), (8001, "http_8001")]
        {
            assert_eq!(services.of_port(Transport::Tcp, port).word(SERVICES), name, "{port}");
        }
    }

    #[test]
    fn ports_without_a_name_are_private_below_1024_and_other_above() {
        let services = Services::default();
        for (transport, port, name) in [
            (Transport::Udp, 53, "domain_u"),
            (Transport::Udp, 69, "tftp_u"),
            (Transport::Udp, 123, "ntp_u"),
            (Transport::Udp, 161, "private"),
            (Transport::Udp, 1023, "private"),
            (Transport::Udp, 1024, "other"),
            (Transport::Udp, 50_000, "other"),
            (Transport::Udp, 80, "private"),
            (Transport::Tcp, 0, "private"),
            (Transport::Tcp, 445, "private"),
            (Transport::Tcp, 1024, "other"),
            (Transport::Tcp, 65_535, "other"),
            (Transport::Other, 80, "unknown"),
        ] {
            assert_eq!(services.of_port(transport, port).word(SERVICES), name, "{transport:?} {port}");
        }
    }

    #[test]
    fn icmp_messages_have_kdd_names() {
        let services = Services::default();
        for (kind, code, name) in [
            (0, 0, "ecr_i"),
            (8, 0, "eco_i"),
            (3, 0, "urp_i"),
            (3, 3, "urp_i"),
            (3, 1, "urh_i"),
            (3, 4, "unknown"),
            (5, 1, "red_i"),
            (11, 0, "tim_i"),
            (13, 0, "unknown"),
        ] {
            assert_eq!(services.of_icmp(kind, code).word(SERVICES), name, "{kind}/{code}");
        }
        assert_eq!(services.of_icmp6(128, 0).word(SERVICES), "eco_i");
        assert_eq!(services.of_icmp6(135, 0).word(SERVICES), "unknown");
    }
}
