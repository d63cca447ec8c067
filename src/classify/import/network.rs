//! From the bytes of a network to a model folder.

use std::path::Path;

use super::convert::Converted;
use super::layers::Layer;
use super::{ImportError, Recipe, convert, keras, layers};
use crate::classify::card::{
    CARD_FILE, Calibration, Card, Decision, DecisionRule, FORMAT, NoveltyCard, SCRIPT_FILE, Schema, WEIGHTS_FILE,
    WeightsCard,
};
use crate::classify::check::needed_tensors;
use crate::classify::{LoadedModel, folder, weights};

/// The first bytes of HDF5.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
/// The first bytes of a zip, as TorchScript and `.keras` are.
const ZIP: &[u8] = b"PK\x03\x04";

/// Reads the network in `file`, fed as `recipe` says, and writes it into the model folder `into`, replacing one that is
/// there once the new one is complete. Gives the card.
///
/// # Errors
/// When the network is not understood, or does not fit the recipe, or the folder cannot be written.
pub fn import(file: &Path, recipe: &Recipe, into: &Path) -> Result<Card, ImportError> {
    folder::check(into)?;
    let bytes = std::fs::read(file).map_err(|source| ImportError::Read { file: file.to_owned(), source })?;
    let digest = blake3::hash(&bytes).to_hex();
    let is_script = is_torch_script(&bytes);
    let script = if is_script { bytes.clone() } else { Vec::new() };
    let converted = match is_script {
        true => convert::script(recipe, &bytes)?,
        false => convert::network(recipe, layers_of(file, bytes, recipe)?)?,
    };
    let weights = weights::write(&converted.weights);
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let card = card(recipe, &converted, &weights, &format!("imported from {name} (BLAKE3 {digest})"));
    let json = card.to_json();
    LoadedModel::with_script(into, &json, &weights, &script)?;
    let mut files = vec![(CARD_FILE, json.as_slice()), (WEIGHTS_FILE, &weights)];
    if is_script {
        files.push((SCRIPT_FILE, &script));
    }
    folder::write(into, &files)?;
    Ok(card)
}

/// Whether this is a zip with the code of a TorchScript module in it: its names stand in it as they are.
fn is_torch_script(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP) && memchr::memmem::find(bytes, b"/code/__torch__").is_some()
}

/// The layers in a file of Keras (HDF5) or of tensors (safetensors), in the order of the recipe.
///
/// # Errors
/// When the file is of neither form, a layer is not understood, or its shape is not what the recipe says.
pub fn layers_of(file: &Path, bytes: Vec<u8>, recipe: &Recipe) -> Result<Vec<Layer>, ImportError> {
    if bytes.starts_with(HDF5) {
        return keras::layers(bytes);
    }
    let header = bytes.first_chunk().map(|head| u64::from_le_bytes(*head));
    if header.is_some_and(|length| length < bytes.len() as u64) && bytes.get(8) == Some(&b'{') {
        return layers::of_safetensors(&bytes, &recipe.layers);
    }
    Err(ImportError::Form { file: file.to_owned(), keras_zip: bytes.starts_with(ZIP) })
}

fn card(recipe: &Recipe, converted: &Converted, weights: &[u8], origin: &str) -> Card {
    let labels = recipe.labels();
    let mut categories: Vec<String> = Vec::new();
    for label in &labels {
        if !categories.contains(&label.category) {
            categories.push(label.category.clone());
        }
    }
    let cost = |actual: usize, guess: usize| f64::from(u8::from(actual != guess));
    let count = categories.len();
    Card {
        format: FORMAT,
        name: recipe.name.clone(),
        version: recipe.version.clone(),
        description: [recipe.description.as_str(), origin].join("; ").trim_start_matches("; ").to_owned(),
        schema: Schema::of(&converted.space),
        encoding: converted.encoding.clone(),
        typical: Vec::new(),
        network: converted.network.clone(),
        weights: WeightsCard {
            blake3: blake3::hash(weights).to_hex().to_string(),
            tensors: needed_tensors(&converted.network),
        },
        labels,
        calibration: Calibration { temperature: recipe.temperature },
        conformal: None,
        novelty: NoveltyCard {
            meaning: "not measured: no data came with the network, so it is always 0".to_owned(),
            ranks: vec![0.0, 1.0],
            quantiles: vec![f32::MAX / 2.0, f32::MAX],
        },
        open_set: None,
        decision: Decision {
            rule: DecisionRule::MostProbable,
            categories,
            costs: (0..count).map(|actual| (0..count).map(|guess| cost(actual, guess)).collect()).collect(),
            weights: Vec::new(),
            unknown: Vec::new(),
        },
        training: None,
        quality: None,
        drift: None,
    }
}
