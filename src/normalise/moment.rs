//! Times as events write them.

use super::scalar::{Captured, Scalar};
use crate::event::EventTime;

/// Moments as numbers below this are seconds, then milliseconds, microseconds, nanoseconds: there are three zeros
/// between what they are within some thousand years.
const SECONDS_END: f64 = 1e11;

/// The time in a field: a text, or a number since the epoch in the unit that its size tells.
pub fn of(captured: Captured, body: &str) -> Option<EventTime> {
    match captured {
        Captured::Text(_) => match captured.scalar(body)? {
            Scalar::Str(text) => parse(&text).or_else(|| since_epoch(text.trim().parse().ok()?)),
            _ => None,
        },
        _ => since_epoch(captured.number(body)?),
    }
}

fn since_epoch(number: f64) -> Option<EventTime> {
    let size = number.abs();
    let unit = [1.0, 1e3, 1e6, 1e9].into_iter().find(|unit| size < SECONDS_END * unit)?;
    EventTime::from_seconds(number / unit)
}

/// Seconds from `start` to `end`; none where they are not in this order.
pub fn between(start: Option<EventTime>, end: Option<EventTime>) -> Option<f64> {
    let micros = end?.micros() - start?.micros();
    (micros >= 0).then_some(micros as f64 / 1e6)
}

/// A date and time of RFC 3339; a missing zone is UTC and `+0200` is as good as `+02:00`, as for Elasticsearch; dates
/// may have slashes, as Argus writes them.
pub fn parse(text: &str) -> Option<EventTime> {
    quick(text.as_bytes()).or_else(|| EventTime::parse_rfc3339(text))
}

/// The usual form, `2026-11-22T10:00:00.123456Z` with up to 9 digits of fraction; none for everything else.
fn quick(text: &[u8]) -> Option<EventTime> {
    let (head, rest) = text.split_at_checked(19)?;
    let number = |from: usize, to: usize| digits(&head[from..to]);
    if !matches!((head[4], head[7]), (b'-', b'-') | (b'/', b'/'))
        || !matches!(head[10], b'T' | b't' | b' ')
        || head[13] != b':'
        || head[16] != b':'
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if day == 0 || day > days_in(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, zone) = fraction(rest)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    EventTime::from_micros(seconds * 1_000_000 + micros)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

/// Microseconds, and what stands behind the fraction.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = rest.split_first() else { return Some((0, rest)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let (fraction, zone) = rest.split_at(count);
    let micros = (0..6).fold(0, |sum, place| sum * 10 + fraction.get(place).map_or(0, |digit| i64::from(digit - b'0')));
    Some((micros, zone))
}

/// Seconds east of Greenwich.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, a, b, b':', c, d] | [sign, a, b, c, d] => (sign, digits(&[*a, *b])?, digits(&[*c, *d])?),
        _ => return None,
    };
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days since 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn the_quick_way_agrees_with_the_thorough_one(
            year in 1..=9999, month in 0..=13, day in 0..=32, hour in 0..=24, minute in 0..=60, second in 0..=59,
            fraction in "(\\.[0-9]{1,9})?", zone in "Z|z|[+-](0[0-9]|1[0-9]|2[0-4]):([0-5][0-9]|60)",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}");
            let thorough = EventTime::parse_rfc3339(&text);
            prop_assert_eq!(parse(&text), thorough, "{}", text);
            prop_assert_eq!(quick(text.as_bytes()), thorough, "{}", text);
        }

        #[test]
        fn no_text_is_a_fault(text in "\\PC{0,40}", near in "[0-9T:.Z+-]{0,40}") {
            parse(&text);
            parse(&near);
        }
    }

    #[test]
    fn numbers_are_seconds_to_nanoseconds_as_their_size_tells() {
        let expected = EventTime::parse_rfc3339("2018-05-21T09:25:04.500Z");
        for body in ["1526894704.5", "1526894704500", "1526894704500000", "1526894704500000000", "\"1526894704500\""] {
            let captured = super::super::scalar::capture(&mut super::super::Scanner::new(body), 0).expect("valid");
            assert_eq!(of(captured, body), expected, "{body}");
        }
        assert_eq!(between(expected, EventTime::parse_rfc3339("2018-05-21T09:25:04.250Z")), None);
    }

    #[test]
    fn what_elasticsearch_takes_is_taken() {
        let expected = EventTime::parse_rfc3339("2026-11-22T10:00:00.5Z");
        for text in [
            "2026-11-22T10:00:00.5",
            "2026-11-22 10:00:00.5Z",
            "2026-11-22T12:00:00.5+0200",
            "2026-11-22T12:00:00.500000000+02:00",
            "2026/11/22 10:00:00.500000",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
