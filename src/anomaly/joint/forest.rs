//! How seldom several values come together as they do: half-space trees with faded counts.
//!
//! After S. C. Tan, K. M. Ting and T. F. Liu, "Fast Anomaly Detection for Streaming Data", 2011: each tree cuts a [`Plane`] in half again and
//! again, by chance and beforehand, and counts the points in every half. What lies where few points were is seldom. Two things are
//! otherwise: counts fade, a byte each, in place of two windows; and the planes are not those of the values alone.
//!
//! The trees' cuts are the same for all series and in every run. State is bounded by the number of metrics: 1.3 kB for two, and never more
//! than 3.8 kB.

use super::plane::{MOST, Plane};
use super::relation::Relation;
use super::tree::{DEPTH, LEAVES, around, leaf};
use crate::anomaly::codec::{Damaged, Reader, Writer};
use crate::anomaly::points::levels::{FADE_EVERY, Levels, dice};

/// Values before the trees count, because scales are learnt first; and before anything is said.
const SCALED_AFTER: u32 = 32;
const READY_AFTER: u32 = 96;
/// A half with fewer points is not cut further: what lies deeper in it would say little.
const SMALLEST: f32 = 8.0;
/// What an empty half counts as.
const EMPTY: f32 = 0.1;

/// The trees of one entity's metrics.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::anomaly) struct Forest {
    relation: Relation,
    /// Levels of the counts of the smallest halves, tree by tree.
    leaves: Vec<u8>,
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

impl Forest {
    /// Nothing learnt; `metrics` from two to [`MOST`].
    pub(in crate::anomaly) fn new(metrics: usize) -> Self {
        let metrics = metrics.clamp(2, MOST);
        Self { relation: Relation::new(metrics), leaves: vec![0; Plane::trees(metrics) * LEAVES], seen: 0 }
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
        let mut planes = Vec::new();
        for (plane, trees) in Plane::all(self.relation.metrics()) {
            let (at, count) = (plane.place(&seen), trees.len());
            let bits: f32 = trees.map(|tree| self.bits(tree, at)).sum();
            planes.push((f64::from(bits) / count as f64 + plane.far(&seen), plane));
        }
        planes.sort_by(|one, other| other.0.total_cmp(&one.0));
        let bits = planes.first().map_or(0.0, |(bits, _)| *bits);
        Seldom { bits, by: told(&planes).into_iter().map(|metric| (metric, seen.expected[metric])).collect() }
    }

    /// The bits that one tree says of a place: as if each of its smallest halves were as dense as the last half that was looked at.
    fn bits(&self, tree: usize, at: [f64; 2]) -> f32 {
        let counts = around(&self.leaves[tree * LEAVES..][..LEAVES], leaf(tree, at));
        let whole = counts[DEPTH];
        // from the largest half on to smaller ones
        let left = (0..DEPTH).rev().find(|depth| counts[*depth] <= SMALLEST).unwrap_or(0);
        ((whole + EMPTY) / (counts[left] + EMPTY)).log2() + left as f32
    }

    fn count(&mut self, values: &[Option<f64>]) {
        let seen = self.relation.of(values);
        let table = Levels::table();
        for (plane, trees) in Plane::all(self.relation.metrics()) {
            let at = plane.place(&seen);
            for tree in trees {
                let throw = dice(u64::from(self.seen) << 8 | tree as u64);
                let level = &mut self.leaves[tree * LEAVES + leaf(tree, at)];
                *level = table.one_more(*level, throw as u16);
            }
        }
        if self.seen % FADE_EVERY == FADE_EVERY - 1 {
            self.leaves.iter_mut().for_each(|level| *level = level.saturating_sub(1));
        }
    }

    pub(in crate::anomaly) fn save(&self, out: &mut Writer) {
        self.relation.save(out);
        out.u32(self.seen);
        out.bytes(&self.leaves);
    }

