//! Series that were set aside on disk to make room, and come back when their entity does.
//!
//! Files of records (key, length, CRC-32C, the series), the newest one appended to. A series that is set aside again gets a new record,
//! so the oldest file holds those that were away for longest: it goes when all together exceed their bound. The place of each series is
//! kept in memory, 24 bytes. A snapshot names the files and their lengths; after a crash what lies behind them is cut off, because the events that
//! made it come again. A file that is given up is removed with the snapshot after next, so that those on disk can be read until then.
//! A disk that refuses costs the series that are to be set aside, and nothing else; the fault is told, and counted.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::codec::{Damaged, Reader, Writer};
use super::series::Series;

/// Key, length, checksum.
const HEAD: usize = 16;
/// Bytes that are written at once.
const AT_ONCE: usize = 1 << 18;
/// A new file is begun when one has so many bytes, or a quarter of what all may have.
const FILE_BYTES: u64 = 64 << 20;

/// Where series are set aside, and how much they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsideSettings {
    /// The folder; other files in it are left alone.
    pub folder: PathBuf,
    /// Bytes of all files together.
    pub bytes: u64,
}

/// What was set aside.
#[derive(Debug)]
pub(super) struct Aside {
    settings: AsideSettings,
    files: VecDeque<Segment>,
    /// The number of the next file.
    next: u32,
    /// What is to be written to the newest file.
    waiting: Vec<u8>,
    places: HashMap<u64, Place>,
    /// Files given up since the last snapshot, and before it.
    given_up: Vec<PathBuf>,
    to_remove: Vec<PathBuf>,
    /// Series that the disk did not take or give back.
    pub lost: u64,
}

#[derive(Debug)]
struct Segment {
    number: u32,
    path: PathBuf,
    file: File,
    /// Bytes, those that wait included.
    length: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    file: u32,
    at: u32,
    length: u32,
}

impl Aside {
    /// Begins anew: files that are there go when the first one is begun.
    pub(super) fn new(settings: AsideSettings) -> Self {
        Self {
            settings,
            files: VecDeque::new(),
            next: 0,
            waiting: Vec::new(),
            places: HashMap::new(),
            given_up: Vec::new(),
            to_remove: Vec::new(),
            lost: 0,
        }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Sets a series aside, which has no open bucket.
    pub(super) fn put(&mut self, series: &Series) {
        if let Err(fault) = self.append(series) {
            self.lost += 1;
            // said once for many: a full disk stays full
            if self.lost.is_power_of_two() {
                tracing::error!(%fault, folder = %self.settings.folder.display(), lost = self.lost, "series cannot be set aside; they are forgotten");
            }
        }
    }

    /// Takes the series of a key back.
    pub(super) fn take(&mut self, key: u64) -> Option<Series> {
        let place = self.places.remove(&key)?;
        let read = self.read(place, key);
        if read.is_none() {
            self.lost += 1;
            tracing::error!(folder = %self.settings.folder.display(), "a series that was set aside cannot be read; it is learnt anew");
        }
        read
    }

    fn append(&mut self, series: &Series) -> io::Result<()> {
        let mut out = Writer::default();
        series.save_alone(&mut out);
        let bytes = out.finish();
        let length = (HEAD + bytes.len()) as u64;
        let full = FILE_BYTES.min(self.settings.bytes / 4).max(length);
        if self.files.back().is_none_or(|newest| newest.length + length > full) {
            self.begin()?;
        }
        let newest = self.files.back_mut().expect("one has just been begun");
        let place = Place { file: newest.number, at: newest.length as u32, length: length as u32 };
        newest.length += length;
        self.waiting.extend_from_slice(&series.key.to_le_bytes());
        self.waiting.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.waiting.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        self.waiting.extend_from_slice(&bytes);
        self.places.insert(series.key, place);
        if self.waiting.len() >= AT_ONCE {
            self.flush()?;
        }
        Ok(())
    }

    /// Begins a file, and gives up the oldest where there are too many bytes.
    fn begin(&mut self) -> io::Result<()> {
        self.flush()?;
        while self.files.iter().map(|file| file.length).sum::<u64>() > self.settings.bytes * 3 / 4 {
            let Some(oldest) = self.files.pop_front() else { break };
            self.places.retain(|_, place| place.file != oldest.number);
            self.given_up.push(oldest.path);
        }
        fs::create_dir_all(&self.settings.folder)?;
        if self.next == 0 {
            self.sweep();
        }
        let number = self.next;
        self.next += 1;
        let path = path_of(&self.settings.folder, number);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        self.files.push_back(Segment { number, path, file, length: 0 });
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(newest) = self.files.back_mut().filter(|_| !self.waiting.is_empty()) else { return Ok(()) };
        let from = newest.length - self.waiting.len() as u64;
        let written = newest.file.write_all_at(&self.waiting, from);
        self.waiting.clear();
        written
    }

    fn read(&mut self, place: Place, key: u64) -> Option<Series> {
        let newest = self.files.back()?;
        let unwritten = newest.length - self.waiting.len() as u64;
        let mut bytes = vec![0; place.length as usize];
        if place.file == newest.number && u64::from(place.at) >= unwritten {
            let from = (u64::from(place.at) - unwritten) as usize;
            let end = from + bytes.len();
            bytes.copy_from_slice(self.waiting.get(from..end)?);
        } else {
            let file = self.files.iter().find(|file| file.number == place.file)?;
            file.file.read_exact_at(&mut bytes, place.at.into()).ok()?;
        }
        let (head, series) = bytes.split_at(HEAD);
        let is_whole = head[..8] == key.to_le_bytes() && head[12..] == crc32c::crc32c(series).to_le_bytes();
        Series::load_alone(&mut Reader::new(series)).ok().filter(|_| is_whole)
    }

    /// Makes everything last, and appends which files there are and how long.
    pub(super) fn save(&mut self, out: &mut Writer) {
        let written = self.flush().and_then(|()| self.files.back().map_or(Ok(()), |newest| newest.file.sync_data()));
        if let Err(fault) = written {
            tracing::error!(%fault, folder = %self.settings.folder.display(), "series that were set aside may be lost in a crash");
        }
        for path in self.to_remove.drain(..) {
            // one that cannot be removed is overwritten when its number comes again
            let _ = fs::remove_file(path);
        }
        self.to_remove.append(&mut self.given_up);
        out.u32(self.files.len() as u32);
        for file in &self.files {
            out.u32(file.number);
            out.u64(file.length);
        }
    }

    /// What a snapshot says of the files; they are opened by [`Aside::reopen`].
    pub(super) fn load(input: &mut Reader<'_>) -> Result<Vec<(u32, u64)>, Damaged> {
        (0..input.count(12)?).map(|_| Ok((input.u32()?, input.u64()?))).collect()
    }

    /// Opens the files of a snapshot, each cut off where it was; gives up those that are not as long. `is_held` says of which series there
    /// is a newer state.
    pub(super) fn reopen(&mut self, named: &[(u32, u64)], is_held: impl Fn(u64) -> bool) {
        for (number, length) in named {
            let path = path_of(&self.settings.folder, *number);
            match Segment::open(*number, path.clone(), *length) {
                Ok(segment) => {
                    self.files.push_back(segment);
                }
                Err(fault) => {
                    self.lost += 1;
                    tracing::error!(%fault, file = %path.display(), "series that were set aside here are forgotten");
                }
            }
        }
        self.next = named.iter().map(|(number, _)| number.saturating_add(1)).max().unwrap_or(0);
        for segment in &self.files {
            segment.places(&mut self.places);
        }
        self.places.retain(|key, _| !is_held(*key));
        self.sweep();
    }

    /// Removes files of earlier runs that nothing refers to any more.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.settings.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = name.starts_with("series-") && name.ends_with(".aside");
            if ours && !self.files.iter().any(|file| file.path == path) {
                // one that stays takes room and does nothing else
                let _ = fs::remove_file(&path);
            }
        }
    }
}

