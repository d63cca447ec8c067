//! Dates: cheap recognition in documents, and what a query may write in their place.
//!
//! Inside the index a date is nanoseconds since 1970 (1677 to 2262); queries work in milliseconds, as
//! Elasticsearch's `date` does. `now`, `now-15m`, `now/d`, `2026-11-22||-1d/d` and shortened dates are understood.

use time::{Date, Month, OffsetDateTime};

const NANOS: i64 = 1_000_000_000;
/// Nanoseconds of a millisecond.
pub(super) const MILLI: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970 of a date-time such as `2026-11-22T10:00:00.123Z` or `…+0100`; none for any other text.
///
/// A time zone is required, so that no local time is taken for UTC.
pub(super) fn recognise(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if !(20..=40).contains(&bytes.len()) || bytes[4] != b'-' || bytes[7] != b'-' || bytes[13] != b':' {
        return None;
    }
    if !matches!(bytes[10], b'T' | b't' | b' ') || bytes[16] != b':' {
        return None;
    }
    let number = |from: usize, to: usize| digits(&bytes[from..to]);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let (fraction, rest) = fraction(&bytes[19..])?;
    let seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second - zone(rest)?;
    seconds.checked_mul(NANOS)?.checked_add(fraction)
}

/// Nanoseconds after the second, and what follows them.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    if !matches!(rest.first(), Some(b'.' | b',')) {
        return Some((0, rest));
    }
    let count = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let kept = count.min(9);
    let value = digits(&rest[1..=kept])? * 10_i64.pow(9 - u32::try_from(kept).ok()?);
    Some((value, &rest[1 + count..]))
}

/// Seconds east of Greenwich.
fn zone(rest: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match rest {
        b"Z" | b"z" => return Some(0),
        [sign @ (b'+' | b'-'), a, b, b':', c, d] | [sign @ (b'+' | b'-'), a, b, c, d] => {
            (*sign, digits(&[*a, *b])?, digits(&[*c, *d])?)
        }
        [sign @ (b'+' | b'-'), a, b] => (*sign, digits(&[*a, *b])?, 0),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| (hours * 3600 + minutes * 60) * if sign == b'-' { -1 } else { 1 })
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let mut value = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some(value)
}

/// Days since 1970-01-01; none for a day that does not exist.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = LENGTHS.get(usize::try_from(month - 1).ok()?)? + i64::from(leap && month == 2);
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// A stretch of time that a text in a query names: its first and last nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Span {
    /// One millisecond.
    pub(super) fn of_millis(millis: i64) -> Self {
        let first = millis.saturating_mul(MILLI);
        Self { first, last: first.saturating_add(MILLI - 1) }
    }
}

/// What a query means by `text`; `now` in milliseconds since 1970.
///
/// Understood: date-times, shortened dates (`2026`, `2026-11`, `2026-11-22`, `2026-11-22T10:00`, all UTC), milliseconds
/// since 1970 (more than four digits), `now`, and date math behind `now` or `||`.
pub(super) fn read(text: &str, now: i64) -> Option<Span> {
    let text = text.trim();
    if let Some(math) = text.strip_prefix("now") {
        return calculate(Span::of_millis(now), math);
    }
    match text.split_once("||") {
        Some((anchor, math)) => calculate(literal(anchor)?, math),
        None => literal(text),
    }
}

fn literal(text: &str) -> Option<Span> {
    if let Some(nanos) = recognise(text) {
        return Some(Span::of_millis(nanos.div_euclid(MILLI)));
    }
    let plain = text.strip_prefix('-').unwrap_or(text);
    if plain.len() > 4 && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Span::of_millis);
    }
    // the part that is not written is the part that the span leaves open
    let (pattern, unit) = match text.len() {
        4 => ("-01-01T00:00:00Z", 'y'),
        7 => ("-01T00:00:00Z", 'M'),
        10 => ("T00:00:00Z", 'd'),
        13 => (":00:00Z", 'h'),
        16 => (":00Z", 'm'),
        19 => ("Z", 's'),
        20.. => ("Z", 'S'),
        _ => return None,
    };
    let start = recognise(&format!("{text}{pattern}"))?.div_euclid(MILLI);
    whole(start, unit)
}

/// Applies `+1d`, `-15m`, `/d` one after the other.
fn calculate(start: Span, math: &str) -> Option<Span> {
    let mut span = start;
    let mut rest = math.chars().peekable();
    while let Some(sign) = rest.next() {
        let mut amount = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            amount.push(digit);
        }
        let unit = rest.next()?;
        let millis = span.first.div_euclid(MILLI);
        span = match sign {
            '/' if amount.is_empty() => whole(millis, unit)?,
            '+' | '-' => {
                let amount: i64 = if amount.is_empty() { 1 } else { amount.parse().ok()? };
                Span::of_millis(moved(millis, if sign == '-' { -amount } else { amount }, unit)?)
            }
            _ => return None,
        };
    }
    Some(span)
}

