//! How new a point is, as [`novelty`](super::novelty) tells it, in two kilobytes and half a microsecond: the same seven views
//! under [`Density`] in the place of 35 histograms of eight-byte counts. Scores of the two differ point by point and not in what they
//! are worth; the figures are in docs/anomaly.md.

use super::Reason;
use super::density::{Density, RESOLUTIONS};
use super::levels::{FADE, FADE_EVERY, Levels, dice};
use super::novelty::{NARROW_EVERY, REASONS, USUAL};
use super::views::{TIMELESS, VIEWS, Views};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Hours of a week.
const WEEK: usize = 168;

/// The views of one series, and what they have been like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compact {
    views: Views<f32, WEEK>,
    densities: Vec<Density>,
    /// What all counts make up.
    total: f32,
    seen: u32,
}

impl Compact {
    /// Nothing learnt; `timed` says whether points have times that mean something.
    pub(super) fn new(timed: bool) -> Self {
        let views = if timed { VIEWS } else { TIMELESS };
        Self { views: Views::new(), densities: vec![Density::new(); views], total: 0.0, seen: 0 }
    }

    /// After `seen` times the same value, from one time to another.
    pub(super) fn still(value: f64, seen: u32, from: i64, to: i64, timed: bool) -> Self {
        let mut densities = vec![Density::still(0.0); if timed { VIEWS } else { TIMELESS }];
        densities[0] = Density::still(value as f32);
        let total = FADE * (1.0 - FADE.powf(seen.into())) / (1.0 - FADE);
        Self { views: Views::still(value, from, to), densities, total: total as f32, seen }
    }

    /// How new the point is, and in which view most; then learns it. `range` is that of the last values.
    pub(super) fn observe(&mut self, value: f64, seconds: i64, range: f64) -> (f64, Reason) {
        let views = self.views.of(value, seconds, self.seen.into(), range);
        let usual = (-USUAL * RESOLUTIONS as f64).exp() as f32;
        let (table, throw) = (Levels::table(), dice(self.seen.into()));
        let (mut sum, mut most, mut reason) = (0.0, 0.0, Reason::Level);
        for (place, (density, view)) in self.densities.iter_mut().zip(views).enumerate() {
            let product = density.observe(view as f32, self.total, throw.rotate_left(9 * place as u32), table);
            // most often nothing special, and the logarithm not needed
            if product < usual {
                let excess = -f64::from(product).ln() / RESOLUTIONS as f64 - USUAL;
                sum += excess * excess;
                if excess > most {
                    (most, reason) = (excess, REASONS[place]);
                }
            }
        }
        self.age();
        (sum / self.densities.len() as f64, reason)
    }

    fn age(&mut self) {
        self.total = (self.total + 1.0) * FADE as f32;
        if self.seen % FADE_EVERY == FADE_EVERY - 1 {
            self.densities.iter_mut().for_each(Density::fade);
        }
        if u64::from(self.seen) % NARROW_EVERY == NARROW_EVERY - 1 {
            self.densities.iter_mut().for_each(|density| density.forget_range(Levels::table()));
        }
        self.seen = self.seen.saturating_add(1);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.densities.len() == VIEWS));
        out.u32(self.seen);
        out.f32(self.total);
        self.views.save(out);
        self.densities.iter().for_each(|density| density.save(out));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut compact = Self::new(input.u8()? != 0);
        (compact.seen, compact.total) = (input.u32()?, input.f32()?);
        compact.views = Views::load(input)?;
        compact.densities.iter_mut().try_for_each(|density| Density::load(input).map(|read| *density = read))?;
        Ok(compact)
    }
}
