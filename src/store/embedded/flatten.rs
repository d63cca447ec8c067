//! A JSON object as paths and values: what the index has to know of a document.
//!
//! `{"a":{"b":1}}`, `{"a.b":1}` and `{"a":[{"b":1}]}` give the same path `a.b`. Null says nothing. Every bound below
//! cuts what is *found*, never what is stored: the document itself is kept as it came.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use bytes::Bytes;
use rustc_hash::FxHashSet;

use super::dates;
use super::json::{Malformed, Token, Tokens, is_integer, unescape};
use super::words::BREAK;

/// Bytes of the longest string that can be found by its whole value; longer ones by their words only.
pub(super) const LONGEST_VALUE: usize = 1024;
/// Values of one document that get into columns.
const MOST_VALUES: usize = 2000;
/// Brackets that a path reaches into.
const DEEPEST: usize = 32;
/// Bytes of the longest path.
const LONGEST_PATH: usize = 512;
/// Bytes of one string whose words are indexed.
const MOST_TEXT: usize = 32 << 10;
/// Bytes of a document's strings whose words are indexed, besides its message.
const MOST_WORDS: usize = 128 << 10;
/// Paths of one day that get columns.
const MOST_PATHS: usize = 5000;
/// Of these, paths that a single document may bring, so that one cannot take them all.
const MOST_NEW_PATHS: usize = 500;
/// Paths beyond [`MOST_PATHS`] that are kept for what this program itself writes.
const OWN_PATHS: usize = 500;

/// A piece of a text that the document owns.
pub(super) type Piece = Range<u32>;

/// What a path holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    /// A string: a piece of the document's source.
    Source(Piece),
    /// A string that had escapes: a piece of [`Flat::texts`].
    Text(Piece),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
    /// Nanoseconds since 1970.
    Date(i64),
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    /// A piece of [`Flat::paths`].
    pub(super) path: Piece,
    pub(super) value: Scalar,
}

/// A flattened document.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) paths: String,
    pub(super) texts: String,
    pub(super) leaves: Vec<Leaf>,
    /// Paths that have a value, but no column for it.
    pub(super) present: Vec<Piece>,
    /// All strings, with [`BREAK`] between them.
    pub(super) words: String,
    pub(super) message: Option<String>,
    /// Nanoseconds since 1970.
    pub(super) time: Option<i64>,
    pub(super) source_ips: Vec<Ipv6Addr>,
    pub(super) destination_ips: Vec<Ipv6Addr>,
    /// Something could not be indexed.
    pub(super) partial: bool,
}

/// The paths of a day that have columns; bounded, because each costs memory and a place in every segment.
#[derive(Debug, Default)]
pub(super) struct Paths(FxHashSet<Box<str>>);

impl Paths {
    /// Whether values of `path` get a column.
    pub(super) fn admit(&mut self, path: &str) -> bool {
        if self.0.contains(path) {
            return true;
        }
        let own = path.starts_with("oversight.") || path.starts_with("threat.") || path == "event.risk_score";
        let room = self.0.len() < if own { MOST_PATHS + OWN_PATHS } else { MOST_PATHS };
        room && !path.bytes().any(|byte| byte < 0x20) && self.0.insert(path.into())
    }

    fn knows(&self, path: &str) -> bool {
        self.0.contains(path)
    }
}

/// Why bytes are no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotADocument {
    #[error("the document is not UTF-8")]
    Encoding,
    #[error("the document is not a JSON object")]
    Kind,
    #[error("the document is not JSON from byte {0} on")]
    Json(usize),
}

impl From<Malformed> for NotADocument {
    fn from(malformed: Malformed) -> Self {
        Self::Json(malformed.0)
    }
}

