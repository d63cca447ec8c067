//! The detector that every series of event counts has: a robust level, and the day's shape where it helps.
//!
//! It sees stabilised values ([`stabilise`]) and tells how far a value lies from what it expected, in a measure of its
//! own. What is unusual in that measure is learnt by [`tail`](super::tail). Behind the seam that all detectors of
//! points share it is [`points::Robust`](super::points::Robust).

use super::codec::{Damaged, Reader, Writer};
use super::level::Level;
use super::season::{Moment, Season};

/// What a detector expects, on the stabilised scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// The expected value.
    pub location: f64,
    /// How far values usually stray from it; above 0.
    pub scale: f64,
}

/// What is usual for all series of a metric, on the stabilised scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Whether enough has been seen to say anything.
    pub known: bool,
    /// The middle of all values.
    pub location: f32,
    /// How far values stray from it, over all series.
    pub scale: f32,
    /// How far values of one series stray from its own level.
    pub within: f32,
}

impl Prior {
    /// What is expected of an entity that is held against the others.
    pub(super) fn forecast(&self) -> Forecast {
        Forecast { location: self.location.into(), scale: f64::from(self.scale).max(LEAST_SCALE) }
    }
}

/// Below this the stabilising map is like a square root (right for counts), above like a logarithm (for heavy tails):
/// the variance-stabilising map of counts whose variance is mean + 0.05 mean² (F. J. Anscombe, "The transformation of
/// Poisson, binomial and negative-binomial data", 1948).
const OVERDISPERSION: f64 = 0.05;
/// Larger values are taken as this.
const LARGEST: f64 = 1e18;

/// Maps a bucket's value so that its spread hardly depends on its size; Poisson counts come out with a deviation of 0.5.
pub fn stabilise(value: f64) -> f64 {
    let size = value.abs().min(LARGEST);
    let root = OVERDISPERSION.sqrt();
    ((root * size.sqrt()).asinh() / root).copysign(value)
}

/// The inverse of [`stabilise`], at most 10^18.
pub fn unstabilise(stabilised: f64) -> f64 {
    let root = OVERDISPERSION.sqrt();
    let sinh = (root * stabilised.abs()).min(50.0).sinh();
    (sinh * sinh / OVERDISPERSION).min(LARGEST).copysign(stabilised)
}

/// How fast old values fade, per bucket.
const RATE: f64 = 1.0 / 64.0;
/// No series is taken to stray less than this.
const LEAST_SCALE: f64 = 0.15;
/// A series' own scale counts as much as the population's once it has so many values.
const SCALE_WEIGHT: f64 = 4.0;
/// The population's location counts as much as so many values of a new series.
const LOCATION_WEIGHT: u32 = 2;
/// The day's shape is begun when a series has values of so many hours …
const SEASON_AFTER: i64 = 6 * 3_600_000_000;
/// … and at least so many values.
const SEASON_VALUES: u32 = 24;

/// Robust level, with the day's shape for series that have lived long enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Seasonal {
    level: Level,
    season: Option<Box<Season>>,
}

impl Seasonal {
    /// Knows nothing yet.
    pub const fn new() -> Self {
        Self { level: Level::NEW, season: None }
    }

    /// How many buckets it has learnt.
    pub fn seen(&self) -> u32 {
        self.level.seen
    }

    /// How far values stray from its level.
    pub(super) fn scale(&self) -> f32 {
        self.level.scale
    }

    /// What it expects of a bucket, given what is usual for all series of the metric; changes nothing.
    pub fn forecast(&self, moment: Moment, prior: &Prior) -> Forecast {
        if let Some((location, scale)) = self.season.as_ref().and_then(|season| season.forecast(moment)) {
            return Forecast { location, scale: scale.max(LEAST_SCALE) };
        }
        let Level { location, scale, seen } = self.level;
        let location = if seen == 0 && prior.known { prior.location } else { location };
        let own = if prior.known { f64::from(seen) / (f64::from(seen) + SCALE_WEIGHT) } else { 1.0 };
        let spread = own * f64::from(scale).powi(2) + (1.0 - own) * f64::from(prior.scale).powi(2);
        Forecast { location: location.into(), scale: spread.sqrt().max(LEAST_SCALE) }
    }

