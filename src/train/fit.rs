//! Fits networks to the training part: cross-entropy, AdamW, a cosine of step widths, random masks, made-up rows. Several stand beside
//! each other as one, or teach one that stands for them.
//!
//! Whatever is random comes from seeded ChaCha streams, one for each member, never from libtorch's generator, so runs
//! repeat. Rows are drawn with replacement, classes and repetitions evened out by powers of their counts. The network has an
//! output for each class and a last one for rows that are like none of them. The weights of the last pass are taken: the
//! validation part has no say in them, so that what is fitted to it afterwards holds for other rows too.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adversary;
use super::dataset::{Dataset, Part, Row};
use super::draws::Draws;
use super::pace::Paces;
use super::shown::masked;
use super::teachers::Teachers;
use super::trainee::Trainee;
use super::unlike::{Unlike, gaussian, unlike};
use super::{LIMIT, Progress, Settings, Student, TrainError, ensemble};
use crate::classify::card::{Activation, HiddenCard, NetworkCard};
use crate::classify::encode::Encoding;
use crate::classify::weights::{Numbers, Weights};
use crate::features::Sample;

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
    let members = members.collect::<Result<Vec<Weights>, TrainError>>()?;
    let mut weights = match &settings.student {
        Some(student) => fit_student(&material, student, &Teachers::new(&members)?, progress)?,
        None => ensemble::merge(&members),
    };
    treat_unseen_words_as_unknown(&mut weights, encoding, &material.rows);
    weights.insert("baseline".to_owned(), baseline(&material.rows, dataset, encoding));
    Ok(weights)
}

/// Sizes of the network that these settings make for so many classes.
pub fn network_of(settings: &Settings, encoding: &Encoding, classes: usize) -> NetworkCard {
    match &settings.student {
        Some(student) => one_network(&student.hidden, encoding, classes),
        None => ensemble::sizes(&one_network(&settings.hidden, encoding, classes), settings.members),
    }
}

fn one_network(hidden: &[usize], encoding: &Encoding, classes: usize) -> NetworkCard {
    let hidden = hidden.iter().map(|units| HiddenCard { units: *units, activation: Activation::Relu });
    NetworkCard { inputs: encoding.inputs(), hidden: hidden.collect(), outputs: classes + 1, script: None }
}

/// The weights of one member after the last pass.
fn fit_member(material: &Material<'_>, member: u16, progress: &mut dyn FnMut(Progress)) -> Result<Weights, TrainError> {
    let Settings { hidden, epochs, smoothing, .. } = material.settings;
    let passes = Passes { network: member, before: u32::from(member) * epochs, count: *epochs };
    passes.run(material, hidden, |trainee, batch| trainee.step(batch, *smoothing), progress)
}

/// The weights of a network that has learned what the members make of the rows.
fn fit_student(
    material: &Material<'_>,
    student: &Student,
    teachers: &Teachers,
    progress: &mut dyn FnMut(Progress),
) -> Result<Weights, TrainError> {
    let Settings { members, epochs, .. } = material.settings;
    let passes = Passes { network: *members, before: u32::from(*members) * epochs, count: student.epochs };
    let imitate = |trainee: &mut Trainee, batch: &Batch| trainee.imitate(batch, &teachers.beliefs(batch)?);
    passes.run(material, &student.hidden, imitate, progress)
}

/// The passes of one network.
struct Passes {
    /// Which network it is, counted from 0: each has random numbers of its own.
    network: u16,
    /// Passes of the networks before it.
    before: u32,
    count: u32,
}

