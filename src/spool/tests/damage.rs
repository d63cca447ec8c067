//! Files that are not what was written.

use std::fs;
use std::path::{Path, PathBuf};

use super::{append, append_all, batch, bodies, copy_folder, drain, opened, segment_files, settle_all};
use crate::event::SeqNo;
use crate::spool::{Digest, NewBatch};

/// A spool with one segment of `count` batches of two members; as it lies there after a clean stop.
fn spool_of(folder: &Path, count: u64) -> PathBuf {
    let o = opened(folder);
    for tag in 0..count {
        append(&o.spool, &batch(tag, 2)).unwrap();
    }
    o.spool.close().unwrap();
    let segments = segment_files(folder);
    assert_eq!(segments.len(), 1);
    segments[0].clone()
}

fn damaged_files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("damaged-")).count()
}

#[test]
fn a_segment_cut_anywhere_opens_with_all_whole_frames_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let segment = spool_of(folder.path(), 2);
    let whole = fs::read(&segment).unwrap();
    let frame = (whole.len() - 80) / 2;
    for length in 0..whole.len() {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        // as after a crash: the checkpoint does not know how far it went
        fs::remove_file(copy.path().join("checkpoint")).unwrap();
        let path = copy.path().join(segment.file_name().unwrap());
        fs::write(&path, &whole[..length]).unwrap();
        let mut o = opened(copy.path());
        let frames = length.saturating_sub(80) / frame;
        assert_eq!(bodies(&drain(&mut o.reader)), (0..frames as u64).map(|t| batch(t, 2).body).collect::<Vec<_>>());
        assert_eq!(o.recovery.torn_bytes as usize, length.saturating_sub(80) - frames * frame, "cut at {length}");
        if let Ok(left) = fs::metadata(&path) {
            assert_eq!(left.len() as usize, 80 + frames * frame, "cut at {length}");
        }
        let next = append(&o.spool, &batch(9, 1)).unwrap().first;
        assert!(next > SeqNo(2 * frames as u64));
        assert_eq!(bodies(&drain(&mut o.reader)), [batch(9, 1).body]);
    }
}

#[test]
fn acknowledged_frames_that_are_cut_off_are_said_to_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let segment = spool_of(folder.path(), 3);
    let whole = fs::read(&segment).unwrap();
    let frame = (whole.len() - 80) / 3;
    // exactly between two frames: nothing is torn
    fs::write(&segment, &whole[..80 + 2 * frame]).unwrap();
    let o = opened(folder.path());
    assert_eq!(o.recovery.torn_bytes, 0);
    assert_eq!(o.recovery.damage.iter().map(|damage| damage.lost).collect::<Vec<_>>(), [2]);
    // what the lost ones were called is nobody else's name
    assert_eq!(append(&o.spool, &batch(9, 1)).unwrap().first, SeqNo(7));
}

#[test]
fn a_damaged_byte_costs_at_most_its_frame_and_is_said_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let segment = spool_of(folder.path(), 3);
    // not the last segment any more
    let o = opened(folder.path());
    append(&o.spool, &batch(3, 2)).unwrap();
    drop(o);
    let whole = fs::read(&segment).unwrap();
    let frame = (whole.len() - 80) / 3;
    for at in 80 + frame..80 + 2 * frame {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        fs::write(copy.path().join(segment.file_name().unwrap()), bytes).unwrap();
        let mut o = opened(copy.path());
        let read = drain(&mut o.reader);
        assert_eq!(bodies(&read), [0, 2, 3].map(|tag| batch(tag, 2).body), "byte {at}");
        let usage = o.spool.usage();
        assert_eq!((usage.damaged, usage.damaged_events, usage.waiting), (1, 2, 6), "byte {at}");
        assert_eq!(usage.recovered, usage.settled + usage.lost + usage.waiting);
        assert_eq!(damaged_files(copy.path()), 1);
        settle_all(&o.spool, &read);
        assert_eq!(o.spool.settled_to(), SeqNo(9), "the checkpoint passes the damage");
    }
}

#[test]
fn a_damaged_byte_in_the_last_segment_costs_at_most_its_frame() {
    let folder = tempfile::tempdir().unwrap();
    let segment = spool_of(folder.path(), 3);
    let whole = fs::read(&segment).unwrap();
    let frame = (whole.len() - 80) / 3;
    for at in (0..whole.len()).step_by(7) {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        fs::write(copy.path().join(segment.file_name().unwrap()), bytes).unwrap();
        let mut o = opened(copy.path());
        let mut expected = vec![0, 1, 2];
        if at >= 80 {
            expected.remove((at - 80) / frame);
        }
        let expected: Vec<_> = expected.into_iter().map(|tag| batch(tag, 2).body).collect();
        assert_eq!(bodies(&drain(&mut o.reader)), expected, "byte {at}");
        assert_eq!(o.spool.usage().damaged, 1, "byte {at}");
    }
}

