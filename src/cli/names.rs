//! `oversight names`: train and measure the model that says whether a name looks made up.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::anomaly::names::learn::{self, Report};
use crate::anomaly::names::{Model, families::Family};
use crate::anomaly::patterns::registered_label;
use crate::clock::Clock;
use crate::files;
use crate::normalise::records::{self, Format};
use crate::normalise::{FieldId, Normaliser, Scalar};

use super::{Output, OutputOption};

/// Where logs have names that somebody asked for, or was certified for.
const PATHS: [&str; 7] = ["query", "dns.question.name", "server_name", "host", "tls.sni", "http.hostname", "san.dns"];

/// What to do.
#[derive(Debug, Subcommand)]
pub enum NamesCommand {
    /// Train on the names in these files and on made-up ones, and write the weights
    Train(TrainOptions),
    /// Measure: recall by family, each left out of training in turn, and false alarms on honest names
    Evaluate(EvaluateOptions),
    /// Say of each name given how made up it looks
    Score(ScoreOptions),
}

/// Training.
#[derive(Debug, Args)]
pub struct TrainOptions {
    /// Logs with honest names (Zeek's dns, ssl, http and x509 logs and their like)
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    honest: Vec<PathBuf>,
    /// Where the weights go
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The same seed gives the same weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Measuring.
#[derive(Debug, Args)]
pub struct EvaluateOptions {
    /// Logs with honest names to train on
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    honest: Vec<PathBuf>,
    /// Logs with honest names to measure on; what training has met is left out
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    unseen: Vec<PathBuf>,
    /// The same seed gives the same figures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputOption,
}

/// Scoring.
#[derive(Debug, Args)]
pub struct ScoreOptions {
    /// Names, such as www.example.org
    #[arg(required = true)]
    names: Vec<String>,
}

/// Carries the command out.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(command: &NamesCommand) -> anyhow::Result<()> {
    match command {
        NamesCommand::Train(options) => {
            let model = learn::train(&labels(&options.honest)?, Family::OF_LETTERS, options.seed);
            files::write(&options.out, &model.to_bytes())
                .with_context(|| format!("{} cannot be written", options.out.display()))?;
        }
        NamesCommand::Evaluate(options) => {
            let report = learn::evaluate(&labels(&options.honest)?, &labels(&options.unseen)?, options.seed);
            match options.output.output {
                Output::Json => println!("{}", serde_json::to_string(&report)?),
                Output::Text => print(&report),
            }
        }
        NamesCommand::Score(options) => {
            for name in &options.names {
                match registered_label(name) {
                    Some(label) => {
                        let model = Model::shipped();
                        let verdict = if model.is_made_up(label) { "made up" } else { "honest" };
                        println!("{:>8.2}  {verdict:<8}  {name}", model.odds(label));
                    }
                    None => println!("{:>8}  {:<8}  {name}", "-", "none"),
                }
            }
        }
    }
    Ok(())
}

fn print(report: &Report) {
    println!(
        "{} honest labels not trained on: {} taken for made up, {:.0} of 10,000",
        report.honest, report.false_alarms, report.false_alarms_per_10_000
    );
    println!("  {}", report.mistaken.join(", "));
    println!("\n{:<14} {:>8} {:>10}", "family", "recall", "left out");
    for family in &report.families {
        println!("{:<14} {:>8.3} {:>10.3}", family.family, family.recall, family.recall_left_out);
    }
}

/// The registered labels of all names in the files, each as often as it comes.
fn labels(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut labels = Vec::new();
    for file in files {
        read(file, &mut labels)?;
    }
    Ok(labels)
}

fn read(file: &Path, labels: &mut Vec<String>) -> anyhow::Result<()> {
    let mut normaliser = Normaliser::new(&PATHS.map(str::to_owned));
    for event in records::open(file, Format::Auto, Clock::system().now().as_event_time())? {
        // lines that cannot be read hold no names
        let Ok(event) = event else { continue };
        let Ok(view) = normaliser.read(event.as_bytes()) else { continue };
        for path in 0..PATHS.len() as u32 {
            let texts = view.values(FieldId(path)).filter_map(|value| match value {
                Scalar::Str(text) => registered_label(&text).map(str::to_ascii_lowercase),
                _ => None,
            });
            labels.extend(texts);
        }
        normaliser.recycle(view);
    }
    Ok(())
}
