//! Feature vector → inputs of the network.
//!
//! Layout of the inputs, always: 38 scaled numbers (0, the training mean, where missing), 38 flags that are 1 where
//! the number is missing, then one-hot groups for protocol, service and flag, each with two more places behind
//! its vocabulary: unknown and missing. Every vector has an encoding, and it is finite.

use std::ops::Range;

use super::rapid::ln_1p;
use crate::features::symbols::{FLAGS, PROTOCOLS, SERVICES, Symbol, Symbols};
use crate::features::{FeatureVector, NAMES, NUMERIC, name_of_numeric};

/// Rows of the three one-hot groups together.
pub const SYMBOL_INPUTS: usize = PROTOCOLS.len() + SERVICES.len() + FLAGS.len() + 6;

/// How many inputs the network has.
pub const INPUTS: usize = 2 * NUMERIC + SYMBOL_INPUTS;

/// Where the one-hot groups start.
pub const SYMBOLS_FROM: usize = 2 * NUMERIC;

/// The vocabularies, each with the place of its feature in [`NAMES`] and its first input.
pub const GROUPS: [(&[&str], usize, usize); 3] = [
    (PROTOCOLS, 1, SYMBOLS_FROM),
    (SERVICES, 2, SYMBOLS_FROM + PROTOCOLS.len() + 2),
    (FLAGS, 3, SYMBOLS_FROM + PROTOCOLS.len() + SERVICES.len() + 4),
];

/// The content features (columns 10 to 22 of the KDD files) as places in [`FeatureVector::numeric`]: what only
/// a look into the payload tells, so that connection logs lack them all.
pub const CONTENT: Range<usize> = 6..19;

/// Features whose values spread over orders of magnitude.
const LOGARITHMIC: [&str; 17] = [
    "duration",
    "src_bytes",
    "dst_bytes",
    "wrong_fragment",
    "urgent",
    "hot",
    "num_failed_logins",
    "num_compromised",
    "num_root",
    "num_file_creations",
    "num_shells",
    "num_access_files",
    "num_outbound_cmds",
    "count",
    "srv_count",
    "dst_host_count",
    "dst_host_srv_count",
];

/// How a number is bent before it is standardised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// As it is.
    Linear,
    /// ln(1 + x); negative numbers count as 0.
    Log1p,
}

impl Curve {
    /// The curve for the numeric feature at `place` of [`FeatureVector::numeric`].
    pub fn of(place: usize) -> Self {
        if LOGARITHMIC.contains(&NAMES[name_of_numeric(place)]) { Self::Log1p } else { Self::Linear }
    }

    /// Bends a finite number.
    pub fn bend(self, value: f32) -> f32 {
        match self {
            Self::Linear => value,
            Self::Log1p => ln_1p(value),
        }
    }
}

/// Scaling of one number: (bend(x) − mean) · factor, held within ± limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// How it is bent.
    pub curve: Curve,
    /// Mean of the bent values in training.
    pub mean: f32,
    /// One over their standard deviation.
    pub factor: f32,
}

/// The encoding of a model: what training measured on its own part of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// By place; apart from each other and filled up to [`LANES`], so that scaling becomes vector instructions.
    bent: [bool; LANES],
    means: [f32; LANES],
    factors: [f32; LANES],
    limit: f32,
}

/// [`NUMERIC`], filled up to whole vector registers.
const LANES: usize = NUMERIC.next_multiple_of(8);

/// Which numbers of a vector are missing: bit `i` for place `i` of [`FeatureVector::numeric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing(pub u64);

impl Missing {
    /// All content features.
    pub const CONTENT: Self = Self(((1 << (CONTENT.end - CONTENT.start)) - 1) << CONTENT.start);

    /// Whether all of those are missing too.
    pub fn has_all(self, those: Self) -> bool {
        self.0 & those.0 == those.0
    }

    /// How many of the 41 features are known, given the symbols beside these numbers.
    pub fn known(self, symbols: Symbols) -> u16 {
        let symbols = [symbols.protocol, symbols.service, symbols.flag];
        let words = symbols.iter().filter(|symbol| **symbol != Symbol::MISSING).count();
        u16::try_from(NUMERIC + words).expect("at most 41") - self.0.count_ones() as u16
    }

    /// The places of the missing numbers, lowest first.
    pub fn places(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let place = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(place)
        })
    }
}

impl Encoding {
    /// An encoding from the scales in the order of [`FeatureVector::numeric`]; `limit` bounds scaled values.
    pub fn new(scales: [Scale; NUMERIC], limit: f32) -> Self {
        let mut encoding = Self { bent: [false; LANES], means: [0.0; LANES], factors: [0.0; LANES], limit };
        for (place, scale) in scales.iter().enumerate() {
            encoding.bent[place] = scale.curve == Curve::Log1p;
            encoding.means[place] = scale.mean;
            encoding.factors[place] = scale.factor;
        }
        encoding
    }

