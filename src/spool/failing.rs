//! The real filesystem, failing on command: full, writing short, not syncing, slow, or gone in the middle of a write.
//!
//! For tests. A sync that succeeds is not made but remembered, which is fast, and lets a test take away what a power cut
//! may take away: see [`FailingFiles::unsynced`].

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::files::{Files, Growing, Readable, RealFiles};

/// Files on the real disk with faults that can be switched on and off; clones share them.
#[derive(Debug, Clone, Default)]
pub struct FailingFiles(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    plan: Mutex<Plan>,
    resumed: Condvar,
}

#[derive(Debug, Default)]
struct Plan {
    /// Bytes that still fit on the disk.
    room: Option<u64>,
    /// The most that one write takes.
    longest_write: Option<usize>,
    failing_syncs: u32,
    failing_cuts: u32,
    failing_creates: u32,
    sync_delay: Duration,
    syncs_paused: bool,
    syncs_waiting: u32,
    /// Operations that change something until the machine stops.
    life: Option<u64>,
    /// Length and synced length of each file written so far.
    lengths: BTreeMap<PathBuf, (u64, u64)>,
}

impl FailingFiles {
    /// Leaves room for so many more bytes, after which the disk is full; none: no limit.
    pub fn limit_room(&self, bytes: Option<u64>) {
        self.plan().room = bytes;
    }

    /// Lets one write take at most so many bytes; none: as many as it is given.
    pub fn limit_writes(&self, bytes: Option<usize>) {
        self.plan().longest_write = bytes;
    }

    /// Lets the next `count` syncs fail.
    pub fn fail_syncs(&self, count: u32) {
        self.plan().failing_syncs = count;
    }

    /// Lets the next `count` cuts fail.
    pub fn fail_cuts(&self, count: u32) {
        self.plan().failing_cuts = count;
    }

    /// Lets the next `count` file creations fail.
    pub fn fail_creates(&self, count: u32) {
        self.plan().failing_creates = count;
    }

    /// Makes every sync take so long.
    pub fn delay_syncs(&self, delay: Duration) {
        self.plan().sync_delay = delay;
    }

    /// Makes every sync wait until [`FailingFiles::resume_syncs`].
    pub fn pause_syncs(&self) {
        self.plan().syncs_paused = true;
    }

    /// Returns when a sync is waiting for [`FailingFiles::resume_syncs`].
    pub fn wait_for_paused_sync(&self) {
        let plan = self.plan();
        drop(self.0.resumed.wait_while(plan, |plan| plan.syncs_waiting == 0));
    }

    /// Lets paused syncs go on.
    pub fn resume_syncs(&self) {
        self.plan().syncs_paused = false;
        self.0.resumed.notify_all();
    }

    /// Stops the machine at the `operations`-th change from now, a write halfway through; nothing works after it.
    pub fn die_after(&self, operations: u64) {
        self.plan().life = Some(operations);
    }

    /// The ranges of files that have been written and not synced: what a power cut may lose or spoil.
    pub fn unsynced(&self) -> Vec<(PathBuf, Range<u64>)> {
        let plan = self.plan();
        let open = plan.lengths.iter().filter(|(_, (length, synced))| synced < length);
        open.map(|(path, &(length, synced))| (path.clone(), synced..length)).collect()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a change; an error when the machine has stopped or stops with this one.
    fn live(&self) -> io::Result<()> {
        self.plan().live()
    }
}

impl Plan {
    fn live(&mut self) -> io::Result<()> {
        match &mut self.life {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the machine has stopped")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// How much of a write of `wanted` bytes is done, or why none of it.
    fn admit(&mut self, wanted: usize) -> io::Result<usize> {
        let dying = self.life == Some(1);
        self.live()?;
        let mut count = wanted.min(self.longest_write.unwrap_or(usize::MAX));
        if dying {
            count = count.div_ceil(2);
        }
        if let Some(room) = &mut self.room {
            if *room == 0 && wanted > 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            count = count.min(usize::try_from(*room).unwrap_or(usize::MAX));
            *room -= count as u64;
        }
        Ok(count)
    }
}

fn fails(left: &mut u32) -> bool {
    let now = *left > 0;
    *left = left.saturating_sub(1);
    now
}

fn broken(what: &str) -> io::Error {
    io::Error::other(format!("{what} fails on command"))
}

impl Files for FailingFiles {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.live()?;
        RealFiles.create_folder(folder)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealFiles.names(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Growing>> {
        let mut plan = self.plan();
        plan.live()?;
        if fails(&mut plan.failing_creates) {
            return Err(broken("create"));
        }
        let file = RealFiles.create(path)?;
        plan.lengths.insert(path.to_owned(), (0, 0));
        Ok(Box::new(FailingFile { file, path: path.to_owned(), files: self.clone() }))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Readable>> {
        RealFiles.read(path)
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.live()?;
        if fails(&mut self.plan().failing_cuts) {
            return Err(broken("cut"));
        }
        OpenOptions::new().write(true).open(path)?.set_len(length)?;
        self.plan().lengths.insert(path.to_owned(), (length, length));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.live()?;
        RealFiles.rename(from, to)?;
        let mut plan = self.plan();
        if let Some(length) = plan.lengths.remove(from) {
            plan.lengths.insert(to.to_owned(), length);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.live()?;
        RealFiles.remove(path)?;
        self.plan().lengths.remove(path);
        Ok(())
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        self.live()
    }
}

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn Growing>,
    path: PathBuf,
    files: FailingFiles,
}

impl Growing for FailingFile {
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let count = self.files.plan().admit(bytes.len())?;
        let mut left = &bytes[..count];
        while !left.is_empty() {
            let done = self.file.write(&[IoSlice::new(left)])?;
            left = &left[done..];
        }
        if let Some((length, _)) = self.files.plan().lengths.get_mut(&self.path) {
            *length += count as u64;
        }
        Ok(count)
    }

    fn sync(&mut self) -> io::Result<()> {
        let shared = &self.files.0;
        let mut plan = self.files.plan();
        plan.live()?;
        if plan.syncs_paused {
            plan.syncs_waiting += 1;
            shared.resumed.notify_all();
            plan = shared.resumed.wait_while(plan, |plan| plan.syncs_paused).unwrap_or_else(PoisonError::into_inner);
            plan.syncs_waiting -= 1;
        }
        if fails(&mut plan.failing_syncs) {
            return Err(broken("sync"));
        }
        let delay = plan.sync_delay;
        drop(plan);
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        if let Some((length, synced)) = self.files.plan().lengths.get_mut(&self.path) {
            *synced = *length;
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut plan = self.files.plan();
        plan.live()?;
        if fails(&mut plan.failing_cuts) {
            return Err(broken("cut"));
        }
        self.file.cut(length)?;
        if let Some((now, synced)) = plan.lengths.get_mut(&self.path) {
            *now = length;
            *synced = length.min(*synced);
        }
        Ok(())
    }
}
