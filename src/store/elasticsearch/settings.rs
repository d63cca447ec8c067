//! What the store has to be told, checked: past this point nothing of it is validated again.
//!
//! Secrets stand in [`Secret`], which never prints itself.

use std::fmt;
use std::time::Duration;

use elasticsearch::http::Url;
use elasticsearch::http::headers::HeaderValue;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::store::Kind;

/// Where and how to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The nodes. One is used until it fails, then the next.
    pub nodes: Vec<NodeUrl>,
    /// Who we are.
    pub credentials: Credentials,
    /// Certificates (PEM, one or more) of the authorities that may sign the engine's; trusted beside the web's own.
    pub authorities: Option<String>,
    /// Compress requests: less network for more CPU.
    pub gzip: bool,
    /// For one request, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// What index and template names begin with.
    pub index_prefix: IndexPrefix,
    /// Whether preparing installs the index templates. Needs the cluster privilege `manage_index_templates`.
    pub install_templates: bool,
    /// Whether events and anomalies go to data streams in place of an index for each day.
    pub data_streams: bool,
    /// What the indices of detections in four fields begin with; the template for them is installed where it is given.
    pub threat_index: Option<IndexPrefix>,
    /// After how many days documents are deleted.
    pub retention: Retention,
    /// An ingest pipeline of the engine that every document passes.
    pub pipeline: Option<PipelineName>,
    /// Bodies of bulk requests are at most this long, unless a single document is longer. In bytes.
    pub max_bulk_bytes: usize,
}

impl Settings {
    /// One node, no credentials, everything else as by default.
    pub fn for_node(node: NodeUrl) -> Self {
        Self {
            nodes: vec![node],
            credentials: Credentials::None,
            authorities: None,
            gzip: false,
            timeout: Duration::from_secs(30),
            index_prefix: IndexPrefix::default(),
            install_templates: true,
            data_streams: false,
            threat_index: None,
            retention: Retention::default(),
            pipeline: None,
            max_bulk_bytes: 8 << 20,
        }
    }
}

/// After how many days the engine deletes documents; none keeps them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Events, and detections in four fields.
    pub events: Option<u32>,
    /// Anomaly records.
    pub anomalies: Option<u32>,
    /// How it went.
    pub health: Option<u32>,
}

impl Retention {
    /// For documents of a kind.
    pub fn of(self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Event | Kind::Threat => self.events,
            Kind::Anomaly => self.anomalies,
            Kind::Health => self.health,
        }
    }

    /// What the engine's lifecycle policy for documents of a kind is called.
    pub fn policy(prefix: &IndexPrefix, kind: Kind) -> String {
        let kind = if kind == Kind::Threat { Kind::Event } else { kind };
        format!("{}-{}", prefix.as_str(), kind.word())
    }

    /// Whether nothing is ever deleted.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// The address of a node: `http` or `https`, a host, perhaps a port and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUrl(Url);

impl NodeUrl {
    /// # Errors
    /// [`SettingsError::Url`] for anything else, also for a user or password in it: those are given as credentials.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let fault = |reason: &str| SettingsError::Url { url: text.to_owned(), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|error| fault(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            // the text holds a secret: it is not repeated
            return Err(SettingsError::Url {
                url: url.host_str().unwrap_or_default().to_owned(),
                reason: "user and password do not belong into the url: give them as credentials".to_owned(),
            });
        }
        match url.scheme() {
            "http" | "https" if url.query().is_some() || url.fragment().is_some() => {
                Err(fault("nothing may follow the path"))
            }
            "http" | "https" if url.has_host() => Ok(Self(url)),
            _ => Err(fault("it has to begin with http:// or https:// and a host")),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who we are to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody: the engine has no security.
    None,
    /// User and password.
    Basic {
        /// Without a colon.
        user: String,
        /// Any text.
        password: Secret,
    },
    /// An API key of Elasticsearch by its two parts.
    ApiKey {
        /// The key's `id`.
        id: String,
        /// The key's `api_key`.
        key: Secret,
    },
    /// An API key of Elasticsearch in the form called `encoded`.
    EncodedApiKey(Secret),
    /// A token, such as a service account's.
    Bearer(Secret),
}

