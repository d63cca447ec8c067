//! Raw card in, checked card out: what a card claims must hold together and fit this program.

use std::collections::{BTreeMap, BTreeSet};

use super::card::{Card, EncodingCard, FORMAT, NetworkCard, Schema};
use super::drift;
use super::encode::{Encoding, INPUTS, Scale};
use super::error::Fault;
use crate::event::annotated::TOP;
use crate::features::{NAMES, NUMERIC, name_of_numeric};

/// Most units of a hidden layer, and most hidden layers.
const WIDEST: usize = 4096;
const DEEPEST: usize = 8;

/// Reads a card and checks everything that can be checked without the weights.
///
/// # Errors
/// The first fault found.
pub fn read(json: &[u8]) -> Result<(Card, Encoding), Fault> {
    let card: Card = serde_json::from_slice(json)?;
    if card.format != FORMAT {
        return Err(Fault::Format { found: card.format, known: FORMAT });
    }
    schema(&card.schema)?;
    let encoding = encoding(&card.encoding)?;
    network(&card)?;
    labels(&card)?;
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
    card.drift.as_ref().map_or(Ok(()), drift::check)?;
    Ok((card, encoding))
}

/// Name and shape of every tensor that a network of these sizes needs, `baseline` (see the explanation) among them.
pub fn needed_tensors(network: &NetworkCard) -> BTreeMap<String, Vec<usize>> {
    let mut needed = BTreeMap::from([("baseline".to_owned(), vec![network.inputs])]);
    let widths: Vec<usize> =
        std::iter::once(network.inputs).chain(network.hidden.iter().copied()).chain([network.outputs]).collect();
    for (layer, pair) in widths.windows(2).enumerate() {
        needed.insert(format!("layer{}.weight", layer + 1), pair.to_vec());
        needed.insert(format!("layer{}.bias", layer + 1), vec![pair[1]]);
    }
    needed
}

fn schema(found: &Schema) -> Result<(), Fault> {
    let actual = found.digest();
    if actual != found.hash {
        return Err(Fault::SchemaHash { claimed: found.hash.clone(), actual });
    }
    let current = Schema::current();
    if found.features != current.features {
        let place = found.features.iter().zip(&current.features).position(|(theirs, ours)| theirs != ours);
        let what = match place {
            Some(place) => format!("feature {} is '{}', here '{}'", place + 1, found.features[place], NAMES[place]),
            None => format!("{} features, here {}", found.features.len(), NAMES.len()),
        };
        return Err(Fault::Schema { what });
    }
    let differs = |name: &&String| found.vocabularies.get(*name) != current.vocabularies.get(*name);
    match found.vocabularies.keys().chain(current.vocabularies.keys()).find(differs) {
        Some(name) => Err(Fault::Schema { what: format!("the vocabulary of '{name}' is another") }),
        None => Ok(()),
    }
}

fn encoding(card: &EncodingCard) -> Result<Encoding, Fault> {
    demand(card.limit.is_finite() && card.limit > 0.0, "encoding.limit", || format!("{} is not positive", card.limit))?;
    demand(card.numeric.len() == NUMERIC, "encoding.numeric", || {
        format!("{} entries, there are {NUMERIC} numeric features", card.numeric.len())
    })?;
    for (place, numeric) in card.numeric.iter().enumerate() {
        let key = || format!("encoding.numeric[{place}]");
        demand(numeric.feature == NAMES[name_of_numeric(place)], key(), || {
            format!("'{}' stands where '{}' belongs", numeric.feature, NAMES[name_of_numeric(place)])
        })?;
        let scaled = numeric.mean.is_finite() && numeric.deviation.is_normal() && numeric.deviation > 0.0;
        demand(scaled && (1.0 / numeric.deviation).is_finite(), key(), || {
            format!("mean {} and deviation {} cannot scale", numeric.mean, numeric.deviation)
        })?;
    }
    let scale = |place: usize| {
        let numeric = &card.numeric[place];
        Scale { curve: numeric.curve, mean: numeric.mean, factor: 1.0 / numeric.deviation }
    };
    Ok(Encoding::new(std::array::from_fn(scale), card.limit))
}

fn network(card: &Card) -> Result<(), Fault> {
    let network = &card.network;
    demand(network.inputs == INPUTS, "network.inputs", || format!("{}, the encoding makes {INPUTS}", network.inputs))?;
    let hidden = &network.hidden;
    let sane = (1..=DEEPEST).contains(&hidden.len()) && hidden.iter().all(|units| (1..=WIDEST).contains(units));
    demand(sane, "network.hidden", || format!("{hidden:?}: must be 1 to {DEEPEST} layers of 1 to {WIDEST} units"))?;
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

fn labels(card: &Card) -> Result<(), Fault> {
    demand((TOP..=usize::from(u16::MAX)).contains(&card.labels.len()), "labels", || {
        format!("{} labels, must be at least {TOP}", card.labels.len())
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
        let lies: [(Lie, &str); 18] = [
            (|card| card["format"] = json!(2), "has format 2, this program reads 1"),
            (|card| card["schema"]["hash"] = json!("00"), "schema.hash is 00"),
            (|card| card["schema"]["features"][4] = json!("bytes"), "schema.hash is"),
            (|card| card["encoding"]["numeric"][0]["deviation"] = json!(0.0), "encoding.numeric[0]: mean"),
            (|card| card["encoding"]["numeric"][1]["feature"] = json!("x"), "'x' stands where 'src_bytes' belongs"),
            (|card| card["network"]["inputs"] = json!(122), "network.inputs: 122"),
            (|card| card["network"]["hidden"] = json!([]), "network.hidden: []"),
            (|card| drop(card["labels"].as_array_mut().map(Vec::pop)), "labels: 3 labels for 4 outputs"),
            (|card| card["labels"][1]["name"] = json!("normal"), "'normal' stands there twice"),
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
    fn other_features_under_a_right_hash_are_refused_by_name() {
        let rehash = |card: &mut Value, change: fn(&mut Schema)| {
            let mut schema: Schema = serde_json::from_value(card["schema"].clone()).expect("valid");
            change(&mut schema);
            schema.hash = schema.digest();
            card["schema"] = serde_json::to_value(schema).expect("valid");
        };
        let fault = fault_after(|card| rehash(card, |schema| schema.features.swap(4, 5)));
        assert!(fault.contains("feature 5 is 'dst_bytes', here 'src_bytes'"), "{fault}");
        let fault = fault_after(|card| rehash(card, |schema| drop(schema.features.pop())));
        assert!(fault.contains("40 features, here 41"), "{fault}");
        let shorten = |schema: &mut Schema| drop(schema.vocabularies.get_mut("service").and_then(Vec::pop));
        let fault = fault_after(|card| rehash(card, shorten));
        assert!(fault.contains("the vocabulary of 'service' is another"), "{fault}");
    }

    #[test]
    fn half_a_card_and_a_stray_key_are_refused() {
        let json = sample::card().to_json();
        let fault = read(&json[..json.len() / 2]).expect_err("half").to_string();
        assert!(fault.starts_with("is not a model card: EOF"), "{fault}");
        assert!(fault_after(|card| card["colour"] = json!("red")).contains("unknown field `colour`"));
    }
}
