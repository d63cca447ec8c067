//! Training the model of names, and measuring it on names and families that it was not trained on.
//!
//! Logistic regression by AdaGrad (J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods", 2011), one name at a
//! time in a seeded order. Honest names and made-up ones weigh the same, and so do the families.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::families::Family;
use super::grams::{Grams, MEASURES, PLACES};
use super::{Model, SHORTEST};

/// Times that all names are gone through.
const EPOCHS: usize = 8;
/// Step, and pull of the weights towards 0.
const RATE: f32 = 0.1;
const DECAY: f32 = 1e-3;
/// Honest names that may be taken for made up where the cut is chosen, and of how many names one is kept for that.
const FALSE_ALARMS: f64 = 0.02;
const KEPT: usize = 5;
/// Seeds of the families' names: those trained on, and those measured on.
const TRAINING: u64 = 1;
const MEASURING: u64 = 2;
/// Names of a family that are trained on.
const LEARNT: usize = 2_000;
/// Names of a family that it is measured on.
const MEASURED: usize = 1_000;

/// How a model does on names that it has not met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Different honest labels measured on.
    pub honest: usize,
    /// How many of them were taken for made up.
    pub false_alarms: usize,
    /// The same for 10,000 of them.
    pub false_alarms_per_10_000: f64,
    /// Some of those, the most made-up first.
    pub mistaken: Vec<String>,
    /// The share of names found, by family.
    pub families: Vec<FamilyReport>,
}

/// One family's share of names found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyReport {
    /// Its name.
    pub family: &'static str,
    /// By a model that was trained on other names of it; families of words are never trained on.
    pub recall: f64,
    /// By a model that has met none of it.
    pub recall_left_out: f64,
}

/// A model trained on these honest labels and the names of these families.
pub fn train(honest: &[String], families: &[Family], seed: u64) -> Model {
    let mut honest = distinct(honest);
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    honest.shuffle(&mut chance);
    let kept = honest.len() / KEPT;
    let made_up: Vec<String> = families.iter().flat_map(|family| family.labels(TRAINING, LEARNT)).collect();
    // both kinds count as much
    let weight = (honest.len() - kept) as f32 / made_up.len().max(1) as f32;
    let mut examples: Vec<(Grams, f32, f32)> =
        honest[kept..].iter().map(|label| (Grams::of(label), 0.0, 1.0)).collect();
    examples.extend(made_up.iter().map(|label| (Grams::of(label), 1.0, weight)));
    let mut learner = Learner::new();
    for _ in 0..EPOCHS {
        examples.shuffle(&mut chance);
        for (grams, made_up, weight) in &examples {
            learner.learn(grams, *made_up, *weight);
        }
    }
    let mut model = learner.finish();
    let mut odds: Vec<f32> = honest[..kept].iter().map(|label| model.odds(label)).collect();
    odds.sort_unstable_by(|one, other| other.total_cmp(one));
    let allowed = (kept as f64 * FALSE_ALARMS) as usize;
    model.cut = odds.get(allowed).copied().unwrap_or(0.0).max(0.0);
    model
}

/// Trains on `training` and measures on `testing`, with each family left out in turn.
pub fn evaluate(training: &[String], testing: &[String], seed: u64) -> Report {
    let model = train(training, Family::OF_LETTERS, seed);
    let known = distinct(training);
    let mut honest = distinct(testing);
    honest.retain(|label| known.binary_search(label).is_err());
    let mut mistaken: Vec<&String> = honest.iter().filter(|label| model.is_made_up(label)).collect();
    mistaken.sort_unstable_by(|one, other| model.odds(other).total_cmp(&model.odds(one)));
    let families = Family::ALL.map(|family| {
        let others: Vec<Family> = Family::OF_LETTERS.iter().copied().filter(|other| *other != family).collect();
        FamilyReport {
            family: family.name(),
            recall: recall(&model, family),
            recall_left_out: recall(&train(training, &others, seed), family),
        }
    });
    Report {
        honest: honest.len(),
        false_alarms: mistaken.len(),
        false_alarms_per_10_000: mistaken.len() as f64 * 10_000.0 / honest.len().max(1) as f64,
        mistaken: mistaken.into_iter().take(20).cloned().collect(),
        families: families.into(),
    }
}

fn recall(model: &Model, family: Family) -> f64 {
    let labels = family.labels(MEASURING, MEASURED);
    labels.iter().filter(|label| model.is_made_up(label)).count() as f64 / labels.len() as f64
}

/// Labels that can be judged, each once, sorted.
fn distinct(labels: &[String]) -> Vec<String> {
    let judged = labels.iter().filter(|label| label.len() >= SHORTEST && !label.starts_with("xn--"));
    let mut labels: Vec<String> = judged.map(|label| label.to_ascii_lowercase()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// The weights while they are learnt, and the squares of their slopes so far.
struct Learner {
    places: Vec<(f32, f32)>,
    measures: [(f32, f32); MEASURES],
    bias: (f32, f32),
}

impl Learner {
    fn new() -> Self {
        const START: (f32, f32) = (0.0, 1e-3);
        Self { places: vec![START; PLACES], measures: [START; MEASURES], bias: START }
    }

    fn learn(&mut self, grams: &Grams, made_up: f32, weight: f32) {
        let part = 1.0 / (grams.places.len().max(1) as f32).sqrt();
        let groups: f32 = grams.places.iter().map(|place| self.places[usize::from(*place)].0).sum();
        let measures: f32 = grams.measures.iter().zip(self.measures).map(|(value, (weight, _))| value * weight).sum();
        let odds = self.bias.0 + groups * part + measures;
        let slope = weight * (1.0 / (1.0 + (-odds).exp()) - made_up);
        step(&mut self.bias, slope, 0.0);
        for (weight, value) in self.measures.iter_mut().zip(grams.measures) {
            step(weight, slope * value, DECAY);
        }
        for place in &grams.places {
            step(&mut self.places[usize::from(*place)], slope * part, DECAY);
        }
    }

    /// The weights as bytes: 127 is the largest.
    fn finish(self) -> Model {
        let largest = self.places.iter().map(|(weight, _)| weight.abs()).fold(0.0, f32::max);
        let unit = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        Model {
            places: self.places.iter().map(|(weight, _)| (weight / unit).round() as i8).collect(),
            unit,
            measures: self.measures.map(|(weight, _)| weight),
            bias: self.bias.0,
            cut: 0.0,
        }
    }
}

fn step((weight, squares): &mut (f32, f32), slope: f32, decay: f32) {
    let slope = slope + decay * *weight;
    *squares += slope * slope;
    *weight -= RATE * slope / squares.sqrt();
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    /// Labels of two short words, as people register them.
    fn honest(count: usize) -> Vec<String> {
        const PARTS: [&str; 24] = [
            "news", "shop", "micro", "soft", "face", "book", "ali", "web", "host", "ing", "media", "cloud", "store",
            "bank", "green", "star", "travel", "photo", "home", "city", "play", "radio", "tech", "hotel",
        ];
        let mut chance = ChaCha8Rng::seed_from_u64(5);
        let mut part = || PARTS[chance.random_range(0..PARTS.len())];
        (0..count).map(|_| format!("{}{}", part(), part())).collect()
    }

    #[test]
    fn training_repeats_to_the_bit_and_tells_letters_from_words() {
        let honest = honest(600);
        let model = train(&honest, &Family::ALL[..8], 1);
        assert_eq!(model, train(&honest, &Family::ALL[..8], 1));
        assert!(recall(&model, Family::Cryptolocker) > 0.95);
        assert!(!model.is_made_up("cloudphoto"));
        assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
    }
}