    /// How unusual a stabilised value would be: signed, 0 for what is expected, growing with the distance.
    pub fn surprise(value: f64, forecast: &Forecast) -> f64 {
        (value - forecast.location) / forecast.scale
    }

    /// Learns `times` buckets with the same stabilised value, the first at `moment`, in bounded time.
    pub fn learn(&mut self, value: f64, times: u64, moment: Moment, prior: &Prior) {
        self.start(prior);
        self.outgrow(moment);
        let level = f64::from(self.level.location);
        if times == 1 {
            self.level.learn(value, RATE);
        } else {
            self.level.learn_run(value, times, RATE);
        }
        match &mut self.season {
            Some(season) if times == 1 => season.learn(value, level, moment, RATE),
            Some(season) => season.learn_run(value, times, moment),
            None => {}
        }
    }

    /// Appends its state.
    pub fn save(&self, out: &mut Writer) {
        self.level.save(out);
        out.u8(u8::from(self.season.is_some()));
        if let Some(season) = &self.season {
            season.save(out);
        }
    }

    /// Reads back what [`Seasonal::save`] wrote; it goes on as the saved one would have.
    ///
    /// # Errors
    /// When the bytes end too early or hold what cannot be.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let level = Level::load(input)?;
        let season = if input.u8()? == 0 { None } else { Some(Box::new(Season::load(input)?)) };
        Ok(Self { level, season })
    }

    fn start(&mut self, prior: &Prior) {
        if self.level.seen == 0 && prior.known {
            self.level = Level::expecting(prior.location, prior.within, LOCATION_WEIGHT);
        }
    }

    fn outgrow(&mut self, moment: Moment) {
        let seen = self.level.seen;
        if self.season.is_none() && seen >= SEASON_VALUES && i64::from(seen).saturating_mul(moment.span) >= SEASON_AFTER
        {
            self.season = Some(Box::new(Season::new()));
        }
    }
}

impl Default for Seasonal {
    fn default() -> Self {
        Self::new()
    }
}

/// What is usual for all series of one metric, learnt from their closed buckets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Population {
    values: Level,
    within: f32,
}

impl Population {
    /// How fast old values fade.
    const RATE: f64 = 1.0 / 4096.0;
    /// Values before it tells anything.
    const KNOWN_AFTER: u32 = 100;
    /// A series tells how far it strays once it has so many values.
    const SERIES_KNOWN_AFTER: u32 = 8;

    pub(super) const NEW: Self = Self { values: Level::NEW, within: Level::NEW.scale };

    pub(super) fn prior(&self) -> Prior {
        let Level { location, scale, seen } = self.values;
        Prior { known: seen >= Self::KNOWN_AFTER, location, scale, within: self.within }
    }

    pub(super) fn learn(&mut self, value: f64, detector: &Seasonal) {
        self.values.learn(value, Self::RATE);
        if detector.seen() >= Self::SERIES_KNOWN_AFTER {
            self.within += 0.002 * (detector.scale().max(LEAST_SCALE as f32) - self.within);
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.values.save(out);
        out.f32(self.within);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { values: Level::load(input)?, within: input.f32()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    proptest! {
        #[test]
        fn unstabilise_undoes_stabilise(exponent in -3.0..17.5_f64, negative in proptest::bool::ANY) {
            let value = 10_f64.powf(exponent) * if negative { -1.0 } else { 1.0 };
            let back = unstabilise(stabilise(value));
            prop_assert!((back / value - 1.0).abs() < 1e-6, "{value} {back}");
        }
    }

    #[test]
    fn values_out_of_all_bounds_stay_finite() {
        for value in [f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, 0.0] {
            assert!(stabilise(value).is_finite());
            assert!(unstabilise(value).is_finite());
        }
    }

    #[test]
    fn a_new_series_is_expected_to_be_like_the_others() {
        let mut population = Population::NEW;
        (0..200).for_each(|n| population.learn(5.0 + f64::from(n % 5), &Seasonal::new()));
        let moment = Moment { start: 0, span: 60_000_000 };
        let forecast = Seasonal::new().forecast(moment, &population.prior());
        assert!((forecast.location - 7.0).abs() < 0.5 && forecast.scale > 0.8, "{forecast:?}");
    }
}
