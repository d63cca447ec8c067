//! The network in libtorch: dense layers with an activation between them, run without gradients.
//!
//! The first layer's inputs are mostly zeros and ones (flags, one-hot symbols), so their rows are added up here,
//! and only the scaled numbers go through a matrix product. Inner layers of networks that lie beside each other are run
//! block by block, see [`Layer`]. Weights are shared between the networks that
//! [`Network::share`] gives; nothing ever writes to them. Every tensor is single-threaded work of the caller:
//! see [`init_runtime`].

use std::sync::Arc;

use tch::{Kind, TchError, Tensor};

use super::card::{Activation, NetworkCard};
use super::encode::Encoding;
use super::rapid::widely;
use super::script::Script;
use super::weights::Weights;
use crate::features::Rows;

mod first;
mod layer;

use first::{Begin, FirstLayer};
use layer::Layer;

/// Prepares libtorch for one worker per core: its own thread pools are switched off.
///
/// That is a setting of the thread that calls it: whoever runs networks on a thread of its own calls it there, or products of
/// matrices wake a second thread that mostly waits. Training chooses its number of threads itself.
pub fn init_runtime() {
    tch::set_num_threads(1);
}

/// A network and its weights.
#[derive(Debug)]
pub struct Network {
    /// All layers as they lie in the file: weight `[inputs, outputs]`, bias `[outputs]`.
    layers: Vec<Layer>,
    /// What stands behind each layer but the last.
    activations: Arc<[Activation]>,
    /// The first layer's rows for the numbers, filled up with zeros to [`Encoding::padded`].
    numbers: Tensor,
    first: Arc<FirstLayer>,
    /// What stands in the place of the last layer.
    script: Option<Arc<Script>>,
    outputs: usize,
}

/// Space that one worker uses again for each batch.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The scaled numbers of each row of the last batch: [`Encoding::padded`] for each.
    pub numbers: Vec<f32>,
    sums: Vec<f32>,
    /// Which numbers of each row of the last batch are missing: [`Encoding::missing_words`] for each.
    pub missing: Vec<u64>,
    /// The outputs of the last batch, row by row.
    pub logits: Vec<f32>,
}

impl Network {
    /// A network of checked weights, on inputs of this encoding.
    ///
    /// # Errors
    /// When libtorch cannot make the tensors.
    pub fn new(card: &NetworkCard, encoding: &Encoding, weights: &Weights) -> Result<Self, TchError> {
        let mut layers = Vec::new();
        while let Some(weight) = weights.get(&format!("layer{}.weight", layers.len() + 1)) {
            layers.push(Layer::new(weight, &weights[&format!("layer{}.bias", layers.len() + 1)])?);
        }
        let first = FirstLayer::new(encoding, &weights["layer1.weight"].values, &weights["layer1.bias"].values);
        let mut numbers = first.rows[..encoding.numbers() * first.width].to_vec();
        numbers.resize(encoding.padded() * first.width, 0.0);
        let numbers = matrix(&numbers, first.width)?;
        let activations = card.hidden.iter().map(|hidden| hidden.activation).collect();
        Ok(Self { layers, activations, numbers, first: Arc::new(first), script: None, outputs: card.outputs })
    }

    /// The same, with a script in the place of the last layer.
    #[must_use]
    pub fn before(self, script: Option<Arc<Script>>) -> Self {
        Self { script, ..self }
    }

    /// Another network on the same weights, for another worker.
    pub fn share(&self) -> Self {
        Self {
            layers: self.layers.iter().map(Layer::share).collect(),
            activations: Arc::clone(&self.activations),
            numbers: self.numbers.shallow_clone(),
            first: Arc::clone(&self.first),
            script: self.script.clone(),
            outputs: self.outputs,
        }
    }

