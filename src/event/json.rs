//! Appending JSON to a byte buffer, for what is written for every event: no allocation, no formatter.

use std::fmt::Display;
use std::io::Write;

/// Appends `text` as a JSON string, quotes included.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut clean = 0;
    for (place, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => br#"\""#,
            b'\\' => br"\\",
            b'\n' => br"\n",
            b'\r' => br"\r",
            b'\t' => br"\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[clean..place]);
        clean = place + 1;
        if escape.is_empty() {
            write_display(out, format_args!("\\u{byte:04x}"));
        } else {
            out.extend_from_slice(escape);
        }
    }
    out.extend_from_slice(&text.as_bytes()[clean..]);
    out.push(b'"');
}

/// Ten to the power of each number of decimals.
const UNITS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Appends a number rounded to `decimals` (at most 6) places, without trailing zeros; `null` for NaN and infinities.
pub fn write_number(out: &mut Vec<u8>, value: f64, decimals: u32) {
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let scaled = value.abs() * UNITS[decimals as usize];
    // from here on a half is not exact any more
    if scaled >= 4e15 {
        write_display(out, format_args!("{value:e}"));
        return;
    }
    // rounding by a call of the mathematical library costs more than all digits
    let scaled = (scaled + 0.5) as u64;
    if value < 0.0 && scaled > 0 {
        out.push(b'-');
    }
    if decimals == 4 && scaled < 10_000 {
        return write_share(out, scaled as u16);
    }
    // all digits by one division each by the same number: other divisors take a processor several times as long
    let mut digits = Digits::new();
    let decimals = decimals as usize;
    let mut rest = scaled;
    while rest > 0 || digits.count() <= decimals {
        digits.push(rest % 10);
        rest /= 10;
    }
    let whole = digits.count() - decimals;
    let fraction = decimals - digits.zeros(decimals);
    digits.append(out, 0, whole);
    if fraction > 0 {
        out.push(b'.');
        digits.append(out, whole, fraction);
    }
}

/// Appends so many ten thousandths, fewer than all: what probabilities and scores nearly always are.
fn write_share(out: &mut Vec<u8>, share: u16) {
    let [hundreds, rest] = [share / 100, share % 100].map(|two| two as u8);
    let digits = [hundreds / 10, hundreds % 10, rest / 10, rest % 10];
    let [first, second, third, fourth] = digits.map(|digit| b'0' + digit);
    let length = match digits {
        [0, 0, 0, 0] => 1,
        [_, 0, 0, 0] => 3,
        [_, _, 0, 0] => 4,
        [_, _, _, 0] => 5,
        _ => 6,
    };
    let end = out.len() + length;
    out.extend_from_slice(&[b'0', b'.', first, second, third, fourth]);
    out.truncate(end);
}

/// Appends an integer.
pub fn write_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = Digits::new();
    loop {
        digits.push(value % 10);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    digits.append(out, 0, digits.count());
}

/// Most digits of a number of 64 bits.
const MOST_DIGITS: usize = 20;

/// The digits of a number, the last one first.
struct Digits {
    /// What is taken stands in the middle, so that any digit has as many bytes behind it.
    bytes: [u8; 2 * MOST_DIGITS],
    start: usize,
}

impl Digits {
    fn new() -> Self {
        Self { bytes: [b'0'; 2 * MOST_DIGITS], start: MOST_DIGITS }
    }

    #[inline(always)]
    fn push(&mut self, digit: u64) {
        self.start -= 1;
        self.bytes[self.start] = b'0' + digit as u8;
    }

    fn count(&self) -> usize {
        MOST_DIGITS - self.start
    }

    /// How many of the last `most` are zeros at the end.
    fn zeros(&self, most: usize) -> usize {
        self.bytes[MOST_DIGITS - most..MOST_DIGITS].iter().rev().take_while(|digit| **digit == b'0').count()
    }

    /// Appends `count` of them from the `first` on. As many bytes as there may be are copied always, and the rest is cut off: a few moves,
    /// where a copy of just so many is a call.
    #[inline(always)]
    fn append(&self, out: &mut Vec<u8>, first: usize, count: usize) {
        let (from, end) = (self.start + first, out.len() + count);
        let bytes: &[u8; MOST_DIGITS] =
            self.bytes[from..from + MOST_DIGITS].try_into().expect("so many are behind any");
        out.extend_from_slice(bytes);
        out.truncate(end);
    }
}

/// Appends what `value` displays as; for text that is safe inside JSON.
pub fn write_display(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("a vector takes all bytes");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn number(value: f64, decimals: u32) -> String {
        let mut out = Vec::new();
        write_number(&mut out, value, decimals);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_rounded_and_end_without_zeros() {
        assert_eq!(number(0.998_14, 4), "0.9981");
        assert_eq!(number(0.05, 4), "0.05");
        assert_eq!(
            ["0.1", "0.25", "0.125", "0.0001", "0.9999", "0"].map(|text| number(text.parse().unwrap(), 4)),
            ["0.1", "0.25", "0.125", "0.0001", "0.9999", "0"]
        );
        assert_eq!(number(0.000_04, 4), "0");
        assert_eq!(number(0.999_96, 4), "1");
        assert_eq!(number(123_456_789.125, 3), "123456789.125");
        assert_eq!(number(1.0, 4), "1");
        assert_eq!(number(-0.000_001, 4), "0");
        assert_eq!(number(-12.5, 1), "-12.5");
        assert_eq!(number(f64::NAN, 4), "null");
        assert_eq!(number(1e300, 4), "1e300");
    }

    proptest! {
        #[test]
        fn a_number_reads_back_within_its_rounding(value in -1e9..1e9_f64) {
            let read: f64 = serde_json::from_str(&number(value, 4)).unwrap();
            assert!((read - value).abs() <= 0.000_051, "{value} became {read}");
        }

        #[test]
        fn a_string_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            write_string(&mut out, &text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
