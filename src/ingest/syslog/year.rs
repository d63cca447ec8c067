//! The year of a time that does not say it (RFC 3164).

use time::{Date, Month, OffsetDateTime};

use crate::event::ReceivedTime;

/// The year of a date without one: that in which it lies nearest to the day on which it was received. Around New Year
/// that may be the year before (a message that was kept for a while) or the one after (a clock that is ahead).
pub(super) fn year(month: u32, day: u32, received: ReceivedTime) -> i32 {
    let (year, today_month, today) = received.as_event_time().day().civil();
    let date = |year: i32, month: u32, day: u32| {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
    };
    let now = date(year, today_month, today).unwrap_or(OffsetDateTime::UNIX_EPOCH.date());
    // on 29 February only leap years are candidates
    let candidates = [year, year - 1, year + 1].into_iter().filter_map(|year| date(year, month, day));
    candidates.min_by_key(|candidate| (*candidate - now).whole_days().abs()).map_or(year, Date::year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;

    fn on(day: &str, month: u32, date: u32) -> i32 {
        let now = EventTime::parse_rfc3339(&format!("{day}T12:00:00Z")).unwrap();
        year(month, date, ReceivedTime::from_micros(now.micros()))
    }

    #[test]
    fn the_year_is_the_one_in_which_the_date_lies_nearest() {
        assert_eq!(on("2026-11-22", 11, 22), 2026);
        assert_eq!(on("2027-01-01", 12, 31), 2026, "a message of last year's last day");
        assert_eq!(on("2026-12-31", 1, 1), 2027, "a clock that is ahead");
        assert_eq!(on("2026-07-01", 1, 2), 2026);
        assert_eq!(on("2028-01-15", 2, 29), 2028);
        assert_eq!(on("2029-01-15", 2, 29), 2028, "there is no such day in 2029");
        assert_eq!(on("2026-01-15", 2, 31), 2026, "no day at all");
    }
}
