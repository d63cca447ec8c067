//! A way in for `tests/fuzz`, see `ingest/fuzzing.rs`.

use bytes::Bytes;

use super::bulk::{Target, split};
use crate::ingest::fuzzing::{BOUNDS, assert_object};

/// A bulk body: one item for each action, as many good documents as items without a fault, everything in order and
/// within the body.
pub fn bulk(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let Ok(bulk) = split(&body, &Target::default(), &BOUNDS, 1000) else { return };
    let good = bulk.items.iter().filter(|item| item.fault.is_none()).count();
    assert_eq!(good, bulk.members.len());
    assert!(!bulk.items.is_empty() && bulk.items.len() <= 1000);
    let mut before = 0;
    for member in &bulk.members {
        assert!(before <= member.range.start, "documents come in order");
        before = member.range.end;
        assert_object(&body[member.range.start as usize..member.range.end as usize]);
    }
    assert!(bulk.refused.iter().all(|refused| refused.range.end <= body.len()));
}
