//! Dead letters.

use std::sync::Arc;

use bytes::Bytes;

use super::{append, batch, drain, open, opened, segment_files, settings, settle_all};
use crate::event::ReceivedTime;
use crate::spool::failing::FailingFiles;
use crate::spool::files::RealFiles;
use crate::spool::look;
use crate::spool::{Content, DeadLetter, DeadLetterError, DeadLetters, Filter, Origin};

fn letter(tag: i64, reason: &str, bytes: usize) -> DeadLetter {
    let raw = Bytes::from(vec![tag as u8; bytes]);
    DeadLetter {
        at: ReceivedTime::from_micros(tag),
        reason: reason.into(),
        source: format!("source {tag}"),
        raw,
        origin: Origin::default(),
    }
}

fn all(letters: &DeadLetters, filter: Filter) -> Vec<(u64, DeadLetter)> {
    letters.read(filter).collect::<Result<_, _>>().unwrap()
}

#[test]
fn letters_of_any_bytes_are_kept_in_order_and_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut given: Vec<_> = (0..20).map(|tag| letter(tag, "not JSON", 100)).collect();
    given[3].raw = Bytes::from((0..=255).collect::<Vec<u8>>());
    given[4].raw = Bytes::new();
    given[5].origin = Origin { content: Content::Event, id: Some("an id".into()), ..Origin::default() };
    let o = opened(folder.path());
    o.spool.dead_letters().append(&given[..15]).unwrap();
    drop(o);
    let o = opened(folder.path());
    o.spool.dead_letters().append(&given[15..]).unwrap();
    let letters = o.spool.dead_letters();
    assert_eq!(letters.count(), 20);
    let read = all(letters, Filter::default());
    assert_eq!(read.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    assert_eq!(read.into_iter().map(|(_, letter)| letter).collect::<Vec<_>>(), given);
}

#[test]
fn a_filter_admits_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let letters = o.spool.dead_letters();
    letters.append(&[letter(1, "not JSON", 1), letter(2, "mapping conflict", 1), letter(3, "not JSON", 1)]).unwrap();
    let numbers = |filter| all(letters, filter).iter().map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!(numbers(Filter { reason: Some("JSON".into()), ..Filter::default() }), [1, 3]);
    assert_eq!(numbers(Filter { source: Some("source 2".into()), ..Filter::default() }), [2]);
    assert_eq!(numbers(Filter { since: Some(ReceivedTime::from_micros(2)), ..Filter::default() }), [2, 3]);
    assert_eq!(numbers(Filter { after: 2, ..Filter::default() }), [3]);
}

#[test]
fn the_oldest_go_when_there_are_too_many_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let letters = o.spool.dead_letters();
    for tag in 0..200 {
        letters.append(&[letter(tag, "too many", 1000)]).unwrap();
    }
    let usage = letters.usage();
    assert!(usage.bytes <= usage.limit && usage.bytes > usage.limit / 2, "{usage:?}");
    assert_eq!((usage.found, usage.buried, usage.count + usage.dropped), (0, 200, 200));
    let read = all(letters, Filter::default());
    assert_eq!(read.len() as u64, usage.count);
    assert_eq!(read.last().unwrap().0, 200);
    let too_large = letters.append(&[letter(1, "huge", 100 << 10)]);
    assert!(matches!(too_large, Err(DeadLetterError::TooLarge { .. })));
}

#[test]
fn letters_that_a_failing_disk_took_half_way_and_that_were_kept_again_are_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    let letters = o.spool.dead_letters();
    letters.append(&[letter(1, "before", 10)]).unwrap();
    // the bytes are there, whole, and cannot be taken away
    files.fail_syncs(1);
    files.fail_cuts(1);
    letters.append(&[letter(2, "again", 10), letter(3, "again", 10)]).unwrap_err();
    letters.append(&[letter(2, "again", 10), letter(3, "again", 10)]).unwrap();
    let read = |letters: &DeadLetters| all(letters, Filter::default()).len();
    assert_eq!((letters.count(), read(letters)), (3, 3));
    drop(o);
    let o = opened(folder.path());
    assert_eq!((o.spool.dead_letters().count(), read(o.spool.dead_letters())), (3, 3));
}

#[test]
fn discarded_letters_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    for kept in [10, 0] {
        let o = opened(folder.path());
        let letters = o.spool.dead_letters();
        letters.append(&(0..30).map(|tag| letter(tag, "again", 700)).collect::<Vec<_>>()).unwrap();
        let last = all(letters, Filter::default()).last().unwrap().0;
        letters.discard(last - kept).unwrap();
        assert_eq!((letters.count(), all(letters, Filter::default()).len() as u64), (kept, kept));
        drop(o);
        let o = opened(folder.path());
        assert_eq!(all(o.spool.dead_letters(), Filter::default()).len() as u64, kept);
    }
    assert!(segment_files(&folder.path().join("dead_letters")).is_empty());
}

