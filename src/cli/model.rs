//! `oversight train` and `oversight evaluate`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};

use crate::classify::{self, ModelSource};
use crate::evaluate::{self, ClassifierReport};
use crate::train;

use super::progress::Progress;
use super::{Output, OutputOption};

/// Trains a model.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// On the KDD Cup 1999 data: 41 features, 23 classes
    Kdd99(Kdd99Options),
}

/// What to train on, and where the model goes.
#[derive(Debug, Args)]
pub struct Kdd99Options {
    /// The data: kddcup.data_10_percent(.gz), or the folder that holds it
    #[arg(long)]
    data: PathBuf,
    /// More rows in the same form, such as NSL-KDD's training file or its folder; what the data has already is passed over
    #[arg(long)]
    also: Option<PathBuf>,
    /// The model folder to write
    #[arg(long, default_value = "models/kdd99")]
    into: PathBuf,
    /// Version of the model, for its card and for the documents it annotates
    #[arg(long, value_name = "TEXT")]
    model_version: Option<String>,
    /// Decides the split, the first weights and the order of the rows
    #[arg(long)]
    seed: Option<u64>,
    /// Passes of each member over the training part
    #[arg(long)]
    epochs: Option<u32>,
    /// Train six more times, each time without some attacks, and write into the card how those come out
    #[arg(long)]
    rehearse: bool,
    /// Classes that training must not see, to find out how they come out
    #[arg(long, value_delimiter = ',', value_name = "LABELS")]
    leave_out: Vec<String>,
    #[command(flatten)]
    output: OutputOption,
}

/// Measures a model.
#[derive(Debug, Subcommand)]
pub enum EvaluateCommand {
    /// The classifier, on a file of labelled records
    Classifier(ClassifierOptions),
}

/// Which model on which data.
#[derive(Debug, Args)]
pub struct ClassifierOptions {
    /// A model folder, or builtin:NAME
    #[arg(long, default_value = "builtin:kdd99")]
    model: String,
    /// The labelled records, plain or gzip
    #[arg(long)]
    data: PathBuf,
    /// How the records are written
    #[arg(long, value_enum, default_value = "kdd")]
    format: DataFormat,
    #[command(flatten)]
    output: OutputOption,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataFormat {
    /// Lines of a KDD Cup 1999 or NSL-KDD file
    Kdd,
}

/// Trains, with a progress bar, and says how good the model is on rows that training has not seen.
pub fn train(command: &TrainCommand) -> anyhow::Result<()> {
    let TrainCommand::Kdd99(options) = command;
    let mut settings = train::Settings::new(options.data.clone(), options.into.clone());
    settings.version = options.model_version.clone().unwrap_or(settings.version);
    settings.seed = options.seed.unwrap_or(settings.seed);
    settings.epochs = options.epochs.unwrap_or(settings.epochs);
    settings.also.clone_from(&options.also);
    settings.rehearse = options.rehearse;
    settings.leave_out.clone_from(&options.leave_out);
    let mut bar = Progress::new("training", Some((settings.epochs * u32::from(settings.members)).into()));
    let report = train::kdd99(&settings, &mut |step| match step {
        train::Progress::Read { records, distinct } => {
            eprintln!("read {records} records, {distinct} of them distinct");
        }
        train::Progress::Epoch { epoch, loss, .. } => bar.set(epoch.into(), &format!("loss {loss:.4}")),
    })?;
    bar.finish();
    let quality = serde_json::to_string_pretty(&report.card.quality).context("figures are plain JSON")?;
    match options.output.output {
        Output::Json => println!("{quality}"),
        Output::Text => {
            println!("{} holds the model; on rows that training has not seen:", report.folder.display());
            println!("{quality}");
            for left in &report.card.quality.never_seen {
                println!(
                    "without {}: {} distinct rows, {:.1} % called normal, AUROC {:.3} as an alarm, {:.3} of novelty",
                    left.label,
                    left.rows,
                    100.0 * left.called_normal,
                    left.alarm_auc,
                    left.novelty_auc
                );
            }
        }
    }
    Ok(())
}

/// Judges a file and compares with its labels.
pub fn evaluate(command: &EvaluateCommand) -> anyhow::Result<()> {
    let EvaluateCommand::Classifier(options) = command;
    let source = match options.model.strip_prefix("builtin:") {
        Some(name) => ModelSource::Builtin(name.to_owned()),
        None => ModelSource::Folder(options.model.clone().into()),
    };
    classify::init_runtime();
    let model = classify::load(&source)?;
    let DataFormat::Kdd = options.format;
    let mut bar = Progress::new("judging", None);
    let report =
        evaluate::classifier(&model, &options.data, evaluate::Format::Kdd, &mut |records| bar.set(records, ""))?;
    bar.finish();
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string(&report).context("figures are plain JSON")?),
        Output::Text => print_table(&report),
    }
    Ok(())
}

fn print_table(report: &ClassifierReport) {
    println!("{} {} on {} records", report.model, report.version, report.records);
    println!("accuracy {:.5}   macro-F1 {:.4}   cost {:.4}", report.accuracy, report.macro_f1, report.cost);
    println!("false alarms: {:.4} % of normal records", 100.0 * report.false_alarms);
    println!("{:<16} {:>9} {:>9} {:>9} {:>9}", "class", "records", "precision", "recall", "F1");
    for (label, figures) in &report.per_class {
        println!(
            "{label:<16} {:>9} {:>9.4} {:>9.4} {:>9.4}",
            figures.support, figures.precision, figures.recall, figures.f1
        );
    }
    for (label, records) in &report.unknown_labels {
        println!("{label:<16} {records:>9} (a class that the model has not learnt)");
    }
    if report.bad_lines.count > 0 {
        println!("{} lines are no labelled record:", report.bad_lines.count);
        for line in &report.bad_lines.first {
            println!("  line {}: {}", line.line, line.reason);
        }
    }
}
