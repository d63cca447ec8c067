//! The folder: one index for each UTC day and kind, a marker of the format, and a lock against a second process.
//!
//! ```text
//! {folder}/format                     "1"
//! {folder}/lock                       held while the store is open
//! {folder}/events/2026.11.22/         one index; `made` in it says when it was begun
//! {folder}/events/2026.11.22.damaged-1/   could not be opened; moved aside, never deleted by us
//! {folder}/events/2026.11.22.removing/    retention was at it; deleted at the next start
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tantivy::directory::MmapDirectory;
use tantivy::directory::error::OpenReadError;
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyError};

use super::schema::{self, FORMAT};
use crate::event::{Day, ReceivedTime};
use crate::store::{Kind, StoreError};

/// Name of the store in messages.
pub(super) const NAME: &str = "embedded";
const MADE: &str = "made";
const STRAYING: &str = "straying";
const REMOVING: &str = ".removing";

/// One index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DayKey {
    pub(super) kind: Kind,
    pub(super) day: Day,
}

impl DayKey {
    /// What Elasticsearch would call the index.
    pub(super) fn index_name(self) -> String {
        format!("oversight-{}-{}", self.kind.word(), self.day)
    }
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    folder: PathBuf,
}

/// Why a day's index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It may work later: a full disk, too many open files.
    #[error("{0}")]
    Passing(String),
    /// Its files are not what they should be.
    #[error("{0}")]
    Damaged(String),
}

/// An index that is open for reading.
#[derive(Clone)]
pub(super) struct OpenIndex {
    pub(super) index: Index,
    pub(super) reader: IndexReader,
    /// It holds documents whose time lies in another day.
    pub(super) straying: bool,
}

impl Layout {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes the folders, takes the lock and checks the format. The lock lasts as long as the file that is returned.
    pub(super) fn prepare(&self) -> Result<File, StoreError> {
        for kind in [Kind::Event, Kind::Anomaly] {
            let path = self.folder.join(kind.word());
            fs::create_dir_all(&path).map_err(|error| files(&path, &error))?;
        }
        let path = self.folder.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| files(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(files(&path, &"another process has this folder open; stop it, or use another folder"));
            }
            Err(TryLockError::Error(error)) => return Err(files(&path, &error)),
        }
        self.check_format()?;
        self.clean();
        Ok(lock)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let path = self.folder.join("format");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse::<u32>() {
                Ok(format) if format <= FORMAT => Ok(()),
                Ok(format) => {
                    let reason =
                        format!("written by a newer version (format {format}, this one reads up to {FORMAT}): update");
                    Err(files(&path, &reason))
                }
                Err(_) => Err(files(&path, &format!("not a format number; it should read {FORMAT}"))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                durable(&path, &FORMAT.to_string()).map_err(|error| files(&path, &error))
            }
            Err(error) => Err(files(&path, &error)),
        }
    }

    /// Finishes removals that a crash has cut short.
    fn clean(&self) {
        for kind in [Kind::Event, Kind::Anomaly] {
            for entry in fs::read_dir(self.folder.join(kind.word())).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().ends_with(REMOVING) {
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
    }

    pub(super) fn path(&self, key: DayKey) -> PathBuf {
        self.folder.join(key.kind.word()).join(key.day.to_string())
    }

    /// The days of a kind that have an index, oldest first.
    pub(super) fn days(&self, kind: Kind) -> io::Result<Vec<DayKey>> {
        let mut days = Vec::new();
        for entry in fs::read_dir(self.folder.join(kind.word()))? {
            let entry = entry?;
            if let Some(day) = entry.file_name().to_str().and_then(Day::parse) {
                days.push(DayKey { kind, day });
            }
        }
        days.sort_unstable_by_key(|key| key.day);
        Ok(days)
    }

    /// Opens the index of a day; none where it has none.
    pub(super) fn open(&self, key: DayKey) -> Result<Option<OpenIndex>, Trouble> {
        let path = self.path(key);
        if !path.join("meta.json").exists() {
            return Ok(None);
        }
        let directory = MmapDirectory::open(&path).map_err(|error| Trouble::Passing(error.to_string()))?;
        let mut index = Index::open(directory).map_err(trouble)?;
        if index.schema() != schema::schema().0 {
            return Err(Trouble::Damaged("its schema is not ours".to_owned()));
        }
        schema::register(&mut index);
        self.reader(key, index).map(Some)
    }

    /// Opens the index of a day, or begins one.
    pub(super) fn open_or_begin(&self, key: DayKey, now: ReceivedTime) -> Result<OpenIndex, Trouble> {
        if let Some(open) = self.open(key)? {
            return Ok(open);
        }
        let path = self.path(key);
        let begin = || -> io::Result<()> {
            fs::create_dir_all(&path)?;
            durable(&path.join(MADE), &now.micros().to_string())?;
            File::open(path.parent().expect("a day lies in its kind"))?.sync_all()
        };
        begin().map_err(|error| Trouble::Passing(error.to_string()))?;
        let directory = MmapDirectory::open(&path).map_err(|error| Trouble::Passing(error.to_string()))?;
        let mut index = Index::create(directory, schema::schema().0, schema::settings()).map_err(trouble)?;
        schema::register(&mut index);
        self.reader(key, index)
    }

    fn reader(&self, key: DayKey, index: Index) -> Result<OpenIndex, Trouble> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(8);
        let reader = reader.try_into().map_err(trouble)?;
        Ok(OpenIndex { index, reader, straying: self.path(key).join(STRAYING).exists() })
    }

    /// Remembers that the day holds documents of other days, so that no search leaves it out.
    pub(super) fn note_straying(&self, key: DayKey) -> io::Result<()> {
        durable(&self.path(key).join(STRAYING), "")
    }

    /// Puts a damaged day out of the way and gives its new name.
    pub(super) fn move_aside(&self, key: DayKey) -> io::Result<PathBuf> {
        let path = self.path(key);
        for number in 1_u32.. {
            let mut name = path.clone().into_os_string();
            name.push(format!(".damaged-{number}"));
            let target = PathBuf::from(name);
            if !target.exists() {
                fs::rename(&path, &target)?;
                return Ok(target);
            }
        }
        unreachable!("a folder has fewer entries than there are numbers")
    }

    /// Deletes the index of a day.
    pub(super) fn remove(&self, key: DayKey) -> io::Result<()> {
        let mut name = self.path(key).into_os_string();
        name.push(REMOVING);
        let target = PathBuf::from(name);
        // first out of sight, so that a crash leaves a whole day or none
        fs::rename(self.path(key), &target)?;
        fs::remove_dir_all(target)
    }

    /// When the index of a day was begun; a day that was filled long after it was over is kept as long as a fresh one.
    pub(super) fn made(&self, key: DayKey) -> Option<ReceivedTime> {
        let text = fs::read_to_string(self.path(key).join(MADE)).ok()?;
        text.trim().parse().ok().map(ReceivedTime::from_micros)
    }

    /// Bytes on disk of a day's index.
    pub(super) fn size(&self, key: DayKey) -> u64 {
        let entries = fs::read_dir(self.path(key)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }
}

/// Sorts the index's errors: what may pass, and what will not.
pub(super) fn trouble(error: TantivyError) -> Trouble {
    let reason = error.to_string();
    match &error {
        TantivyError::DataCorruption(_) | TantivyError::SchemaError(_) => Trouble::Damaged(reason),
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) if passes(io_error) => {
            Trouble::Passing(reason)
        }
        TantivyError::OpenReadError(_) => Trouble::Damaged(reason),
        TantivyError::IoError(io_error) if !passes(io_error) => Trouble::Damaged(reason),
        _ => Trouble::Passing(reason),
    }
}