#[test]
fn a_disk_that_fails_is_an_error_and_letters_are_kept_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    let letters = o.spool.dead_letters();
    letters.append(&[letter(1, "first", 10)]).unwrap();
    files.limit_room(Some(30));
    assert!(matches!(letters.append(&[letter(2, "full", 10)]), Err(DeadLetterError::Disk { .. })));
    files.limit_room(None);
    files.fail_syncs(1);
    assert!(matches!(letters.append(&[letter(3, "sync", 10)]), Err(DeadLetterError::Disk { .. })));
    letters.append(&[letter(4, "last", 10)]).unwrap();
    drop(o);
    let o = opened(folder.path());
    let reasons: Vec<_> = all(o.spool.dead_letters(), Filter::default()).into_iter().map(|(_, l)| l.reason).collect();
    assert_eq!(reasons, ["first", "last"]);
}

#[test]
fn single_letters_go_and_do_not_come_back_and_their_segments_follow() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let letters = o.spool.dead_letters();
    letters.append(&(0..30).map(|tag| letter(tag, "again", 700)).collect::<Vec<_>>()).unwrap();
    let odd: Vec<u64> = (1..=30).filter(|number| number % 2 == 1).collect();
    letters.remove(&odd).unwrap();
    letters.remove(&odd).unwrap();
    letters.remove(&[0, 31, u64::MAX]).unwrap();
    let usage = letters.usage();
    assert_eq!((usage.count, usage.removed), (15, 15));
    drop(o);

    let o = opened(folder.path());
    let letters = o.spool.dead_letters();
    assert_eq!(letters.usage().found, 15);
    let numbers: Vec<u64> = all(letters, Filter::default()).iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=30).filter(|number| number % 2 == 0).collect::<Vec<_>>());
    letters.remove(&numbers).unwrap();
    assert_eq!((letters.count(), letters.usage().removed), (0, 15));
    assert!(segment_files(&folder.path().join("dead_letters")).is_empty());
    letters.append(&[letter(1, "later", 10)]).unwrap();
    assert_eq!(all(letters, Filter::default())[0].0, 31, "no number is given twice");
}

#[test]
fn a_disk_that_is_full_keeps_the_letters_that_should_go() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    let letters = o.spool.dead_letters();
    letters.append(&[letter(1, "a", 10), letter(2, "b", 10)]).unwrap();
    files.limit_room(Some(3));
    assert!(matches!(letters.remove(&[1]), Err(DeadLetterError::Disk { .. })));
    assert_eq!(letters.count(), 2);
    files.limit_room(None);
    letters.remove(&[1]).unwrap();
    assert_eq!(all(letters, Filter::default())[0].0, 2);
}

#[test]
fn letters_of_a_spool_in_use_can_be_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    append(&o.spool, &batch(1, 3)).unwrap();
    append(&o.spool, &batch(2, 2)).unwrap();
    o.spool.dead_letters().append(&[letter(1, "not JSON", 10), letter(2, "mapping", 10)]).unwrap();
    o.spool.dead_letters().remove(&[1]).unwrap();
    let seen = look(&settings(folder.path()), Arc::new(RealFiles)).unwrap();
    assert_eq!((seen.running, seen.waiting, seen.segments, seen.damaged), (true, 5, 1, 0));
    let read: Vec<_> = seen.dead_letters(Filter::default()).map(Result::unwrap).collect();
    assert_eq!((read.len(), read[0].1.reason.as_str()), (1, "mapping"));
    settle_all(&o.spool, &drain(&mut o.reader)[..1]);
    o.spool.close().unwrap();
    let seen = look(&settings(folder.path()), Arc::new(RealFiles)).unwrap();
    assert_eq!((seen.running, seen.waiting), (false, 2));
    let nothing = look(&settings(&folder.path().join("nothing")), Arc::new(RealFiles)).unwrap();
    assert_eq!((nothing.running, nothing.waiting, nothing.dead_letter_usage().count), (false, 0, 0));
}

#[test]
fn letters_that_are_all_there_is_stay_readable_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let files = FailingFiles::default();
    let o = open(folder.path(), &files).unwrap();
    o.spool.dead_letters().append(&[letter(1, "the first body that ever came", 10)]).unwrap();
    let id = o.spool.dead_letters().id_of(1);
    files.die_after(0);
    drop(o);
    let o = opened(folder.path());
    assert_eq!(all(o.spool.dead_letters(), Filter::default()).len(), 1);
    assert_eq!(o.spool.dead_letters().id_of(1), id);
}
