//! A network fitted to the training part, and how it is fed.

use std::sync::Arc;

use super::dataset::{Dataset, Part};
use super::fit::{fit, network_of};
use super::{LIMIT, Progress, Settings, TrainError};
use crate::classify::card::{EncodingCard, NetworkCard, NumericCard};
use crate::classify::check;
use crate::classify::encode::{Curve, Encoding};
use crate::classify::network::Network;
use crate::classify::weights::Weights;

/// Deviations are taken to be at least this: a feature that hardly varies in training must not drown the others.
const LEAST_DEVIATION: f64 = 0.05;

/// A network with what it was fitted with.
pub struct Fitted {
    /// All tensors of its file.
    pub weights: Weights,
    /// How numbers are scaled.
    pub encoding_card: EncodingCard,
    /// The same, ready for use.
    pub encoding: Encoding,
    /// Its sizes.
    pub sizes: NetworkCard,
    /// It, ready for use.
    pub network: Network,
}

impl Fitted {
    /// Fits to the training part.
    ///
    /// # Errors
    /// When training goes astray.
    pub fn to(dataset: &Dataset, settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Self, TrainError> {
        let encoding_card = encoding_card(dataset);
        let encoding = encoding_of(dataset, &encoding_card);
        let weights = fit(dataset, &encoding, settings, progress)?;
        let sizes = network_of(settings, &encoding, dataset.labels.len());
        let network = Network::new(&sizes, &encoding, &weights)?;
        Ok(Self { weights, encoding_card, encoding, sizes, network })
    }
}

/// Means and deviations of the bent numbers over the distinct training rows.
fn encoding_card(dataset: &Dataset) -> EncodingCard {
    let numeric = |(place, (feature, curve)): (usize, (&usize, &Curve))| {
        let known = || dataset.part(Part::Training).map(|row| row.features.numeric[place]).filter(|v| v.is_finite());
        let values = || known().map(|value| f64::from(curve.bend(value)));
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        NumericCard {
            feature: dataset.space.features()[*feature].name.clone(),
            curve: *curve,
            mean: mean as f32,
            deviation: variance.sqrt().max(LEAST_DEVIATION) as f32,
        }
    };
    EncodingCard {
        limit: LIMIT,
        numeric: dataset.space.numbers().iter().zip(&dataset.about.curves).enumerate().map(numeric).collect(),
        meaning: "inputs: the scaled numbers (0 where missing), a flag for each that is 1 where it is missing, then \
                  one-hot symbols, each with two more places: unknown and missing"
            .to_owned(),
    }
}

fn encoding_of(dataset: &Dataset, card: &EncodingCard) -> Encoding {
    check::encoding(Arc::clone(&dataset.space), card).expect("measured on rows of this space")
}
