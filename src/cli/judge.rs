//! `oversight judge FILE…`: what is found in files of events, without a server and without a store.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Args, ValueEnum};

use crate::app::dialects;
use crate::app::offline::Offline;
use crate::clock::Clock;
use crate::config::Config;
use crate::normalise::records::{self, Format, SourceError};
use crate::normalise::{Dialect, Rules};

use super::findings::Findings;
use super::patterns;
use super::progress::Progress;
use super::traffic::format;

/// Events that are judged together.
const BATCH: usize = 512;
/// Documents of one-way flows that wait for the other side: as many as flows wait there.
const MOST_WAITING: usize = 65_536;
/// The severity from which a table shows a pattern.
const SHOWN_FROM: f64 = 50.0;

/// What to judge, and how to tell.
#[derive(Debug, Args)]
pub struct JudgeOptions {
    /// Files of events, plain, gzip or zstd: Zeek, Suricata, NetFlow, Argus, VPC and KDD records, as JSON lines or tables
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the lines are; by their content where it is not given
    #[arg(long, value_parser = format(), default_value = "auto")]
    format: Format,
    /// The dialect of all events; by their content where it is not given
    #[arg(long, value_parser = dialect, value_name = "NAME")]
    dialect: Option<Dialect>,
    /// A table, one JSON object of the same figures, or every judged connection as an annotated document
    #[arg(long, value_enum, default_value = "text")]
    output: JudgeOutput,
    /// Sources that the table names, those with the most attacks first
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// How many of 10,000 normal connections may be called something else; as many as the model's card says without this
    #[arg(long, value_name = "NUMBER")]
    max_false_alarms: Option<f64>,
    /// Only the first so many events of each file
    #[arg(long)]
    limit: Option<usize>,
}

/// How findings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum JudgeOutput {
    /// A table for people
    Text,
    /// One JSON object
    Json,
    /// Annotated documents, one a line
    Ndjson,
}

fn dialect(name: &str) -> Result<Dialect, String> {
    let known = || Dialect::ALL.map(Dialect::name).join(", ");
    Dialect::of(name).ok_or_else(|| format!("no such dialect; there are {}", known()))
}

/// Judges the files in the order in which they are named: what is seen in one counts in the windows of the next. A connection
/// that two one-way flows tell of is told once, of both.
///
/// # Errors
/// When a file cannot be read to its end, the model cannot be used, or nobody takes the output.
pub fn judge(configuration: &Config, options: &JudgeOptions) -> anyhow::Result<()> {
    let mut configuration = configuration.clone();
    let allowed = &mut configuration.classify.max_false_alarms;
    *allowed = options.max_false_alarms.or(*allowed);
    let configuration = &configuration;
    let clock = Clock::system();
    let rules = Rules { always: options.dialect, ..dialects::rules(configuration) };
    let mut run = Run {
        findings: Findings::new(&rules),
        offline: Offline::new(configuration, rules, clock.clone())?,
        documents: (options.output == JudgeOutput::Ndjson).then(|| BufWriter::new(std::io::stdout().lock())),
        waiting: BTreeMap::new(),
    };
    let mut failed = None;
    for file in &options.files {
        if let Err(fault) = run.file(file, options, &clock) {
            match fault.downcast::<SourceError>() {
                // the other files are judged all the same
                Ok(fault) => failed = Some(failed.unwrap_or(fault)),
                Err(fault) => return Err(fault),
            }
        }
    }
    run.tell_of_single_sides()?;
    let Run { findings, documents, offline, .. } = run;
    let ranked = offline.ranked(options.top);
    match (options.output, documents) {
        (_, Some(mut documents)) => documents.flush()?,
        (JudgeOutput::Json, None) => {
            let mut told = findings.json(options.top);
            told["patterns"] = patterns::as_json(&ranked);
            println!("{told}");
        }
        (_, None) => {
            let mut told = findings.text(options.top);
            patterns::table(&mut told, &ranked, SHOWN_FROM)?;
            std::io::stdout().write_all(told.as_bytes())?;
        }
    }
    findings.warn();
    failed.map_or(Ok(()), |fault| Err(fault.into()))
}