impl Passes {
    fn run(
        &self,
        material: &Material<'_>,
        hidden: &[usize],
        mut step: impl FnMut(&mut Trainee, &Batch) -> Result<f64, TrainError>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Weights, TrainError> {
        let settings = material.settings;
        let random = &mut ChaCha8Rng::seed_from_u64(settings.seed);
        random.set_stream(u64::from(self.network));
        let sizes = one_network(hidden, material.encoding, material.dataset.labels.len());
        let captures = material.dataset.captures.len();
        let mut trainee = Trainee::new(&sizes, material.encoding, settings, captures, random)?;
        let steps = material.rows.len().div_ceil(settings.batch);
        for epoch in 0..self.count {
            let mut loss = 0.0;
            for number in 0..steps {
                let done = (f64::from(epoch) + number as f64 / steps as f64) / f64::from(self.count);
                trainee.set_rate(rate_at(settings.rate, done));
                loss += step(&mut trainee, &material.batch(random))? / steps as f64;
            }
            if !loss.is_finite() {
                return Err(TrainError::Diverged { epoch: epoch + 1 });
            }
            progress(Progress::Epoch { epoch: self.before + epoch + 1, of: settings.passes(), loss });
        }
        trainee.weights()
    }
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
    /// The same within each class, where rows are mixed.
    within: Vec<Draws>,
    paces: Paces,
}

/// Encoded rows.
#[derive(Default)]
pub struct Batch {
    /// Row behind row.
    pub inputs: Vec<f32>,
    /// The output that each should raise.
    pub labels: Vec<i64>,
    /// The capture of each, or [`adversary::NONE`].
    pub captures: Vec<i64>,
}

impl<'a> Material<'a> {
    fn new(dataset: &'a Dataset, encoding: &'a Encoding, settings: &'a Settings) -> Self {
        let rows: Vec<&Row> = dataset.part(Part::Training).collect();
        let is_normal = |place: &usize| dataset.labels[usize::from(rows[*place].label)] == "normal";
        let normal = (0..rows.len()).filter(is_normal).collect();
        let draws = Draws::new(&rows, settings, None);
        let classes = 0..u16::try_from(dataset.labels.len()).expect("few labels");
        let within = match settings.mix > 0.0 {
            true => classes.map(|class| Draws::new(&rows, settings, Some(class))).collect(),
            false => Vec::new(),
        };
        let paces = Paces::of(encoding.space());
        Self { dataset, encoding, settings, rows, normal, draws, within, paces }
    }

    /// Rows of the classes and made-up ones, masked at random, at whatever pace.
    fn batch(&self, random: &mut ChaCha8Rng) -> Batch {
        let made_up = (self.settings.batch as f64 * self.settings.made_up) as usize;
        let mut batch = Batch::default();
        for _ in 0..self.settings.batch {
            let row = self.rows[self.draws.one(random)];
            let shown = self.shown(&row.features, random);
            let numbers = self.encode(&mut batch, &shown, i64::from(row.label), i64::from(row.capture));
            if self.settings.noise > 0.0 {
                let by = || self.settings.noise as f32 * gaussian(random);
                move_by(numbers, &shown, std::iter::repeat_with(by));
            }
            if self.settings.mix > 0.0 && random.random_bool(self.settings.mix) {
                self.mix(&mut batch, row.label, random);
            }
        }
        for _ in 0..made_up {
            let row = self.normal_or_any(NORMAL_BASE, random);
            let donors = [self.normal_or_any(NORMAL_DONOR, random), self.any(random)];
            if let Some(Unlike { features, moved }) = unlike(row, donors, self.encoding, random) {
                let shown = self.shown(&features, random);
                let numbers = self.encode(&mut batch, &shown, self.dataset.labels.len() as i64, adversary::NONE);
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

    /// Mixes the last row with another one of its class, half and half at most.
    fn mix(&self, batch: &mut Batch, class: u16, random: &mut ChaCha8Rng) {
        let other = self.rows[self.within[usize::from(class)].one(random)];
        let (mut inputs, share) = (vec![0.0; self.encoding.inputs()], random.random_range(0.0..0.5f32));
        self.encoding.dense(self.shown(&other.features, random).row(), &mut inputs);
        let from = batch.inputs.len() - inputs.len();
        batch.inputs[from..].iter_mut().zip(inputs).for_each(|(own, other)| *own += share * (other - *own));
    }

    /// Appends a row and gives its scaled numbers.
    fn encode<'b>(&self, batch: &'b mut Batch, features: &Sample, label: i64, capture: i64) -> &'b mut [f32] {
        let from = batch.inputs.len();
        batch.inputs.resize(from + self.encoding.inputs(), 0.0);
        self.encoding.dense(features.row(), &mut batch.inputs[from..]);
        batch.labels.push(label);
        batch.captures.push(capture);
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
