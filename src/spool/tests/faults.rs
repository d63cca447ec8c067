//! A disk that is full, writes short, does not sync, or does not cut.

use std::sync::Arc;

use super::{append, append_all, batch, bodies, clock, drain, open, opened, segment_files, settings, settle_all};
use crate::event::SeqNo;
use crate::spool::failing::FailingFiles;
use crate::spool::format::{Kind, VERSION, prefix};
use crate::spool::{AppendError, OpenError, RealFiles};

#[test]
fn a_full_disk_is_an_error_and_appends_work_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = open(folder.path(), &files).unwrap();
    append(&o.spool, &batch(1, 1)).unwrap();
    for room in [0, 1, 63, 64, 100, 170] {
        files.limit_room(Some(room));
        let error = append(&o.spool, &batch(2, 1)).unwrap_err();
        assert!(matches!(&error, AppendError::Disk { path, .. } if path.extension().unwrap() == "seg"), "{error:?}");
    }
    files.limit_room(None);
    append(&o.spool, &batch(3, 1)).unwrap();
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(1, 1).body, batch(3, 1).body]);
    drop(o);
    let mut o = opened(folder.path());
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(1, 1).body, batch(3, 1).body]);
    assert!(o.recovery.damage.is_empty() && o.recovery.torn_bytes == 0);
}

#[test]
fn short_writes_are_continued() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = open(folder.path(), &files).unwrap();
    files.limit_writes(Some(7));
    append_all(&o.spool, &[batch(1, 2), batch(2, 2)]);
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(1, 2).body, batch(2, 2).body]);
}

#[test]
fn after_a_failed_sync_the_segment_is_left_and_what_was_in_it_stays_good() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = open(folder.path(), &files).unwrap();
    append(&o.spool, &batch(1, 1)).unwrap();
    // neither can the file be cut: the bytes stay behind the last good ones
    files.fail_cuts(1);
    files.fail_syncs(1);
    assert!(matches!(append(&o.spool, &batch(2, 1)), Err(AppendError::Disk { .. })));
    append(&o.spool, &batch(3, 1)).unwrap();
    assert_eq!(segment_files(folder.path()).len(), 2);
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(1, 1).body, batch(3, 1).body]);
    drop(o);
    let mut o = opened(folder.path());
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(1, 1).body, batch(3, 1).body]);
    assert!(o.recovery.damage.is_empty());
}

#[test]
fn a_batch_whose_sync_failed_may_come_after_a_crash_and_is_then_known_as_a_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    append(&o.spool, &batch(1, 1)).unwrap();
    files.fail_cuts(1);
    files.fail_syncs(1);
    append(&o.spool, &batch(2, 1)).unwrap_err();
    files.die_after(0);
    drop(o);
    let mut o = opened(folder.path());
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(1, 1).body, batch(2, 1).body]);
    assert!(o.spool.recent().iter().any(|(digest, _)| *digest == batch(2, 1).digest));
}

#[test]
fn a_segment_that_cannot_be_made_is_an_error_and_the_next_one_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = open(folder.path(), &files).unwrap();
    files.fail_creates(2);
    append(&o.spool, &batch(1, 1)).unwrap_err();
    append(&o.spool, &batch(1, 1)).unwrap_err();
    files.fail_syncs(1);
    append(&o.spool, &batch(1, 1)).unwrap_err();
    append(&o.spool, &batch(2, 1)).unwrap();
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(2, 1).body]);
    assert_eq!(segment_files(folder.path()).len(), 1);
}

#[test]
fn a_segment_that_could_neither_be_made_nor_removed_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = open(folder.path(), &files).unwrap();
    files.die_after(1);
    append(&o.spool, &batch(1, 1)).unwrap_err();
    files.die_after(u64::MAX);
    append(&o.spool, &batch(2, 3)).unwrap();
    // ends that segment
    files.fail_syncs(1);
    append(&o.spool, &batch(3, 1)).unwrap_err();
    settle_all(&o.spool, &drain(&mut o.reader));
    append(&o.spool, &batch(4, 1)).unwrap();
    drop(o);
    assert_eq!(segment_files(folder.path()).len(), 2, "the stillborn one and the last one");
    let mut o = opened(folder.path());
    assert!(o.recovery.damage.is_empty() && o.recovery.abandoned == 1, "{:?}", o.recovery);
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(4, 1).body]);
}

#[test]
fn segments_of_failed_writes_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    for tag in 0..10 {
        append(&o.spool, &batch(tag, 1)).unwrap();
        for _ in 0..3 {
            files.limit_room(Some(150));
            append(&o.spool, &batch(100, 1)).unwrap_err();
            files.limit_room(None);
        }
    }
    assert_eq!(segment_files(folder.path()).len(), 1);
}

#[test]
fn a_full_disk_does_not_keep_settled_segments_from_being_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = open(folder.path(), &files).unwrap();
    append_all(&o.spool, &(0..30).map(|tag| batch(tag, 5)).collect::<Vec<_>>());
    let before = segment_files(folder.path()).len();
    assert!(before > 3);
    files.limit_room(Some(0));
    settle_all(&o.spool, &drain(&mut o.reader));
    let _ = o.spool.close();
    drop(o);
    assert!(segment_files(folder.path()).len() <= 1);
}

#[test]
fn a_stop_at_any_moment_loses_nothing_that_was_answered() {
    for life in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        let files = FailingFiles::default();
        files.die_after(life);
        let mut safe = Vec::new();
        if let Ok(o) = open(folder.path(), &files) {
            for tag in 0..20 {
                if append(&o.spool, &batch(tag, 3)).is_ok() {
                    safe.push(batch(tag, 3).body);
                }
            }
        }
        let mut o = opened(folder.path());
        let read = bodies(&drain(&mut o.reader));
        assert_eq!(read[..safe.len()], safe, "after {life} operations");
        assert!(read.len() <= safe.len() + 1);
        assert!(o.recovery.damage.is_empty(), "{:?}", o.recovery);
        // a segment that was begun and not used is in nobody's way
        append(&o.spool, &batch(99, 1)).unwrap_or_else(|error| panic!("after {life} operations: {error}"));
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_name() {
    for name in ["00000000000000000001.seg", "checkpoint", "identity"] {
        let folder = tempfile::tempdir().unwrap();
        let o = opened(folder.path());
        append(&o.spool, &batch(1, 1)).unwrap();
        drop(o);
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[8..12].copy_from_slice(&(VERSION + 6).to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..12]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let error = crate::spool::open(settings(folder.path()), Arc::new(RealFiles), clock()).err().unwrap();
        assert!(matches!(&error, OpenError::Newer { path: p, found: 7, known: 1 } if *p == path), "{error}");
        assert!(error.to_string().contains(name) && error.to_string().contains('7'));
    }
    assert_eq!(prefix(Kind::Spool).len(), 16);
}

#[test]
fn a_number_is_not_given_again_after_a_failed_write() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    assert_eq!(append(&o.spool, &batch(1, 5)).unwrap().first, SeqNo(1));
    files.fail_syncs(1);
    append(&o.spool, &batch(2, 5)).unwrap_err();
    assert_eq!(append(&o.spool, &batch(3, 5)).unwrap().first, SeqNo(11));
}
