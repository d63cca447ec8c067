//! The report as a person reads it on a terminal.

use std::fmt::Write;

use super::{Alarm, BacktestReport, Run};

/// Alarms that are listed.
const LISTED: usize = 20;

/// The report.
pub fn backtest(report: &BacktestReport) -> String {
    let mut out = format!("{}\n{}", report.data, run(&report.run));
    list(&mut out, "", &strongest(&report.run.alarms));
    if let (Some(other), Some(comparison)) = (&report.other, &report.comparison) {
        out += "in its place\n";
        out += &run(other);
        let (gained, lost) = (&comparison.gained, &comparison.lost);
        writeln!(out, "  {} alarms in both, {} gained, {} lost", comparison.both, gained.len(), lost.len())
            .expect("writing to a string cannot fail");
        list(&mut out, "gained ", &strongest(gained));
        list(&mut out, "lost   ", &strongest(lost));
    }
    out
}

fn run(run: &Run) -> String {
    format!(
        "{} ({}): {} buckets of {} entities in {:.1} days; {} alarms from severity {} on, {:.2} a day; {} corrections\n",
        run.metric,
        run.detector,
        run.buckets,
        run.entities,
        run.days,
        run.alarms.len(),
        run.threshold,
        run.alarms_per_day,
        run.corrections
    )
}

/// The strongest first.
fn strongest(alarms: &[Alarm]) -> Vec<&Alarm> {
    let mut sorted: Vec<&Alarm> = alarms.iter().collect();
    sorted.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.start.cmp(&other.start)));
    sorted
}

fn list(out: &mut String, word: &str, alarms: &[&Alarm]) {
    for alarm in alarms.iter().take(LISTED) {
        writeln!(out, "  {word}{} {:>5.1}  {}", &alarm.start[..16], alarm.score, alarm.reason)
            .expect("writing to a string cannot fail");
    }
    if alarms.len() > LISTED {
        writeln!(out, "  {word}and {} more", alarms.len() - LISTED).expect("writing to a string cannot fail");
    }
}