impl Segment {
    fn open(number: u32, path: PathBuf, length: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        if file.metadata()?.len() < length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was"));
        }
        file.set_len(length)?;
        Ok(Self { number, path, file, length })
    }

    /// Where each series lies; the last record of a series counts.
    fn places(&self, places: &mut HashMap<u64, Place>) {
        let (mut at, mut head) = (0, [0; HEAD]);
        while at + HEAD as u64 <= self.length && self.file.read_exact_at(&mut head, at).is_ok() {
            let mut input = Reader::new(&head);
            let (Ok(key), Ok(length)) = (input.u64(), input.u32()) else { break };
            let length = HEAD as u32 + length;
            places.insert(key, Place { file: self.number, at: at as u32, length });
            at += u64::from(length);
        }
    }
}

fn path_of(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("series-{number:010}.aside"))
}

#[cfg(test)]
mod tests {
    use super::super::fields::mix;
    use super::*;

    fn series(number: u64) -> Series {
        let mut series = Series::new(mix(number, 1), 0, format!("entity {number}").into());
        series.last_value = number as f64;
        series
    }

    fn bytes_in(folder: &Path) -> u64 {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn the_disk_that_series_take_is_bounded_and_the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut aside = Aside::new(AsideSettings { folder: folder.path().to_owned(), bytes: 100_000 });
        for number in 0..10_000 {
            aside.put(&series(number));
            if number % 100 == 0 {
                aside.save(&mut Writer::default());
            }
        }
        aside.save(&mut Writer::default());
        aside.save(&mut Writer::default());
        assert!(bytes_in(folder.path()) <= 100_000, "{}", bytes_in(folder.path()));
        assert!(aside.take(mix(5, 1)).is_none() && aside.take(mix(9_999, 1)) == Some(series(9_999)));
        assert!(aside.take(mix(9_999, 1)).is_none());
        assert_eq!((aside.lost, aside.len() > 200), (0, true));
    }

    #[test]
    fn what_came_behind_a_snapshot_is_cut_off_and_other_files_of_ours_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = AsideSettings { folder: folder.path().to_owned(), bytes: 1_000_000 };
        let mut aside = Aside::new(settings.clone());
        (0..500).for_each(|number| aside.put(&series(number)));
        let mut out = Writer::default();
        aside.save(&mut out);
        (500..3_000).for_each(|number| aside.put(&series(number)));
        aside.save(&mut Writer::default());
        fs::write(folder.path().join("mine.txt"), "kept").unwrap();
        let bytes = out.finish();
        let named = Aside::load(&mut Reader::new(&bytes)).expect("just saved");
        let mut again = Aside::new(settings);
        again.reopen(&named, |key| key == mix(7, 1));
        assert_eq!(again.len(), 499);
        assert!(again.take(mix(499, 1)) == Some(series(499)) && again.take(mix(500, 1)).is_none());
        assert!(again.take(mix(7, 1)).is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), named.len() + 1);
    }

    #[test]
    fn a_disk_that_refuses_costs_the_series_and_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("no folder");
        fs::write(&file, "").unwrap();
        let mut aside = Aside::new(AsideSettings { folder: file, bytes: 1_000_000 });
        (0..10).for_each(|number| aside.put(&series(number)));
        assert_eq!((aside.lost, aside.len()), (10, 0));
    }
}
