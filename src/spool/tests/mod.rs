//! Tests of the whole room: one file each for the contract, faults, damage, random schedules and old formats.

mod contract;
mod damage;
mod faults;
mod golden;
mod letters;
mod model;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;

use super::failing::FailingFiles;
use super::{
    AppendError, Appended, Digest, Member, NewBatch, Next, OpenError, Opened, Reader, Settings, Spool, StoredBatch,
};
use crate::clock::Clock;
use crate::event::{ReceivedTime, SeqNo};

const START: i64 = 1_700_000_000_000_000;

/// A small spool: segments of 4 KiB, 64 KiB in all.
fn settings(folder: &Path) -> Settings {
    Settings {
        folder: folder.to_owned(),
        max_bytes: 64 << 10,
        segment_bytes: 4 << 10,
        dead_letter_bytes: 64 << 10,
        retry_window: Duration::from_secs(60),
    }
}

fn clock() -> Clock {
    Clock::manual(ReceivedTime::from_micros(START))
}

fn open(folder: &Path, files: &FailingFiles) -> Result<Opened, OpenError> {
    super::open(settings(folder), Arc::new(files.clone()), clock())
}

pub(super) fn opened(folder: &Path) -> Opened {
    open(folder, &FailingFiles::default()).expect("the spool opens")
}

/// A body of `members` objects, each with the tag in it.
pub(super) fn batch(tag: u64, members: usize) -> NewBatch {
    let mut body = String::from("[");
    let mut ranges = Vec::new();
    for member in 0..members {
        let start = body.len() as u32;
        body += &format!(r#"{{"tag":{tag},"member":{member},"filler":"{:0100}"}}"#, 0);
        ranges.push(Member { range: start..body.len() as u32, id: None, index: None, pipeline: None, redriven: None });
        body.push(',');
    }
    body.pop();
    body.push(']');
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&tag.to_le_bytes());
    NewBatch {
        digest: Digest(digest),
        received: ReceivedTime::from_micros(START + tag as i64),
        source: format!("source {tag}").into(),
        body: Bytes::from(body),
        members: ranges,
    }
}

/// Appends all at the same time.
fn append_all(spool: &Spool, batches: &[NewBatch]) -> Vec<Result<Appended, AppendError>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(join_all(batches.iter().map(|batch| spool.append(batch.clone()))))
}

pub(super) fn append(spool: &Spool, batch: &NewBatch) -> Result<Appended, AppendError> {
    append_all(spool, std::slice::from_ref(batch)).remove(0)
}

/// All that can be read now.
pub(super) fn drain(reader: &mut Reader) -> Vec<StoredBatch> {
    let mut batches = Vec::new();
    while let Next::Batch(batch) = reader.next(Duration::ZERO).expect("the spool can be read") {
        batches.push(batch);
    }
    batches
}

fn numbers(batch: &StoredBatch) -> Vec<SeqNo> {
    (0..batch.members.len() as u64).map(|member| batch.first.plus(member)).collect()
}

pub(super) fn settle_all<'a>(spool: &Spool, batches: impl IntoIterator<Item = &'a StoredBatch>) {
    batches.into_iter().for_each(|batch| spool.settle(&numbers(batch)));
}

fn bodies(batches: &[StoredBatch]) -> Vec<Bytes> {
    batches.iter().map(|batch| batch.body.clone()).collect()
}

fn segment_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    segments.sort();
    segments
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
