//! Which patterns are looked for, and from where on they are told.

use super::known::Known;

/// What is not to be looked for has none.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternSettings {
    /// The beacon score of severity 75, above 0.5 and below 1.
    pub beacons: Option<f64>,
    /// Seconds that a connection of severity 75 is open.
    pub long_connections: Option<f64>,
    /// Bytes that the names below a domain could carry, of severity 75.
    pub dns_tunnels: Option<f64>,
    /// Made-up names from which a host is told.
    pub generated_names: Option<usize>,
    /// Pairs of hosts, domains of hosts, and hosts that are remembered, of each kind.
    pub remembered: usize,
    /// Of whom nothing is told.
    pub known: Known,
}

impl PatternSettings {
    /// Nothing is looked for.
    pub const NONE: Self = Self {
        beacons: None,
        long_connections: None,
        dns_tunnels: None,
        generated_names: None,
        remembered: 0,
        known: Known::NOTHING,
    };
}

impl Default for PatternSettings {
    /// All of them, with the configuration's defaults.
    fn default() -> Self {
        Self {
            beacons: Some(0.8),
            long_connections: Some(8.0 * 3600.0),
            dns_tunnels: Some(512.0),
            generated_names: Some(8),
            remembered: 100_000,
            known: Known::NOTHING,
        }
    }
}
