//! `oversight spool redrive`: dead letters sent again, by a running oversight or, where none runs, by this command.

use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::access::audit::{Act, Audit};
use crate::app::configuration;
use crate::clock::Clock;
use crate::config::Config;
use crate::ingest::{Redriven, Redriver};
use crate::spool::{self, OpenError, Opened, RealFiles};

use super::letters::FilterOptions;
use super::{Output, OutputOption, runtime};

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
    /// Where the running oversight listens; without it, where the configuration says
    #[arg(long)]
    url: Option<String>,
    /// A header to send along to it, such as 'authorization: ApiKey …'
    #[arg(long, env = "OVERSIGHT_REDRIVE_HEADER", hide_env_values = true, value_name = "NAME: VALUE")]
    header: Option<String>,
    #[command(flatten)]
    output: OutputOption,
}

/// Sends them again and prints what became of them.
pub fn redrive(configuration: &Config, options: &RedriveOptions) -> anyhow::Result<()> {
    let done = match &options.url {
        Some(url) => runtime()?.block_on(ask(url, options))?,
        None => match open(configuration) {
            Ok(opened) => here(configuration, options, &opened)?,
            Err(OpenError::Locked { .. }) => {
                runtime()?.block_on(ask(&format!("http://{}", configuration.listen), options))?
            }
            Err(fault) => return Err(fault.into()),
        },
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
        write_down(configuration)?;
    }
    let done = runtime()?.block_on(redriver.redrive(options.filter.filter(), options.dry_run))?;
    opened.spool.close()?;
    Ok(done)
}

/// Before anything is done, as for requests.
fn write_down(configuration: &Config) -> anyhow::Result<()> {
    let folder = &configuration.data_dir;
    let opened = Audit::open(folder, Clock::system());
    let (audit, writing) = opened.with_context(|| format!("{}/audit.log cannot be written", folder.display()))?;
    let user = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).ok();
    audit.tell(Act::ByHand { user, command: "spool redrive" });
    writing.finish();
    Ok(())
}

/// Asks the oversight that listens at `base`.
async fn ask(base: &str, options: &RedriveOptions) -> anyhow::Result<Redriven> {
    let url = format!("{}/v1/dead-letters/redrive", base.trim_end_matches('/'));
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client.post(&url).json(&options.filter.order(options.dry_run));
    if let Some((name, value)) = options.header.as_deref().and_then(|header| header.split_once(':')) {
        request = request.header(name.trim(), value.trim());
    }
    let answer = request
        .send()
        .await
        .with_context(|| format!("nobody answers at {base}; where oversight listens elsewhere, give --url"))?;
    let status = answer.status();
    let body: Value = answer.json().await.with_context(|| format!("{url} answered {status}"))?;
    if !status.is_success() {
        bail!("{url} answered {status}: {}", body["error"]["reason"].as_str().unwrap_or("without a reason"));
    }
    Ok(Redriven::deserialize(&body)?)
}
