//! The files of the audit log: `audit.log`, and `audit.log.1` to `audit.log.4` before it, the oldest last.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes of one file.
const LARGEST: u64 = 10 << 20;
/// Files before the current one.
const KEPT: u32 = 4;
/// The owner's alone.
const MODE: u32 = 0o600;

/// Where lines go.
pub struct Trail {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Trail {
    /// Goes on with the file in `folder`, or begins one.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("audit.log");
        let file = open(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, file, length })
    }

    /// Writes one line whole.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.length + line.len() as u64 > LARGEST {
            self.turn()?;
        }
        self.file.write_all(line)?;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Begins a new file; the oldest one goes.
    fn turn(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            move_on(&self.numbered(number), &self.numbered(number + 1))?;
        }
        move_on(&self.path, &self.numbered(1))?;
        self.file = open(&self.path)?;
        self.length = 0;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        self.path.with_extension(format!("log.{number}"))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    // one that was there before may have been readable by others
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

/// A file that is not there has nowhere to go.
fn move_on(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_the_owners_and_never_more_than_five() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("audit.log"), "open to all\n").unwrap();
        let mut trail = Trail::open(folder.path()).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..75 {
            trail.write(&line).unwrap();
        }
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            assert!(about.len() <= LARGEST);
            assert_eq!(about.permissions().mode() & 0o777, MODE);
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["audit.log", "audit.log.1", "audit.log.2", "audit.log.3", "audit.log.4"]);
    }
}
