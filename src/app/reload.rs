//! Takes over a changed configuration while running: all that can change, or, where anything is wrong, nothing.
//!
//! Keys, users and certificates, which models judge, and the log's level count from then on. What needs a restart is named.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::access::Door;
use crate::access::audit::{Act, Audit};
use crate::clock::Clock;
use crate::config::security::exposed;
use crate::config::{Config, Faults, Shown};
use crate::models::Keeper;
use crate::telemetry::log;

use super::{Running, StartError, configuration};

/// What counts at once: these keys, and those below them.
const DYNAMIC: [&str; 5] = ["security", "tls", "log.level", "classify.model", "classify.shadow"];

/// Why a configuration is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has faults.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// Certificates or models cannot be used, or the address would be unprotected.
    #[error(transparent)]
    Unusable(#[from] StartError),
}

/// Reads the configuration again.
pub struct Reloader {
    file: Option<PathBuf>,
    started: Config,
    address: SocketAddr,
    door: Door,
    models: Option<Arc<Keeper>>,
    audit: Audit,
    clock: Clock,
}

impl Reloader {
    /// For `running`, which was started with the configuration `started` from `file`.
    pub fn new(running: &Running, started: Config, file: Option<PathBuf>, clock: Clock) -> Self {
        let entrance = running.entrance();
        let (door, audit) = (entrance.door.clone(), entrance.audit.clone());
        let models = running.models().cloned();
        Self { file, started, address: running.address(), door, models, audit, clock }
    }

    /// Reads the file and takes over what can change; gives the keys that need a restart.
    ///
    /// # Errors
    /// When anything is wrong with it: then everything stays as it was.
    pub fn reload(&self) -> Result<Vec<String>, ReloadError> {
        let taken = configuration::load(self.file.as_deref()).map_err(ReloadError::from);
        let taken = taken.and_then(|fresh| Ok(self.take(&fresh)?));
        match &taken {
            Ok(unapplied) => self.audit.tell(Act::Reloaded { unapplied: unapplied.clone() }),
            Err(_) => self.audit.tell(Act::NotReloaded),
        }
        taken
    }

    fn take(&self, fresh: &Config) -> Result<Vec<String>, StartError> {
        let problem = exposed(self.address, &fresh.security, self.door.tls.is_some());
        if let Some(problem) = problem.filter(|_| !fresh.listen_unprotected) {
            return Err(StartError::Exposed(problem));
        }
        // what can fail comes first
        let configured = configuration::configured_models(fresh);
        let models = self.models.as_ref().map(|models| models.prepare(&configured)).transpose()?;
        if let (Some(tls), Some(settings)) = (&self.door.tls, &fresh.tls) {
            tls.reload(settings, self.clock.now())?;
        }
        self.door.guard.replace(&fresh.security);
        if let Some(models) = models {
            models.go();
        }
        log::change_level(fresh.log.level);
        Ok(needs_restart(&self.started, fresh))
    }
}

/// The keys whose values differ and do not change while running.
fn needs_restart(started: &Config, fresh: &Config) -> Vec<String> {
    let value = |key: &Shown| started.shown().iter().find(|was| was.path == key.path).map(|was| was.value.clone());
    let changed = fresh.shown().iter().filter(|key| value(key).as_ref() != Some(&key.value));
    let mut keys: Vec<String> = changed.map(|key| key.path.join(".")).filter(|key| !is_dynamic(key)).collect();
    // a secret looks the same before and after
    if started.store != fresh.store && !keys.iter().any(|key| key.starts_with("store.")) {
        keys.push("store.elasticsearch (its credentials)".to_owned());
    }
    if started.tls.is_some() != fresh.tls.is_some() {
        keys.push("tls.certificate".to_owned());
    }
    keys
}

fn is_dynamic(key: &str) -> bool {
    DYNAMIC.iter().any(|dynamic| key.strip_prefix(dynamic).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("oversight.yml");
        std::fs::write(&file, text).unwrap();
        configuration::loader().load(Some(&file), std::iter::empty()).unwrap()
    }

    #[test]
    fn what_needs_a_restart_is_named_and_nothing_else() {
        let started = config("log: {level: info}\n");
        let tls = "tls: {certificate: a, key: b}\n";
        let fresh = config(&format!("log: {{level: debug, format: json}}\nhttp: {{max_depth: 9}}\n{tls}"));
        assert_eq!(needs_restart(&started, &fresh), ["http.max_depth", "log.format", "tls.certificate"]);
        assert_eq!(needs_restart(&fresh, &fresh), [""; 0]);
        let keyed = |key| config(&format!("store: {{elasticsearch: {{url: 'http://es:1', api_key: {key}}}}}\n"));
        assert_eq!(needs_restart(&keyed("a"), &keyed("b")), ["store.elasticsearch (its credentials)"]);
    }
}
