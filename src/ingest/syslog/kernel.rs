//! What the kernel dropped of a UDP socket's datagrams because nobody took them in time: `/proc/net/udp`.

use std::fs;
use std::os::fd::AsRawFd;

/// Asks for the drops of one socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: Option<String>,
    /// What was told before.
    told: u64,
}

impl Drops {
    /// Of this socket. Where the system has no such table, nothing is ever told.
    pub fn of(socket: &impl AsRawFd) -> Self {
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok();
        let inode = link.and_then(|link| {
            let name = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(name.to_owned())
        });
        Self { inode, told: 0 }
    }

    /// How many were dropped since the last time.
    pub fn more(&mut self) -> u64 {
        let Some(inode) = &self.inode else { return 0 };
        let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
        let total = tables.iter().find_map(|table| drops(&fs::read_to_string(table).ok()?, inode));
        let more = total.map_or(0, |total| total.saturating_sub(self.told));
        self.told += more;
        more
    }
}

/// The last column of the socket's line.
fn drops(table: &str, inode: &str) -> Option<u64> {
    let line = table.lines().skip(1).find(|line| line.split_ascii_whitespace().nth(9) == Some(inode))?;
    line.split_ascii_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_stand_in_its_line() {
        let table = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  211: 0100007F:6C4D 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 17
  212: 0100007F:6C4E 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
";
        assert_eq!(drops(table, "4711"), Some(17));
        assert_eq!(drops(table, "4712"), Some(0));
        assert_eq!(drops(table, "0"), None);
    }

    #[test]
    fn what_nobody_takes_is_dropped_by_the_kernel_and_told_once() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut drops = Drops::of(&socket);
        assert_eq!(drops.more(), 0);
        socket2::SockRef::from(&socket).set_recv_buffer_size(1).unwrap();
        for _ in 0..100 {
            socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
        }
        assert!(drops.more() > 50);
        assert_eq!(drops.more(), 0);
    }
}
