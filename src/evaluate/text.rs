//! The report for a terminal: the figures that decide first, then what is worst, then what was left out.

use super::report::{AdaptedPriors, ClassifierReport};
use super::shown::{count, percent, ratio};

/// Classes and kinds of attack that are listed; the others are only counted.
const LISTED: usize = 12;

/// The whole report; lines end with a line feed.
pub fn render(report: &ClassifierReport) -> String {
    let mut parts = vec![headline(report), figures(report), families(report), classes(report)];
    parts.extend((report.never_seen.records > 0).then(|| strangers(report)));
    parts.extend(report.adapted_priors.as_ref().map(|adapted| priors(report, adapted)));
    parts.extend(left_out(report));
    parts.join("\n")
}

fn headline(report: &ClassifierReport) -> String {
    format!(
        "{} {} on {}: {} records in {:.1} s ({:.2} µs each in the classifier)\n",
        report.model,
        report.version,
        report.data,
        count(report.records),
        report.speed.seconds,
        report.speed.classify_micros
    )
}

fn figures(report: &ClassifierReport) -> String {
    let (binary, never) = (&report.binary, &report.never_seen);
    let mut table = Table::new(&[]);
    let mut line = |name: &str, value: String, note: String| table.row(&[name.to_owned(), value, note]);
    line(
        "cost a record",
        format!("{:.4}", report.cost),
        format!("least expected cost decides; by the most probable class {:.4}", report.cost_most_probable),
    );
    let known = report.per_class.len();
    line("right", percent(report.accuracy), "classes, and families where the model has no such class".to_owned());
    line("macro-F1", ratio(report.macro_f1), format!("over {} classes of {known}", report.macro_f1_classes));
    line("attacks found", percent(binary.recall), format!("of {}", count(binary.attacks)));
    let alarms = format!("in 10,000 normal records, of which there are {}", count(binary.normals));
    line("false alarms", format!("{:.1}", binary.false_alarms_per_10000), alarms);
    if never.records > 0 {
        let area = |area: Option<f64>| area.map_or("not defined".to_owned(), ratio);
        let note = format!(
            "of {} attacks of {} kinds that it has not learnt; AUROC {} by novelty, {} by belief",
            count(never.records),
            never.types.len(),
            area(never.auroc),
            area(never.auroc_attack)
        );
        line("unlearnt found", percent(1.0 - never.called_normal), note);
    }
    if let Some(conformal) = &report.conformal {
        let note = format!(
            "of sets hold the label, of {:.2} classes in the mean; stated are {}",
            conformal.mean_size,
            percent(conformal.stated)
        );
        line("coverage", percent(conformal.covered), note);
    }
    line("calibration", ratio(report.ece), "expected calibration error of the families".to_owned());
    table.left(2).render()
}

fn families(report: &ClassifierReport) -> String {
    let names: Vec<&String> = report.families.keys().collect();
    let heads = names.iter().map(|name| name.as_str());
    let head: Vec<&str> = ["actual \\ decided"].into_iter().chain(heads).chain(["recall", "precision"]).collect();
    let mut table = Table::new(&head);
    for name in &names {
        let row = report.family_confusion.get(*name);
        let cell = |guess: &&String| count(row.and_then(|row| row.get(*guess)).copied().unwrap_or_default());
        let figures = &report.families[*name];
        let mut cells = vec![(*name).clone()];
        cells.extend(names.iter().map(cell));
        cells.extend([percent(figures.recall), percent(figures.precision)]);
        table.row(&cells);
    }
    table.render()
}

