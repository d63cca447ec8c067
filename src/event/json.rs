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
    // all digits by one division each by the same number: other divisors take a processor several times as long
    let mut digits = [b'0'; 20];
    let point = digits.len() - decimals as usize;
    let mut start = digits.len();
    let mut rest = scaled;
    while rest > 0 || start >= point {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[start..point]);
    let zeros = digits[point..].iter().rev().take_while(|digit| **digit == b'0').count();
    if zeros < digits.len() - point {
        out.push(b'.');
        out.extend_from_slice(&digits[point..digits.len() - zeros]);
    }
}

/// Appends an integer.
pub fn write_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(value % 10).expect("a digit");
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
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
