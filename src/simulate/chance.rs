//! Reproducible chance: one generator a part of the traffic, and the distributions that traffic follows.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of chance that depends on nothing but its seed and number.
#[derive(Debug, Clone)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A number from 0 up to, but without, 1.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// True in this share of all cases.
    pub fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    /// A number between two.
    pub fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.0.random_range(0..from.len())]
    }

    /// One of `count` where the first are the most popular: Zipf's law by inversion of its continuous form.
    pub fn popular(&mut self, count: usize) -> usize {
        let rank = ((count as f64 + 1.0).ln() * self.unit()).exp();
        (rank as usize).clamp(1, count) - 1
    }

    /// Waiting time until the next of events that come `rate` times a second: exponential.
    pub fn wait(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// Log-normal with this median; `spread` is the deviation of the logarithm. Box-Muller.
    pub fn around(&mut self, median: f64, spread: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (spread * normal).exp()
    }

    /// Pareto from `least`, heavier the smaller `shape` is, cut at `most`.
    pub fn heavy(&mut self, least: f64, shape: f64, most: f64) -> f64 {
        (least * (1.0 - self.unit()).powf(-1.0 / shape)).min(most)
    }
}
