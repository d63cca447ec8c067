//! How new a point is: the surprise of seven views under histograms of five resolutions each.
//!
//! An empirical density over the running range gives "never seen this level" an almost fixed cost, whatever the scale of the
//! metric; five resolutions smooth the arbitrariness of cell edges; squaring the excess asks for strong evidence in one view
//! instead of a sum of weak ones.

use super::Reason;
use super::histogram::{Histogram, Weight};
use super::recent::Recent;
use super::views::{TIMELESS, VIEWS, Views};
use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Steps of the range, by resolution.
const RESOLUTIONS: [usize; 5] = [20, 28, 40, 56, 80];
/// Surprise, in nats, that is nothing special.
pub(super) const USUAL: f64 = 5.0;
/// Points between two looks at whether ranges can be narrowed.
pub(super) const NARROW_EVERY: u64 = 256;
/// Half hours of a week.
const WEEK: usize = 336;
/// What each view tells.
pub(super) const REASONS: [Reason; VIEWS] =
    [Reason::Level, Reason::Departure, Reason::Drift, Reason::Range, Reason::HalfHour, Reason::Hour, Reason::Week];

/// The views of one series, and what they have been like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Novelty {
    views: Views<f64, WEEK>,
    recent: Recent,
    /// By view, then by resolution.
    histograms: Vec<[Histogram; 5]>,
    weight: Weight,
    seen: u64,
}

impl Novelty {
    /// Nothing learnt; `timed` says whether points have times that mean something.
    pub(super) fn new(timed: bool) -> Self {
        let views = if timed { VIEWS } else { TIMELESS };
        let histograms = vec![RESOLUTIONS.map(Histogram::new); views];
        Self { views: Views::new(), recent: Recent::new(), histograms, weight: Weight(1.0), seen: 0 }
    }

    /// How new the point is, and in which view most; then learns it.
    pub(super) fn observe(&mut self, value: f64, seconds: i64) -> (f64, Reason) {
        self.recent.push(value);
        let views = self.views.of(value, seconds, self.seen, self.recent.range());
        let (mut sum, mut most, mut reason) = (0.0, 0.0, Reason::Level);
        for ((histograms, view), name) in self.histograms.iter_mut().zip(views).zip(REASONS) {
            // one logarithm of the product is what five would sum to
            let density: f64 = histograms.iter_mut().map(|each| each.density_then_learn(view, self.weight)).product();
            let excess = (-density.ln() / RESOLUTIONS.len() as f64 - USUAL).max(0.0);
            sum += excess * excess;
            if excess > most {
                (most, reason) = (excess, name);
            }
        }
        self.age();
        (sum / self.histograms.len() as f64, reason)
    }

    fn age(&mut self) {
        self.weight.grow();
        let all = self.histograms.iter_mut().flatten();
        if self.seen % NARROW_EVERY == NARROW_EVERY - 1 {
            all.for_each(|histogram| histogram.forget_range(self.weight));
        }
        if let Some(by) = self.weight.rescale() {
            self.histograms.iter_mut().flatten().for_each(|histogram| histogram.divide(by));
        }
        self.seen = self.seen.saturating_add(1);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.histograms.len() == VIEWS));
        out.f64(self.weight.0);
        out.u64(self.seen);
        self.views.save(out);
        self.recent.save(out);
        self.histograms.iter().flatten().for_each(|histogram| histogram.save(out));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut novelty = Self::new(input.u8()? != 0);
        novelty.weight = Weight(input.f64()?);
        novelty.seen = input.u64()?;
        novelty.views = Views::load(input)?;
        novelty.recent = Recent::load(input)?;
        novelty.histograms.iter_mut().flatten().try_for_each(|histogram| histogram.load(input))?;
        Ok(novelty)
    }
}
