//! `oversight spool`: what the spool and the dead letters hold.

use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use crate::app::configuration;
use crate::clock::Clock;
use crate::config::Config;
use crate::spool::{self, Filter, RealFiles};

use super::{Output, OutputOption};

/// Looks into the spool; oversight may not be running on the same data meanwhile.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// How many events wait, and the dead letters with their reasons
    Inspect(InspectOptions),
}

/// What to show.
#[derive(Debug, clap::Args)]
pub struct InspectOptions {
    /// Show at most so many dead letters
    #[arg(long, default_value_t = 20)]
    letters: usize,
    #[command(flatten)]
    output: OutputOption,
}

/// Prints what `command` asks for.
pub fn spool(configuration: &Config, command: &SpoolCommand) -> anyhow::Result<()> {
    let SpoolCommand::Inspect(options) = command;
    let settings = configuration::spool(configuration);
    let opened = spool::open(settings, Arc::new(RealFiles), Clock::system())?;
    let usage = opened.spool.usage();
    let letters: Vec<(u64, spool::DeadLetter)> =
        opened.spool.dead_letters().read(Filter::default()).take(options.letters).collect::<Result<_, _>>()?;
    let total = opened.spool.dead_letters().count();
    match options.output.output {
        Output::Json => {
            let shown: Vec<_> = letters
                .iter()
                .map(|(number, letter)| {
                    json!({"number": number, "at": letter.at.to_string(), "reason": letter.reason, "source": letter.source,
                           "raw": String::from_utf8_lossy(&letter.raw)})
                })
                .collect();
            println!(
                "{}",
                json!({"waiting": usage.waiting, "bytes": usage.bytes, "limit": usage.limit, "segments": usage.segments,
                       "damaged": usage.damaged, "dead_letters": total, "letters": shown})
            );
        }
        Output::Text => {
            println!(
                "{} events wait in {} segments, {} of {} bytes",
                usage.waiting, usage.segments, usage.bytes, usage.limit
            );
            println!("{total} dead letters");
            for (_, letter) in &letters {
                println!("{} {} ({} bytes): {}", letter.at, letter.source, letter.raw.len(), letter.reason);
            }
        }
    }
    opened.spool.close()?;
    Ok(())
}
