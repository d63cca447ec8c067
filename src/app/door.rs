//! Who is let in: the door of the HTTP listener, and the audit log behind it.

use std::sync::Arc;

use crate::access::audit::{Audit, Writing};
use crate::access::tls::Tls;
use crate::access::{Door, Guard};
use crate::clock::Clock;
use crate::config::Config;

use super::StartError;

/// The door, and where it is written down who failed at it.
pub struct Entrance {
    /// For the listener.
    pub door: Door,
    /// For what administrators do.
    pub audit: Audit,
    /// Ends the audit log.
    pub(super) auditing: Writing,
}

/// Opens the audit log and reads certificates.
pub fn open(config: &Config, clock: &Clock) -> Result<Entrance, StartError> {
    let tls = config.tls.as_ref().map(|settings| Tls::load(settings, clock.now())).transpose()?.map(Arc::new);
    let (audit, auditing) = Audit::open(&config.data_dir, clock.clone())
        .map_err(|source| StartError::Audit { folder: config.data_dir.clone(), source })?;
    if !config.listen.ip().is_loopback() && (tls.is_none() || config.security.is_open()) {
        tracing::warn!("other machines can reach this address, and it is not protected (listen_unprotected)");
    }
    let guard = Arc::new(Guard::new(&config.security, audit.clone(), clock.clone()));
    Ok(Entrance { door: Door { guard, tls }, audit, auditing })
}
