//! `oversight replay` and `oversight simulate`: events to try it with.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::clock::Clock;
use crate::config::{Config, Secret};
use crate::normalise::records::{self, Format, SourceError};
use crate::simulate::sender;
use crate::simulate::{Settings, Traffic};

use super::progress::Progress;
use super::{Output, OutputOption, runtime};

/// Lines that cannot be read, of which each is told.
const MOST_LINES: u64 = 5;

/// What to send where.
#[derive(Debug, Args)]
pub struct ReplayOptions {
    /// Files, plain, gzip or zstd; one is sent behind the other
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What is in it; by its content where it is not given
    #[arg(long, value_parser = format(), default_value = "auto")]
    format: Format,
    /// Where oversight listens; without it, where the configuration says
    #[arg(long)]
    url: Option<String>,
    /// A file that holds the API key to show
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// PEM file of the authority that signed its certificate, where the system does not know it
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Events in one request
    #[arg(long, default_value_t = 125)]
    batch: usize,
    /// Requests under way at the same time
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Events a second; without it as fast as they are taken
    #[arg(long)]
    rate: Option<f64>,
    /// Only the first so many events
    #[arg(long)]
    limit: Option<usize>,
    /// Compress the requests
    #[arg(long)]
    gzip: bool,
    #[command(flatten)]
    output: OutputOption,
}

/// Reads the name of a format: as the content says (auto), lines of KDD-99 or NSL-KDD, a Zeek log in either form, JSON lines
/// taken as they are, a table that names its columns, lines of text, or packets.
pub fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).map(|name| Format::of(&name).expect("one of them"))
}

/// What traffic to make.
#[derive(Debug, Args)]
pub struct SimulateOptions {
    /// The same seed gives the same traffic
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Hours of traffic, ending now
    #[arg(long, default_value_t = 24.0)]
    hours: f64,
    /// Ordinary events a second
    #[arg(long)]
    rate: Option<f64>,
}

/// Sends files, with progress; waits and sends again where oversight is away or full.
pub fn replay(configuration: &Config, options: &ReplayOptions) -> anyhow::Result<()> {
    let scheme = if configuration.tls.is_some() { "https" } else { "http" };
    let url = options.url.clone().unwrap_or_else(|| format!("{scheme}://{}/", configuration.listen));
    let key = options.key_file.as_ref().map(|path| read(path)).transpose()?;
    let unreadable = Arc::<AtomicU64>::default();
    // before the first event is sent: whether one is missing
    options
        .files
        .iter()
        .try_for_each(|file| std::fs::metadata(file).map(drop).with_context(|| file.display().to_string()))?;
    let start = Clock::system().now().as_event_time();
    let (files, format, told) = (options.files.clone(), options.format, Arc::clone(&unreadable));
    let events = files.into_iter().flat_map(move |file| {
        let (events, fault) = match records::open(&file, format, start) {
            Ok(events) => (Some(readable(events, Arc::clone(&told))), None),
            Err(fault) => (None, Some(Err(fault))),
        };
        events.into_iter().flatten().chain(fault)
    });
    let settings = sender::Settings {
        batch: options.batch,
        connections: options.connections,
        rate: options.rate,
        gzip: options.gzip,
        key: key.map(|key| Secret::from(String::from_utf8_lossy(key.trim_ascii()).into_owned())),
        authority: options.ca_file.as_ref().map(|path| read(path)).transpose()?,
        url,
        ..sender::Settings::default()
    };
    let mut bar = Progress::new("sending", None);
    let events = events.take(options.limit.unwrap_or(usize::MAX));
    let report = runtime()?.block_on(sender::send(settings, events, &mut |progress| {
        bar.set(progress.sent, &format!("{} requests repeated", progress.retries));
    }))?;
    bar.finish();
    let unreadable = unreadable.load(Ordering::Relaxed);
    match options.output.output {
        Output::Json => println!(
            "{}",
            json!({"unreadable": unreadable,
                   "sent": report.sent, "accepted": report.accepted, "refused": report.refused, "repeated": report.repeated,
                   "retries": report.retries, "seconds": report.seconds})
        ),
        Output::Text => println!(
            "{} events sent in {:.1} s ({:.0} a second): {} accepted, {} refused, {} known already, {} requests repeated, {unreadable} lines unreadable",
            report.sent,
            report.seconds,
            report.sent as f64 / report.seconds.max(1e-9),
            report.accepted,
            report.refused,
            report.repeated,
            report.retries
        ),
    }
    Ok(())
}

/// The events without the lines that are none, which are told and counted.
fn readable(events: records::Events, unreadable: Arc<AtomicU64>) -> impl Iterator<Item = Result<String, SourceError>> {
    let mut events = events;
    std::iter::from_fn(move || {
        loop {
            match events.next() {
                Some(Err(fault @ SourceError::Line { .. })) => match unreadable.fetch_add(1, Ordering::Relaxed) {
                    0..MOST_LINES => eprintln!("{fault}"),
                    MOST_LINES => eprintln!("further lines that cannot be read are only counted"),
                    _ => {}
                },
                // the connections that were open there follow
                Some(Err(SourceError::Capture { .. })) => {
                    unreadable.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    events.told().into_iter().for_each(|report| eprintln!("{report}"));
                    return None;
                }
                event => return event,
            }
        }
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// Writes traffic to standard output.
pub fn simulate(options: &SimulateOptions) -> anyhow::Result<()> {
    let mut settings = Settings::ending(Clock::system().now().as_event_time());
    let end = settings.start.micros() + i64::try_from(settings.duration.as_micros())?;
    settings.seed = options.seed;
    settings.duration = Duration::try_from_secs_f64(options.hours * 3600.0)?;
    let start = crate::event::EventTime::from_micros(end - i64::try_from(settings.duration.as_micros())?);
    settings.start =
        start.ok_or_else(|| anyhow::anyhow!("--hours {} reaches back before the year 1", options.hours))?;
    settings.rate = options.rate.unwrap_or(settings.rate);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for event in Traffic::new(settings) {
        writeln!(out, "{}", event.json)?;
    }
    Ok(out.flush()?)
}
