//! A row of feature values → inputs of the network.
//!
//! Layout of the inputs, always: the scaled numbers (0, the training mean, where missing), as many flags that are 1 where
//! the number is missing, then a one-hot group for each symbol, with two more places behind its vocabulary: unknown and
//! missing. Every row has an encoding, and it is finite.

use std::ops::Range;
use std::sync::Arc;

use super::rapid::ln_1p;
use crate::features::symbols::Symbol;
use crate::features::{Group, NAMES, Row, Space, name_of_numeric};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// As it is.
    #[default]
    Linear,
    /// ln(1 + x); negative numbers count as 0.
    Log1p,
}

impl Curve {
    /// The curve for the measured feature at `place` of [`FeatureVector::numeric`](crate::features::FeatureVector).
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

    /// The number that is bent to this one.
    pub fn unbend(self, bent: f32) -> f32 {
        match self {
            Self::Linear => bent,
            Self::Log1p => bent.exp_m1(),
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

/// Numbers that are scaled at once: whole vector registers.
pub const LANES: usize = 8;

/// The scales of [`LANES`] numbers, apart from each other, so that scaling becomes vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Scales {
    /// All bits where the logarithm is taken, none elsewhere.
    bent: [u32; LANES],
    means: [f32; LANES],
    factors: [f32; LANES],
}

/// The inputs of one symbol: its vocabulary, then unknown, then missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneHot {
    /// Its first input.
    pub first: usize,
    /// Words in its vocabulary.
    pub words: usize,
}

impl OneHot {
    /// The input that is 1 for a symbol.
    pub fn input(self, symbol: Symbol) -> usize {
        self.first
            + match symbol.place() {
                Some(place) if place < self.words => place,
                None if symbol == Symbol::MISSING => self.words + 1,
                _ => self.words,
            }
    }

    /// Its inputs.
    pub fn inputs(self) -> Range<usize> {
        self.first..self.first + self.words + 2
    }
}

/// The encoding of a model: what training measured on its own part of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    space: Arc<Space>,
    scales: Vec<Scales>,
    limit: f32,
    symbols: Vec<OneHot>,
    groups: Vec<GroupMask>,
    inputs: usize,
}

/// Where the features of a group stand in a row.
#[derive(Debug, Clone, PartialEq)]
struct GroupMask {
    /// As in [`Missing`].
    numbers: Vec<u64>,
    symbols: Vec<usize>,
}

/// Which numbers of a row are missing: a bit for each, the lowest first, 64 in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing<'a>(pub &'a [u64]);

impl<'a> Missing<'a> {
    /// Whether none is.
    pub fn none(self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many are.
    pub fn count(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether all those of `mask` are.
    pub fn has_all(self, mask: &[u64]) -> bool {
        self.0.iter().zip(mask).all(|(word, mask)| word & mask == *mask)
    }

    /// Their places, lowest first.
    pub fn places(self) -> impl Iterator<Item = usize> + use<'a> {
        self.0.iter().enumerate().flat_map(|(number, word)| bits(*word).map(move |bit| number * 64 + bit))
    }
}

/// The places of the bits that are set, lowest first.
pub fn bits(word: u64) -> impl Iterator<Item = usize> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let place = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
        rest &= rest - 1;
        Some(place)
    })
}

/// A mask with these bits.
pub fn mask(places: &[usize], numbers: usize) -> Vec<u64> {
    let mut words = vec![0u64; numbers.div_ceil(64)];
    places.iter().for_each(|place| words[place / 64] |= 1 << (place % 64));
    words
}

impl Encoding {
    /// An encoding of `space` from the scales of its numbers, in order; `limit` bounds scaled values.
    ///
    /// # Panics
    /// When there are not as many scales as numbers.
    pub fn new(space: Arc<Space>, scales: &[Scale], limit: f32) -> Self {
        let shape = space.shape();
        assert_eq!(scales.len(), shape.numbers, "a scale for each number");
        let mut lanes = vec![Scales::default(); shape.numbers.div_ceil(LANES)];
        for (place, scale) in scales.iter().enumerate() {
            let (lanes, lane) = (&mut lanes[place / LANES], place % LANES);
            lanes.bent[lane] = if scale.curve == Curve::Log1p { u32::MAX } else { 0 };
            lanes.means[lane] = scale.mean;
            lanes.factors[lane] = scale.factor;
        }
        let mut inputs = 2 * shape.numbers;
        let mut one_hot = |symbol: usize| {
            let group = OneHot { first: inputs, words: space.words(symbol).len() };
            inputs = group.inputs().end;
            group
        };
        let symbols = (0..shape.symbols).map(&mut one_hot).collect();
        let group_mask =
            |group: &Group| GroupMask { numbers: mask(&group.numbers, shape.numbers), symbols: group.symbols.clone() };
        let groups = space.groups().iter().map(group_mask).collect();
        Self { scales: lanes, limit, symbols, groups, inputs, space }
    }

