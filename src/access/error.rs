//! Why a request is not admitted. The table to status codes is in `ingest/error.rs`.

use std::time::Duration;

use super::Role;

/// Why a request is not admitted. Says nothing of which part of a credential was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It shows nobody: no credentials.
    #[error("authentication is needed: an API key (ApiKey, Bearer), or a name and password (Basic)")]
    Missing,
    /// What it shows is not valid.
    #[error("these credentials are not valid")]
    Invalid,
    /// It is known whose it is, and they may not.
    #[error("{name} may not do this, it takes the role {}", role_name(*.role))]
    Forbidden {
        /// Who asks.
        name: Box<str>,
        /// What it takes.
        role: Role,
    },
    /// A browser says that a page of another site has caused it.
    #[error("a page of another site has caused this request (Sec-Fetch-Site, Origin), and it could change something")]
    Elsewhere,
    /// It came by a name that is not this machine's, and everybody who comes by one that is may do everything.
    #[error(
        "{name} is none of this oversight's names, and nobody has to log in here: ask by an address or localhost, or name it in \
         security.host_names"
    )]
    OtherName {
        /// The name, or the page that asks.
        name: Box<str>,
    },
    /// A session's request that could change something lacks its second token.
    #[error("the session's second token (x-csrf-token) is missing or wrong; load the page again")]
    NoSecondToken,
    /// Too many wrong passwords came from there.
    #[error("too many wrong passwords came from this address, try again later")]
    TooMany {
        /// When the next one is looked at.
        retry_after: Duration,
    },
    /// As many passwords as may be are being looked at.
    #[error("as many passwords as may be are being checked, send again")]
    Busy,
}

/// As it is written in the configuration.
fn role_name(role: Role) -> &'static str {
    match role {
        Role::Ingest => "ingest",
        Role::Read => "read",
        Role::Analyse => "analyse",
        Role::Admin => "admin",
    }
}
