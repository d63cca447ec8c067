//! Several small networks laid out as one: beside each other in every layer, their outputs averaged in the last.
//!
//! The one network gives exactly the mean of the members' logits, so whatever runs, checks or explains a network of dense
//! layers needs to know nothing of members. What the members do not share stands as zeros in the inner layers.

use crate::classify::card::{HiddenCard, NetworkCard};
use crate::classify::weights::{Numbers, Weights};

/// Sizes of the one network that `members` networks of these sizes make.
pub fn sizes(member: &NetworkCard, members: u16) -> NetworkCard {
    let wider = |hidden: &HiddenCard| HiddenCard { units: hidden.units * usize::from(members), ..*hidden };
    NetworkCard { hidden: member.hidden.iter().map(wider).collect(), ..member.clone() }
}

/// The one network; there is at least one member, all have the same sizes, and each has at least two layers.
pub fn merge(members: &[Weights]) -> Weights {
    let layers = (1..).take_while(|layer| members[0].contains_key(&weight(*layer))).count();
    let mut merged = Weights::new();
    for layer in 1..=layers {
        let parts: Vec<&Numbers> = members.iter().map(|member| &member[&weight(layer)]).collect();
        let biases: Vec<&Numbers> = members.iter().map(|member| &member[&bias(layer)]).collect();
        let (weights, biases) = match layer {
            _ if layer == layers => (above_each_other(&parts), mean(&biases)),
            1 => (beside_each_other(&parts), in_a_row(&biases)),
            _ => (diagonal(&parts), in_a_row(&biases)),
        };
        merged.insert(weight(layer), weights);
        merged.insert(bias(layer), biases);
    }
    merged
}

fn weight(layer: usize) -> String {
    format!("layer{layer}.weight")
}

fn bias(layer: usize) -> String {
    format!("layer{layer}.bias")
}

/// The same inputs for all: columns beside columns.
fn beside_each_other(parts: &[&Numbers]) -> Numbers {
    let rows = parts[0].shape[0];
    let row = |row: usize| parts.iter().flat_map(move |part| row_of(part, row));
    Numbers { shape: vec![rows, columns(parts)], values: (0..rows).flat_map(row).copied().collect() }
}

/// Each its own inputs and outputs: blocks along the diagonal.
fn diagonal(parts: &[&Numbers]) -> Numbers {
    let (rows, width) = (parts.iter().map(|part| part.shape[0]).sum(), columns(parts));
    let mut values = vec![0.0; rows * width];
    let (mut top, mut left) = (0, 0);
    for part in parts {
        for row in 0..part.shape[0] {
            values[(top + row) * width + left..][..part.shape[1]].copy_from_slice(row_of(part, row));
        }
        (top, left) = (top + part.shape[0], left + part.shape[1]);
    }
    Numbers { shape: vec![rows, width], values }
}

/// Each its own inputs, one output for all: rows under rows, each member counting its share.
fn above_each_other(parts: &[&Numbers]) -> Numbers {
    let share = 1.0 / parts.len() as f32;
    Numbers {
        shape: vec![parts.iter().map(|part| part.shape[0]).sum(), parts[0].shape[1]],
        values: parts.iter().flat_map(|part| &part.values).map(|value| value * share).collect(),
    }
}

fn in_a_row(parts: &[&Numbers]) -> Numbers {
    let values: Vec<f32> = parts.iter().flat_map(|part| part.values.iter().copied()).collect();
    Numbers { shape: vec![values.len()], values }
}

fn mean(parts: &[&Numbers]) -> Numbers {
    let at = |place: usize| parts.iter().map(|part| part.values[place]).sum::<f32>() / parts.len() as f32;
    Numbers { shape: parts[0].shape.clone(), values: (0..parts[0].values.len()).map(at).collect() }
}

fn columns(parts: &[&Numbers]) -> usize {
    parts.iter().map(|part| part.shape[1]).sum()
}

fn row_of(part: &Numbers, row: usize) -> &[f32] {
    &part.values[row * part.shape[1]..][..part.shape[1]]
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::classify::card::Activation;

    const SIZES: [usize; 4] = [7, 5, 3, 4];

    fn member(seed: u64) -> Weights {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut numbers = |shape: Vec<usize>| {
            let values = (0..shape.iter().product()).map(|_| random.random_range(-1.0..1.0)).collect();
            Numbers { shape, values }
        };
        let mut weights = Weights::new();
        for (layer, pair) in (1..).zip(SIZES.windows(2)) {
            weights.insert(weight(layer), numbers(pair.to_vec()));
            weights.insert(bias(layer), numbers(vec![pair[1]]));
        }
        weights
    }

    /// The logits for these inputs, by plain loops.
    fn logits(weights: &Weights, inputs: &[f32]) -> Vec<f32> {
        let mut state = inputs.to_vec();
        for layer in 1..=3 {
            let (weight, bias) = (&weights[&weight(layer)], &weights[&bias(layer)]);
            let mut sums = bias.values.clone();
            for (row, value) in state.iter().enumerate() {
                sums.iter_mut().zip(row_of(weight, row)).for_each(|(sum, weight)| *sum += value * weight);
            }
            state = sums.into_iter().map(|sum| if layer < 3 { sum.max(0.0) } else { sum }).collect();
        }
        state
    }

    #[test]
    fn the_one_network_gives_the_mean_of_the_members() {
        let members: Vec<Weights> = (0..3).map(member).collect();
        let merged = merge(&members);
        let hidden = [5, 3].map(|units| HiddenCard { units, activation: Activation::Relu }).into();
        let of_member = NetworkCard { inputs: 7, hidden, outputs: 4, script: None };
        assert_eq!(sizes(&of_member, 3).hidden.iter().map(|hidden| hidden.units).collect::<Vec<_>>(), [15, 9]);
        assert_eq!(merged["layer2.weight"].shape, [15, 9]);
        let inputs = [0.3, -1.0, 2.0, 0.0, 0.5, -0.7, 1.1];
        let of_members: Vec<Vec<f32>> = members.iter().map(|member| logits(member, &inputs)).collect();
        for (place, logit) in logits(&merged, &inputs).into_iter().enumerate() {
            let mean = of_members.iter().map(|logits| logits[place]).sum::<f32>() / 3.0;
            assert!((logit - mean).abs() < 1e-5, "output {place}: {logit} and {mean}");
        }
    }

    #[test]
    fn one_member_is_itself() {
        assert_eq!(merge(&[member(1)]), member(1));
    }
}
