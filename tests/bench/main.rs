//! Throughput, latency and memory of the whole way, beside the floors of the same run.
//!
//! Figures of one machine at one time say little; the ratios carry over. `make bench` prints both.
//! Options: `--seconds N` for each measurement (default 8), `--kdd FILE` to use KDD records instead of connections,
//! `--engine URL` a real Elasticsearch to measure against as well, `--only features`
//! for the cost of features alone, `--only classifier` for that of verdicts and explanations (by `--model FOLDER` those of another
//! model), `--only live` for that of a live connection from its event to its verdict, `--only detectors` for that of detectors of
//! anomalies, `--only series` for that of a thousand to a million series of metrics, `--only patterns` for that of beacons, tunnels and
//! their like, `--only throughput` for the whole way alone, `--only search` for what the page asks of the embedded index, over `--events N`
//! (default 200,000) in the folder `--index DIR`, which stays and is taken again, or in one that goes. `--plot FILE` draws what series cost
//! as SVG.

mod classify;
mod detectors;
mod features;
mod floor;
mod load;
mod patterns;
mod plot;
mod process;
mod saturated;
mod search;
mod series;
mod single;
#[path = "../it/harness/swallow.rs"]
mod sink;
mod slow;
mod stores;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use load::{Outcome, Template};
use process::Oversight;
use saturated::Way;
use sink::Swallow as Sink;

const BATCH: usize = 125;
const CONNECTIONS: u32 = 8;

const USAGE: &str = "there are --seconds N, --kdd FILE, --engine URL, --model FOLDER, --events N, --index DIR, --plot FILE, --only features|classifier|live|detectors|series|patterns|throughput|search";

struct Options {
    length: Duration,
    kdd: Option<String>,
    engine: Option<String>,
    model: Option<PathBuf>,
    events: u64,
    index: Option<PathBuf>,
    plot: Option<PathBuf>,
    only: Option<String>,
}

fn main() {
    let options = options();
    let wanted = |part: &str| options.only.as_ref().is_none_or(|only| only == part);
    if wanted("features") {
        features::print(options.length / 2);
    }
    if wanted("classifier") {
        classify::measure(options.model.as_deref(), options.length / 8);
    }
    if wanted("classifier") || wanted("live") {
        classify::live(options.length / 8);
    }
    if wanted("detectors") {
        detectors::print();
    }
    if wanted("series") {
        series::print(options.plot.as_deref());
    }
    if wanted("patterns") {
        patterns::print();
    }
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    if wanted("search") {
        runtime.block_on(search::print(options.events, options.index.as_deref()));
    }
    if wanted("throughput") {
        runtime.block_on(measure(options));
    }
}

fn options() -> Options {
    let mut options = Options {
        length: Duration::from_secs(8),
        kdd: None,
        engine: None,
        model: None,
        events: 200_000,
        index: None,
        plot: None,
        only: None,
    };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--help" {
            println!("{USAGE}");
            std::process::exit(0);
        }
        let value = words.next();
        match (word.as_str(), value) {
            ("--seconds", Some(text)) => options.length = Duration::from_secs(text.parse().expect("whole seconds")),
            ("--kdd", Some(file)) => options.kdd = Some(file),
            ("--engine", Some(url)) => options.engine = Some(url),
            ("--model", Some(folder)) => options.model = Some(folder.into()),
            ("--events", Some(text)) => options.events = text.parse().expect("a number of events"),
            ("--index", Some(folder)) => options.index = Some(folder.into()),
            ("--plot", Some(file)) => options.plot = Some(file.into()),
            ("--only", Some(part))
                if ["features", "classifier", "live", "detectors", "series", "patterns", "throughput", "search"]
                    .contains(&part.as_str()) =>
            {
                options.only = Some(part)
            }
            (other, _) => panic!("unknown option {other}, or one without its value; {USAGE}"),
        }
    }
    options
}

async fn measure(options: Options) {
    let events = sample_events(&options);
    let template = Template::new(&events);
    println!(
        "{BATCH} events of {} B a request, {CONNECTIONS} connections, answers after fdatasync",
        template.event_bytes()
    );

    let sink = sink::start(0).await;
    let stored_rate = by_turns(&template, &sink, options.length).await;
    let half = at_half(&template, &sink, stored_rate / 2.0, options.length).await;
    println!(
        "answers at half load ({:.0} events/s)   p50 {:.1} ms  p99 {:.1} ms",
        stored_rate / 2.0,
        millis(half.quantile(0.5)),
        millis(half.quantile(0.99))
    );
    let slow = slow_clients(&template, &sink, stored_rate / 4.0, options.length).await;
    let (quiet, beside) = (millis(slow.quiet), millis(slow.beside));
    println!(
        "a quarter of the load, p99 {quiet:.1} ms; beside {} slow clients {beside:.1} ms; ratio {:.2} (medians of {}); not 200: {}",
        slow::CLIENTS,
        beside / quiet,
        slow::TURNS,
        slow.refused
    );
    stores::print(sink.port).await;
    let single = single_rate(&options, &events[0]).await;
    if let Some((rate, stored)) = single {
        println!("one document at a time, same engine         {rate:>10.0} events/s");
        println!("oversight into the same engine              {stored:>10.0} events/s");
        println!("oversight / one at a time                   {:>10.1}", stored / rate);
    } else {
        println!("no --engine URL: the loop that writes one document at a time was not measured");
    }
}

