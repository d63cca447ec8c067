//! Networks made elsewhere, read and judged by.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tch::{CModule, Tensor};

use super::network::layers_of;
use super::recipe::{AfterLayer, LayerRecipe};
use super::*;
use crate::classify::card::Gives;
use crate::classify::weights::{self, Numbers, Weights};
use crate::classify::{Explain, ModelSource, load};
use crate::event::annotated::Classification;
use crate::features::symbols::Symbol;
use crate::features::{Matrix, Row, Space};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/keras").join(name)
}

fn prototype() -> Recipe {
    Recipe::load(&data("recipe.yml")).expect("sound")
}

/// A recipe of this text, from a file.
fn recipe(text: &str) -> Result<Recipe, ImportError> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    Recipe::load(file.path())
}

/// The rows that Keras was asked about, and what it said.
fn expected(space: &Space) -> (Matrix, Vec<Vec<f32>>) {
    let (mut rows, mut said) = (Matrix::new(space.shape()), Vec::new());
    for line in std::fs::read_to_string(data("expected.ndjson")).expect("there").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let value = |feature: &usize| &line["row"][&space.features()[*feature].name];
        let numeric: Vec<f32> =
            space.numbers().iter().map(|feature| value(feature).as_f64().expect("a number") as f32).collect();
        let word = |(place, feature): (usize, &usize)| {
            Symbol::of(space.words(place), value(feature).as_str().expect("a word"))
        };
        let symbols: Vec<Symbol> = space.symbols().iter().enumerate().map(word).collect();
        rows.push(Row { numeric: &numeric, symbols: &symbols });
        let probabilities = line["probabilities"].as_array().expect("a list");
        said.push(probabilities.iter().map(|one| one.as_f64().expect("a number") as f32).collect());
    }
    (rows, said)
}

fn judge(folder: &Path, rows: &Matrix) -> Vec<Classification> {
    let model = load(&ModelSource::Folder(folder.to_owned())).expect("sound");
    let mut verdicts = Vec::new();
    model.classifier_with(Explain::NEVER).classify(rows, &mut verdicts).expect("runs");
    verdicts
}

#[test]
fn the_network_of_41_45_45_23_says_here_what_keras_says_of_it() {
    for file in ["network.h5", "network-keras2.h5"] {
        let folder = tempfile::tempdir().expect("a folder");
        let card = import(&data(file), &prototype(), folder.path()).expect("imported");
        assert_eq!(card.network.hidden.iter().map(|hidden| hidden.units).collect::<Vec<_>>(), [45, 45]);
        assert!(card.quality.is_none() && card.description.contains(file));
        let (rows, said) = expected(&card.schema.space().expect("sound"));
        for (verdict, said) in judge(folder.path(), &rows).iter().zip(&said) {
            for (class, probability) in verdict.top {
                let theirs = said[usize::from(class)];
                assert!((probability.value() - theirs).abs() < 1e-4, "{file}: {probability:?}, Keras says {theirs}");
            }
            let best = said.iter().copied().fold(0.0, f32::max);
            assert_eq!(said[usize::from(verdict.label)], best, "{file}");
        }
    }
}

#[test]
fn words_and_values_that_the_network_was_never_fed_are_legal() {
    let folder = tempfile::tempdir().expect("a folder");
    let card = import(&data("network.h5"), &prototype(), folder.path()).expect("imported");
    let space = card.schema.space().expect("sound");
    let mut rows = Matrix::new(space.shape());
    rows.push(Row { numeric: &[f32::NAN; 38], symbols: &[Symbol::MISSING; 3] });
    rows.push(Row { numeric: &[1.0; 38], symbols: &[Symbol::UNKNOWN; 3] });
    let verdicts = judge(folder.path(), &rows);
    assert_eq!((verdicts[0].features_known, verdicts[1].features_known), (0, 41));
    assert!(verdicts.iter().all(|verdict| verdict.probability.value() > 1.0 / 23.0));
    let normal = card.labels.iter().find(|label| label.name == "normal").expect("there");
    let neptune = card.labels.iter().find(|label| label.name == "neptune").expect("there");
    assert_eq!((normal.category.as_str(), normal.risk), ("normal", 0.0));
    assert_eq!(neptune.technique.as_ref().map(|technique| technique.id.as_str()), Some("T1499"), "known of KDD labels");
}

