//! Evaluations of made-up lines by a classifier that a test commands, and of the report as text and page.

use std::io::Write;
use std::sync::Arc;

use super::*;
use crate::classify::{ModelSource, decide, load};
use crate::event::Probability;
use crate::event::annotated::{ModelInfo, Verdict};
use crate::features::Space;

/// Believes, by as many percent as bytes were received, in the class whose number is the bytes sent; the rest of its belief
/// goes to normal, or from there to smurf.
struct ByBytes {
    model: Arc<ModelInfo>,
    space: Arc<Space>,
    /// None where the most probable class is decided on.
    least_cost: Option<decide::LeastCost>,
    rows: Vec<f32>,
}

impl Classifier for ByBytes {
    fn space(&self) -> &Arc<Space> {
        &self.space
    }

    fn classify(&mut self, batch: &Matrix, out: &mut Vec<Classification>) -> Result<(), ClassifyError> {
        self.rows.clear();
        for features in batch.rows(0..batch.len()).iter() {
            let class = features.numeric[1] as usize;
            let sure = features.numeric[2] / 100.0;
            let mut row = vec![0.0; self.model.labels.len()];
            row[if class == self.place("normal") { self.place("smurf") } else { self.place("normal") }] = 1.0 - sure;
            row[class] = sure;
            let top = decide::top(&row);
            let dear = self.least_cost.as_ref().map(|rule| rule.class(&row, 0.0));
            let label = dear.map_or(top[0].0, |class| u16::try_from(class).expect("few classes"));
            out.push(Classification {
                model: Arc::clone(&self.model),
                verdict: if self.model.labels[usize::from(label)].is_normal() {
                    Verdict::Normal
                } else {
                    Verdict::Known
                },
                label,
                probability: top[0].1,
                excused: None,
                top,
                set: [label].into_iter().collect(),
                unknown: Probability::saturating(0.0),
                novelty: Probability::saturating(features.numeric[0] / 100.0),
                features_known: 41,
                explanation: Vec::new(),
                counterfactual: Vec::new(),
            });
            self.rows.extend(row);
        }
        Ok(())
    }

    fn probabilities(&self, event: usize) -> &[f32] {
        let width = self.model.labels.len();
        &self.rows[event * width..][..width]
    }
}

impl ByBytes {
    fn place(&self, name: &str) -> usize {
        self.model.labels.iter().position(|label| label.name == name).expect("a class")
    }
}

fn model() -> LoadedModel {
    load(&ModelSource::Builtin("kdd99".to_owned())).expect("sound")
}

/// A line in which `class` is believed by so many percent, and that is novel by so many.
fn line(class: &str, sure: u8, novel: u8, label: &str) -> String {
    let place = model().info().labels.iter().position(|label| label.name == class).expect("a class");
    let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
    format!("{novel},tcp,strange,SF,{place},{sure},{tail},{label}\n")
}

fn evaluate_with(text: &[u8], rule: Rule, adapt_priors: bool) -> Result<ClassifierReport, EvaluateError> {
    let model = model();
    let card = model.card();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text).expect("written");
    let options = Options { data: file.path().to_owned(), rule, adapt_priors };
    let least_cost = (rule == Rule::LeastCost).then(|| decide::LeastCost::new(card));
    let mut judge = ByBytes { model: model.info(), space: Arc::clone(model.space()), least_cost, rows: Vec::new() };
    let done = Run::new(card, &options, &mut judge)?.file(&options.data, &mut |_| {})?;
    Ok(ClassifierReport::new(card, &options, done))
}

fn report(text: &str) -> ClassifierReport {
    evaluate_with(text.as_bytes(), Rule::Cup, false).expect("judged")
}

#[test]
fn verdicts_are_compared_with_labels_over_several_batches() {
    let text = line("normal", 90, 10, "normal.").repeat(1500)
        + &line("smurf", 90, 10, "smurf").repeat(599)
        + &line("smurf", 90, 10, "normal");
    let report = report(&text);
    assert_eq!((report.records, report.bad_lines.count), (2100, 0));
    assert_eq!(report.confusion["normal"]["smurf"], 1);
    assert_eq!((report.labels["normal"], report.labels["smurf"]), (1500, 600));
    assert!((report.cost - 2.0 / 2100.0).abs() < 1e-12 && (report.accuracy - 2099.0 / 2100.0).abs() < 1e-12);
    let binary = &report.binary;
    assert_eq!((binary.attacks, binary.normals, binary.recall), (599, 1501, 1.0));
    assert!((binary.false_alarms_per_10000 - 1e4 / 1501.0).abs() < 1e-9);
    assert_eq!(report.macro_f1_classes, 2);
    // said with 0.9, right nearly always
    assert!((report.ece - (2099.0 / 2100.0 - 0.9)).abs() < 1e-6, "{}", report.ece);
}

#[test]
fn cost_is_that_of_the_least_expected_cost_and_beside_it_that_of_the_most_probable_class() {
    // 0.55 normal, 0.45 guess_passwd: taken for normal it is expected to cost 1.8, for r2l 1.1
    let found = report(&torn());
    assert_eq!((found.cost, found.cost_most_probable), (1.0, 2.0));
    assert_eq!((found.families["r2l"].recall, found.per_class["guess_passwd"].recall), (1.0, 0.0));
}

