//! A strict JSON scanner over one body: it finds where values stand and copies nothing.
//!
//! The grammar is that of RFC 8259; what it lets through, serde_json lets through (a property test compares the
//! two). It exists beside serde_json and sonic-rs because events need the *places* of values (to splice into the
//! body) and one walk that takes nested objects and dotted keys alike. A visitor over either of the two that only
//! looks keys up and drops the rest costs as much as reading here does altogether, times and addresses included.
//! Input is UTF-8 already; every step advances or fails, so any body ends; nesting is bounded by [`DEEPEST`].

use super::unreadable::{Reason, Unreadable};

/// How many objects and arrays may lie in each other.
pub const DEEPEST: u32 = 128;

/// A half-open range of bytes in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// As a range for indexing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Number of bytes.
    pub fn length(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A JSON string: what stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// Without the quotes.
    pub span: Span,
    /// Whether there is a backslash in it.
    pub escaped: bool,
}

/// Reads a body from front to back.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Sets the high bit of the lowest byte of `word` that ends a run of plain text: a quote, a backslash or a control
/// character. Bits above that one mean nothing.
///
/// Source: "Determine if a word has a byte less than n" in Sean Eron Anderson's Bit Twiddling Hacks.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * u64::from(b'"'));
    let slash = word ^ (ONES * u64::from(b'\\'));
    let less = |value: u64, bound: u64| value.wrapping_sub(ONES * bound) & !value;
    (less(quote, 1) | less(slash, 1) | less(word, 0x20)) & HIGHS
}

impl<'a> Scanner<'a> {
    /// From the first byte of a body of at most 4 GiB.
    pub fn new(body: &'a str) -> Self {
        Self { bytes: body.as_bytes(), at: 0 }
    }

    /// From somewhere within a body.
    pub fn starting_at(body: &'a str, at: usize) -> Self {
        Self { bytes: body.as_bytes(), at }
    }

    /// The place of the next byte; the body's length fits, see [`Scanner::new`].
    #[inline]
    pub fn place(&self) -> u32 {
        self.at as u32
    }

    /// The next byte, which stays.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes on at `at`, and at what stands behind the white space there.
    #[inline]
    pub fn jump(&mut self, at: usize) {
        self.at = at;
        self.space();
    }

    /// The fault `reason`, here.
    #[inline]
    pub fn fault(&self, reason: Reason) -> Unreadable {
        Unreadable { place: self.at, reason }
    }

