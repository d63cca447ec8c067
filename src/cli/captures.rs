//! The table of how a model does on captures that it has not seen, as its card tells.

use std::fmt::Write;

use crate::classify::card::{Card, CaptureFigures};
use crate::classify::declare::NORMAL;

/// A line for each class of each capture, then means; nothing where the card tells of none.
pub fn table(card: &Card) -> String {
    let captures = card.quality.as_ref().map_or(&[][..], |quality| &quality.captures);
    let mut out = String::new();
    if !captures.is_empty() {
        write_table(&mut out, captures).expect("writing to a string does not fail");
    }
    let points = card.open_set.iter().flat_map(|open_set| &open_set.points);
    for (place, point) in points.enumerate() {
        if place == 0 {
            out.push_str("\nfalse alarms in 10,000   belief in an attack above   attacks found\n");
        }
        writeln!(out, "{:>22} {:>27.4} {:>13.1} %", point.false_alarms, point.normal_up_to, 100.0 * point.found)
            .expect("writing to a string does not fail");
    }
    out
}

fn write_table(out: &mut String, captures: &[CaptureFigures]) -> std::fmt::Result {
    writeln!(
        out,
        "{:<26} {:<20} {:>8} {:>8}  not normal  of distinct  own family  unknown",
        "capture, not learned from", "class", "records", "distinct"
    )?;
    for one in captures {
        writeln!(
            out,
            "{:<26} {:<20} {:>8} {:>8} {:>9.2} % {:>10.2} % {:>9.2} % {:>6.2} %",
            one.capture,
            one.label,
            one.records,
            one.distinct,
            100.0 * one.not_normal,
            100.0 * one.not_normal_distinct,
            100.0 * one.family,
            100.0 * one.unknown
        )?;
    }
    write_means(out, captures)
}

/// Means over captures, each of which counts alike.
fn write_means(out: &mut String, captures: &[CaptureFigures]) -> std::fmt::Result {
    let mean = |is_normal: bool, value: &dyn Fn(&CaptureFigures) -> f64| {
        let chosen: Vec<f64> = captures.iter().filter(|one| (one.label == NORMAL) == is_normal).map(value).collect();
        chosen.iter().sum::<f64>() / chosen.len().max(1) as f64
    };
    let all: [&dyn Fn(&CaptureFigures) -> f64; 2] = [&|one| one.not_normal, &|one| one.not_normal_distinct];
    for (name, value) in ["records", "distinct rows"].into_iter().zip(all) {
        let (found, alarms) = (mean(false, value), mean(true, value));
        writeln!(
            out,
            "mean over captures, {name:<14} balanced accuracy {:.3}; attacks found {:.1} %; false alarms {:.0} in 10,000",
            (found + 1.0 - alarms) / 2.0,
            100.0 * found,
            1e4 * alarms
        )?;
    }
    let mut classes: Vec<&str> = captures.iter().map(|one| one.label.as_str()).filter(|label| *label != NORMAL).collect();
    classes.sort_unstable();
    classes.dedup();
    for class in classes {
        let of: Vec<&CaptureFigures> = captures.iter().filter(|one| one.label == class).collect();
        let mean = |value: fn(&CaptureFigures) -> f64| of.iter().map(|one| value(one)).sum::<f64>() / of.len() as f64;
        writeln!(
            out,
            "  {class:<22} found {:>5.1} %, by its own family {:>5.1} %, of {} captures",
            100.0 * mean(|one| one.not_normal),
            100.0 * mean(|one| one.family),
            of.len()
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_count_alike_and_families_are_told_apart() {
        let figures = |label: &str, not_normal: f64| CaptureFigures {
            capture: "one".to_owned(),
            label: label.to_owned(),
            records: 1000,
            distinct: 10,
            not_normal,
            not_normal_distinct: not_normal,
            family: 0.5,
            unknown: 0.0,
        };
        let mut out = String::new();
        write_table(&mut out, &[figures(NORMAL, 0.02), figures(NORMAL, 0.0), figures("scan", 0.9)]).expect("a string");
        assert!(out.contains("balanced accuracy 0.945; attacks found 90.0 %; false alarms 100 in 10,000"), "{out}");
        assert!(out.contains("scan") && out.contains("by its own family  50.0 %, of 1 captures"), "{out}");
    }
}