    /// What it encodes.
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// How many inputs the network has.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many of them are scaled numbers; the flags behind them are as many.
    pub fn numbers(&self) -> usize {
        self.space.shape().numbers
    }

    /// [`Self::numbers`], filled up to whole vector registers.
    pub fn padded(&self) -> usize {
        self.scales.len() * LANES
    }

    /// Words of a [`Missing`].
    pub fn missing_words(&self) -> usize {
        self.numbers().div_ceil(64)
    }

    /// The inputs of each symbol.
    pub fn symbols(&self) -> &[OneHot] {
        &self.symbols
    }

    /// Scales the numbers of a row, which stand at the head of `values`; infinities count as missing. What `values` has
    /// behind them becomes 0, and `missing` (of [`Self::missing_words`]) says which are.
    #[inline(always)]
    pub fn scale(&self, row: Row<'_>, values: &mut [f32], missing: &mut [u64]) {
        let numbers = row.numeric.len();
        values[..numbers].copy_from_slice(row.numeric);
        values[numbers..].fill(0.0);
        let (whole, rest) = values.as_chunks_mut::<LANES>();
        for (values, scales) in whole.iter_mut().zip(&self.scales) {
            *values = self.scaled(*values, scales);
        }
        let left = numbers.saturating_sub(whole.len() * LANES);
        if left > 0 {
            let mut last = [0.0; LANES];
            last[..left].copy_from_slice(&rest[..left]);
            rest[..left].copy_from_slice(&self.scaled(last, &self.scales[whole.len()])[..left]);
        }
        note_missing(row.numeric, missing);
    }

    /// By value and with both results reckoned: so it becomes vector instructions wherever it is inlined, a branch or a place in
    /// memory that might be another's does not.
    #[inline(always)]
    fn scaled(&self, values: [f32; LANES], scales: &Scales) -> [f32; LANES] {
        let Scales { bent, means, factors } = *scales;
        let (mut logarithms, mut out) = ([0.0; LANES], [0.0; LANES]);
        logarithms.iter_mut().zip(values).for_each(|(logarithm, value)| *logarithm = ln_1p(value));
        for lane in 0..LANES {
            let taken = logarithms[lane].to_bits() & bent[lane] | values[lane].to_bits() & !bent[lane];
            let scaled = (f32::from_bits(taken) - means[lane]) * factors[lane];
            let held = scaled.max(-self.limit).min(self.limit);
            out[lane] = if values[lane].is_finite() { held } else { 0.0 };
        }
        out
    }

    /// Writes all [`Self::inputs`] inputs to `out`.
    pub fn dense(&self, row: Row<'_>, out: &mut [f32]) {
        let numbers = self.numbers();
        let mut missing = vec![0; self.missing_words()];
        let (scaled, others) = out.split_at_mut(numbers);
        self.scale(row, scaled, &mut missing);
        others.fill(0.0);
        Missing(&missing).places().for_each(|place| others[place] = 1.0);
        self.symbol_inputs(row.symbols).for_each(|input| others[input - numbers] = 1.0);
    }

    /// The inputs that are 1 for these symbols.
    pub fn symbol_inputs(&self, symbols: &[Symbol]) -> impl Iterator<Item = usize> {
        self.symbols.iter().zip(symbols).map(|(group, symbol)| group.input(*symbol))
    }

    /// Whether a row lacks all features of the group at this place of [`Space::groups`].
    pub fn lacks(&self, group: usize, missing: Missing<'_>, symbols: &[Symbol]) -> bool {
        let group = &self.groups[group];
        missing.has_all(&group.numbers) && group.symbols.iter().all(|place| symbols[*place] == Symbol::MISSING)
    }

    /// The numbers of each group, as in [`Missing`].
    pub fn number_groups(&self) -> impl Iterator<Item = &[u64]> {
        self.groups.iter().map(|group| group.numbers.as_slice())
    }

    /// The feature, as its place in [`Space::features`], that an input belongs to.
    pub fn feature_of(&self, input: usize) -> usize {
        let numbers = self.numbers();
        if input < 2 * numbers {
            return self.space.numbers()[input % numbers];
        }
        self.space.symbols()[self.symbols.partition_point(|group| group.first <= input) - 1]
    }
}

