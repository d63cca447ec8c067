//! Raw card in, checked card out: what a card claims must hold together and fit this program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::card::{Activation, Card, EncodingCard, FORMAT, NetworkCard, NumericCard, OperatingPoint, Schema};
use super::drift;
use super::encode::{Curve, Encoding, Scale};
use super::error::Fault;
use super::typical::Typical;
use crate::features::Space;

/// Most units of a hidden layer, and most hidden layers.
const WIDEST: usize = 4096;
const DEEPEST: usize = 8;
/// Fewest classes: one is nothing to decide.
pub const FEWEST_CLASSES: usize = 2;

/// Reads a card and checks everything that can be checked without the weights.
///
/// # Errors
/// The first fault found.
pub fn read(json: &[u8]) -> Result<(Card, Encoding), Fault> {
    let card: Card = serde_json::from_slice(json)?;
    if card.format != FORMAT {
        return Err(Fault::Format { found: card.format, known: FORMAT });
    }
    let space = schema(&card.schema)?;
    labels(&card, &space)?;
    let encoding = encoding(Arc::new(space), &card.encoding)?;
    network(&card, &encoding)?;
    decision(&card)?;
    conformal(&card)?;
    open_set(&card)?;
    demand(
        card.calibration.temperature.is_finite() && card.calibration.temperature > 0.0,
        "calibration.temperature",
        || format!("{} is not a positive number", card.calibration.temperature),
    )?;
    let (ranks, quantiles) = (&card.novelty.ranks, &card.novelty.quantiles);
    let ascending = |values: &[f32]| values.is_sorted() && values.iter().all(|value| value.is_finite());
    demand(quantiles.len() >= 2 && ascending(quantiles), "novelty.quantiles", || {
        "must be at least two finite numbers in ascending order".to_owned()
    })?;
    demand(ranks.len() == quantiles.len() && ascending(ranks), "novelty.ranks", || {
        format!("must be {} numbers in ascending order", quantiles.len())
    })?;
    card.drift.as_ref().map_or(Ok(()), |drift| drift::check(drift, encoding.space()))?;
    Ok((card, encoding))
}

/// What the card says is usual of each feature.
///
/// # Errors
/// When it says something impossible.
pub fn typical(card: &Card, space: &Space) -> Result<Typical, Fault> {
    let mut curves: Vec<Option<Curve>> = vec![None; space.features().len()];
    for (feature, numeric) in space.numbers().iter().zip(&card.encoding.numeric) {
        curves[*feature] = Some(numeric.curve);
    }
    Typical::new(&card.typical, space.features(), &curves)
        .map_err(|(place, what)| Fault::Value { key: format!("typical[{place}]"), what })
}

/// Name and shape of every tensor that a network of these sizes needs, `baseline` (see the explanation) among them.
pub fn needed_tensors(network: &NetworkCard) -> BTreeMap<String, Vec<usize>> {
    let mut needed = BTreeMap::from([("baseline".to_owned(), vec![network.inputs])]);
    let hidden = network.hidden.iter().map(|hidden| hidden.units);
    // a script stands in the place of the last layer
    let last = network.script.is_none().then_some(network.outputs);
    let widths: Vec<usize> = std::iter::once(network.inputs).chain(hidden).chain(last).collect();
    for (layer, pair) in widths.windows(2).enumerate() {
        needed.insert(format!("layer{}.weight", layer + 1), pair.to_vec());
        needed.insert(format!("layer{}.bias", layer + 1), vec![pair[1]]);
    }
    needed
}

fn schema(found: &Schema) -> Result<Space, Fault> {
    let actual = found.digest();
    if actual != found.hash {
        return Err(Fault::SchemaHash { claimed: found.hash.clone(), actual });
    }
    Ok(found.space()?)
}

/// The encoding of `space` that a card describes.
///
/// # Errors
/// When the card's numbers are not those of the space, or cannot scale.
pub fn encoding(space: Arc<Space>, card: &EncodingCard) -> Result<Encoding, Fault> {
    demand(card.limit.is_finite() && card.limit > 0.0, "encoding.limit", || format!("{} is not positive", card.limit))?;
    let numbers = space.numbers();
    demand(card.numeric.len() == numbers.len(), "encoding.numeric", || {
        format!("{} entries, there are {} numeric features", card.numeric.len(), numbers.len())
    })?;
    for (place, (numeric, feature)) in card.numeric.iter().zip(numbers).enumerate() {
        let (key, name) = (|| format!("encoding.numeric[{place}]"), &space.features()[*feature].name);
        demand(numeric.feature == *name, key(), || format!("'{}' stands where '{name}' belongs", numeric.feature))?;
        let scaled = numeric.mean.is_finite() && numeric.deviation.is_normal() && numeric.deviation > 0.0;
        demand(scaled && (1.0 / numeric.deviation).is_finite(), key(), || {
            format!("mean {} and deviation {} cannot scale", numeric.mean, numeric.deviation)
        })?;
    }
    let scale =
        |numeric: &NumericCard| Scale { curve: numeric.curve, mean: numeric.mean, factor: 1.0 / numeric.deviation };
    let scales: Vec<Scale> = card.numeric.iter().map(scale).collect();
    Ok(Encoding::new(space, &scales, card.limit))
}