/// Flattens one document; `paths` are the known ones of its day.
pub(super) fn flatten(source: &Bytes, paths: &mut Paths) -> Result<Flat, NotADocument> {
    let text = std::str::from_utf8(source).map_err(|_| NotADocument::Encoding)?;
    let mut tokens = Tokens::new(text);
    match tokens.next() {
        Ok(Token::ObjectStart) => {}
        Ok(_) | Err(Malformed(0)) => return Err(NotADocument::Kind),
        Err(malformed) => return Err(malformed.into()),
    }
    let mut walk =
        Walk { text, paths, path: String::with_capacity(64), here: None, new_paths: 0, flat: Flat::default() };
    walk.flat.leaves.reserve(48);
    walk.flat.paths.reserve(text.len() / 2);
    walk.flat.words.reserve(text.len() / 2);
    walk.object(&mut tokens)?;
    Ok(walk.flat)
}

struct Walk<'a> {
    text: &'a str,
    paths: &'a mut Paths,
    path: String,
    /// Where the current path was copied to, and whether it has a column.
    here: Option<(Piece, bool)>,
    new_paths: usize,
    flat: Flat,
}

impl Walk<'_> {
    fn object(&mut self, tokens: &mut Tokens<'_>) -> Result<(), NotADocument> {
        // for each open bracket: how long the path was in front of it
        let mut open = vec![0_usize];
        loop {
            match tokens.next()? {
                Token::Key(range, escaped) => self.enter(*open.last().expect("a key is inside"), range, escaped),
                Token::ObjectStart | Token::ArrayStart => open.push(self.path.len()),
                Token::ObjectEnd | Token::ArrayEnd => {
                    let base = open.pop().expect("the reader matches brackets");
                    self.path.truncate(base);
                    self.here = None;
                }
                Token::End => return Ok(()),
                Token::Null => {}
                value if open.len() > DEEPEST || self.path.len() > LONGEST_PATH => {
                    self.flat.partial = true;
                    if let Token::Text(range, escaped) = value {
                        self.add_words(range, escaped);
                    }
                }
                Token::Text(range, escaped) => self.string(range, escaped),
                Token::Number(range) => self.number(range),
                Token::Bool(value) => self.add(Scalar::Bool(value)),
            }
        }
    }

    fn enter(&mut self, base: usize, key: Range<usize>, escaped: bool) {
        self.path.truncate(base);
        self.here = None;
        if base > LONGEST_PATH {
            return;
        }
        if base > 0 {
            self.path.push('.');
        }
        if escaped {
            unescape(&self.text[key], &mut self.path);
        } else {
            self.path.push_str(&self.text[key]);
        }
    }

    /// The current path among those of the document, and whether it has a column.
    fn here(&mut self) -> (Piece, bool) {
        if let Some(here) = &self.here {
            return here.clone();
        }
        let start = self.flat.paths.len();
        self.flat.paths.push_str(&self.path);
        let here = (piece(start, self.flat.paths.len()), self.admit());
        self.here = Some(here.clone());
        here
    }

    fn admit(&mut self) -> bool {
        if self.paths.knows(&self.path) {
            return true;
        }
        let room = self.new_paths < MOST_NEW_PATHS && self.flat.leaves.len() < MOST_VALUES;
        let admitted = room && self.paths.admit(&self.path);
        self.new_paths += usize::from(admitted);
        admitted
    }

    fn add(&mut self, value: Scalar) {
        let (path, column) = self.here();
        if column && self.flat.leaves.len() < MOST_VALUES {
            self.flat.leaves.push(Leaf { path, value });
        } else {
            self.flat.partial = true;
            self.mark_present();
        }
    }

    fn mark_present(&mut self) {
        let (path, _) = self.here();
        if self.flat.present.last() != Some(&path) && self.flat.present.len() < MOST_VALUES {
            self.flat.present.push(path);
        }
    }

    fn number(&mut self, range: Range<usize>) {
        let number = &self.text[range];
        if self.path == "@timestamp" {
            let millis: Option<f64> = number.parse().ok();
            self.flat.time = millis.map(|millis| (millis * dates::MILLI as f64) as i64).or(self.flat.time);
            return;
        }
        let integer = is_integer(number);
        if let (true, Ok(value)) = (integer, number.parse()) {
            return self.add(Scalar::Integer(value));
        }
        if let (true, Ok(value)) = (integer, number.parse()) {
            return self.add(Scalar::Unsigned(value));
        }
        match number.parse::<f64>() {
            // adding zero makes -0 a plain 0, which compares equal to it
            Ok(value) if value.is_finite() => self.add(Scalar::Float(value + 0.0)),
            _ => {
                self.flat.partial = true;
                self.mark_present();
            }
        }
    }

    fn string(&mut self, range: Range<usize>, escaped: bool) {
        if escaped {
            return self.escaped_string(range);
        }
        let text = &self.text[range.clone()];
        if self.special(text) {
            return;
        }
        if let Some(nanos) = dates::recognise(text) {
            return self.add(Scalar::Date(nanos));
        }
        self.add_words(range.clone(), false);
        if text.len() > LONGEST_VALUE {
            return self.mark_present();
        }
        self.add(Scalar::Source(piece(range.start, range.end)));
    }

    fn escaped_string(&mut self, range: Range<usize>) {
        let start = self.flat.texts.len();
        unescape(&self.text[range.clone()], &mut self.flat.texts);
        let text = self.flat.texts[start..].to_owned();
        if self.special(&text) {
            self.flat.texts.truncate(start);
            return;
        }
        push_words(&mut self.flat.words, &text);
        if text.len() > LONGEST_VALUE {
            self.flat.texts.truncate(start);
            return self.mark_present();
        }
        self.add(Scalar::Text(piece(start, self.flat.texts.len())));
    }

    /// Takes strings that have a field of their own; true where that is all there is to do.
    fn special(&mut self, text: &str) -> bool {
        match self.path.as_str() {
            "@timestamp" => {
                self.flat.time = dates::recognise(text).or(self.flat.time);
                true
            }
            "message" => {
                let kept = cut(text, MOST_TEXT);
                match &mut self.flat.message {
                    Some(message) if message.len() < MOST_WORDS => {
                        message.push(BREAK);
                        message.push_str(kept);
                    }
                    Some(_) => {}
                    none => *none = Some(kept.to_owned()),
                }
                self.mark_present();
                true
            }
            path @ ("source.ip" | "id.orig_h" | "src_ip" | "destination.ip" | "id.resp_h" | "dest_ip") => {
                let Ok(address) = text.parse::<IpAddr>() else { return false };
                let source = matches!(path, "source.ip" | "id.orig_h" | "src_ip");
                let own = matches!(path, "source.ip" | "destination.ip");
                let flat = &mut self.flat;
                let known = if source { &mut flat.source_ips } else { &mut flat.destination_ips };
                let address = as_v6(address);
                if !known.contains(&address) && known.len() < MOST_VALUES {
                    known.push(address);
                }
                if own {
                    push_words(&mut flat.words, text);
                }
                own
            }
            _ => false,
        }
    }

    fn add_words(&mut self, range: Range<usize>, escaped: bool) {
        if !escaped {
            return push_words(&mut self.flat.words, &self.text[range]);
        }
        let mut text = String::new();
        unescape(&self.text[range], &mut text);
        push_words(&mut self.flat.words, &text);
    }
}

