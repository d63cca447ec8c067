//! Probabilities → the class decided on and the most probable classes.

use crate::event::Probability;
use crate::event::annotated::TOP;

/// The logit of a class that is not told.
const WITHHELD: f32 = -1e30;

/// Takes classes out of the choice: their probability becomes 0, the others keep their odds.
pub fn withhold(logits: &mut [f32], classes: &[bool]) {
    for (logit, withheld) in logits.iter_mut().zip(classes) {
        if *withheld {
            *logit = WITHHELD;
        }
    }
}

/// The place of the largest probability, the first of equals.
pub fn most_probable(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (place, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = place;
        }
    }
    best
}

/// The most probable classes, best first, the first of equals first; there are at least [`TOP`] classes.
pub fn top(probabilities: &[f32]) -> [(u16, Probability); TOP] {
    let mut best = [(0u16, -1f32); TOP];
    for (class, probability) in (0..).zip(probabilities) {
        if *probability <= best[TOP - 1].1 {
            continue;
        }
        let place = best.iter().position(|(_, known)| probability > known).unwrap_or(TOP - 1);
        best[place..].rotate_right(1);
        best[place] = (class, *probability);
    }
    best.map(|(class, probability)| (class, Probability::saturating(probability)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn what_is_withheld_has_no_probability_and_the_others_keep_their_odds() {
        let mut row = [1.0, 5.0, 2.0];
        withhold(&mut row, &[false, true, false]);
        super::super::calibrate::softmax(&mut row, 1.0);
        assert!(row[1] < 1e-30 && (row[2] / row[0] - 1f32.exp()).abs() < 1e-4, "{row:?}");
    }

    proptest! {
        #[test]
        fn the_top_is_the_head_of_the_sorted_classes(probabilities in proptest::collection::vec(0f32..1.0, 3..40)) {
            let mut sorted: Vec<usize> = (0..probabilities.len()).collect();
            sorted.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
            let found = top(&probabilities).map(|(class, _)| usize::from(class));
            prop_assert_eq!(&found[..], &sorted[..TOP]);
            prop_assert_eq!(most_probable(&probabilities), sorted[0]);
        }
    }
}
