//! How seldom several values come together as they do: half-space trees with faded counts.
//!
//! After S. C. Tan, K. M. Ting and T. F. Liu, "Fast Anomaly Detection for Streaming Data", 2011: each tree cuts a plane in half again and
//! again, by chance and beforehand, and counts the points in every half. What lies where few points were is seldom. Two things are
//! otherwise: counts fade, a byte each, in place of two windows; and the planes are not those of the values alone. One for each
//! metric shows its value beside what the others lead one to expect of it, so that a relation of them all that breaks is seen, though each
//! value is usual; one for each pair shows both values, for relations that are no straight line.
//!
//! The trees' cuts are the same for all series and in every run. State is bounded by the number of metrics: 2.6 kB for two, 14 kB for six.

use super::relation::{Relation, Seen};
use crate::anomaly::codec::{Damaged, Reader, Writer};
use crate::anomaly::points::levels::{FADE, FADE_EVERY, Levels, dice};

/// The most metrics that are looked at together.
pub(in crate::anomaly) const MOST: usize = 6;
/// Trees of each plane: of a metric beside the others, and of a pair.
const RESIDUAL_TREES: usize = 8;
const PAIR_TREES: usize = 4;
/// How often a tree cuts.
const DEPTH: u32 = 6;
/// Halves of a tree that are counted: all but the whole.
const NODES: usize = (1 << (DEPTH + 1)) - 2;
/// Values before the trees count, because scales are learnt first; and before anything is said.
const SCALED_AFTER: u32 = 32;
const READY_AFTER: u32 = 96;
/// A half with fewer points is not cut further: what lies deeper in it would say little.
const SMALLEST: f32 = 8.0;
/// What an empty half counts as.
const EMPTY: f32 = 0.1;
/// So many deviations lie half way from the middle of a plane to its edge.
const HALF_WAY: f64 = 1.5;
/// Farther than so many deviations out trees say no more, so that each doubling of the distance counts so many bits, up to a most.
const FAR: (f64, f64, f64) = (4.0, 2.0, 20.0);

/// The trees of one entity's metrics.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::anomaly) struct Forest {
    relation: Relation,
    /// Levels of the counts, tree by tree.
    nodes: Vec<u8>,
    /// What all counts of a tree make up.
    total: f32,
    seen: u32,
}

/// What is said of values that came together.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::anomaly) struct Seldom {
    /// −log2 of the share of the past that lies where they do, in the plane where that is least; more where they lie far out.
    pub bits: f64,
    /// The metrics that have most to do with it, the most telling first: place, and what the others lead one to expect of it.
    pub by: Vec<(usize, f64)>,
}

/// A plane: which metrics it tells of, and how many trees cut it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plane {
    Residual(usize),
    Pair(usize, usize),
}

impl Plane {
    fn all(metrics: usize) -> impl Iterator<Item = Self> {
        let pairs = (0..metrics).flat_map(move |one| (one + 1..metrics).map(move |other| Self::Pair(one, other)));
        (0..metrics).map(Self::Residual).chain(pairs)
    }

    fn trees(self) -> usize {
        if matches!(self, Self::Residual(_)) { RESIDUAL_TREES } else { PAIR_TREES }
    }
}

impl Forest {
    /// Nothing learnt; `metrics` from two to [`MOST`].
    pub(in crate::anomaly) fn new(metrics: usize) -> Self {
        let metrics = metrics.clamp(2, MOST);
        let trees: usize = Plane::all(metrics).map(Plane::trees).sum();
        Self { relation: Relation::new(metrics), nodes: vec![0; trees * NODES], total: 0.0, seen: 0 }
    }

    /// What is to be said of values, by those before them; none as long as too few came. A value that is missing is taken as what the series
    /// usually has.
    pub(in crate::anomaly) fn weigh(&self, values: &[Option<f64>]) -> Option<Seldom> {
        (self.seen >= READY_AFTER).then(|| self.seldom(values))
    }

    /// Learns values.
    pub(in crate::anomaly) fn learn(&mut self, values: &[Option<f64>]) {
        if self.seen >= SCALED_AFTER {
            self.count(values);
        }
        self.relation.learn(values);
        self.seen = self.seen.saturating_add(1);
    }

    fn seldom(&self, values: &[Option<f64>]) -> Seldom {
        let seen = self.relation.of(values);
        let (mut tree, mut planes) = (0, Vec::new());
        for plane in Plane::all(self.relation.metrics()) {
            let at = place(plane, &seen.scaled, &seen.residuals);
            let bits: f32 = (tree..tree + plane.trees()).map(|tree| self.bits(tree, at)).sum();
            planes.push((f64::from(bits) / plane.trees() as f64 + far(plane, &seen), plane));
            tree += plane.trees();
        }
        planes.sort_by(|one, other| other.0.total_cmp(&one.0));
        let bits = planes.first().map_or(0.0, |(bits, _)| *bits);
        Seldom { bits, by: self.told(&planes).into_iter().map(|metric| (metric, seen.expected[metric])).collect() }
    }