/// An address as the index keeps it: IPv4 inside IPv6.
pub(super) fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn push_words(words: &mut String, text: &str) {
    if words.len() < MOST_WORDS {
        words.push_str(cut(text, MOST_TEXT));
        words.push(BREAK);
    }
}

/// The first `most` bytes, or up to three fewer where that would part a character.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (most - 3..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

fn piece(start: usize, end: usize) -> Piece {
    let at = |place: usize| u32::try_from(place).expect("a document is smaller than 4 GiB");
    at(start)..at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Flat {
        flatten(&Bytes::copy_from_slice(text.as_bytes()), &mut Paths::default()).expect("a document")
    }

    fn leaves(text: &str) -> Vec<(String, String)> {
        let flat = flat(text);
        let cut = |whole: &str, piece: &Piece| whole[piece.start as usize..piece.end as usize].to_owned();
        let print = |value: &Scalar| match value {
            Scalar::Source(range) => cut(text, range),
            Scalar::Text(range) => cut(&flat.texts, range),
            other => format!("{other:?}"),
        };
        flat.leaves.iter().map(|leaf| (cut(&flat.paths, &leaf.path), print(&leaf.value))).collect()
    }

    #[test]
    fn dots_objects_and_arrays_reach_the_same_path() {
        let expected = [("a.b".to_owned(), "Integer(1)".to_owned())];
        for text in [r#"{"a":{"b":1}}"#, r#"{"a.b":1}"#, r#"{"a":[{"b":1},null]}"#, r#"{"\u0061":[[{"b":1}]]}"#] {
            assert_eq!(leaves(text), expected, "{text}");
        }
    }

    #[test]
    fn the_path_returns_after_an_array_of_objects() {
        let found = leaves(r#"{"a":[{"b":"x"},{"c":["y","z"]}],"d":true}"#);
        let paths: Vec<_> = found.iter().map(|(path, value)| format!("{path}={value}")).collect();
        assert_eq!(paths, ["a.b=x", "a.c=y", "a.c=z", "d=Bool(true)"]);
    }

    #[test]
    fn numbers_keep_the_type_that_holds_them() {
        let found = leaves(r#"{"a":[-5,18446744073709551615,18446744073709551616,1.5,-0.0,1e400]}"#);
        let values: Vec<_> = found.iter().map(|(_, value)| value.as_str()).collect();
        let expected = ["Integer(-5)", "Unsigned(18446744073709551615)", "Float(1.8446744073709552e19)", "Float(1.5)"];
        assert_eq!(values[..4], expected);
        assert_eq!(values[4..], ["Float(0.0)"]);
        assert!(flat(r#"{"a":1e400}"#).partial);
    }

    #[test]
    fn addresses_are_taken_from_all_dialects_once() {
        let flat = flat(r#"{"source.ip":"10.0.0.1","id.orig_h":"10.0.0.1","id":{"resp_h":"::1"},"dest_ip":"no"}"#);
        assert_eq!(flat.source_ips, [as_v6("10.0.0.1".parse().unwrap())]);
        assert_eq!(flat.destination_ips, [as_v6("::1".parse().unwrap())]);
        assert_eq!(flat.leaves.len(), 3);
    }

    #[test]
    fn hostile_documents_are_flattened_within_bounds() {
        let wide: Vec<_> = (0..5000).map(|n| format!("\"f{n}\":{n}")).collect();
        let wide = flat(&format!("{{{}}}", wide.join(",")));
        assert!(wide.partial && wide.leaves.len() == MOST_NEW_PATHS);
        assert_eq!(wide.present.len(), MOST_VALUES);
        let deep = flat(&format!("{}1{}", "{\"a\":".repeat(3000), "}".repeat(3000)));
        assert!(deep.partial && deep.leaves.is_empty());
        let long = flat(&format!("{{\"a\":\"{}\"}}", "xy ".repeat(400_000)));
        assert!(long.leaves.is_empty() && long.present.len() == 1 && long.words.len() <= MOST_TEXT + 1);
    }

    #[test]
    fn only_what_is_no_object_is_refused() {
        let refused = |bytes: &'static [u8]| flatten(&Bytes::from_static(bytes), &mut Paths::default()).unwrap_err();
        assert_eq!(refused(b"[1]"), NotADocument::Kind);
        assert_eq!(refused(b""), NotADocument::Kind);
        assert_eq!(refused(b"{\"a\":1"), NotADocument::Json(6));
        assert_eq!(refused(b"{\"a\":\"\xff\"}"), NotADocument::Encoding);
    }

    #[test]
    fn the_timestamp_is_read_from_text_and_number() {
        let text = flat(r#"{"@timestamp":"2026-11-22T10:00:00.5Z"}"#);
        let number = flat(r#"{"@timestamp":1795341600500}"#);
        assert_eq!(text.time, Some(1_795_341_600_500_000_000));
        assert_eq!(number.time, text.time);
        assert!(text.leaves.is_empty() && number.leaves.is_empty());
    }
}
