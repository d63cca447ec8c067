//! At which hours of workdays and of weekends a series has its events: an event at another hour says how seldom that is, in bits.

use super::super::codec::{Damaged, Reader, Writer};

/// Hours of a workday, then hours of a day of the weekend.
const SLOTS: usize = 48;
const HOUR: i64 = 3_600_000_000;
/// Counts are halved when there are so many.
const FADE_AT: u32 = 1 << 14;
/// What every hour counts beside what came in it: a series is as firm as this after two or three events.
const PRIOR: f64 = 0.05;

/// Events by hour.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::anomaly) struct Times {
    counts: [u16; SLOTS],
    total: u32,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: [0; SLOTS], total: 0 }
    }
}

impl Times {
    /// How much more bits an event at this hour says than one at any hour would; then learns it.
    pub(super) fn meet(&mut self, at: i64) -> f64 {
        let hours = at.div_euclid(HOUR);
        // 1970-01-01 was a Thursday
        let weekend = (hours.div_euclid(24) + 3).rem_euclid(7) >= 5;
        let slot = hours.rem_euclid(24) as usize + if weekend { 24 } else { 0 };
        // neighbours count half, so that 08:59 is not far from 09:01
        let count = |slot: usize| f64::from(self.counts[slot]);
        let day = slot / 24 * 24;
        let beside = count(day + (slot + 23) % 24) + count(day + (slot + 1) % 24);
        let share = (PRIOR + 0.5 * count(slot) + 0.25 * beside) / (PRIOR * SLOTS as f64 + f64::from(self.total));
        let bits = (1.0 / (share * SLOTS as f64)).log2().max(0.0);
        self.counts[slot] += 1;
        self.total += 1;
        if self.total >= FADE_AT {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
        }
        bits
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.counts.iter().for_each(|count| out.u16(*count));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut times = Self::default();
        times.counts.iter_mut().try_for_each(|count| input.u16().map(|read| *count = read))?;
        times.total = times.counts.iter().map(|count| u32::from(*count)).sum();
        if times.total < FADE_AT { Ok(times) } else { Err(Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::harness::{Feed, TestEvent, settings, text};

    #[test]
    fn a_login_at_night_of_one_who_comes_at_nine_is_told() {
        let declared = r#"[{"name":"hours","over":["user"],"function":"unusual_time","bucket_span":"1h"}]"#;
        let mut feed = Feed::new(settings(declared));
        for day in 0..60 {
            for user in 0..8 {
                // workdays at nine, a little earlier or later
                if day % 7 < 5 {
                    let at = f64::from(day) * 86_400.0 + 9.0 * 3_600.0 + f64::from((day * 7 + user) % 60) * 60.0;
                    feed.observe(&TestEvent::new(at, &[text(&format!("user {user}"))]));
                }
            }
            if day == 51 {
                feed.observe(&TestEvent::new(51.0 * 86_400.0 + 24.0 * 3_600.0 + 10.0, &[text("user 3")]));
            }
        }
        let found: Vec<String> = feed.finish().iter().map(|record| record.entity[0].1.clone()).collect();
        assert_eq!(found, ["user 3"]);
    }
}
