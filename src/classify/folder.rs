//! Writes a model folder so that nobody ever sees half of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::FolderError;

/// Puts a folder with these files in the place of `folder`.
///
/// The files are written and synced in a folder beside it, which then takes the name. Where there was a folder before,
/// it is moved aside first and removed afterwards: a crash between the two renames leaves both versions complete under
/// their other names, and a reader at that moment finds none rather than a mixed one.
///
/// # Errors
/// When the disk refuses; the folder that was there is then still there.
pub fn write(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), FolderError> {
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |source| FolderError { file, source }
    };
    let (fresh, old) = (beside(folder, "new"), beside(folder, "old"));
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(failed(parent))?;
    }
    remove(&fresh).map_err(failed(&fresh))?;
    fs::create_dir(&fresh).map_err(failed(&fresh))?;
    for (name, content) in files {
        let file = fresh.join(name);
        let written = File::create(&file).and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
        written.map_err(failed(&file))?;
    }
    sync_folder(&fresh).map_err(failed(&fresh))?;
    remove(&old).map_err(failed(&old))?;
    let moved_aside = folder.exists();
    if moved_aside {
        fs::rename(folder, &old).map_err(failed(folder))?;
    }
    if let Err(source) = fs::rename(&fresh, folder) {
        if moved_aside {
            fs::rename(&old, folder).map_err(failed(folder))?;
        }
        return Err(FolderError { file: folder.to_owned(), source });
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(parent).map_err(failed(parent))?;
    remove(&old).map_err(failed(&old))
}

/// A hidden neighbour of `folder`.
fn beside(folder: &Path, what: &str) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!(".{name}.{what}"))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::card::{CARD_FILE, WEIGHTS_FILE};
    use super::*;

    fn model(folder: &Path, card: &[u8], weights: &[u8]) -> Result<(), FolderError> {
        write(folder, &[(CARD_FILE, card), (WEIGHTS_FILE, weights)])
    }

    #[test]
    fn a_folder_is_written_whole_and_replaced_whole() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("models/kdd99");
        model(&folder, b"one", b"weights one").expect("written");
        fs::write(folder.join("stray"), "x").expect("written");
        model(&folder, b"two", b"weights two").expect("replaced");
        assert_eq!(fs::read(folder.join(CARD_FILE)).expect("there"), b"two");
        assert_eq!(fs::read(folder.join(WEIGHTS_FILE)).expect("there"), b"weights two");
        let left: Vec<_> = fs::read_dir(folder.parent().expect("has one")).expect("there").collect();
        assert_eq!(left.len(), 1, "nothing lies beside it");
        assert!(!folder.join("stray").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let place = tempfile::NamedTempFile::new().expect("a file");
        let fault = model(&place.path().join("model"), b"", b"").expect_err("refused").to_string();
        assert!(fault.contains("cannot be written"), "{fault}");
    }
}
