//! The network in libtorch: dense layers with ReLU between them, run without gradients.
//!
//! The first layer's inputs are mostly zeros and ones (flags, one-hot symbols), so their rows are added up here,
//! and only the 38 numbers go through a matrix product. Weights are shared between the networks that
//! [`Network::share`] gives; nothing ever writes to them. Every tensor is single-threaded work of the caller:
//! see [`init_runtime`].

use std::sync::Arc;

use tch::{Kind, TchError, Tensor};

use super::encode::{CONTENT, Encoding, Missing, symbol_inputs};
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
    /// Which numbers of each vector of the last batch are missing.
    pub missing: Vec<Missing>,
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
        scratch.missing.clear();
        let rows = scratch.numbers.chunks_exact_mut(NUMERIC).zip(scratch.sums.chunks_exact_mut(width));
        for (features, (numbers, sums)) in batch.iter().zip(rows) {
            let missing = encoding.numbers(features, numbers);
            scratch.missing.push(missing);
            self.first.add_up(missing, symbol_inputs(features.symbols), sums);
        }
        let _guard = tch::no_grad_guard();
        let mut state = matrix(&scratch.sums, width)?.f_addmm_(&matrix(&scratch.numbers, NUMERIC)?, &self.numbers)?;
        for layer in &self.layers[1..] {
            state = layer.bias.f_addmm(&state.f_relu_()?, &layer.weight)?;
        }
        state.f_copy_data(&mut scratch.logits, batch.len() * self.outputs)
    }

    /// Sums of the first layer's units, before the ReLU, for encoded inputs (bias left out).
    pub fn first_sums(&self, inputs: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.first.width];
        for (input, value) in inputs.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            sums.iter_mut().zip(self.first.row(input)).for_each(|(sum, weight)| *sum += value * weight);
        }
        sums
    }

    /// Gradients of a logit at the first layer's sums (without its bias): for each row of `sums` that of its class.
    ///
    /// The backward pass of dense layers with ReLU, written out: the chain of masked products is all that automatic
    /// differentiation would do, without its bookkeeping.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn gradients_at_first(&self, sums: &[f32], classes: &[i64]) -> Result<Vec<f32>, TchError> {
        let _guard = tch::no_grad_guard();
        let mut state = matrix(sums, self.first.width)?.f_add_(&self.layers[0].bias)?;
        let mut open = Vec::with_capacity(self.layers.len());
        for layer in &self.layers[1..] {
            open.push(state.f_gt(0)?.f_to_kind(Kind::Float)?);
            state = layer.bias.f_addmm(&state.f_relu()?, &layer.weight)?;
        }
        let last = &self.layers.last().expect("there are at least two layers").weight;
        let mut gradient = last.f_index_select(1, &Tensor::f_from_slice(classes)?)?.f_tr()?;
        for (place, open) in open.iter().enumerate().rev() {
            gradient = gradient.f_mul(open)?;
            if place > 0 {
                gradient = gradient.f_mm(&self.layers[place].weight.f_tr()?)?;
            }
        }
        let mut values = vec![0.0; sums.len()];
        gradient.f_contiguous()?.f_copy_data(&mut values, sums.len())?;
        Ok(values)
    }

    /// What one unit of an input adds to a logit, given its gradient at the first layer's sums.
    pub fn gradient_at_input(&self, input: usize, at_first: &[f32]) -> f32 {
        // eight sums beside each other: one alone waits for each addition
        let mut sums = [0f32; 8];
        for (weights, gradients) in self.first.row(input).chunks(8).zip(at_first.chunks(8)) {
            sums.iter_mut().zip(weights).zip(gradients).for_each(|((sum, weight), gradient)| *sum += weight * gradient);
        }
        sums.iter().sum()
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
        if missing.has_all(Missing::CONTENT) {
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

#[cfg(test)]
mod tests {
    use super::super::encode::INPUTS;
    use super::super::sample;
    use super::*;

    /// Logits and gradients at the encoded inputs, by libtorch's automatic differentiation.
    fn by_autograd(inputs: &[f32], classes: &[i64]) -> (Vec<f32>, Vec<f32>) {
        let network = Network::new(&sample::weights()).expect("sound weights");
        let inputs = matrix(inputs, INPUTS).expect("rows").set_requires_grad(true);
        let mut state = inputs.shallow_clone();
        for (place, layer) in network.layers.iter().enumerate() {
            state = layer.bias.addmm(&if place > 0 { state.relu() } else { state }, &layer.weight);
        }
        let chosen = state.gather(1, &Tensor::from_slice(classes).unsqueeze(1), false);
        let gradients = Tensor::run_backward(&[chosen.sum(Kind::Float)], &[&inputs], false, false);
        let copied = |tensor: &Tensor| Vec::<f32>::try_from(tensor.flatten(0, -1)).expect("numbers");
        (copied(&chosen.detach()), copied(&gradients[0]))
    }

    #[test]
    fn the_written_out_gradients_are_those_of_automatic_differentiation() {
        let network = Network::new(&sample::weights()).expect("sound weights");
        for (place, features) in sample::vectors().iter().enumerate() {
            let (mut inputs, class) = (vec![0.0; INPUTS], (place % 4) as i64);
            sample::encoding().dense(features, &mut inputs);
            let at_first = network.gradients_at_first(&network.first_sums(&inputs), &[class]).expect("runs");
            let (_, expected) = by_autograd(&inputs, &[class]);
            for (input, expected) in expected.iter().enumerate() {
                let found = network.gradient_at_input(input, &at_first);
                assert!((found - expected).abs() < 1e-4, "input {input}: {found} and {expected}");
            }
        }
    }

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
            let (logits, _) = by_autograd(&inputs, &vec![class as i64; batch.len()]);
            for (place, logit) in logits.iter().enumerate() {
                let other = scratch.logits[place * network.outputs() + class];
                assert!((logit - other).abs() < 1e-4, "row {place}, class {class}: {logit} and {other}");
            }
        }
    }
}
