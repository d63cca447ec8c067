//! What is remembered of a host as an originator, or as a responder.

use super::Seen;
use super::damped::{Damped, Fading};
use super::sketch::Sketch;

/// A host in one of the two roles.
#[derive(Debug, Default)]
pub struct Party {
    last: i64,
    connections: Damped,
    failed: Damped,
    bytes: Damped,
    hosts: Sketch,
    ports: Sketch,
}

impl Party {
    /// Takes a connection with the host of hash `peer` to the service of hash `service`. Tells for each window:
    /// connections, the share of them that failed, bytes of originators, different peers, different services.
    pub fn take(&mut self, now: i64, tick: u32, seen: &Seen, peer: u32, service: u32) -> [[f32; 5]; 3] {
        let fading = Fading::over(now - std::mem::replace(&mut self.last, now));
        // one that has been counted is so, unless that was forgotten
        let known = seen.counted && self.connections.0[0] > 0.0;
        let weight = if known { 0.0 } else { 1.0 };
        self.connections.add(&fading, weight);
        self.failed.add(&fading, if seen.failed { weight } else { 0.0 });
        self.bytes.add(&fading, if seen.bytes.is_nan() { 0.0 } else { seen.bytes * weight });
        let (hosts, ports) = (self.hosts.count(peer, tick), self.ports.count(service, tick));
        std::array::from_fn(|window| {
            let connections = self.connections.0[window];
            let failed = (self.failed.0[window] / connections).min(1.0);
            // a source that tells no bytes tells none of them
            let bytes = if seen.bytes.is_nan() { f32::NAN } else { self.bytes.0[window] };
            [connections, failed, bytes, hosts[window], ports[window]]
        })
    }
}
