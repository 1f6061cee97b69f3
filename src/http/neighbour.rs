//! Whose process is at the other end of a loopback connection. The port is one for all users of a machine; the history is one's.

use std::net::{IpAddr, SocketAddr};

/// Whether the peer at `peer` is another user's, root aside; where the system does not tell, nobody is. A peer that is gone already
/// was nobody who waits for an answer: whose it was is not known any more.
pub fn is_another_users(peer: SocketAddr, own: SocketAddr) -> bool {
    match (table_of(peer), own_user()) {
        (Some(table), Some(user)) => is_of_another_in(&table, peer, own, user),
        _ => false,
    }
}

/// The kernel's table of sockets: <https://docs.kernel.org/networking/proc_net_tcp.html>. None elsewhere than on Linux.
fn table_of(peer: SocketAddr) -> Option<String> {
    let name = if peer.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    std::fs::read_to_string(name).ok()
}

#[cfg(unix)]
fn own_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|own| own.uid())
}

#[cfg(not(unix))]
fn own_user() -> Option<u32> {
    None
}

fn is_of_another_in(table: &str, peer: SocketAddr, own: SocketAddr, user: u32) -> bool {
    let (peer, own) = (spelled(peer), spelled(own));
    let row = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, _, _, _, _, uid, _, inode, ..] = columns[..] else { return None };
        (local == peer && remote == own).then_some((uid.parse::<u32>().ok()?, inode))
    });
    match row {
        // No process holds it any more, and the kernel says that it is root's.
        None | Some((_, "0")) => true,
        Some((uid, _)) => uid != user && uid != 0,
    }
}

/// As the table has it: words of four bytes in the machine's order, and the port.
fn spelled(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words: String =
        octets.chunks_exact(4).map(|word| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))).collect();
    format!("{words}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:10DE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000000000000000 100 0 0 10 0
   1: 0100007F:10DE 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:C001 0100007F:10DE 01 00000000:00000000 00:00000000 00000000  1000        0 4244 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:C002 0100007F:10DE 01 00000000:00000000 00:00000000 00000000   998        0 4245 1 0000000000000000 20 4 30 10 -1
   4: 0100007F:C003 0100007F:10DE 04 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
   5: 0100007F:C004 0100007F:10DE 01 00000000:00000000 00:00000000 00000000     0        0 4246 1 0000000000000000 20 4 30 10 -1
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_peers_row_says_whose_it_is() {
        let check = |port: u16, expected: bool| {
            let peer = SocketAddr::from(([127, 0, 0, 1], port));
            assert_eq!(is_of_another_in(TABLE, peer, SocketAddr::from(([127, 0, 0, 1], 4318)), 1000), expected, "{port:X}");
        };
        check(0xC001, false);
        check(0xC002, true);
        check(0xC003, true);
        check(0xC004, false);
        check(0xC005, true);
        assert_eq!(spelled("[::1]:4318".parse().expect("an address")), "00000000000000000000000001000000:10DE");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ones_own_connection_is_ones_own() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("bound");
        let client = std::net::TcpStream::connect(own).expect("connected");
        let (_, peer) = listener.accept().expect("accepted");
        assert!(!is_another_users(peer, own));
        drop(client);
    }
}
