//! The network in libtorch: dense layers with ReLU between them, run without gradients.
//!
//! The first layer's inputs are mostly zeros and ones (flags, one-hot symbols), so their rows are added up here,
//! and only the 38 numbers go through a matrix product. Weights are shared between the networks that
//! [`Network::share`] gives; nothing ever writes to them. Every tensor is single-threaded work of the caller:
//! see [`init_runtime`].

use std::sync::Arc;

use tch::{TchError, Tensor};

use super::encode::{CONTENT, Encoding, INPUTS, Missing, symbol_inputs};
use super::weights::Weights;
use crate::features::{FeatureVector, NUMERIC};

/// Prepares libtorch for one worker per core: its own thread pools are switched off.
///
/// Called once at start by whoever starts workers; training chooses its number of threads itself.
pub fn init_runtime() {
    tch::set_num_threads(1);
}

/// A network and its weights.
#[derive(Debug)]
pub struct Network {
    /// All layers as they lie in the file: weight `[inputs, outputs]`, bias `[outputs]`.
    layers: Vec<Layer>,
    /// The first layer's rows for the 38 numbers.
    numbers: Tensor,
    first: Arc<FirstLayer>,
    outputs: usize,
}

#[derive(Debug)]
struct Layer {
    weight: Tensor,
    bias: Tensor,
}

/// The first layer for what is added up here.
#[derive(Debug)]
struct FirstLayer {
    width: usize,
    bias: Vec<f32>,
    /// All rows, `INPUTS` × width.
    rows: Vec<f32>,
    /// The rows of the flags of all content features together, as connection logs lack them all.
    content_missing: Vec<f32>,
}

/// Space that one worker uses again for each batch.
#[derive(Debug, Default)]
pub struct Scratch {
    numbers: Vec<f32>,
    sums: Vec<f32>,
    /// The outputs of the last batch, row by row.
    pub logits: Vec<f32>,
}

impl Network {
    /// A network of checked weights.
    ///
    /// # Errors
    /// When libtorch cannot make the tensors.
    pub fn new(weights: &Weights) -> Result<Self, TchError> {
        let mut layers = Vec::new();
        while let Some(weight) = weights.get(&format!("layer{}.weight", layers.len() + 1)) {
            let bias = &weights[&format!("layer{}.bias", layers.len() + 1)];
            layers.push(Layer {
                weight: matrix(&weight.values, weight.shape[1])?,
                bias: Tensor::f_from_slice(&bias.values)?,
            });
        }
        let first = FirstLayer::new(&weights["layer1.weight"].values, &weights["layer1.bias"].values);
        let numbers = matrix(&first.rows[..NUMERIC * first.width], first.width)?;
        let outputs = weights[&format!("layer{}.bias", layers.len())].values.len();
        Ok(Self { layers, numbers, first: Arc::new(first), outputs })
    }

    /// Another network on the same weights, for another worker.
    pub fn share(&self) -> Self {
        let share = |layer: &Layer| Layer { weight: layer.weight.shallow_clone(), bias: layer.bias.shallow_clone() };
        Self {
            layers: self.layers.iter().map(share).collect(),
            numbers: self.numbers.shallow_clone(),
            first: Arc::clone(&self.first),
            outputs: self.outputs,
        }
    }

