//! Roles and units as types, so that a time is never taken for a count.

use std::fmt;
use std::ops::{Deref, Sub};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Place of an event in the spool: grows from event to event, never used twice. A failed write leaves a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SeqNo(pub u64);

impl SeqNo {
    /// The sequence number `count` places further on.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl fmt::Display for SeqNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When an event happened: microseconds since 1970-01-01T00:00:00Z, as its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// When oversight took an event: microseconds since 1970-01-01T00:00:00Z, by this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceivedTime(i64);

/// The largest time that is printed and stored: the end of the year 9999.
const LATEST_MICROS: i64 = 253_402_300_799_999_999;
/// The smallest: the start of the year 0001.
const EARLIEST_MICROS: i64 = -62_135_596_800_000_000;

impl EventTime {
    /// From microseconds since the epoch; none outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (EARLIEST_MICROS..=LATEST_MICROS).contains(&micros).then_some(Self(micros))
    }

    /// From (fractional) seconds since the epoch, as Zeek writes them; none for NaN, infinities and absurd years.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        let micros = seconds * 1e6;
        // the comparison is false for NaN
        if micros >= EARLIEST_MICROS as f64 && micros <= LATEST_MICROS as f64 {
            Self::from_micros(micros.round() as i64)
        } else {
            None
        }
    }

    /// From an RFC 3339 text such as `2026-11-22T10:00:00.123Z`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Self::from_micros(i64::try_from(moment.unix_timestamp_nanos().div_euclid(1000)).ok()?)
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// As [`fmt::Display`] writes it, without the formatter: every document has several.
    pub fn text(self) -> TimeText {
        let (year, month, day) = self.day().civil();
        let in_day = (self.0.rem_euclid(86_400_000_000) / 1000).unsigned_abs();
        let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits::<4>(&mut text, 0, year.unsigned_abs().into());
        digits::<2>(&mut text, 5, month.into());
        digits::<2>(&mut text, 8, day.into());
        digits::<2>(&mut text, 11, hour);
        digits::<2>(&mut text, 14, minute);
        digits::<2>(&mut text, 17, second);
        digits::<3>(&mut text, 20, in_day % 1000);
        TimeText(text)
    }

    /// The UTC day it lies in.
    pub fn day(self) -> Day {
        Day(i32::try_from(self.seconds().div_euclid(86_400)).expect("times are bounded to the years 1 to 9999"))
    }
}

impl ReceivedTime {
    /// From microseconds since the epoch; what lies outside the years 1 to 9999 is moved to the nearer end.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(EARLIEST_MICROS, LATEST_MICROS))
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The time of an event that does not say when it happened.
    pub fn as_event_time(self) -> EventTime {
        EventTime(self.0)
    }
}

impl Sub for ReceivedTime {
    type Output = Duration;

    /// How long `earlier` lies back; zero where the clock has been set back.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

/// A time in RFC 3339, in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeText([u8; 24]);

impl Deref for TimeText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and marks")
    }
}

/// Writes the last `N` digits of a number.
fn digits<const N: usize>(text: &mut [u8; 24], at: usize, mut number: u64) {
    for digit in text[at..at + N].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for EventTime {
    /// RFC 3339 in UTC with milliseconds, as Elasticsearch writes dates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Display for ReceivedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_event_time().fmt(f)
    }
}

/// A UTC day, counted from 1970-01-01; written `2026.11.22`, as in index names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// From days since 1970-01-01.
    pub fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.0
    }

    /// The first moment of the day.
    pub fn start(self) -> EventTime {
        EventTime(i64::from(self.0) * 86_400_000_000)
    }

    /// From the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let moment = EventTime::parse_rfc3339(&format!("{year}-{month}-{day}T00:00:00Z"))?;
        parts.next().is_none().then(|| moment.day())
    }

    /// Year, month 1 to 12, day 1 to 31 of the proleptic Gregorian calendar.
    ///
    /// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    pub fn civil(self) -> (i32, u32, u32) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month.unsigned_abs(), day.unsigned_abs())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}.{month:02}.{day:02}")
    }
}

/// A probability, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Probability(f32);

impl Probability {
    /// None outside 0 to 1 and for NaN.
    pub fn new(value: f32) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// Moves what rounding has put just outside to the nearer end; NaN becomes 0.
    pub fn saturating(value: f32) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The number.
    pub fn value(self) -> f32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    #[test]
    fn a_time_prints_as_elasticsearch_writes_it() {
        let time = EventTime::parse_rfc3339("2026-11-22T23:59:59.9994+01:00").expect("valid");
        assert_eq!(time.to_string(), "2026-11-22T22:59:59.999Z");
        assert_eq!(time.day().to_string(), "2026.11.22");
    }

    #[test]
    fn absurd_times_are_none() {
        for seconds in [f64::NAN, f64::INFINITY, -1e18, 1e12] {
            assert_eq!(EventTime::from_seconds(seconds), None, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn a_day_reads_back_what_it_prints(days in -719_162_i32..2_932_896) {
            assert_eq!(Day::parse(&Day::from_days(days).to_string()), Some(Day::from_days(days)));
        }

        #[test]
        fn a_time_reads_back_what_it_prints(millis in -62_135_596_800_000_i64..253_402_300_799_999) {
            let time = EventTime::from_micros(millis * 1000).expect("within bounds");
            assert_eq!(EventTime::parse_rfc3339(&time.to_string()), Some(time));
        }
    }
}
