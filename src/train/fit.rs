//! Fits networks to the training part: cross-entropy, AdamW, a cosine of step widths, random masks, made-up rows.
//!
//! Whatever is random comes from seeded ChaCha streams, one for each member, never from libtorch's generator, so runs
//! repeat. Rows are drawn with replacement, classes and repetitions evened out by powers of their counts. The network has an
//! output for each class and a last one for rows that are like none of them. The weights of the last pass are taken: the
//! validation part has no say in them, so that what is fitted to it afterwards holds for other rows too.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};

use super::dataset::{Dataset, Part, Row};
use super::pace::Paces;
use super::shown::masked;
use super::unlike::{Unlike, gaussian, unlike};
use super::{LIMIT, Progress, Settings, TrainError, ensemble};
use crate::classify::card::{Activation, HiddenCard, NetworkCard};
use crate::classify::check::needed_tensors;
use crate::classify::encode::Encoding;
use crate::classify::weights::{Numbers, Weights};
use crate::features::Sample;

/// Gradients longer than this are shortened.
const LONGEST_GRADIENT: f64 = 5.0;

/// Chance that a made-up row starts from a normal row, and that its donor is one; else it is drawn as in training.
const NORMAL_BASE: f64 = 0.8;
const NORMAL_DONOR: f64 = 0.5;

/// Fits the members one after the other and lays them out as one network, with the baseline of explanations.
///
/// # Errors
/// When libtorch reports a fault or the loss is no longer a number.
pub fn fit(
    dataset: &Dataset,
    encoding: &Encoding,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Weights, TrainError> {
    tch::set_num_threads(i32::from(settings.threads));
    let material = Material::new(dataset, encoding, settings);
    let members = (0..settings.members).map(|member| fit_member(&material, member, progress));
    let mut weights = ensemble::merge(&members.collect::<Result<Vec<Weights>, TrainError>>()?);
    treat_unseen_words_as_unknown(&mut weights, encoding, &material.rows);
    weights.insert("baseline".to_owned(), baseline(&material.rows, dataset, encoding));
    Ok(weights)
}

/// Sizes of the network that these settings make for so many classes.
pub fn network_of(settings: &Settings, encoding: &Encoding, classes: usize) -> NetworkCard {
    ensemble::sizes(&member_of(settings, encoding, classes), settings.members)
}

fn member_of(settings: &Settings, encoding: &Encoding, classes: usize) -> NetworkCard {
    let hidden = settings.hidden.iter().map(|units| HiddenCard { units: *units, activation: Activation::Relu });
    NetworkCard { inputs: encoding.inputs(), hidden: hidden.collect(), outputs: classes + 1, script: None }
}

/// The weights of one member after the last pass.
fn fit_member(material: &Material<'_>, member: u16, progress: &mut dyn FnMut(Progress)) -> Result<Weights, TrainError> {
    let settings = material.settings;
    let random = &mut ChaCha8Rng::seed_from_u64(settings.seed);
    random.set_stream(u64::from(member));
    let member_sizes = member_of(settings, material.encoding, material.dataset.labels.len());
    let mut trainee = Trainee::new(&member_sizes, material.encoding, settings, random)?;
    let steps = material.rows.len().div_ceil(settings.batch);
    for epoch in 0..settings.epochs {
        let mut loss = 0.0;
        for step in 0..steps {
            let done = (f64::from(epoch) + step as f64 / steps as f64) / f64::from(settings.epochs);
            trainee.optimiser.set_lr(rate_at(settings.rate, done));
            loss += trainee.step(&material.batch(random), settings.smoothing)? / steps as f64;
        }
        if !loss.is_finite() {
            return Err(TrainError::Diverged { epoch: epoch + 1 });
        }
        let passes = u32::from(settings.members) * settings.epochs;
        progress(Progress::Epoch { epoch: u32::from(member) * settings.epochs + epoch + 1, of: passes, loss });
    }
    trainee.weights()
}

/// What all members learn from.
struct Material<'a> {
    dataset: &'a Dataset,
    encoding: &'a Encoding,
    settings: &'a Settings,
    rows: Vec<&'a Row>,
    /// Places of the normal ones among the rows.
    normal: Vec<usize>,
    draws: Draws,
    paces: Paces,
}