#[inline(always)]
fn note_missing(numeric: &[f32], missing: &mut [u64]) {
    missing.fill(0);
    if numeric.iter().fold(true, |all, value| all & value.is_finite()) {
        return;
    }
    for (word, values) in missing.iter_mut().zip(numeric.chunks(64)) {
        // bits do not meet, so this is a sum; one with a check for overflow would not become vector instructions
        *word = values.iter().enumerate().fold(0, |word, (bit, value)| word | u64::from(!value.is_finite()) << bit);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::features::symbols::{FLAGS, Symbols};
    use crate::features::{Feature, FeatureVector, Kind, NUMERIC, Sample};

    fn plain() -> Encoding {
        let scales: Vec<Scale> =
            (0..NUMERIC).map(|place| Scale { curve: Curve::of(place), mean: 0.5, factor: 2.0 }).collect();
        Encoding::new(Arc::new(Space::kdd99()), &scales, 10.0)
    }

    fn dense(encoding: &Encoding, row: Row<'_>) -> Vec<f32> {
        let mut inputs = vec![f32::NAN; encoding.inputs()];
        encoding.dense(row, &mut inputs);
        inputs
    }

    #[test]
    fn a_missing_number_is_the_mean_with_its_flag_up() {
        let mut features = FeatureVector::MISSING;
        features.numeric[0] = 0.0;
        let inputs = dense(&plain(), Sample::from(features).row());
        assert_eq!(inputs[0], -1.0, "duration 0: (ln 1 - 0.5) * 2");
        assert_eq!(inputs[1], 0.0);
        assert_eq!(inputs[NUMERIC], 0.0, "duration is there");
        assert_eq!(inputs[NUMERIC + 1], 1.0, "src_bytes is not");
    }

    #[test]
    fn unknown_and_missing_symbols_have_inputs_of_their_own() {
        let encoding = plain();
        let symbols = Symbols { protocol: Symbol::UNKNOWN, service: Symbol::MISSING, flag: Symbol::of(FLAGS, "SH") };
        let inputs: Vec<usize> = encoding.symbol_inputs(&symbols.in_order()).collect();
        let first = |symbol: usize| encoding.symbols()[symbol].first;
        assert_eq!(inputs, [2 * NUMERIC + 3, first(1) + 71, first(2) + 10]);
        assert_eq!(encoding.symbols()[2].inputs().end, encoding.inputs(), "the last group ends with the inputs");
    }

    #[test]
    fn every_input_belongs_to_the_feature_it_encodes() {
        let encoding = plain();
        let name = |input| NAMES[encoding.feature_of(input)];
        assert_eq!((name(0), name(NUMERIC + 1)), ("duration", "src_bytes"));
        assert_eq!((name(2 * NUMERIC + 4), name(2 * NUMERIC + 5)), ("protocol_type", "service"));
        assert_eq!(name(encoding.inputs() - 1), "flag");
    }

    #[test]
    fn every_logarithmic_name_is_a_numeric_feature() {
        assert_eq!((0..NUMERIC).filter(|place| Curve::of(*place) == Curve::Log1p).count(), LOGARITHMIC.len());
    }

    /// A space of so many numbers, all in one group, and an encoding that leaves them as they are.
    fn numbers(count: usize) -> Encoding {
        let feature = |place: usize| Feature {
            name: format!("n{place}"),
            field: Some(format!("n{place}")),
            group: Some("all".to_owned()),
            kind: Kind::Number,
        };
        let space = Space::new((0..count).map(feature).collect(), 0).expect("sound");
        let scales = vec![Scale { curve: Curve::Linear, mean: 0.0, factor: 1.0 }; count];
        Encoding::new(Arc::new(space), &scales, 1e9)
    }

    proptest! {
        #[test]
        fn whatever_the_numbers_are_the_inputs_are_finite(values in any::<[f32; 32]>()) {
            let mut features = FeatureVector::MISSING;
            features.numeric[..32].copy_from_slice(&values);
            let inputs = dense(&plain(), Sample::from(features).row());
            prop_assert!(inputs.iter().all(|input| input.is_finite()));
        }

        #[test]
        fn a_space_of_any_width_is_encoded_place_by_place(
            values in proptest::collection::vec(proptest::option::of(-1e6f32..1e6), 1..150)
        ) {
            let numeric: Vec<f32> = values.iter().map(|value| value.unwrap_or(f32::NAN)).collect();
            let encoding = numbers(values.len());
            let inputs = dense(&encoding, Row { numeric: &numeric, symbols: &[] });
            let mut missing = vec![0; encoding.missing_words()];
            let mut padded = vec![f32::NAN; encoding.padded()];
            encoding.scale(Row { numeric: &numeric, symbols: &[] }, &mut padded, &mut missing);
            for (place, value) in values.iter().enumerate() {
                prop_assert_eq!(inputs[place], value.unwrap_or(0.0));
                prop_assert_eq!(padded[place], inputs[place]);
                prop_assert_eq!(inputs[values.len() + place], f32::from(u8::from(value.is_none())));
            }
            prop_assert!(padded[values.len()..].iter().all(|value| *value == 0.0));
            let holes = values.iter().filter(|value| value.is_none()).count();
            prop_assert_eq!(Missing(&missing).count(), holes);
            prop_assert_eq!(encoding.lacks(0, Missing(&missing), &[]), holes == values.len());
        }
    }
}
