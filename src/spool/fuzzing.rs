//! Ways in for `tests/fuzz`: each takes any bytes and panics where something does not hold that always must.
//!
//! It is part of the library, hidden from its documentation, because frames are not public and should not become so for
//! the fuzzer's sake.

use std::io::Cursor;

use bytes::Bytes;

use super::Digest;
use super::dead_letters::letter;
use super::frame::{Draft, Frame, HEADER};
use super::members::decode;
use super::stream::{Item, Stream};
use crate::event::{ReceivedTime, SeqNo};

const SALT: u64 = 42;

/// A file of frames in which bytes were changed: reading it ends, covers every byte once, and gives back no frame that was
/// not written.
///
/// The first byte says how many frames the rest is cut into, the next four where two bytes are changed, and how.
pub fn frames(data: &[u8]) {
    let Some(([count, at, change, more, other], rest)) = data.split_first_chunk() else { return };
    let mut written = Vec::new();
    let mut file = Vec::new();
    for (number, body) in rest.chunks(rest.len() / (usize::from(count % 8) + 1) + 1).enumerate() {
        let frame = drafted(number as u64 + 1, &body[..body.len() / 2], &body[body.len() / 2..]);
        file.extend_from_slice(&frame);
        written.push(frame);
    }
    for (at, change) in [(at, change), (more, other)] {
        let place = usize::from(*at) * file.len() / 256;
        if let Some(byte) = file.get_mut(place) {
            *byte ^= change;
        }
    }
    read(file, &written);
    // and what is no file of ours at all
    read(rest.to_vec(), &[]);
}

/// A frame of the dead letters whose checksums are right, whatever lies in it; and the table of a batch.
pub fn tables(data: &[u8]) {
    let Some(([split, count], rest)) = data.split_first_chunk() else { return };
    let (table, body) = rest.split_at(usize::from(*split).min(rest.len()));
    if let Some((_, members)) = decode(table, u32::from(*count), body.len() as u32) {
        assert_eq!(members.len(), usize::from(*count));
        assert!(members.iter().all(|member| member.range.start <= member.range.end));
        assert!(members.iter().all(|member| member.range.end as usize <= body.len()));
    }
    let frame = drafted(1, table, body);
    let mut stream = Stream::new(Box::new(Cursor::new(frame.clone())), SALT, 0).expect("memory can be read");
    match stream.next(frame.len() as u64).expect("memory can be read") {
        Item::Frame(frame) => drop(letter::read(&frame)),
        other => panic!("a frame as it was written is whole: {other:?}"),
    }
}

fn drafted(first: u64, table: &[u8], body: &[u8]) -> Vec<u8> {
    let mut head = vec![0; HEADER];
    head.extend_from_slice(table);
    let received = ReceivedTime::from_micros(1);
    let draft = Draft::new(1, received, Digest([7; 16]), head, Bytes::copy_from_slice(body));
    let mut draft = draft.expect("it is far from 4 GiB");
    draft.number(SeqNo(first), SALT);
    draft.parts().iter().flat_map(|part| part.to_vec()).collect()
}

fn read(file: Vec<u8>, written: &[Vec<u8>]) {
    let end = file.len() as u64;
    let mut stream = Stream::new(Box::new(Cursor::new(file)), SALT, 0).expect("memory can be read");
    let mut before = 0;
    loop {
        match stream.next(end).expect("memory can be read") {
            Item::End => break,
            Item::Frame(Frame { header, table, body }) => {
                let known = &written[usize::try_from(header.first.0).expect("a small number") - 1];
                assert_eq!(known[HEADER..], [&table[..], &body[..]].concat(), "a frame is what was written");
            }
            Item::Damaged(damaged) => assert!(damaged.range.start == before && damaged.range.end <= end),
        }
        assert!(stream.offset() > before, "each step goes on");
        before = stream.offset();
    }
    assert_eq!(before, end, "every byte is a frame's or damaged");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_what_always_holds(data in prop::collection::vec(any::<u8>(), 0..300)) {
            frames(&data);
            tables(&data);
        }
    }
}