    /// Skips white space; the byte behind it stays.
    #[inline]
    pub fn space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return;
            }
            self.at += 1;
        }
    }

    /// Takes `byte` if it is the next one.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Takes an object's opening brace and tells whether the object is empty; if so, it is taken whole.
    #[inline]
    pub fn open_object(&mut self) -> Result<bool, Unreadable> {
        if !self.take(b'{') {
            return Err(self.fault(Reason::NoObject));
        }
        self.space();
        Ok(self.take(b'}'))
    }

    /// Takes a key and its colon, up to the value.
    #[inline]
    pub fn key(&mut self) -> Result<Text, Unreadable> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(Reason::NoKey));
        }
        let key = self.string()?;
        self.space();
        if !self.take(b':') {
            return Err(self.fault(Reason::NoColon));
        }
        self.space();
        Ok(key)
    }

    /// Behind a member of an object or array: takes the comma (true) or the closing bracket (false).
    #[inline]
    pub fn more(&mut self, closing: u8) -> Result<bool, Unreadable> {
        self.space();
        if self.take(b',') {
            self.space();
            return Ok(true);
        }
        if self.take(closing) {
            return Ok(false);
        }
        Err(self.fault(Reason::NoComma))
    }

    /// Takes a string; the next byte is its opening quote.
    #[inline]
    pub fn string(&mut self) -> Result<Text, Unreadable> {
        self.at += 1;
        let start = self.place();
        let mut escaped = false;
        loop {
            self.at = self.plain_end();
            match self.peek() {
                Some(b'"') => {
                    let span = Span { start, end: self.place() };
                    self.at += 1;
                    return Ok(Text { span, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault(Reason::ControlCharacter)),
                None => return Err(self.fault(Reason::Ends)),
            }
        }
    }

    /// Where the run of plain text that starts here ends, eight bytes at a time.
    #[inline]
    fn plain_end(&self) -> usize {
        let mut at = self.at;
        while let Some(chunk) = self.bytes.get(at..at + 8) {
            let found = special(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
            if found != 0 {
                return at + (found.trailing_zeros() / 8) as usize;
            }
            at += 8;
        }
        let rest = self.bytes.get(at..).unwrap_or_default();
        at + rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(rest.len())
    }

    /// Takes one escape; the next byte is its backslash.
    fn escape(&mut self) -> Result<(), Unreadable> {
        let good = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match self.bytes.get(self.at + 2..self.at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => 0,
            },
            _ => 0,
        };
        self.at += good;
        if good == 0 { Err(self.fault(Reason::Escape)) } else { Ok(()) }
    }

    /// Takes a number and gives its value; infinite where it is beyond what f64 holds.
    #[inline]
    pub fn number(&mut self) -> Result<f64, Unreadable> {
        let start = self.at;
        let negative = self.take(b'-');
        let mut digits = Digits::default();
        self.whole(&mut digits)?;
        if self.take(b'.') {
            let before = self.at;
            self.digits(&mut digits);
            if self.at == before {
                return Err(self.fault(Reason::Number));
            }
            digits.exponent = i32::try_from(self.at - before).map_or(i32::MIN, |count| -count);
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.exponent()?;
            digits.count = usize::MAX;
        }
        Ok(digits.exact(negative).unwrap_or_else(|| self.slow(start)))
    }

    #[inline]
    fn whole(&mut self, digits: &mut Digits) -> Result<(), Unreadable> {
        if self.take(b'0') {
            digits.count = 1;
            return Ok(());
        }
        let before = self.at;
        self.digits(digits);
        if self.at == before { Err(self.fault(Reason::Number)) } else { Ok(()) }
    }

    #[inline]
    fn digits(&mut self, digits: &mut Digits) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut count = 0;
        for byte in rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            digits.mantissa = digits.mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            count += 1;
        }
        self.at += count;
        digits.count += count;
    }

    fn exponent(&mut self) -> Result<(), Unreadable> {
        self.at += 1;
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
        }
        let before = self.at;
        self.digits(&mut Digits::default());
        if self.at == before { Err(self.fault(Reason::Number)) } else { Ok(()) }
    }

    /// The number from `start` up to here, by the standard library.
    fn slow(&self, start: usize) -> f64 {
        let text = self.bytes.get(start..self.at).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.and_then(|text| text.parse().ok()).expect("JSON numbers are numbers to Rust")
    }

    /// Takes `word` (`true`, `false`, `null`).
    pub fn word(&mut self, word: &str) -> Result<(), Unreadable> {
        if self.bytes.get(self.at..self.at + word.len()) == Some(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.fault(Reason::NoValue))
    }

    /// Takes any value, `depth` objects and arrays deep already.
    #[inline]
    pub fn skip(&mut self, depth: u32) -> Result<(), Unreadable> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.skip_object(depth + 1),
            Some(b'[') => self.skip_array(depth + 1),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| ()),
            Some(_) => Err(self.fault(Reason::NoValue)),
            None => Err(self.fault(Reason::Ends)),
        }
    }

    fn skip_object(&mut self, depth: u32) -> Result<(), Unreadable> {
        self.check_depth(depth)?;
        if self.open_object()? {
            return Ok(());
        }
        loop {
            self.key()?;
            self.skip(depth)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn skip_array(&mut self, depth: u32) -> Result<(), Unreadable> {
        self.check_depth(depth)?;
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.skip(depth)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// Fails beyond [`DEEPEST`].
    #[inline]
    pub fn check_depth(&self, depth: u32) -> Result<(), Unreadable> {
        if depth > DEEPEST { Err(self.fault(Reason::Nested)) } else { Ok(()) }
    }
}

/// The digits of a number while they are read.
#[derive(Default)]
struct Digits {
    mantissa: u64,
    count: usize,
    exponent: i32,
}

impl Digits {
    /// The value where mantissa and power of ten are both exact in f64, so that one division rounds correctly.
    ///
    /// Source: William Clinger, "How to read floating point numbers accurately" (1990), the fast path.
    #[inline]
    fn exact(&self, negative: bool) -> Option<f64> {
        const TENS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
            1e19, 1e20, 1e21, 1e22,
        ];
        let power = TENS.get(usize::try_from(self.exponent.checked_neg()?).ok()?)?;
        if self.count > 19 || self.mantissa > 1 << 53 {
            return None;
        }
        let value = self.mantissa as f64 / power;
        Some(if negative { -value } else { value })
    }
}

/// Appends what the string contents `raw` (without quotes, escapes checked) stand for; half of a surrogate pair
/// becomes U+FFFD.
pub fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..slash]);
        let code = rest.as_bytes().get(slash + 1).copied();
        let (character, length) = match code {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode(&rest[slash..]),
            Some(plain) => (char::from(plain), 2),
            None => ('\u{fffd}', 1),
        };
        out.push(character);
        rest = rest.get(slash + length..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// The character of the escape (one `\uXXXX`, or two that are a surrogate pair) that `text` starts with, and its length.
fn unicode(text: &str) -> (char, usize) {
    let unit = |from: usize| text.get(from..from + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let first = unit(2).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&first)
        && text.get(6..8) == Some("\\u")
        && let Some(second) = unit(8).filter(|unit| (0xdc00..0xe000).contains(unit))
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or('\u{fffd}'), 12);
    }
    (char::from_u32(first).unwrap_or('\u{fffd}'), 6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    /// Takes one value that fills the body.
    #[inline]
    fn whole(body: &str) -> Result<(), Unreadable> {
        let mut scanner = Scanner::new(body);
        scanner.space();
        scanner.skip(0)?;
        scanner.space();
        if scanner.peek().is_none() { Ok(()) } else { Err(scanner.fault(Reason::Behind)) }
    }

    /// Texts made of the pieces of JSON, so that about half of them nearly are JSON.
    fn nearly_json() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\n", "true", "false", "null", "-", "0",
                "1", "12", ".", "5", "e", "E+", " ", "\n", "\t", "\u{1}", "\"a\"", "\"b\":", "é", "😀", "\"\":1",
                "0.5e-3",
            ])
            .prop_map(str::to_owned),
            "[a-z\"\\\\0-9]{0,12}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn it_accepts_what_serde_json_accepts(body in nearly_json()) {
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
            prop_assert_eq!(whole(&body).is_ok(), theirs, "{}", body);
        }

        #[test]
        fn numbers_have_the_value_the_standard_library_gives(number in any::<f64>(), digits in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?") {
            if number.is_finite() {
                let text = number.to_string();
                prop_assert_eq!(Scanner::new(&text).number().expect("valid"), number);
            }
            prop_assert_eq!(Scanner::new(&digits).number().expect("valid"), digits.parse::<f64>().expect("valid"));
        }

        #[test]
        fn strings_are_read_as_serde_json_reads_them(text in "\\PC{0,40}", control in "[\\x00-\\x1f\"\\\\/]{0,5}") {
            let original = format!("{text}{control}{text}");
            let body = serde_json::to_string(&original).expect("a string");
            let read = Scanner::new(&body).string().expect("valid");
            let mut out = String::new();
            unescape(&body[read.span.range()], &mut out);
            prop_assert_eq!(out, original);
        }
    }

    #[test]
    fn surrogate_pairs_are_one_character_and_halves_are_replaced() {
        for (raw, expected) in [
            ("\\ud83d\\ude00", "😀"),
            ("\\ud83d", "\u{fffd}"),
            ("\\ude00x", "\u{fffd}x"),
            ("\\ud83d\\u0041", "\u{fffd}A"),
        ] {
            let mut out = String::new();
            unescape(raw, &mut out);
            assert_eq!(out, expected, "{raw}");
        }
    }

    #[test]
    fn nesting_ends_at_the_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(whole(&nested(DEEPEST as usize)), Ok(()));
        let fault = whole(&nested(DEEPEST as usize + 1)).expect_err("too deep");
        assert_eq!(fault.reason, Reason::Nested);
        assert_eq!(whole(&nested(1_000_000)).expect_err("too deep").reason, Reason::Nested);
    }
}
