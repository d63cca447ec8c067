//! The planes in which metrics are looked at together: of each metric its value beside what the others lead one to expect of it, so that a
//! relation of them all that breaks is seen, though each value is usual; of each pair both values, for relations that are no straight line.

use super::relation::Seen;

/// The most metrics that are looked at together.
pub(super) const MOST: usize = 6;
/// Trees of the plane of a metric and of a pair, for two to six metrics: with more planes fewer trees each, so that all stay below 4 KiB.
const TREES: [(usize, usize); MOST - 1] = [(8, 4), (8, 4), (8, 4), (4, 3), (4, 2)];
/// So many deviations lie half way from the middle of a plane to its edge.
const HALF_WAY: f64 = 1.5;
/// Farther than so many deviations out trees say no more, so that each doubling of the distance counts so many bits, up to a most.
const FAR: (f64, f64, f64) = (4.0, 2.0, 20.0);

/// A plane: which metrics it tells of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plane {
    /// A metric, and what it is beside the others.
    Residual(usize),
    /// Two metrics.
    Pair(usize, usize),
}

impl Plane {
    /// All planes of so many metrics, each with the numbers of its trees.
    pub(super) fn all(metrics: usize) -> impl Iterator<Item = (Self, std::ops::Range<usize>)> {
        let (of_residual, of_pair) = TREES[metrics - 2];
        let pairs = (0..metrics).flat_map(move |one| (one + 1..metrics).map(move |other| Self::Pair(one, other)));
        let mut next = 0;
        (0..metrics).map(Self::Residual).chain(pairs).map(move |plane| {
            let first = next;
            next += if matches!(plane, Self::Residual(_)) { of_residual } else { of_pair };
            (plane, first..next)
        })
    }

    /// All trees of so many metrics.
    pub(super) fn trees(metrics: usize) -> usize {
        Self::all(metrics).map(|(_, trees)| trees.len()).sum()
    }

    /// Where values lie in it, both ways from 0 to 1.
    pub(super) fn place(self, seen: &Seen) -> [f64; 2] {
        let within = |deviations: f64| 0.5 + 0.5 * deviations / (HALF_WAY + deviations.abs());
        match self {
            Self::Residual(metric) => [within(seen.residuals[metric]), within(seen.scaled[metric])],
            Self::Pair(one, other) => [within(seen.scaled[one]), within(seen.scaled[other])],
        }
    }

    /// What the distance of a metric's value counts by itself, from its own level or from what the others lead one to expect, in bits.
    pub(super) fn far(self, seen: &Seen) -> f64 {
        let Self::Residual(metric) = self else { return 0.0 };
        let (from, each, most) = FAR;
        let distance = seen.residuals[metric].abs().max(seen.scaled[metric].abs());
        (each * (distance / from).max(1.0).log2()).min(most)
    }

    /// The metrics that it tells of.
    pub(super) fn metrics(self) -> [usize; 2] {
        match self {
            Self::Residual(metric) => [metric, metric],
            Self::Pair(one, other) => [one, other],
        }
    }
}
