//! Where bodies are kept before they are answered: the spool, or for tests one that fails as it is told.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::spool::{AppendError, DeadLetter, DeadLetterError, NewBatch, Spool};

/// Takes bodies and dead letters; what it has answered `Ok` is on disk.
pub trait Keep: Send + Sync + 'static {
    /// Keeps the members of one body, all or none.
    fn append(&self, batch: NewBatch) -> BoxFuture<'static, Result<(), Unkept>>;

    /// Keeps what was refused.
    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), Unkept>>;
}

/// Why a body was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// There is no room on the disk, as much as the spool may use of it.
    #[error("the spool is full, send again")]
    Full {
        /// When room may be expected.
        retry_after: Duration,
    },
    /// It takes too long. It may still be kept: sent again it is taken once.
    #[error("the spool does not answer in time, send again")]
    Late,
    /// It was given up, for instance because the process ends.
    #[error("the body was given up before it was kept, send again")]
    Lost,
    /// The disk refuses; the words are its own.
    #[error("the spool cannot write: {0}")]
    Disk(String),
    /// It is larger than the spool takes at all; the words are the spool's. Sending it again is of no use.
    #[error("the body is too large for the spool: {0}")]
    Unfit(String),
    /// The process ends.
    #[error("the spool is closed, oversight is ending")]
    Closed,
}

impl From<AppendError> for Unkept {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full { retry_after } => Self::Full { retry_after },
            AppendError::Closed => Self::Closed,
            AppendError::Unfit { .. } => Self::Unfit(error.to_string()),
            AppendError::Disk { .. } => Self::Disk(error.to_string()),
        }
    }
}

impl From<DeadLetterError> for Unkept {
    fn from(error: DeadLetterError) -> Self {
        match error {
            DeadLetterError::TooLarge { .. } => Self::Unfit(error.to_string()),
            DeadLetterError::Disk { .. } => Self::Disk(error.to_string()),
        }
    }
}

impl Keep for Spool {
    fn append(&self, batch: NewBatch) -> BoxFuture<'static, Result<(), Unkept>> {
        let spool = self.clone();
        Box::pin(async move {
            spool.append(batch).await?;
            Ok(())
        })
    }

    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), Unkept>> {
        let spool = self.clone();
        Box::pin(async move {
            // it waits for the disk
            let written = tokio::task::spawn_blocking(move || spool.dead_letters().append(&letters)).await;
            written.map_or(Err(Unkept::Lost), |outcome| outcome.map_err(Unkept::from))
        })
    }
}
