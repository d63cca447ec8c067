//! The clock that a metric goes by: how far it is ahead of UTC at a time, and what it is then called.
//!
//! A zone is a name of the time zone database (that of the system, else the one that is part of this program), or a rule as POSIX
//! writes it in `TZ`. So the office's day keeps its hours over a change of the clocks.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const SECOND: i64 = 1_000_000;

/// A zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Zone(TimeZone);

/// Neither a name nor a rule; the words follow "wanted".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name of the time zone database, such as Europe/Vienna, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3")]
pub(super) struct NoZone;

impl Zone {
    /// A zone by its name, or by a rule.
    pub(super) fn read(text: &str) -> Result<Self, NoZone> {
        TimeZone::get(text).or_else(|_| TimeZone::posix(text)).map(Self).map_err(|_| NoZone)
    }

    /// What it is called at a time, in seconds since the epoch: such as `CEST`.
    pub(super) fn name(&self, seconds: i64) -> String {
        self.0.to_offset_info(moment(seconds)).abbreviation().to_owned()
    }

    /// Seconds that it is ahead of UTC at a time.
    pub(super) fn ahead(&self, seconds: i64) -> i64 {
        i64::from(self.0.to_offset(moment(seconds)).seconds())
    }

    /// A time as its clock shows it, both in microseconds since the epoch.
    pub(super) fn local(&self, micros: i64) -> i64 {
        micros.saturating_add(self.ahead(micros.div_euclid(SECOND)) * SECOND)
    }
}

