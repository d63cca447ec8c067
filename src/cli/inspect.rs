//! `oversight spool inspect`: what the spool and the dead letters hold, and the accounts of the last run.
//!
//! It reads the files and takes no lock, so it works while oversight runs, needs no credentials, and changes nothing.
//! The price is that it tells of a moment ago; see [`spool::look`].

use std::sync::Arc;

use serde_json::json;

use crate::app::{Accounts, accounts, configuration};
use crate::config::Config;
use crate::spool::letters::{Reasons, Shown};
use crate::spool::{self, Look, RealFiles};

use super::letters::FilterOptions;
use super::{Output, OutputOption};

/// What to show.
#[derive(Debug, clap::Args)]
pub struct InspectOptions {
    /// Show at most so many dead letters; the reasons of all that match are counted
    #[arg(long, default_value_t = 20)]
    letters: usize,
    #[command(flatten)]
    filter: FilterOptions,
    #[command(flatten)]
    output: OutputOption,
}

/// What is shown, beside the letters.
struct Summary {
    look: Look,
    reasons: Reasons,
    matched: u64,
    last_run: Option<accounts::Kept>,
}

/// Prints it.
pub fn inspect(configuration: &Config, options: &InspectOptions) -> anyhow::Result<()> {
    let look = spool::look(&configuration::spool(configuration), Arc::new(RealFiles))?;
    let (mut shown, mut reasons, mut matched) = (Vec::new(), Reasons::default(), 0);
    for letter in look.dead_letters(options.filter.filter()) {
        let (number, letter) = letter?;
        matched += 1;
        reasons.count(&letter);
        if shown.len() < options.letters {
            shown.push(Shown::new(number, letter));
        }
    }
    let summary = Summary { look, reasons, matched, last_run: accounts::kept(&configuration.data_dir) };
    match options.output.output {
        Output::Json => summary.print_json(&shown)?,
        Output::Text => summary.print_text(&shown),
    }
    Ok(())
}

impl Summary {
    /// A line of the summary, then a line for each letter.
    fn print_json(&self, letters: &[Shown]) -> anyhow::Result<()> {
        let (look, usage) = (&self.look, self.look.dead_letter_usage());
        println!(
            "{}",
            json!({
                "running": look.running, "waiting": look.waiting, "bytes": look.bytes, "limit": look.limit,
                "segments": look.segments, "damaged": look.damaged,
                "dead_letters": {"count": usage.count, "bytes": usage.bytes, "limit": usage.limit,
                                 "matched": self.matched, "reasons": self.reasons},
                "accounts": self.last_run,
            })
        );
        for letter in letters {
            println!("{}", serde_json::to_string(letter)?);
        }
        Ok(())
    }

    fn print_text(&self, letters: &[Shown]) {
        let (look, usage) = (&self.look, self.look.dead_letter_usage());
        let state =
            if look.running { "oversight is running; this is as of a moment ago" } else { "oversight is not running" };
        println!("{state}");
        println!("{} events wait in {} segments, {} of {} bytes", look.waiting, look.segments, look.bytes, look.limit);
        if look.damaged > 0 {
            println!("{} places of the spool are damaged", look.damaged);
        }
        if let Some(run) = &self.last_run {
            let accounts::Kept { at, ended, accounts } = run;
            let state = match (ended, look.running) {
                (true, _) => "the last run ended",
                (false, true) => "this run",
                (false, false) => "the last run was killed; a second before at most",
            };
            let Accounts { recovered, received, redriven, stored, repeated, refused, lost, waiting } = accounts;
            println!(
                "{state} ({at}): recovered {recovered} + received {received} + redriven {redriven} = stored {stored} + repeated {repeated} + refused {refused} + lost {lost} + waiting {waiting}"
            );
        }
        println!("{} dead letters, {} of {} bytes; {} match", usage.count, usage.bytes, usage.limit, self.matched);
        for (reason, count) in self.reasons.by_count() {
            println!("{count:>9}  {reason}");
        }
        for letter in letters {
            let Shown { number, at, source, reason, bytes, .. } = letter;
            println!("{number} {at} {source} ({} bytes): {reason}", bytes.0.len());
        }
    }
}
