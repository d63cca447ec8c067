//! TLS on a listener: the handshake with its deadline, and certificates that are replaced while connections are open.
//!
//! A connection keeps the certificate with which it began; the next one has the new. What cannot be used never takes the
//! place of what is in use. TLS 1.2 and 1.3 by rustls with ring; HTTP/1.1 is the only protocol that is offered.

mod certificate;
mod error;
mod load;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::security::Tls as Settings;
use crate::event::ReceivedTime;
use crate::telemetry::catalogue::TLS_CERTIFICATE_EXPIRY_SECONDS;

pub use error::TlsError;

use certificate::About;

/// Encrypts connections.
pub struct Tls {
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    server: Arc<ServerConfig>,
    handshake_timeout: Duration,
}

/// A connection after its handshake.
pub struct Encrypted {
    /// Its bytes in the clear.
    pub stream: TlsStream<TcpStream>,
    /// The common name of the client's certificate, where it showed one.
    pub certificate: Option<Arc<str>>,
}

impl Tls {
    /// With the certificate and the key that `settings` name.
    ///
    /// # Errors
    /// When a file cannot be read or used; says which, and what is wrong with it.
    pub fn load(settings: &Settings, now: ReceivedTime) -> Result<Self, TlsError> {
        Ok(Self { current: RwLock::new(current(settings, now)?) })
    }

    /// Reads the files again; from now on handshakes use what they hold.
    ///
    /// # Errors
    /// When a file cannot be used: then nothing changes.
    pub fn reload(&self, settings: &Settings, now: ReceivedTime) -> Result<(), TlsError> {
        let fresh = current(settings, now)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The handshake.
    ///
    /// # Errors
    /// When it fails or takes too long.
    pub async fn accept(&self, tcp: TcpStream) -> io::Result<Encrypted> {
        let Current { server, handshake_timeout } = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let stream = timeout(handshake_timeout, TlsAcceptor::from(server).accept(tcp)).await??;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.and_then(|certificate| About::of(certificate)).and_then(|about| about.common_name);
        Ok(Encrypted { stream, certificate: certificate.map(Into::into) })
    }
}

fn current(settings: &Settings, now: ReceivedTime) -> Result<Current, TlsError> {
    let loaded = load::server(settings, now)?;
    TLS_CERTIFICATE_EXPIRY_SECONDS.set(loaded.expires.seconds());
    Ok(Current { server: Arc::new(loaded.server), handshake_timeout: settings.handshake_timeout })
}
