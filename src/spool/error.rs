//! What can go wrong, sorted by who asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{folder}: another oversight uses this spool; stop it, or give this one a folder of its own")]
    Locked {
        /// The spool's folder.
        folder: PathBuf,
    },
    /// A newer oversight wrote it.
    #[error("{path}: format version {found}, this program reads up to {known}; start the newer oversight again")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file that names the spool is damaged, and no segment has a copy of it.
    #[error("{path}: damaged, and no segment says what stood in it; restore it, or move the spool's folder away")]
    IdentityLost {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("{path}: {source}")]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// In its words.
        source: io::Error,
    },
}

/// Why a batch was not taken. It will not be delivered, but for what the room's page says of [`AppendError::Disk`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// No room; the batch may be sent again later.
    #[error("the spool is full; send again in {} s", retry_after.as_secs())]
    Full {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The disk did not take it; the batch may be sent again.
    #[error("{path}: {source}; free some space or look at the disk")]
    Disk {
        /// The segment.
        path: PathBuf,
        /// In the operating system's words.
        source: Arc<io::Error>,
    },
    /// It would not fit into an empty spool, or is not a batch; sending it again is of no use.
    #[error("the batch cannot be kept: {reason}")]
    Unfit {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
}

/// Why the reader could not read on. The next call tries the same place again.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct ReadError {
    /// The segment.
    pub path: PathBuf,
    /// In the operating system's words.
    pub source: io::Error,
}

/// Why the last checkpoint could not be written; what was settled since the one before is delivered once more.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}; what was settled last is delivered once more after the next start")]
pub struct CloseError {
    /// The checkpoint.
    pub path: PathBuf,
    /// In the operating system's words.
    pub source: io::Error,
}

/// Why dead letters were not kept, read or discarded.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// The disk did not take them or give them back.
    #[error("{path}: {source}; free some space or look at the disk")]
    Disk {
        /// The file.
        path: PathBuf,
        /// In the operating system's words.
        source: io::Error,
    },
    /// Larger than all dead letters together may be.
    #[error("a dead letter of {bytes} bytes is larger than all of them together may be ({limit} bytes)")]
    TooLarge {
        /// Of the letter.
        bytes: u64,
        /// Of the folder.
        limit: u64,
    },
}
