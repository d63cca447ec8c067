//! The report as one HTML page that needs nothing beside itself: styles, tables and plots lie in it, and no script.
//!
//! Whatever comes from a file or a card is escaped, also in the plots. Light or dark is what the reader's system asks for.

use super::report::ClassifierReport;
use crate::classify::card::Card;

mod backtest;
mod card;
mod escape;
mod figures;
mod plots;
mod tables;

pub use backtest::backtest;
use escape::escaped;

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn render(report: &ClassifierReport, card: &Card) -> String {
    let title = format!("{} {} on {}", report.model, report.version, report.data);
    let sections = [
        figures::headline(report),
        section("Families", FAMILIES, &(tables::families(report) + &plots::bars(report))),
        section("Calibration", CALIBRATION, &plots::calibration(report)),
        strangers(report),
        section("Classes", CLASSES, &tables::classes(report)),
        section("Which class for which", CONFUSION, &tables::confusion(report)),
        report.adapted_priors.as_ref().map(tables::priors).unwrap_or_default(),
        tables::left_out(report),
        card::render(card),
    ];
    document(&title, &sections.concat())
}

/// A page with nothing beside itself.
fn document(title: &str, sections: &str) -> String {
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{sections}</main>\n</body>\n</html>\n"
    )
}

const FAMILIES: &str =
    "Rows are what records are, columns what they were taken for. The shade is the share of the row.";
const CALIBRATION: &str = "Of what is said with a confidence of 0.8, 0.8 should be right: the nearer to the diagonal the \
                           better. Larger dots stand for more records.";
const CLASSES: &str = "Worst first. A class with few records says little.";
const CONFUSION: &str = "Rows are labels of the data, columns the classes decided on; columns that were never decided on are \
                         left out. Labels in italics are attacks that the model has not learnt.";
const STRANGERS: &str = "Attacks of kinds that the model has not learnt, scored by their family. The curves show how many of them \
                         are found at how many false alarms, by novelty and by the belief that it is an attack.";

fn strangers(report: &ClassifierReport) -> String {
    if report.never_seen.records == 0 {
        return String::new();
    }
    section("Attacks of new kinds", STRANGERS, &(tables::strangers(report) + &plots::novelty(report)))
}

/// A part of the page with a heading and a sentence that says how to read it.
fn section(title: &str, note: &str, content: &str) -> String {
    format!(
        "<section>\n<h2>{title}</h2>\n<p class=\"note\">{note}</p>\n<div class=\"row\">\n{content}</div>\n</section>\n"
    )
}
