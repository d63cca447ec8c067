//! The commands and their help; each calls one room.

mod anomaly;
mod by_hand;
mod captures;
mod check;
mod config;
mod demo;
#[cfg(feature = "torch")]
mod detect;
mod doctor;
#[cfg(feature = "torch")]
mod evaluate;
mod findings;
mod inspect;
mod judge;
mod key;
mod letters;
mod manual;
#[cfg(feature = "torch")]
mod model;
mod models;
mod names;
mod patterns;
mod progress;
mod redrive;
mod remote;
mod serve;
mod setup;
mod spool;
mod traffic;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::configuration;
use crate::config::{Config, Faults};
use crate::telemetry::log;

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
    /// Say what is found in files of events: no server, no store
    Judge(judge::JudgeOptions),
    /// Rank what no single event shows: beacons, long connections, DNS tunnels, made-up names
    Patterns(patterns::PatternsOptions),
    /// Train and measure the model of made-up names
    #[command(subcommand)]
    Names(names::NamesCommand),
    /// Say which features a sample of events really brings, and what the missing ones cost
    Doctor(doctor::DoctorOptions),
    /// Write made-up traffic with attacks in it to standard output, one event a line
    Simulate(traffic::SimulateOptions),
    /// Train a model
    #[cfg(feature = "torch")]
    #[command(subcommand)]
    Train(model::TrainCommand),
    /// Measure a model on labelled data
    #[cfg(feature = "torch")]
    #[command(subcommand)]
    Evaluate(evaluate::EvaluateCommand),
    /// Try metrics on the past, or learn from it
    #[command(subcommand)]
    Anomaly(anomaly::AnomalyCommand),
    /// The models there are, and which of them judges
    #[command(subcommand)]
    Model(models::ModelCommand),
    /// Say what would fail at start: configuration, folders, port, model, store
    Check(OutputOption),
    /// Make the engine ready: templates, lifecycles, rights, dashboards; may be run any number of times
    Setup(setup::SetupOptions),
    /// Show the configuration in force, or the reference of all keys
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Make keys, and hashes of passwords, for the configuration
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Look into the spool and its dead letters, and send those again
    #[command(subcommand)]
    Spool(spool::SpoolCommand),
    /// Make manual pages, completions of shells, references
    #[command(subcommand, hide = true)]
    Manual(manual::ManualCommand),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// JSON on standard output
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
/// Exit codes: 0 success, 1 the work failed, 2 wrong usage, also a configuration with faults.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) if fault.is::<Faults>() => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
        // who reads our output has enough, as `head` has
        Err(fault) if is_closed_pipe(&fault) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("oversight: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(fault: &anyhow::Error) -> bool {
    fault.downcast_ref::<io::Error>().is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}

fn dispatch(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Serve => serve::serve(arguments.configuration()?, arguments.config.as_deref()),
        Command::Demo(options) => demo::demo(arguments.configuration()?, options),
        Command::Replay(options) => traffic::replay(&arguments.configuration()?, options),
        Command::Judge(options) => judge::judge(&arguments.configuration()?, options),
        Command::Patterns(options) => patterns::patterns(&arguments.configuration()?, options),
        Command::Names(command) => names::run(command),
        Command::Doctor(options) => doctor::doctor(&arguments.configuration()?, options),
        Command::Simulate(options) => traffic::simulate(options),
        #[cfg(feature = "torch")]
        Command::Train(command) => model::train(command),
        #[cfg(feature = "torch")]
        Command::Evaluate(command) => evaluate::evaluate(command),
        Command::Anomaly(command) => anomaly::run(&arguments.configuration()?, command),
        Command::Model(command) => models::run(&arguments.configuration()?, command),
        Command::Check(option) => check::check(&arguments.configuration()?, option.output),
        Command::Setup(options) => setup::setup(&arguments.configuration()?, options),
        Command::Config(command) => config::run(arguments.config.as_deref(), command),
        Command::Key(command) => key::run(command),
        Command::Spool(command) => spool::spool(&arguments.configuration()?, command),
        Command::Manual(command) => manual::run(command),
    }
}

impl Arguments {
    /// The configuration; the log begins with it.
    fn configuration(&self) -> anyhow::Result<Config> {
        let configuration = configuration::load(self.config.as_deref())?;
        log::start(configuration.log)?;
        Ok(configuration)
    }
}

/// A runtime for commands that talk over the network.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
