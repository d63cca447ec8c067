//! Whether clients that hold connections and do nothing make others wait.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::load::{self, Template};
use crate::process::Oversight;

/// Half of them stop in the middle of their headers, half in the middle of their bodies.
pub const CLIENTS: usize = 2_000;

/// The load is sent so many times with and without them, by turns: single runs differ by more than what is looked for.
pub const TURNS: usize = 7;

/// Answer times of the same load, without slow clients and with them.
pub struct Beside {
    /// Medians over the turns of the time within which 99 of 100 are answered.
    pub quiet: Duration,
    /// The same with them.
    pub beside: Duration,
    /// Requests that were not answered 200 beside them.
    pub refused: u64,
}

/// Sends `rate` events a second for half of `length` in each turn.
pub async fn measure(data: &Path, url: &str, template: &Template, rate: f64, length: Duration) -> Beside {
    rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be raised");
    let oversight = Oversight::start(
        data,
        &[
            ("OVERSIGHT_STORE_ELASTICSEARCH_URL", url.to_owned()),
            ("OVERSIGHT_HTTP_MAX_CONNECTIONS", "4096".to_owned()),
            ("OVERSIGHT_HTTP_MAX_CONNECTIONS_PER_ADDRESS", "4096".to_owned()),
            ("OVERSIGHT_HTTP_BODY_TIMEOUT", "10m".to_owned()),
            ("OVERSIGHT_HTTP_HEADER_TIMEOUT", "10m".to_owned()),
            ("OVERSIGHT_LOG_LEVEL", "warn".to_owned()),
        ],
    );
    load::send(oversight.port, template, crate::CONNECTIONS, length / 4, None).await;
    crate::drain(&oversight).await;
    let (mut quiet, mut beside, mut refused) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        let alone = load::send(oversight.port, template, crate::CONNECTIONS, length / 2, Some(rate)).await;
        quiet.push(alone.quantile(0.99));
        let held = hold(oversight.port).await;
        let loaded = load::send(oversight.port, template, crate::CONNECTIONS, length / 2, Some(rate)).await;
        drop(held);
        beside.push(loaded.quantile(0.99));
        refused += loaded.refused;
    }
    Beside { quiet: median(quiet), beside: median(beside), refused }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn hold(port: u16) -> Vec<TcpStream> {
    let mut held = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let mut slow = TcpStream::connect(("127.0.0.1", port)).await.expect("oversight listens");
        let start: &[u8] = if number % 2 == 0 {
            b"POST / HTTP/1.1\r\nhost:"
        } else {
            b"POST / HTTP/1.1\r\nhost: slow\r\ncontent-length: 1000\r\n\r\n{"
        };
        slow.write_all(start).await.expect("a fresh connection");
        held.push(slow);
    }
    held
}
