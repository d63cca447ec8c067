//! One half-space tree: where it cuts a plane in half again and again, and how many points lie in the halves around a place.
//!
//! Only the smallest halves are counted, a byte each; how many points lie in a larger one is their sum. The cuts are made by chance and
//! beforehand: the number of the tree says them all.

use crate::anomaly::points::levels::{Levels, dice};

/// How often a tree cuts.
pub(super) const DEPTH: usize = 6;
/// The smallest halves of a tree.
pub(super) const LEAVES: usize = 1 << DEPTH;

/// The number of the smallest half of a tree that a place of the plane lies in.
pub(super) fn leaf(tree: usize, at: [f64; 2]) -> usize {
    let tree = tree as u64;
    // what is cut reaches beyond the plane by up to a quarter on each side, so that no two trees cut at the same places
    let share = |side: u64| (dice(tree << 16 | side) >> 40) as f64 / (1_u64 << 24) as f64 / 4.0;
    let (mut low, mut high) = ([-share(1), -share(2)], [1.0 + share(3), 1.0 + share(4)]);
    // the whole is number 1, and the halves of `n` are `2n` and `2n + 1`
    let mut node = 1;
    while node < LEAVES {
        let way = (dice(tree << 24 | (node as u64) << 8) >> 63) as usize;
        let middle = (low[way] + high[way]) / 2.0;
        let is_upper = at[way] >= middle;
        let edge = if is_upper { &mut low } else { &mut high };
        edge[way] = middle;
        node = 2 * node + usize::from(is_upper);
    }
    node - LEAVES
}

/// How many points lie in the halves around a leaf, from the leaf itself to the whole, by the levels of all leaves of a tree.
pub(super) fn around(leaves: &[u8], leaf: usize) -> [f32; DEPTH + 1] {
    let table = Levels::table();
    let mut counts = [table.count(leaves[leaf]); DEPTH + 1];
    for depth in 0..DEPTH {
        // the other half of the next larger one
        let other = ((leaf >> depth) ^ 1) << depth;
        let beside: f32 = leaves[other..other + (1 << depth)].iter().map(|level| table.count(*level)).sum();
        counts[depth + 1] = counts[depth] + beside;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_hold_what_their_leaves_do() {
        let leaves: Vec<u8> = (0..LEAVES).map(|leaf| Levels::nearest(leaf as f32)).collect();
        let counts = around(&leaves, 5);
        let sum = |leaves: std::ops::Range<usize>| leaves.sum::<usize>() as f32;
        let wanted = [5.0, sum(4..6), sum(4..8), sum(0..8), sum(0..16), sum(0..32), sum(0..64)];
        for (count, wanted) in counts.iter().zip(wanted) {
            assert!((count / wanted - 1.0).abs() < 0.03, "{counts:?}");
        }
    }

    #[test]
    fn places_fill_all_leaves_and_neighbours_share_one() {
        let places = (0..100_u32).flat_map(|x| (0..100_u32).map(move |y| [f64::from(x) / 100.0, f64::from(y) / 100.0]));
        let mut hit = [0_u32; LEAVES];
        places.for_each(|at| hit[leaf(3, at)] += 1);
        // those at the edge lie beyond the plane in part
        assert!(hit.iter().filter(|count| **count > 20).count() > LEAVES / 2, "{hit:?}");
        assert_eq!(leaf(3, [0.31, 0.62]), leaf(3, [0.310_001, 0.620_001]));
    }
}