const LOGISTIC: &str = "name: web\nlabels: [{name: normal}, {name: scan, category: probe, risk: 47}]\n\
    features:\n\
    \x20 - {name: bytes, field: http.bytes, kind: number, curve: log1p, scale: {mean: 2, deviation: 4}, missing: 0}\n\
    \x20 - {name: method, field: http.method, kind: symbol, words: [PUT, GET], encoding: one_hot}\n\
    \x20 - {name: status, field: http.status, kind: symbol, words: ['200', '404'], unknown: 7, missing: -1}\n\
    layers: [{weight: w, bias: b, activation: sigmoid}]\n";

/// A safetensors file with one unit on the four inputs of [`LOGISTIC`].
fn logistic() -> Vec<u8> {
    let numbers = |shape: &[usize], values: &[f32]| Numbers { shape: shape.to_vec(), values: values.to_vec() };
    weights::write(&Weights::from([
        ("w".to_owned(), numbers(&[1, 4], &[0.5, -1.0, 2.0, 0.25])),
        ("b".to_owned(), numbers(&[1], &[0.125])),
    ]))
}

#[test]
fn one_unit_with_a_sigmoid_on_fields_of_events_is_a_model_of_two_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("logistic.safetensors");
    std::fs::write(&file, logistic()).expect("written");
    let into = folder.path().join("model");
    let card = import(&file, &recipe(LOGISTIC).expect("sound"), &into).expect("imported");
    let space = card.schema.space().expect("sound");
    let method = |word| Symbol::of(space.words(0), word);
    let status = |word| Symbol::of(space.words(1), word);
    // what stands for the bytes, the two methods and the status
    let cases = [
        (9.0, method("GET"), status("404"), [10f32.ln(), 0.0, 1.0, 1.0]),
        (0.0, method("PUT"), status("200"), [0.0, 1.0, 0.0, 0.0]),
        (f32::NAN, method("BREW"), status("500"), [0.0, 0.0, 0.0, 7.0]),
        (f32::NAN, Symbol::MISSING, Symbol::MISSING, [0.0, 0.0, 0.0, -1.0]),
    ];
    let mut rows = Matrix::new(space.shape());
    cases
        .iter()
        .for_each(|(bytes, method, status, _)| rows.push(Row { numeric: &[*bytes], symbols: &[*method, *status] }));
    for (verdict, (.., fed)) in judge(&into, &rows).iter().zip(&cases) {
        let sum = 0.125 + 0.5 * (fed[0] - 2.0) / 4.0 - fed[1] + 2.0 * fed[2] + 0.25 * fed[3];
        let scan = 1.0 / (1.0 + (-sum).exp());
        let found = verdict.top.iter().find(|(class, _)| *class == 1).expect("told").1.value();
        assert!((found - scan).abs() < 1e-5, "{found}, and by hand {scan}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let logistic = logistic();
    let refused = |change: fn(&mut Recipe), bytes: &[u8]| {
        let mut recipe = recipe(LOGISTIC).expect("sound");
        change(&mut recipe);
        let layers = layers_of(Path::new("network"), bytes.to_vec(), &recipe);
        layers.and_then(|layers| convert::network(&recipe, layers)).expect_err("refused").to_string()
    };
    for (change, words) in [
        (
            (|recipe| drop(recipe.features.pop())) as fn(&mut Recipe),
            "has 4 inputs, and the features of the recipe make 3",
        ),
        (|recipe| recipe.labels.push(recipe.labels[0].clone()), "has 2 outputs, and the recipe names 3 labels"),
        (|recipe| recipe.layers.clear(), "list its layers in the recipe; it holds b, w"),
        (|recipe| recipe.layers[0].weight = "x".to_owned(), "'x' is no tensor of the file"),
        (|recipe| recipe.layers[0].activation = AfterLayer::Relu, "ends in Relu over 1 units, which chooses no class"),
        (|recipe| recipe.layers.push(recipe.layers[0].clone()), "'w' has 4 inputs, and 'w' before it gives 1"),
        (
            |recipe| {
                let last = LayerRecipe { activation: AfterLayer::Softmax, ..recipe.layers[0].clone() };
                recipe.layers = vec![last.clone(), last];
            },
            "'w' has 4 inputs",
        ),
    ] {
        let fault = refused(change, &logistic);
        assert!(fault.contains(words), "'{fault}' lacks '{words}'");
    }
    assert!(refused(|_| {}, b"PK\x03\x04...").contains("save it again as HDF5"));
    assert!(refused(|_| {}, b"nonsense").contains("is neither HDF5"));
    let keras = std::fs::read(data("network.h5")).expect("there");
    assert!(refused(|_| {}, &keras[..keras.len() / 2]).contains("HDF5"), "cut off");
}

#[test]
fn layers_that_are_not_understood_are_named() {
    let bytes = std::fs::read(data("network-keras2.h5")).expect("there");
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "the file keeps its layout");
        let place = memchr::memmem::find(&bytes, from.as_bytes()).expect("in the model's description");
        let mut bytes = bytes.clone();
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        keras::layers(bytes).expect_err("refused").to_string()
    };
    let fault = changed("\"class_name\": \"Dropout\"", "\"class_name\": \"Conv1DT\"");
    assert!(fault.contains("layer 'dropout' is a Conv1DT; Dense layers"), "{fault}");
    let fault = changed("\"activation\": \"relu\"", "\"activation\": \"selu\"");
    assert!(fault.contains("layer 'dense_1' has the activation 'selu'; relu, tanh"), "{fault}");
    let fault = changed("\"class_name\": \"Sequential\"", "\"class_name\": \"Functional\"");
    assert!(fault.contains("the model is a 'Functional'; a Sequential"), "{fault}");
    let fault = changed("\"name\": \"dense_2\"", "\"name\": \"dense_9\"");
    assert!(fault.contains("'dense_9' has no weights in the file"), "{fault}");
}