/// Beyond the years −9999 and 9999 the last offset holds.
fn moment(seconds: i64) -> Timestamp {
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::fields::Value;
    use crate::anomaly::harness::{Feed, MONDAY, Noise, TestEvent, settings};
    use crate::event::EventTime;

    fn at(text: &str) -> i64 {
        EventTime::parse_rfc3339(text).expect("a time").seconds()
    }

    const VIENNA: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    #[test]
    fn clocks_change_twice_a_year_and_the_database_says_the_same_as_the_rule() {
        let rule = Zone::read(VIENNA).expect("a rule");
        for (text, ahead, name) in [
            ("2026-01-15T12:00:00Z", 3_600, "CET"),
            ("2026-03-29T00:59:59Z", 3_600, "CET"),
            ("2026-03-29T01:00:00Z", 7_200, "CEST"),
            ("2026-07-01T00:00:00Z", 7_200, "CEST"),
            ("2026-10-25T00:59:59Z", 7_200, "CEST"),
            ("2026-10-25T01:00:00Z", 3_600, "CET"),
            ("2069-07-01T00:00:00Z", 7_200, "CEST"),
        ] {
            let named = Zone::read("Europe/Vienna").expect("a name");
            for zone in [&rule, &named] {
                assert_eq!((zone.ahead(at(text)), zone.name(at(text)).as_str()), (ahead, name), "{text}");
            }
        }
    }

    #[test]
    fn zones_of_the_south_and_without_summer_time_and_long_ago_are_read() {
        let sydney = Zone::read("AEST-10AEDT,M10.1.0,M4.1.0/3").expect("a rule");
        assert_eq!(
            (sydney.ahead(at("2026-01-15T00:00:00Z")), sydney.ahead(at("2026-07-15T00:00:00Z"))),
            (39_600, 36_000)
        );
        let india = Zone::read("<+0530>-5:30").expect("a rule");
        assert_eq!((india.ahead(0), india.name(0).as_str()), (19_800, "+0530"));
        let kolkata = Zone::read("Asia/Kolkata").expect("a name");
        assert_eq!(kolkata.ahead(at("2026-01-15T00:00:00Z")), 19_800);
        // in the war its clocks were an hour ahead
        assert_eq!(kolkata.ahead(at("1943-06-01T00:00:00Z")), 23_400);
        assert_eq!((kolkata.ahead(i64::MIN) > 0, kolkata.ahead(i64::MAX)), (true, 19_800));
    }

    #[test]
    fn what_is_no_zone_is_refused_in_words() {
        for text in [
            "Europe/Nowhere",
            "../../etc/passwd",
            "/etc/passwd",
            "",
            "CET-1CEST",
            "CET-1CEST,M3.5.0",
            "CET-99",
            "CET-1CEST,M13.5.0,M10.5.0",
        ] {
            let fault = Zone::read(text).expect_err(text).to_string();
            assert!(fault.contains("Europe/Vienna"), "{text}: {fault}");
        }
    }

    /// An office that is busy from eight to six by its own clock, quarter of an hour by quarter of an hour, over a change of the clocks;
    /// how far what is expected lies from what comes, on the four workdays behind it.
    fn error(start: &str, change: &str, zone: &str) -> f64 {
        let declared = format!(
            r#"[{{"name":"n","function":"sum","field":"v","direction":"both","bucket_span":"15m","gap":"unknown"{zone}}}]"#
        );
        let mut settings = settings(&declared);
        settings.record_from = 0.0;
        let (mut feed, mut noise) = (Feed::new(settings), Noise::new(3));
        let clock = Zone::read(VIENNA).expect("a rule");
        let (start, change) = (at(start), at(change));
        for quarter in 0..35 * 96 {
            let now = start + quarter * 900;
            let hour = (now + clock.ahead(now)).rem_euclid(86_400) / 3_600;
            let mean = if (8..18).contains(&hour) { 4_000.0 } else { 200.0 };
            feed.observe(&TestEvent::new(now as f64 - MONDAY, &[Value::Number(mean * (1.0 + 0.05 * noise.normal()))]));
        }
        let records = feed.finish();
        let behind = |record: &&crate::anomaly::AnomalyRecord| {
            // from the Monday behind the Sunday of the change
            (change + 86_400..change + 5 * 86_400).contains(&record.start.seconds())
        };
        let errors: Vec<f64> =
            records.iter().filter(behind).map(|record| (record.typical / record.actual).ln().abs()).collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    #[test]
    fn the_office_s_day_keeps_its_hours_over_both_changes_of_a_year() {
        for (start, change) in
            [("2026-03-02T00:00:00Z", "2026-03-29T00:00:00Z"), ("2026-09-28T00:00:00Z", "2026-10-25T00:00:00Z")]
        {
            let zoned = error(start, change, &format!(r#","zone":"{VIENNA}""#));
            let without = error(start, change, "");
            assert!(zoned < 0.6 * without, "{change}: {zoned} with the zone, {without} without");
        }
    }

    #[test]
    fn times_of_maintenance_and_words_go_by_the_zone() {
        let declared = format!(
            r#"[{{"name":"n","function":"sum","field":"v","direction":"high","zone":"{VIENNA}",
                "maintenance":[{{"from":"2026-03-02T02:00:00+01:00","to":"2026-03-02T03:00:00+01:00","every":"day"}}]}}]"#
        );
        let (mut feed, mut noise) = (Feed::new(settings(&declared)), Noise::new(4));
        let start = at("2026-03-20T00:00:00Z");
        let clock = Zone::read(VIENNA).expect("a rule");
        for minute in 0..14 * 1_440 {
            let now = start + minute * 60;
            let by_clock = (now + clock.ahead(now)).rem_euclid(86_400);
            // a backup at two each night, by the clock; and one at noon of the second of April
            let is_backup = (7_200..10_500).contains(&by_clock) || now == at("2026-04-02T10:00:00Z");
            let value = if is_backup { 90_000.0 } else { 400.0 + 10.0 * noise.normal() };
            feed.observe(&TestEvent::new(now as f64 - MONDAY, &[Value::Number(value)]));
        }
        let found = feed.finish();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].reason.contains("between 12:00 and 12:01 CEST"), "{}", found[0].reason);
    }
}
