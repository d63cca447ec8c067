//! For the tests of this folder: vectors of which little is known, and the card of such.

use super::{DriftCard, measure};
use crate::features::symbols::{SERVICES, Symbol};
use crate::features::{FeatureVector, Matrix, Space};

/// Vectors whose duration is the number, over http.
pub fn vectors(durations: impl IntoIterator<Item = f32>) -> Vec<FeatureVector> {
    let vector = |duration| {
        let mut vector = FeatureVector::MISSING;
        vector.numeric[0] = duration;
        vector.symbols.service = Symbol::of(SERVICES, "http");
        vector
    };
    durations.into_iter().map(vector).collect()
}

/// The card of these, each once.
pub fn card(vectors: &[FeatureVector]) -> DriftCard {
    let rows: Matrix = vectors.iter().copied().collect();
    measure(&Space::kdd99(), (0..rows.len()).map(|place| (rows.row(place), 1)))
}
