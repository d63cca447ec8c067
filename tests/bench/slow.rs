//! Whether clients that hold connections and do nothing make others wait.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::load::{self, Outcome, Template};
use crate::process::Oversight;

/// Half of them stop in the middle of their headers, half in the middle of their bodies.
pub const CLIENTS: usize = 2_000;

/// Answer times of the same load, without slow clients and with them.
pub struct Beside {
    /// Without.
    pub quiet: Outcome,
    /// With.
    pub beside: Outcome,
}

/// Sends `rate` events a second for `length`, twice.
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
    let quiet = load::send(oversight.port, template, crate::CONNECTIONS, length, Some(rate)).await;
    let held = hold(oversight.port).await;
    let beside = load::send(oversight.port, template, crate::CONNECTIONS, length, Some(rate)).await;
    drop(held);
    Beside { quiet, beside }
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
