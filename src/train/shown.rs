//! Rows as they are shown in one step of training: with features missing or unknown at random, so that a network learns
//! to judge by whatever is known of an event.

use rand::Rng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::Settings;
use crate::classify::encode::{CONTENT, GROUPS};
use crate::features::symbols::Symbol;
use crate::features::{FeatureVector, NUMERIC};

/// Numbers and symbols.
pub const FEATURES: usize = NUMERIC + GROUPS.len();

/// Chance that a symbol is shown as unknown, so that the input for it learns something.
const UNKNOWN_SHARE: f64 = 0.01;
/// Chance that every feature is masked with a chance of one half: vectors of which little is known.
const SPARSE_SHARE: f64 = 0.02;
/// Where single features are masked, at most so many.
const MOST_SINGLE: usize = 8;

/// Features that connection logs lack beside the content features: wrong_fragment and urgent.
const ALSO_LACKING: std::ops::Range<usize> = 4..6;

/// The row as it is shown in one step.
pub fn masked(features: &FeatureVector, settings: &Settings, random: &mut ChaCha8Rng) -> FeatureVector {
    let mut shown = *features;
    if random.random_bool(settings.mask_content) {
        shown.numeric[CONTENT].fill(f32::NAN);
        if random.random_bool(0.5) {
            shown.numeric[ALSO_LACKING].fill(f32::NAN);
        }
    }
    if random.random_bool(settings.mask_single) {
        let many = random.random_range(1..=MOST_SINGLE);
        sample(random, FEATURES, many).into_iter().for_each(|place| mask(&mut shown, place, Symbol::MISSING));
    }
    if random.random_bool(SPARSE_SHARE) {
        for place in 0..FEATURES {
            if random.random_bool(0.5) {
                mask(&mut shown, place, Symbol::MISSING);
            }
        }
    }
    for place in NUMERIC..FEATURES {
        if random.random_bool(UNKNOWN_SHARE) {
            mask(&mut shown, place, Symbol::UNKNOWN);
        }
    }
    shown
}

/// Masks the number at `place`, or the symbol behind the numbers.
fn mask(features: &mut FeatureVector, place: usize, symbol: Symbol) {
    match place.checked_sub(NUMERIC) {
        None => features.numeric[place] = f32::NAN,
        Some(0) => features.symbols.protocol = symbol,
        Some(1) => features.symbols.service = symbol,
        Some(_) => features.symbols.flag = symbol,
    }
}
