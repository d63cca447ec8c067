//! The table of how a model does on captures that it has not seen, as its card tells.

use std::fmt::Write;

use crate::classify::card::{CaptureFigures, Card};
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

/// Means over captures, each of which counts alike; and the same over all records, of which the large captures have most.
fn write_means(out: &mut String, captures: &[CaptureFigures]) -> std::fmt::Result {
    type Value = fn(&CaptureFigures) -> f64;
    let mean = |is_normal: bool, value: Value, weight: Value| {
        let chosen = captures.iter().filter(|one| (one.label == NORMAL) == is_normal);
        let (sum, all) = chosen.fold((0.0, 0.0), |(sum, all), one| (sum + weight(one) * value(one), all + weight(one)));
        sum / f64::max(all, 1.0)
    };
    let not_normal: [(&str, Value, Value); 2] = [
        ("records", |one| one.not_normal, |one| one.records as f64),
        ("distinct rows", |one| one.not_normal_distinct, |one| one.distinct as f64),
    ];
    let mut line = |over: &str, name: &str, value: Value, weight: Value| {
        let (found, alarms) = (mean(false, value, weight), mean(true, value, weight));
        writeln!(
            out,
            "{over:<19} {name:<14} balanced accuracy {:.3}; attacks found {:.1} %; false alarms {:.0} in 10,000",
            (found + 1.0 - alarms) / 2.0,
            100.0 * found,
            1e4 * alarms
        )
    };
    for (name, value, _) in not_normal {
        line("mean over captures,", name, value, |_| 1.0)?;
    }
    for (name, value, weight) in not_normal {
        line("all together,", name, value, weight)?;
    }
    write_families(out, captures)
}

/// How attacks of each family are found, in the mean over the captures that have it.
fn write_families(out: &mut String, captures: &[CaptureFigures]) -> std::fmt::Result {
    let mut classes: Vec<&str> =
        captures.iter().map(|one| one.label.as_str()).filter(|label| *label != NORMAL).collect();
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
        let figures = |label: &str, records: u64, not_normal: f64| CaptureFigures {
            capture: "one".to_owned(),
            label: label.to_owned(),
            records,
            distinct: 10,
            not_normal,
            not_normal_distinct: not_normal,
            family: 0.5,
            unknown: 0.0,
        };
        let mut out = String::new();
        write_table(&mut out, &[figures(NORMAL, 3000, 0.02), figures(NORMAL, 1000, 0.0), figures("scan", 10, 0.9)])
            .expect("a string");
        let told = |over: &str| out.lines().find(|line| line.starts_with(over)).unwrap_or_default();
        let captures = "balanced accuracy 0.945; attacks found 90.0 %; false alarms 100 in 10,000";
        assert!(told("mean over captures, records").ends_with(captures), "{out}");
        let records = "balanced accuracy 0.943; attacks found 90.0 %; false alarms 150 in 10,000";
        assert!(told("all together,       records").ends_with(records), "{out}");
        assert!(out.contains("scan") && out.contains("by its own family  50.0 %, of 1 captures"), "{out}");
    }
}
