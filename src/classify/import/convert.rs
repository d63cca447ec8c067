//! Dense layers and a recipe → the card and weights of a model of ours.
//!
//! Our first layer has inputs for words and for what is missing (see [`encode`](crate::classify::encode)); a network from
//! elsewhere was fed one number for each. Since the first layer is linear, both are the same network: the row of a word is
//! what its code adds, worked out once. So nothing of it is approximated, and it runs as fast as one of ours.

use std::sync::Arc;

use super::ImportError;
use super::layers::Layer;
use super::recipe::{AfterLayer, FeatureRecipe, KindRecipe, Recipe, WordEncoding};
use crate::classify::card::{Activation, EncodingCard, HiddenCard, NetworkCard, NumericCard, ScriptCard};
use crate::classify::check;
use crate::classify::encode::Encoding;
use crate::classify::weights::{Numbers, Weights};
use crate::features::Space;

/// Scaled values are held within ± this: only so that they stay finite.
const LIMIT: f32 = 1e18;

/// A network of ours.
#[derive(Debug)]
pub struct Converted {
    /// What it looks at.
    pub space: Arc<Space>,
    /// How its numbers are scaled.
    pub encoding: EncodingCard,
    /// Its sizes.
    pub network: NetworkCard,
    /// Its weights.
    pub weights: Weights,
}

/// Makes a network of ours of these layers, which must be at least one.
///
/// # Errors
/// When layers, features and labels do not fit together.
pub fn network(recipe: &Recipe, mut layers: Vec<Layer>) -> Result<Converted, ImportError> {
    fit_together(recipe, &mut layers)?;
    let space = Arc::new(space(recipe)?);
    let card = encoding_card(recipe)?;
    let encoding = check::encoding(Arc::clone(&space), &card).map_err(ImportError::Card)?;
    let mut weights = Weights::new();
    let first = first_layer(recipe, &encoding, &layers[0])?;
    let inputs = encoding.inputs();
    weights.insert("baseline".to_owned(), Numbers { shape: vec![inputs], values: vec![0.0; inputs] });
    let (hidden, outputs) = layers.split_at(layers.len() - 1);
    let sizes = hidden.iter().map(|layer| HiddenCard {
        units: layer.outputs,
        activation: layer.after.hidden().expect("checked: no softmax within"),
    });
    let network = NetworkCard { inputs, hidden: sizes.collect(), outputs: outputs[0].outputs, script: None };
    for (place, layer) in layers.into_iter().enumerate() {
        let (values, rows) = if place == 0 { (first.clone(), inputs) } else { (layer.weights, layer.inputs) };
        let name = format!("layer{}", place + 1);
        weights.insert(format!("{name}.weight"), Numbers { shape: vec![rows, layer.outputs], values });
        weights.insert(format!("{name}.bias"), Numbers { shape: vec![layer.outputs], values: layer.biases });
    }
    Ok(Converted { space, encoding: card, network, weights })
}

/// A network of ours that makes the inputs of a TorchScript file, which goes on from there.
///
/// # Errors
/// When features and labels do not fit together.
pub fn script(recipe: &Recipe, content: &[u8]) -> Result<Converted, ImportError> {
    let inputs: usize = recipe.features.iter().map(FeatureRecipe::inputs).sum();
    let feeding = identity(inputs);
    let space = Arc::new(space(recipe)?);
    let card = encoding_card(recipe)?;
    let encoding = check::encoding(Arc::clone(&space), &card).map_err(ImportError::Card)?;
    let (ours, values) = (encoding.inputs(), first_layer(recipe, &encoding, &feeding)?);
    let weights = Weights::from([
        ("baseline".to_owned(), Numbers { shape: vec![ours], values: vec![0.0; ours] }),
        ("layer1.weight".to_owned(), Numbers { shape: vec![ours, inputs], values }),
        ("layer1.bias".to_owned(), Numbers { shape: vec![inputs], values: feeding.biases }),
    ]);
    let network = NetworkCard {
        inputs: ours,
        hidden: vec![HiddenCard { units: inputs, activation: Activation::Linear }],
        outputs: recipe.labels.len(),
        script: Some(ScriptCard { blake3: blake3::hash(content).to_hex().to_string(), gives: recipe.gives }),
    };
    Ok(Converted { space, encoding: card, network, weights })
}

/// The features of a recipe.
///
/// # Errors
/// When they make no space.
pub fn space(recipe: &Recipe) -> Result<Space, ImportError> {
    let features = recipe.features.iter().map(FeatureRecipe::feature).collect();
    let space = Space::new(features, recipe.least_known.unwrap_or(1)).map_err(ImportError::Space)?;
    Ok(space.with_missing(recipe.missing.clone()))
}

