//! `oversight doctor`: which features the events of a sample really bring, and what it costs that some are missing.

use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::app::census::{DialectReport, FeatureReport};
use crate::app::offline;
use crate::app::survey::Survey;
use crate::classify::LoadedModel;
use crate::classify::card::Scores;
use crate::clock::Clock;
use crate::config::Config;
use crate::evaluate::{self, ClassifierReport};
use crate::features::FeatureVector;
use crate::normalise::file;
use crate::normalise::kdd::parse_line;
use crate::normalise::records::{self, Format, SourceError};

use super::progress::Progress;
use super::traffic::format;
use super::{Output, OutputOption};

/// Labelled records that are judged, at most; of a longer file they are spread evenly.
const MOST_RECORDS: usize = 30_000;

/// What to look at.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// A file of events, plain, gzip or zstd; may be given several times
    #[arg(long, required = true, value_name = "FILE")]
    sample: Vec<PathBuf>,
    /// What its lines are; by their content where it is not given
    #[arg(long, value_parser = format(), default_value = "auto")]
    format: Format,
    /// Labelled KDD records to measure on what missing features cost; without them the figures of the model's card are
    /// told, which know only whether content features are missing
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Only the first so many events of each file
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    output: OutputOption,
}

/// What it costs that features are missing.
#[derive(Debug, Serialize)]
struct Cost {
    /// Where the figures come from.
    measured_on: String,
    whole: Figures,
    without: Figures,
}

/// How well a model does.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    records: u64,
    accuracy: f64,
    false_alarms: f64,
    cost: f64,
}

/// Looks at the samples and tells.
///
/// # Errors
/// When a file cannot be read or the model cannot be used.
pub fn doctor(configuration: &Config, options: &DoctorOptions) -> anyhow::Result<()> {
    let clock = Clock::system();
    let mut survey = Survey::new(configuration);
    let mut unreadable = 0_u64;
    for file in &options.sample {
        look(&mut survey, file, options, &clock, &mut unreadable)?;
    }
    let model = offline::of_records(configuration)?;
    let rows = options.data.as_deref().map(|data| labelled(data, &model)).transpose()?;
    let mut findings = Vec::new();
    for report in survey.census().report() {
        let absent = survey.census().absent(report.dialect);
        let cost = absent.map(|absent| price(&model, rows.as_ref(), absent)).transpose()?.flatten();
        findings.push((report, cost));
    }
    match options.output.output {
        Output::Json => {
            let dialects: Vec<_> = findings
                .iter()
                .map(|(report, cost)| {
                    json!({"dialect": report.dialect, "events": report.events, "measured": report.measured,
                                            "features": report.features, "facts": report.facts, "cost": cost})
                })
                .collect();
            println!("{}", json!({"dialects": dialects, "unreadable": unreadable}));
        }
        Output::Text => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            for (report, cost) in &findings {
                write_report(&mut out, report, cost.as_ref())?;
            }
            if unreadable > 0 {
                writeln!(out, "{unreadable} lines could not be read")?;
            }
            out.flush()?;
        }
    }
    Ok(())
}

fn look(
    survey: &mut Survey,
    file: &Path,
    options: &DoctorOptions,
    clock: &Clock,
    unreadable: &mut u64,
) -> Result<(), SourceError> {
    let events = records::open(file, options.format, clock.now().as_event_time())?;
    let mut bar = Progress::new(&format!("looking at {}", file.display()), None);
    for (done, event) in (1..).zip(events.take(options.limit.unwrap_or(usize::MAX))) {
        match event {
            Ok(event) => *unreadable += u64::from(survey.event(&event).is_err()),
            Err(SourceError::Line { .. } | SourceError::Capture { .. }) => *unreadable += 1,
            Err(fault) => return Err(fault),
        }
        bar.set(done, "");
    }
    bar.finish();
    Ok(())
}

/// Labelled records, and what they are.
struct Labelled {
    what: String,
    rows: Vec<(FeatureVector, String)>,
}

