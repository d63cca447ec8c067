//! `oversight evaluate`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::ArgPredicate;
use clap::{Args, Subcommand, ValueEnum};

use crate::classify::{self, LoadedModel, ModelSource};
use crate::evaluate::{self, LabelledRow, Options, Rule, page, text};
use crate::train::{self, Labelled};

use super::detect::{NabOptions, SeriesOptions};
use super::model::load_spec;
use super::progress::Progress;
use super::{Output, OutputOption};

/// The model that `builtin` alone means.
const BUILTIN: &str = "kdd99";

/// Measures a model.
#[derive(Debug, Subcommand)]
pub enum EvaluateCommand {
    /// The classifier, on a file of labelled records
    Classifier(ClassifierOptions),
    /// A detector of anomalies, on the Numenta Anomaly Benchmark (or a part of it)
    Nab(NabOptions),
    /// A detector of anomalies, on metrics with labelled stretches, such as AIOPS 2018 or WSD
    Kpi(SeriesOptions),
    /// A detector of anomalies, on series with one anomaly each, as in the UCR archive
    Ucr(SeriesOptions),
}

/// Which model on which data.
#[derive(Debug, Args)]
pub struct ClassifierOptions {
    /// A model folder; or builtin, or builtin:NAME
    #[arg(long, default_value = "builtin")]
    model: String,
    /// The labelled records, plain or gzip
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// How the records are written
    #[arg(long, value_enum, default_value = "kdd", default_value_if("spec", ArgPredicate::IsPresent, "own"))]
    format: DataFormat,
    /// Which columns or fields of a file of your own are features and label: a YAML file (docs/own-models.md)
    #[arg(long, value_name = "FILE", required_if_eq("format", "own"))]
    spec: Option<PathBuf>,
    /// By which rule classes and families are decided on
    #[arg(long, value_enum, default_value = "cup")]
    decision: Decision,
    /// Also measure decisions for shares of the families that are estimated from the records, without their labels
    #[arg(long)]
    adapt_priors: bool,
    /// Write the report as one HTML page as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOption,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataFormat {
    /// Lines of a KDD Cup 1999 or NSL-KDD file
    Kdd,
    /// CSV with a header, or NDJSON, as --spec says
    Own,
    /// Connections of live traffic in any form that replay takes, whose records have a label; a folder stands for all files below it
    Auto,
}

/// Rules of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Decision {
    /// Classes as documents carry them, families by the least expected cost: as the cup scored
    Cup,
    /// Both by the most probable class
    MostProbable,
    /// Both by the least expected cost
    LeastCost,
}

/// Measures what the command names.
pub fn evaluate(command: &EvaluateCommand) -> anyhow::Result<()> {
    match command {
        EvaluateCommand::Classifier(options) => classifier(options),
        EvaluateCommand::Nab(options) => super::detect::nab(options),
        EvaluateCommand::Kpi(options) => super::detect::kpi(options),
        EvaluateCommand::Ucr(options) => super::detect::ucr(options),
    }
}

fn classifier(options: &ClassifierOptions) -> anyhow::Result<()> {
    classify::init_runtime();
    let asked = options.asked();
    let model = classify::load(&options.source())?.deciding(asked.rule.of_classes());
    let mut bar = Progress::new("judging", None);
    let report = match (options.format, &options.spec) {
        (DataFormat::Auto, _) => return connections(&model, options, &mut bar),
        (DataFormat::Own, Some(spec)) => on_own(&model, &asked, spec, &mut bar)?,
        _ => evaluate::classifier(&model, &asked, &mut |step| {
            bar.set(step.lines, &format!("lines, {:.0} % of the file", 100.0 * step.read));
        })?,
    };
    bar.finish();
    if let Some(file) = &options.html {
        let page = page::render(&report, model.card());
        std::fs::write(file, page).with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string(&report).context("figures are plain JSON")?),
        Output::Text => print!("{}", text::render(&report)),
    }
    Ok(())
}

/// Judges a file of one's own.
fn connections(model: &LoadedModel, options: &ClassifierOptions, bar: &mut Progress) -> anyhow::Result<()> {
    let report = evaluate::connections::connections(model, &options.data, &mut |judged, file| {
        bar.set(judged, &format!("connections, {}", file.display()));
    })?;
    bar.finish();
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string(&report).context("figures are plain JSON")?),
        Output::Text => print!("{}", evaluate::connections::text(&report)),
    }
    Ok(())
}

fn on_own(
    model: &LoadedModel,
    asked: &Options,
    spec: &Path,
    bar: &mut Progress,
) -> anyhow::Result<evaluate::ClassifierReport> {
    let spec = load_spec(spec)?;
    evaluate::rows(model, asked, |take| {
        train::labelled(&asked.data, &spec, model.space(), &mut |line, row| {
            bar.set(line, "lines");
            let row =
                row.map(|Labelled { features, label, category }| LabelledRow { features, label, family: category });
            take(line, row.map_err(|fault| fault.to_string()));
        })?;
        Ok(())
    })
}

impl ClassifierOptions {
    fn source(&self) -> ModelSource {
        match self.model.as_str() {
            "builtin" => ModelSource::Builtin(BUILTIN.to_owned()),
            text => match text.strip_prefix("builtin:") {
                Some(name) => ModelSource::Builtin(name.to_owned()),
                None => ModelSource::Folder(text.into()),
            },
        }
    }

    fn asked(&self) -> Options {
        Options {
            data: self.data.clone(),
            rule: match self.decision {
                Decision::Cup => Rule::Cup,
                Decision::MostProbable => Rule::MostProbable,
                Decision::LeastCost => Rule::LeastCost,
            },
            adapt_priors: self.adapt_priors,
        }
    }
}
