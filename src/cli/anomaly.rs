//! `oversight anomaly`: metrics over the past.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::anomaly::declare::{Function, Method};
use crate::anomaly::{self, Engine, MetricDeclaration, Metrics};
use crate::app::history::{Counted, History, Past};
use crate::app::{configuration, dialects};
use crate::clock::Clock;
use crate::config::Config;
use crate::evaluate::backtest::{BacktestReport, Run, text};
use crate::evaluate::{page, series};
use crate::event::EventTime;
use crate::files;
use crate::normalise::records::{self, Format};
use crate::store::{Kind, SearchRequest, Store};

use super::progress::Progress;
use super::traffic::format;
use super::{Output, OutputOption, runtime};

/// Hits of one search.
const HITS: usize = 10_000;
/// Buckets that are foretold behind the last one.
const AHEAD: u32 = 60;

/// Tries metrics on the past, or learns from it.
#[derive(Debug, Subcommand)]
pub enum AnomalyCommand {
    /// Say what a metric would have told of the past, and what another declaration would have told in its place
    Backtest(BacktestOptions),
    /// Learn all metrics from the past, for a first start that knows what is usual; the server must not run
    Learn(LearnOptions),
}

/// Where the past is read from.
#[derive(Debug, Args)]
pub struct PastOptions {
    /// Files of events, plain, gzip or zstd
    files: Vec<PathBuf>,
    /// What the lines are; by their content where it is not given
    #[arg(long, value_parser = format(), default_value = "auto")]
    format: Format,
    /// Read the events that the store holds, in place of files; --from is needed
    #[arg(long, conflicts_with = "files", requires = "from")]
    stored: bool,
    /// Only events from here on, such as 2026-03-01T00:00:00Z
    #[arg(long, value_parser = time, value_name = "TIME")]
    from: Option<EventTime>,
    /// Only events before
    #[arg(long, value_parser = time, value_name = "TIME")]
    to: Option<EventTime>,
}

/// Which metric, over what.
#[derive(Debug, Args)]
pub struct BacktestOptions {
    /// The metric, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    metric: String,
    #[command(flatten)]
    past: PastOptions,
    /// Read the values of the buckets from a file of timestamp,value, in place of events
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "stored"])]
    csv: Option<PathBuf>,
    /// Another configuration file, whose metric of this name is compared
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Compare with the same metric under another detector
    #[arg(long, value_enum, value_name = "DETECTOR", conflicts_with = "against")]
    against_detector: Option<MethodName>,
    /// Write a page with plots as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOption,
}

/// What to learn from.
#[derive(Debug, Args)]
pub struct LearnOptions {
    #[command(flatten)]
    past: PastOptions,
    /// Give up what was learnt before
    #[arg(long)]
    anew: bool,
}

/// Detectors that a metric can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    /// Robust level and the day's shape
    Seasonal,
    /// Seven views and the last move, calibrated on the series itself
    Combined,
    /// Where all other entities lie
    Population,
    /// Seven views and the last step, with the weights that do best on the Numenta Anomaly Benchmark
    Rh7Step,
    /// The same time 7, 14 and 21 days back
    Periods,
    /// Has the series moved like this before?
    Shapes,
    /// A hierarchical temporal memory
    Htm,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Seasonal => Self::Seasonal,
            MethodName::Combined => Self::Combined,
            MethodName::Population => Self::Population,
            MethodName::Rh7Step => Self::Rh7Step,
            MethodName::Periods => Self::Periods,
            MethodName::Shapes => Self::Shapes,
            MethodName::Htm => Self::Htm,
        }
    }
}

fn time(text: &str) -> Result<EventTime, &'static str> {
    EventTime::parse_rfc3339(text).ok_or("write a time such as 2026-03-01T00:00:00Z")
}

/// Runs it.
///
/// # Errors
/// When the past cannot be read, or there is no such metric.
pub fn run(config: &Config, command: &AnomalyCommand) -> anyhow::Result<()> {
    match command {
        AnomalyCommand::Backtest(options) => backtest(config, options),
        AnomalyCommand::Learn(options) => learn(config, options),
    }
}

fn backtest(config: &Config, options: &BacktestOptions) -> anyhow::Result<()> {
    let declared = declared_with_members(config, &options.metric)?;
    let (first, data) = judged(config, options, &declared)?;
    let other = match (&options.against, options.against_detector) {
        (Some(path), _) => Some(declared_with_members(&configuration::load(Some(path))?, &options.metric)?),
        (None, Some(detector)) => {
            let mut other = declared.clone();
            other.1.detector = detector.into();
            Some(other)
        }
        (None, None) => None,
    };
    let other = other.map(|declared| judged(config, options, &declared)).transpose()?.map(|(run, _)| run);
    let comparison = other.as_ref().map(|other| first.compared_with(other));
    let report = BacktestReport { data, run: first, other, comparison };
    if let Some(path) = &options.html {
        std::fs::write(path, page::backtest(&report))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string(&report).context("figures are plain JSON")?),
        Output::Text => print!("{}", text::backtest(&report)),
    }
    Ok(())
}

/// A metric, behind those that it looks at.
type Declared = (Vec<MetricDeclaration>, MetricDeclaration);

/// The declaration of a metric, and of those that it looks at, with the lateness that the configuration has for all.
fn declared_with_members(config: &Config, name: &str) -> anyhow::Result<Declared> {
    let mut declared = configuration::declarations(config);
    let Some(metric) = declared.iter().find(|metric| metric.name == name).cloned() else {
        let names: Vec<&str> = declared.iter().map(|metric| metric.name.as_str()).collect();
        bail!("no metric is called '{name}'; there are {}", names.join(", "));
    };
    declared.retain(|other| metric.of.contains(&other.name));
    Ok((declared, metric))
}

