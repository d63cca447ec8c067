//! Fits a network to the training part: cross-entropy, AdamW, a cosine of step widths, random masks.
//!
//! Whatever is random comes from one seeded ChaCha stream in this file, never from libtorch's generator, so runs
//! repeat. Rows are drawn with replacement, classes and repetitions evened out by powers of their counts. The weights of
//! the pass with the best validation score are kept, of equals the latest.

use rand::Rng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};

use super::dataset::{Dataset, Part, Row};
use super::measure::{Classes, Outputs, View};
use super::{Progress, Settings, TrainError};
use crate::classify::card::NetworkCard;
use crate::classify::check::needed_tensors;
use crate::classify::encode::{CONTENT, Encoding, GROUPS, INPUTS, SYMBOLS_FROM, symbol_inputs};
use crate::classify::network::Network;
use crate::classify::weights::{Numbers, Weights};
use crate::features::symbols::Symbol;
use crate::features::{FeatureVector, NUMERIC};

/// Chance that a symbol is shown as unknown, so that the input for it learns something.
const UNKNOWN_SHARE: f64 = 0.01;
/// Chance that every feature is masked with a chance of one half: vectors of which little is known.
const SPARSE_SHARE: f64 = 0.02;
/// Where single features are masked, at most so many.
const MOST_SINGLE: usize = 8;
/// Gradients longer than this are shortened.
const LONGEST_GRADIENT: f64 = 5.0;

/// Features that connection logs lack beside the content features: wrong_fragment and urgent.
const ALSO_LACKING: std::ops::Range<usize> = 4..6;

/// A fitted network.
#[derive(Debug)]
pub struct Fitted {
    /// Its weights, with the baseline of explanations.
    pub weights: Weights,
    /// The pass they come from, counted from 1.
    pub best_epoch: u32,
}

/// Fits a network; `random` is the stream of everything random.
///
/// # Errors
/// When libtorch reports a fault or the loss is no longer a number.
pub fn fit(
    dataset: &Dataset,
    encoding: &Encoding,
    settings: &Settings,
    random: &mut ChaCha8Rng,
    progress: &mut dyn FnMut(Progress),
) -> Result<Fitted, TrainError> {
    tch::set_num_threads(i32::from(settings.threads));
    let rows: Vec<&Row> = dataset.part(Part::Training).collect();
    let network = network_of(settings, dataset.labels.len());
    let mut trainee = Trainee::new(&network, settings, random)?;
    let draws = Draws::new(&rows, dataset.labels.len(), settings);
    let steps = rows.len().div_ceil(settings.batch);
    let mut best = (f64::NEG_INFINITY, 0, trainee.weights()?);
    for epoch in 1..=settings.epochs {
        let mut loss = 0.0;
        for step in 0..steps {
            let done = (f64::from(epoch - 1) + step as f64 / steps as f64) / f64::from(settings.epochs);
            trainee.optimiser.set_lr(rate_at(settings.rate, done));
            let batch: Vec<&Row> = (0..settings.batch).map(|_| rows[draws.one(random)]).collect();
            loss += trainee.step(&batch, encoding, settings, random)? / steps as f64;
        }
        let weights = trainee.weights()?;
        let validation = validation_score(&weights, encoding, dataset)?;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { epoch });
        }
        if validation >= best.0 {
            best = (validation, epoch, weights);
        }
        progress(Progress::Epoch { epoch, of: settings.epochs, loss, validation });
    }
    let (_, best_epoch, mut weights) = best;
    treat_unseen_words_as_unknown(&mut weights, &rows);
    weights.insert("baseline".to_owned(), baseline(&rows, dataset, encoding));
    Ok(Fitted { weights, best_epoch })
}

/// Sizes of the network that these settings make.
pub fn network_of(settings: &Settings, outputs: usize) -> NetworkCard {
    NetworkCard { inputs: INPUTS, hidden: settings.hidden.clone(), outputs }
}

/// The step width when this share of the training is done: a short rise, then a cosine down to a hundredth.
fn rate_at(highest: f64, done: f64) -> f64 {
    const RISE: f64 = 0.02;
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    highest * (done / RISE).clamp(0.01, 1.0) * (0.01 + 0.99 * fall)
}

/// The network while it learns.
struct Trainee {
    /// Weight and bias of each layer.
    layers: Vec<(Tensor, Tensor)>,
    shapes: Vec<(usize, usize)>,
    optimiser: nn::Optimizer,
    /// Owns the variables.
    _variables: nn::VarStore,
}