fn network(card: &Card, encoding: &Encoding) -> Result<(), Fault> {
    let network = &card.network;
    demand(network.inputs == encoding.inputs(), "network.inputs", || {
        format!("{}, the encoding makes {}", network.inputs, encoding.inputs())
    })?;
    let hidden: Vec<usize> = network.hidden.iter().map(|hidden| hidden.units).collect();
    let sane = (1..=DEEPEST).contains(&hidden.len()) && hidden.iter().all(|units| (1..=WIDEST).contains(units));
    demand(sane, "network.hidden", || format!("{hidden:?}: must be 1 to {DEEPEST} layers of 1 to {WIDEST} units"))?;
    let feeds = network.script.is_none() || hidden.len() == 1 && network.hidden[0].activation == Activation::Linear;
    demand(feeds, "network.hidden", || "a script takes what one linear layer makes".to_owned())?;
    let unlike = card.open_set.as_ref().is_some_and(|open_set| open_set.unlike_output);
    demand(network.outputs == card.labels.len() + usize::from(unlike), "labels", || {
        let and = if unlike { " and one for what is unlike them" } else { "" };
        format!("{} labels{and} for {} outputs of the network", card.labels.len(), network.outputs)
    })?;
    let needed = needed_tensors(network);
    for (name, shape) in &needed {
        let claimed = card.weights.tensors.get(name);
        demand(claimed == Some(shape), format!("weights.tensors.{name}"), || match claimed {
            Some(claimed) => format!("{claimed:?}, the network needs {shape:?}"),
            None => format!("is missing, the network needs {shape:?}"),
        })?;
    }
    match card.weights.tensors.keys().find(|name| !needed.contains_key(*name)) {
        Some(name) => Err(Fault::TensorSurplus { name: name.clone() }),
        None => Ok(()),
    }
}

fn labels(card: &Card, space: &Space) -> Result<(), Fault> {
    demand((FEWEST_CLASSES..=usize::from(u16::MAX)).contains(&card.labels.len()), "labels", || {
        format!("{} labels, must be at least {FEWEST_CLASSES}", card.labels.len())
    })?;
    let mut names = BTreeSet::new();
    for label in &card.labels {
        demand(names.insert(&label.name), "labels", || format!("'{}' stands there twice", label.name))?;
        demand(card.decision.categories.contains(&label.category), format!("labels.{}", label.name), || {
            format!("category '{}' is none of {:?}", label.category, card.decision.categories)
        })?;
        demand((0.0..=100.0).contains(&label.risk), format!("labels.{}", label.name), || {
            format!("risk {} is not within 0 and 100", label.risk)
        })?;
        let needs = label.needs.as_deref();
        demand(needs.is_none_or(|group| space.group(group).is_some()), format!("labels.{}", label.name), || {
            format!("needs '{}', and no feature is of that group", needs.unwrap_or_default())
        })?;
    }
    demand(card.labels.iter().any(|label| label.category == "normal"), "labels", || {
        "none has the category 'normal'".to_owned()
    })
}

fn decision(card: &Card) -> Result<(), Fault> {
    let (categories, costs) = (&card.decision.categories, &card.decision.costs);
    let square = costs.len() == categories.len() && costs.iter().all(|row| row.len() == categories.len());
    let sane = costs.iter().flatten().all(|cost| cost.is_finite() && *cost >= 0.0);
    demand(square && sane, "decision.costs", || {
        format!("must be {0} rows of {0} costs that are not negative", categories.len())
    })?;
    for (key, values) in [("decision.weights", &card.decision.weights), ("decision.unknown", &card.decision.unknown)] {
        let sane = values.iter().all(|value| value.is_finite() && *value >= 0.0);
        demand(sane && (values.is_empty() || values.len() == categories.len()), key, || {
            format!("must be {} numbers that are not negative, or none", categories.len())
        })?;
    }
    Ok(())
}

fn conformal(card: &Card) -> Result<(), Fault> {
    let Some(conformal) = &card.conformal else { return Ok(()) };
    demand(conformal.coverage > 0.0 && conformal.coverage < 1.0, "conformal.coverage", || {
        format!("{} is not between 0 and 1", conformal.coverage)
    })?;
    let probable = conformal.thresholds.iter().all(|threshold| threshold.is_finite() && *threshold >= 0.0);
    demand(probable && conformal.thresholds.len() == card.labels.len(), "conformal.thresholds", || {
        format!("must be {} numbers that are not negative", card.labels.len())
    })
}

fn open_set(card: &Card) -> Result<(), Fault> {
    let Some(open_set) = &card.open_set else { return Ok(()) };
    for (key, value) in
        [("open_set.normal_up_to", open_set.normal_up_to), ("open_set.known_up_to", open_set.known_up_to)]
    {
        demand((0.0..=1.0).contains(&value), key, || format!("{value} is not within 0 and 1"))?;
    }
    let ascending = open_set.points.is_sorted_by(|one, other| one.false_alarms < other.false_alarms);
    let within = |point: &OperatingPoint| (0.0..=1.0).contains(&point.normal_up_to) && point.false_alarms >= 0.0;
    demand(ascending && open_set.points.iter().all(within), "open_set.points", || {
        "must be thresholds within 0 and 1, by ascending false alarms".to_owned()
    })?;
    Ok(())
}

