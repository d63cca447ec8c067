//! Which of the unusual points are worth telling: one alarm a while, and less for what has been told before.
//!
//! *Refractory*: within [`REST`] points of the last alarm only a stronger point is told. *Habituation*: the third alarm of the
//! same strength says less than the first, for as long as the earlier ones are remembered.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Points in which only what is stronger is told.
const REST: u64 = 150;
/// Points before the first alarm.
const WARM: u64 = 150;
/// Alarms remembered.
const MEMORY: usize = 64;
/// An earlier alarm counts if it was at least this share as strong …
const ALIKE: f64 = 0.75;
/// … and half as much after so many points.
const HALF_LIFE: f64 = 1000.0;

/// The alarms of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alarms {
    seen: u64,
    /// Strength and place of the last alarms; the newest is at `newest`.
    told: Vec<(f64, u64)>,
    newest: usize,
}

impl Alarms {
    pub(super) fn new() -> Self {
        Self { seen: 0, told: Vec::new(), newest: 0 }
    }

    /// What is told of the next point, 0 for nothing.
    pub(super) fn observe(&mut self, raw: f64) -> f64 {
        let now = self.seen;
        self.seen = now.saturating_add(1);
        if now < WARM || raw <= 0.0 {
            return 0.0;
        }
        let last = self.told.get(self.newest);
        let is_rested = last.is_none_or(|(_, at)| now - at >= REST);
        if !is_rested && last.is_some_and(|(peak, _)| raw <= *peak) {
            return 0.0;
        }
        let told = raw / (1.0 + self.habit(raw, now));
        self.remember(raw, now, is_rested);
        told
    }

    /// How used one is to alarms of this strength.
    fn habit(&self, raw: f64, now: u64) -> f64 {
        let alike = self.told.iter().filter(|(strength, at)| *strength >= ALIKE * raw && now - at >= REST);
        alike.map(|(_, at)| 0.5_f64.powf((now - at) as f64 / HALF_LIFE)).sum()
    }

    fn remember(&mut self, raw: f64, now: u64, is_new: bool) {
        if !is_new {
            self.told[self.newest] = (raw, now);
        } else if self.told.len() < MEMORY {
            self.newest = self.told.len();
            self.told.push((raw, now));
        } else {
            self.newest = (self.newest + 1) % MEMORY;
            self.told[self.newest] = (raw, now);
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u64(self.seen);
        out.u8(self.newest as u8);
        out.u8(self.told.len() as u8);
        for (strength, at) in &self.told {
            out.f64(*strength);
            out.u64(*at);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let seen = input.u64()?;
        let newest = usize::from(input.u8()?);
        let count = usize::from(input.u8()?);
        if count > MEMORY || newest >= count.max(1) {
            return Err(Damaged);
        }
        let told = (0..count).map(|_| Ok((input.f64()?, input.u64()?))).collect::<Result<Vec<_>, _>>()?;
        if told.iter().any(|(_, at)| *at >= seen) { Err(Damaged) } else { Ok(Self { seen, told, newest }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(strong: impl Fn(u64) -> f64, points: u64) -> Vec<(u64, f64)> {
        let mut alarms = Alarms::new();
        (0..points).map(|at| (at, alarms.observe(strong(at)))).filter(|(_, told)| *told > 0.0).collect()
    }

    #[test]
    fn nothing_is_told_while_warming_up_and_only_what_is_stronger_while_resting() {
        let found = told(|at| if at == 10 || (300..320).contains(&at) { 7.0 + at as f64 % 2.0 } else { 0.0 }, 400);
        assert_eq!(found, [(300, 7.0), (301, 8.0)]);
    }

    #[test]
    fn the_third_alarm_of_the_same_strength_says_less() {
        let found = told(|at| if at % 200 == 199 { 9.0 } else { 0.0 }, 800);
        let strengths: Vec<f64> = found.iter().map(|(_, told)| *told).collect();
        assert!(strengths[0] == 9.0 && strengths[1] < 5.0 && strengths[2] < strengths[1], "{strengths:?}");
    }

    #[test]
    fn more_alarms_than_are_remembered_cost_no_more_memory() {
        let mut alarms = Alarms::new();
        let told: f64 = (0..100_000).map(|at| alarms.observe(f64::from(at % 7))).sum();
        assert!(told > 0.0);
        assert_eq!(alarms.told.len(), MEMORY);
    }
}
