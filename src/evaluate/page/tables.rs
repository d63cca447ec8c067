//! The tables of the page.

use super::escape::escaped;
use super::section;
use crate::classify::quality::ClassFigures;
use crate::evaluate::report::{AdaptedPriors, ClassifierReport, Counts, StrangerFigures};
use crate::evaluate::shown::{count, percent};

/// The families, as a heat table with recall and precision.
pub fn families(report: &ClassifierReport) -> String {
    let names: Vec<&String> = report.families.keys().collect();
    let figures = |name: &str| Some(report.families[name]);
    heat(&report.family_confusion, &names, &names, figures, |_| false)
}

/// Labels of the data against classes decided on.
pub fn confusion(report: &ClassifierReport) -> String {
    let rows: Vec<&String> = report.confusion.keys().collect();
    let columns: Vec<&String> = report.labels.keys().collect();
    heat(&report.confusion, &rows, &columns, |_| None, |label| report.never_seen.types.contains_key(label))
}

fn heat(
    counts: &Counts,
    rows: &[&String],
    columns: &[&String],
    figures: impl Fn(&str) -> Option<ClassFigures>,
    is_new: impl Fn(&str) -> bool,
) -> String {
    let with_figures = rows.first().and_then(|row| figures(row)).is_some();
    let mut head: String =
        columns.iter().map(|name| format!("<th class=\"turned\"><span>{}</span></th>", escaped(name))).collect();
    if with_figures {
        head.push_str("<th>recall</th><th>precision</th>");
    }
    let mut body = String::new();
    for row in rows {
        let empty = Default::default();
        let cells = counts.get(*row).unwrap_or(&empty);
        let all: u64 = cells.values().sum();
        let class = if is_new(row) { " class=\"new\"" } else { "" };
        body.push_str(&format!("<tr><th scope=\"row\"{class}>{}</th>", escaped(row)));
        for column in columns {
            body.push_str(&cell(cells.get(*column).copied().unwrap_or_default(), all, row == column));
        }
        if let Some(figures) = figures(row) {
            body.push_str(&format!("<td>{}</td><td>{}</td>", percent(figures.recall), percent(figures.precision)));
        }
        body.push_str("</tr>\n");
    }
    format!(
        "<div class=\"scroll\"><table class=\"heat\">\n<thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}

/// A cell that is the darker the larger its share of the row.
fn cell(records: u64, all: u64, right: bool) -> String {
    if records == 0 {
        return "<td class=\"none\">·</td>".to_owned();
    }
    let share = records as f64 / all as f64;
    let kind = if right { "right" } else { "wrong" };
    let pale = if share > 0.55 { " deep" } else { "" };
    format!(
        "<td class=\"{kind}{pale}\" style=\"--share:{share:.3}\" title=\"{}\">{}</td>",
        percent(share),
        count(records)
    )
}

/// Classes, the worst first.
pub fn classes(report: &ClassifierReport) -> String {
    let mut present: Vec<_> = report.per_class.iter().collect();
    present.sort_by(|a, b| (a.1.support == 0).cmp(&(b.1.support == 0)).then(a.1.f1.total_cmp(&b.1.f1)));
    let line = |(name, figures): (&String, &ClassFigures)| {
        let taken = report.taken_for(name);
        let taken = taken.map_or(String::new(), |(guess, records)| format!("{} ({})", escaped(guess), count(records)));
        if figures.support == 0 {
            return format!(
                "<tr><td>{}</td><td>0</td><td colspan=\"4\" class=\"none\">not in the data</td></tr>\n",
                escaped(name)
            );
        }
        format!(
            "<tr><td>{}</td><td>{}</td>{}{}{}<td>{taken}</td></tr>\n",
            escaped(name),
            count(figures.support),
            bar(figures.recall),
            bar(figures.precision),
            bar(figures.f1)
        )
    };
    let body: String = present.into_iter().map(line).collect();
    plain(&["class", "records", "recall", "precision", "F1", "most often taken for"], &body)
}

/// Kinds of attack that the model has not learnt, the most missed first.
pub fn strangers(report: &ClassifierReport) -> String {
    let mut kinds: Vec<_> = report.never_seen.types.iter().collect();
    kinds.sort_by(|a, b| b.1.called_normal.total_cmp(&a.1.called_normal).then(b.1.records.cmp(&a.1.records)));
    let line = |(name, figures): (&String, &StrangerFigures)| {
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td>{}{}</tr>\n",
            escaped(name),
            escaped(&figures.family),
            count(figures.records),
            bar(figures.called_normal),
            bar(figures.family_found)
        )
    };
    let body: String = kinds.into_iter().map(line).collect();
    plain(&["attack", "family", "records", "called normal", "family found"], &body)
}

/// Shares of the families, and what becomes of the cost with them.
pub fn priors(adapted: &AdaptedPriors) -> String {
    let line = |(name, estimated): (&String, &f64)| {
        let (assumed, actual) = (adapted.assumed[name], adapted.actual[name]);
        let cells = [assumed, *estimated, actual].map(bar).concat();
        format!("<tr><td>{}</td>{cells}</tr>\n", escaped(name))
    };
    let body: String = adapted.estimated.iter().map(line).collect();
    let table = plain(&["family", "assumed by the model", "estimated without labels", "in the data"], &body);
    let note = format!(
        "Decided with the estimated shares, a record costs {:.4}; by the most probable family {:.4}.",
        adapted.cost, adapted.cost_most_probable
    );
    section("If the shares of the families were known", &note, &table)
}

/// What was not scored.
pub fn left_out(report: &ClassifierReport) -> String {
    let (foreign, bad) = (&report.foreign_labels, &report.bad_lines);
    let labels = foreign.first.iter().map(|(label, line)| (*line, format!("nobody knows the label '{label}'")));
    let lines = bad.first.iter().map(|line| (line.line, line.reason.clone()));
    let body: String = labels
        .chain(lines)
        .map(|(line, why)| format!("<tr><td>{}</td><td>{}</td></tr>\n", count(line), escaped(&why)))
        .collect();
    if body.is_empty() {
        return String::new();
    }
    let note = format!(
        "{} records have a label that nobody knows, {} lines are no labelled record. The first of them:",
        count(foreign.count),
        count(bad.count)
    );
    section("What was not scored", &note, &plain(&["line", "why"], &body))
}

/// A table with these heads.
pub fn plain(heads: &[&str], body: &str) -> String {
    let head: String = heads.iter().map(|name| format!("<th>{}</th>", escaped(name))).collect();
    format!("<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n")
}

/// A share with a bar behind it.
fn bar(share: f64) -> String {
    format!("<td class=\"bar\" style=\"--share:{share:.4}\"><span>{}</span></td>", percent(share))
}
