//! What the metrics have learnt, from one run to the next.

use std::fs;
use std::path::Path;

use crate::anomaly::{Engine, SnapshotError};
use crate::files;

use super::StartError;

/// The engine with what it had learnt when the snapshot at `path` was taken. A damaged snapshot is moved aside and
/// said; the engine learns anew then.
///
/// # Errors
/// When the snapshot is of a newer version, or the file cannot be read.
pub fn restored(mut engine: Engine, path: &Path) -> Result<Engine, StartError> {
    let bytes = files::read(path).map_err(|source| StartError::File { path: path.to_owned(), source })?;
    let Some(bytes) = bytes else { return Ok(engine) };
    match engine.restore(&bytes) {
        Ok(restored) => {
            for metric in restored.dropped {
                tracing::warn!(metric, "is declared differently now; what it had learnt is left out");
            }
        }
        Err(source @ SnapshotError::Newer { .. }) => {
            return Err(StartError::Snapshot { path: path.to_owned(), source });
        }
        Err(source @ SnapshotError::Damaged) => {
            let aside = path.with_extension("damaged");
            tracing::error!(fault = %source, kept = %aside.display(), "the metrics learn anew");
            fs::rename(path, &aside).map_err(|source| StartError::File { path: aside, source })?;
        }
    }
    Ok(engine)
}