    /// How many classes there are.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Runs a batch of rows of the encoding's space; `scratch.logits` then holds as many × [`Self::outputs`] numbers.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn forward(&self, encoding: &Encoding, batch: Rows<'_>, scratch: &mut Scratch) -> Result<(), TchError> {
        let (width, padded) = (self.first.width, encoding.padded());
        let rows = batch.len();
        scratch.numbers.resize(rows * padded, 0.0);
        scratch.missing.resize(rows * encoding.missing_words(), 0);
        scratch.sums.resize(rows * width, 0.0);
        scratch.logits.resize(rows * self.outputs, 0.0);
        widely(Begin { first: &self.first, encoding, batch, scratch });
        let _guard = tch::no_grad_guard();
        let mut state = matrix(&scratch.sums, width)?;
        if padded > 0 {
            state = state.f_addmm_(&matrix(&scratch.numbers, padded)?, &self.numbers)?;
        }
        for (layer, activation) in self.layers[1..].iter().zip(self.activations.iter()) {
            state = layer.sums(&activation.apply(state)?)?;
        }
        if let Some(script) = &self.script {
            state = script.logits(&state)?.f_contiguous()?;
        }
        state.f_copy_data(&mut scratch.logits, rows * self.outputs)
    }

    /// Sums of the first layer's units, before the activation, for encoded inputs (bias left out).
    pub fn first_sums(&self, inputs: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.first.width];
        for (input, value) in inputs.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            sums.iter_mut().zip(self.first.row(input)).for_each(|(sum, weight)| *sum += value * weight);
        }
        sums
    }

    /// Gradients of a logit at the first layer's sums (without its bias): for each row of `sums` that of its class.
    ///
    /// The backward pass of dense layers, written out: the chain of products is all that automatic
    /// differentiation would do, without its bookkeeping.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn gradients_at_first(&self, sums: &[f32], classes: &[i64]) -> Result<Vec<f32>, TchError> {
        let mut state = matrix(sums, self.first.width)?.f_add_(&self.layers[0].bias)?;
        let mut values = vec![0.0; sums.len()];
        if let Some(script) = &self.script {
            script.gradients(&state, classes)?.f_contiguous()?.f_copy_data(&mut values, sums.len())?;
            return Ok(values);
        }
        let _guard = tch::no_grad_guard();
        let mut slopes = Vec::with_capacity(self.layers.len());
        for (layer, activation) in self.layers[1..].iter().zip(self.activations.iter()) {
            state = activation.apply(state)?;
            slopes.push(activation.slope(&state)?);
            state = layer.sums(&state)?;
        }
        let last = &self.layers.last().expect("there are at least two layers").weight;
        let mut gradient = last.f_index_select(1, &Tensor::f_from_slice(classes)?)?.f_tr()?;
        for (place, slope) in slopes.iter().enumerate().rev() {
            if let Some(slope) = slope {
                gradient = gradient.f_mul(slope)?;
            }
            if place > 0 {
                gradient = gradient.f_mm(&self.layers[place].weight.f_tr()?)?;
            }
        }
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

impl Activation {
    /// It at each of these sums.
    fn apply(self, mut sums: Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Relu => sums.f_relu_(),
            Self::Tanh => sums.f_tanh_(),
            Self::Sigmoid => sums.f_sigmoid_(),
            Self::Linear => Ok(sums),
        }
    }

    /// Its slope where it gives these values; none where that is 1 everywhere.
    fn slope(self, values: &Tensor) -> Result<Option<Tensor>, TchError> {
        let slope = match self {
            Self::Relu => values.f_gt(0)?.f_to_kind(Kind::Float)?,
            // 1 − y² and y − y²
            Self::Tanh => values.f_square()?.f_neg_()?.f_add_scalar_(1.0)?,
            Self::Sigmoid => values.f_sub(&values.f_square()?)?,
            Self::Linear => return Ok(None),
        };
        Ok(Some(slope))
    }
}

/// A tensor of rows of `width` numbers.
fn matrix(values: &[f32], width: usize) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(values)?.f_view([-1, i64::try_from(width).expect("a width fits")])
}

#[cfg(test)]
mod tests {
    use super::super::{check, sample, weights};
    use super::*;
    use crate::features::Matrix;

    const ALL: [Activation; 4] = [Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Linear];

    /// The sample's network, with this behind each layer.
    fn network(activation: Activation) -> Network {
        let mut card = sample::card().network;
        card.hidden.iter_mut().for_each(|hidden| hidden.activation = activation);
        Network::new(&card, &sample::encoding(), &sample::weights()).expect("sound weights")
    }

