//! Times in which a metric's buckets are neither judged nor learnt: a planned change must not raise an alarm, nor become what is usual.

use super::declare::{Every, MaintenanceDeclaration};
use super::zone::Zone;
use crate::event::EventTime;

const DAY: i64 = 86_400_000_000;

/// One such time, in microseconds since the epoch by the clock of the metric's zone: each night at two stays at two when clocks change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Maintenance {
    from: i64,
    to: i64,
    /// After how long it comes again.
    every: Option<i64>,
}

impl Maintenance {
    /// Reads a declaration.
    ///
    /// # Errors
    /// With what is allowed.
    pub(super) fn check(declared: &MaintenanceDeclaration, zone: Option<&Zone>) -> Result<Self, &'static str> {
        let read = |text: &str| {
            let at = EventTime::parse_rfc3339(text)?.micros();
            Some(zone.map_or(at, |zone| zone.local(at)))
        };
        let (Some(from), Some(to)) = (read(&declared.from), read(&declared.to)) else {
            return Err("two times such as 2026-03-01T02:00:00Z");
        };
        let every = declared.every.map(|every| if every == Every::Day { DAY } else { 7 * DAY });
        if to <= from || every.is_some_and(|every| to - from >= every) {
            return Err("a time that ends after it begins, and before it comes again");
        }
        Ok(Self { from, to, every })
    }

    /// Whether any part of `start` to `end`, by that clock, lies in it. One that comes again also came before its first time.
    pub(super) fn covers(&self, start: i64, end: i64) -> bool {
        let Some(every) = self.every else { return start < self.to && end > self.from };
        let since = start.saturating_sub(self.from).rem_euclid(every);
        since < self.to - self.from || since.saturating_add(end.saturating_sub(start)) > every
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Value;
    use super::super::harness::{Feed, Noise, TestEvent, settings};
    use super::*;

    fn declared(from: &str, to: &str, every: Option<Every>) -> MaintenanceDeclaration {
        MaintenanceDeclaration { from: from.to_owned(), to: to.to_owned(), every }
    }

    #[test]
    fn a_time_comes_again_or_not() {
        let hour = 3_600_000_000;
        let (from, to) = ("1970-01-08T02:00:00Z", "1970-01-08T04:00:00Z");
        let once = Maintenance::check(&declared(from, to, None), None).expect("fine");
        let daily = Maintenance::check(&declared(from, to, Some(Every::Day)), None).expect("fine");
        let at = 7 * DAY + 2 * hour;
        for (start, alone, again) in [(at, true, true), (at - hour, false, false), (at + DAY + hour, false, true)] {
            assert_eq!(
                (once.covers(start, start + hour), daily.covers(start, start + hour)),
                (alone, again),
                "{start}"
            );
        }
        // a bucket that begins before it and ends in it
        assert!(daily.covers(at - hour / 2, at + hour / 2));
        for (from, to, every) in
            [(to, from, None), ("yesterday", to, None), (from, "1970-01-10T00:00:00Z", Some(Every::Day))]
        {
            assert!(Maintenance::check(&declared(from, to, every), None).is_err());
        }
    }

    #[test]
    fn what_happens_in_it_is_neither_told_nor_learnt() {
        let run = |maintenance: &str| {
            let declared = format!(
                r#"[{{"name":"n","function":"sum","field":"v","direction":"both","gap":"zero"{maintenance}}}]"#
            );
            let mut feed = Feed::new(settings(&declared));
            let mut noise = Noise::new(2);
            for minute in 0..2_000 {
                // an hour without traffic, and much to be made up for in the next
                let value = match minute {
                    1_200..1_260 => continue,
                    1_260..1_320 => 9_000.0,
                    _ => 400.0 + 10.0 * noise.normal(),
                };
                feed.observe(&TestEvent::new(f64::from(minute) * 60.0, &[Value::Number(value)]));
            }
            feed.finish().len()
        };
        assert!(run("") > 10);
        let night = r#","maintenance":[{"from":"2026-01-05T20:00:00Z","to":"2026-01-05T22:00:00Z"}]"#;
        assert_eq!(run(night), 0);
    }
}
