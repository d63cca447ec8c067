//! The keys of `anomaly.patterns` as they are written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::DurationText;

/// `anomaly.patterns`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Patterns {
    /// Whether hosts are looked for that call like a clock.
    pub beacons: bool,
    /// The beacon score that has severity 75; 1 is as regular as can be.
    #[schemars(range(min = 0.55, max = 0.99))]
    pub beacon_score: f64,
    /// Whether connections are looked for that stay open for hours.
    pub long_connections: bool,
    /// How long one of severity 75 is open.
    #[schemars(extend("x-minimum" = "1m", "x-maximum" = "30d"))]
    pub long_connection: DurationText,
    /// Whether data is looked for in the names that hosts ask DNS for.
    pub dns_tunnels: bool,
    /// Bytes that the names asked for below one domain could carry in a day, of severity 75.
    #[schemars(range(min = 64, max = 1_000_000))]
    pub dns_tunnel_bytes: u32,
    /// Whether hosts are looked for that ask for names which a program made up.
    pub generated_names: bool,
    /// Made-up names in a day from which a host is told.
    #[schemars(range(min = 2, max = 256))]
    pub generated_names_from: usize,
    /// Hosts that are known to behave so, as addresses, networks such as 10.1.0.0/16, or private, public, loopback, link_local or multicast: nothing is told of connections from or to them, or of names that they ask for.
    pub known_hosts: Vec<String>,
    /// Domains that are known to be used so: nothing is told of names in and below them, or of connections to them where the name is told.
    pub known_domains: Vec<String>,
    /// Entities remembered for each of them; beyond it those without a finding are forgotten first.
    #[schemars(range(min = 16, max = 10_000_000))]
    pub remembered: usize,
}

impl Default for Patterns {
    fn default() -> Self {
        Self {
            beacons: true,
            beacon_score: 0.8,
            long_connections: true,
            long_connection: DurationText(Duration::from_secs(8 * 3600)),
            dns_tunnels: true,
            dns_tunnel_bytes: 512,
            generated_names: true,
            generated_names_from: 8,
            known_hosts: Vec::new(),
            known_domains: Vec::new(),
            remembered: 100_000,
        }
    }
}