/// Two records, one an attack, that are a little more probably normal and dearer to be taken for it.
fn torn() -> String {
    line("guess_passwd", 45, 0, "guess_passwd") + &line("guess_passwd", 45, 0, "normal")
}

#[test]
fn the_rule_decides_classes_families_and_alarms() {
    let by = |rule| evaluate_with(torn().as_bytes(), rule, false).expect("judged");
    let recalls = |found: &ClassifierReport| {
        (found.families["r2l"].recall, found.per_class["guess_passwd"].recall, found.binary.recall)
    };
    assert_eq!(recalls(&by(Rule::MostProbable)), (0.0, 0.0, 0.0));
    assert_eq!(recalls(&by(Rule::LeastCost)), (1.0, 1.0, 1.0));
    assert_eq!(recalls(&by(Rule::Cup)), (1.0, 0.0, 0.0));
}

#[test]
fn labels_that_the_model_lacks_are_scored_by_family_and_as_never_seen() {
    let text = line("neptune", 90, 80, "udpstorm.")
        + &line("normal", 90, 70, "mscan")
        + &line("normal", 90, 10, "normal").repeat(2)
        + &line("satan", 90, 20, "satan");
    let report = report(&text);
    assert_eq!((report.records, report.never_seen.records), (5, 2));
    assert_eq!(report.accuracy, 0.8, "udpstorm was found as dos, mscan was not");
    assert_eq!(report.never_seen.called_normal, 0.5);
    assert_eq!(report.never_seen.auroc, Some(1.0), "both are more novel than the normal ones");
    assert_eq!(report.never_seen.types["mscan"].called_normal, 1.0);
    assert_eq!((report.families["dos"].support, report.families["probe"].support), (1, 2));
    assert_eq!(report.confusion["udpstorm"]["neptune"], 1);
    assert!(!report.per_class.contains_key("udpstorm"));
}

#[test]
fn a_label_that_nobody_knows_is_counted_apart_with_its_line() {
    let found = report(&(line("normal", 90, 0, "normal") + &line("normal", 90, 0, "<b>heartbleed</b>").repeat(3)));
    assert_eq!((found.records, found.foreign_labels.count), (1, 3));
    assert_eq!(found.foreign_labels.first["<b>heartbleed</b>"], 2);
    let fault = evaluate_with(line("normal", 90, 0, "heartbleed").as_bytes(), Rule::Cup, false).expect_err("refused");
    assert!(fault.to_string().ends_with("line 1: nobody knows the label 'heartbleed'"), "{fault}");
}

#[test]
fn bad_lines_are_counted_with_their_numbers_and_spoil_nothing() {
    let mut text = (line("normal", 90, 0, "normal") + "1,2,3\n\n" + &line("normal", 90, 0, "")).into_bytes();
    text.extend(b"\xff\n");
    text.extend(line("normal", 90, 0, "normal,17").bytes());
    let found = evaluate_with(&text, Rule::Cup, false).expect("judged");
    assert_eq!((found.records, found.bad_lines.count), (2, 3));
    assert_eq!(found.bad_lines.first.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 4, 5]);
    let fault = evaluate_with(b"x\ny\n", Rule::Cup, false).expect_err("refused").to_string();
    assert!(fault.contains("none of its 2 lines") && fault.contains("line 1: 1 columns"), "{fault}");
}

#[test]
fn json_has_the_figures_under_their_agreed_names() {
    let text = line("normal", 90, 0, "normal") + &line("normal", 90, 0, "mscan");
    let found = evaluate_with(text.as_bytes(), Rule::Cup, true).expect("judged");
    let json = serde_json::to_value(&found).expect("plain figures");
    for path in [
        "/records",
        "/accuracy",
        "/macro_f1",
        "/cost",
        "/cost_most_probable",
        "/ece",
        "/binary/accuracy",
        "/binary/recall",
        "/binary/false_alarm_rate",
        "/never_seen/records",
        "/never_seen/called_normal",
        "/never_seen/auroc",
        "/families/normal/precision",
        "/families/probe/recall",
        "/families/dos/support",
        "/families/u2r/recall",
        "/families/r2l/recall",
        "/calibration/families/curve/0/confidence",
        "/adapted_priors/cost",
        "/adapted_priors/estimated/normal",
        "/speed/classify_micros",
    ] {
        assert!(json.pointer(path).is_some_and(serde_json::Value::is_number), "{path}: {json}");
    }
}

#[test]
fn text_and_page_show_what_is_worst_and_let_nothing_of_the_data_be_markup() {
    let script = "<script>alert(1)</script>";
    let text = line("normal", 90, 0, "normal")
        + &line("normal", 90, 5, "mscan").repeat(2)
        + &line("smurf", 90, 0, "smurf")
        + &line("normal", 90, 0, script)
        + &line("normal", 90, 0, "normal").replace("tcp,strange", "x");
    let found = report(&text);
    let shown = text::render(&found);
    for part in ["cost a record", "in 10,000 normal records", "mscan", "nobody knows their label", "line 6: column"] {
        assert!(shown.contains(part), "'{part}' is missing:\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 130), "{shown}");
    let page = page::render(&found, model().card());
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"), "escaped");
    assert_eq!(page.matches("<svg").count(), 3, "families, calibration and novelty");
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org/2000/svg").count()
    );
    assert_eq!(page.matches("<section").count(), page.matches("</section>").count());
}
