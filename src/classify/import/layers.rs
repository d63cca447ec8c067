//! Dense layers as files from elsewhere hold them.

use super::ImportError;
use super::recipe::{AfterLayer, LayerRecipe, Order};
use safetensors::tensor::{Dtype, SafeTensors};

/// Most numbers of one layer.
const LARGEST: usize = 1 << 26;

/// A dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its name in the file.
    pub name: String,
    /// Its inputs.
    pub inputs: usize,
    /// Its units.
    pub outputs: usize,
    /// Inputs × outputs, a row for each input.
    pub weights: Vec<f32>,
    /// One for each output.
    pub biases: Vec<f32>,
    /// What stands behind it.
    pub after: AfterLayer,
}

impl Layer {
    /// A layer whose sizes and numbers are sound.
    ///
    /// # Errors
    /// When they are not, with the layer's name.
    pub fn new(
        name: &str,
        shape: &[usize],
        weights: Vec<f32>,
        biases: Option<Vec<f32>>,
        after: AfterLayer,
    ) -> Result<Self, ImportError> {
        let wrong = |what: String| ImportError::Layer { layer: name.to_owned(), what };
        let &[inputs, outputs] = shape else {
            return Err(wrong(format!("has weights of {} dimensions; a dense layer has 2", shape.len())));
        };
        let size = inputs.checked_mul(outputs).filter(|size| (1..=LARGEST).contains(size));
        if size != Some(weights.len()) {
            return Err(wrong(format!("has {} weights for {inputs} inputs and {outputs} units", weights.len())));
        }
        let biases = biases.unwrap_or_else(|| vec![0.0; outputs]);
        if biases.len() != outputs {
            return Err(wrong(format!("has {} biases for {outputs} units", biases.len())));
        }
        if !weights.iter().chain(&biases).all(|value| value.is_finite()) {
            return Err(wrong("holds a number that is not finite".to_owned()));
        }
        Ok(Self { name: name.to_owned(), inputs, outputs, weights, biases, after })
    }
}

/// The layers of a safetensors file that a recipe names.
///
/// # Errors
/// When a tensor is not there or not what it must be.
pub fn of_safetensors(bytes: &[u8], recipes: &[LayerRecipe]) -> Result<Vec<Layer>, ImportError> {
    let file = SafeTensors::deserialize(bytes).map_err(|fault| ImportError::Safetensors(fault.to_string()))?;
    if recipes.is_empty() {
        let mut names: Vec<&str> = file.names().into_iter().map(String::as_str).collect();
        names.sort_unstable();
        return Err(ImportError::NoLayers { tensors: names.join(", ") });
    }
    recipes.iter().map(|recipe| dense(&file, recipe)).collect()
}

fn dense(file: &SafeTensors<'_>, recipe: &LayerRecipe) -> Result<Layer, ImportError> {
    let (mut shape, mut weights) = tensor(file, &recipe.weight)?;
    if let (Order::OutputsFirst, &[outputs, inputs]) = (recipe.order, shape.as_slice()) {
        weights = transposed(&weights, outputs, inputs);
        shape = vec![inputs, outputs];
    }
    let biases = recipe.bias.as_ref().map(|name| tensor(file, name)).transpose()?;
    Layer::new(&recipe.weight, &shape, weights, biases.map(|(_, values)| values), recipe.activation)
}

fn tensor(file: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), ImportError> {
    let wrong = |what: String| ImportError::Layer { layer: name.to_owned(), what };
    let tensor = file.tensor(name).map_err(|_| wrong("is no tensor of the file".to_owned()))?;
    let data = tensor.data();
    let values = match tensor.dtype() {
        Dtype::F32 => data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect(),
        Dtype::F64 => {
            data.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().expect("eight")) as f32).collect()
        }
        other => return Err(wrong(format!("is of type {other:?}; F32 and F64 are read"))),
    };
    Ok((tensor.shape().to_vec(), values))
}

/// Rows of `width` as columns.
fn transposed(values: &[f32], rows: usize, width: usize) -> Vec<f32> {
    (0..width).flat_map(|column| (0..rows).map(move |row| values[row * width + column])).collect()
}
