//! Spools of released format versions open for ever. `OVERSIGHT_WRITE_GOLDEN=1` writes the one of this version where
//! there is none yet.

use std::path::{Path, PathBuf};

use super::{append, batch, copy_folder, drain, opened};
use crate::event::SeqNo;
use crate::event::id::SpoolId;
use crate::spool::{Content, DeadLetter, Filter, Origin};

fn version_1() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/spool-v1")
}

/// Two batches of which the first is settled, with an id and an index, and a dead letter.
fn write(folder: &Path) {
    let mut o = opened(folder);
    append(&o.spool, &batch(1, 1)).unwrap();
    let mut second = batch(2, 2);
    second.members[0].id = Some("given".into());
    second.members[1].index = Some("logs".into());
    append(&o.spool, &second).unwrap();
    let read = drain(&mut o.reader);
    o.spool.settle(&[read[0].first]);
    let (reason, source) = ("not JSON".to_owned(), "a test".to_owned());
    let letter =
        DeadLetter { at: second.received, reason, source, raw: b"\xFF{".as_slice().into(), origin: Origin::default() };
    o.spool.dead_letters().append(&[letter]).unwrap();
}

#[test]
fn a_spool_of_format_version_1_opens() {
    if std::env::var_os("OVERSIGHT_WRITE_GOLDEN").is_some() && !version_1().exists() {
        write(&version_1());
    }
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&version_1(), folder.path());
    let mut o = opened(folder.path());
    assert!(o.recovery.damage.is_empty());
    assert_eq!(o.recovery.checkpoint, SeqNo(2));
    assert_eq!(o.spool.id(), SpoolId(GOLDEN_ID));
    let read = drain(&mut o.reader);
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].first, &read[0].body, read[0].received), (SeqNo(2), &batch(2, 2).body, batch(2, 2).received));
    assert_eq!((&*read[0].source, read[0].members.len()), ("source 2", 2));
    assert_eq!(read[0].members[0].id.as_deref(), Some("given"));
    assert_eq!(read[0].members[1].index.as_deref(), Some("logs"));
    assert_eq!(o.spool.recent().len(), 2);
    let letters: Vec<_> = o.spool.dead_letters().read(Filter::default()).map(Result::unwrap).collect();
    assert_eq!((letters[0].1.reason.as_str(), &letters[0].1.raw[..]), ("not JSON", b"\xFF{".as_slice()));
    assert_eq!(letters[0].1.origin.content, Content::Unsaid);
    assert_eq!(append(&o.spool, &batch(3, 1)).unwrap().first, SeqNo(4));
}

/// The id that was drawn when the files were written.
const GOLDEN_ID: u64 = 13_603_525_325_134_882_182;
