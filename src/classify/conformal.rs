//! Which classes cannot be excluded: split conformal prediction.
//!
//! A class belongs to the set of an event when its probability is not smaller than nearly all that rows of its own group
//! of classes had, of rows that the weights were not fitted to. So at least the stated share of the rows of each group
//! have their class in their set, whatever the network is worth, as long as they are drawn like those rows: not so for
//! attacks of other kinds, and not by force on other networks.
//!
//! Source: Sadinle, Lei and Wasserman, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels" (2019).

use arrayvec::ArrayVec;

use crate::event::annotated::{LabelSet, WIDEST_SET};

use super::card::{Card, ConformalCard};

/// Makes the card's entry from the probability that each row gave to its own class. `groups` has the group of each
/// class; a group of too few rows for the coverage excludes none of its classes.
pub fn fit(own: &[(u16, f32)], groups: &[usize], coverage: f64) -> ConformalCard {
    let of_group = |group: usize| {
        let rows = own.iter().filter(|(class, _)| groups[usize::from(*class)] == group);
        let mut probabilities: Vec<f32> = rows.map(|(_, probability)| *probability).collect();
        probabilities.sort_by(f32::total_cmp);
        // so many of the rows may be left outside; a product that ought to be whole may come out a little smaller
        let outside = ((probabilities.len() + 1) as f64 * (1.0 - coverage) + 1e-9).floor() as usize;
        let threshold = outside.checked_sub(1).map_or(0.0, |place| steady(probabilities[place]));
        (threshold, probabilities.len() as u64)
    };
    let (thresholds, rests_on) = groups.iter().map(|group| of_group(*group)).unzip();
    ConformalCard {
        meaning:
            "split conformal: of the rows of each group of categories at least the stated share have their class in \
                  their set, if drawn like the validation part; categories with few rows stand together"
                .to_owned(),
        coverage,
        thresholds,
        rests_on,
    }
}

/// The number without the digits in which two runs may differ, never larger.
fn steady(probability: f32) -> f32 {
    (probability * 1e4).floor() / 1e4
}

/// The classes whose probability reaches their threshold, the most probable first, and in any case `decided`.
pub fn not_excluded(probabilities: &[f32], thresholds: &[f32], decided: usize) -> LabelSet {
    let stays = |class: &usize| *class == decided || probabilities[*class] >= thresholds[*class];
    let count = (0..probabilities.len()).filter(stays).count();
    if count == 1 {
        return std::iter::once(u16::try_from(decided).expect("a class is a u16")).collect();
    }
    // one more than a set holds, so that it says that it is cut
    let mut classes: ArrayVec<usize, { WIDEST_SET + 1 }> = ArrayVec::new();
    for class in (0..probabilities.len()).filter(stays) {
        let place = classes.iter().take_while(|known| probabilities[**known] >= probabilities[class]).count();
        if place == classes.capacity() {
            continue;
        }
        if classes.is_full() {
            classes.pop();
        }
        classes.insert(place, class);
    }
    classes.into_iter().map(|class| u16::try_from(class).expect("a class is a u16")).collect()
}

/// The probability from which on each class is not excluded; 2, which none reaches, where the card states no coverage.
pub fn thresholds(card: &Card) -> Vec<f32> {
    let stated = |conformal: &ConformalCard| conformal.thresholds.clone();
    card.conformal.as_ref().map_or_else(|| vec![2.0; card.labels.len()], stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_class_decided_on_and_what_reaches_its_threshold() {
        let thresholds = [0.5, 0.2, 0.01, 0.3];
        assert_eq!(not_excluded(&[0.05, 0.60, 0.15, 0.20], &thresholds, 1).labels(), [1, 2]);
        assert_eq!(not_excluded(&[0.05, 0.10, 0.005, 0.20], &thresholds, 3).labels(), [3]);
        assert_eq!(not_excluded(&[0.05, 0.60, 0.15, 0.20], &[2.0; 4], 0).labels(), [0], "no coverage is stated");
    }

    #[test]
    fn so_many_rows_of_a_group_have_their_class_in_the_set() {
        // 199 rows of the classes 0 and 1, which are one group, 9 of class 2
        let mut own: Vec<(u16, f32)> = (1..200).map(|row| (row % 2, f32::from(row) / 200.0)).collect();
        own.extend([(2, 0.5); 9]);
        let card = fit(&own, &[0, 0, 1], 0.9);
        assert!(
            card.thresholds[..2].iter().all(|threshold| (threshold - 0.1).abs() < 2e-4),
            "the 20th of 199: {card:?}"
        );
        assert_eq!(card.thresholds[2], 0.5, "the first of 9");
        assert_eq!(card.rests_on, [199, 199, 9]);
        assert_eq!(fit(&own, &[0, 0, 1], 0.95).thresholds[2], 0.0, "9 rows cannot bear 95 %");
    }
}
