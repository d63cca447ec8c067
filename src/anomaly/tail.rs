//! From a detector's surprise to how improbable it is, calibrated on the metric itself, and from there to what
//! documents carry: a severity score 0 to 100 and the probability that this is an anomaly.
//!
//! The tail: how often surprises of this metric exceed [`THRESHOLD`], and a generalised Pareto law for how far
//! (J. Pickands, "Statistical inference using extreme order statistics", 1975; moments after J. R. M. Hosking and
//! J. R. Wallis, "Parameter and quantile estimation for the generalized Pareto distribution", 1987). Each series
//! adds what it has shown itself ([`Habit`]), so one that often strays has to stray further. Series with little
//! history are held apart from known ones, because their forecasts are worse. Surprises are taken in clipped, so
//! that an attack does not become usual by being large.

use super::codec::{Damaged, Reader, Writer};

/// Surprises beyond this are the tail.
pub const THRESHOLD: f64 = 2.0;
/// The bounds shown with a forecast: values beyond them have at most this probability.
pub const BAND: f64 = 1e-3;

/// Prior: share of surprises beyond the threshold, as firm as [`SHARE_WEIGHT`] values.
const SHARE: f64 = 0.03;
const SHARE_WEIGHT: f64 = 50.0;
/// Prior: mean excess and shape, as firm as [`EXCESS_WEIGHT`] values beyond the threshold.
const EXCESS: f64 = 0.6;
const SHAPE: f64 = 0.05;
const EXCESS_WEIGHT: f64 = 20.0;
const HEAVIEST_SHAPE: f64 = 0.3;
/// How fast a metric forgets, per bucket.
const RATE: f64 = 1.0 / 50_000.0;
/// How fast a series forgets, per bucket, and how firm the metric's share and excess are beside its own.
const HABIT_RATE: f32 = 1.0 / 128.0;
const HABIT_SHARE_WEIGHT: f64 = 30.0;
const HABIT_EXCESS_WEIGHT: f64 = 10.0;
/// Surprises are learnt as if they were at most this improbable.
const CLIP: f64 = 1e-4;
/// The least probability told.
const LEAST: f64 = 1e-30;

/// How surprises of one metric are spread, on one side.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    seen: f64,
    beyond: f64,
    excess: f64,
    square: f64,
}

/// What one series has shown beyond the threshold, either side.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Habit {
    share: f32,
    excess: f32,
}

/// A generalised Pareto tail at hand: share beyond the threshold, scale, shape.
#[derive(Debug, Clone, Copy)]
struct Law {
    share: f64,
    scale: f64,
    shape: f64,
}

impl Tail {
    /// Nothing but the prior.
    pub const NEW: Self = Self { seen: 0.0, beyond: 0.0, excess: 0.0, square: 0.0 };

    /// Takes in a surprise, turned so that this side is positive.
    pub fn learn(&mut self, surprise: f64) {
        let clip = self.law(Habit::default(), 0).quantile(CLIP);
        for sum in [&mut self.seen, &mut self.beyond, &mut self.excess, &mut self.square] {
            *sum *= 1.0 - RATE;
        }
        self.seen += 1.0;
        if surprise > THRESHOLD {
            let excess = surprise.min(clip) - THRESHOLD;
            self.beyond += 1.0;
            self.excess += excess;
            self.square += excess * excess;
        }
    }

    /// −log10 of the probability of a surprise this large or larger, 0.3 (one half) to 30.
    ///
    /// `habit` is that of the series, learnt over `seen` buckets.
    pub fn evidence(&self, surprise: f64, habit: Habit, seen: u32) -> f64 {
        -self.law(habit, seen).probability(surprise).max(LEAST).log10()
    }

    /// The surprise that has probability [`BAND`] on this side.
    pub fn band(&self, habit: Habit, seen: u32) -> f64 {
        self.law(habit, seen).quantile(BAND)
    }

    fn law(&self, habit: Habit, seen: u32) -> Law {
        let share = (self.beyond + SHARE_WEIGHT * SHARE) / (self.seen + SHARE_WEIGHT);
        let (mut excess, mut shape) = (EXCESS, SHAPE);
        if self.beyond > 0.0 {
            let mean = self.excess / self.beyond;
            let variance = (self.square / self.beyond - mean * mean).max(1e-9);
            let own = self.beyond / (self.beyond + EXCESS_WEIGHT);
            excess += own * (mean - EXCESS);
            shape += own * (0.5 * (1.0 - mean * mean / variance) - SHAPE);
        }
        let shape = shape.clamp(0.0, HEAVIEST_SHAPE);
        let seen = f64::from(seen.min((1.0 / HABIT_RATE) as u32));
        let times = seen * f64::from(habit.share);
        let share = (times + HABIT_SHARE_WEIGHT * share) / (seen + HABIT_SHARE_WEIGHT);
        let excess = (seen * f64::from(habit.excess) + HABIT_EXCESS_WEIGHT * excess) / (times + HABIT_EXCESS_WEIGHT);
        Law { share: share.clamp(1e-6, 0.4), scale: (excess * (1.0 - shape)).max(0.05), shape }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        [self.seen, self.beyond, self.excess, self.square].into_iter().for_each(|sum| out.f64(sum));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { seen: input.f64()?, beyond: input.f64()?, excess: input.f64()?, square: input.f64()? })
    }
}

