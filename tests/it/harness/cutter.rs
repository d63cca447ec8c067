//! A network that breaks: a proxy that cuts connections in the middle of an answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A proxy on a port of its own; ends with the process.
pub struct Cutter {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    cuts: Arc<AtomicUsize>,
}

impl Cutter {
    /// In front of `target` on 127.0.0.1. Each of the next `cuts` connections is cut in the middle of its `nth` answer.
    pub fn start(target: u16, cuts: usize, nth: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let cuts = Arc::new(AtomicUsize::new(cuts));
        let left = Arc::clone(&cuts);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let cut = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                let (from, to) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                std::thread::spawn(move || pass_on(from, to, usize::MAX));
                std::thread::spawn(move || pass_on(server, client, if cut { nth } else { usize::MAX }));
            }
        });
        Self { port, cuts }
    }

    /// Connections that are still to be cut.
    pub fn left(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// How much of an answer comes through that is cut: less than its head.
const BEGINNING: usize = 60;

/// Passes on what comes, but of the `nth` read only the beginning; then closes both. One read is one answer: the client
/// waits for each before it asks again.
fn pass_on(mut from: TcpStream, mut to: TcpStream, nth: usize) {
    let mut buffer = [0; 16 << 10];
    for read in 1..=nth {
        let Ok(count) = from.read(&mut buffer) else { break };
        let passed = if read == nth { count.min(BEGINNING) } else { count };
        if count == 0 || to.write_all(&buffer[..passed]).is_err() {
            break;
        }
    }
    // the other thread ends by this
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
