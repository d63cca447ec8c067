//! Calls per hour of the last day, up to the newest one: 24 counts, whatever comes.

use super::super::codec::{Damaged, Reader, Writer};
use super::regular::HOURS;

/// Seconds in an hour.
const HOUR: i64 = 3600;

/// The counts of 24 hours in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hours {
    /// The newest hour, counted from the epoch.
    newest: i64,
    /// By hour modulo 24.
    counts: [u16; HOURS],
}

impl Hours {
    /// None but this one, in seconds since the epoch.
    pub(super) fn from(at: i64) -> Self {
        Self { newest: at.div_euclid(HOUR), counts: [0; HOURS] }
    }

    /// Counts a call; one of more than a day before the newest is left out.
    pub(super) fn add(&mut self, at: i64) {
        let hour = at.div_euclid(HOUR);
        if hour > self.newest {
            let passed = hour.saturating_sub(self.newest).min(HOURS as i64);
            for empty in 0..passed {
                self.counts[place(hour - empty)] = 0;
            }
            self.newest = hour;
        } else if hour <= self.newest - HOURS as i64 {
            return;
        }
        let count = &mut self.counts[place(hour)];
        *count = count.saturating_add(1);
    }

    /// The counts from the hour of `first`, or of a day ago, to the newest; in order.
    pub(super) fn since(&self, first: i64) -> Vec<u16> {
        let oldest = first.div_euclid(HOUR).clamp(self.newest - HOURS as i64 + 1, self.newest);
        (oldest..=self.newest).map(|hour| self.counts[place(hour)]).collect()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.i64(self.newest);
        self.counts.iter().for_each(|count| out.u16(*count));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let newest = input.i64()?;
        let mut counts = [0; HOURS];
        for count in &mut counts {
            *count = input.u16()?;
        }
        // hours of the years that events can have
        if newest.unsigned_abs() < 1 << 40 { Ok(Self { newest, counts }) } else { Err(Damaged) }
    }
}

fn place(hour: i64) -> usize {
    hour.rem_euclid(HOURS as i64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn hours_are_those_that_counting_all_calls_would_give(
            steps in proptest::collection::vec((0_i64..20_000, 0_i64..9_000), 1..80)
        ) {
            let (mut now, mut calls) = (1_000_000, Vec::new());
            let mut hours = Hours::from(now);
            for (step, late) in steps {
                now += step;
                hours.add(now - late);
                calls.push((now, now - late));
            }
            // what was told while it was within a day of the newest
            let mut newest = i64::MIN;
            let kept: Vec<i64> = calls.iter().filter_map(|(_, at)| {
                newest = newest.max(at.div_euclid(HOUR)).max(1_000_000_i64.div_euclid(HOUR));
                (at.div_euclid(HOUR) > newest - 24).then_some(at.div_euclid(HOUR))
            }).collect();
            let expected: Vec<u16> =
                (newest - 23..=newest).map(|hour| kept.iter().filter(|at| **at == hour).count() as u16).collect();
            prop_assert_eq!(hours.since(0), expected);
        }
    }
}