fn demand(holds: bool, key: impl Into<String>, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Value { key: key.into(), what: what() }) }
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use serde_json::{Value, json};

    use super::super::sample;
    use super::*;

    /// The fault of the sample card after `lie` has changed its JSON.
    fn fault_after(lie: impl FnOnce(&mut Value)) -> String {
        let mut json: Value = serde_json::from_slice(&sample::card().to_json()).expect("valid");
        lie(&mut json);
        read(&serde_json::to_vec(&json).expect("valid")).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_true_card_is_taken_and_comes_back_as_it_was() {
        let card = sample::card();
        assert_eq!(read(&card.to_json()).expect("true").0, card);
    }

    #[test]
    fn each_lie_is_refused_with_its_key() {
        type Lie = fn(&mut Value);
        let lies: [(Lie, &str); 19] = [
            (|card| card["format"] = json!(9), "has format 9, this program reads 2"),
            (|card| card["schema"]["hash"] = json!("00"), "schema.hash is 00"),
            (|card| card["schema"]["features"][4]["name"] = json!("bytes"), "schema.hash is"),
            (|card| card["encoding"]["numeric"][0]["deviation"] = json!(0.0), "encoding.numeric[0]: mean"),
            (|card| card["encoding"]["numeric"][1]["feature"] = json!("x"), "'x' stands where 'src_bytes' belongs"),
            (|card| card["network"]["inputs"] = json!(122), "network.inputs: 122"),
            (|card| card["network"]["hidden"] = json!([]), "network.hidden: []"),
            (|card| drop(card["labels"].as_array_mut().map(Vec::pop)), "labels: 3 labels for 4 outputs"),
            (|card| card["labels"][1]["name"] = json!("normal"), "'normal' stands there twice"),
            (|card| card["labels"][1]["needs"] = json!("sky"), "labels.neptune: needs 'sky', and no feature"),
            (|card| card["labels"][1]["category"] = json!("dox"), "category 'dox' is none of"),
            (|card| card["calibration"]["temperature"] = json!(0.0), "calibration.temperature: 0"),
            (|card| card["novelty"]["quantiles"] = json!([1.0, 0.0]), "novelty.quantiles: must be"),
            (|card| card["decision"]["costs"][0] = json!([1.0]), "decision.costs: must be 5 rows"),
            (|card| card["decision"]["weights"] = json!([1.0]), "decision.weights: must be 5 numbers"),
            (
                |card| {
                    card["open_set"] =
                        json!({"meaning": "", "unlike_output": true, "normal_up_to": 0.1, "known_up_to": 0.5})
                },
                "labels: 4 labels and one for what is unlike them for 4 outputs",
            ),
            (
                |card| {
                    card["open_set"] =
                        json!({"meaning": "", "unlike_output": false, "normal_up_to": 1.5, "known_up_to": 0.5})
                },
                "open_set.normal_up_to: 1.5 is not within 0 and 1",
            ),
            (
                |card| {
                    card["conformal"] = json!({"meaning": "", "coverage": 0.99, "thresholds": [0.5], "rests_on": [100]})
                },
                "conformal.thresholds: must be 4 numbers",
            ),
            (|card| card["weights"]["tensors"]["layer1.bias"] = json!([9]), "weights.tensors.layer1.bias: [9]"),
        ];
        for (lie, expected) in lies {
            let fault = fault_after(lie);
            assert!(fault.contains(expected), "'{fault}' lacks '{expected}'");
        }
    }

    #[test]
    fn features_that_are_no_space_are_refused_by_name_although_the_hash_is_right() {
        let after = |change: fn(&mut Schema)| {
            fault_after(|card| {
                let mut schema: Schema = serde_json::from_value(card["schema"].clone()).expect("valid");
                change(&mut schema);
                schema.hash = schema.digest();
                card["schema"] = serde_json::to_value(schema).expect("valid");
            })
        };
        let fault = after(|schema| schema.features[4].name = "bytes".to_owned());
        assert!(fault.contains("'bytes' is no number that this program measures"), "{fault}");
        let fault = after(|schema| schema.features.swap(4, 5));
        assert!(fault.contains("encoding.numeric[1]: 'src_bytes' stands where 'dst_bytes' belongs"), "{fault}");
        let fault = after(|schema| drop(schema.features.pop()));
        assert!(fault.contains("38 entries, there are 37 numeric features"), "{fault}");
    }

    #[test]
    fn half_a_card_and_a_stray_key_are_refused() {
        let json = sample::card().to_json();
        let fault = read(&json[..json.len() / 2]).expect_err("half").to_string();
        assert!(fault.starts_with("is not a model card: EOF"), "{fault}");
        assert!(fault_after(|card| card["colour"] = json!("red")).contains("unknown field `colour`"));
    }
}
