//! Strict JSON (RFC 8259), walked and not built: finds where an object ends, or the first thing wrong with it.
//!
//! One pass, no recursion, no allocation. What passes here passes any strict parser: no NaN, no control characters in
//! strings, no leading zeros, no trailing commas. Lone surrogates (`\ud800`) are legal JSON and pass. UTF-8 is the
//! caller's to check, once for a whole body. The bounds on nesting and fields are checked on the way.

/// The most levels of nesting that [`Bounds::depth`] may allow: a bit of a `u128` for each, and no more than serde_json
/// reads, so that whoever parses an event later can.
pub(super) const DEEPEST: u32 = 127;

/// How large one event may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Levels of objects and arrays, the event itself being the first; 1 to [`DEEPEST`].
    pub depth: u32,
    /// Keys, over all levels.
    pub fields: u32,
    /// Bytes.
    pub length: usize,
}

/// What is wrong with an event or a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it breaks off before its end")]
    BreaksOff,
    #[error("{} stands where {wanted} belongs", shown(*found))]
    Unexpected { found: u8, wanted: &'static str },
    #[error("a control character in a string has to be escaped")]
    ControlCharacter,
    #[error("a backslash is followed by what is no escape")]
    Escape,
    #[error("a number is not written as JSON writes numbers")]
    Number,
    #[error("it is nested deeper than {0} levels (http.max_depth)")]
    TooDeep(u32),
    #[error("it has more than {0} fields (http.max_fields)")]
    TooManyFields(u32),
    #[error("it is longer than {0} bytes (http.max_event)")]
    TooLong(usize),
    #[error("it is not valid UTF-8")]
    Utf8,
    #[error("an event is a JSON object, and this is none")]
    NotAnObject,
    #[error("no JSON object or array begins here")]
    NotJson,
    #[error("no bulk action is here, such as {{\"create\":{{}}}} on a line of its own before each document")]
    NoAction,
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", char::from(byte)) } else { format!("byte 0x{byte:02x}") }
}

/// A flaw and the byte it was found at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// Offset from the start of the bytes that were walked.
    pub at: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// Walks the object whose `{` is at `start` and gives the offset behind its `}`.
pub(super) fn object_end(bytes: &[u8], start: usize, bounds: &Bounds) -> Result<usize, Fault> {
    let window = bounds.length.checked_add(start).map_or(bytes, |end| &bytes[..end.min(bytes.len())]);
    let mut walk = Walk { bytes: window, at: start, open: 0, depth: 0, fields: 0, bounds };
    walk.value().map_err(|flaw| match flaw {
        Flaw::BreaksOff if window.len() < bytes.len() => Fault { at: start, flaw: Flaw::TooLong(bounds.length) },
        flaw => Fault { at: walk.at, flaw },
    })
}

/// The first byte at or after `at` that is not JSON white space.
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The containers that are open, innermost in the lowest bit: 1 an object, 0 an array.
    open: u128,
    depth: u32,
    fields: u32,
    bounds: &'a Bounds,
}

