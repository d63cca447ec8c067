//! How unlike the training data an event is, 0 to 1.
//!
//! The raw figure is the negative free energy of the logits (Liu, Wang, Owens and Li, "Energy-based
//! Out-of-distribution Detection", 2020): the less any class speaks for an event, the larger. It is mapped to the share of the
//! validation rows that were less unlike. So 0.5 is ordinary, 0.99 is as unlike as one validation row in a hundred, and 1 more
//! unlike than all of them. It says nothing of what the network cannot tell apart from what it knows.

use crate::event::Probability;

use super::card::NoveltyCard;

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

/// The card's entry for these free energies of validation rows, of which there is at least one.
pub fn fit(energies: &[f32]) -> NoveltyCard {
    let mut raw: Vec<f32> = energies.iter().map(|energy| -energy).collect();
    raw.sort_by(f32::total_cmp);
    let at = |rank: &f32| raw[(rank * (raw.len() - 1) as f32).round() as usize];
    NoveltyCard {
        meaning: "share of the validation rows (with and without content features) whose free energy was larger; \
                  1 is more unlike than all of them; not a probability of an unknown attack"
            .to_owned(),
        ranks: RANKS.to_vec(),
        quantiles: RANKS.iter().map(at).collect(),
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
    fn equal_energies_do_not_divide_by_zero() {
        let novelty = Novelty::new(&fit(&[-2.0; 10]));
        assert_eq!([-1.0, -2.0, -3.0].map(|energy| novelty.of_energy(energy).value()), [0.0, 1.0, 1.0]);
    }
}
