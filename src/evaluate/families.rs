//! The families that classes belong to, what it costs to take one for another, and decisions by both.

use std::collections::BTreeMap;

use crate::classify::card::Card;
use crate::classify::decide::LeastCost;
use crate::classify::labels::{CATEGORIES, COSTS, category_of};

/// The families of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Families {
    names: Vec<String>,
    costs: Vec<Vec<f64>>,
    labels: Vec<String>,
    /// Of labels that the model lacks, by who gave the data.
    declared: BTreeMap<String, usize>,
    of_class: Vec<usize>,
    normal: usize,
    least_cost: LeastCost,
}

/// What a label of the data means to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// A class of the model.
    Class {
        /// Its place among the model's labels.
        class: usize,
        /// Its family.
        family: usize,
    },
    /// No class of the model, and the family is known.
    NeverSeen {
        /// The family.
        family: usize,
    },
    /// Nobody knows it.
    Foreign,
}

impl Families {
    /// The families of a checked card. Where they are the five of the KDD Cup 1999, the cup's own cost matrix counts,
    /// whatever the card says.
    pub fn new(card: &Card) -> Self {
        let names = card.decision.categories.clone();
        let place =
            |name: &str| names.iter().position(|known| known == name).expect("a checked card has all categories");
        let of_class = card.labels.iter().map(|label| place(&label.category)).collect();
        let cup = names == CATEGORIES;
        let costs = if cup { COSTS.map(|row| row.to_vec()).to_vec() } else { card.decision.costs.clone() };
        let labels = card.labels.iter().map(|label| label.name.clone()).collect();
        let least_cost = LeastCost::new(card);
        let declared = BTreeMap::new();
        Self { of_class, costs, labels, declared, normal: place("normal"), least_cost, names }
    }

    /// Their names, in the order of the cost matrix.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What each predicted family (column) costs for each actual one (row).
    pub fn costs(&self) -> &[Vec<f64>] {
        &self.costs
    }

    /// The family of what is no attack.
    pub fn normal(&self) -> usize {
        self.normal
    }

    /// The family of a class.
    pub fn of_class(&self, class: usize) -> usize {
        self.of_class[class]
    }

    /// From now on a label that the model lacks is of this family, if there is such a one.
    pub fn declare(&mut self, label: &str, family: &str) {
        if let Some(family) = self.names.iter().position(|known| known == family)
            && !self.declared.contains_key(label)
        {
            self.declared.insert(label.to_owned(), family);
        }
    }

    /// What a label of the data means.
    pub fn truth(&self, label: &str) -> Truth {
        if let Some(class) = self.labels.iter().position(|known| known == label) {
            return Truth::Class { class, family: self.of_class[class] };
        }
        let of_the_cup = || category_of(label).and_then(|name| self.names.iter().position(|known| known == name));
        let family = self.declared.get(label).copied().or_else(of_the_cup);
        family.map_or(Truth::Foreign, |family| Truth::NeverSeen { family })
    }

    /// The belief in each family: the sum over its classes.
    pub fn beliefs(&self, probabilities: &[f32]) -> Vec<f64> {
        let mut beliefs = vec![0.0; self.names.len()];
        for (family, probability) in self.of_class.iter().zip(probabilities) {
            beliefs[*family] += f64::from(*probability);
        }
        beliefs
    }

    /// The family of the least expected cost as the model decides on it, with what its card assumes of shares and of unknown
    /// attacks.
    pub fn least_cost(&self, probabilities: &[f32], unknown: f32) -> usize {
        self.least_cost.category(probabilities, unknown)
    }

    /// The family of the least expected cost for these beliefs alone, the first of equals.
    pub fn cheapest(&self, beliefs: &[f64]) -> usize {
        let cost = |family: usize| -> f64 {
            beliefs.iter().zip(&self.costs).map(|(belief, costs)| belief * costs[family]).sum()
        };
        let better = |a: usize, b: usize| if cost(b) < cost(a) { b } else { a };
        (0..self.names.len()).reduce(better).unwrap_or_default()
    }
}

/// The place of the largest belief, the first of equals.
pub fn strongest(beliefs: &[f64]) -> usize {
    (0..beliefs.len()).reduce(|a, b| if beliefs[b] > beliefs[a] { b } else { a }).unwrap_or_default()
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;
    use crate::classify::{ModelSource, load};

    fn families() -> Families {
        Families::new(load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound").card())
    }

    #[test]
    fn a_label_is_a_class_or_of_a_known_family_or_foreign() {
        let families = families();
        assert!(matches!(families.truth("neptune"), Truth::Class { family: 2, .. }));
        assert_eq!(families.truth("xterm"), Truth::NeverSeen { family: 3 });
        assert_eq!(families.truth("heartbleed"), Truth::Foreign);
        assert_eq!(families.normal(), 0);
    }

    #[test]
    fn the_cheapest_family_is_not_always_the_most_probable() {
        let families = families();
        // r2l taken for normal costs 4, normal taken for r2l 2
        let beliefs = [0.6, 0.0, 0.0, 0.0, 0.4];
        assert_eq!((strongest(&beliefs), families.cheapest(&beliefs)), (0, 4));
        assert_eq!(families.cheapest(&[0.8, 0.0, 0.0, 0.0, 0.2]), 0);
    }
}