impl Walk<'_> {
    /// Walks the one value that begins here; gives the offset behind it.
    fn value(&mut self) -> Result<usize, Flaw> {
        loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    self.string()?;
                }
                b'{' => {
                    if self.enters(true, b'}')? {
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    if self.enters(false, b']')? {
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => return Err(self.unexpected("a value")),
            }
            if self.closes()? {
                return Ok(self.at);
            }
        }
    }

    /// The byte here; 0, which is legal nowhere, at the end.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn skip_space(&mut self) {
        // compact JSON has none, so this one comparison is all there is to do
        if self.peek() <= b' ' {
            self.at = skip_space(self.bytes, self.at);
        }
    }

    fn unexpected(&self, wanted: &'static str) -> Flaw {
        self.bytes.get(self.at).map_or(Flaw::BreaksOff, |&found| Flaw::Unexpected { found, wanted })
    }

    /// Opens an object or array; false where it is empty, and closed again by that.
    #[inline]
    fn enters(&mut self, object: bool, closing: u8) -> Result<bool, Flaw> {
        if self.depth == self.bounds.depth {
            return Err(Flaw::TooDeep(self.bounds.depth));
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == closing {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        self.open = self.open << 1 | u128::from(object);
        Ok(true)
    }

    /// Behind a value: closes what closes here. True when the outermost has been closed, false when a value follows.
    #[inline]
    fn closes(&mut self) -> Result<bool, Flaw> {
        while self.depth > 0 {
            self.skip_space();
            let object = self.open & 1 == 1;
            match self.peek() {
                b',' => {
                    self.at += 1;
                    self.skip_space();
                    if object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                b'}' if object => {}
                b']' if !object => {}
                _ => return Err(self.unexpected(if object { "',' or '}'" } else { "',' or ']'" })),
            }
            self.at += 1;
            self.depth -= 1;
            self.open >>= 1;
        }
        Ok(true)
    }

    /// A key, its colon, and the space up to its value.
    #[inline]
    fn key(&mut self) -> Result<(), Flaw> {
        if self.peek() != b'"' {
            return Err(self.unexpected("a key"));
        }
        self.fields += 1;
        if self.fields > self.bounds.fields {
            return Err(Flaw::TooManyFields(self.bounds.fields));
        }
        self.at += 1;
        self.string()?;
        self.skip_space();
        if self.peek() != b':' {
            return Err(self.unexpected("':'"));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// A string, from behind its opening quote to behind its closing one. Most are short and have no escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<(), Flaw> {
        if let Some(block) = self.bytes[self.at..].first_chunk::<16>() {
            let hits = special(u128::from_le_bytes(*block));
            let place = (hits.trailing_zeros() / 8) as usize;
            if block.get(place) == Some(&b'"') {
                self.at += place + 1;
                return Ok(());
            }
        }
        self.long_string()
    }

    fn long_string(&mut self) -> Result<(), Flaw> {
        loop {
            self.skip_plain();
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(Flaw::ControlCharacter),
                None => return Err(Flaw::BreaksOff),
            }
        }
    }

    /// Goes on to the next quote, backslash or control character, sixteen bytes at a time.
    #[inline]
    fn skip_plain(&mut self) {
        let mut rest = &self.bytes[self.at..];
        while let Some((block, behind)) = rest.split_first_chunk::<16>() {
            let hits = special(u128::from_le_bytes(*block));
            if hits != 0 {
                self.at = self.bytes.len() - rest.len() + (hits.trailing_zeros() / 8) as usize;
                return;
            }
            rest = behind;
        }
        let plain = rest.iter().take_while(|&&byte| byte != b'"' && byte != b'\\' && byte >= b' ').count();
        self.at = self.bytes.len() - rest.len() + plain;
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).ok_or(Flaw::BreaksOff)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Flaw::Escape);
                }
                self.at += 6;
            }
            Some(_) => return Err(Flaw::Escape),
            None => return Err(Flaw::BreaksOff),
        }
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<(), Flaw> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if self.peek() | 0x20 == b'e' {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    #[inline]
    fn digits(&mut self) -> Result<(), Flaw> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        match count {
            1.. => Ok(()),
            0 if rest.is_empty() => Err(Flaw::BreaksOff),
            0 => Err(Flaw::Number),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Flaw> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(if word.starts_with(rest) { Flaw::BreaksOff } else { self.unexpected("a value") })
    }
}

