//! What holds while nothing fails.

use std::sync::Arc;
use std::time::Duration;

use super::{append, append_all, batch, bodies, clock, drain, numbers, opened, segment_files, settings, settle_all};
use crate::event::SeqNo;
use crate::spool::failing::FailingFiles;
use crate::spool::{AppendError, Appended, Member, Next, OpenError, RealFiles, open};

#[test]
fn what_was_appended_is_delivered_in_order_and_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    let mut given = batch(7, 3);
    given.members[1].id = Some("an id".into());
    given.members[2].index = Some("an index".into());
    assert_eq!(append(&o.spool, &given).unwrap(), Appended { first: SeqNo(1), count: 3 });
    assert_eq!(append(&o.spool, &batch(8, 1)).unwrap(), Appended { first: SeqNo(4), count: 1 });
    let read = drain(&mut o.reader);
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].first, &read[0].body, &read[0].members), (SeqNo(1), &given.body, &given.members));
    assert_eq!((&*read[0].source, read[0].received, read[0].replayed), ("source 7", given.received, false));
    assert_eq!(read[1].first, SeqNo(4));
}

#[test]
fn after_a_restart_what_is_not_settled_comes_again_and_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    let id = o.spool.id();
    let batches: Vec<_> = (0..60).map(|tag| batch(tag, 2)).collect();
    assert!(append_all(&o.spool, &batches).iter().all(Result::is_ok));
    let read = drain(&mut o.reader);
    settle_all(&o.spool, &read[..20]);
    settle_all(&o.spool, &read[30..]);
    o.spool.close().unwrap();
    assert_eq!(o.reader.next(Duration::ZERO).unwrap(), Next::Closed);
    drop(o);

    let mut o = opened(folder.path());
    assert_eq!(o.spool.id(), id);
    assert_eq!(o.recovery.checkpoint, read[20].first);
    assert_eq!(o.recovery.next, SeqNo(121));
    assert!(o.recovery.damage.is_empty() && o.recovery.torn_bytes == 0);
    let again = drain(&mut o.reader);
    assert_eq!(bodies(&again), bodies(&read[20..]));
    assert!(again.iter().all(|batch| batch.replayed));
    assert_eq!(append(&o.spool, &batch(99, 1)).unwrap().first, SeqNo(121));
    assert!(!drain(&mut o.reader)[0].replayed);
}

#[test]
fn settled_segments_are_deleted_and_held_ones_are_kept_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    let batches: Vec<_> = (0..40).map(|tag| batch(tag, 5)).collect();
    append_all(&o.spool, &batches);
    let read = drain(&mut o.reader);
    let held = read[10].first;
    o.spool.hold(held);
    settle_all(&o.spool, &read);
    o.spool.close().unwrap();
    drop(o);
    let kept = segment_files(folder.path()).len();
    assert!(kept > 2, "{kept}");

    let mut o = opened(folder.path());
    assert_eq!(drain(&mut o.reader), []);
    o.reader.go_to(held);
    let again = drain(&mut o.reader);
    assert_eq!(bodies(&again), bodies(&read[10..]));
    assert_eq!(o.spool.usage().waiting, 0);
    o.spool.hold(SeqNo(u64::MAX));
    o.spool.close().unwrap();
    drop(o);
    drop(opened(folder.path()));
    assert_eq!(segment_files(folder.path()).len(), 0);
}

#[test]
fn numbers_go_on_after_every_segment_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let mut o = opened(folder.path());
        assert_eq!(append(&o.spool, &batch(round, 4)).unwrap().first, SeqNo(1 + 4 * round));
        settle_all(&o.spool, &drain(&mut o.reader));
    }
    drop(opened(folder.path()));
    assert_eq!(segment_files(folder.path()).len(), 0);
}

#[test]
fn a_full_spool_says_so_and_takes_more_once_something_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    let mut taken = 0;
    let full = loop {
        match append(&o.spool, &batch(taken, 10)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, AppendError::Full { retry_after } if retry_after > Duration::ZERO), "{full:?}");
    let usage = o.spool.usage();
    assert!(usage.bytes <= usage.limit && usage.bytes > usage.limit / 2, "{usage:?}");
    assert_eq!((usage.waiting, usage.appended), (taken * 10, taken * 10));
    let read = drain(&mut o.reader);
    assert_eq!(read.len() as u64, taken);
    settle_all(&o.spool, &read);
    // the writer deletes in its own time; being turned away does not lose anything
    let again = (0..10_000).find_map(|_| {
        std::thread::yield_now();
        append(&o.spool, &batch(1000, 10)).ok()
    });
    assert!(again.is_some());
    assert_eq!(drain(&mut o.reader)[0].body, batch(1000, 10).body);
}

#[test]
fn a_spool_filled_by_one_segment_is_emptied_when_all_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    // two of these do not fit
    let large = |tag| batch(tag, 230);
    for tag in 0..5 {
        let taken = (0..10_000).find_map(|_| {
            std::thread::yield_now();
            append(&o.spool, &large(tag)).ok()
        });
        assert!(taken.is_some(), "{tag}");
        settle_all(&o.spool, &drain(&mut o.reader));
    }
    assert!(matches!(append(&o.spool, &batch(9, 300)), Err(AppendError::Unfit { .. })));
}

