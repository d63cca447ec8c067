//! `oversight patterns FILE…`: beacons, long connections, DNS tunnels and made-up names in files of events, ranked; and how
//! they are told elsewhere.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::anomaly::patterns::{Finding, Pattern};
use crate::app::dialects;
use crate::app::ranking::Ranking;
use crate::clock::Clock;
use crate::config::Config;
use crate::normalise::records::{self, Format, SourceError};

use super::progress::Progress;
use super::traffic::format;
use super::{Output, OutputOption};

/// Events between two looks at the progress bar.
const STEP: u64 = 1_024;

/// Where to look.
#[derive(Debug, Args)]
pub struct PatternsOptions {
    /// Files of events, plain, gzip or zstd, or captures; in the order of their time
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the lines are; by their content where it is not given
    #[arg(long, value_parser = format(), default_value = "auto")]
    format: Format,
    /// Entities of each pattern, the strongest first
    #[arg(long, default_value_t = 10)]
    top: usize,
    #[command(flatten)]
    output: OutputOption,
}

/// What was read.
#[derive(Default)]
struct Counts {
    events: u64,
    unreadable: u64,
}

/// Looks for patterns in the files, in the order in which they are named.
///
/// # Errors
/// When a file cannot be read to its end, or nobody takes the output.
pub fn patterns(configuration: &Config, options: &PatternsOptions) -> anyhow::Result<()> {
    let clock = Clock::system();
    let mut ranking = Ranking::new(configuration, &dialects::rules(configuration), &clock);
    let mut counts = Counts::default();
    let mut failed = None;
    for file in &options.files {
        // the other files are looked at all the same
        if let Err(fault) = read(file, options.format, &clock, &mut ranking, &mut counts) {
            failed = Some(failed.unwrap_or(fault));
        }
    }
    let found = ranking.ranked(options.top);
    let Counts { events, unreadable } = counts;
    if options.output.output == Output::Json {
        let told = json!({"events": events, "unreadable": unreadable, "recorded": ranking.recorded(),
                          "patterns": as_json(&found)});
        println!("{told}");
    } else {
        let mut out =
            format!("{events} events, of which {} records of patterns would be written\n", ranking.recorded());
        if unreadable > 0 {
            writeln!(out, "  {unreadable} lines could not be read")?;
        }
        table(&mut out, &found, 0.0)?;
        std::io::stdout().write_all(out.as_bytes())?;
    }
    failed.map_or(Ok(()), |fault| Err(fault.into()))
}

fn read(
    path: &Path,
    format: Format,
    clock: &Clock,
    ranking: &mut Ranking,
    counts: &mut Counts,
) -> Result<(), SourceError> {
    let done = Arc::<AtomicU64>::default();
    let mut bar =
        Progress::new(&format!("reading {}", path.display()), std::fs::metadata(path).map(|file| file.len()).ok());
    for event in records::open_counting(path, format, clock.now().as_event_time(), &done)? {
        match event {
            Ok(event) => match ranking.take(&event) {
                Ok(()) => counts.events += 1,
                Err(_) => counts.unreadable += 1,
            },
            Err(SourceError::Line { .. } | SourceError::Capture { .. }) => counts.unreadable += 1,
            Err(fault) => return Err(fault),
        }
        if counts.events % STEP == 0 {
            bar.set(done.load(Ordering::Relaxed), "");
        }
    }
    bar.finish();
    Ok(())
}

/// The findings by pattern, for programs.
pub fn as_json(found: &[Finding]) -> Value {
    let of = |pattern: Pattern| {
        let of_it = found.iter().filter(|finding| finding.pattern == pattern).map(|finding| {
            let entity: Map<String, Value> =
                finding.entity.iter().map(|(path, value)| (path.clone(), json!(value))).collect();
            json!({"entity": entity, pattern.unit(): finding.value, "severity": finding.severity,
                   "reason": finding.reason, "evidence": finding.evidence})
        });
        (pattern.name().to_owned(), of_it.collect::<Vec<_>>().into())
    };
    Value::Object(Pattern::ALL.into_iter().map(of).collect())
}

/// The findings of at least this severity, for people.
///
/// # Errors
/// When `out` takes no more.
pub fn table(out: &mut String, found: &[Finding], severity: f64) -> std::fmt::Result {
    let mut last = None;
    for finding in found.iter().filter(|finding| finding.severity >= severity) {
        if last != Some(finding.pattern) {
            writeln!(out, "\n{:<16} {:>12} {:>9}", finding.pattern.name(), finding.pattern.unit(), "severity")?;
            last = Some(finding.pattern);
        }
        writeln!(out, "{:<16} {:>12} {:>9.1}  {}", "", number(finding.value), finding.severity, finding.reason)?;
    }
    Ok(())
}

fn number(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}
