//! Why certificates and keys cannot be used: which file, and what is wrong with it.

use std::io;
use std::path::PathBuf;

use crate::event::EventTime;

/// Why a certificate, a key or the authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path}: no {wanted} in it; it has to be PEM, with a line -----BEGIN {begin}-----", path = .path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
        /// How that begins.
        begin: &'static str,
    },
    /// It is PEM and damaged, or of a kind that is not understood.
    #[error("{path}: {reason}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Key and certificate are not a pair.
    #[error("{key}: this key does not belong to the certificate in {certificate}", key = .key.display(), certificate = .certificate.display())]
    Mismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// Its time is over.
    #[error("{path}: the certificate has expired, it was valid until {until}", path = .path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Its end.
        until: EventTime,
    },
    /// Its time has not come.
    #[error("{path}: the certificate is not valid before {from}; is this machine's clock right?", path = .path.display())]
    NotYet {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        from: EventTime,
    },
}
