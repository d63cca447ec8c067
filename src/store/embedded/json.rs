//! A JSON text as a row of tokens, without building a tree and without recursion.
//!
//! It takes every text that is JSON, however deep, with numbers beyond any machine type and with lone surrogates,
//! because a document that the spool holds has to be stored. Strings and numbers are ranges of the text.

use std::ops::Range;

use memchr::memchr2;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    /// The name of a member: what stands between the quotes, and whether it has escapes.
    Key(Range<usize>, bool),
    /// A string value: what stands between the quotes, and whether it has escapes.
    Text(Range<usize>, bool),
    Number(Range<usize>),
    Bool(bool),
    Null,
    /// The end of the text, after exactly one value.
    End,
}

/// The text is no JSON from this byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value.
    Value,
    /// A value, or the end of the array that has just begun.
    FirstElement,
    /// A member's name, or the end of the object that has just begun.
    FirstKey,
    /// What follows a value: a comma, or the end of what it stands in.
    After,
}

/// Reads tokens one after the other.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// For each open bracket: is it an object?
    open: Vec<bool>,
    expect: Expect,
}

impl<'a> Tokens<'a> {
    /// At the start of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::with_capacity(8), expect: Expect::Value }
    }

    /// The next token; after [`Token::End`] there is no other.
    pub(super) fn next(&mut self) -> Result<Token, Malformed> {
        loop {
            self.skip_space();
            let Some(&byte) = self.text.as_bytes().get(self.at) else {
                let done = self.open.is_empty() && self.expect == Expect::After;
                return if done { Ok(Token::End) } else { Err(Malformed(self.at)) };
            };
            match (self.expect, byte) {
                (Expect::After, b',') if !self.open.is_empty() => {
                    self.at += 1;
                    self.skip_space();
                    if self.open.last() == Some(&true) {
                        return self.key();
                    }
                    self.expect = Expect::Value;
                }
                (Expect::After | Expect::FirstKey, b'}') if self.open.last() == Some(&true) => {
                    return Ok(self.close(Token::ObjectEnd));
                }
                (Expect::After | Expect::FirstElement, b']') if self.open.last() == Some(&false) => {
                    return Ok(self.close(Token::ArrayEnd));
                }
                (Expect::FirstKey, _) => return self.key(),
                (Expect::Value | Expect::FirstElement, _) => return self.value(byte),
                (Expect::After, _) => return Err(Malformed(self.at)),
            }
        }
    }

    fn skip_space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    }

    fn close(&mut self, token: Token) -> Token {
        self.at += 1;
        self.open.pop();
        self.expect = Expect::After;
        token
    }

    fn key(&mut self) -> Result<Token, Malformed> {
        let (range, escaped) = self.string()?;
        self.skip_space();
        if self.text.as_bytes().get(self.at) != Some(&b':') {
            return Err(Malformed(self.at));
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Token::Key(range, escaped))
    }

    fn value(&mut self, byte: u8) -> Result<Token, Malformed> {
        match byte {
            b'{' | b'[' => {
                let object = byte == b'{';
                self.at += 1;
                self.open.push(object);
                self.expect = if object { Expect::FirstKey } else { Expect::FirstElement };
                return Ok(if object { Token::ObjectStart } else { Token::ArrayStart });
            }
            b'"' => {
                self.expect = Expect::After;
                return self.string().map(|(range, escaped)| Token::Text(range, escaped));
            }
            _ => self.expect = Expect::After,
        }
        let rest = &self.text.as_bytes()[self.at..];
        for (word, token) in [("true", Token::Bool(true)), ("false", Token::Bool(false)), ("null", Token::Null)] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(token);
            }
        }
        let start = self.at;
        self.at += rest.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let number = &self.text[start..self.at];
        let plain = number.strip_prefix('-').unwrap_or(number).starts_with(|c: char| c.is_ascii_digit());
        if plain && (is_integer(number) || number.parse::<f64>().is_ok()) {
            Ok(Token::Number(start..self.at))
        } else {
            Err(Malformed(start))
        }
    }

    fn string(&mut self) -> Result<(Range<usize>, bool), Malformed> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(Malformed(self.at));
        }
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let found = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()).ok_or(Malformed(start - 1))?;
            at += found;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return Ok((start..at, escaped));
            }
            escaped = true;
            at += 2;
        }
    }
}

/// Whether a number token is written without fraction and exponent.
pub(super) fn is_integer(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Appends `raw` to `out` with its escapes undone; half a surrogate pair and unknown escapes become U+FFFD.
pub(super) fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..backslash]);
        let escape = &rest[backslash + 1..];
        let (character, used) = match escape.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'r') => ('\r', 1),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(byte @ (b'"' | b'\\' | b'/')) => (char::from(*byte), 1),
            Some(b'u') => unicode(escape),
            _ => (char::REPLACEMENT_CHARACTER, 0),
        };
        out.push(character);
        rest = &escape[used..];
    }
    out.push_str(rest);
}

/// The character of an escape `uXXXX`, or of a pair `uXXXX\uXXXX`, and how many bytes it took.
fn unicode(escape: &str) -> (char, usize) {
    let unit = |from: usize| escape.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(1) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if (0xd800..0xdc00).contains(&first)
        && escape.get(5..7) == Some("\\u")
        && let Some(second @ 0xdc00..0xe000) = unit(7)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use serde_json::Value;

    use super::*;

    fn accepts(text: &str) -> bool {
        let mut tokens = Tokens::new(text);
        loop {
            match tokens.next() {
                Ok(Token::End) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "nul",
            "1 2",
            "\"a",
            "\"a\\",
            "[}",
            "{]",
            "-",
            "{\"a\" 1}",
            "[,1]",
            "+1",
            ".5",
        ] {
            assert!(!accepts(text), "{text}");
        }
    }

    #[test]
    fn depth_and_size_of_numbers_are_no_reason_to_refuse() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(accepts(&deep));
        assert!(accepts("{\"a\":1e999,\"b\":123456789012345678901234567890,\"c\":\"\\ud800\"}"));
    }

    #[test]
    fn escapes_are_undone() {
        let mut out = String::new();
        unescape(r#"a\n\"\\\/\u00e4\ud83d\ude00\ud800x\u12"#, &mut out);
        assert_eq!(out, "a\n\"\\/ä😀\u{fffd}x\u{fffd}12");
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("\\PC{0,5}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_json_is_accepted(value in json()) {
            assert!(accepts(&value.to_string()));
            assert!(accepts(&format!("{value:#}")));
        }

        #[test]
        fn strings_read_as_serde_json_reads_them(text in any::<String>()) {
            let quoted = Value::from(text.clone()).to_string();
            let mut out = String::new();
            unescape(&quoted[1..quoted.len() - 1], &mut out);
            assert_eq!(out, text);
        }

        #[test]
        fn what_serde_json_refuses_by_structure_is_refused(text in "[\\[\\]{},:1\"a ]{0,12}") {
            assert_eq!(accepts(&text), serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{text}");
        }
    }
}