/// Of the file that the model was trained on the rows that training has not seen; of any other one all, or as many as are
/// judged, spread evenly.
fn labelled(data: &Path, model: &LoadedModel) -> anyhow::Result<Labelled> {
    #[cfg(feature = "torch")]
    if let Some(found) = unseen(data, model) {
        return Ok(found);
    }
    let mut rows = Vec::new();
    for line in file::open(data).with_context(|| data.display().to_string())?.lines() {
        let line = line.with_context(|| data.display().to_string())?;
        if let Ok(record) = parse_line(&line)
            && let Some(label) = record.label
        {
            rows.push((record.features, label.to_owned()));
        }
    }
    anyhow::ensure!(!rows.is_empty(), "{}: no line is a KDD record with a label", data.display());
    let step = rows.len().div_ceil(MOST_RECORDS);
    let rows: Vec<_> = rows.into_iter().step_by(step).collect();
    Ok(Labelled { what: format!("{} records of {} ({})", rows.len(), data.display(), model.info().name), rows })
}

#[cfg(feature = "torch")]
fn unseen(data: &Path, model: &LoadedModel) -> Option<Labelled> {
    use crate::train::dataset::{Dataset, Part};

    let training = model.card().training.as_ref()?;
    let dataset = Dataset::read(data, None, training.seed).ok().filter(|dataset| dataset.blake3 == training.blake3)?;
    let rows = dataset.part(Part::Test).filter_map(|row| {
        let label = dataset.labels[usize::from(row.label)].clone();
        row.features.row().as_measured().map(|features| (features, label))
    });
    Some(Labelled { what: format!("the rows of {} that training has not seen", data.display()), rows: rows.collect() })
}

/// What it costs that the features of `absent` are missing; none where nothing tells.
fn price(model: &LoadedModel, rows: Option<&Labelled>, absent: u64) -> anyhow::Result<Option<Cost>> {
    if let Some(Labelled { what, rows }) = rows {
        let measured_on = what.clone();
        let figures = |missing| evaluate::masked(model, rows, missing).map(|report| Figures::of(&report));
        return Ok(Some(Cost { measured_on, whole: figures(0)?, without: figures(absent)? }));
    }
    let Some(quality) = &model.card().quality else { return Ok(None) };
    let of = |scores: &Scores| Figures {
        records: scores.records,
        accuracy: scores.accuracy,
        false_alarms: scores.false_alarms,
        cost: scores.cost,
    };
    let without = if absent == 0 { Some(&quality.whole) } else { quality.content_missing.as_ref() };
    Ok(without.map(|without| Cost {
        measured_on:
            "the model's card: test part, content features missing or not; give --data for these very features"
                .to_owned(),
        whole: of(&quality.whole.distinct),
        without: of(&without.distinct),
    }))
}

impl Figures {
    fn of(report: &ClassifierReport) -> Self {
        Self {
            records: report.records,
            accuracy: report.accuracy,
            false_alarms: report.binary.false_alarm_rate,
            cost: report.cost_most_probable,
        }
    }
}

/// How often each was told; `what` heads them.
fn write_features(out: &mut impl Write, what: &str, features: &[FeatureReport]) -> std::io::Result<()> {
    writeln!(out, "  {what:<28} {:>7} {:>12} {:>8}", "real", "approximated", "missing")?;
    for FeatureReport { feature, real, approximated, missing, how } in features {
        let all = (real + approximated + missing).max(1) as f64;
        let [real, approximated, missing] =
            [real, approximated, missing].map(|count| format!("{:.0} %", 100.0 * *count as f64 / all));
        writeln!(out, "  {feature:<28} {real:>7} {approximated:>12} {missing:>8}  {}", how.unwrap_or_default())?;
    }
    Ok(())
}

fn write_report(out: &mut impl Write, report: &DialectReport, cost: Option<&Cost>) -> std::io::Result<()> {
    writeln!(out, "{}: {} events, {} of them measured", report.dialect, report.events, report.measured)?;
    if report.measured == 0 {
        return writeln!(out);
    }
    if !report.facts.is_empty() {
        write_features(out, "live connections (flow)", &report.facts)?;
    }
    write_features(out, "as KDD records (kdd99)", &report.features)?;
    if let Some(Cost { measured_on, whole, without }) = cost {
        writeln!(out, "  what the features cost that are always missing ({measured_on}):")?;
        for (name, figures) in [("all 41 of KDD-99", whole), ("without them", without)] {
            writeln!(
                out,
                "  {name:<16} accuracy {:.4}   false alarms {:.2} %   cost {:.4}   ({} records)",
                figures.accuracy,
                100.0 * figures.false_alarms,
                figures.cost,
                figures.records
            )?;
        }
    }
    writeln!(out)
}
