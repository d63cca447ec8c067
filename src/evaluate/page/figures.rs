//! The figures at the head of the page, each with what it means.

use crate::evaluate::report::ClassifierReport;
use crate::evaluate::shown::{count, percent, ratio};

/// The cards with the main figures.
pub fn headline(report: &ClassifierReport) -> String {
    let (binary, never) = (&report.binary, &report.never_seen);
    let mut cards = vec![
        card(
            "cost a record",
            &format!("{:.4}", report.cost),
            &format!("least expected cost decides; by the most probable class {:.4}", report.cost_most_probable),
        ),
        card("right", &percent(report.accuracy), "classes, and families where the model has no such class"),
        card(
            "macro-F1",
            &ratio(report.macro_f1),
            &format!("over {} classes of {}", report.macro_f1_classes, report.per_class.len()),
        ),
        card("attacks found", &percent(binary.recall), &format!("of {}", count(binary.attacks))),
        card(
            "false alarms",
            &format!("{:.1}", binary.false_alarms_per_10000),
            &format!("in 10,000 normal records, of which there are {}", count(binary.normals)),
        ),
    ];
    if never.records > 0 {
        let kinds = format!("of {} attacks of {} kinds not learnt", count(never.records), never.types.len());
        cards.push(card("new kinds found", &percent(1.0 - never.called_normal), &kinds));
    }
    if let Some(conformal) = &report.conformal {
        let note = format!(
            "of sets hold the label, of {:.2} classes in the mean; stated are {}",
            conformal.mean_size,
            percent(conformal.stated)
        );
        cards.push(card("coverage", &percent(conformal.covered), &note));
    }
    cards.push(card("calibration error", &ratio(report.ece), "expected, of the families"));
    let speed = format!("a record in the classifier; {:.2} µs with reading", report.speed.whole_micros);
    cards.push(card("speed", &format!("{:.2} µs", report.speed.classify_micros), &speed));
    let records = count(report.records);
    format!("<p class=\"note\">{records} records were scored.</p>\n<div class=\"cards\">\n{}</div>\n", cards.concat())
}

fn card(name: &str, value: &str, note: &str) -> String {
    format!("<div class=\"card\"><h3>{name}</h3><strong>{value}</strong><p>{note}</p></div>\n")
}
