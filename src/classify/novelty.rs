//! How unlike the training data an event is, 0 to 1.
//!
//! The raw figure is the negative free energy of the logits (Liu, Wang, Owens and Li, "Energy-based
//! Out-of-distribution Detection", 2020): the less any class speaks for an event, the larger. Where the network has learnt to tell
//! rows unlike all classes (Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier Exposure", 2019), the logit
//! of that is added. It is mapped to the share of the
//! validation rows that were less unlike. So 0.5 is ordinary, 0.99 is as unlike as one validation row in a hundred, and 1 more
//! unlike than all of them. It says nothing of what the network cannot tell apart from what it knows.

use crate::event::Probability;
use crate::event::annotated::Verdict;

use super::card::{NoveltyCard, OpenSetCard};

/// Ranks at which quantiles are kept: even steps to 0.9, then ever finer.
const RANKS: [f32; 20] = [
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999,
    1.0,
];

/// The mapping of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Novelty {
    ranks: Vec<f32>,
    quantiles: Vec<f32>,
}

impl Novelty {
    /// From a checked card: as many ranks as quantiles, both ascending, at least two.
    pub fn new(card: &NoveltyCard) -> Self {
        Self { ranks: card.ranks.clone(), quantiles: card.quantiles.clone() }
    }

    /// The share of validation rows less unlike than this free energy.
    pub fn of_energy(&self, energy: f32) -> Probability {
        let raw = -energy;
        let above = self.quantiles.partition_point(|quantile| *quantile <= raw);
        if above == 0 || raw.is_nan() {
            return Probability::saturating(if raw.is_nan() { 1.0 } else { 0.0 });
        }
        if above == self.quantiles.len() {
            return Probability::saturating(1.0);
        }
        let (low, high) = (self.quantiles[above - 1], self.quantiles[above]);
        let (from, to) = (self.ranks[above - 1], self.ranks[above]);
        Probability::saturating(from + (to - from) * (raw - low) / (high - low))
    }
}

/// Says of a judged event whether it is normal, a known attack, or unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenSet {
    normal_up_to: f32,
    known_up_to: f32,
    /// Whether the card lists operating points, by which also the class is decided on.
    operated: bool,
}

impl OpenSet {
    /// By the thresholds of a card; without any nothing is ever unknown.
    pub fn new(card: Option<&OpenSetCard>) -> Self {
        let never = Self { normal_up_to: 1.0, known_up_to: 1.0, operated: false };
        card.map_or(never, |card| Self {
            normal_up_to: card.normal_up_to,
            known_up_to: card.known_up_to,
            operated: !card.points.is_empty(),
        })
    }

    /// Whether the belief in an attack, known or not, is too small for an alarm, whichever class is the most probable. Where few
    /// false alarms are allowed, an attack must be more than likely.
    pub fn is_calm(self, normal: f32, unknown: f32) -> bool {
        self.operated && 1.0 - (1.0 - unknown) * normal <= self.normal_up_to
    }

    /// The verdict on an event whose class is normal or is not, given the probability of all normal classes together and the
    /// belief in something unlike all classes.
    pub fn verdict(self, is_normal: bool, normal: f32, unknown: f32) -> Verdict {
        let attack = 1.0 - (1.0 - unknown) * normal;
        match is_normal {
            true if attack <= self.normal_up_to => Verdict::Normal,
            false if unknown <= self.known_up_to => Verdict::Known,
            _ => Verdict::Unknown,
        }
    }
}

/// The belief in something unlike all classes: its logit against the free energy of the classes.
pub fn belief_in_unlike(unlike: f32, energy: f32, temperature: f32) -> f32 {
    let odds = (unlike - energy) / temperature;
    if odds.is_nan() { 1.0 } else { 1.0 / (1.0 + (-odds).exp()) }
}

/// The card's entry for these free energies of validation rows, of which there is at least one.
pub fn fit(energies: &[f32]) -> NoveltyCard {
    let mut raw: Vec<f32> = energies.iter().map(|energy| -energy).collect();
    raw.sort_by(f32::total_cmp);
    // without the digits in which two runs may differ
    let at = |rank: &f32| (raw[(rank * (raw.len() - 1) as f32).round() as usize] * 1e4).round() / 1e4;
    NoveltyCard {
        meaning: "share of the validation rows (with and without content features) whose free energy was larger; \
                  1 is more unlike than all of them; not a probability of an unknown attack"
            .to_owned(),
        ranks: RANKS.to_vec(),
        quantiles: RANKS.iter().map(at).collect(),
    }
}