    /// The metrics of the most telling plane, and of those that say nearly as much; at most three.
    fn told(&self, planes: &[(f64, Plane)]) -> Vec<usize> {
        const NEARLY: f64 = 0.85;
        let Some((most, _)) = planes.first() else { return Vec::new() };
        let mut told = Vec::new();
        for (_, plane) in planes.iter().filter(|(bits, _)| *bits >= NEARLY * most) {
            let metrics = match plane {
                Plane::Residual(metric) => [*metric, *metric],
                Plane::Pair(one, other) => [*one, *other],
            };
            for metric in metrics {
                if told.len() < 3 && !told.contains(&metric) {
                    told.push(metric);
                }
            }
        }
        told
    }

    /// The bits that one tree says of a place: as if each of its smallest halves were as dense as the last half that was looked at.
    fn bits(&self, tree: usize, at: [f64; 2]) -> f32 {
        let (table, nodes) = (Levels::table(), &self.nodes[tree * NODES..]);
        let (mut depth, mut count) = (0, self.total);
        for node in Path::of(tree, at) {
            depth += 1;
            count = table.count(nodes[node - 2]);
            if count <= SMALLEST {
                break;
            }
        }
        ((self.total + EMPTY) / (count + EMPTY)).log2() + (DEPTH - depth) as f32
    }

    fn count(&mut self, values: &[Option<f64>]) {
        let seen = self.relation.of(values);
        let (table, mut tree) = (Levels::table(), 0);
        for plane in Plane::all(self.relation.metrics()) {
            let at = place(plane, &seen.scaled, &seen.residuals);
            for tree in tree..tree + plane.trees() {
                let throw = dice(u64::from(self.seen) << 8 | tree as u64);
                let nodes = &mut self.nodes[tree * NODES..];
                for (depth, node) in Path::of(tree, at).enumerate() {
                    let level = &mut nodes[node - 2];
                    *level = table.one_more(*level, (throw >> (8 * depth)) as u16);
                }
            }
            tree += plane.trees();
        }
        self.total = (self.total + 1.0) * FADE as f32;
        if self.seen % FADE_EVERY == FADE_EVERY - 1 {
            self.nodes.iter_mut().for_each(|level| *level = level.saturating_sub(1));
        }
    }

    pub(in crate::anomaly) fn save(&self, out: &mut Writer) {
        self.relation.save(out);
        out.u32(self.seen);
        out.f32(self.total);
        out.bytes(&self.nodes);
    }

    pub(in crate::anomaly) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let relation = Relation::load(input)?;
        let mut forest = Self::new(relation.metrics());
        forest.relation = relation;
        (forest.seen, forest.total) = (input.u32()?, input.f32()?);
        let length = forest.nodes.len();
        forest.nodes.copy_from_slice(input.take(length)?);
        Ok(forest)
    }
}

/// Where a point lies in a plane, both ways from 0 to 1.
fn place(plane: Plane, scaled: &[f64; MOST], residuals: &[f64; MOST]) -> [f64; 2] {
    let within = |deviations: f64| 0.5 + 0.5 * deviations / (HALF_WAY + deviations.abs());
    match plane {
        Plane::Residual(metric) => [within(residuals[metric]), within(scaled[metric])],
        Plane::Pair(one, other) => [within(scaled[one]), within(scaled[other])],
    }
}

/// What the distance of a metric's value counts by itself, from its own level or from what the others lead one to expect.
fn far(plane: Plane, seen: &Seen) -> f64 {
    let Plane::Residual(metric) = plane else { return 0.0 };
    let (from, each, most) = FAR;
    let distance = seen.residuals[metric].abs().max(seen.scaled[metric].abs());
    (each * (distance / from).max(1.0).log2()).min(most)
}

/// The halves of a tree that a place lies in, from the largest on; the whole is number 1, and the halves of `n` are `2n` and `2n + 1`.
struct Path {
    tree: u64,
    node: usize,
    at: [f64; 2],
    low: [f64; 2],
    high: [f64; 2],
}

impl Path {
    fn of(tree: usize, at: [f64; 2]) -> Self {
        let tree = tree as u64;
        // what is cut reaches beyond the plane by up to a quarter on each side, so that no two trees cut at the same places
        let share = |side: u64| (dice(tree << 16 | side) >> 40) as f64 / (1_u64 << 24) as f64 / 4.0;
        Self { tree, node: 1, at, low: [-share(1), -share(2)], high: [1.0 + share(3), 1.0 + share(4)] }
    }
}