/// The high bit of each byte that is a quote, a backslash or below 0x20; only the lowest hit is to be relied on.
///
/// "Determine if a word has a byte equal to n / less than n", Sean Eron Anderson, Bit Twiddling Hacks.
#[inline]
fn special(block: u128) -> u128 {
    const ONES: u128 = u128::from_ne_bytes([0x01; 16]);
    const HIGH: u128 = u128::from_ne_bytes([0x80; 16]);
    let quote = block ^ (ONES * b'"' as u128);
    let backslash = block ^ (ONES * b'\\' as u128);
    ((quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (block.wrapping_sub(ONES * 0x20) & !block))
        & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use serde::de::IgnoredAny;

    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 64, fields: 1000, length: 1 << 20 };

    fn walk(text: &str) -> Result<usize, Flaw> {
        object_end(text.as_bytes(), 0, &BOUNDS).map_err(|fault| fault.flaw)
    }

    #[test]
    fn an_object_ends_behind_its_brace_and_not_at_braces_in_strings() {
        let text = r#"{"a}":"\"}","b":[{},[],-0.5e+10,true,null],"c" : { "d" :"ä\ud800" } } tail"#;
        assert_eq!(walk(text), Ok(text.len() - " tail".len()));
    }

    #[test]
    fn what_strict_json_forbids_is_a_flaw() {
        for text in [
            r#"{"a":NaN}"#,
            r#"{"a":Infinity}"#,
            r#"{"a":-Infinity}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":+1}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{'a':1}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"long enough for words \u{1}\"}",
            r#"{"a":[1}"#,
            r#"{"a":tru}"#,
            r#"{,}"#,
        ] {
            assert!(walk(text).is_err(), "{text}");
            assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_object_that_breaks_off_says_so_wherever_it_is_cut() {
        let text = r#"{"key":"va\u00e4lue","b":[-10.5e+10,true,false,null,{"c":{}}]}"#;
        for cut in 1..text.len() {
            assert_eq!(walk(&text[..cut]), Err(Flaw::BreaksOff), "{}", &text[..cut]);
        }
    }

    #[test]
    fn the_bounds_hold_exactly() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(walk(&nested(64)).is_ok());
        assert_eq!(walk(&nested(65)), Err(Flaw::TooDeep(64)));
        assert_eq!(walk(&nested(100_000)), Err(Flaw::TooDeep(64)));
        let deepest = Bounds { depth: DEEPEST, ..BOUNDS };
        assert!(object_end(nested(127).as_bytes(), 0, &deepest).is_ok());
        let wide = |fields: usize| format!("{{{}}}", vec!["\"a\":1"; fields].join(","));
        assert!(walk(&wide(1000)).is_ok());
        assert_eq!(walk(&wide(1001)), Err(Flaw::TooManyFields(1000)));
        let short = Bounds { length: 7, ..BOUNDS };
        assert_eq!(object_end(br#"{"a":1} "#, 0, &short), Ok(7));
        assert_eq!(object_end(br#"{"a":12}"#, 0, &short), Err(Fault { at: 0, flaw: Flaw::TooLong(7) }));
    }

    /// Text that is nearly JSON: pieces of it in any order.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just("[".to_owned()),
            Just("]".to_owned()),
            Just(",".to_owned()),
            Just(":".to_owned()),
            Just("\"a\"".to_owned()),
            Just("\"a\":".to_owned()),
            Just("\\\"".to_owned()),
            Just("1".to_owned()),
            Just("-1.5e3".to_owned()),
            Just("true".to_owned()),
            Just(" ".to_owned()),
            any::<char>().prop_map(String::from),
            ".{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json_on_what_is_an_object(text in nearly_json()) {
            let ours = walk(&text).ok();
            let mut theirs = serde_json::Deserializer::from_str(&text).into_iter::<IgnoredAny>();
            let theirs = matches!(theirs.next(), Some(Ok(_))).then(|| theirs.byte_offset());
            prop_assert_eq!(ours, theirs, "{}", text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), start in 0_usize..10) {
            let mut bytes = bytes;
            bytes.insert(0, b'{');
            if start < bytes.len() {
                let _ = object_end(&bytes, start, &BOUNDS);
            }
        }

        #[test]
        fn the_search_by_blocks_finds_the_first_special_byte(bytes in any::<[u8; 16]>()) {
            let expected = bytes.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\');
            let hits = special(u128::from_le_bytes(bytes));
            let found = (hits != 0).then(|| (hits.trailing_zeros() / 8) as usize);
            prop_assert_eq!(found, expected);
        }
    }
}