#[test]
fn a_recipe_that_cannot_be_is_refused_with_its_key() {
    let with = |from: &str, to: &str| recipe(&LOGISTIC.replace(from, to)).expect_err(to).to_string();
    for (from, to, words) in [
        ("curve: log1p", "curve: log", "curve: 'log' is not one of linear, log1p"),
        ("deviation: 4", "greatest: 4", "features.bytes: scale takes mean and deviation, or least and greatest"),
        ("deviation: 4", "deviation: -4", "features.bytes: scale must be finite"),
        ("words: [PUT, GET]", "words: [PUT, PUT]", "features.method: a word stands there twice"),
        ("words: [PUT, GET], ", "", "features.method: a symbol needs its words"),
        ("field: http.bytes, ", "", "features.bytes: is none of the features that this program measures"),
        ("encoding: one_hot", "encoding: one_hot, unknown: 1", "one_hot inputs are 0 and 1"),
    ] {
        let fault = with(from, to);
        assert!(fault.contains(words), "'{fault}' lacks '{words}'");
    }
}

/// A TorchScript file that gives, for rows of four inputs, the logits or probabilities of the unit of [`logistic`].
fn traced(path: &Path, probabilities: bool) {
    let weights = Tensor::from_slice(&[0.5f32, -1.0, 2.0, 0.25]).unsqueeze(1);
    let mut unit = |inputs: &[Tensor]| {
        let sum = inputs[0].matmul(&weights) + 0.125;
        vec![if probabilities { sum.sigmoid() } else { Tensor::cat(&[sum.zeros_like(), sum], 1) }]
    };
    let rows = Tensor::zeros([2, 4], (tch::Kind::Float, tch::Device::Cpu));
    CModule::create_by_tracing("Unit", "forward", &[rows], &mut unit).expect("traced").save(path).expect("saved");
}

