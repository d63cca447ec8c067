//! A network while it learns: its layers, the optimiser, and the loss of a step.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Reduction, Tensor};

use super::adversary::Adversary;
use super::fit::Batch;
use super::{Settings, TrainError};
use crate::classify::card::NetworkCard;
use crate::classify::check::needed_tensors;
use crate::classify::encode::Encoding;
use crate::classify::weights::{Numbers, Weights};

/// Gradients longer than this are shortened.
const LONGEST_GRADIENT: f64 = 5.0;

/// The network while it learns.
pub struct Trainee {
    /// Weight and bias of each layer.
    layers: Vec<(Tensor, Tensor)>,
    shapes: Vec<(usize, usize)>,
    optimiser: nn::Optimizer,
    adversary: Option<Adversary>,
    /// Owns the variables.
    _variables: nn::VarStore,
}

impl Trainee {
    /// One of these sizes with its first weights.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn new(
        network: &NetworkCard,
        encoding: &Encoding,
        settings: &Settings,
        captures: usize,
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
        let adversary = match (settings.adversary > 0.0 && captures > 1, network.hidden.last()) {
            (true, Some(last)) => {
                Some(Adversary::new(&variables, [last.units, network.outputs, captures], settings.adversary)?)
            }
            _ => None,
        };
        let optimiser = nn::adamw(0.9, 0.999, settings.decay).build(&variables, settings.rate)?;
        Ok(Self { layers, shapes: sizes, optimiser, adversary, _variables: variables })
    }

    /// Sets the step width.
    pub fn set_rate(&mut self, rate: f64) {
        self.optimiser.set_lr(rate);
    }

    /// One step on these rows, of whose certainty a share is spread over all outputs; gives their mean loss.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn step(&mut self, batch: &Batch, smoothing: f64) -> Result<f64, TrainError> {
        let (made, likelihoods) = self.forward(batch)?;
        let labels = Tensor::f_from_slice(&batch.labels)?;
        let mut loss = likelihoods.f_nll_loss(&labels, None::<Tensor>, Reduction::Mean, -100)?;
        if smoothing > 0.0 {
            let evenly = likelihoods.f_mean(Kind::Float)?.f_mul_scalar(-smoothing)?;
            loss = loss.f_mul_scalar(1.0 - smoothing)?.f_add(&evenly)?;
        }
        if let Some(adversary) = &self.adversary {
            loss = loss.f_add(&adversary.loss(&made, &labels, &batch.captures)?)?;
        }
        self.descend(&loss)
    }

    /// One step on these rows towards what somebody believes of each output for each, rows × outputs; gives their mean loss.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn imitate(&mut self, batch: &Batch, beliefs: &Tensor) -> Result<f64, TrainError> {
        let (_, likelihoods) = self.forward(batch)?;
        let each = likelihoods.f_mul(beliefs)?.f_sum_dim_intlist(&[-1i64][..], false, Kind::Float)?;
        self.descend(&each.f_mean(Kind::Float)?.f_neg()?)
    }

    /// What the last layer looks at, and the logarithm of each output's likelihood.
    fn forward(&self, batch: &Batch) -> Result<(Tensor, Tensor), TrainError> {
        let mut state = Tensor::f_from_slice(&batch.inputs)?.f_view([batch.labels.len() as i64, -1])?;
        let mut made = state.shallow_clone();
        for (place, (weight, bias)) in self.layers.iter().enumerate() {
            if place > 0 {
                made = state.f_relu()?;
            }
            state = bias.f_addmm(&made, weight)?;
        }
        Ok((made, state.f_log_softmax(-1, Kind::Float)?))
    }

    fn descend(&mut self, loss: &Tensor) -> Result<f64, TrainError> {
        self.optimiser.backward_step_clip_norm(loss, LONGEST_GRADIENT);
        Ok(loss.f_double_value(&[])?)
    }

    /// The weights so far.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn weights(&self) -> Result<Weights, TrainError> {
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
