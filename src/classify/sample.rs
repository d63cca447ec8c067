//! A small made-up model for the tests of this room: four classes, layers of 5 and 6 units, fixed weights.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::card::{
    Activation, Calibration, Card, Decision, DecisionRule, EncodingCard, FORMAT, Figures, HiddenCard, LabelCard,
    NetworkCard, NumericCard, Quality, Schema, Scores, WeightsCard,
};
use super::check::needed_tensors;
use super::encode::{Curve, Encoding};
use super::labels::{COSTS, label_of};
use super::network::Network;
use super::quality::category_names;
use super::typical::{Seen, TypicalCard, TypicalValue};
use super::values::value_of;
use super::weights::{Numbers, Weights, write};
use super::{check, novelty};
use crate::event::annotated::FeatureValue;
use crate::features::{Feature, FeatureVector, Matrix, NAMES, NUMERIC, Space, name_of_numeric};
use crate::normalise::kdd::parse_line;

const LINES: [&str; 3] = [
    "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0,normal.",
    "0,tcp,private,S0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,289,19,1,1,0,0,0.07,0.06,0,255,19,0.07,0.07,0,0,1,1,0,0",
    "184,tcp,telnet,SF,1511,2957,0,0,0,3,0,1,2,1,0,0,1,0,0,0,0,0,1,1,0,0,0,0,1,0,0,1,3,1,0,1,0.67,0,0,0,0,phf.",
];

/// Real rows, whole and with holes.
pub fn vectors() -> Vec<FeatureVector> {
    let mut vectors: Vec<FeatureVector> = LINES.iter().map(|line| parse_line(line).expect("valid").features).collect();
    let mut holed = vectors[2];
    holed.numeric[5..21].fill(f32::NAN);
    vectors.extend([holed, FeatureVector::MISSING]);
    vectors
}

/// [`vectors`] as rows.
pub fn rows() -> Matrix {
    vectors().into_iter().collect()
}

/// The network of [`weights`].
pub fn network() -> Network {
    Network::new(&network_card(), &encoding(), &weights()).expect("sound weights")
}

/// A true card, fitting [`weights`].
pub fn card() -> Card {
    let network = network_card();
    Card {
        format: FORMAT,
        name: "sample".to_owned(),
        version: "1".to_owned(),
        description: "made up".to_owned(),
        schema: Schema::of(&Space::kdd99()),
        encoding: encoding_card(),
        typical: typical_card(),
        weights: WeightsCard {
            blake3: blake3::hash(&write(&weights())).to_hex().to_string(),
            tensors: needed_tensors(&network),
        },
        network,
        labels: ["normal", "neptune", "satan", "phf"]
            .map(|name| LabelCard::from(label_of(name).expect("known")))
            .into(),
        calibration: Calibration { temperature: 1.5 },
        conformal: None,
        novelty: novelty::fit(&[-1.0, 0.0, 1.0, 2.0, 3.0]),
        open_set: None,
        decision: Decision {
            rule: DecisionRule::MostProbable,
            categories: category_names(),
            costs: COSTS.map(|row| row.to_vec()).to_vec(),
            weights: Vec::new(),
            unknown: Vec::new(),
        },
        training: None,
        quality: Some(Quality {
            whole: figures(),
            content_missing: Some(figures()),
            frequent_from: 20,
            sets: None,
            never_seen: Vec::new(),
            captures: Vec::new(),
        }),
        drift: None,
    }
}

/// The encoding of [`card`].
pub fn encoding() -> Encoding {
    check::read(&card().to_json()).expect("true").1
}

/// Weights between −1 and 1, always the same.
pub fn weights() -> Weights {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let numbers = |shape: Vec<usize>| {
        let values = (0..shape.iter().product()).map(|_| random.random_range(-1.0..1.0)).collect();
        Numbers { shape, values }
    };
    let shapes = needed_tensors(&network_card());
    let mut numbers = numbers;
    shapes.into_iter().map(|(name, shape)| (name, numbers(shape))).collect()
}

/// The baseline of [`weights`].
pub fn baseline() -> Vec<f32> {
    weights()["baseline"].values.clone()
}

/// The logits of [`weights`] for encoded inputs, by plain loops.
pub fn logits(inputs: &[f32]) -> Vec<f32> {
    let weights = weights();
    let mut state = inputs.to_vec();
    for layer in 1..=3 {
        let (weight, bias) = (&weights[&format!("layer{layer}.weight")], &weights[&format!("layer{layer}.bias")]);
        let width = bias.values.len();
        let unit = |unit: usize| {
            let products = state.iter().enumerate().map(|(input, value)| value * weight.values[input * width + unit]);
            bias.values[unit] + products.sum::<f32>()
        };
        let sums: Vec<f32> = (0..width).map(unit).collect();
        state = sums.into_iter().map(|sum| if layer < 3 { sum.max(0.0) } else { sum }).collect();
    }
    state
}

fn network_card() -> NetworkCard {
    let hidden = [5, 6].map(|units| HiddenCard { units, activation: Activation::Relu });
    NetworkCard { inputs: 166, hidden: hidden.into(), outputs: 4, script: None }
}

fn encoding_card() -> EncodingCard {
    let numeric = |place| NumericCard {
        feature: NAMES[name_of_numeric(place)].to_owned(),
        curve: Curve::of(place),
        mean: 0.25,
        deviation: 0.5,
    };
    EncodingCard { limit: 10.0, numeric: (0..NUMERIC).map(numeric).collect(), meaning: "made up".to_owned() }
}

fn typical_card() -> Vec<TypicalCard> {
    let (space, rows) = (Space::kdd99(), rows());
    let entry = |(place, feature): (usize, &Feature)| {
        let seen = Seen { least: 0.0, most: 1e4, whole: !feature.name.ends_with("_rate") };
        let (normal, seen) = match value_of(place, &space, rows.row(0)) {
            FeatureValue::Number(number) => (TypicalValue::Number(number), Some(seen)),
            FeatureValue::Symbol(word) => (TypicalValue::Word(word.to_string()), None),
            FeatureValue::Missing => unreachable!("the first row is whole"),
        };
        TypicalCard { feature: feature.name.clone(), normal, seen }
    };
    space.features().iter().enumerate().map(entry).collect()
}

fn figures() -> Figures {
    let scores = Scores {
        records: 0,
        accuracy: 0.0,
        macro_f1_frequent: 0.0,
        macro_f1_all: 0.0,
        false_alarms: 0.0,
        cost: 0.0,
        per_class: Default::default(),
    };
    Figures {
        distinct: scores.clone(),
        weighted: scores,
        calibration_error_before: 0.0,
        calibration_error_after: 0.0,
        confusion: Default::default(),
        calibration: Vec::new(),
    }
}