/// What a declaration makes of the past, one record for each bucket; and what was read.
fn judged(config: &Config, options: &BacktestOptions, declared: &Declared) -> anyhow::Result<(Run, String)> {
    let (mut all, mut declared) = declared.clone();
    if options.csv.is_some() {
        anyhow::ensure!(
            declared.of.is_empty(),
            "'{}' looks at other metrics, and a file of values has only one",
            declared.name
        );
        declared = MetricDeclaration {
            function: Function::Sum,
            field: Some("value".to_owned()),
            conditions: Vec::new(),
            over: Vec::new(),
            by: None,
            ..declared
        };
    }
    let detector = declared.detector.name();
    all.push(declared.clone());
    let metrics = Metrics::check(&all)
        .map_err(|faults| anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let settings =
        anomaly::Settings { metrics, series: config.anomaly.max_series, record_from: 0.0, ..Default::default() };
    let mut past = read(config, options.csv.as_deref(), &options.past, Engine::new(settings))?;
    past.records.retain(|record| record.metric == declared.name);
    let data = said(&past);
    let forecast = |record: &anomaly::AnomalyRecord| past.engine.forecast(record, AHEAD);
    let run = Run::new(&declared.name, detector, config.anomaly.threshold, &past.records, forecast);
    Ok((run, data))
}

fn learn(config: &Config, options: &LearnOptions) -> anyhow::Result<()> {
    let path = config.data_dir.join("state").join("anomaly.snapshot");
    if path.exists() && !options.anew {
        bail!("{} holds what was learnt before; --anew gives it up", path.display());
    }
    let engine = configuration::engine(config)?.context("anomaly.enabled is false: there is nothing to learn")?;
    let mut past = read(config, None, &options.past, engine)?;
    past.engine.forget_position();
    files::write(&path, &past.engine.snapshot()).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{}; {} series learnt, {} records not written", said(&past), past.engine.series(), past.records.len());
    Ok(())
}

fn said(past: &Past) -> String {
    let Counted { events, outside, unreadable, timeless } = past.counted;
    let late = past.counters.late;
    format!(
        "{events} events read; {outside} outside of the time asked for, {unreadable} unreadable, {timeless} without a time, {late} too late"
    )
}

/// Shows the past to an engine.
fn read(config: &Config, csv: Option<&Path>, options: &PastOptions, engine: Engine) -> anyhow::Result<Past> {
    let mut history = History::new(engine, &dialects::rules(config), options.from, options.to);
    if let Some(path) = csv {
        for point in series::points(path)? {
            let time = EventTime::from_seconds(point.seconds as f64).context("a time far outside of the years")?;
            history.value(time, point.value);
        }
    } else if options.stored {
        runtime()?.block_on(stored(config, options, &mut history))?;
    } else if options.files.is_empty() {
        bail!("name files of events, or --stored with --from");
    } else {
        options.files.iter().try_for_each(|path| from_file(path, options.format, &mut history))?;
    }
    Ok(history.finish())
}

fn from_file(path: &Path, format: Format, history: &mut History) -> anyhow::Result<()> {
    let done = Arc::<AtomicU64>::default();
    let start = Clock::system().now().as_event_time();
    let size = std::fs::metadata(path).map(|file| file.len()).ok();
    let mut bar = Progress::new(&format!("reading {}", path.display()), size);
    for event in records::open_counting(path, format, start, &done)? {
        match event {
            Ok(event) => history.event(event.as_bytes()),
            // a broken line is counted, and those behind it follow
            Err(records::SourceError::Line { .. }) => history.event(b""),
            Err(fault) => return Err(fault.into()),
        }
        bar.set(done.load(Ordering::Relaxed), "");
    }
    bar.finish();
    Ok(())
}

/// Reads the store's events in the order of their times: hour by hour, and where an hour holds more than one search gives, a part of it.
async fn stored(config: &Config, options: &PastOptions, history: &mut History) -> anyhow::Result<()> {
    const HOUR: i64 = 3_600_000_000;
    let clock = Clock::system();
    let store = configuration::store(config, &clock)?;
    store.prepare().await?;
    let mut at = options.from.map_or(0, EventTime::micros);
    let end = options.to.map_or_else(|| clock.now().micros(), EventTime::micros);
    let mut step = HOUR;
    while at < end {
        let until = (at + step).min(end);
        let hits = hits(&*store, at, until).await?;
        if hits.len() >= HITS && step > 1_000_000 {
            step /= 4;
            continue;
        }
        for hit in &hits {
            history.event(&serde_json::to_vec(&hit["_source"]).context("documents are plain JSON")?);
        }
        at = until;
        step = (step * 2).min(24 * HOUR);
    }
    Ok(())
}

async fn hits(store: &dyn Store, from: i64, to: i64) -> anyhow::Result<Vec<Value>> {
    let time = |micros: i64| {
        EventTime::from_micros(micros).map(|time| time.to_string()).context("a time far outside of the years")
    };
    let body = json!({
        "size": HITS,
        "sort": [{"@timestamp": "asc"}],
        "query": {"range": {"@timestamp": {"gte": time(from)?, "lt": time(to)?}}},
    });
    let mut answer = store.search(SearchRequest { kind: Kind::Event, body }).await?;
    match answer["hits"]["hits"].take() {
        Value::Array(hits) => Ok(hits),
        _ => Ok(Vec::new()),
    }
}
