//! A model of one's own: trained on a file, measured, and put to use on events that have its fields.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::data;
use crate::harness::oversight::{Oversight, run};

const SPEC: &str = "name: logins\nlabel: verdict\nnormal: [fine]\nfeatures:\n\
    \x20 - {name: failures, field: auth.failures, kind: number, curve: log1p}\n\
    \x20 - {name: method, field: auth.method, kind: symbol}\n\
    \x20 - {name: seconds, field: auth.seconds, kind: number}\n\
    labels:\n  guessing: {category: credentials, risk: 80, technique: {id: T1110, name: Brute Force}}\n";

/// Logins that the number of failures tells apart.
fn logins() -> String {
    let mut text = String::new();
    for row in 0..150 {
        let method = ["password", "key"][row % 2];
        for (verdict, failures) in [("fine", row % 3), ("guessing", 40 + row)] {
            let auth = json!({"failures": failures, "method": method, "seconds": row * 7 % 31});
            writeln!(text, "{}", json!({"auth": auth, "verdict": verdict, "row": row})).expect("a string");
        }
    }
    text
}

fn train(folder: &Path) -> (std::process::Output, std::path::PathBuf) {
    let (spec, data, into) = (folder.join("spec.yml"), folder.join("logins.ndjson"), folder.join("model"));
    std::fs::write(&spec, SPEC).unwrap();
    std::fs::write(&data, logins()).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = ["train", "own", "--epochs", "30", "--output", "json", "--spec", &text(&spec), "--data"];
    (run(&[&arguments[..], &[&text(&data), "--into", &text(&into)]].concat()), into)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_ones_own_judges_the_events_that_have_its_fields_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (done, model) = train(folder.path());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let quality: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    assert!(quality["whole"]["distinct"]["accuracy"].as_f64().unwrap() > 0.9, "{quality}");
    tells_what_was_taken_for_what(&quality["whole"]);
    let oversight = Oversight::start(&folder.path().join("data"), &[("CLASSIFY_MODEL", model.to_str().unwrap())]);
    let events = json!([
        {"auth": {"failures": 90, "method": "password", "seconds": 5}},
        {"auth.failures": "1", "auth.method": "key"},
        {"auth": {"method": "key"}},
        {"uid": "C1", "id.orig_h": "10.0.0.1", "id.resp_h": "10.0.0.2", "id.resp_p": 80, "proto": "tcp", "conn_state": "SF"},
    ]);
    let (status, answer) = oversight.post("/v1/enrich", events.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let verdict = |place: usize| &answer[place]["oversight"]["classification"];
    assert_eq!(verdict(0)["label"], "guessing", "{answer}");
    assert_eq!(answer[0]["threat"]["technique"]["id"], json!(["T1110"]), "{answer}");
    assert_eq!(verdict(0)["explanation"][0]["feature"], "failures", "{answer}");
    assert_eq!((&verdict(1)["label"], &verdict(1)["features_known"]), (&json!("normal"), &json!(2)), "{answer}");
    assert_eq!(verdict(2), &Value::Null, "too little of it: {answer}");
    assert_eq!(verdict(3)["model"]["name"], "kdd99", "none of it, so the second model judges: {answer}");
}

/// A card that is written today has a confusion matrix and a calibration curve over all records of its test part.
fn tells_what_was_taken_for_what(figures: &Value) {
    let records = figures["distinct"]["records"].as_u64().unwrap();
    let rows = figures["confusion"].as_object().expect("a matrix");
    let cells = |class: &str| figures["confusion"][class].as_object().into_iter().flatten();
    let counted: u64 = rows.keys().flat_map(|class| cells(class)).map(|(_, count)| count.as_u64().unwrap()).sum();
    assert_eq!(counted, records, "{figures}");
    let found = |class: &str| figures["confusion"][class][class].as_u64().unwrap_or_default();
    let right = rows.keys().map(|class| found(class)).sum::<u64>() as f64 / records as f64;
    assert!((right - figures["distinct"]["accuracy"].as_f64().unwrap()).abs() < 1e-9, "{figures}");
    let said = figures["calibration"].as_array().expect("a curve");
    let counted: u64 = said.iter().map(|point| point["records"].as_u64().unwrap()).sum();
    assert_eq!(counted, records, "{figures}");
    let confident = |point: &Value| point["confidence"].as_f64().unwrap();
    assert!(said.is_sorted_by(|one, other| confident(one) < confident(other)), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_flow_features_is_learned_from_a_log_and_judges_what_comes_in() {
    let Some(log) = data::shared("stratosphere-zeek/008-zeek-mixed/conn.log.labeled.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (spec, model) = (folder.path().join("spec.yml"), folder.path().join("model"));
    let text =
        "name: flows\nlabel: label\nnormal: [Benign]\nignore: [Background]\nmeasured: [flow]\nsplit: {by: time}\n";
    std::fs::write(&spec, text).unwrap();
    let [spec, data, into] = [&spec, &log, &model].map(|path| path.to_str().unwrap());
    let arguments =
        ["train", "own", "--epochs", "4", "--output", "json", "--spec", spec, "--data", data, "--into", into];
    let done = run(&arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let quality: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    assert!(quality["whole"]["distinct"]["accuracy"].as_f64().unwrap() > 0.8, "{quality}");
    let oversight = Oversight::start(&folder.path().join("data"), &[("CLASSIFY_MODEL", into)]);
    let event = json!({"ts": 1.5, "uid": "C1", "id.orig_h": "10.0.0.1", "id.resp_h": "10.0.0.2", "id.resp_p": 80,
        "proto": "tcp", "conn_state": "SF", "duration": 0.5, "orig_bytes": 100, "resp_bytes": 900, "orig_pkts": 5, "resp_pkts": 4});
    let (status, answer) = oversight.post("/v1/enrich", json!([event]).to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer[0]["oversight"]["classification"]["label"].is_string(), "{answer}");
}

#[test]
fn a_model_of_ones_own_is_measured_on_rows_of_ones_own_and_a_strange_label_is_an_attack_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (done, model) = train(folder.path());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let data = folder.path().join("logins.ndjson");
    let mut text = logins();
    text.push_str("{\"auth\": {\"failures\": 70, \"method\": \"key\"}, \"verdict\": \"spraying\"}\n");
    text.push_str("{\"auth\": {\"failures\": \"many\", \"method\": \"key\"}, \"verdict\": \"fine\"}\n");
    std::fs::write(&data, text).unwrap();
    let spec = std::fs::read_to_string(folder.path().join("spec.yml")).unwrap();
    let spec = spec.replace("labels:\n", "labels:\n  spraying: {category: credentials}\n");
    std::fs::write(folder.path().join("spec.yml"), spec).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = ["evaluate", "classifier", "--model", &text(&model), "--data", &text(&data)];
    let done = run(&[&arguments[..], &["--output", "json", "--spec", &text(&folder.path().join("spec.yml"))]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    assert_eq!((&report["records"], &report["families"]["credentials"]["support"]), (&json!(301), &json!(151)));
    assert_eq!(report["never_seen"]["types"]["spraying"]["records"], 1, "{report}");
    assert_eq!(report["bad_lines"]["first"][0]["line"], 302, "{report}");
    let refused = run(&[&arguments[..], &["--format", "kdd"]].concat());
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("looks at 'failures', which is a field of events") && told.contains("--spec"), "{told}");
}

#[test]
fn a_spec_with_faults_exits_with_2_and_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.yml");
    std::fs::write(&spec, SPEC.replace("kind: symbol", "kind: word")).unwrap();
    let done = run(&["train", "own", "--data", "none.csv", "--into", "model", "--spec", spec.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("spec.yml:6: features[1].kind: 'word' is not one of number, symbol"), "{told}");
}

#[test]
fn a_keras_network_with_its_recipe_becomes_a_model_on_the_shelf() {
    let given = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keras").join(name);
        path.to_str().unwrap().to_owned()
    };
    let import = |network: &str| {
        run(&["model", "import", &given(network), "--recipe", &given("recipe.yml"), "--output", "json"])
    };
    let done = import("network.h5");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let imported: Value = serde_json::from_slice(&done.stdout).expect("one JSON object");
    assert!(imported["model"].as_str().unwrap().contains("prototype/1"), "{imported}");
    let refused = import("make.py");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(
        told.contains("make.py: is neither HDF5 of Keras (network.h5), nor safetensors, nor TorchScript"),
        "{told}"
    );
}

#[test]
fn a_network_from_elsewhere_is_calibrated_on_labelled_records_and_keeps_its_weights() {
    let folder = tempfile::tempdir().unwrap();
    let Some(records) = data::kdd_records(folder.path(), 20_000) else { return };
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let given = |name: &str| text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keras").join(name));
    let (data, into) = (folder.path().join("data"), folder.path().join("calibrated"));
    let config = folder.path().join("oversight.yml");
    std::fs::write(&config, format!("data_dir: {}\n", data.display())).unwrap();
    let done = run(&["-c", &text(&config), "model", "import", &given("network.h5"), "--recipe", &given("recipe.yml")]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let imported = data.join("models/prototype/1");
    let arguments = ["train", "calibration", "--model-version", "2", "--output", "json", "--model", &text(&imported)];
    let done = run(&[&arguments[..], &["--data", &text(&records), "--into", &text(&into)]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let card = |folder: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join("card.json")).unwrap()).expect("JSON")
    };
    let (before, after) = (card(&imported), card(&into));
    assert_eq!(before["weights"], after["weights"]);
    assert_eq!((before["version"].as_str(), after["version"].as_str()), (Some("1"), Some("2")));
    assert!(before["quality"].is_null() && before["conformal"].is_null() && before["typical"].is_null());
    let quality = &after["quality"]["whole"];
    let error = |when: &str| quality[format!("calibration_error_{when}")].as_f64().unwrap();
    assert!(error("after") <= error("before") + 0.01, "{quality}");
    assert!(after["quality"]["sets"]["covered"].is_number(), "{}", after["quality"]["sets"]);
    assert_eq!(after["open_set"]["unlike_output"], false);
    assert_eq!(after["typical"].as_array().map(Vec::len), Some(41));
    let report =
        run(&["evaluate", "classifier", "--model", &text(&into), "--data", &text(&records), "--output", "json"]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("one JSON object");
    assert_eq!((&report["records"], &report["conformal"]["stated"]), (&json!(20_000), &json!(0.95)), "{report}");
}
