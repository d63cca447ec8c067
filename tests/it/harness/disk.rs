//! Disks of a test's own, which can be full and can stall; they need root.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system that goes with the value.
pub struct Disk {
    /// Where it is mounted.
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Disk {
    /// In memory, of so many MiB; none, and said so, where this machine does not let us.
    pub fn in_memory(mebibytes: u32) -> Option<Self> {
        Self::mount(|_, path| {
            let size = format!("size={mebibytes}m");
            succeeds(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(path))
        })
    }

    /// ext4 in a file, which can be frozen; none, and said so, where this machine does not let us.
    pub fn in_a_file(mebibytes: u32) -> Option<Self> {
        Self::mount(|folder, path| {
            let image = folder.join("image");
            succeeds(Command::new("truncate").arg("-s").arg(format!("{mebibytes}M")).arg(&image))
                && succeeds(Command::new("mkfs.ext4").arg("-q").arg(&image))
                && succeeds(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(path))
        })
    }

    /// Writes to it wait for as long as the value lives.
    pub fn stall(&self) -> Stalled<'_> {
        assert!(succeeds(Command::new("fsfreeze").arg("-f").arg(&self.path)), "it can be frozen");
        Stalled(self)
    }

    fn mount(mount: impl FnOnce(&Path, &Path) -> bool) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).expect("a folder");
        if !mount(folder.path(), &path) {
            super::skip("a disk of a test's own can only be mounted by root, with mkfs.ext4 and loop devices");
            return None;
        }
        Some(Self { path, _folder: folder })
    }
}

/// A disk that stalls. It goes before the process that waits for the disk: one that waits cannot even be killed.
pub struct Stalled<'a>(&'a Disk);

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("-u").arg(&self.0.path).status();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // lazily, since a process that is just ending may still hold files on it
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