impl Iterator for Path {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.node >= 1 << DEPTH {
            return None;
        }
        let way = (dice(self.tree << 24 | (self.node as u64) << 8) >> 63) as usize;
        let middle = (self.low[way] + self.high[way]) / 2.0;
        let is_upper = self.at[way] >= middle;
        if is_upper {
            self.low[way] = middle
        } else {
            self.high[way] = middle
        }
        self.node = 2 * self.node + usize::from(is_upper);
        Some(self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::harness::Noise;

    /// Bits of what `odd` makes of the last of so many values that `next` makes.
    fn bits(next: impl Fn(&mut Noise) -> Vec<f64>, odd: &[f64]) -> (f64, f64, Vec<usize>) {
        let mut noise = Noise::new(5);
        let mut forest = Forest::new(odd.len());
        let mut usual: f64 = 0.0;
        for at in 0..4_000 {
            let values: Vec<Option<f64>> = next(&mut noise).into_iter().map(Some).collect();
            if at >= 3_000 {
                usual = usual.max(forest.weigh(&values).expect("ready").bits);
            }
            forest.learn(&values);
        }
        let odd: Vec<Option<f64>> = odd.iter().copied().map(Some).collect();
        let found = forest.weigh(&odd).expect("ready");
        (found.bits, usual, found.by.into_iter().map(|(metric, _)| metric).collect())
    }

    #[test]
    fn two_values_that_go_together_are_seldom_apart() {
        let next = |noise: &mut Noise| {
            let load = 1_000.0 * (1.0 + 0.5 * noise.normal()).abs();
            vec![load, 3.0 * load * (1.0 + 0.05 * noise.normal()), 500.0 + 100.0 * noise.normal()]
        };
        // each of them is quite usual
        let (odd, usual, by) = bits(next, &[1_600.0, 1_500.0, 500.0]);
        assert!(odd > usual, "{odd} {usual}");
        assert!(by.contains(&0) || by.contains(&1), "{by:?}");
        let (fine, usual, _) = bits(next, &[1_600.0, 4_800.0, 500.0]);
        assert!(fine < 0.8 * usual, "{fine} {usual}");
    }

    #[test]
    fn a_sum_that_is_none_is_seen_though_no_pair_shows_it() {
        let next = |noise: &mut Noise| {
            let (one, other) = (1_000.0 + 150.0 * noise.normal(), 1_000.0 + 150.0 * noise.normal());
            vec![one, other, one + other + 20.0 * noise.normal()]
        };
        let (odd, usual, _) = bits(next, &[1_100.0, 1_100.0, 1_900.0]);
        assert!(odd > usual, "{odd} {usual}");
    }

    #[test]
    fn a_relation_that_is_no_line_is_learnt_as_well() {
        // one of the two is always busy, never both and never none
        let next = |noise: &mut Noise| {
            let (busy, idle) = (1_000.0 + 80.0 * noise.normal(), 100.0 + 20.0 * noise.normal());
            if noise.uniform() < 0.5 { vec![busy, idle] } else { vec![idle, busy] }
        };
        let (odd, usual, _) = bits(next, &[100.0, 100.0]);
        assert!(odd > usual, "{odd} {usual}");
    }

    #[test]
    fn bad_values_do_no_harm_and_state_is_bounded_and_comes_back_to_the_digit() {
        let mut noise = Noise::new(2);
        for metrics in 2..=MOST {
            let mut forest = Forest::new(metrics);
            let mut next = |at: u32| -> Vec<Option<f64>> {
                let odd = [Some(f64::NAN), Some(f64::INFINITY), None, Some(1e300), Some(-1e12), Some(0.0)];
                (0..metrics)
                    .map(|_| if at.is_multiple_of(7) { odd[noise.below(6) as usize] } else { Some(noise.normal()) })
                    .collect()
            };
            for at in 0..2_000 {
                let values = next(at);
                assert!(forest.weigh(&values).is_none_or(|said| said.bits.is_finite() && said.bits >= 0.0));
                forest.learn(&values);
            }
            let mut out = Writer::default();
            forest.save(&mut out);
            let bytes = out.finish();
            assert!(bytes.len() <= 14_500, "{metrics}: {} bytes", bytes.len());
            let mut other = Forest::load(&mut Reader::new(&bytes)).expect("just saved");
            for at in 2_000..2_300 {
                let values = next(at);
                assert_eq!(forest.weigh(&values), other.weigh(&values));
                forest.learn(&values);
                other.learn(&values);
            }
            assert!((0..bytes.len()).step_by(91).all(|cut| Forest::load(&mut Reader::new(&bytes[..cut])).is_err()));
        }
    }
}
