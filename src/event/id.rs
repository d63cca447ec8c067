//! The identity of an event, which is the id of its document in the store.
//!
//! An id that the sender gave (the `_id` of a bulk action) is kept, behind the index it was given for: the same id in
//! two indices is two events, and both are stored side by side here. Any other event is known by its place:
//! the spool that took it and its sequence number there. Both are on disk before the sender has its answer,
//! so the same event meets the same id however often it is written; and two events that look alike
//! (equal log lines, equal records) stay two. A body that is *sent* twice is held back before it gets a place.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::SeqNo;
use super::json::write_string;

/// Names one spool: drawn at random when its folder is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpoolId(pub u64);

/// The id of an event's document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventId {
    /// By place: 22 characters of base64url over spool id and sequence number, so ids sort as events came.
    Place(SpoolId, SeqNo),
    /// As the sender gave it.
    Given(Box<str>),
}

impl EventId {
    /// The longest that both engines take, in bytes.
    pub const LONGEST: usize = 512;

    /// Of an event that its sender named: `index#id`, with nothing before the `#` where no index was named. No index
    /// has a `#` in its name, so different names are different ids.
    pub fn named(index: Option<&str>, id: &str) -> Self {
        Self::Given(format!("{}#{id}", index.unwrap_or_default()).into())
    }

    /// Appends it as a JSON string, quotes included.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Place(spool, sequence) => {
                out.push(b'"');
                out.extend_from_slice(&by_place(*spool, *sequence));
                out.push(b'"');
            }
            Self::Given(text) => write_string(out, text),
        }
    }

    /// Appends the text form, which is safe inside a JSON string for ids by place, and as given otherwise.
    pub fn write_to(&self, out: &mut String) {
        match self {
            Self::Place(spool, sequence) => {
                out.push_str(std::str::from_utf8(&by_place(*spool, *sequence)).expect("base64 is ASCII"));
            }
            Self::Given(text) => out.push_str(text),
        }
    }
}

fn by_place(spool: SpoolId, sequence: SeqNo) -> [u8; 22] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&spool.0.to_be_bytes());
    bytes[8..].copy_from_slice(&sequence.0.to_be_bytes());
    let mut text = [0; 22];
    URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).expect("22 letters are those of 16 bytes");
    text
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(22);
        self.write_to(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_by_place_has_22_characters_that_need_no_escape() {
        let id = EventId::Place(SpoolId(u64::MAX), SeqNo(17)).to_string();
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{id}");
    }

    #[test]
    fn the_same_id_in_two_indices_is_two_ids() {
        let named = |index, id| EventId::named(index, id).to_string();
        assert_eq!((named(Some("logs"), "7"), named(None, "7")), ("logs#7".to_owned(), "#7".to_owned()));
    }

    #[test]
    fn places_have_different_ids() {
        let at = |n| EventId::Place(SpoolId(1), SeqNo(n)).to_string();
        assert_ne!(at(1), at(2));
    }
}