/// Encoded rows and the output that each should raise.
struct Batch {
    inputs: Vec<f32>,
    labels: Vec<i64>,
}

impl<'a> Material<'a> {
    fn new(dataset: &'a Dataset, encoding: &'a Encoding, settings: &'a Settings) -> Self {
        let rows: Vec<&Row> = dataset.part(Part::Training).collect();
        let is_normal = |place: &usize| dataset.labels[usize::from(rows[*place].label)] == "normal";
        let normal = (0..rows.len()).filter(is_normal).collect();
        let draws = Draws::new(&rows, settings);
        let paces = Paces::of(encoding.space());
        Self { dataset, encoding, settings, rows, normal, draws, paces }
    }

    /// Rows of the classes and made-up ones, masked at random, at whatever pace.
    fn batch(&self, random: &mut ChaCha8Rng) -> Batch {
        let made_up = (self.settings.batch as f64 * self.settings.made_up) as usize;
        let mut batch = Batch { inputs: Vec::new(), labels: Vec::new() };
        for _ in 0..self.settings.batch {
            let row = self.rows[self.draws.one(random)];
            let shown = self.shown(&row.features, random);
            let numbers = self.encode(&mut batch, &shown, i64::from(row.label));
            if self.settings.noise > 0.0 {
                let by = || self.settings.noise as f32 * gaussian(random);
                move_by(numbers, &shown, std::iter::repeat_with(by));
            }
        }
        for _ in 0..made_up {
            let row = self.normal_or_any(NORMAL_BASE, random);
            let donors = [self.normal_or_any(NORMAL_DONOR, random), self.any(random)];
            if let Some(Unlike { features, moved }) = unlike(row, donors, self.encoding, random) {
                let shown = self.shown(&features, random);
                let numbers = self.encode(&mut batch, &shown, self.dataset.labels.len() as i64);
                move_by(numbers, &shown, moved.into_iter());
            }
        }
        batch
    }

    /// A row as it is shown in this step.
    fn shown(&self, features: &Sample, random: &mut ChaCha8Rng) -> Sample {
        let mut shown = masked(features, self.encoding.space(), self.settings, random);
        if self.settings.pace > 0.0 {
            self.paces.at_another(&mut shown, self.settings.pace, random);
        }
        shown
    }

    /// Appends a row and gives its scaled numbers.
    fn encode<'b>(&self, batch: &'b mut Batch, features: &Sample, label: i64) -> &'b mut [f32] {
        let from = batch.inputs.len();
        batch.inputs.resize(from + self.encoding.inputs(), 0.0);
        self.encoding.dense(features.row(), &mut batch.inputs[from..]);
        batch.labels.push(label);
        &mut batch.inputs[from..from + self.encoding.numbers()]
    }

    fn any(&self, random: &mut ChaCha8Rng) -> &'a Row {
        self.rows[self.draws.one(random)]
    }

    fn normal_or_any(&self, normal: f64, random: &mut ChaCha8Rng) -> &'a Row {
        if !self.normal.is_empty() && random.random_bool(normal) {
            return self.rows[self.normal[random.random_range(0..self.normal.len())]];
        }
        self.any(random)
    }
}