fn sample_events(options: &Options) -> Vec<String> {
    if let Some(file) = &options.kdd {
        return oversight::normalise::records::sample(std::path::Path::new(file), 50_000, BATCH)
            .expect("a KDD file that can be read");
    }
    let traffic = oversight::simulate::Traffic::new(oversight::simulate::Settings::default());
    traffic.step_by(97).take(BATCH).map(|event| event.json).collect()
}

/// With enrichment, without it, and the floor, in turns; prints them, and gives the events stored in a second with enrichment.
async fn by_turns(template: &Template, sink: &Sink, length: Duration) -> f64 {
    let turns = u32::try_from(saturated::TURNS).expect("a few");
    let data = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let mut on = Way::start(data[0].path(), template, sink, true, length).await;
    let mut off = Way::start(data[1].path(), template, sink, false, length).await;
    let (mut floors, mut costs, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..turns {
        let with = on.turn(template, length / turns).await;
        let floor = floor::parse(template.body(), template.events(), length / 2 / turns);
        costs.push(off.turn(template, length / turns).await / with);
        floors.push(floor);
        shares.push(with / floor);
    }
    println!("floor: serde_json to Value                  {:>10.0} events/CPU-s", saturated::median(floors));
    on.print("enrichment on");
    off.print("enrichment off");
    for (name, mut values) in [("cost on / off (CPU)", costs), ("events per CPU-second on / floor", shares)] {
        values.sort_by(f64::total_cmp);
        let [low, middle, high] = [1, 2, 3].map(|quarter| values[values.len() * quarter / 4]);
        println!("{name:<43} {middle:>10.2} (median of {turns} turns; half of them {low:.2} to {high:.2})");
    }
    on.stored_rate()
}

fn start(data: &std::path::Path, url: &str, enrich: bool) -> Oversight {
    Oversight::start(
        data,
        &[
            ("OVERSIGHT_STORE_ELASTICSEARCH_URL", url.to_owned()),
            ("OVERSIGHT_ENRICH_ENABLED", enrich.to_string()),
            ("OVERSIGHT_LOG_LEVEL", "warn".to_owned()),
        ],
    )
}

async fn at_half(template: &Template, sink: &Sink, rate: f64, length: Duration) -> Outcome {
    let data = tempfile::tempdir().expect("a temporary folder");
    let oversight = start(data.path(), &format!("http://127.0.0.1:{}", sink.port), true);
    load::send(oversight.port, template, 2, length / 4, None).await;
    drain(&oversight).await;
    load::send(oversight.port, template, CONNECTIONS, length, Some(rate)).await
}

async fn slow_clients(template: &Template, sink: &Sink, rate: f64, length: Duration) -> slow::Beside {
    let data = tempfile::tempdir().expect("a temporary folder");
    slow::measure(data.path(), &format!("http://127.0.0.1:{}", sink.port), template, rate, length).await
}

/// Waits until nothing waits in oversight any more.
async fn drain(oversight: &Oversight) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client without special settings");
    let url = format!("http://127.0.0.1:{}/metrics", oversight.port);
    loop {
        let text = client.get(&url).send().await.expect("it runs").text().await.expect("text");
        let waiting = text.lines().find_map(|line| line.strip_prefix("oversight_events_waiting "));
        if waiting.expect("in the catalogue").trim() == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn single_rate(options: &Options, event: &str) -> Option<(f64, f64)> {
    let url = options.engine.as_ref()?;
    let rate = single::index_and_read(url, event, options.length).await;
    let template = Template::new(&sample_events(options));
    let data = tempfile::tempdir().expect("a temporary folder");
    let oversight = start(data.path(), url, true);
    let started = Instant::now();
    let sent = load::send(oversight.port, &template, CONNECTIONS, options.length, None).await;
    drain(&oversight).await;
    Some((rate, sent.answered as f64 / started.elapsed().as_secs_f64()))
}

fn millis(length: Duration) -> f64 {
    length.as_secs_f64() * 1000.0
}