    impl Network {
        /// Logits and gradients at the encoded inputs, by libtorch's automatic differentiation.
        pub fn by_autograd(&self, inputs: &[f32], classes: &[i64]) -> (Vec<f32>, Vec<f32>) {
            let inputs = matrix(inputs, sample::encoding().inputs()).expect("rows").set_requires_grad(true);
            let mut state = inputs.shallow_clone();
            for (place, layer) in self.layers.iter().enumerate() {
                if let Some(activation) = place.checked_sub(1).map(|before| self.activations[before]) {
                    state = match activation {
                        Activation::Relu => state.relu(),
                        Activation::Tanh => state.tanh(),
                        Activation::Sigmoid => state.sigmoid(),
                        Activation::Linear => state,
                    };
                }
                state = layer.bias.addmm(&state, &layer.weight);
            }
            let chosen = state.gather(1, &Tensor::from_slice(classes).unsqueeze(1), false);
            let gradients = Tensor::run_backward(&[chosen.sum(Kind::Float)], &[&inputs], false, false);
            let copied = |tensor: &Tensor| Vec::<f32>::try_from(tensor.flatten(0, -1)).expect("numbers");
            (copied(&chosen.detach()), copied(&gradients[0]))
        }
    }

    #[test]
    fn the_written_out_gradients_are_those_of_automatic_differentiation() {
        for network in ALL.map(network) {
            for (place, row) in sample::rows().rows(0..5).iter().enumerate() {
                let (mut inputs, class) = (vec![0.0; sample::encoding().inputs()], (place % 4) as i64);
                sample::encoding().dense(row, &mut inputs);
                let at_first = network.gradients_at_first(&network.first_sums(&inputs), &[class]).expect("runs");
                let (_, expected) = network.by_autograd(&inputs, &[class]);
                for (input, expected) in expected.iter().enumerate() {
                    let found = network.gradient_at_input(input, &at_first);
                    assert!((found - expected).abs() < 1e-4, "input {input}: {found} and {expected}");
                }
            }
        }
    }

    #[test]
    fn adding_up_rows_gives_what_the_dense_product_gives() {
        let (batch, encoding) = (sample::rows(), sample::encoding());
        for network in ALL.map(network) {
            let mut scratch = Scratch::default();
            network.forward(&encoding, batch.rows(0..batch.len()), &mut scratch).expect("runs");
            for class in 0..network.outputs() {
                let mut inputs = vec![0.0; batch.len() * encoding.inputs()];
                for (row, inputs) in batch.rows(0..batch.len()).iter().zip(inputs.chunks_exact_mut(encoding.inputs())) {
                    encoding.dense(row, inputs);
                }
                let (logits, _) = network.by_autograd(&inputs, &vec![class as i64; batch.len()]);
                for (place, logit) in logits.iter().enumerate() {
                    let other = scratch.logits[place * network.outputs() + class];
                    assert!((logit - other).abs() < 1e-4, "row {place}, class {class}: {logit} and {other}");
                }
            }
        }
    }

    #[test]
    fn the_network_that_ships_is_three_and_batches_of_every_size_get_the_same_logits() {
        let card = include_bytes!("../../../models/kdd99/card.json");
        let file = include_bytes!("../../../models/kdd99/weights.safetensors");
        let (card, encoding) = check::read(card).expect("sound");
        let weights = weights::read(file, &card).expect("sound");
        let network = Network::new(&card.network, &encoding, &weights).expect("sound");
        let batch: Matrix = sample::vectors().into_iter().cycle().take(100).collect();
        let logits = |rows| {
            let mut scratch = Scratch::default();
            network.forward(&encoding, batch.rows(rows), &mut scratch).expect("runs");
            scratch.logits
        };
        let together = logits(0..100);
        let alone: Vec<f32> = (0..100).flat_map(|row| logits(row..row + 1)).collect();
        let apart = together.iter().zip(&alone).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-3, "{apart}, of logits up to {}", alone.iter().copied().fold(0.0, f32::max));
        assert_eq!(network.layers.iter().map(Layer::networks).collect::<Vec<_>>(), [1, 3, 1]);
    }
}
