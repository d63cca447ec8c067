//! `oversight evaluate nab`, `kpi` and `ucr`: detectors of anomalies on labelled series.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::anomaly::points::Kind;
use crate::evaluate::series::{Judge, SeriesError, kpi as on_kpi, nab as on_nab, text, ucr as on_ucr};

use super::progress::Progress;
use super::{Output, OutputOption};

/// Which detector on which series.
#[derive(Debug, Args)]
pub struct SeriesOptions {
    /// The folder of the series, CSV files that may be gzipped
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What judges the points
    #[arg(long, value_enum, default_value = "combined")]
    detector: DetectorName,
    #[command(flatten)]
    output: OutputOption,
}

/// The same, or published scores.
#[derive(Debug, Args)]
pub struct NabOptions {
    #[command(flatten)]
    series: SeriesOptions,
    /// Score what this folder of published results says, in place of a detector
    #[arg(long, value_name = "DIR")]
    scores: Option<PathBuf>,
}

/// What may judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DetectorName {
    /// Novelty of seven views and the last move, calibrated on the series itself: the default of the product
    Combined,
    /// Novelty of seven views and the step, with the constants that do best on NAB
    Rh7Step,
    /// Robust level and the day's shape, made for counts of events
    Robust,
    /// The same time 7, 14 and 21 days back
    Periods,
    /// A memory of sequences: has the series moved like this before?
    Shapes,
    /// A hierarchical temporal memory: does the series go on as cells that have learnt it predict?
    Htm,
    /// An alarm every 600 points, whatever they say: what gaming gets
    Periodic,
    /// An alarm wherever the value leaves its range so far: what gaming gets
    RangeRecord,
}

impl From<DetectorName> for Judge {
    fn from(name: DetectorName) -> Self {
        match name {
            DetectorName::Combined => Self::Detector(Kind::Combined),
            DetectorName::Rh7Step => Self::Detector(Kind::Rh7Step),
            DetectorName::Robust => Self::Detector(Kind::Robust),
            DetectorName::Periods => Self::Detector(Kind::Periods),
            DetectorName::Shapes => Self::Detector(Kind::Shapes),
            DetectorName::Htm => Self::Detector(Kind::Htm),
            DetectorName::Periodic => Self::Periodic,
            DetectorName::RangeRecord => Self::RangeRecord,
        }
    }
}

/// `oversight evaluate nab`.
pub(super) fn nab(options: &NabOptions) -> anyhow::Result<()> {
    let judge = Judge::from(options.series.detector);
    let source = options.scores.as_deref().map_or(on_nab::Source::Judge(judge), on_nab::Source::Published);
    let evaluate = |data: &Path, progress: &mut dyn FnMut(usize)| on_nab::evaluate(data, source, progress);
    run(&options.series, evaluate, text::nab)
}

/// `oversight evaluate kpi`.
pub(super) fn kpi(options: &SeriesOptions) -> anyhow::Result<()> {
    let judge = options.detector.into();
    run(options, |data, progress| on_kpi::evaluate(data, judge, progress), text::kpi)
}

/// `oversight evaluate ucr`.
pub(super) fn ucr(options: &SeriesOptions) -> anyhow::Result<()> {
    let judge = options.detector.into();
    run(options, |data, progress| on_ucr::evaluate(data, judge, progress), text::ucr)
}

fn run<Report: Serialize>(
    options: &SeriesOptions,
    evaluate: impl Fn(&Path, &mut dyn FnMut(usize)) -> Result<Report, SeriesError>,
    in_words: impl Fn(&Report) -> String,
) -> anyhow::Result<()> {
    let mut bar = Progress::new("judging", None);
    let report = evaluate(&options.data, &mut |done| bar.set(done as u64, "series"))?;
    bar.finish();
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string(&report).context("figures are plain JSON")?),
        Output::Text => print!("{}", in_words(&report)),
    }
    Ok(())
}