#[test]
fn what_is_no_batch_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let mut outside = batch(1, 1);
    outside.members.push(Member {
        range: 0..outside.body.len() as u32 + 1,
        id: None,
        index: None,
        pipeline: None,
        redriven: None,
    });
    for wrong in [batch(1, 0), outside] {
        assert!(matches!(append(&o.spool, &wrong), Err(AppendError::Unfit { .. })));
    }
    o.spool.close().unwrap();
    o.spool.close().unwrap();
    assert!(matches!(append(&o.spool, &batch(1, 1)), Err(AppendError::Closed)));
}

#[test]
fn two_cannot_have_the_same_spool() {
    let folder = tempfile::tempdir().unwrap();
    let first = opened(folder.path());
    let second = open(settings(folder.path()), Arc::new(RealFiles), clock());
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    first.spool.close().unwrap();
    assert!(open(settings(folder.path()), Arc::new(RealFiles), clock()).is_ok());
}

#[test]
fn nothing_is_answered_or_delivered_before_it_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let mut o = super::open(folder.path(), &files).unwrap();
    append(&o.spool, &batch(0, 1)).unwrap();
    assert_eq!(drain(&mut o.reader).len(), 1);
    files.pause_syncs();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| append(&o.spool, &batch(1, 1)));
        files.wait_for_paused_sync();
        assert_eq!(o.reader.next(Duration::ZERO).unwrap(), Next::Idle);
        assert!(!answer.is_finished());
        files.resume_syncs();
        assert_eq!(answer.join().unwrap().unwrap().first, SeqNo(2));
    });
    assert_eq!(drain(&mut o.reader).len(), 1);
}

#[test]
fn what_waits_while_the_disk_is_busy_shares_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = super::open(folder.path(), &files).unwrap();
    append(&o.spool, &batch(0, 1)).unwrap();
    files.pause_syncs();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| append(&o.spool, &batch(1, 1)));
        files.wait_for_paused_sync();
        let spool = o.spool.clone();
        let others = scope.spawn(move || append_all(&spool, &[batch(2, 1), batch(3, 1), batch(4, 1)]));
        while o.spool.usage().queued_bytes < 4 * 180 {
            std::thread::yield_now();
        }
        // if the three took a sync each, two would fail
        files.resume_syncs();
        assert!(first.join().unwrap().is_ok());
        assert!(others.join().unwrap().iter().all(Result::is_ok));
    });
}

#[test]
fn a_waiting_reader_is_woken_by_an_append_and_by_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let (spool, mut reader) = (o.spool, o.reader);
    let long = Duration::from_secs(600);
    let reading = std::thread::spawn(move || (reader.next(long).unwrap(), reader.next(long).unwrap()));
    append(&spool, &batch(5, 1)).unwrap();
    while spool.usage().waiting == 0 {
        std::thread::yield_now();
    }
    spool.close().unwrap();
    let (first, second) = reading.join().unwrap();
    // closing may come before the reader's first look
    assert!(matches!(&first, Next::Batch(read) if read.body == batch(5, 1).body) || first == Next::Closed);
    assert_eq!(second, Next::Closed);
}

#[test]
fn digests_of_recent_bodies_are_known_after_a_restart_though_their_segments_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    let batches: Vec<_> = (0..50).map(|tag| batch(tag, 3)).collect();
    append_all(&o.spool, &batches);
    settle_all(&o.spool, &drain(&mut o.reader));
    drop(o);
    drop(opened(folder.path()));
    assert_eq!(segment_files(folder.path()).len(), 0);
    let o = opened(folder.path());
    let recent: Vec<_> = o.spool.recent().iter().map(|(digest, _)| *digest).collect();
    assert_eq!(recent, batches.iter().map(|batch| batch.digest).collect::<Vec<_>>());
    drop(o);

    let later = clock();
    later.advance(settings(folder.path()).retry_window + Duration::from_secs(1));
    let o = open(settings(folder.path()), Arc::new(RealFiles), later).unwrap();
    assert!(o.spool.recent().is_empty());
    drop(o);
    let left = std::fs::read_dir(folder.path()).unwrap();
    assert!(left.flatten().all(|entry| entry.path().extension().is_none_or(|e| e != "digests")));
}

#[test]
fn what_goes_in_comes_out_or_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    append_all(&o.spool, &[batch(1, 4), batch(2, 4)]);
    let read = drain(&mut o.reader);
    o.spool.settle(&numbers(&read[1]));
    o.spool.settle(&[SeqNo(2), SeqNo(2), SeqNo(0), SeqNo(77)]);
    let usage = o.spool.usage();
    assert_eq!((usage.appended, usage.settled, usage.waiting, usage.lost), (8, 5, 3, 0));
    assert_eq!(o.spool.settled_to(), SeqNo(1));
    drop(o);
    let usage = opened(folder.path()).spool.usage();
    assert_eq!((usage.recovered, usage.waiting), (8, 8));
}