/// The card's entry for an open set: the thresholds at which the share `false_alarms` of the normal rows is not called normal, in
/// the worst of several views of them, and as large a share of the attacks is called unknown.
///
/// `attack` has the belief in an attack for each normal row, by view; `unlike` the belief in something unlike all classes for each
/// row of an attack. Both are of rows that the weights were not fitted to.
pub fn fit_open_set(attack: &[Vec<f32>], unlike: &[f32], false_alarms: f64) -> OpenSetCard {
    let upper = |values: &[f32]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f32::total_cmp);
        let place = ((1.0 - false_alarms) * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1)).map_or(1.0, |value| (value * 1e4).ceil() / 1e4)
    };
    OpenSetCard {
        meaning: format!(
            "at most {false_alarms} of the normal validation rows are not called normal, with content features and \
             without where there are such, and as many of the attacks are called unknown; no promise for other data"
        ),
        unlike_output: true,
        points: Vec::new(),
        normal_up_to: attack.iter().map(|values| upper(values)).fold(0.0, f32::max),
        known_up_to: upper(unlike),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlikeness_is_the_share_of_validation_rows_below() {
        let energies: Vec<f32> = (0..=1000).map(|step| -(step as f32)).collect();
        let novelty = Novelty::new(&fit(&energies));
        assert_eq!(novelty.of_energy(0.5).value(), 0.0);
        assert!((novelty.of_energy(-550.0).value() - 0.55).abs() < 1e-3);
        assert!((novelty.of_energy(-995.0).value() - 0.995).abs() < 1e-3);
        assert_eq!(novelty.of_energy(-1000.5).value(), 1.0);
        assert_eq!(novelty.of_energy(f32::NEG_INFINITY).value(), 1.0);
        assert_eq!(novelty.of_energy(f32::NAN).value(), 1.0);
    }

    #[test]
    fn what_is_neither_normal_nor_like_a_known_attack_is_unknown() {
        let card = OpenSetCard {
            meaning: String::new(),
            unlike_output: true,
            normal_up_to: 0.1,
            known_up_to: 0.6,
            points: Vec::new(),
        };
        let open = OpenSet::new(Some(&card));
        assert_eq!(open.verdict(true, 0.99, 0.01), Verdict::Normal);
        assert_eq!(open.verdict(true, 0.99, 0.2), Verdict::Unknown, "normal of those it knows, but unlike them");
        assert_eq!(open.verdict(true, 0.6, 0.01), Verdict::Unknown, "may well be an attack");
        assert_eq!(open.verdict(false, 0.0, 0.5), Verdict::Known);
        assert_eq!(open.verdict(false, 0.0, 0.7), Verdict::Unknown);
        let closed = OpenSet::new(None);
        assert_eq!([true, false].map(|normal| closed.verdict(normal, 0.4, 0.99)), [Verdict::Normal, Verdict::Known]);
    }

    #[test]
    fn the_thresholds_let_through_what_they_are_asked_to() {
        let hundredths = |by: f32| (1..=100).map(|step| step as f32 / 100.0 * by).collect::<Vec<f32>>();
        let card = fit_open_set(&[hundredths(0.2), hundredths(0.5)], &hundredths(1.0), 0.05);
        assert!((card.normal_up_to - 0.475).abs() < 2e-4 && (card.known_up_to - 0.95).abs() < 2e-4, "{card:?}");
    }

    #[test]
    fn the_belief_in_something_unlike_follows_its_odds() {
        assert_eq!(belief_in_unlike(2.0, 2.0, 1.5), 0.5);
        assert!((belief_in_unlike(3f32.ln() * 2.0, 0.0, 2.0) - 0.75).abs() < 1e-6);
        assert_eq!([f32::NAN, f32::INFINITY].map(|unlike| belief_in_unlike(unlike, 0.0, 1.0)), [1.0, 1.0]);
        assert_eq!(belief_in_unlike(f32::NEG_INFINITY, 0.0, 1.0), 0.0);
    }

    #[test]
    fn equal_energies_do_not_divide_by_zero() {
        let novelty = Novelty::new(&fit(&[-2.0; 10]));
        assert_eq!([-1.0, -2.0, -3.0].map(|energy| novelty.of_energy(energy).value()), [0.0, 1.0, 1.0]);
    }
}
