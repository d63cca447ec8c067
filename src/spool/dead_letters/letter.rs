//! One dead letter: what was refused, why, and what is needed to send it again.
//!
//! On the disk it is a frame of one event whose table holds reason and source, and behind them what [`Origin`] says.
//! Older letters end behind the source; they read back as [`Content::Unsaid`]. An older program reads newer ones too: it
//! does not look behind the source.

use bytes::Bytes;

use crate::event::{ReceivedTime, SeqNo};
use crate::spool::Digest;
use crate::spool::frame::{Draft, Frame, HEADER};
use crate::spool::members::{Table, put_number, put_text, unzigzag, zigzag};

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it was refused.
    pub at: ReceivedTime,
    /// Why it was refused, in words.
    pub reason: String,
    /// Who sent it.
    pub source: String,
    /// As it came; any bytes.
    pub raw: Bytes,
    /// What the bytes are, and what they are called.
    pub origin: Origin,
}

/// What the bytes of a letter are, and what they are called: enough to send them again as if for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// What the bytes are.
    pub content: Content,
    /// The id that its document had, and has whenever it is sent again.
    pub id: Option<Box<str>>,
    /// The id that a bulk action gave it.
    pub given: Option<Box<str>>,
    /// The index that a bulk action named.
    pub index: Option<Box<str>>,
    /// The ingest pipeline that a bulk action named.
    pub pipeline: Option<Box<str>>,
    /// When the event was received, by which an event without a time of its own is dated.
    pub received: Option<ReceivedTime>,
    /// Its place in the spool, where it had one.
    pub place: Option<SeqNo>,
}

/// What the bytes of a letter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// An older program wrote it, and did not say.
    #[default]
    Unsaid,
    /// Bytes that could not be read as events: a member of a body, or a whole body, sent in the form of this number
    /// (ingest's own).
    Unread {
        /// Of the form.
        form: u8,
    },
    /// One readable event as it came, which the store did not take.
    Event,
    /// A document that was made here, such as the record of an anomaly; there is no event to send again.
    Document,
}

impl Origin {
    /// Bytes that could not be read, in the form of this number.
    pub fn unread(form: u8) -> Self {
        Self { content: Content::Unread { form }, ..Self::default() }
    }
}

const EVENT: u64 = 1;
const DOCUMENT: u64 = 2;
/// And above: unread, in the form of the number less this.
const UNREAD: u64 = 16;

const ID: u64 = 1;
const INDEX: u64 = 2;
const RECEIVED: u64 = 4;
const PLACE: u64 = 8;
const GIVEN: u64 = 16;
const PIPELINE: u64 = 32;

/// The letter as a frame, but for its number; none where a part of it is longer than 4 GiB.
pub(super) fn draft(letter: &DeadLetter) -> Option<Draft> {
    let mut head = vec![0; HEADER];
    put_text(&mut head, &letter.reason);
    put_text(&mut head, &letter.source);
    put_origin(&mut head, &letter.origin);
    Draft::new(1, letter.at, Digest([0; 16]), head, letter.raw.clone())
}

/// Number and letter of a frame; none where it holds none.
pub(in crate::spool) fn read(frame: &Frame) -> Option<(u64, DeadLetter)> {
    let mut table = Table(&frame.table);
    let (reason, source) = (table.text()?.into_string(), table.text()?.into_string());
    let origin = if table.0.is_empty() { Origin::default() } else { origin(&mut table)? };
    let letter = DeadLetter { at: frame.header.received, reason, source, raw: frame.body.clone(), origin };
    Some((frame.header.first.0, letter))
}

/// Content, marks of what follows, and that.
fn put_origin(out: &mut Vec<u8>, origin: &Origin) {
    let content = match origin.content {
        Content::Unsaid => 0,
        Content::Event => EVENT,
        Content::Document => DOCUMENT,
        Content::Unread { form } => UNREAD + u64::from(form),
    };
    let mark = |there: bool, bit: u64| if there { bit } else { 0 };
    put_number(out, content);
    put_number(
        out,
        mark(origin.id.is_some(), ID)
            | mark(origin.index.is_some(), INDEX)
            | mark(origin.received.is_some(), RECEIVED)
            | mark(origin.place.is_some(), PLACE)
            | mark(origin.given.is_some(), GIVEN)
            | mark(origin.pipeline.is_some(), PIPELINE),
    );
    for text in [&origin.id, &origin.index, &origin.given, &origin.pipeline].into_iter().flatten() {
        put_text(out, text);
    }
    if let Some(received) = origin.received {
        put_number(out, zigzag(received.micros()));
    }
    if let Some(place) = origin.place {
        put_number(out, place.0);
    }
}

fn origin(table: &mut Table<'_>) -> Option<Origin> {
    let content = match table.number()? {
        EVENT => Content::Event,
        DOCUMENT => Content::Document,
        number if number >= UNREAD => Content::Unread { form: u8::try_from(number - UNREAD).ok()? },
        _ => Content::Unsaid,
    };
    let marks = table.number()?;
    let mut origin = Origin { content, ..Origin::default() };
    for (mark, text) in
        [(ID, &mut origin.id), (INDEX, &mut origin.index), (GIVEN, &mut origin.given), (PIPELINE, &mut origin.pipeline)]
    {
        if marks & mark != 0 {
            *text = Some(table.text()?);
        }
    }
    if marks & RECEIVED != 0 {
        origin.received = Some(ReceivedTime::from_micros(unzigzag(table.number()?)));
    }
    if marks & PLACE != 0 {
        origin.place = Some(SeqNo(table.number()?));
    }
    Some(origin)
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn origins() -> impl Strategy<Value = Origin> {
        let content = prop_oneof![
            Just(Content::Unsaid),
            Just(Content::Event),
            Just(Content::Document),
            any::<u8>().prop_map(|form| Content::Unread { form }),
        ];
        let text = || option::of("[a-zä\"]{0,12}".prop_map(String::into_boxed_str));
        let received = option::of((-1_i64 << 40..1 << 50).prop_map(ReceivedTime::from_micros));
        let place = option::of(any::<u64>().prop_map(SeqNo));
        (content, text(), text(), text(), text(), received, place).prop_map(
            |(content, id, given, index, pipeline, received, place)| Origin {
                content,
                id,
                given,
                index,
                pipeline,
                received,
                place,
            },
        )
    }

    proptest! {
        #[test]
        fn an_origin_reads_back(given in origins()) {
            let mut bytes = Vec::new();
            put_origin(&mut bytes, &given);
            prop_assert_eq!(origin(&mut Table(&bytes)), Some(given));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = origin(&mut Table(&bytes));
        }
    }
}
