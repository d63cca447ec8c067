//! Who may do what: every request is admitted here, or nowhere.
//!
//! - **Deny by default.** `paths` is the one table from paths to what they ask for; a path that is not in it asks for
//!   [`Role::Admin`]. The server asks [`Guard::admit`] before it reads a byte of the body.
//! - **Keys** are 32 random bytes, kept as a fast hash and compared in constant time with all there are.
//! - **Passwords** are kept as argon2id. One that was right is remembered by a keyed digest, so that the slow hash is paid
//!   once; it runs off the async threads, a few at a time, and wrong ones are rationed per address.
//! - **Sessions** of the page stand for a password that was right; what changes something takes a second token.
//! - **Certificates** of clients are checked in the handshake ([`tls`]); the common name says who it is.
//! - What a page of another site lets a browser send changes nothing, whoever is let in.
//! - With nobody configured, everybody may do everything; the configuration lets that happen on loopback only, and then only
//!   names that are this machine's lead to what can be looked at or changed.
//!
//! What fails and what administrators do stands in the [`audit`] log. Neither credentials nor events are ever written.
//!
//! The rules can be replaced while requests run: each is judged by the rules in force at its start.

pub mod audit;
mod credentials;
mod elsewhere;
mod error;
mod failures;
mod guard;
mod hosts;
mod origin;
mod passwords;
mod paths;
mod rules;
pub mod secrets;
mod sessions;
pub mod tls;

use std::sync::Arc;

pub use crate::config::Role;
pub use error::Denied;
pub use guard::{Guard, Visitor, Who};
pub use origin::Origin;
pub use paths::{Needed, needed};
pub use sessions::{COOKIE_NAME as SESSION_COOKIE, LONGEST as LONGEST_SESSION, LoggedIn};

use tls::Tls;

/// What a listener needs to know of its visitors.
#[derive(Clone)]
pub struct Door {
    /// Says who may do what.
    pub guard: Arc<Guard>,
    /// Encrypts; none where requests come in the clear.
    pub tls: Option<Arc<Tls>>,
}
