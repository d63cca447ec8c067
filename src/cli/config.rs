//! `oversight config`: what is in force, and what there is.

use std::path::Path;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};

use crate::app::configuration;

/// How the reference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Markdown,
    /// JSON Schema, for editors and other programs
    JsonSchema,
}

/// Shows configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every key with the value in force and where it comes from; secrets are masked
    Show,
    /// All keys with their types, defaults and meaning
    Reference {
        /// As a page or as a schema
        #[arg(long, value_enum, default_value = "markdown")]
        format: Format,
    },
}

/// Prints what `command` asks for.
pub fn run(file: Option<&Path>, command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Show => print!("{}", configuration::load(file)?.show()),
        ConfigCommand::Reference { format: Format::Markdown } => print!("{}", configuration::loader().reference()),
        ConfigCommand::Reference { format: Format::JsonSchema } => {
            let schema = serde_json::to_string_pretty(configuration::loader().json_schema());
            println!("{}", schema.context("the schema is plain JSON")?);
        }
    }
    Ok(())
}
