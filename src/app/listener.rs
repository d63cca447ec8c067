//! The socket that events come in by: our own, or one that the service manager opened and handed over.

use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::config::security::exposed;

use super::StartError;

/// A listener and its address. A socket that was handed over wins over `listen`, and is held to the same rule: others
/// reach it only where it is protected, or a plain word was given.
pub async fn open(config: &Config) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: config.listen, source };
    let Some(handed) = ListenFd::from_env().take_tcp_listener(0).map_err(StartError::Handed)? else {
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        return Ok((listener, address));
    };
    handed.set_nonblocking(true).map_err(StartError::Handed)?;
    let listener = TcpListener::from_std(handed).map_err(StartError::Handed)?;
    let address = listener.local_addr().map_err(StartError::Handed)?;
    tracing::info!(%address, "listening on the socket that the service manager handed over");
    match exposed(address, &config.security, config.tls.is_some()) {
        Some(problem) if !config.listen_unprotected => Err(StartError::Exposed(problem)),
        _ => Ok((listener, address)),
    }
}
