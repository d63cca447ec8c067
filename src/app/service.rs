//! Talks to the service manager (systemd's `sd_notify`): ready, reloading, stopping, and still alive.
//!
//! Without one that listens, everything here does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Without a watchdog there is nothing to do this often.
const NEVER: Duration = Duration::from_secs(86_400);

/// Events are taken from now on.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the clock cannot be read for the service manager"),
    }
}

/// It will end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// What the service manager has to hear from regularly, if it asked for that (`WatchdogSec=`).
pub struct Watchdog {
    asked: bool,
    beats: Interval,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new()
    }
}

impl Watchdog {
    /// As it asked when it started us.
    pub fn new() -> Self {
        let mut micros = 0;
        let asked = sd_notify::watchdog_enabled(false, &mut micros);
        // twice within the time, so that one late beat costs nothing
        let every = if asked { Duration::from_micros(micros / 2).max(Duration::from_millis(1)) } else { NEVER };
        let mut beats = interval(every);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { asked, beats }
    }

    /// Waits until the next sign of life is due.
    pub async fn due(&mut self) {
        self.beats.tick().await;
    }

    /// Gives it.
    pub fn beat(&self) {
        if self.asked {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::warn!(%error, "the service manager cannot be told how it goes");
    }
}
