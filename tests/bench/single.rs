//! What the prototype did, as well as it can be done: index one document, read it back, then the next.

use std::time::{Duration, Instant};

/// Documents a second of that loop against the engine at `url`, measured for `length`.
pub async fn index_and_read(url: &str, event: &str, length: Duration) -> f64 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client without special settings");
    let (started, mut done) = (Instant::now(), 0_u32);
    while started.elapsed() < length {
        let place = format!("{url}/bench-single/_doc/{done}");
        let written = client.put(&place).header("content-type", "application/json").body(event.to_owned()).send().await;
        written.and_then(reqwest::Response::error_for_status).expect("the engine takes it");
        let read = client.get(&place).send().await.and_then(reqwest::Response::error_for_status);
        read.expect("the engine has it").bytes().await.expect("a whole answer");
        done += 1;
    }
    f64::from(done) / started.elapsed().as_secs_f64()
}
