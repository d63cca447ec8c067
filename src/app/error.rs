//! Why oversight cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::access::tls::TlsError;
use crate::anomaly::SnapshotError;
use crate::ingest::SettingFault;
use crate::models::ModelError;
use crate::spool::OpenError;

/// Why oversight cannot start; says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else has the address, or it is not ours.
    #[error("cannot listen on {address}: {source}; give another address with listen (OVERSIGHT_LISTEN)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// The service manager handed over a socket that cannot be used.
    #[error("the socket that the service manager handed over cannot be used: {0}; it has to be a TCP listener")]
    Handed(io::Error),
    /// Others can reach the address, and something that protects it is missing.
    #[error("listen: {0}")]
    Exposed(String),
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The audit log cannot be written.
    #[error("{folder}/audit.log: cannot be written: {source}", folder = .folder.display())]
    Audit {
        /// The folder it lies in.
        folder: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Limits that contradict each other.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Http(Vec<SettingFault>),
    /// Metrics that cannot be counted.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Metrics(Vec<crate::anomaly::Fault>),
    /// The store's settings cannot be used.
    #[error("{0}")]
    Store(String),
    /// Syslog or Kafka cannot be read from.
    #[error("{0}")]
    Input(String),
    /// A file that settings name cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// What the metrics have learnt cannot be used.
    #[error("{path}: {source}")]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SnapshotError,
    },
    /// The system gives no thread.
    #[error("the worker's thread cannot be started: {0}")]
    Thread(io::Error),
}
