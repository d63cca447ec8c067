//! The commands and their help; each calls one room.

mod config;
mod demo;
mod inspect;
mod model;
mod progress;
mod serve;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Config;

/// Says of each event whether it is an attack, which, how sure and why, and how anomalous its metrics are.
#[derive(Debug, Parser)]
#[command(name = "oversight", version, about, max_term_width = 100)]
struct Arguments {
    /// The configuration file; without one, everything has its default
    #[arg(long, short, global = true, env = "OVERSIGHT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take events over HTTP, annotate them, write them to the store; until it is told to stop
    Serve,
    /// Start with an empty store, send traffic with attacks in it, and show what was found
    Demo(demo::Options),
    /// Send a file through HTTP, as Logstash's json_batch would
    Replay(traffic::ReplayOptions),
    /// Write made-up traffic with attacks in it to standard output, one event a line
    Simulate(traffic::SimulateOptions),
    /// Train a model
    #[command(subcommand)]
    Train(model::TrainCommand),
    /// Measure a model on data it has not seen
    #[command(subcommand)]
    Evaluate(model::EvaluateCommand),
    /// Say what would fail at start: configuration, folders, port, model, engine
    Check(OutputOption),
    /// Install index templates into the engine; may be run any number of times
    Setup(serve::SetupOptions),
    /// Show the configuration in force, or the reference of all keys
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look into the spool and its dead letters
    #[command(subcommand)]
    Spool(inspect::SpoolCommand),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object on standard output
    Json,
}

#[derive(Debug, Args)]
struct OutputOption {
    /// For people or for programs
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Runs what the command line asks for.
///
/// Exit codes: 0 success, 1 the work failed, 2 wrong usage (also a configuration with faults).
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let configuration = match crate::config::load(arguments.config.as_deref(), std::env::vars_os()) {
        Ok(configuration) => configuration,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(2);
        }
    };
    match dispatch(arguments.command, configuration) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("oversight: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command, configuration: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve::serve(configuration),
        Command::Demo(options) => demo::demo(configuration, &options),
        Command::Replay(options) => traffic::replay(&configuration, &options),
        Command::Simulate(options) => traffic::simulate(&options),
        Command::Train(command) => model::train(command),
        Command::Evaluate(command) => model::evaluate(command),
        Command::Check(option) => serve::check(configuration, option.output),
        Command::Setup(options) => serve::setup(&configuration, &options),
        Command::Config(command) => config::show(&configuration, &command),
        Command::Spool(command) => inspect::spool(&configuration, command),
    }
}

/// A runtime for commands that talk over the network; `threads` of its own.
fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
