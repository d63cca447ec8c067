//! `oversight spool redrive`: dead letters sent again, by a running oversight or, where none runs, by this command.

use std::sync::Arc;

use clap::Args;
use http::Method;
use serde::Deserialize;

use crate::app::configuration;
use crate::clock::Clock;
use crate::config::Config;
use crate::ingest::{Redriven, Redriver};
use crate::spool::{self, OpenError, Opened, RealFiles};

use super::letters::FilterOptions;
use super::remote::RemoteOptions;
use super::{Output, OutputOption, by_hand, runtime};

/// Which letters to send again, and how.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true).args(["all", "reason", "source", "from", "to", "number"])))]
pub struct RedriveOptions {
    /// All letters
    #[arg(long, conflicts_with_all = ["reason", "source", "from", "to", "number"])]
    all: bool,
    #[command(flatten)]
    filter: FilterOptions,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: RemoteOptions,
    #[command(flatten)]
    output: OutputOption,
}

/// Sends them again and prints what became of them.
pub fn redrive(configuration: &Config, options: &RedriveOptions) -> anyhow::Result<()> {
    let done = match options.remote.url.is_none().then(|| open(configuration)) {
        Some(Ok(opened)) => here(configuration, options, &opened)?,
        None | Some(Err(OpenError::Locked { .. })) => ask(configuration, options)?,
        Some(Err(fault)) => return Err(fault.into()),
    };
    let Redriven { matched, redriven, events, unreadable, not_events } = done;
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string(&done)?),
        Output::Text => {
            let word = if options.dry_run { "would be" } else { "were" };
            println!("{redriven} of {matched} letters {word} sent again, with {events} events");
            println!("{unreadable} cannot be read even now, {not_events} hold no event; they stay");
        }
    }
    Ok(())
}

fn open(configuration: &Config) -> Result<Opened, OpenError> {
    spool::open(configuration::spool(configuration), Arc::new(RealFiles), Clock::system())
}

/// Nobody runs on this data: the events wait in the spool for the next start.
fn here(configuration: &Config, options: &RedriveOptions, opened: &Opened) -> anyhow::Result<Redriven> {
    let settings = configuration::http(configuration)
        .map_err(|faults| anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let redriver = Redriver::new(opened.spool.clone(), settings);
    if !options.dry_run {
        by_hand::write_down(configuration, "spool redrive")?;
    }
    let done = runtime()?.block_on(redriver.redrive(options.filter.filter(), options.dry_run))?;
    opened.spool.close()?;
    Ok(done)
}

/// Asks the running oversight.
fn ask(configuration: &Config, options: &RedriveOptions) -> anyhow::Result<Redriven> {
    let order = options.filter.order(options.dry_run);
    let path = "/v1/dead-letters/redrive";
    let asked = options.remote.ask(configuration, Method::POST, path, Some(&order));
    Ok(Redriven::deserialize(&runtime()?.block_on(asked)?)?)
}
