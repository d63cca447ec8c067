//! When a series was last as high as now: a few values, each higher than all that came after it.

use super::codec::{Damaged, Reader, Writer};

/// Values kept; where there are more, the two that are nearest to each other become one, as high as the higher and as late as the
/// later: what is said of it can only be too little.
const MOST: usize = 6;

/// The heights of one series. Times are hours since the epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Heights {
    /// Value and hour; values fall, hours rise.
    steps: Vec<(f32, u32)>,
    /// The hour of the first value.
    since: u32,
}

/// How seldom a value as high is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seldom {
    /// So many hours ago there was one.
    Hours(u32),
    /// There was none in all the hours that the series is known.
    Never(u32),
}

impl Heights {
    /// What is to be said of a value before it is noted.
    pub(super) fn seldom(&self, value: f64, hour: u32) -> Option<Seldom> {
        if self.since == 0 {
            return None;
        }
        let last = self.steps.iter().rev().find(|(height, _)| f64::from(*height) >= value);
        Some(match last {
            Some((_, at)) => Seldom::Hours(hour.saturating_sub(*at)),
            None => Seldom::Never(hour.saturating_sub(self.since)),
        })
    }

    /// Notes a value.
    pub(super) fn note(&mut self, value: f64, hour: u32) {
        if self.since == 0 {
            self.since = hour;
        }
        let value = value as f32;
        while self.steps.last().is_some_and(|(height, _)| *height <= value) {
            self.steps.pop();
        }
        self.steps.push((value, hour));
        if self.steps.len() > MOST {
            let apart = |place: &usize| self.steps[*place].0 - self.steps[place + 1].0;
            let nearest = (0..MOST).min_by(|one, other| apart(one).total_cmp(&apart(other))).unwrap_or(0);
            self.steps[nearest].1 = self.steps[nearest + 1].1;
            self.steps.remove(nearest + 1);
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.since);
        out.u8(self.steps.len() as u8);
        for (height, hour) in &self.steps {
            out.f32(*height);
            out.u32(*hour);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let since = input.u32()?;
        let count = usize::from(input.u8()?);
        let steps = (0..count).map(|_| Ok((input.f32()?, input.u32()?))).collect::<Result<Vec<_>, Damaged>>()?;
        if count > MOST { Err(Damaged) } else { Ok(Self { steps, since }) }
    }
}

/// The hour of a time in microseconds.
pub(super) fn hour(at: i64) -> u32 {
    u32::try_from(at.div_euclid(3_600_000_000)).unwrap_or(0)
}

impl Seldom {
    /// As it ends a sentence; none where it is nothing to speak of.
    pub(super) fn words(self) -> Option<String> {
        let time = |hours: u32| if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} hours") };
        match self {
            Self::Hours(hours) if hours >= 6 => Some(format!("first time this high in {}", time(hours))),
            Self::Never(hours) if hours >= 6 => Some(format!("never this high in the {} it is known", time(hours))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_time_as_high_is_known_or_understated() {
        let mut heights = Heights::default();
        let values: Vec<f64> = (0..3_000).map(|at: u32| f64::from(at.wrapping_mul(2_654_435_761) >> 22)).collect();
        for (at, value) in values.iter().enumerate() {
            let true_last = values[..at].iter().rposition(|other| other >= value);
            let told = heights.seldom(*value, at as u32 + 1_000);
            match (told, true_last) {
                (Some(Seldom::Hours(hours)), Some(last)) => assert!(hours as usize <= at - last),
                (Some(Seldom::Hours(_)) | None, None) => {}
                (Some(Seldom::Never(hours)), None) => assert_eq!(hours as usize, at),
                other => panic!("{other:?} at {at}"),
            }
            heights.note(*value, at as u32 + 1_000);
        }
        assert!(heights.steps.len() <= MOST);
    }

    #[test]
    fn days_are_said_where_there_are_some() {
        assert_eq!(Seldom::Hours(31 * 24).words().as_deref(), Some("first time this high in 31 days"));
        assert_eq!(Seldom::Never(20).words().as_deref(), Some("never this high in the 20 hours it is known"));
        assert_eq!(Seldom::Hours(2).words(), None);
    }
}