impl Trainee {
    fn new(network: &NetworkCard, settings: &Settings, random: &mut ChaCha8Rng) -> Result<Self, TrainError> {
        let variables = nn::VarStore::new(Device::Cpu);
        let shapes = needed_tensors(network);
        let mut layers = Vec::new();
        let mut sizes = Vec::new();
        while let Some(shape) = shapes.get(&format!("layer{}.weight", layers.len() + 1)) {
            let name = format!("layer{}", layers.len() + 1);
            let (inputs, outputs) = (shape[0], shape[1]);
            let first = first_weights(inputs, outputs, layers.is_empty(), random);
            let weight = Tensor::f_from_slice(&first)?.f_view([inputs as i64, outputs as i64])?;
            let bias = Tensor::f_from_slice(&vec![0f32; outputs])?;
            let root = variables.root();
            layers.push((
                root.var_copy(&format!("{name}_weight"), &weight),
                root.var_copy(&format!("{name}_bias"), &bias),
            ));
            sizes.push((inputs, outputs));
        }
        let optimiser = nn::adamw(0.9, 0.999, settings.decay).build(&variables, settings.rate)?;
        Ok(Self { layers, shapes: sizes, optimiser, _variables: variables })
    }

    /// One step on these rows, masked at random; gives their mean loss.
    fn step(
        &mut self,
        batch: &[&Row],
        encoding: &Encoding,
        settings: &Settings,
        random: &mut ChaCha8Rng,
    ) -> Result<f64, TrainError> {
        let mut inputs = vec![0f32; batch.len() * INPUTS];
        for (row, inputs) in batch.iter().zip(inputs.chunks_exact_mut(INPUTS)) {
            encoding.dense(&masked(&row.features, settings, random), inputs);
        }
        let labels: Vec<i64> = batch.iter().map(|row| i64::from(row.label)).collect();
        let mut state = Tensor::f_from_slice(&inputs)?.f_view([batch.len() as i64, INPUTS as i64])?;
        for (place, (weight, bias)) in self.layers.iter().enumerate() {
            if place > 0 {
                state = state.f_relu()?;
            }
            state = bias.f_addmm(&state, weight)?;
        }
        let likelihoods = state.f_log_softmax(-1, Kind::Float)?;
        let loss = likelihoods.f_nll_loss(&Tensor::f_from_slice(&labels)?, None::<Tensor>, Reduction::Mean, -100)?;
        self.optimiser.backward_step_clip_norm(&loss, LONGEST_GRADIENT);
        Ok(loss.f_double_value(&[])?)
    }

    fn weights(&self) -> Result<Weights, TrainError> {
        let mut weights = Weights::new();
        for (place, ((weight, bias), (inputs, outputs))) in self.layers.iter().zip(&self.shapes).enumerate() {
            let name = format!("layer{}", place + 1);
            weights.insert(format!("{name}.weight"), numbers(weight, vec![*inputs, *outputs])?);
            weights.insert(format!("{name}.bias"), numbers(bias, vec![*outputs])?);
        }
        Ok(weights)
    }
}

fn numbers(tensor: &Tensor, shape: Vec<usize>) -> Result<Numbers, TrainError> {
    let mut values = vec![0f32; shape.iter().product()];
    let count = values.len();
    tensor.f_detach()?.f_copy_data(&mut values, count)?;
    Ok(Numbers { shape, values })
}

/// He's uniform first weights; in the first layer only the numbers' rows, flags and symbols start at zero, so that one
/// that never occurs says nothing.
fn first_weights(inputs: usize, outputs: usize, is_first: bool, random: &mut ChaCha8Rng) -> Vec<f32> {
    let sources = if is_first { NUMERIC } else { inputs };
    let bound = (6.0 / sources as f32).sqrt();
    let mut weights = vec![0.0; inputs * outputs];
    weights[..sources * outputs].iter_mut().for_each(|weight| *weight = random.random_range(-bound..bound));
    weights
}

