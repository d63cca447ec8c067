//! `oversight train`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::config::SizeText;
use crate::train::{self, Own, OwnError, Spec, TrainError};

use super::captures;
use super::progress::Progress;
use super::{Output, OutputOption};

/// Trains a model.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// On the KDD Cup 1999 data: 41 features, 23 classes
    Kdd99(Kdd99Options),
    /// On a file of your own: any CSV or NDJSON with a label, or connections in any form that replay takes, and a spec of what to look at
    Own(OwnOptions),
    /// Nothing of the weights: what a network from elsewhere lacks is fitted to labelled data (temperature, sets of
    /// classes, novelty, what is usual), and its quality measured
    Calibration(CalibrationOptions),
}

/// Which network, and on what.
#[derive(Debug, Args)]
pub struct CalibrationOptions {
    /// The model folder
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// The labelled rows: a KDD file or, with --spec, CSV with a header or NDJSON; plain or gzip
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Which columns or fields are features and label: a YAML file (docs/own-models.md)
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The model folder to write
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// Version of the model that is written
    #[arg(long, value_name = "TEXT")]
    model_version: String,
    /// Decides which rows it is fitted to, and which it is measured on
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputOption,
}

/// What to learn from a file of one's own.
#[derive(Debug, Args)]
pub struct OwnOptions {
    /// What to look at: a YAML file with the features, the label and the split (docs/own-models.md)
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// The labelled rows: CSV with a header, or NDJSON, plain or gzip; where the spec names measured features, connections: Zeek, Suricata, NetFlow, Argus, VPC and KDD records, and captures; where it names captures, the folder that holds them
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The model folder to write
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// Version of the model, for its card and for the documents it annotates
    #[arg(long, default_value = "1", value_name = "TEXT")]
    model_version: String,
    /// Decides the split, the first weights and the order of the rows
    #[arg(long)]
    seed: Option<u64>,
    /// Passes over the training part
    #[arg(long)]
    epochs: Option<u32>,
    /// Train six more times, each time without some attacks, to find out how attacks come out that are not known
    #[arg(long)]
    rehearse: bool,
    /// The share of the rows to learn from, for files that are too large for the memory
    #[arg(long, default_value_t = 1.0, value_name = "SHARE", value_parser = share)]
    sample: f64,
    /// Memory that the rows may take, such as 8GiB; half of what is free without it
    #[arg(long, value_name = "SIZE")]
    memory: Option<SizeText>,
    /// Classes that training must not see, to find out how they come out
    #[arg(long, value_delimiter = ',', value_name = "LABELS")]
    leave_out: Vec<String>,
    /// Of a spec with captures: leave them out in so many rounds in turn; as the spec says without it, else each has one of its own
    #[arg(long, value_name = "NUMBER")]
    rounds: Option<usize>,
    /// Train nothing: write the rows that would be learned from, with all their features, as CSV into this file
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOption,
}

/// A share above 0 and up to 1.
fn share(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0);
    found.ok_or_else(|| "a number above 0 and up to 1".to_owned())
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

/// Trains, with a progress bar, and says how good the model is on rows that training has not seen.
pub fn train(command: &TrainCommand) -> anyhow::Result<()> {
    match command {
        TrainCommand::Kdd99(options) => train_kdd99(options),
        TrainCommand::Own(options) => train_own(options),
        TrainCommand::Calibration(options) => calibrate(options),
    }
}

fn train_kdd99(options: &Kdd99Options) -> anyhow::Result<()> {
    let mut settings = train::Settings::new(options.data.clone(), options.into.clone());
    settings.version = options.model_version.clone().unwrap_or(settings.version);
    settings.seed = options.seed.unwrap_or(settings.seed);
    settings.epochs = options.epochs.unwrap_or(settings.epochs);
    settings.also.clone_from(&options.also);
    settings.rehearse = options.rehearse;
    settings.leave_out.clone_from(&options.leave_out);
    let report = with_progress(&settings, |progress| train::kdd99(&settings, progress))?;
    print_report(&report, options.output.output)
}

fn train_own(options: &OwnOptions) -> anyhow::Result<()> {
    let spec = load_spec(&options.spec)?;
    let mut settings = train::Settings::new(options.data.clone(), options.into.clone());
    if !spec.captures.is_empty() {
        settings = settings.of_captures();
    }
    settings = spec.training.over(settings);
    settings.name.clone_from(&spec.name);
    settings.version.clone_from(&options.model_version);
    settings.seed = options.seed.unwrap_or(settings.seed);
    settings.epochs = options.epochs.unwrap_or(settings.epochs);
    settings.rehearse = options.rehearse;
    settings.leave_out.clone_from(&options.leave_out);
    settings.rounds = options.rounds.or(settings.rounds);
    let own = Own { spec, sample: options.sample, memory: options.memory.map(|size| size.0) };
    if let Some(file) = &options.rows {
        let out = std::fs::File::create(file).with_context(|| format!("{}: cannot be written", file.display()))?;
        return Ok(train::rows(&own, &settings, out)?);
    }
    let report = with_progress(&settings, |progress| train::own(&own, &settings, progress))?;
    print_report(&report, options.output.output)
}

fn calibrate(options: &CalibrationOptions) -> anyhow::Result<()> {
    let mut settings = train::Settings::new(options.data.clone(), options.into.clone());
    settings.version.clone_from(&options.model_version);
    settings.seed = options.seed.unwrap_or(settings.seed);
    let spec = options.spec.as_deref().map(load_spec).transpose()?;
    let own = spec.map(|spec| Own { spec, sample: 1.0, memory: None });
    let report = train::calibrate(&options.model, own.as_ref(), &settings, &mut |step| {
        if let train::Progress::Read { records, distinct } = step {
            eprintln!("read {records} records, {distinct} of them distinct");
        }
    })?;
    print_report(&report, options.output.output)
}

/// The spec in a file; faults in it are those of a configuration.
pub fn load_spec(file: &Path) -> anyhow::Result<Spec> {
    Spec::load(file).map_err(|fault| match fault {
        OwnError::Faults(faults) => anyhow::Error::new(faults),
        other => other.into(),
    })
}

/// Trains with a progress bar.
fn with_progress(
    settings: &train::Settings,
    work: impl FnOnce(&mut dyn FnMut(train::Progress)) -> Result<train::Report, TrainError>,
) -> Result<train::Report, TrainError> {
    let mut bar = Progress::new("training", Some(settings.passes().into()));
    let report = work(&mut |step| match step {
        train::Progress::Rehearsal { round, of, without } => {
            bar.say(&format!("rehearsal {round} of {of}, without {without}"));
        }
        train::Progress::Read { records, distinct } => {
            bar.say(&format!("read {records} records, {distinct} of them distinct"));
        }
        train::Progress::Epoch { epoch, loss, .. } => bar.set(epoch.into(), &format!("loss {loss:.4}")),
    })?;
    bar.finish();
    Ok(report)
}

fn print_report(report: &train::Report, output: Output) -> anyhow::Result<()> {
    let quality = serde_json::to_string_pretty(&report.card.quality).context("figures are plain JSON")?;
    match output {
        Output::Json => println!("{quality}"),
        Output::Text => {
            println!("{} holds the model; on rows that training has not seen:", report.folder.display());
            println!("{quality}");
            print!("{}", captures::table(&report.card));
            for left in report.card.quality.iter().flat_map(|quality| &quality.never_seen) {
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
