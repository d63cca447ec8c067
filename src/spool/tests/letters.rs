//! Dead letters.

use bytes::Bytes;

use super::{open, opened, segment_files};
use crate::event::ReceivedTime;
use crate::spool::failing::FailingFiles;
use crate::spool::{DeadLetter, DeadLetterError, DeadLetters, Filter};

fn letter(tag: i64, reason: &str, bytes: usize) -> DeadLetter {
    let raw = Bytes::from(vec![tag as u8; bytes]);
    DeadLetter { at: ReceivedTime::from_micros(tag), reason: reason.into(), source: format!("source {tag}"), raw }
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
    assert_eq!(usage.count + usage.dropped, 200);
    let read = all(letters, Filter::default());
    assert_eq!(read.len() as u64, usage.count);
    assert_eq!(read.last().unwrap().0, 200);
    let too_large = letters.append(&[letter(1, "huge", 100 << 10)]);
    assert!(matches!(too_large, Err(DeadLetterError::TooLarge { .. })));
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