    pub(in crate::anomaly) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let relation = Relation::load(input)?;
        let mut forest = Self::new(relation.metrics());
        forest.relation = relation;
        forest.seen = input.u32()?;
        let length = forest.leaves.len();
        forest.leaves.copy_from_slice(input.take(length)?);
        Ok(forest)
    }

    /// As snapshots up to version 4 have it: with counts of all halves of more trees. How the values lie is taken over; the trees count anew.
    pub(in crate::anomaly) fn load_of_all_halves(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let relation = Relation::load(input)?;
        let mut forest = Self::new(relation.metrics());
        let metrics = relation.metrics();
        forest.relation = relation;
        forest.seen = input.u32()?.min(SCALED_AFTER);
        // what all counts of a tree made up; eight trees of each metric, four of each pair
        input.f32()?;
        let trees = 8 * metrics + 2 * metrics * (metrics - 1);
        input.take(trees * 2 * (LEAVES - 1))?;
        Ok(forest)
    }
}

/// The metrics of the most telling plane, and of those that say nearly as much; at most three.
fn told(planes: &[(f64, Plane)]) -> Vec<usize> {
    const NEARLY: f64 = 0.85;
    let Some((most, _)) = planes.first() else { return Vec::new() };
    let mut told = Vec::new();
    for metric in planes.iter().filter(|(bits, _)| *bits >= NEARLY * most).flat_map(|(_, plane)| plane.metrics()) {
        if told.len() < 3 && !told.contains(&metric) {
            told.push(metric);
        }
    }
    told
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
    fn what_breaks_is_seen_among_six_as_well() {
        // all go with one load
        let next = |noise: &mut Noise| {
            let load = 1_000.0 * (0.5 * noise.normal()).exp().clamp(0.4, 2.5);
            (1..=6).map(|of| f64::from(of) * load * (1.0 + 0.05 * noise.normal())).collect()
        };
        let (odd, usual, by) = bits(next, &[1_600.0, 1_200.0, 4_800.0, 6_400.0, 8_000.0, 9_600.0]);
        assert!(odd > usual && by.contains(&1), "{odd} {usual} {by:?}");
        // the last is the sum of the others, and no pair shows it
        let next = |noise: &mut Noise| {
            let mut values: Vec<f64> = (0..5).map(|_| 1_000.0 + 150.0 * noise.normal()).collect();
            values.push(values.iter().sum::<f64>() + 20.0 * noise.normal());
            values
        };
        let (odd, usual, _) = bits(next, &[1_050.0, 1_050.0, 1_050.0, 1_050.0, 1_050.0, 5_000.0]);
        assert!(odd > usual, "{odd} {usual}");
        // one of the first two is always busy, never both and never none
        let next = |noise: &mut Noise| {
            let (busy, idle) = (1_000.0 + 80.0 * noise.normal(), 100.0 + 20.0 * noise.normal());
            let mut values = if noise.uniform() < 0.5 { vec![busy, idle] } else { vec![idle, busy] };
            values.extend((0..4).map(|_| 500.0 + 100.0 * noise.normal()));
            values
        };
        let (odd, usual, by) = bits(next, &[100.0, 100.0, 500.0, 500.0, 500.0, 500.0]);
        assert!(odd > usual && by.contains(&0) && by.contains(&1), "{odd} {usual} {by:?}");
    }

    #[test]
    fn what_older_versions_saved_gives_how_values_lie_and_trees_count_anew() {
        let mut noise = Noise::new(4);
        let mut forest = Forest::new(4);
        let mut next = || -> Vec<Option<f64>> { (0..4).map(|_| Some(100.0 + noise.normal())).collect() };
        (0..500).for_each(|_| forest.learn(&next()));
        let mut out = Writer::default();
        forest.relation.save(&mut out);
        out.u32(500);
        out.f32(460.0);
        out.bytes(&[7; 56 * 126]);
        let bytes = out.finish();
        let mut input = Reader::new(&bytes);
        let mut older = Forest::load_of_all_halves(&mut input).expect("whole");
        assert!(input.is_empty() && older.relation == forest.relation && older.weigh(&next()).is_none());
        (SCALED_AFTER..READY_AFTER).for_each(|_| older.learn(&next()));
        assert!(older.weigh(&next()).is_some());
        assert!(
            (0..bytes.len())
                .step_by(91)
                .all(|cut| Forest::load_of_all_halves(&mut Reader::new(&bytes[..cut])).is_err())
        );
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
            assert!(bytes.len() <= 3_800, "{metrics}: {} bytes", bytes.len());
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