    /// Writes the 38 scaled numbers to `out` and says which are missing. Infinities count as missing.
    ///
    /// # Panics
    /// When `out` has not 38 places.
    pub fn numbers(&self, features: &FeatureVector, out: &mut [f32]) -> Missing {
        let mut values = [0f32; LANES];
        values[..NUMERIC].copy_from_slice(&features.numeric);
        for (((value, bent), mean), factor) in values.iter_mut().zip(&self.bent).zip(&self.means).zip(&self.factors) {
            // both are reckoned: a choice of results becomes vector instructions, a branch does not
            let logarithm = ln_1p(*value);
            let scaled = (if *bent { logarithm } else { *value } - mean) * factor;
            let held = scaled.max(-self.limit).min(self.limit);
            *value = if value.is_finite() { held } else { 0.0 };
        }
        out.copy_from_slice(&values[..NUMERIC]);
        missing_of(&features.numeric)
    }

    /// Writes all [`INPUTS`] inputs to `out`.
    pub fn dense(&self, features: &FeatureVector, out: &mut [f32]) {
        out[NUMERIC..].fill(0.0);
        for place in self.numbers(features, &mut out[..NUMERIC]).places() {
            out[NUMERIC + place] = 1.0;
        }
        for input in symbol_inputs(features.symbols) {
            out[input] = 1.0;
        }
    }
}

fn missing_of(numeric: &[f32; NUMERIC]) -> Missing {
    if numeric.iter().fold(true, |all, value| all & value.is_finite()) {
        return Missing::default();
    }
    let flag = |(place, value): (usize, &f32)| u64::from(!value.is_finite()) << place;
    Missing(numeric.iter().enumerate().map(flag).sum())
}

/// The inputs that are 1 for these symbols.
pub fn symbol_inputs(symbols: Symbols) -> [usize; 3] {
    let values = [symbols.protocol, symbols.service, symbols.flag];
    std::array::from_fn(|group| {
        let (vocabulary, _, first) = GROUPS[group];
        first + place_in(vocabulary, values[group])
    })
}

/// The place of a symbol in its one-hot group: the vocabulary, then unknown, then missing.
fn place_in(vocabulary: &[&str], symbol: Symbol) -> usize {
    match symbol.place() {
        Some(place) if place < vocabulary.len() => place,
        None if symbol == Symbol::MISSING => vocabulary.len() + 1,
        _ => vocabulary.len(),
    }
}

/// The feature, as its place in [`NAMES`], that an input belongs to.
pub fn feature_of(input: usize) -> usize {
    if input < SYMBOLS_FROM {
        return name_of_numeric(input % NUMERIC);
    }
    GROUPS.iter().rev().find(|(_, _, first)| input >= *first).map_or(GROUPS[0].1, |(_, feature, _)| *feature)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn plain() -> Encoding {
        let scales = std::array::from_fn(|place| Scale { curve: Curve::of(place), mean: 0.5, factor: 2.0 });
        Encoding::new(scales, 10.0)
    }

    #[test]
    fn a_missing_number_is_the_mean_with_its_flag_up() {
        let mut features = FeatureVector::MISSING;
        features.numeric[0] = 0.0;
        let mut inputs = [f32::NAN; INPUTS];
        plain().dense(&features, &mut inputs);
        assert_eq!(inputs[0], -1.0, "duration 0: (ln 1 - 0.5) * 2");
        assert_eq!(inputs[1], 0.0);
        assert_eq!(inputs[NUMERIC], 0.0, "duration is there");
        assert_eq!(inputs[NUMERIC + 1], 1.0, "src_bytes is not");
    }

    #[test]
    fn unknown_and_missing_symbols_have_inputs_of_their_own() {
        let symbols = Symbols { protocol: Symbol::UNKNOWN, service: Symbol::MISSING, flag: Symbol::of(FLAGS, "SH") };
        assert_eq!(symbol_inputs(symbols), [SYMBOLS_FROM + 3, GROUPS[1].2 + 71, GROUPS[2].2 + 10]);
        assert_eq!(GROUPS[2].2 + FLAGS.len() + 2, INPUTS, "the last group ends with the inputs");
    }

    #[test]
    fn every_input_belongs_to_the_feature_it_encodes() {
        assert_eq!(NAMES[feature_of(0)], "duration");
        assert_eq!(NAMES[feature_of(NUMERIC + 1)], "src_bytes");
        assert_eq!(NAMES[feature_of(SYMBOLS_FROM + 4)], "protocol_type");
        assert_eq!(NAMES[feature_of(SYMBOLS_FROM + 5)], "service");
        assert_eq!(NAMES[feature_of(INPUTS - 1)], "flag");
    }

    #[test]
    fn the_content_features_are_columns_10_to_22() {
        assert_eq!(name_of_numeric(CONTENT.start) + 1, 10);
        assert_eq!(name_of_numeric(CONTENT.end - 1) + 1, 22);
        assert!(Missing::CONTENT.places().eq(CONTENT));
    }

    #[test]
    fn every_logarithmic_name_is_a_numeric_feature() {
        assert_eq!((0..NUMERIC).filter(|place| Curve::of(*place) == Curve::Log1p).count(), LOGARITHMIC.len());
    }

    proptest! {
        #[test]
        fn whatever_the_numbers_are_the_inputs_are_finite(values in any::<[f32; 32]>()) {
            let mut features = FeatureVector::MISSING;
            features.numeric[..32].copy_from_slice(&values);
            let mut inputs = [f32::NAN; INPUTS];
            plain().dense(&features, &mut inputs);
            prop_assert!(inputs.iter().all(|input| input.is_finite()));
        }
    }
}
