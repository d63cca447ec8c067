//! State files: written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::anomaly::{Engine, SnapshotError};

use super::StartError;

/// Replaces the file at `path`; after a crash it holds the old bytes or the new ones, never a mixture.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

/// The file's bytes; none where there is no file.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The engine with what it had learnt when the snapshot at `path` was taken. A damaged snapshot is moved aside and
/// said; the engine learns anew then.
///
/// # Errors
/// When the snapshot is of a newer version, or the file cannot be read.
pub fn restored(mut engine: Engine, path: &Path) -> Result<Engine, StartError> {
    let bytes = read(path).map_err(|source| StartError::File { path: path.to_owned(), source })?;
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