impl Habit {
    /// Takes in a surprise of either sign; `clip` is [`Tail::clip`], `seen` counts buckets from 1.
    pub fn learn(&mut self, surprise: f64, clip: f64, seen: u32) {
        let excess = (surprise.abs().min(clip) - THRESHOLD).max(0.0);
        let rate = HABIT_RATE.max(1.0 / seen.max(1) as f32);
        self.share += rate * (if excess > 0.0 { 1.0 } else { 0.0 } - self.share);
        self.excess += rate * (excess as f32 - self.excess);
    }

    pub(super) fn save(self, out: &mut Writer) {
        out.f32(self.share);
        out.f32(self.excess);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        Ok(Self { share: input.f32()?, excess: input.f32()? })
    }
}

impl Tail {
    /// Surprises are learnt as if they were at most this large.
    pub fn clip(&self) -> f64 {
        self.law(Habit::default(), 0).quantile(CLIP)
    }
}

impl Law {
    /// Continuous and falling: one half at 0, `share` at the threshold, then the Pareto law.
    fn probability(self, surprise: f64) -> f64 {
        if surprise <= THRESHOLD {
            let part = (surprise / THRESHOLD).clamp(0.0, 1.0);
            return 0.5 * (self.share / 0.5).powf(part);
        }
        let excess = (surprise - THRESHOLD) / self.scale;
        if self.shape < 1e-3 {
            self.share * (-excess).exp()
        } else {
            self.share * (1.0 + self.shape * excess).powf(-1.0 / self.shape)
        }
    }

    fn quantile(self, probability: f64) -> f64 {
        if probability >= self.share {
            return THRESHOLD;
        }
        let ratio = self.share / probability;
        if self.shape < 1e-3 {
            THRESHOLD + self.scale * ratio.ln()
        } else {
            THRESHOLD + self.scale / self.shape * (ratio.powf(self.shape) - 1.0)
        }
    }
}

/// Evidence (−log10 of the tail's probability) and the severity it is told as; straight lines between.
const SEVERITY: [(f64, f64); 8] =
    [(1.0, 0.0), (2.0, 10.0), (3.0, 35.0), (4.0, 55.0), (5.0, 75.0), (7.0, 88.0), (10.0, 97.0), (20.0, 100.0)];

/// Severity 0 to 100 of a value with this evidence: 75 is one bucket in 100,000.
pub fn severity(evidence: f64) -> f64 {
    let above = SEVERITY.iter().position(|(from, _)| evidence < *from);
    match above {
        Some(0) => 0.0,
        None => 100.0,
        Some(place) => {
            let ((from, low), (to, high)) = (SEVERITY[place - 1], SEVERITY[place]);
            low + (high - low) * (evidence - from) / (to - from)
        }
    }
}

/// How many buckets in one are taken to be anomalies before anything is known.
const PRIOR_ODDS: f64 = 1e-3;

/// The probability that a value with this evidence is an anomaly, where one bucket in a thousand is.
///
/// By the bound −e p ln p on what a p-value says against its hypothesis (T. Sellke, M. J. Bayarri and J. O. Berger,
/// "Calibration of p values for testing precise null hypotheses", 2001), so it errs towards "no anomaly".
pub fn probability_of_anomaly(evidence: f64) -> f64 {
    let p = 10_f64.powf(-evidence);
    let for_chance = if p < 1.0 / std::f64::consts::E { -std::f64::consts::E * p * p.ln() } else { 1.0 };
    PRIOR_ODDS / (PRIOR_ODDS + (1.0 - PRIOR_ODDS) * for_chance)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn an_exponential_tail_gets_its_probabilities_right_far_out() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let mut tail = Tail::NEW;
        // P(z > t) = exp(-1.2 t)
        for _ in 0..20_000 {
            tail.learn(-(1.0 - random.random::<f64>()).ln() / 1.2);
        }
        for surprise in [2.0, 3.0, 6.0, 9.0] {
            let truth: f64 = 1.2 * surprise / std::f64::consts::LN_10;
            let told = tail.evidence(surprise, Habit::default(), 0);
            assert!((told - truth).abs() < 0.15 * truth + 0.1, "{surprise}: {told} for {truth}");
        }
    }

    #[test]
    fn evidence_severity_and_probability_grow_together() {
        let tail = Tail::NEW;
        let mut last = (0.0, -1.0, 0.0);
        for step in 0..400 {
            let evidence = tail.evidence(f64::from(step) * 0.1, Habit::default(), 0);
            let now = (evidence, severity(evidence), probability_of_anomaly(evidence));
            assert!(now.0 > last.0 && now.1 >= last.1 && now.2 >= last.2, "{step}: {now:?} after {last:?}");
            last = now;
        }
        assert!(last.1 > 80.0 && last.2 > 0.9);
    }

    #[test]
    fn the_band_has_the_probability_it_says() {
        let mut tail = Tail::NEW;
        (0..1000).for_each(|n| tail.learn(f64::from(n % 40) / 10.0));
        let habit = Habit { share: 0.1, excess: 0.05 };
        let evidence = tail.evidence(tail.band(habit, 50), habit, 50);
        assert!((evidence - 3.0).abs() < 1e-9, "{evidence}");
    }

    #[test]
    fn a_series_that_often_strays_has_to_stray_further() {
        let tail = Tail::NEW;
        let mut habit = Habit::default();
        let before = tail.evidence(6.0, habit, 100);
        (100..110).for_each(|seen| habit.learn(6.0, tail.clip(), seen));
        assert!(tail.evidence(6.0, habit, 110) < before - 1.0);
    }
}