fn classes(report: &ClassifierReport) -> String {
    let mut present: Vec<_> = report.per_class.iter().filter(|(_, figures)| figures.support > 0).collect();
    present.sort_by(|a, b| a.1.f1.total_cmp(&b.1.f1));
    let mut table = Table::new(&["class, worst first", "records", "recall", "precision", "F1", "most often taken for"]);
    for (name, figures) in present.iter().take(LISTED) {
        let numbers = [percent(figures.recall), percent(figures.precision), ratio(figures.f1)];
        let mut cells = vec![(*name).clone(), count(figures.support)];
        cells.extend(numbers);
        cells.push(
            report.taken_for(name).map_or(String::new(), |(guess, records)| format!("{guess} ({})", count(records))),
        );
        table.row(&cells);
    }
    let mut text = table.left(5).render();
    if let Some((_, next)) = present.get(LISTED) {
        let more = present.len() - LISTED;
        text.push_str(&format!("  and {more} classes with F1 from {} on\n", ratio(next.f1)));
    }
    text
}

fn strangers(report: &ClassifierReport) -> String {
    let mut kinds: Vec<_> = report.never_seen.types.iter().collect();
    kinds.sort_by(|a, b| b.1.called_normal.total_cmp(&a.1.called_normal).then(b.1.records.cmp(&a.1.records)));
    let mut table =
        Table::new(&["not learnt, most missed first", "family", "records", "called normal", "family found"]);
    for (name, figures) in kinds.iter().take(LISTED) {
        let shares = [percent(figures.called_normal), percent(figures.family_found)];
        let [normal, family] = shares;
        table.row(&[(*name).clone(), figures.family.clone(), count(figures.records), normal, family]);
    }
    let mut text = table.left(1).render();
    if kinds.len() > LISTED {
        text.push_str(&format!("  and {} kinds that are missed less often\n", kinds.len() - LISTED));
    }
    text
}

fn priors(report: &ClassifierReport, adapted: &AdaptedPriors) -> String {
    let mut table = Table::new(&["shares of the families", "assumed", "estimated", "actual"]);
    for (name, estimated) in &adapted.estimated {
        table.row(&[name.clone(), percent(adapted.assumed[name]), percent(*estimated), percent(adapted.actual[name])]);
    }
    let note = format!(
        "  with the estimated shares a record costs {:.4} instead of {:.4}, by the most probable family {:.4}\n",
        adapted.cost, report.cost, adapted.cost_most_probable
    );
    table.render() + &note
}

fn left_out(report: &ClassifierReport) -> Option<String> {
    let mut text = String::new();
    let (foreign, bad) = (&report.foreign_labels, &report.bad_lines);
    if foreign.count > 0 {
        text.push_str(&format!("{} records are not scored, since nobody knows their label:\n", count(foreign.count)));
        for (label, line) in &foreign.first {
            text.push_str(&format!("  '{}', first in line {line}\n", label.escape_debug()));
        }
    }
    if bad.count > 0 {
        text.push_str(&format!("{} lines are no labelled record:\n", count(bad.count)));
        for line in &bad.first {
            text.push_str(&format!("  line {}: {}\n", line.line, line.reason.escape_debug()));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Columns under each other: numbers to the right, words to the left.
struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    left: Vec<usize>,
}

impl Table {
    fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|word| (*word).to_owned()).collect(), rows: Vec::new(), left: vec![0] }
    }

    fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// This column too holds words.
    fn left(mut self, column: usize) -> Self {
        self.left.push(column);
        self
    }

    fn render(&self) -> String {
        let columns = self.rows.first().map_or(self.head.len(), Vec::len);
        let all = || self.rows.iter().chain([&self.head]);
        let width = |column: usize| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let cell = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if self.left.contains(&column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let line = |row: &Vec<String>, indent: &str| {
            let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
            format!("{indent}{}\n", cells.join("  ")).trim_end().to_owned() + "\n"
        };
        let head = if self.head.is_empty() { String::new() } else { line(&self.head, "  ") };
        head + &self.rows.iter().map(|row| line(row, "  ")).collect::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let mut table = Table::new(&["name", "n", "why"]);
        table.row(&["a".to_owned(), "1,000".to_owned(), "x".to_owned()]);
        table.row(&["long".to_owned(), "1".to_owned(), "yy".to_owned()]);
        assert_eq!(table.left(2).render(), "  name      n  why\n  a     1,000  x\n  long      1  yy\n");
    }
}