/// The whole unit that `millis` lies in.
fn whole(millis: i64, unit: char) -> Option<Span> {
    if unit == 'S' {
        return Some(Span::of_millis(millis));
    }
    let start = match unit {
        'y' | 'M' => month_start(millis, if unit == 'y' { 12 } else { 1 })?,
        // weeks begin on Monday; 1970-01-05 was one
        'w' => (millis - 4 * 86_400_000).div_euclid(7 * 86_400_000) * 7 * 86_400_000 + 4 * 86_400_000,
        _ => millis.div_euclid(unit_millis(unit)?) * unit_millis(unit)?,
    };
    let end = moved(start, 1, unit)?;
    Some(Span { first: start.checked_mul(MILLI)?, last: end.checked_mul(MILLI)? - 1 })
}

/// `millis` moved by `amount` units; a day that the target month does not have becomes its last.
fn moved(millis: i64, amount: i64, unit: char) -> Option<i64> {
    if !matches!(unit, 'y' | 'M') {
        return millis.checked_add(amount.checked_mul(unit_millis(unit)?)?);
    }
    let months = if unit == 'y' { amount.checked_mul(12)? } else { amount };
    let date = civil(millis)?;
    let total = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1;
    let total = total.checked_add(months)?;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let day = (1..=i64::from(date.day())).rev().find_map(|day| days_from_civil(year, month, day))?;
    Some(day * 86_400_000 + millis.rem_euclid(86_400_000))
}

/// The first millisecond of the block of `months` calendar months (1, 3, 12) that `millis` lies in.
pub(super) fn month_start(millis: i64, months: i64) -> Option<i64> {
    let date = civil(millis)?;
    let month = (i64::from(u8::from(date.month())) - 1) / months * months + 1;
    Some(days_from_civil(i64::from(date.year()), month, 1)? * 86_400_000)
}

fn civil(millis: i64) -> Option<Date> {
    let moment = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok()?;
    Date::from_calendar_date(moment.year(), Month::try_from(u8::from(moment.month())).ok()?, moment.day()).ok()
}

/// Milliseconds of a unit of fixed length.
fn unit_millis(unit: char) -> Option<i64> {
    Some(match unit {
        's' => 1000,
        'm' => 60_000,
        'h' | 'H' => 3_600_000,
        'd' => 86_400_000,
        'w' => 7 * 86_400_000,
        _ => return None,
    })
}

/// Milliseconds of an interval such as `30s`, `5m`, `1h`, `500ms`, `1d`.
pub(super) fn interval_millis(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (amount, unit) = text.split_at(split);
    let amount: i64 = amount.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        _ if unit.len() == 1 => unit_millis(unit.chars().next()?)?,
        _ => return None,
    };
    amount.checked_mul(millis).filter(|total| *total > 0)
}

/// A moment as Elasticsearch writes it: `2026-11-22T10:00:00.000Z`.
pub(super) fn print(millis: i64) -> String {
    let micros = millis.saturating_mul(1000);
    match crate::event::EventTime::from_micros(micros) {
        Some(time) => time.to_string(),
        None => millis.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    fn span(text: &str) -> (String, String) {
        let now = recognise("2026-11-22T10:30:15.500Z").unwrap() / MILLI;
        let span = read(text, now).unwrap_or_else(|| panic!("{text}"));
        (print(span.first / MILLI), print(span.last / MILLI))
    }

    #[test]
    fn date_math_moves_and_rounds() {
        assert_eq!(span("now-15m").0, "2026-11-22T10:15:15.500Z");
        assert_eq!(span("now/d"), ("2026-11-22T00:00:00.000Z".into(), "2026-11-22T23:59:59.999Z".into()));
        assert_eq!(span("now-1M/M"), ("2026-10-01T00:00:00.000Z".into(), "2026-10-31T23:59:59.999Z".into()));
        assert_eq!(span("2026-01-31||+1M").0, "2026-02-28T00:00:00.000Z");
        assert_eq!(span("now/w").0, "2026-11-16T00:00:00.000Z");
    }

    #[test]
    fn a_shortened_date_names_the_whole_unit() {
        assert_eq!(span("2024-02"), ("2024-02-01T00:00:00.000Z".into(), "2024-02-29T23:59:59.999Z".into()));
        assert_eq!(span("2026-11-22T10:05").1, "2026-11-22T10:05:59.999Z");
        assert_eq!(span("1795336215000").0, "2026-11-22T08:30:15.000Z");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "now-", "now-1x", "tomorrow", "2026-13", "2026-02-30", "10.0.0.1", "2026-11-22||"] {
            let read = read(text, 0);
            assert!(read.is_none() || text.ends_with("||"), "{text}: {read:?}");
        }
        for text in ["2026-11-22", "2026-11-22T10:00:00", "2026-11-22T25:00:00Z", "aaaa-bb-ccTdd:ee:ffZ"] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }

    #[test]
    fn zones_are_read_with_and_without_colon() {
        let utc = recognise("2026-11-22T09:00:00.25Z");
        for text in ["2026-11-22T10:00:00.250+01:00", "2026-11-22T10:00:00.25+0100", "2026-11-22T04:00:00.250000-05"] {
            assert_eq!(recognise(text), utc, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_reads_back_what_it_prints(millis in -9_000_000_000_000_i64..9_000_000_000_000) {
            assert_eq!(recognise(&print(millis)), Some(millis * MILLI));
        }

        #[test]
        fn no_text_makes_the_reader_fail(text in "\\PC{0,40}") {
            let _ = (recognise(&text), read(&text, 0), interval_millis(&text));
        }
    }
}
