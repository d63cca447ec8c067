//! What is remembered of an originator and one service, of whichever host it is called: who goes from host to host with one question.

use super::Seen;
use super::damped::{Damped, Fading};
use super::sketch::Sketch;

/// An originator and a service.
#[derive(Debug, Default)]
pub struct Service {
    last: i64,
    connections: Damped,
    failed: Damped,
    hosts: Sketch,
}

impl Service {
    /// Takes a connection with the host of hash `peer`. Tells for each window: connections, the share of them that failed, different
    /// hosts.
    pub fn take(&mut self, now: i64, tick: u32, seen: &Seen, peer: u32) -> [[f32; 3]; 3] {
        let fading = Fading::over(now - std::mem::replace(&mut self.last, now));
        // one that has been counted is so, unless that was forgotten
        let known = seen.counted && self.connections.0[0] > 0.0;
        let weight = if known { 0.0 } else { 1.0 };
        self.connections.add(&fading, weight);
        self.failed.add(&fading, if seen.failed { weight } else { 0.0 });
        let hosts = self.hosts.count(peer, tick);
        std::array::from_fn(|window| {
            let connections = self.connections.0[window];
            [connections, (self.failed.0[window] / connections).min(1.0), hosts[window]]
        })
    }
}
