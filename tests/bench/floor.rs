//! The floor that the pipeline is measured against: parsing the same bodies, and nothing else.

use std::time::{Duration, Instant};

use super::process;

use serde_json::Value;

/// Events per CPU-second of parsing the body into `serde_json::Value`, over and over for `length`.
pub fn parse(body: &[u8], events: usize, length: Duration) -> f64 {
    let (started, cpu, mut parsed) = (Instant::now(), process::thread_cpu(), 0);
    while started.elapsed() < length {
        let value: Value = serde_json::from_slice(std::hint::black_box(body)).expect("a valid body");
        parsed += events;
        std::hint::black_box(value);
    }
    parsed as f64 / (process::thread_cpu() - cpu).as_secs_f64()
}
