//! Numbers and texts as JSON and as people read them; no value makes invalid JSON.

use std::fmt::Write;

/// Appends a JSON number: whole from 1,000 on, else with at most three decimals; 0 for what is not finite.
pub(super) fn write_number(out: &mut String, number: f64) {
    let size = number.abs();
    if !number.is_finite() {
        out.push('0');
    } else if size >= 1e15 {
        write!(out, "{number:e}").expect("writing to a string cannot fail");
    } else {
        let thousandths = if size >= 1000.0 { size.round() as u64 * 1000 } else { (size * 1000.0).round() as u64 };
        write_fixed(out, number < 0.0 && thousandths > 0, thousandths / 1000, (thousandths % 1000) as u32, 100);
    }
}

/// Appends a probability with at most six decimals.
pub(super) fn write_probability(out: &mut String, probability: f64) {
    let millionths = (probability.clamp(0.0, 1.0) * 1e6).round() as u64;
    write_fixed(out, false, millionths / 1_000_000, (millionths % 1_000_000) as u32, 100_000);
}

/// Sign, whole part, and the decimals `rest` where the first one counts `unit`; in one piece, for this is the hot path.
fn write_fixed(out: &mut String, negative: bool, mut whole: u64, mut rest: u32, mut unit: u32) {
    const MIDDLE: usize = 21;
    let mut text = [0; 32];
    let mut start = MIDDLE;
    loop {
        start -= 1;
        text[start] = b'0' + (whole % 10) as u8;
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if negative {
        start -= 1;
        text[start] = b'-';
    }
    let mut end = MIDDLE;
    if rest > 0 {
        text[end] = b'.';
        end += 1;
    }
    while rest > 0 {
        text[end] = b'0' + (rest / unit) as u8;
        rest %= unit;
        unit /= 10;
        end += 1;
    }
    out.push_str(str::from_utf8(&text[start..end]).expect("digits, sign and point are ASCII"));
}

/// Appends `text` as the inside of a JSON string.
pub(super) fn write_escaped(out: &mut String, text: &str) {
    let needs = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if !text.bytes().any(needs) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if u32::from(control) < 0x20 => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("writing to a string cannot fail");
            }
            plain => out.push(plain),
        }
    }
}

/// `1.2 GB`, `340 kB`, `12 B`: powers of 1,000.
pub(super) fn bytes_in_words(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes;
    let mut unit = 0;
    while size.abs() >= 999.5 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{} {}", short(size), units[unit])
}

/// `12,345`, `3.2`: thousands separated, three places that count below 100.
pub(super) fn number_in_words(number: f64) -> String {
    if number.abs() < 999.5 {
        return short(number);
    }
    if number.abs() >= 1e15 {
        return format!("{number:.3e}");
    }
    let whole = format!("{:.0}", number.abs());
    let mut grouped = String::from(if number < 0.0 { "-" } else { "" });
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn short(number: f64) -> String {
    let decimals = if number.abs() >= 99.95 { 0 } else { 1 };
    let text = format!("{number:.decimals$}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn number(value: f64) -> String {
        let mut out = String::new();
        write_number(&mut out, value);
        out
    }

    #[test]
    fn numbers_are_short() {
        let cases = [(0.0, "0"), (-0.0001, "0"), (12.0, "12"), (3.25, "3.25"), (-7.5, "-7.5"), (1234.6, "1235")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), "0");
        assert_eq!(number(0.05), "0.05");
    }

    #[test]
    fn words_are_for_people() {
        assert_eq!(bytes_in_words(1.234e9), "1.2 GB");
        assert_eq!(bytes_in_words(999.0), "999 B");
        assert_eq!(number_in_words(1_234_567.0), "1,234,567");
        assert_eq!(number_in_words(3.24), "3.2");
    }

    proptest! {
        #[test]
        fn any_number_is_read_back_nearly(value in any::<f64>()) {
            let read: f64 = serde_json::from_str(&number(value)).expect("valid JSON");
            if value.is_finite() {
                prop_assert!((read - value).abs() <= 0.0005001_f64.max(value.abs() * 1e-3), "{value} {read}");
            }
        }

        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            let mut out = String::from("\"");
            write_escaped(&mut out, &text);
            out.push('"');
            prop_assert!(serde_json::from_str::<String>(&out).is_ok_and(|read| read == text));
        }
    }
}
