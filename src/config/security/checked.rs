//! Who may use oversight and how it is protected, after the check.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::secret::Secret;
use super::hash::KeyHash;
use super::raw::{Role, TlsVersion};

/// Everybody who may do something. Names are unique within each list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// Holders of keys.
    pub api_keys: Vec<ApiKey>,
    /// People with a password.
    pub users: Vec<User>,
    /// Holders of client certificates.
    pub certificates: Vec<CertificateHolder>,
    /// By which names it may be asked where nobody has to authenticate.
    pub hosts: Hosts,
}

/// By which names an oversight may be asked that lets everybody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// By any: what stands in front of it knows who comes.
    Any,
    /// By addresses, by the names of the loopback, and by these, in small letters.
    Named(Vec<String>),
}

impl Default for Hosts {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl Security {
    /// Whether nobody has to authenticate, because nobody is configured who could.
    pub fn is_open(&self) -> bool {
        self.api_keys.is_empty() && self.users.is_empty() && self.certificates.is_empty()
    }
}

/// The holder of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's name.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// The hash of the key.
    pub hash: KeyHash,
}

/// Somebody with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// An argon2id hash that can be read.
    pub password_hash: Secret,
}

/// The holder of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHolder {
    /// The common name of its subject, or `*`.
    pub common_name: String,
    /// At least one.
    pub roles: Vec<Role>,
}

/// TLS on the HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
    /// Whether clients show certificates.
    pub clients: ClientCertificates,
    /// The oldest version.
    pub min_version: TlsVersion,
    /// For one handshake.
    pub handshake_timeout: Duration,
}

/// Whether clients show certificates, and who vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// They may; the PEM file of the authorities.
    Optional(PathBuf),
    /// They must; the PEM file of the authorities.
    Required(PathBuf),
}

/// The longest name; it stands in lines of the audit log.
pub(super) const LONGEST_NAME: usize = 64;

/// Whether a key or a user can have this name: it stands in headers and logs, beside a colon.
pub fn is_name(name: &str) -> bool {
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(ordinary)
}

/// Why `address` is not to be listened on: other machines reach it, and something that protects it is missing. None
/// where nothing is missing, or nobody else can reach it.
pub fn exposed(address: SocketAddr, security: &Security, encrypted: bool) -> Option<String> {
    let missing = match (security.is_open(), encrypted) {
        _ if address.ip().is_loopback() => return None,
        (false, true) => return None,
        (true, false) => {
            "nobody has to authenticate and nothing is encrypted; give security.api_keys (or users) and \
                          tls.certificate with tls.key"
        }
        (true, true) => "nobody has to authenticate; give security.api_keys, security.users or security.certificates",
        (false, false) => {
            "keys, passwords and events would cross the network in the clear; give tls.certificate and \
                           tls.key"
        }
    };
    let port = address.port();
    Some(format!(
        "{address} can be reached by other machines, and {missing}; or listen on 127.0.0.1:{port} or [::1]:{port}, or \
         set listen_unprotected: true where something in front of it protects it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        assert!(is_name("logstash-1") && is_name("ana@example.org"));
        for bad in ["", "a:b", "ü", "a b", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
