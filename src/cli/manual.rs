//! `oversight manual`: what comes with a package, made from the same definitions as the help. Hidden, for it is of use
//! to whoever makes packages and these pages.

use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use super::Arguments;
use crate::{api, setup};

/// What is made.
#[derive(Debug, Subcommand)]
pub enum ManualCommand {
    /// A manual page for each command, into a folder
    Man {
        /// The folder; it is made where it is missing
        #[arg(long, value_name = "FOLDER")]
        into: PathBuf,
    },
    /// What a shell completes, on standard output
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// The reference of fields, as Markdown
    Fields,
    /// The reference of the API, as Markdown
    Api,
}

/// Makes what `command` asks for.
pub fn run(command: &ManualCommand) -> anyhow::Result<()> {
    match command {
        ManualCommand::Man { into } => {
            let place = || into.display().to_string();
            std::fs::create_dir_all(into).with_context(place)?;
            clap_mangen::generate_to(Arguments::command(), into).with_context(place)?;
        }
        ManualCommand::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "oversight", &mut io::stdout());
        }
        ManualCommand::Fields => print!("{}", setup::reference_of_fields()),
        ManualCommand::Api => print!("{}", api::openapi::reference()),
    }
    Ok(())
}
