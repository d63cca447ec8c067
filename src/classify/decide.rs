//! Probabilities → the class decided on and the most probable classes.
//!
//! Two rules of decision: the most probable class, or the most probable class of the category that is expected to cost
//! least. They differ where being wrong in one direction is dearer than in the other.

use super::card::{Card, LabelCard};
use crate::event::Probability;
use crate::event::annotated::TOP;
use crate::features::Space;

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

/// Classes that are marked by a feature: the place of the feature among the numbers of a row of `space`, and the class.
pub fn marks(labels: &[LabelCard], space: &Space) -> Vec<(usize, usize)> {
    let place = |mark: &String| space.numbers().iter().position(|feature| space.features()[*feature].name == *mark);
    let of_class = |(class, label): (usize, &LabelCard)| Some((label.mark.as_ref().and_then(place)?, class));
    labels.iter().enumerate().filter_map(of_class).collect()
}

/// Takes those classes out of the choice whose mark is known to be 0 in a row of these numbers; one that is missing says nothing.
pub fn withhold_unmarked(logits: &mut [f32], numeric: &[f32], marks: &[(usize, usize)]) {
    for (place, class) in marks {
        if numeric[*place] == 0.0 {
            logits[*class] = WITHHELD;
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

/// The most probable classes, best first, the first of equals first; where there are fewer than [`TOP`], those behind
/// them have a probability of 0.
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

/// Decides for the category of least expected cost, over the categories and costs of a card.
///
/// Its own belief is first moved to the shares of the categories that the card assumes where the model is used, if it
/// assumes any: probabilities were calibrated on other shares than will be met.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastCost {
    /// By class: its category, and what one unit of its probability adds to the expected cost of each category.
    classes: Vec<(usize, Vec<f64>)>,
    /// What one unit of belief in an unknown attack adds to the expected cost of each category.
    unknown: Vec<f64>,
}

impl LeastCost {
    /// For the labels, categories, costs and assumptions of a checked card.
    pub fn new(card: &Card) -> Self {
        let decision = &card.decision;
        let place = |category: &String| decision.categories.iter().position(|known| known == category);
        let weight = |category: usize| decision.weights.get(category).copied().unwrap_or(1.0);
        let scaled = |category: usize, factor: f64| decision.costs[category].iter().map(move |cost| cost * factor);
        let class = |category: usize| (category, scaled(category, weight(category)).collect());
        let mut unknown = vec![0.0; decision.categories.len()];
        for (category, share) in decision.unknown.iter().enumerate() {
            unknown.iter_mut().zip(scaled(category, *share)).for_each(|(sum, cost)| *sum += cost);
        }
        Self { classes: card.labels.iter().filter_map(|label| place(&label.category)).map(class).collect(), unknown }
    }

    /// The category decided on, as its place in the card's `decision.categories`, the first of equals; only categories that have a class
    /// are decided on. `probabilities` are those of the classes in the order of the card's labels and sum to 1, `unknown` is
    /// the share of belief in an attack of no class.
    pub fn category(&self, probabilities: &[f32], unknown: f32) -> usize {
        let mut costs: Vec<f64> = self.unknown.iter().map(|cost| cost * f64::from(unknown)).collect();
        for ((_, shares), probability) in self.classes.iter().zip(probabilities) {
            let belief = f64::from(*probability) * f64::from(1.0 - unknown);
            costs.iter_mut().zip(shares).for_each(|(cost, share)| *cost += belief * share);
        }
        let has_class = |category: &usize| self.classes.iter().any(|(of, _)| of == category);
        let cheapest = (0..costs.len()).filter(has_class).reduce(|a, b| if costs[b] < costs[a] { b } else { a });
        cheapest.unwrap_or_default()
    }

    /// The most probable class of [`Self::category`], the first of equals.
    pub fn class(&self, probabilities: &[f32], unknown: f32) -> usize {
        let category = self.category(probabilities, unknown);
        let of_category = |class: &usize| self.classes[*class].0 == category;
        let better = |a: usize, b: usize| if probabilities[b] > probabilities[a] { b } else { a };
        (0..self.classes.len()).filter(of_category).reduce(better).unwrap_or_default()
    }
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::super::labels::{CATEGORIES, label_of};
    use super::super::sample;
    use super::*;

    #[test]
    fn what_is_withheld_has_no_probability_and_the_others_keep_their_odds() {
        let mut row = [1.0, 5.0, 2.0];
        withhold(&mut row, &[false, true, false]);
        super::super::calibrate::softmax(&mut row, 1.0);
        assert!(row[1] < 1e-30 && (row[2] / row[0] - 1f32.exp()).abs() < 1e-4, "{row:?}");
    }

    #[test]
    fn an_attack_whose_mark_is_known_to_be_absent_is_not_told() {
        let labels: Vec<LabelCard> =
            ["normal", "land"].map(|name| LabelCard::from(label_of(name).expect("known"))).into();
        let space = Space::kdd99();
        let marks = marks(&labels, &space);
        let [(place, 1)] = marks[..] else { panic!("{marks:?}") };
        for (land, told) in [(1.0, true), (f32::NAN, true), (0.0, false)] {
            let (mut logits, mut numeric) = ([1.0, 5.0], vec![f32::NAN; space.numbers().len()]);
            numeric[place] = land;
            withhold_unmarked(&mut logits, &numeric, &marks);
            assert_eq!(logits[1] == 5.0, told, "land {land}");
        }
    }

    /// A card of a normal class, one of dos, and two of r2l.
    fn card() -> Card {
        let mut card = sample::card();
        let names = ["normal", "neptune", "guess_passwd", "imap"];
        card.labels = names.map(|name| LabelCard::from(label_of(name).expect("known"))).into();
        card
    }

    #[test]
    fn least_cost_takes_what_is_dear_to_miss_before_it_is_probable() {
        let rule = LeastCost::new(&card());
        // missing r2l costs 4, a false alarm 2: from one part in three on
        assert_eq!(rule.class(&[0.70, 0.0, 0.10, 0.20], 0.0), 0);
        assert_eq!(rule.class(&[0.64, 0.0, 0.12, 0.24], 0.0), 3, "the most probable of the category");
        assert_eq!(rule.class(&[0.49, 0.51, 0.0, 0.0], 0.0), 1);
        assert_eq!(CATEGORIES[rule.category(&[0.64, 0.0, 0.12, 0.24], 0.0)], "r2l");
    }

    #[test]
    fn what_is_assumed_of_shares_and_of_unknown_attacks_moves_the_decision() {
        let mut card = card();
        let likely_normal = [0.95, 0.0, 0.0, 0.05];
        assert_eq!(LeastCost::new(&card).class(&likely_normal, 0.5), 0, "unknown attacks count for nothing");
        card.decision.unknown = vec![0.0, 0.0, 0.2, 0.0, 0.8];
        assert_eq!(LeastCost::new(&card).class(&likely_normal, 0.5), 3);
        assert_eq!(LeastCost::new(&card).class(&likely_normal, 0.0), 0);
        card.decision.weights = vec![1.0, 1.0, 1.0, 1.0, 20.0];
        assert_eq!(LeastCost::new(&card).class(&likely_normal, 0.0), 3);
    }

    #[test]
    fn a_category_without_a_class_is_not_decided_on() {
        let mut card = card();
        card.decision.unknown = vec![0.0, 5.0, 0.0, 0.0, 0.0];
        assert_ne!(LeastCost::new(&card).category(&[0.5, 0.1, 0.2, 0.2], 0.9), 1);
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
