//! `oversight key`: makes keys, and hashes of passwords, for the configuration.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::access::secrets::{hash_password, new_key};
use crate::config::security::{KeyHash, is_name};

use super::{Output, OutputOption};

/// The longest password that is read.
const LONGEST: u64 = 4096;

/// Makes keys, and hashes of passwords.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// A new key for a program: shown once, and the line of the configuration that lets it in
    Create {
        /// What it is called in the audit log
        #[arg(long)]
        name: String,
        /// What its holder may do
        #[arg(long, value_enum, value_delimiter = ',', required = true)]
        roles: Vec<RoleName>,
        #[command(flatten)]
        output: OutputOption,
    },
    /// The hash of a password, for a user: read from the terminal, or from standard input
    HashPassword,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Send events
    Ingest,
    /// Search, and read the metrics
    Read,
    /// The same, and look into dead letters
    Analyse,
    /// Everything
    Admin,
}

/// Does what `command` asks for.
pub fn run(command: &KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create { name, roles, output } => create(name, roles, output.output),
        KeyCommand::HashPassword => {
            let password = password()?;
            ensure!(!password.is_empty(), "the password is empty");
            println!("{}", hash_password(&password).map_err(|error| anyhow::anyhow!("argon2: {error}"))?);
            Ok(())
        }
    }
}

fn create(name: &str, roles: &[RoleName], output: Output) -> anyhow::Result<()> {
    ensure!(is_name(name), "--name {name}: a name has 1 to 64 letters, digits or any of . _ @ -");
    let key = new_key();
    let hash = KeyHash::of(key.as_bytes());
    let named = |role: &RoleName| role.to_possible_value().map(|value| value.get_name().to_owned());
    let roles: Vec<String> = roles.iter().filter_map(named).collect();
    match output {
        Output::Json => println!("{}", json!({"name": name, "roles": roles, "key": key, "hash": hash.to_string()})),
        Output::Text => println!(
            "The key, which is shown only now:\n\n  {key}\n\nIn the configuration, under security.api_keys:\n\n  \
             - {{name: \"{name}\", roles: [{}], hash: \"{hash}\"}}",
            roles.join(", ")
        ),
    }
    Ok(())
}

/// One line from the terminal, unseen; all of standard input where that is none.
fn password() -> anyhow::Result<String> {
    let mut input = std::io::stdin().lock();
    let mut text = String::new();
    if std::io::stdin().is_terminal() {
        eprint!("password: ");
        std::io::stderr().flush()?;
        let _unseen = Unseen::new();
        input.by_ref().take(LONGEST).read_line(&mut text)?;
        eprintln!();
    } else {
        input.by_ref().take(LONGEST).read_to_string(&mut text).context("the password is not UTF-8")?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// While it lives the terminal does not show what is typed.
struct Unseen;

impl Unseen {
    fn new() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// A terminal without `stty` shows what is typed, which is no reason not to go on.
fn stty(setting: &str) {
    let _ = Command::new("stty").arg(setting).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
}
