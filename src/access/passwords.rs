//! Passwords: the slow hash once, a keyed digest afterwards.
//!
//! A password that was right is remembered as a digest under a key that only this process has, one for each user: the next
//! request with it costs microseconds. The slow hash runs on threads of its own, [`AT_ONCE`] at a time; [`WAITING`] more
//! wait, and what comes beyond those is told to come again.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordVerifier};
use tokio::sync::Semaphore;

use super::failures::Failures;
use super::rules::{Principal, Rules};
use super::secrets::random;
use super::{Denied, Origin};
use crate::clock::Clock;
use crate::config::Secret;

/// Slow hashes that run at one time; each takes a core and, by default, 19 MiB.
const AT_ONCE: usize = 2;
/// Requests that may wait for one.
const WAITING: usize = 64;

/// Somebody with a password.
pub struct User {
    principal: Principal,
    hash: Secret,
    /// Digest of the password that was right last.
    known: Mutex<Option<blake3::Hash>>,
}

impl User {
    /// `hash` as the configuration let it pass.
    pub fn new(principal: Principal, hash: Secret) -> Self {
        Self { principal, hash, known: Mutex::new(None) }
    }

    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Stands for the password's hash; another one where that was changed.
    pub fn secret(&self) -> blake3::Hash {
        blake3::hash(self.hash.reveal().as_bytes())
    }

    fn knows(&self, digest: &blake3::Hash) -> bool {
        // digests compare in constant time
        self.known.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(digest)
    }

    fn remember(&self, digest: blake3::Hash) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
    }

    /// The slow way.
    fn is_right(&self, password: &str) -> bool {
        let hash = PasswordHash::new(self.hash.reveal()).expect("the configuration holds only hashes that can be read");
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    }
}

/// Checks passwords.
pub struct Passwords {
    key: [u8; blake3::KEY_LEN],
    failures: Failures,
    queue: Semaphore,
    running: Arc<Semaphore>,
}

impl Passwords {
    /// Nothing is known yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            key: random(),
            failures: Failures::new(clock),
            queue: Semaphore::new(WAITING),
            running: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Who `name` is, if `password` is theirs. A name that nobody has takes as long as a wrong password.
    pub async fn check(
        &self,
        rules: &Rules,
        origin: Origin,
        name: &str,
        password: String,
    ) -> Result<Principal, Denied> {
        let digest = self.digest(name, &password);
        let user = rules.user(name);
        if let Some(user) = user.filter(|user| user.knows(&digest)) {
            return Ok(user.principal.clone());
        }
        let hashed = Arc::clone(user.or_else(|| rules.stand_in()).ok_or(Denied::Invalid)?);
        let _waiting = self.queue.try_acquire().map_err(|_| Denied::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Denied::Busy)?;
        // whoever was before us in the queue may have had the same password
        if let Some(user) = user.filter(|user| user.knows(&digest)) {
            return Ok(user.principal.clone());
        }
        self.failures.charge(origin).map_err(|retry_after| Denied::TooMany { retry_after })?;
        let right = tokio::task::spawn_blocking(move || {
            let _running = running;
            hashed.is_right(&password)
        });
        match (right.await, user) {
            (Ok(true), Some(user)) => {
                self.failures.refund(origin);
                user.remember(digest);
                Ok(user.principal.clone())
            }
            (Ok(_), _) => Err(Denied::Invalid),
            (Err(_), _) => Err(Denied::Busy),
        }
    }

    fn digest(&self, name: &str, password: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(password.as_bytes());
        hasher.finalize()
    }
}