impl Credentials {
    /// The text of the `authorization` header: a secret, for whoever sends it.
    ///
    /// # Errors
    /// [`SettingsError::Credentials`] where they cannot be told in a header.
    pub fn authorization(&self) -> Result<Option<String>, SettingsError> {
        Ok(Some(match self {
            Self::None => return Ok(None),
            Self::Basic { user, .. } if user.contains(':') => {
                return Err(SettingsError::Credentials("the user name may not contain a colon"));
            }
            Self::Basic { user, password } => format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.0))),
            Self::ApiKey { id, key } => format!("ApiKey {}", STANDARD.encode(format!("{id}:{}", key.0))),
            Self::EncodedApiKey(key) => format!("ApiKey {}", key.0.trim()),
            Self::Bearer(token) => format!("Bearer {}", token.0.trim()),
        }))
    }

    /// The same as a header.
    ///
    /// # Errors
    /// [`SettingsError::Credentials`] where they cannot stand in one.
    pub(super) fn header(&self) -> Result<Option<HeaderValue>, SettingsError> {
        let Some(text) = self.authorization()? else { return Ok(None) };
        let mut header = HeaderValue::from_str(&text)
            .map_err(|_| SettingsError::Credentials("the key or token holds characters that no header may have"))?;
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes any text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What index names begin with: `oversight` in `oversight-events-2026.11.22`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPrefix(String);

impl IndexPrefix {
    /// # Errors
    /// [`SettingsError::Prefix`] unless it is 1 to 100 lower-case letters, digits, `-`, `_` and `.`, beginning with a
    /// letter or digit: what both engines allow in index names.
    pub fn new(text: &str) -> Result<Self, SettingsError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
        let begins_well = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if begins_well && text.len() <= 100 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SettingsError::Prefix(text.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for IndexPrefix {
    fn default() -> Self {
        Self("oversight".to_owned())
    }
}

/// The name of an ingest pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineName(String);

impl PipelineName {
    /// # Errors
    /// [`SettingsError::Pipeline`] for an empty name; any other is the engine's to know.
    pub fn new(text: &str) -> Result<Self, SettingsError> {
        if text.trim().is_empty() { Err(SettingsError::Pipeline) } else { Ok(Self(text.to_owned())) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No node is named.
    #[error("no url of a node is given")]
    NoNode,
    /// An address that cannot be used.
    #[error("the url {url:?} cannot be used: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// An index prefix that the engines would refuse.
    #[error(
        "the index prefix {0:?} cannot be used: take 1 to 100 lower-case letters, digits, '-', '_' or '.', and begin with a letter or digit"
    )]
    Prefix(String),
    /// A pipeline without a name.
    #[error("the name of the ingest pipeline is empty: leave the key out to use none")]
    Pipeline,
    /// Credentials that cannot be sent.
    #[error("the credentials cannot be used: {0}")]
    Credentials(&'static str),
    /// The authorities are not certificates.
    #[error("the certificates of the authorities cannot be read: {0}")]
    Authorities(String),
    /// Neither can be zero.
    #[error("{0} has to be greater than zero")]
    Zero(&'static str),
    /// The HTTP client refuses them for another reason.
    #[error("no client can be made: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_scheme_and_a_host_and_holds_no_password() {
        for good in ["http://127.0.0.1:9200", "https://es.example/under/path", "http://[::1]:9200/"] {
            assert!(NodeUrl::parse(good).is_ok(), "{good}");
        }
        for bad in ["localhost:9200", "ftp://x", "http://", "http://x/?a=b", "http://x#y", ""] {
            assert!(NodeUrl::parse(bad).is_err(), "{bad}");
        }
        let error = NodeUrl::parse("http://me:geheim@host").expect_err("it has a password").to_string();
        assert!(error.contains("credentials") && !error.contains("geheim"), "{error}");
    }

    #[test]
    fn a_prefix_is_what_both_engines_take_as_an_index_name() {
        for good in ["oversight", "a", "x-1_2.3"] {
            assert!(IndexPrefix::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Oversight", "-a", ".a", "_a", "a b", "a*", "ä", &"x".repeat(101)] {
            assert!(IndexPrefix::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let credentials = Credentials::Basic { user: "me".to_owned(), password: Secret::new("geheim") };
        assert!(!format!("{credentials:?}").contains("geheim"));
        let header = credentials.header().expect("valid").expect("some");
        assert!(!format!("{header:?}").contains("bWU6"), "{header:?}");
        assert_eq!(header.to_str().ok(), Some("Basic bWU6Z2VoZWlt"));
    }

    #[test]
    fn a_key_that_cannot_stand_in_a_header_is_refused_and_not_sent() {
        assert!(Credentials::Bearer(Secret::new("a\nb")).header().is_err());
        let split = Credentials::Basic { user: "a:b".to_owned(), password: Secret::new("c") };
        assert!(split.header().is_err());
        let parts = Credentials::ApiKey { id: "id".to_owned(), key: Secret::new("key") };
        let encoded = Credentials::EncodedApiKey(Secret::new("aWQ6a2V5\n"));
        assert_eq!(parts.header().ok(), encoded.header().ok());
    }
}
