//! The weights of a model folder: named tensors of 32-bit floats in a safetensors file.
//!
//! What [`read`] gives back has exactly the tensors that the card's network needs, in their shapes, all finite.

use std::borrow::Cow;
use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, View, serialize};

use super::card::Card;
use super::check::needed_tensors;
use super::error::Fault;

/// Numbers of a tensor, row by row, with its shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Lengths of the dimensions.
    pub shape: Vec<usize>,
    /// As many as the product of the shape.
    pub values: Vec<f32>,
}

/// Tensors by name.
pub type Weights = BTreeMap<String, Numbers>;

/// The file's content for these weights; the same weights give the same bytes.
pub fn write(weights: &Weights) -> Vec<u8> {
    serialize(weights, &None).expect("the shapes are those of the values")
}

/// Reads a weights file against its card.
///
/// # Errors
/// When it is another file than the card's, or lacks a tensor, or has one too many, of a wrong shape or not finite.
pub fn read(bytes: &[u8], card: &Card) -> Result<Weights, Fault> {
    // the content first: it says more than that the hash differs
    let weights = tensors(bytes, card)?;
    let actual = blake3::hash(bytes).to_hex().to_string();
    if actual != card.weights.blake3 {
        return Err(Fault::WeightsHash { claimed: card.weights.blake3.clone(), actual });
    }
    Ok(weights)
}

fn tensors(bytes: &[u8], card: &Card) -> Result<Weights, Fault> {
    let file = SafeTensors::deserialize(bytes).map_err(|fault| Fault::Safetensors(fault.to_string()))?;
    let needed = needed_tensors(&card.network);
    if let Some(name) = file.names().into_iter().filter(|name| !needed.contains_key(*name)).min() {
        return Err(Fault::TensorSurplus { name: name.clone() });
    }
    let mut weights = Weights::new();
    for (name, shape) in needed {
        let Ok(tensor) = file.tensor(&name) else { return Err(Fault::TensorMissing { name }) };
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(Fault::Shape { name, found, needed: format!("F32 {shape:?}") });
        }
        let number = |four: &[u8]| f32::from_le_bytes(four.try_into().expect("chunks of four"));
        let values: Vec<f32> = tensor.data().chunks_exact(4).map(number).collect();
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(Fault::NotFinite { name, place });
        }
        weights.insert(name, Numbers { shape, values });
    }
    Ok(weights)
}

impl View for &Numbers {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    /// The fault after `lie` has changed the weights; the card's hash is made to fit.
    fn fault_after(lie: impl FnOnce(&mut Weights)) -> String {
        let mut weights = sample::weights();
        lie(&mut weights);
        let bytes = write(&weights);
        let mut card = sample::card();
        card.weights.blake3 = blake3::hash(&bytes).to_hex().to_string();
        read(&bytes, &card).expect_err("must be refused").to_string()
    }

    #[test]
    fn weights_come_back_as_they_were_written() {
        assert_eq!(read(&write(&sample::weights()), &sample::card()).expect("true"), sample::weights());
    }

    #[test]
    fn each_lie_of_the_weights_is_refused_with_its_tensor() {
        let fault = fault_after(|weights| drop(weights.remove("layer2.weight")));
        assert_eq!(fault, "tensor 'layer2.weight' is missing");
        let fault = fault_after(|weights| drop(weights.insert("extra".to_owned(), weights["baseline"].clone())));
        assert_eq!(fault, "tensor 'extra' has no place in the network that the card describes");
        let fault = fault_after(|weights| weights.get_mut("layer1.weight").expect("there").shape.reverse());
        assert!(fault.starts_with("tensor 'layer1.weight' is F32 [5, 166], the network needs F32 [166, 5]"), "{fault}");
        let fault = fault_after(|weights| weights.get_mut("layer1.bias").expect("there").values[3] = f32::NAN);
        assert_eq!(fault, "tensor 'layer1.bias' holds a number that is not finite, at place 3");
    }

    #[test]
    fn every_truncation_and_a_changed_byte_are_refused() {
        let bytes = write(&sample::weights());
        for length in [0, 4, 20, bytes.len() / 2, bytes.len() - 1] {
            let fault = read(&bytes[..length], &sample::card()).expect_err("cut off").to_string();
            assert!(fault.starts_with("is not a safetensors file, or only a part of one"), "{length}: {fault}");
        }
        let mut changed = bytes.clone();
        *changed.last_mut().expect("not empty") ^= 1;
        let fault = read(&changed, &sample::card()).expect_err("changed").to_string();
        assert!(fault.starts_with("is not the file that the card belongs to"), "{fault}");
    }
}
