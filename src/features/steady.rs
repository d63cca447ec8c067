//! A clock that follows events: the latest time seen, which late events do not move, and which is set back when
//! many in a row say so.

use std::time::Duration;

/// So many events in a row beyond the lateness set the clock back.
pub const PATIENCE: u32 = 64;

/// The clock of windows over events.
#[derive(Debug)]
pub struct SteadyClock {
    lateness: i64,
    now: Option<i64>,
    behind: u32,
}

/// What an event's time did to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It is this time now, in microseconds.
    Now(i64),
    /// The clock was set back to this time: what was remembered lies in its future.
    SetBack(i64),
}

impl SteadyClock {
    /// One that an event may be so late for without being taken for a sign.
    pub fn new(lateness: Duration) -> Self {
        Self { lateness: i64::try_from(lateness.as_micros()).unwrap_or(i64::MAX), now: None, behind: 0 }
    }

    /// The time on the clock of an event at `micros`.
    pub fn at(&mut self, micros: i64) -> Moment {
        let now = self.now.unwrap_or(micros);
        self.behind = if micros < now.saturating_sub(self.lateness) { self.behind + 1 } else { 0 };
        if self.behind >= PATIENCE {
            self.behind = 0;
            self.now = Some(micros);
            return Moment::SetBack(micros);
        }
        let now = now.max(micros);
        self.now = Some(now);
        Moment::Now(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_events_come_now_until_there_are_too_many_of_them() {
        let mut clock = SteadyClock::new(Duration::from_secs(1));
        assert_eq!(
            [5_000_000, 4_500_000, 6_000_000].map(|micros| clock.at(micros)),
            [5_000_000, 5_000_000, 6_000_000].map(Moment::Now)
        );
        for _ in 1..PATIENCE {
            assert_eq!(clock.at(1_000_000), Moment::Now(6_000_000));
        }
        assert_eq!(clock.at(1_000_000), Moment::SetBack(1_000_000));
        assert_eq!(clock.at(1_000_001), Moment::Now(1_000_001));
    }
}
