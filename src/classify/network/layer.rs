//! A layer of weights and biases: dense or, where several networks lie beside each other, blocks on the diagonal.
//!
//! Networks laid out as one have zeros in their inner layers wherever a unit of one would look at a unit of another: with three of
//! them, two thirds of all products. Where such blocks are found in the weights themselves, only they are run. A network from elsewhere, whose
//! layers are full, is one block and runs as it is.

use tch::{TchError, Tensor};

use super::super::weights::Numbers;
use super::matrix;

/// Most blocks that are looked for.
const MOST_BLOCKS: usize = 16;
/// From so many rows on blocks are faster: for fewer, what libtorch does around three small products costs more than the zeros.
const FEWEST_ROWS: i64 = 32;

/// One layer.
#[derive(Debug)]
pub struct Layer {
    /// Inputs × units.
    pub weight: Tensor,
    /// Of each unit.
    pub bias: Tensor,
    blocks: Option<Blocks>,
}

/// The same layer without the zeros.
#[derive(Debug)]
struct Blocks {
    count: i64,
    /// Blocks × inputs × units.
    weight: Tensor,
    /// Blocks × 1 × units.
    bias: Tensor,
}

impl Layer {
    /// Of checked weights, inputs × units, and biases.
    ///
    /// # Errors
    /// When libtorch cannot make the tensors.
    pub fn new(weight: &Numbers, bias: &Numbers) -> Result<Self, TchError> {
        let blocks = match blocks(weight) {
            1 => None,
            count => Some(Blocks::new(weight, bias, count)?),
        };
        Ok(Self { weight: matrix(&weight.values, weight.shape[1])?, bias: Tensor::f_from_slice(&bias.values)?, blocks })
    }

    /// How many networks lie beside each other in it.
    #[cfg(test)]
    pub fn networks(&self) -> i64 {
        self.blocks.as_ref().map_or(1, |blocks| blocks.count)
    }

    /// The same weights, for another worker.
    pub fn share(&self) -> Self {
        let share = |blocks: &Blocks| Blocks {
            count: blocks.count,
            weight: blocks.weight.shallow_clone(),
            bias: blocks.bias.shallow_clone(),
        };
        Self {
            weight: self.weight.shallow_clone(),
            bias: self.bias.shallow_clone(),
            blocks: self.blocks.as_ref().map(share),
        }
    }

    /// The sums of its units for rows of inputs.
    ///
    /// # Errors
    /// When libtorch reports a fault.
    pub fn sums(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        match &self.blocks {
            Some(blocks) if rows.size()[0] >= FEWEST_ROWS => blocks.sums(rows),
            _ => self.bias.f_addmm(rows, &self.weight),
        }
    }
}

impl Blocks {
    fn new(weight: &Numbers, bias: &Numbers, count: usize) -> Result<Self, TchError> {
        let (inputs, units) = (weight.shape[0] / count, weight.shape[1] / count);
        let row = |input: usize| {
            let first = input * weight.shape[1] + input / inputs * units;
            &weight.values[first..first + units]
        };
        let values: Vec<f32> = (0..weight.shape[0]).flat_map(row).copied().collect();
        let [count, inputs, units] = [count, inputs, units].map(|size| i64::try_from(size).expect("a size fits"));
        Ok(Self {
            count,
            weight: Tensor::f_from_slice(&values)?.f_view([count, inputs, units])?,
            bias: Tensor::f_from_slice(&bias.values)?.f_view([count, 1, units])?,
        })
    }

    fn sums(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        let many = rows.size()[0];
        let apart = rows.f_view([many, self.count, -1])?.f_transpose(0, 1)?;
        self.bias.f_baddbmm(&apart, &self.weight, 1.0, 1.0)?.f_transpose(0, 1)?.f_reshape([many, -1])
    }
}

/// Into how many equal blocks on the diagonal the weights fall, with nothing but zeros beside them; 1 where they are full.
fn blocks(weight: &Numbers) -> usize {
    let [inputs, units] = weight.shape[..] else { return 1 };
    let falls = |count: &usize| {
        let of_row = |(input, row): (usize, &[f32])| {
            let (own, width) = (input / (inputs / count), units / count);
            row.iter().enumerate().all(|(unit, weight)| *weight == 0.0 || unit / width == own)
        };
        inputs % count == 0 && units % count == 0 && weight.values.chunks_exact(units).enumerate().all(of_row)
    };
    (2..=MOST_BLOCKS.min(inputs).min(units)).rev().find(falls).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    /// Weights of so many blocks of 4 × 2, all different, and biases.
    fn of_blocks(count: usize) -> (Numbers, Numbers) {
        let (inputs, units) = (4 * count, 2 * count);
        let value = |place: usize| {
            let (input, unit) = (place / units, place % units);
            if input / 4 == unit / 2 { (place as f32 * 0.7).sin() } else { 0.0 }
        };
        let weight = Numbers { shape: vec![inputs, units], values: (0..inputs * units).map(value).collect() };
        (weight, Numbers { shape: vec![units], values: (0..units).map(|unit| unit as f32 / 8.0).collect() })
    }

    fn rows(many: i64, width: usize) -> Tensor {
        let width = width as i64;
        Tensor::arange(many * width, (Kind::Float, tch::Device::Cpu)).sin().view([many, width])
    }

    #[test]
    fn blocks_give_what_the_dense_product_gives() {
        for count in [2, 3, 5] {
            let (weight, bias) = of_blocks(count);
            let layer = Layer::new(&weight, &bias).expect("sound");
            assert_eq!(layer.networks(), count as i64);
            for many in [1, FEWEST_ROWS - 1, FEWEST_ROWS, 1000] {
                let rows = rows(many, weight.shape[0]);
                let (found, dense) = (layer.sums(&rows).expect("runs"), layer.bias.addmm(&rows, &layer.weight));
                let apart = (found - dense).abs().max().double_value(&[]);
                assert!(apart < 1e-5, "{count} blocks, {many} rows: {apart}");
            }
        }
    }

    #[test]
    fn a_layer_that_is_full_is_one_block() {
        let (mut weight, bias) = of_blocks(3);
        assert_eq!(blocks(&weight), 3);
        // one weight from a unit of the first network to one of the second
        weight.values[3] = 1e-9;
        assert_eq!(blocks(&weight), 1);
        assert_eq!(Layer::new(&weight, &bias).expect("sound").networks(), 1);
        assert_eq!(blocks(&Numbers { shape: vec![7, 5], values: vec![1.0; 35] }), 1);
    }

    #[test]
    fn two_of_four_networks_that_look_at_each_other_are_one_block() {
        let (mut weight, _) = of_blocks(4);
        weight.values[2] = 0.5;
        assert_eq!(blocks(&weight), 2);
    }
}