/// What is under way.
struct Run {
    offline: Offline,
    findings: Findings,
    documents: Option<BufWriter<std::io::StdoutLock<'static>>>,
    /// Documents that tell of one side of a connection, while its other side may come.
    waiting: BTreeMap<u64, Vec<u8>>,
}

impl Run {
    fn file(&mut self, path: &Path, options: &JudgeOptions, clock: &Clock) -> anyhow::Result<()> {
        let done = Arc::<AtomicU64>::default();
        let start = clock.now().as_event_time();
        let mut events = records::open_counting(path, options.format, start, &done)?;
        let size = std::fs::metadata(path).map(|file| file.len()).ok();
        let mut bar = Progress::new(&format!("judging {}", path.display()), size);
        let (mut batch, mut lines) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut left = options.limit.unwrap_or(usize::MAX);
        let ended = loop {
            let event = if left == 0 { None } else { events.next() };
            let whole = event.is_none();
            match event {
                Some(Ok(event)) => {
                    batch.push(event);
                    lines.push(events.line());
                    left -= 1;
                }
                Some(Err(SourceError::Line { line, problem, .. })) => self.findings.unreadable(path, line, &problem),
                Some(Err(SourceError::Capture { source, .. })) => {
                    self.findings.unreadable(path, events.line(), &source.to_string());
                }
                Some(Err(fault)) => break Err(fault),
                None => {}
            }
            if batch.len() == BATCH || whole {
                self.batch(path, &batch, &lines)?;
                batch.clear();
                lines.clear();
                bar.set(done.load(Ordering::Relaxed), &self.findings.note());
            }
            if whole {
                break Ok(());
            }
        };
        self.batch(path, &batch, &lines)?;
        bar.finish();
        events.told().into_iter().for_each(|report| eprintln!("{}: {report}", path.display()));
        self.findings.files += 1;
        ended.map_err(Into::into)
    }

    fn batch(&mut self, path: &Path, events: &[String], lines: &[u64]) -> anyhow::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let judged = self.offline.judge(events);
        let documents = judged.documents;
        for ((document, line), pair) in documents.documents.into_iter().zip(lines).zip(judged.pairs) {
            let bytes = match document {
                Ok(range) => &documents.bytes[range],
                Err(problem) => {
                    self.findings.unreadable(path, *line, &problem);
                    continue;
                }
            };
            match pair.map(|pair| (pair, self.waiting.remove(&pair))) {
                Some((pair, None)) => self.wait(pair, bytes)?,
                Some((_, Some(side))) => {
                    // what it told is told again with the other side
                    self.findings.event(&side);
                    self.tell(bytes)?;
                }
                None => self.tell(bytes)?,
            }
        }
        Ok(())
    }

    /// Keeps the document of one side until the other side comes, or too many wait.
    fn wait(&mut self, pair: u64, document: &[u8]) -> anyhow::Result<()> {
        self.waiting.insert(pair, document.to_owned());
        match self.waiting.len() > MOST_WAITING {
            true => self.waiting.pop_first().map_or(Ok(()), |(_, oldest)| self.tell(&oldest)),
            false => Ok(()),
        }
    }

    /// Tells of what nobody answered, in the order in which it came.
    fn tell_of_single_sides(&mut self) -> anyhow::Result<()> {
        std::mem::take(&mut self.waiting).into_values().try_for_each(|document| self.tell(&document))
    }

    fn tell(&mut self, document: &[u8]) -> anyhow::Result<()> {
        let judged = self.findings.document(document);
        if let Some(out) = self.documents.as_mut().filter(|_| judged) {
            out.write_all(document)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}
