//! Writes a model folder so that nobody ever sees half of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::FolderError;
use super::card::{CARD_FILE, SCRIPT_FILE, WEIGHTS_FILE};

/// Whether a model may be written there: there is nothing yet, or a folder that holds files alone. One with folders in it is
/// somebody's home or project, and not to be replaced.
///
/// # Errors
/// When it holds a folder, or cannot be read.
pub fn check(folder: &Path) -> Result<(), FolderError> {
    others(folder).map(|_| ())
}

/// The files in a folder that are no part of a model: a spec, a note. They are kept.
fn others(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |reason| FolderError { file: folder.to_owned(), reason };
    let entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            let what =
                "it is a folder, and a model is written into one of its own that holds files alone; name another place";
            return Err(FolderError { file: path, reason: io::Error::other(what) });
        }
        let named = |name: &&str| path.file_name().is_some_and(|found| found == *name);
        if ![CARD_FILE, WEIGHTS_FILE, SCRIPT_FILE].iter().any(named) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Puts a folder with these files in the place of `folder`, and keeps the files there that are no part of a model.
///
/// The files are written and synced in a folder beside it, which then takes the name. Where there was a folder before,
/// it is moved aside first and removed afterwards: a crash between the two renames leaves both versions complete under
/// their other names, and a reader at that moment finds none rather than a mixed one.
///
/// # Errors
/// When the disk refuses, or what is there holds folders; the folder that was there is then still there.
pub fn write(folder: &Path, files: &[(&str, &[u8])]) -> Result<(), FolderError> {
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |reason| FolderError { file, reason }
    };
    let (fresh, old, kept) = (beside(folder, "new"), beside(folder, "old"), others(folder)?);
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
    for file in &kept {
        let copy = fresh.join(file.file_name().expect("it was listed by its name"));
        let kept = fs::copy(file, &copy).and_then(|_| File::open(&copy)?.sync_all());
        kept.map_err(failed(file))?;
    }
    sync_folder(&fresh).map_err(failed(&fresh))?;
    remove(&old).map_err(failed(&old))?;
    let moved_aside = folder.exists();
    if moved_aside {
        fs::rename(folder, &old).map_err(failed(folder))?;
    }
    if let Err(reason) = fs::rename(&fresh, folder) {
        if moved_aside {
            fs::rename(&old, folder).map_err(failed(folder))?;
        }
        return Err(FolderError { file: folder.to_owned(), reason });
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
    use super::*;

    fn model(folder: &Path, card: &[u8], weights: &[u8]) -> Result<(), FolderError> {
        write(folder, &[(CARD_FILE, card), (WEIGHTS_FILE, weights)])
    }

    #[test]
    fn a_folder_is_written_whole_and_replaced_whole() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("models/kdd99");
        model(&folder, b"one", b"weights one").expect("written");
        fs::write(folder.join(SCRIPT_FILE), "of the one").expect("written");
        model(&folder, b"two", b"weights two").expect("replaced");
        assert_eq!(fs::read(folder.join(CARD_FILE)).expect("there"), b"two");
        assert_eq!(fs::read(folder.join(WEIGHTS_FILE)).expect("there"), b"weights two");
        let left: Vec<_> = fs::read_dir(folder.parent().expect("has one")).expect("there").collect();
        assert_eq!(left.len(), 1, "nothing lies beside it");
        assert!(!folder.join(SCRIPT_FILE).exists());
    }

    #[test]
    fn what_is_no_part_of_a_model_is_kept() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("flow");
        model(&folder, b"one", b"weights one").expect("written");
        fs::write(folder.join("captures.yml"), "name: flow").expect("written");
        model(&folder, b"two", b"weights two").expect("replaced");
        assert_eq!(fs::read(folder.join("captures.yml")).expect("kept"), b"name: flow");
        assert_eq!(fs::read(folder.join(CARD_FILE)).expect("there"), b"two");
    }

    #[test]
    fn a_folder_with_folders_in_it_is_not_replaced() {
        let place = tempfile::tempdir().expect("a folder");
        fs::create_dir(place.path().join("papers")).expect("made");
        fs::write(place.path().join("papers/thesis"), "years").expect("written");
        for fault in [check(place.path()), model(place.path(), b"", b"")].map(|done| done.expect_err("refused")) {
            assert!(
                fault.to_string().contains("papers") && fault.to_string().contains("name another place"),
                "{fault}"
            );
        }
        assert_eq!(fs::read(place.path().join("papers/thesis")).expect("there"), b"years");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let place = tempfile::NamedTempFile::new().expect("a file");
        let fault = model(&place.path().join("model"), b"", b"").expect_err("refused").to_string();
        assert!(fault.contains("cannot be written"), "{fault}");
    }
}
