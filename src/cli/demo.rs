//! `oversight demo`: the first thing a newcomer sees.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use crate::app;
use crate::app::demo::{Found, Questions};
use crate::clock::Clock;
use crate::config::{Config, Security};
use crate::simulate::sender;
use crate::simulate::{Settings as TrafficSettings, Traffic};

use super::progress::Progress;
use super::{Output, OutputOption, runtime};

/// How long storing may take after the last event is sent.
const PATIENCE: Duration = Duration::from_secs(120);

/// The demonstration.
#[derive(Debug, Args)]
pub struct Options {
    /// End after showing what was found, instead of staying up for looking around
    #[arg(long)]
    once: bool,
    /// The same seed gives the same traffic
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputOption,
}

/// Starts oversight with a store that is thrown away afterwards, sends traffic, shows what was found.
pub fn demo(mut configuration: Config, options: &Options) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("oversight-demo-{}", std::process::id()));
    configuration.data_dir.clone_from(&folder);
    // it talks to itself, so nobody has to authenticate, and nobody else can reach it
    configuration.listen.set_ip(Ipv4Addr::LOCALHOST.into());
    configuration.security = Security::default();
    configuration.tls = None;
    if options.once {
        configuration.listen.set_port(0);
    }
    let shown = runtime()?.block_on(show(&configuration, options));
    let cleared = insist(|| std::fs::remove_dir_all(&folder));
    shown?;
    cleared.with_context(|| format!("{} could not be removed", folder.display()))
}

/// Tries again where a folder was still written to: a merge of the index that was under way at the end may put a last file into it.
fn insist(mut remove: impl FnMut() -> std::io::Result<()>) -> std::io::Result<()> {
    let mut tries = 50;
    loop {
        match remove() {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && tries > 0 => {
                tries -= 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            other => return other,
        }
    }
}

async fn show(configuration: &Config, options: &Options) -> anyhow::Result<()> {
    let clock = Clock::system();
    let running = app::start(configuration, clock.clone()).await?;
    let url = format!("http://{}", running.address());
    let people = options.output.output == Output::Text;
    if people {
        println!(
            "oversight {} listens on {url}; its data lie in {} until it ends",
            env!("CARGO_PKG_VERSION"),
            configuration.data_dir.display()
        );
    }

    let traffic = TrafficSettings { seed: options.seed, ..TrafficSettings::ending(clock.now().as_event_time()) };
    let events: Vec<String> = Traffic::new(traffic).map(|event| event.json).collect();
    let started = Instant::now();
    let mut bar = Progress::new("sending a day of traffic", Some(events.len() as u64));
    // one after the other: what a verdict sees of the connections before depends on their order
    let settings = sender::Settings { url: format!("{url}/"), connections: 1, ..sender::Settings::default() };
    let report = sender::send(settings, events.into_iter().map(Ok), &mut |progress| bar.set(progress.sent, "")).await?;
    let questions = Questions::new(url.clone())?;
    questions.stored(PATIENCE).await?;
    bar.finish();
    let seconds = started.elapsed().as_secs_f64();

    let classes = questions.classes().await?;
    let found = Found {
        sent: report.sent,
        accepted: report.accepted,
        stored: questions.count("events").await?,
        labels: classes.iter().map(|class| (class.label.clone(), class.count)).collect(),
        anomalies: questions.count("anomalies").await?,
        seconds,
    };
    if people {
        println!(
            "{} events sent, {} accepted, {} stored in {seconds:.1} s\n",
            found.sent, found.accepted, found.stored
        );
        println!("{:<19} {:>8} {:>12}  example", "class", "events", "probability");
        for class in &classes {
            println!("{:<19} {:>8} {:>12.3}  {}", class.label, class.count, class.probability, class.example);
        }
        println!("\n{} anomalies; the strongest of each metric and pattern:", found.anomalies);
        for (score, reason) in questions.anomalies().await? {
            println!("{score:>6.1}  {reason}");
        }
    } else {
        println!("{}", serde_json::to_string(&found).context("figures are plain JSON")?);
    }
    if !options.once {
        println!(
            "\nlook around, Ctrl-C ends:\n  {url}/ui/ in a browser\n  curl '{url}/v1/search?q=oversight.classification.category:scan&size=1'\n  curl '{url}/v1/search?kind=anomalies&size=3'\n  curl {url}/metrics"
        );
        tokio::signal::ctrl_c().await?;
    }
    running.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_still_written_to_is_tried_again_and_any_other_fault_told_at_once() {
        let told = |faults: &[ErrorKind]| {
            let (mut faults, mut asked) = (faults.iter(), 0);
            let result = insist(|| {
                asked += 1;
                faults.next().map_or(Ok(()), |kind| Err((*kind).into()))
            });
            (result.map_err(|error| error.kind()), asked)
        };
        let (busy, denied) = (ErrorKind::DirectoryNotEmpty, ErrorKind::PermissionDenied);
        assert_eq!(told(&[]), (Ok(()), 1));
        assert_eq!(told(&[busy, busy]), (Ok(()), 3));
        assert_eq!(told(&[busy, denied]), (Err(denied), 2));
    }
}