#[test]
fn damage_to_neighbours_is_counted_without_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let segment = spool_of(folder.path(), 4);
    let mut bytes = fs::read(&segment).unwrap();
    let frame = (bytes.len() - 80) / 4;
    // the body of the second frame and the header of the third
    bytes[80 + 2 * frame - 1] ^= 1;
    bytes[80 + 2 * frame + 20] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut o = opened(folder.path());
    assert_eq!(o.recovery.damage.iter().map(|damage| damage.lost).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(bodies(&drain(&mut o.reader)), [0, 3].map(|tag| batch(tag, 2).body));
    assert_eq!((o.spool.usage().damaged, o.spool.usage().damaged_events), (2, 4));
}

#[test]
fn a_segment_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    append_all(&o.spool, &(0..30).map(|tag| batch(tag, 5)).collect::<Vec<_>>());
    drop(o);
    let segments = segment_files(folder.path());
    fs::remove_file(&segments[1]).unwrap();
    let mut o = opened(folder.path());
    let lost: u64 = o.recovery.damage.iter().map(|damage| damage.lost).sum();
    let read = drain(&mut o.reader);
    assert!(lost > 0 && lost + 5 * read.len() as u64 == 150, "{:?}", o.recovery.damage);
    assert_eq!(o.recovery.damage[0].path, segments[1]);
}

#[test]
fn damage_that_opening_did_not_look_for_is_found_by_the_reader_and_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    append_all(&o.spool, &(0..30).map(|tag| batch(tag, 5)).collect::<Vec<_>>());
    drop(o);
    let segment = segment_files(folder.path())[1].clone();
    let mut bytes = fs::read(&segment).unwrap();
    // a body, and the header of the frame after it
    bytes[80 + 64 + 200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut o = opened(folder.path());
    assert_eq!(o.recovery.damage, []);
    assert_eq!(drain(&mut o.reader).len(), 29);
    o.reader.go_to(SeqNo(1));
    assert_eq!(drain(&mut o.reader).len(), 29);
    let usage = o.spool.usage();
    assert_eq!((usage.damaged, usage.damaged_events, usage.lost, usage.waiting), (1, 5, 5, 145));
}

#[test]
fn a_damaged_checkpoint_costs_a_repetition_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut o = opened(folder.path());
    append_all(&o.spool, &[batch(1, 2), batch(2, 2)]);
    settle_all(&o.spool, &drain(&mut o.reader)[..1]);
    drop(o);
    fs::write(folder.path().join("checkpoint"), "rubbish").unwrap();
    let mut o = opened(folder.path());
    assert!(o.recovery.checkpoint_damaged);
    assert_eq!(drain(&mut o.reader).len(), 2);
}

#[test]
fn a_lost_identity_comes_back_from_a_segment() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let id = o.spool.id();
    append(&o.spool, &batch(1, 2)).unwrap();
    drop(o);
    fs::remove_file(folder.path().join("identity")).unwrap();
    let mut o = opened(folder.path());
    assert_eq!(o.spool.id(), id);
    assert_eq!(drain(&mut o.reader).len(), 1);
}

#[test]
fn where_nothing_is_left_to_go_on_from_a_new_name_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let o = opened(folder.path());
    let id = o.spool.id();
    drop(o);
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    // numbers begin at 1 again, and must not name the documents of other events
    assert_ne!(opened(folder.path()).spool.id(), id);
}

#[test]
fn a_body_that_looks_like_frames_is_not_taken_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    // whole frames of another spool as the body, then damage to the header before them
    let frames = fs::read(spool_of(other.path(), 2)).unwrap();
    let o = opened(folder.path());
    append(&o.spool, &NewBatch { body: frames.into(), digest: Digest([3; 16]), ..batch(1, 1) }).unwrap();
    append(&o.spool, &batch(2, 1)).unwrap();
    drop(o);
    let segment = segment_files(folder.path())[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[80 + 9] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut o = opened(folder.path());
    assert_eq!(bodies(&drain(&mut o.reader)), [batch(2, 1).body]);
}