/// Moves the scaled numbers that are known.
fn move_by(numbers: &mut [f32], shown: &Sample, by: impl Iterator<Item = f32>) {
    let known = numbers.iter_mut().zip(by).zip(&shown.numeric).filter(|(_, shown)| shown.is_finite());
    known.for_each(|((number, by), _)| *number = (*number + by).clamp(-LIMIT, LIMIT));
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
    fn new(
        network: &NetworkCard,
        encoding: &Encoding,
        settings: &Settings,
        random: &mut ChaCha8Rng,
    ) -> Result<Self, TrainError> {
        let variables = nn::VarStore::new(Device::Cpu);
        let shapes = needed_tensors(network);
        let mut layers = Vec::new();
        let mut sizes = Vec::new();
        while let Some(shape) = shapes.get(&format!("layer{}.weight", layers.len() + 1)) {
            let name = format!("layer{}", layers.len() + 1);
            let (inputs, outputs) = (shape[0], shape[1]);
            let sources = if layers.is_empty() && encoding.numbers() > 0 { encoding.numbers() } else { inputs };
            let first = first_weights(inputs, outputs, sources, random);
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

    /// One step on these rows, of whose certainty a share is spread over all outputs; gives their mean loss.
    fn step(&mut self, batch: &Batch, smoothing: f64) -> Result<f64, TrainError> {
        let mut state = Tensor::f_from_slice(&batch.inputs)?.f_view([batch.labels.len() as i64, -1])?;
        for (place, (weight, bias)) in self.layers.iter().enumerate() {
            if place > 0 {
                state = state.f_relu()?;
            }
            state = bias.f_addmm(&state, weight)?;
        }
        let (likelihoods, labels) = (state.f_log_softmax(-1, Kind::Float)?, Tensor::f_from_slice(&batch.labels)?);
        let mut loss = likelihoods.f_nll_loss(&labels, None::<Tensor>, Reduction::Mean, -100)?;
        if smoothing > 0.0 {
            let evenly = likelihoods.f_mean(Kind::Float)?.f_mul_scalar(-smoothing)?;
            loss = loss.f_mul_scalar(1.0 - smoothing)?.f_add(&evenly)?;
        }
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

/// He's uniform first weights for the first `sources` rows; in the first layer these are the numbers', where there are
/// some, and flags and symbols start at zero, so that one that never occurs says nothing.
fn first_weights(inputs: usize, outputs: usize, sources: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let bound = (6.0 / sources as f32).sqrt();
    let mut weights = vec![0.0; inputs * outputs];
    weights[..sources * outputs].iter_mut().for_each(|weight| *weight = random.random_range(-bound..bound));
    weights
}

/// Draws rows with replacement, each with its own chance. Captures count like classes: what a class is like in one of them is drawn in
/// proportion to its size there to the power that evens classes out.
struct Draws {
    cumulative: Vec<f64>,
}

impl Draws {
    fn new(rows: &[&Row], settings: &Settings) -> Self {
        let mut sizes = FxHashMap::<(u16, u16), (f64, f64)>::default();
        let repeated = |row: &Row| (row.count as f64).powf(settings.repeat_power);
        for row in rows {
            let size = sizes.entry((row.label, row.capture)).or_default();
            *size = (size.0 + 1.0, size.1 + repeated(row));
        }
        let chance = |row: &Row| {
            let (rows, repeats) = sizes[&(row.label, row.capture)];
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

/// Gives vocabulary words that training has not seen the weights of "unknown".
fn treat_unseen_words_as_unknown(weights: &mut Weights, encoding: &Encoding, rows: &[&Row]) {
    let mut seen = vec![false; encoding.inputs()];
    for row in rows {
        encoding.symbol_inputs(&row.features.symbols).for_each(|input| seen[input] = true);
    }
    let layer = weights.get_mut("layer1.weight").expect("there is a first layer");
    let width = layer.shape[1];
    for group in encoding.symbols() {
        let unknown = (group.first + group.words) * width;
        for input in (group.first..group.first + group.words).filter(|input| !seen[*input]) {
            layer.values.copy_within(unknown..unknown + width, input * width);
        }
    }
}

/// The mean encoding of the normal training rows; of all where none is normal.
fn baseline(rows: &[&Row], dataset: &Dataset, encoding: &Encoding) -> Numbers {
    let normal = dataset.labels.iter().position(|name| name == "normal");
    let is_normal = |row: &&&Row| normal.is_none_or(|normal| usize::from(row.label) == normal);
    let mut sums = vec![0f64; encoding.inputs()];
    let mut inputs = vec![0f32; encoding.inputs()];
    let mut count = 0f64;
    for row in rows.iter().filter(is_normal) {
        encoding.dense(row.features.row(), &mut inputs);
        sums.iter_mut().zip(&inputs).for_each(|(sum, input)| *sum += f64::from(*input));
        count += 1.0;
    }
    let values: Vec<f32> = sums.iter().map(|sum| (sum / count.max(1.0)) as f32).collect();
    Numbers { shape: vec![values.len()], values }
}
