//! Which of the unusual points are worth telling: one alarm a while, and less for what has been told before.
//!
//! *Refractory*: within [`REST`] points of the last alarm only a stronger point is told. *Habituation*: the third alarm of the
//! same strength says less than the first, for as long as the earlier ones are remembered.

use super::kept::Kept;
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Points in which only what is stronger is told.
const REST: u32 = 150;
/// Points before the first alarm.
const WARM: u32 = 150;
/// An earlier alarm counts if it was at least this share as strong …
const ALIKE: f64 = 0.75;
/// … and half as much after so many points.
const HALF_LIFE: f64 = 1000.0;

/// Alarms that are remembered where nothing else is asked for: with half-lives of a thousand points older ones hardly count.
pub(super) const REMEMBERED: usize = 12;

/// The alarms of a series, the last `N` remembered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alarms<K, const N: usize> {
    seen: u32,
    /// Strength and place of the last alarms; the newest is at `newest`.
    told: Vec<(K, u32)>,
    newest: u8,
}

impl<K: Kept, const N: usize> Alarms<K, N> {
    /// Nothing seen.
    pub(super) fn new() -> Self {
        Self::still(0)
    }

    /// After so many points that were nothing special.
    pub(super) fn still(seen: u32) -> Self {
        Self { seen, told: Vec::new(), newest: 0 }
    }

    /// What is told of the next point, 0 for nothing.
    pub(super) fn observe(&mut self, raw: f64) -> f64 {
        let now = self.seen;
        self.seen = now.saturating_add(1);
        if now < WARM || raw <= 0.0 {
            return 0.0;
        }
        let last = self.told.get(usize::from(self.newest));
        let is_rested = last.is_none_or(|(_, at)| now - at >= REST);
        if !is_rested && last.is_some_and(|(peak, _)| raw <= peak.number()) {
            return 0.0;
        }
        let told = raw / (1.0 + self.habit(raw, now));
        self.remember(K::keep(raw), now, is_rested);
        told
    }

    /// How used one is to alarms of this strength.
    fn habit(&self, raw: f64, now: u32) -> f64 {
        let alike = self.told.iter().filter(|(strength, at)| strength.number() >= ALIKE * raw && now - at >= REST);
        alike.map(|(_, at)| 0.5_f64.powf(f64::from(now - at) / HALF_LIFE)).sum()
    }

    fn remember(&mut self, raw: K, now: u32, is_new: bool) {
        if !is_new {
            self.told[usize::from(self.newest)] = (raw, now);
        } else if self.told.len() < N {
            self.newest = self.told.len() as u8;
            self.told.push((raw, now));
        } else {
            self.newest = (self.newest + 1) % N as u8;
            self.told[usize::from(self.newest)] = (raw, now);
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.seen);
        out.u8(self.newest);
        out.u8(self.told.len() as u8);
        for (strength, at) in &self.told {
            strength.save(out);
            out.u32(*at);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let seen = input.u32()?;
        let newest = input.u8()?;
        let count = usize::from(input.u8()?);
        if count > N || usize::from(newest) >= count.max(1) {
            return Err(Damaged);
        }
        let told = (0..count).map(|_| Ok((K::load(input)?, input.u32()?))).collect::<Result<Vec<_>, _>>()?;
        if told.iter().any(|(_, at)| *at > seen) { Err(Damaged) } else { Ok(Self { seen, told, newest }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(strong: impl Fn(u32) -> f64, points: u32) -> Vec<(u32, f64)> {
        let mut alarms = Alarms::<f64, 64>::new();
        (0..points).map(|at| (at, alarms.observe(strong(at)))).filter(|(_, told)| *told > 0.0).collect()
    }

    #[test]
    fn nothing_is_told_while_warming_up_and_only_what_is_stronger_while_resting() {
        let found = told(|at| if at == 10 || (300..320).contains(&at) { 7.0 + f64::from(at % 2) } else { 0.0 }, 400);
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
        let mut alarms = Alarms::<f64, 64>::new();
        let told: f64 = (0..100_000).map(|at| alarms.observe(f64::from(at % 7))).sum();
        assert!(told > 0.0);
        assert_eq!(alarms.told.len(), 64);
    }
}
