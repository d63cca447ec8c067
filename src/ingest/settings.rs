//! What the ingest room may be told, and the bounds of each setting.

use std::time::Duration;

use super::elastic::BulkSettings;
use super::json::{Bounds, DEEPEST};

/// Limits and times of the HTTP listener and of what it takes. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// A request body as it comes over the wire. Default 64 MiB.
    pub max_body: usize,
    /// A request body after decompression. Default 256 MiB.
    pub max_decompressed: usize,
    /// How many times its size on the wire a body may be after decompression, beyond its first 16 MiB. Default 500.
    pub max_ratio: usize,
    /// One event. Default 16 MiB.
    pub max_event: usize,
    /// Events in one body. Default 200,000.
    pub max_events: usize,
    /// Levels of nesting in one event, itself included. Default 64.
    pub max_depth: u32,
    /// Keys in one event, over all levels. Default 10,000.
    pub max_fields: u32,
    /// All bodies together that are being read or wait for the spool. Default 512 MiB.
    pub max_in_flight: usize,
    /// Headers of one request. Default 64.
    pub max_headers: usize,
    /// Open connections; one more is answered 503. Default 1,024.
    pub max_connections: usize,
    /// Open connections of one address; one more is answered 503 or closed. Default 512.
    pub max_connections_per_address: usize,
    /// From the start of a request to the end of its headers; a connection that idles for longer is closed, so it
    /// has to be above the time for which clients keep theirs. Default 75 s.
    pub header_timeout: Duration,
    /// From the end of a request's headers to the end of its body. Default 30 s.
    pub body_timeout: Duration,
    /// From an answer to when its client has taken it. Default 30 s.
    pub write_timeout: Duration,
    /// From the end of a body to its answer: when the spool takes longer, the answer is 429. Default 1 s.
    pub answer_within: Duration,
    /// From the end of a body to its answer where it is to be annotated and not kept (`/v1/enrich`): when that takes
    /// longer, the answer is 503. Default 5 s.
    pub enrich_within: Duration,
    /// How long requests may still take once the end has been asked for. Default 10 s.
    pub drain: Duration,
    /// How long a body that comes again is known; as long as the spool's window; zero takes every
    /// body. Default 2 minutes.
    pub retry_window: Duration,
    /// How many bodies are known at most, about 60 bytes each; the oldest are forgotten first. Default 1,000,000.
    pub max_remembered: usize,
    /// The door in Elasticsearch's shape.
    pub bulk: BulkSettings,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            max_body: 64 << 20,
            max_decompressed: 256 << 20,
            max_ratio: 500,
            max_event: 16 << 20,
            max_events: 200_000,
            max_depth: 64,
            max_fields: 10_000,
            max_in_flight: 512 << 20,
            max_headers: 64,
            max_connections: 1024,
            max_connections_per_address: 512,
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            answer_within: Duration::from_secs(1),
            enrich_within: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            retry_window: Duration::from_secs(120),
            max_remembered: 1_000_000,
            bulk: BulkSettings::default(),
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("http.{key} is {value}, allowed is {allowed}")]
pub struct SettingFault {
    /// Its name, which is that of the field.
    pub key: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be, in words.
    pub allowed: String,
}

impl HttpSettings {
    /// The settings, if each is within its bounds; else every fault there is.
    pub fn checked(self) -> Result<Self, Vec<SettingFault>> {
        let sizes = [
            // ranges in a body are 32 bits wide
            ("max_body", self.max_body, 1024, u32::MAX as usize / 2),
            ("max_decompressed", self.max_decompressed, self.max_body, u32::MAX as usize / 2),
            ("max_event", self.max_event, 256, self.max_decompressed),
            ("max_events", self.max_events, 1, 10_000_000),
            ("max_depth", self.max_depth as usize, 1, DEEPEST as usize),
            ("max_fields", self.max_fields as usize, 1, 1_000_000),
            ("max_in_flight", self.max_in_flight, self.max_body.saturating_add(self.max_decompressed), 1 << 40),
            ("max_headers", self.max_headers, 8, 1024),
            ("max_connections", self.max_connections, 1, 1_000_000),
            ("max_connections_per_address", self.max_connections_per_address, 1, 1_000_000),
            ("max_ratio", self.max_ratio, 10, 1_000_000),
            ("max_remembered", self.max_remembered, 1, 100_000_000),
        ];
        let times = [
            ("header_timeout", self.header_timeout, 3600),
            ("body_timeout", self.body_timeout, 3600),
            ("write_timeout", self.write_timeout, 3600),
            ("answer_within", self.answer_within, 60),
            ("enrich_within", self.enrich_within, 60),
            ("drain", self.drain, 3600),
            ("retry_window", self.retry_window, 86_400),
        ];
        let sizes = sizes.into_iter().filter(|&(_, value, least, most)| value < least || value > most).map(
            |(key, value, least, most)| SettingFault {
                key,
                value: value.to_string(),
                allowed: format!("{least} to {most}"),
            },
        );
        let times = times
            .into_iter()
            .filter(|&(key, value, most)| value < least(key) || value > Duration::from_secs(most))
            .map(|(key, value, most)| SettingFault {
                key,
                value: format!("{value:?}"),
                allowed: format!("{:?} to {most}s", least(key)),
            });
        let faults: Vec<SettingFault> = sizes.chain(times).collect();
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { depth: self.max_depth, fields: self.max_fields, length: self.max_event }
    }
}

/// A timeout may not be too short to be met; without a retry window every body is taken.
fn least(key: &str) -> Duration {
    if key == "retry_window" { Duration::ZERO } else { Duration::from_millis(10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(HttpSettings::default().checked(), Ok(HttpSettings::default()));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let wrong = HttpSettings {
            max_depth: 128,
            max_decompressed: 1,
            body_timeout: Duration::ZERO,
            ..HttpSettings::default()
        };
        let faults = wrong.checked().unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key).collect();
        // an event could no longer be as long as a body
        assert_eq!(keys, ["max_decompressed", "max_event", "max_depth", "body_timeout"]);
        assert_eq!(faults[2].to_string(), "http.max_depth is 128, allowed is 1 to 127");
    }
}
