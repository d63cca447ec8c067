//! The filesystem seam: what the spool asks of a disk, and the real one. [`super::failing`] has one that fails on command.
//!
//! Files only grow at their end or are cut; nothing is overwritten in place.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// What the spool asks of a filesystem. Every method gives the operating system's error as it is.
pub trait Files: Debug + Send + Sync + 'static {
    /// Makes a folder and those above it; one that is there is fine.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// The names in a folder, in no particular order; names that are not UTF-8 are left out.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// A new, empty file; an error where there is one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Growing>>;

    /// A file to read from its start.
    fn read(&self, path: &Path) -> io::Result<Box<dyn Readable>>;

    /// Shortens a file to `length` bytes and syncs it.
    fn cut(&self, path: &Path, length: u64) -> io::Result<()>;

    /// Puts a file in the place of another, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file that is being written.
pub trait Growing: Debug + Send {
    /// Writes at the end of the file; may take less than it was given, and says how much.
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Returns when all that was written is on the disk. After an error nobody knows what is.
    fn sync(&mut self) -> io::Result<()>;

    /// Shortens the file to `length` bytes; the next write goes there.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A file that is being read.
pub trait Readable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Readable for T {}

/// The machine's filesystem.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        // append: after a cut the next write goes to the new end by itself
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Box::new(file))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Readable>> {
        Ok(Box::new(File::open(path)?))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// The name goes at once; the space follows on a thread of its own.
    fn remove(&self, path: &Path) -> io::Result<()> {
        let held = OpenOptions::new().write(true).open(path).ok();
        fs::remove_file(path)?;
        if let Some(file) = held {
            // without a thread the handle is closed here, which is only slower
            drop(std::thread::Builder::new().name("spool eraser".to_owned()).spawn(move || erase(&file)));
        }
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// What is given back in one step, and the pause after it.
const ERASED_AT_ONCE: u64 = 2 << 20;
const BETWEEN_STEPS: Duration = Duration::from_millis(4);

/// Gives back the space of a file that has no name any more, in steps: given back at once, 64 MiB take a tenth of a
/// second on ext4, in which every sync waits, and with it every answer.
fn erase(file: &File) {
    let mut length = file.metadata().map_or(0, |about| about.len());
    while length > 0 {
        length = length.saturating_sub(ERASED_AT_ONCE);
        if file.set_len(length).is_err() {
            // closing it gives back the rest
            return;
        }
        std::thread::sleep(BETWEEN_STEPS);
    }
}

impl Growing for File {
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_vectored(parts)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Writes all the parts at the end of the file, however little it takes at a time.
pub(super) fn write_all(file: &mut dyn Growing, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    // parts that are empty would make a write of nothing look like a full disk
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