#[test]
fn torch_script_is_fed_and_explained_like_the_same_network_in_layers() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("layers.safetensors"), logistic()).expect("written");
    traced(&at("logits.pt"), false);
    traced(&at("probabilities.pt"), true);
    let judged = ["layers.safetensors", "logits.pt", "probabilities.pt"].map(|file| {
        let mut recipe = recipe(LOGISTIC).expect("sound");
        recipe.gives = if file == "probabilities.pt" { Gives::Probabilities } else { Gives::Logits };
        import(&at(file), &recipe, &at("model")).expect(file);
        let model = load(&ModelSource::Folder(at("model"))).expect(file);
        let space = Arc::clone(model.space());
        let mut rows = Matrix::new(space.shape());
        for bytes in [1e6, 3.0, f32::NAN] {
            let symbols = [Symbol::of(space.words(0), "GET"), Symbol::of(space.words(1), "404")];
            rows.push(Row { numeric: &[bytes], symbols: &symbols });
        }
        let mut verdicts = Vec::new();
        model.classifier().classify(&rows, &mut verdicts).expect(file);
        verdicts
    });
    for other in &judged[1..] {
        for (theirs, ours) in other.iter().zip(&judged[0]) {
            assert_eq!(theirs.label, ours.label);
            assert!((theirs.probability.value() - ours.probability.value()).abs() < 1e-5);
            assert_eq!(theirs.explanation.len(), ours.explanation.len());
            let pairs = theirs.explanation.iter().zip(&ours.explanation);
            assert!(pairs.clone().all(|(a, b)| a.feature == b.feature));
        }
    }
    let exact = judged[1][0].explanation.iter().zip(&judged[0][0].explanation);
    assert!(exact.clone().all(|(a, b)| (a.contribution - b.contribution).abs() < 1e-4));
}

#[test]
fn a_script_that_is_another_or_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, into) = (folder.path().join("unit.pt"), folder.path().join("model"));
    traced(&file, false);
    let mut wrong = recipe(LOGISTIC).expect("sound");
    drop(wrong.features.pop());
    let fault = import(&file, &wrong, &into).expect_err("three inputs for four").to_string();
    assert!(fault.contains("network.pt: is no TorchScript file that can be run here"), "{fault}");
    let mut wrong = recipe(LOGISTIC).expect("sound");
    wrong.labels.push(wrong.labels[1].clone());
    wrong.labels[2].name = "more".to_owned();
    let fault = import(&file, &wrong, &into).expect_err("two outputs for three labels").to_string();
    assert!(fault.contains("gives [2, 2] for two rows, the labels need [2, 3]"), "{fault}");
    import(&file, &recipe(LOGISTIC).expect("sound"), &into).expect("imported");
    traced(&into.join("network.pt"), true);
    let fault = load(&ModelSource::Folder(into)).expect_err("exchanged").to_string();
    assert!(fault.contains("network.pt: is not the file that the card belongs to"), "{fault}");
}

#[test]
fn an_imported_model_explains_itself_by_its_own_features() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("logistic.safetensors");
    std::fs::write(&file, logistic()).expect("written");
    let into = folder.path().join("model");
    import(&file, &recipe(LOGISTIC).expect("sound"), &into).expect("imported");
    let model = load(&ModelSource::Folder(into)).expect("sound");
    let space = Arc::clone(model.space());
    let mut rows = Matrix::new(space.shape());
    let symbols = [Symbol::of(space.words(0), "GET"), Symbol::of(space.words(1), "404")];
    rows.push(Row { numeric: &[1e6], symbols: &symbols });
    let mut verdicts = Vec::new();
    model.classifier().classify(&rows, &mut verdicts).expect("runs");
    let named: Vec<&str> =
        verdicts[0].explanation.iter().map(|one| space.features()[usize::from(one.feature)].name.as_str()).collect();
    assert_eq!((verdicts[0].label, named), (1, vec!["method", "bytes", "status"]));
}