/// How the numbers of a recipe are scaled.
pub fn encoding_card(recipe: &Recipe) -> Result<EncodingCard, ImportError> {
    let numbers = recipe.features.iter().filter(|feature| feature.kind == KindRecipe::Number);
    let numeric = numbers.map(|feature| {
        let (mean, deviation) = scaling(feature)?;
        Ok(NumericCard { feature: feature.name.clone(), curve: feature.curve(), mean, deviation })
    });
    Ok(EncodingCard {
        limit: LIMIT,
        numeric: numeric.collect::<Result<_, ImportError>>()?,
        meaning: "inputs: the scaled numbers (0 where missing), a flag for each that is 1 where it is missing, then \
                  one-hot symbols, each with two more places: unknown and missing; the first layer's rows are those of the \
                  imported network times what it was fed for each"
            .to_owned(),
    })
}

/// Our first layer's rows: for each of our inputs what it adds to the units of `first`, whose inputs are the recipe's.
pub fn first_layer(recipe: &Recipe, encoding: &Encoding, first: &Layer) -> Result<Vec<f32>, ImportError> {
    let width = first.outputs;
    let mut rows = vec![0.0; encoding.inputs() * width];
    let mut add = |ours: usize, theirs: usize, times: f32| {
        let from = &first.weights[theirs * width..][..width];
        rows[ours * width..][..width].iter_mut().zip(from).for_each(|(sum, weight)| *sum += times * weight);
    };
    let (mut theirs, mut number, mut symbols) = (0, 0, encoding.symbols().iter());
    for feature in &recipe.features {
        let (from, unit) = scaling(feature)?;
        let scaled = |value: f32| (feature.curve().bend(value) - from) / unit;
        match feature.kind {
            KindRecipe::Number => {
                add(number, theirs, 1.0);
                feature.missing.inspect(|missing| add(encoding.numbers() + number, theirs, scaled(*missing)));
                number += 1;
            }
            KindRecipe::Symbol => {
                let group = symbols.next().expect("the space has a group for each symbol");
                let mut sorted = feature.words.clone();
                sorted.sort();
                for (code, word) in feature.words.iter().enumerate() {
                    let ours = group.first + sorted.binary_search(word).expect("one of them");
                    match feature.encoding {
                        WordEncoding::Label => add(ours, theirs, scaled(code as f32)),
                        WordEncoding::OneHot => add(ours, theirs + code, 1.0),
                    }
                }
                if feature.encoding == WordEncoding::Label {
                    feature.unknown.inspect(|code| add(group.first + group.words, theirs, scaled(*code)));
                    feature.missing.inspect(|code| add(group.first + group.words + 1, theirs, scaled(*code)));
                }
            }
        }
        theirs += feature.inputs();
    }
    Ok(rows)
}

fn scaling(feature: &FeatureRecipe) -> Result<(f32, f32), ImportError> {
    feature.scaling().map_err(|what| ImportError::Layer { layer: feature.name.clone(), what: what.to_owned() })
}

/// Checks that each layer takes what the one before it gives, and that the last one chooses a class; brings it into the
/// form of ours: at least one hidden layer, and an output for each class.
fn fit_together(recipe: &Recipe, layers: &mut Vec<Layer>) -> Result<(), ImportError> {
    let inputs: usize = recipe.features.iter().map(FeatureRecipe::inputs).sum();
    let Some(first) = layers.first() else { return Err(ImportError::NoDense) };
    if first.inputs != inputs {
        return Err(ImportError::Inputs { network: first.inputs, recipe: inputs });
    }
    let wrong = |layer: &Layer, what: String| Err(ImportError::Layer { layer: layer.name.clone(), what });
    for pair in layers.windows(2) {
        if pair[1].inputs != pair[0].outputs {
            let what =
                format!("has {} inputs, and '{}' before it gives {}", pair[1].inputs, pair[0].name, pair[0].outputs);
            return wrong(&pair[1], what);
        }
        if pair[0].after == AfterLayer::Softmax {
            return wrong(&pair[0], "has a softmax, which is understood behind the last layer only".to_owned());
        }
    }
    let last = layers.last_mut().expect("there is one");
    match (last.after, last.outputs) {
        (AfterLayer::Softmax | AfterLayer::Linear, _) => {}
        // one unit with a sigmoid is a softmax over 0 and its sum
        (AfterLayer::Sigmoid, 1) => {
            last.weights = last.weights.iter().flat_map(|weight| [0.0, *weight]).collect();
            last.biases.insert(0, 0.0);
            last.outputs = 2;
        }
        (after, units) => {
            let what = format!(
                "ends in {after:?} over {units} units, which chooses no class; softmax, or linear sums, are needed"
            );
            return wrong(last, what);
        }
    }
    last.after = AfterLayer::Linear;
    if last.outputs != recipe.labels.len() {
        return Err(ImportError::Outputs { network: last.outputs, recipe: recipe.labels.len() });
    }
    if layers.len() == 1 {
        layers.push(identity(recipe.labels.len()));
    }
    Ok(())
}

/// A layer that gives what it takes.
fn identity(units: usize) -> Layer {
    let weights = (0..units * units).map(|place| f32::from(u8::from(place / units == place % units))).collect();
    let (name, biases) = ("outputs".to_owned(), vec![0.0; units]);
    Layer { name, inputs: units, outputs: units, weights, biases, after: AfterLayer::Linear }
}