    /// How many classes there are.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Runs a batch; `scratch.logits` then holds `batch.len()` × [`Self::outputs`] numbers.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn forward(&self, encoding: &Encoding, batch: &[FeatureVector], scratch: &mut Scratch) -> Result<(), TchError> {
        let width = self.first.width;
        scratch.numbers.resize(batch.len() * NUMERIC, 0.0);
        scratch.sums.resize(batch.len() * width, 0.0);
        scratch.logits.resize(batch.len() * self.outputs, 0.0);
        let rows = scratch.numbers.chunks_exact_mut(NUMERIC).zip(scratch.sums.chunks_exact_mut(width));
        for (features, (numbers, sums)) in batch.iter().zip(rows) {
            let missing = encoding.numbers(features, numbers);
            self.first.add_up(missing, symbol_inputs(features.symbols), sums);
        }
        let _guard = tch::no_grad_guard();
        let mut state = matrix(&scratch.sums, width)?.f_addmm_(&matrix(&scratch.numbers, NUMERIC)?, &self.numbers)?;
        for layer in &self.layers[1..] {
            state = layer.bias.f_addmm(&state.f_relu_()?, &layer.weight)?;
        }
        state.f_copy_data(&mut scratch.logits, batch.len() * self.outputs)
    }

    /// Runs encoded inputs, `rows` × [`INPUTS`], and gives the logits of `classes` (one for each row) with their
    /// gradients at the inputs.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn gradients(&self, inputs: &[f32], classes: &[i64]) -> Result<(Vec<f32>, Vec<f32>), TchError> {
        tch::with_grad(|| {
            let inputs = matrix(inputs, INPUTS)?.f_set_requires_grad(true)?;
            let mut state = inputs.shallow_clone();
            for (place, layer) in self.layers.iter().enumerate() {
                if place > 0 {
                    state = state.f_relu()?;
                }
                state = layer.bias.f_addmm(&state, &layer.weight)?;
            }
            let classes = Tensor::f_from_slice(classes)?.f_unsqueeze(1)?;
            let chosen = state.f_gather(1, &classes, false)?;
            let gradients = Tensor::f_run_backward(&[chosen.f_sum(tch::Kind::Float)?], &[&inputs], false, false)?;
            Ok((copied(&chosen.f_detach()?)?, copied(&gradients[0])?))
        })
    }
}

impl FirstLayer {
    fn new(rows: &[f32], bias: &[f32]) -> Self {
        let width = bias.len();
        let mut content_missing = vec![0.0; width];
        for place in CONTENT {
            let from = (NUMERIC + place) * width;
            content_missing.iter_mut().zip(&rows[from..from + width]).for_each(|(sum, weight)| *sum += weight);
        }
        Self { width, bias: bias.to_vec(), rows: rows.to_vec(), content_missing }
    }

    /// Writes bias plus the rows of the inputs that are 1.
    fn add_up(&self, missing: Missing, symbols: [usize; 3], sums: &mut [f32]) {
        let [protocol, service, flag] = symbols.map(|input| self.row(input));
        let rows = self.bias.iter().zip(protocol).zip(service.iter().zip(flag));
        for (sum, ((bias, protocol), (service, flag))) in sums.iter_mut().zip(rows) {
            *sum = bias + protocol + service + flag;
        }
        let mut rest = missing;
        if missing.0 & Missing::CONTENT.0 == Missing::CONTENT.0 {
            rest.0 ^= Missing::CONTENT.0;
            sums.iter_mut().zip(&self.content_missing).for_each(|(sum, weight)| *sum += weight);
        }
        for place in rest.places() {
            sums.iter_mut().zip(self.row(NUMERIC + place)).for_each(|(sum, weight)| *sum += weight);
        }
    }

    fn row(&self, input: usize) -> &[f32] {
        &self.rows[input * self.width..][..self.width]
    }
}

/// A tensor of rows of `width` numbers.
fn matrix(values: &[f32], width: usize) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(values)?.f_view([-1, i64::try_from(width).expect("a width fits")])
}

fn copied(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn adding_up_rows_gives_what_the_dense_product_gives() {
        let network = Network::new(&sample::weights()).expect("sound weights");
        let batch = sample::vectors();
        let mut scratch = Scratch::default();
        network.forward(&sample::encoding(), &batch, &mut scratch).expect("runs");
        for class in 0..network.outputs() {
            let mut inputs = vec![0.0; batch.len() * INPUTS];
            for (features, row) in batch.iter().zip(inputs.chunks_exact_mut(INPUTS)) {
                sample::encoding().dense(features, row);
            }
            let (logits, _) = network.gradients(&inputs, &vec![class as i64; batch.len()]).expect("runs");
            for (place, logit) in logits.iter().enumerate() {
                let other = scratch.logits[place * network.outputs() + class];
                assert!((logit - other).abs() < 1e-4, "row {place}, class {class}: {logit} and {other}");
            }
        }
    }
}
