//! `oversight evaluate classifier` on real records.

use std::path::Path;

use serde_json::Value;

use crate::harness::data;
use crate::harness::oversight::run;

const RECORDS: usize = 20_000;

fn evaluated(options: &[&str]) -> Value {
    let done = run(&[&["evaluate", "classifier", "--output", "json"], options].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} in {report}"))
}

#[test]
fn real_records_are_judged_and_the_page_needs_nothing_beside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let Some(records) = data::kdd_records(folder.path(), RECORDS) else { return };
    let page = folder.path().join("report.html");
    let options = ["--model", "builtin", "--data", path(&records), "--html", path(&page), "--adapt-priors"];
    let report = evaluated(&options);
    assert_eq!(report["records"], RECORDS);
    assert!(number(&report, "/accuracy") > 0.98 && number(&report, "/cost") < 0.05, "{report}");
    assert!(number(&report, "/binary/recall") > 0.98 && number(&report, "/binary/false_alarm_rate") < 0.02);
    assert_eq!(report["never_seen"]["records"], 0);
    assert!(report["never_seen"].get("auroc").is_none(), "not defined without such attacks");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    for outside in ["src=", "href=", "@import", "url(", "<script", "<link"] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
}

#[test]
fn records_with_a_difficulty_behind_their_label_and_labels_without_a_dot_are_read() {
    let Some(file) = data::shared("nsl-kdd/KDDTrain+_20Percent.txt.gz") else { return };
    let report = evaluated(&["--data", path(&file), "--decision", "least-cost"]);
    assert_eq!((report["records"].as_u64(), report["bad_lines"]["count"].as_u64()), (Some(25_192), Some(0)));
    assert!(number(&report, "/families/dos/recall") > 0.95, "{report}");
    assert_eq!(report["decision"], "least_cost");
}

#[test]
fn strange_symbols_and_labels_and_a_broken_line_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.csv");
    let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
    let text = format!(
        "0,tcp,icmp,SF,181,5450,{tail},normal.\n0,sctp,,?,181,5450,{tail},snmpguess.\n1,2,3\n0,tcp,http,SF,1,1,{tail},quux.\n"
    );
    std::fs::write(&file, text).unwrap();
    let report = evaluated(&["--data", path(&file)]);
    assert_eq!((report["records"].as_u64(), report["never_seen"]["records"].as_u64()), (Some(2), Some(1)));
    assert_eq!(report["foreign_labels"]["first"]["quux"], 4);
    let done = run(&["evaluate", "classifier", "--data", path(&file)]);
    let (said, progress) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("'quux', first in line 4") && said.contains("line 3: 3 columns"), "{said}");
    assert!(!progress.contains('\r') && !progress.contains('\u{1b}'), "plain where it is no terminal: {progress:?}");
}

#[test]
fn the_page_on_the_model_that_ships_has_the_figures_of_its_card() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/classification.md")).unwrap();
    let card = std::fs::read_to_string(root.join("models/kdd99/card.json")).unwrap();
    let card: Value = serde_json::from_str(&card).unwrap();
    for class in card["training"]["classes"].as_array().unwrap() {
        let name = class["label"].as_str().unwrap();
        let figures = &card["quality"]["whole"]["distinct"]["per_class"][name];
        let share = |figure: &str| format!("{:.3}", figures[figure].as_f64().unwrap_or_default());
        let counts = ["distinct", "training", "test"].map(|count| class[count].to_string()).join(" | ");
        let row = format!("| `{name}` | {counts} | {} | {} |", share("precision"), share("recall"));
        assert!(page.contains(&row), "docs/classification.md lacks {row}");
    }
    for left in card["quality"]["never_seen"].as_array().into_iter().flatten() {
        let share = |figure: &str| format!("{:.3}", left[figure].as_f64().unwrap());
        let shares = ["called_normal", "called_unknown", "alarm_auc", "novelty_auc"].map(share).join(" | ");
        let row = format!("| `{}` | {} | {shares} |", left["label"].as_str().unwrap(), left["rows"]);
        assert!(page.contains(&row), "docs/classification.md lacks {row}");
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}