/// The row as it is shown in one step.
fn masked(features: &FeatureVector, settings: &Settings, random: &mut ChaCha8Rng) -> FeatureVector {
    let mut shown = *features;
    if random.random_bool(settings.mask_content) {
        shown.numeric[CONTENT].fill(f32::NAN);
        if random.random_bool(0.5) {
            shown.numeric[ALSO_LACKING].fill(f32::NAN);
        }
    }
    if random.random_bool(settings.mask_single) {
        let many = random.random_range(1..=MOST_SINGLE);
        sample(random, NUMERIC + GROUPS.len(), many)
            .into_iter()
            .for_each(|place| mask(&mut shown, place, Symbol::MISSING));
    }
    if random.random_bool(SPARSE_SHARE) {
        for place in 0..NUMERIC + GROUPS.len() {
            if random.random_bool(0.5) {
                mask(&mut shown, place, Symbol::MISSING);
            }
        }
    }
    for place in NUMERIC..NUMERIC + GROUPS.len() {
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

/// Draws rows with replacement, each with its own chance.
struct Draws {
    cumulative: Vec<f64>,
}

impl Draws {
    fn new(rows: &[&Row], classes: usize, settings: &Settings) -> Self {
        let mut sizes = vec![(0f64, 0f64); classes];
        let repeated = |row: &Row| (row.count as f64).powf(settings.repeat_power);
        for row in rows {
            let size = &mut sizes[usize::from(row.label)];
            *size = (size.0 + 1.0, size.1 + repeated(row));
        }
        let chance = |row: &Row| {
            let (rows, repeats) = sizes[usize::from(row.label)];
            rows.powf(settings.class_power) * repeated(row) / repeats
        };
        let mut sum = 0.0;
        let up_to = |row: &&Row| {
            sum += chance(row);
            sum
        };
        Self { cumulative: rows.iter().map(up_to).collect() }
    }

    fn one(&self, random: &mut ChaCha8Rng) -> usize {
        let all = self.cumulative.last().copied().unwrap_or_default();
        let point = random.random_range(0.0..all);
        self.cumulative.partition_point(|up_to| *up_to <= point).min(self.cumulative.len() - 1)
    }
}

/// Mean over both views of the validation part of the macro F1 over the frequent classes.
fn validation_score(weights: &Weights, encoding: &Encoding, dataset: &Dataset) -> Result<f64, TrainError> {
    let network = Network::new(weights)?;
    let frequent = dataset.frequent();
    let classes = Classes { names: &dataset.labels, frequent: &frequent };
    let needs_content = dataset.needs_content();
    let mut sum = 0.0;
    for view in View::ALL {
        let outputs = Outputs::of(&network, encoding, dataset.part(Part::Validation), view, &needs_content)?;
        sum += outputs.confusion(classes, |_| 1).macro_f1(|name| frequent.contains(name));
    }
    Ok(sum / View::ALL.len() as f64)
}

/// Gives vocabulary words that training has not seen the weights of "unknown".
fn treat_unseen_words_as_unknown(weights: &mut Weights, rows: &[&Row]) {
    let mut seen = [false; INPUTS];
    for row in rows {
        symbol_inputs(row.features.symbols).into_iter().for_each(|input| seen[input] = true);
    }
    let layer = weights.get_mut("layer1.weight").expect("there is a first layer");
    let width = layer.shape[1];
    for (vocabulary, _, first) in GROUPS {
        let unknown = (first + vocabulary.len()) * width;
        for input in (first..first + vocabulary.len()).filter(|input| !seen[*input]) {
            layer.values.copy_within(unknown..unknown + width, input * width);
        }
    }
}

/// The mean encoding of the normal training rows; of all where none is normal.
fn baseline(rows: &[&Row], dataset: &Dataset, encoding: &Encoding) -> Numbers {
    let normal = dataset.labels.iter().position(|name| name == "normal");
    let is_normal = |row: &&&Row| normal.is_none_or(|normal| usize::from(row.label) == normal);
    let mut sums = vec![0f64; INPUTS];
    let mut inputs = vec![0f32; INPUTS];
    let mut count = 0f64;
    for row in rows.iter().filter(is_normal) {
        encoding.dense(&row.features, &mut inputs);
        sums.iter_mut().zip(&inputs).for_each(|(sum, input)| *sum += f64::from(*input));
        count += 1.0;
    }
    let values = sums.iter().map(|sum| (sum / count.max(1.0)) as f32).collect();
    Numbers { shape: vec![INPUTS], values }
}

const _: () = assert!(SYMBOLS_FROM == 2 * NUMERIC, "the first rows of the first layer are those of the numbers");
