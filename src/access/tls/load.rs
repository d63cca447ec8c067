//! From files to what handshakes need.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::config::security::{ClientCertificates, Tls as Settings, TlsVersion};
use crate::event::{EventTime, ReceivedTime};

use super::TlsError;
use super::certificate::About;

/// A larger file holds no certificates.
const LARGEST: u64 = 4 << 20;
/// From when on an end that comes near is said.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// What handshakes need, and for how long it is good.
pub struct Loaded {
    /// For handshakes.
    pub server: ServerConfig,
    /// The certificate's end.
    pub expires: EventTime,
}

/// Reads the files of `settings`.
pub fn server(settings: &Settings, now: ReceivedTime) -> Result<Loaded, TlsError> {
    let chain = certificates(&settings.certificate)?;
    let expires = in_time(&settings.certificate, &chain[0], now)?;
    let key = key(&settings.key)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings.min_version))
        .expect("ring has ciphers for TLS 1.2 and 1.3");
    let builder = match verifier(&settings.clients, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { key: settings.key.clone(), certificate: settings.certificate.clone() }
        }
        other => TlsError::Damaged { path: settings.certificate.clone(), reason: other.to_string() },
    })?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Loaded { server, expires })
}

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        TlsVersion::V1_2 => &BOTH,
        TlsVersion::V1_3 => &NEWEST,
    }
}

fn verifier(
    clients: &ClientCertificates,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let (path, required) = match clients {
        ClientCertificates::None => return Ok(None),
        ClientCertificates::Optional(path) => (path, false),
        ClientCertificates::Required(path) => (path, true),
    };
    let damaged = |reason: String| TlsError::Damaged { path: path.clone(), reason };
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(path)? {
        authorities
            .add(certificate)
            .map_err(|error| damaged(format!("not the certificate of an authority: {error}")))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map(Some).map_err(|error| damaged(error.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(TlsError::Damaged { path: path.to_owned(), reason: format!("larger than {LARGEST} bytes") });
    }
    std::fs::read(path).map_err(unreadable)
}

/// At least one certificate.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = found.map_err(|error| TlsError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
    if found.is_empty() {
        return Err(TlsError::NotPem { path: path.to_owned(), wanted: "certificate", begin: "CERTIFICATE" });
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            TlsError::NotPem { path: path.to_owned(), wanted: "private key", begin: "PRIVATE KEY" }
        }
        other => TlsError::Damaged { path: path.to_owned(), reason: other.to_string() },
    })
}

/// The certificate's end, if its time is now.
fn in_time(path: &Path, certificate: &CertificateDer<'_>, now: ReceivedTime) -> Result<EventTime, TlsError> {
    let about = About::of(certificate).ok_or_else(|| TlsError::Damaged {
        path: path.to_owned(),
        reason: "not an X.509 certificate that can be read".to_owned(),
    })?;
    let now = now.as_event_time();
    let path = path.to_owned();
    if now > about.until {
        return Err(TlsError::Expired { path, until: about.until });
    }
    if now < about.from {
        return Err(TlsError::NotYet { path, from: about.from });
    }
    if about.until.seconds() - now.seconds() < SOON.as_secs().cast_signed() {
        tracing::warn!(certificate = %path.display(), until = %about.until, "the certificate expires soon");
    }
    Ok(about.until)
}
