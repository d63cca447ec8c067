//! `oversight spool`: what the spool and its dead letters hold, and sending those again.

use clap::Subcommand;

use crate::config::Config;

use super::inspect::{InspectOptions, inspect};
use super::redrive::{RedriveOptions, redrive};

/// Looks into the spool and its dead letters.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// How many events wait, the accounts of the last run, and the dead letters with their reasons; also while
    /// oversight runs
    Inspect(InspectOptions),
    /// Send dead letters again, each once, after what refused them has been put right; asks a running oversight to
    Redrive(RedriveOptions),
}

/// Does what `command` asks for.
pub fn spool(configuration: &Config, command: &SpoolCommand) -> anyhow::Result<()> {
    match command {
        SpoolCommand::Inspect(options) => inspect(configuration, options),
        SpoolCommand::Redrive(options) => redrive(configuration, options),
    }
}
