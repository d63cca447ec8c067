//! A Keras network in HDF5, as `model.save("network.h5")` of Keras 2 and 3 writes it: a Sequential of dense layers.

use hdf5_reader::Hdf5File;
use hdf5_reader::group::Group;
use serde_json::Value;

use super::ImportError;
use super::layers::Layer;
use super::recipe::AfterLayer;

/// Layers that do nothing when a network judges.
const IDLE: [&str; 7] =
    ["InputLayer", "Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization", "Flatten"];

/// The dense layers of a file.
///
/// # Errors
/// When it is no such file, or has a layer that is not understood.
pub fn layers(bytes: Vec<u8>) -> Result<Vec<Layer>, ImportError> {
    let file = Hdf5File::from_vec(bytes).map_err(hdf5)?;
    let root = file.root_group().map_err(hdf5)?;
    let config = root.attribute("model_config").and_then(|attribute| attribute.read_string());
    let config = config.map_err(|_| ImportError::NoConfig)?;
    let config: Value =
        serde_json::from_str(config.trim_end_matches('\0')).map_err(|fault| ImportError::Config(fault.to_string()))?;
    let weights = file.group("model_weights").map_err(hdf5)?;
    let mut layers: Vec<Layer> = Vec::new();
    for layer in sequence(&config)? {
        let (kind, name) = (text(layer, "class_name"), text(&layer["config"], "name"));
        match kind {
            "Dense" => layers.push(dense(name, &layer["config"], &weights)?),
            "Activation" | "ReLU" | "Softmax" => add_activation(&mut layers, name, kind, &layer["config"])?,
            idle if IDLE.contains(&idle) => {}
            other => return Err(ImportError::UnknownLayer { layer: name.to_owned(), kind: other.to_owned() }),
        }
    }
    Ok(layers)
}

/// The layers of a Sequential.
fn sequence(config: &Value) -> Result<&Vec<Value>, ImportError> {
    let kind = text(config, "class_name");
    if kind != "Sequential" {
        return Err(ImportError::Config(format!("the model is a '{kind}'; a Sequential of dense layers is read")));
    }
    // the first versions have a list in the place of the map
    let layers = config["config"]["layers"].as_array().or_else(|| config["config"].as_array());
    layers.ok_or_else(|| ImportError::Config("the model names no layers".to_owned()))
}

fn dense(name: &str, config: &Value, weights: &Group) -> Result<Layer, ImportError> {
    let wrong = |what: &str| ImportError::Layer { layer: name.to_owned(), what: what.to_owned() };
    let group = weights.group(name).map_err(|_| wrong("has no weights in the file"))?;
    let names = group.attribute("weight_names").and_then(|attribute| attribute.read_strings()).map_err(hdf5)?;
    let path = |ending: &str| names.iter().find(|name| stem(name) == ending);
    let (shape, kernel) = dataset(&group, path("kernel").ok_or_else(|| wrong("has no kernel"))?)?;
    let bias = path("bias").map(|path| dataset(&group, path)).transpose()?;
    let after = activation(name, &config["activation"])?;
    Layer::new(name, &shape, kernel, bias.map(|(_, values)| values), after)
}

/// What stands last in the name of a weight, without its number: `kernel` of `dense/kernel:0`.
fn stem(name: &str) -> &str {
    let name = name.trim_end_matches('\0');
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

fn dataset(group: &Group, path: &str) -> Result<(Vec<usize>, Vec<f32>), ImportError> {
    let path = path.trim_end_matches('\0');
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut holder = group.clone();
    for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
        holder = holder.group(folder).map_err(hdf5)?;
    }
    let dataset = holder.dataset(name).map_err(hdf5)?;
    let shape = dataset.shape().iter().map(|length| usize::try_from(*length).unwrap_or(usize::MAX)).collect();
    let values = dataset.read_array::<f32>().map_err(hdf5)?;
    Ok((shape, values.iter().copied().collect()))
}

fn add_activation(layers: &mut [Layer], name: &str, kind: &str, config: &Value) -> Result<(), ImportError> {
    let after = match kind {
        "ReLU" if is_plain_relu(config) => AfterLayer::Relu,
        "ReLU" => {
            return Err(ImportError::UnknownActivation { layer: name.to_owned(), activation: "bounded ReLU".into() });
        }
        "Softmax" => AfterLayer::Softmax,
        _ => activation(name, &config["activation"])?,
    };
    match layers.last_mut() {
        Some(layer) if layer.after == AfterLayer::Linear => layer.after = after,
        _ => return Err(ImportError::UnknownLayer { layer: name.to_owned(), kind: kind.to_owned() }),
    }
    Ok(())
}

fn is_plain_relu(config: &Value) -> bool {
    let zero = |key: &str| config[key].as_f64().is_none_or(|value| value == 0.0);
    config["max_value"].is_null() && zero("negative_slope") && zero("threshold")
}

fn activation(layer: &str, activation: &Value) -> Result<AfterLayer, ImportError> {
    // a registered function comes as a map with its name
    let name =
        activation.as_str().or_else(|| activation["config"].as_str()).or_else(|| activation["class_name"].as_str());
    match name.unwrap_or("linear") {
        "relu" => Ok(AfterLayer::Relu),
        "tanh" => Ok(AfterLayer::Tanh),
        "sigmoid" => Ok(AfterLayer::Sigmoid),
        "softmax" => Ok(AfterLayer::Softmax),
        "linear" => Ok(AfterLayer::Linear),
        other => Err(ImportError::UnknownActivation { layer: layer.to_owned(), activation: other.to_owned() }),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn hdf5(fault: hdf5_reader::error::Error) -> ImportError {
    ImportError::Hdf5(fault.to_string())
}