/// Errors of the machine, as opposed to files that end too soon or read wrong.
fn passes(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other)
}

/// Writes a small file and syncs it and its folder.
fn durable(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    File::open(path)?.sync_all()?;
    File::open(path.parent().expect("a file lies in a folder"))?.sync_all()
}

fn files(path: &Path, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Files { store: NAME, path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().join("index"));
        (folder, layout)
    }

    #[test]
    fn a_second_process_is_told_that_the_folder_is_taken() {
        let (_folder, layout) = layout();
        let _lock = layout.prepare().expect("free");
        let refused = layout.prepare().expect_err("taken").to_string();
        assert!(refused.contains("another process has this folder open"), "{refused}");
    }

    #[test]
    fn a_newer_format_is_refused_by_number() {
        let (_folder, layout) = layout();
        drop(layout.prepare().expect("free"));
        fs::write(layout.folder.join("format"), "7").expect("written");
        let refused = layout.prepare().expect_err("newer").to_string();
        assert!(refused.contains("format 7, this one reads up to 1"), "{refused}");
    }

    #[test]
    fn days_are_listed_in_order_and_leftovers_are_not() {
        let (_folder, layout) = layout();
        drop(layout.prepare().expect("free"));
        let day = |text: &str| DayKey { kind: Kind::Event, day: Day::parse(text).expect("a day") };
        let now = ReceivedTime::from_micros(5);
        for text in ["2026.11.22", "2025.01.01", "2026.02.03"] {
            layout.open_or_begin(day(text), now).expect("begun");
        }
        assert_eq!(layout.made(day("2025.01.01")), Some(now));
        layout.move_aside(day("2026.02.03")).expect("moved");
        fs::create_dir(layout.folder.join("events/2024.01.01.removing")).expect("made");
        assert_eq!(layout.days(Kind::Event).expect("listed"), [day("2025.01.01"), day("2026.11.22")]);
        drop(layout.prepare().expect("free"));
        assert!(!layout.folder.join("events/2024.01.01.removing").exists());
    }

    #[test]
    fn a_truncated_meta_file_is_damage() {
        let (_folder, layout) = layout();
        drop(layout.prepare().expect("free"));
        let key = DayKey { kind: Kind::Event, day: Day::from_days(20_000) };
        layout.open_or_begin(key, ReceivedTime::from_micros(0)).expect("begun");
        fs::write(layout.path(key).join("meta.json"), "{\"ind").expect("written");
        assert!(matches!(layout.open(key), Err(Trouble::Damaged(_))));
    }
}
