//! What several networks together make of a batch, for one small network to learn it from them.
//!
//! Networks that begin differently are wrong about different rows, so that their mean is right more often than any of them; one network that
//! learns the mean instead of the labels comes near to it and costs as much as one.
//!
//! Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), with a temperature of 1.

use tch::{Kind, Tensor};

use super::TrainError;
use super::fit::Batch;
use crate::classify::weights::{Numbers, Weights};

/// Networks of the same sizes, run beside each other.
pub struct Teachers {
    /// Weight, members × inputs × units, and bias, members × 1 × units, of each layer.
    layers: Vec<(Tensor, Tensor)>,
    members: i64,
}

impl Teachers {
    /// Of the weights of at least one member.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn new(members: &[Weights]) -> Result<Self, TrainError> {
        let mut layers = Vec::new();
        while members[0].contains_key(&format!("layer{}.weight", layers.len() + 1)) {
            let name = format!("layer{}", layers.len() + 1);
            let stacked = |part: &str| {
                let of_member = |member: &Weights| tensor(&member[&format!("{name}.{part}")]);
                let tensors = members.iter().map(of_member).collect::<Result<Vec<_>, TrainError>>()?;
                Ok::<_, TrainError>(Tensor::f_stack(&tensors, 0)?)
            };
            layers.push((stacked("weight")?, stacked("bias")?.f_unsqueeze(1)?));
        }
        Ok(Self { layers, members: members.len() as i64 })
    }

    /// How probable they find each output for each row, rows × outputs: the softmax of the mean of their logits.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn beliefs(&self, batch: &Batch) -> Result<Tensor, TrainError> {
        let _guard = tch::no_grad_guard();
        let rows = batch.labels.len() as i64;
        let inputs = Tensor::f_from_slice(&batch.inputs)?.f_view([1, rows, -1])?;
        let mut state = inputs.f_expand([self.members, rows, -1], false)?;
        for (place, (weight, bias)) in self.layers.iter().enumerate() {
            if place > 0 {
                state = state.f_relu_()?;
            }
            state = bias.f_baddbmm(&state, weight, 1.0, 1.0)?;
        }
        Ok(state.f_mean_dim(&[0i64][..], false, Kind::Float)?.f_softmax(-1, Kind::Float)?)
    }
}

fn tensor(numbers: &Numbers) -> Result<Tensor, TrainError> {
    let shape: Vec<i64> = numbers.shape.iter().map(|size| *size as i64).collect();
    Ok(Tensor::f_from_slice(&numbers.values)?.f_view(&shape[..])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ensemble;

    /// Weights of a network of 3, 4, 2 and 2 units, each seed's different.
    fn member(seed: u32) -> Weights {
        let numbers = |layer: usize, shape: Vec<usize>| {
            let value = |place: usize| ((place * 7 + layer * 3) as f32 + seed as f32 * 0.7).sin();
            let count: usize = shape.iter().product();
            Numbers { shape, values: (0..count).map(value).collect() }
        };
        let mut weights = Weights::new();
        for (layer, [inputs, units]) in (1..).zip([[3, 4], [4, 2], [2, 2]]) {
            weights.insert(format!("layer{layer}.weight"), numbers(layer, vec![inputs, units]));
            weights.insert(format!("layer{layer}.bias"), numbers(layer + 9, vec![units]));
        }
        weights
    }

    fn batch() -> Batch {
        Batch { inputs: vec![0.3, -1.0, 2.0, 0.0, 0.5, -0.7], labels: vec![0, 1], captures: vec![0, 0] }
    }

    fn told(teachers: &Teachers) -> Vec<f32> {
        Vec::try_from(teachers.beliefs(&batch()).expect("runs").view([-1])).expect("numbers")
    }

    #[test]
    fn they_believe_what_the_network_believes_that_they_make_together() {
        let members: Vec<Weights> = (0..3).map(member).collect();
        let together = told(&Teachers::new(&members).expect("sound"));
        let merged = told(&Teachers::new(&[ensemble::merge(&members)]).expect("sound"));
        for (one, other) in together.iter().zip(&merged) {
            assert!((one - other).abs() < 1e-6, "{together:?} and {merged:?}");
        }
        assert!(together.chunks(2).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6), "{together:?}");
        assert_ne!(together, told(&Teachers::new(&members[..1]).expect("sound")));
    }
}
