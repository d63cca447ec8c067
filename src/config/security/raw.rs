//! `security` and `tls` as they are written.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::secret::SecretSource;
use super::super::units::DurationText;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Send events, also as to Elasticsearch; read nothing.
    Ingest,
    /// Search what is stored, and read the metrics.
    Read,
    /// What `read` may, and look into dead letters, which hold events as they came.
    Analyse,
    /// Everything.
    Admin,
}

/// `security`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Keys of programs, each `{name, roles, hash}` as `oversight key create` prints it; in place of the hash, `key` may hold the key itself, as a secret.
    pub api_keys: Vec<ApiKey>,
    /// People with a password, each `{name, roles, password_hash}`; `oversight key hash-password` makes the hash.
    pub users: Vec<User>,
    /// Holders of client certificates that `tls.client_ca` vouches for, each `{common_name, roles}`; `*` is every holder.
    pub certificates: Vec<CertificateHolder>,
    /// Names by which browsers come here, beside addresses and `localhost`, where nobody has to authenticate: those of a proxy in front.
    pub host_names: Vec<String>,
}

/// An item of `security.api_keys`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// What it is called in the audit log, and the id that Elasticsearch's clients send before the key.
    pub name: String,
    /// What its holder may do.
    pub roles: Vec<Role>,
    /// Its hash.
    pub hash: Option<String>,
    /// The key itself, in place of its hash.
    pub key: Option<SecretSource>,
}

/// An item of `security.users`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name that is typed in.
    pub name: String,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// The argon2id hash of the password.
    pub password_hash: SecretSource,
}

/// An item of `security.certificates`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateHolder {
    /// The common name in the certificate's subject.
    pub common_name: String,
    /// What its holder may do.
    pub roles: Vec<Role>,
}

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// Who shows one is known by it, others by their key or password.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// 1.2 and 1.3.
    #[serde(rename = "1.2")]
    V1_2,
    /// 1.3 only.
    #[serde(rename = "1.3")]
    V1_3,
}

/// `tls`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate and those between it and its authority; with it, only TLS is spoken.
    #[schemars(extend("minLength" = 1))]
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    #[schemars(extend("minLength" = 1))]
    pub key: Option<PathBuf>,
    /// PEM file of the authorities that vouch for clients.
    #[schemars(extend("minLength" = 1))]
    pub client_ca: Option<PathBuf>,
    /// Whether clients show a certificate; without this key required where `tls.client_ca` is given, else none.
    pub client_auth: Option<ClientAuth>,
    /// The oldest version of TLS that is spoken.
    pub min_version: TlsVersion,
    /// How long a client may take for the handshake.
    #[schemars(extend("x-minimum" = "100ms", "x-maximum" = "5m"))]
    pub handshake_timeout: DurationText,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            client_ca: None,
            client_auth: None,
            min_version: TlsVersion::V1_2,
            handshake_timeout: DurationText(Duration::from_secs(10)),
        }
    }
}
