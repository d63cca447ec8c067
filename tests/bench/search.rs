//! What the page asks of the embedded index, over as many events as are wanted: a page of hits, the histogram, the facets.
//!
//! The events are a made-up day as oversight annotates it, spread over [`DAYS`] days, each connection with a `uid` of its own. They are
//! written into the index as `serve` does; then oversight serves them, and is asked over HTTP, with the bodies of
//! `web/src/api/timeline.ts` and `web/src/pages/events`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oversight::clock::Clock;
use oversight::event::id::SpoolId;
use oversight::event::{Day, EventId, EventTime, SeqNo};
use oversight::simulate::{Settings as Scene, Traffic};
use oversight::store::embedded::{EmbeddedStore, Settings};
use oversight::store::{Batch, Document, Kind, Outcome, Store};
use serde_json::{Value, json};

use super::process::Oversight;
use super::stores::size;

/// Days that the events lie in; the last of them is that of the made-up traffic.
const DAYS: u64 = 30;
/// The day of the made-up traffic, and the first moment after it.
const MADE_UP: (&str, &str) = ("2026-11-21T", "2026-11-22T00:00:00Z");
/// Documents of one write.
const BATCH: u64 = 500;
/// Writes that are under way at once, for each of the days that are filled side by side.
const UNDER_WAY: usize = 8;
/// Days that are filled side by side.
const LANES: u64 = 2;
/// How often everything is asked.
const ROUNDS: usize = 8;

/// Fills an index with so many events and prints how long answers take. With a folder the index lies there and stays, and is
/// taken as it is when there is one.
pub async fn print(events: u64, kept: Option<&Path>) {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let data = kept.unwrap_or(temporary.path());
    if !data.join("index").exists() {
        fill(data, events).await;
    }
    let settings = [
        ("OVERSIGHT_LOG_LEVEL", "warn"),
        // none of it is to be dropped for its age or size
        ("OVERSIGHT_STORE_EMBEDDED_RETENTION_DAYS", "36500"),
        ("OVERSIGHT_STORE_EMBEDDED_MAX_SIZE", "1TB"),
    ];
    let oversight = Oversight::start(data, &settings.map(|(key, value)| (key, value.to_owned())));
    let page = Page { client: reqwest::Client::builder().no_proxy().build().expect("a client"), port: oversight.port };
    let stored =
        page.ask("kind=events", &json!({ "size": 0, "track_total_hits": true })).await.1["hits"]["total"]["value"]
            .clone();
    println!(
        "what the page asks of {stored} events over {DAYS} days, {} MB on disk; each asked {ROUNDS} times",
        size(data) >> 20
    );
    let mut all = [const { Vec::new() }; 4];
    for (name, wanted) in asked() {
        let mut took = [const { Vec::new() }; 4];
        let mut found = Value::Null;
        for _ in 0..ROUNDS {
            for (took, (path, body)) in took.iter_mut().zip(questions(&wanted)) {
                let (time, answer) = page.ask(path, &body).await;
                took.push(time);
                found = answer["hits"]["total"]["value"].clone();
            }
        }
        println!("  {name}: {found} events");
        for ((kind, took), all) in KINDS.iter().zip(took).zip(&mut all) {
            show(kind, took.clone());
            all.extend(took);
        }
    }
    println!("  all of them");
    for (kind, took) in KINDS.iter().zip(all) {
        show(kind, took);
    }
    println!("  peak resident {} MiB", oversight.peak_resident() >> 20);
}

const KINDS: [&str; 4] = ["a page of hits", "histogram", "facets", "histogram and facets at once"];

fn show(kind: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!("    {kind:<30} p50 {:>7.0} ms  p95 {:>7.0} ms", at(0.5), at(0.95));
}

/// Queries as people make them, from the widest to narrow ones.
fn asked() -> Vec<(&'static str, Value)> {
    let during = |from: &str| json!({ "range": { "@timestamp": { "gte": from } } });
    let text = |q: &str| json!({ "query_string": { "query": q } });
    let of = |filter: &[Value]| json!({ "bool": { "filter": filter } });
    vec![
        ("everything", of(&[])),
        ("the last seven days", of(&[during("2026-11-15T00:00:00Z")])),
        ("the last day", of(&[during("2026-11-21T00:00:00Z")])),
        ("a class of attacks", of(&[text("oversight.classification.category:scan")])),
        ("an address", of(&[json!({ "term": { "source.ip": "10.20.1.45" } })])),
        ("all that is not normal", of(&[text("NOT oversight.classification.verdict:normal")])),
        ("a word, within a week", of(&[text("telnet"), during("2026-11-15T00:00:00Z")])),
    ]
}

/// What the page asks for a query.
fn questions(query: &Value) -> [(&'static str, Value); 4] {
    let verdicts = json!({ "verdicts": { "terms": { "field": "oversight.classification.verdict", "size": 10 } } });
    let bars = json!({ "date_histogram": { "field": "@timestamp", "fixed_interval": "21600s", "min_doc_count": 0 }, "aggs": verdicts });
    let facets: serde_json::Map<String, Value> = FACETS
        .iter()
        .enumerate()
        .map(|(place, field)| (format!("facet_{place}"), json!({ "terms": { "field": field, "size": 6 } })))
        .collect();
    let mut both = facets.clone();
    both.insert("time".to_owned(), bars.clone());
    let count = |aggs: Value| json!({ "size": 0, "track_total_hits": true, "query": query, "aggs": aggs });
    [
        ("kind=events&cursor=", json!({ "query": query, "size": 200 })),
        ("kind=events", count(json!({ "time": bars }))),
        ("kind=events", count(facets.into())),
        ("kind=events", count(both.into())),
    ]
}

/// The fields of the page's facets, in all dialects.
const FACETS: &[&str] = &[
    "oversight.classification.verdict",
    "oversight.classification.label",
    "oversight.classification.category",
    "source.ip",
    "id.orig_h",
    "src_ip",
    "SrcAddr",
    "srcaddr",
    "netflow.ipv4_src_addr",
    "destination.ip",
    "id.resp_h",
    "dest_ip",
    "DstAddr",
    "dstaddr",
    "netflow.ipv4_dst_addr",
    "destination.port",
    "id.resp_p",
    "dest_port",
    "Dport",
    "dstport",
    "network.protocol",
    "service",
    "app_proto",
    "oversight.features.dialect",
    "oversight.classification.model.name",
];

/// Asks as the page does.
struct Page {
    client: reqwest::Client,
    port: u16,
}

impl Page {
    async fn ask(&self, parameters: &str, body: &Value) -> (Duration, Value) {
        let url = format!("http://127.0.0.1:{}/v1/search?{parameters}", self.port);
        let started = Instant::now();
        let answer = self.client.post(url).body(body.to_string()).send().await.expect("it answers");
        let (status, bytes) = (answer.status(), answer.bytes().await.expect("a whole answer"));
        let took = started.elapsed();
        assert!(status.is_success(), "{}", String::from_utf8_lossy(&bytes));
        (took, serde_json::from_slice(&bytes).expect("JSON"))
    }
}

/// A document that is written again and again, with another day and another `uid`.
struct Template {
    bytes: Vec<u8>,
    dates: Vec<usize>,
    /// Where its time of day stands.
    time: usize,
    uid: usize,
}

/// As many characters of a time as stand behind its date: `00:00:00.000`.
const TIME_OF_DAY: usize = 12;
/// Digits that take the place of a `uid` behind its first letter.
const DIGITS: usize = 17;

impl Template {
    fn new(document: &str) -> Option<Self> {
        let dates: Vec<usize> = document.match_indices(MADE_UP.0).map(|(at, _)| at).collect();
        let time = document.find(r#""@timestamp":""#)? + r#""@timestamp":""#.len();
        let uid = document.find(r#""uid":"C"#)? + r#""uid":"C"#.len();
        dates.contains(&time).then(|| Self { bytes: document.into(), dates, time: time + MADE_UP.0.len(), uid })
    }

    fn time_of_day(&self) -> &[u8] {
        &self.bytes[self.time..self.time + TIME_OF_DAY]
    }

    fn write(&self, date: &[u8], time_of_day: &[u8], number: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let mut put = |at: usize, text: &[u8]| out[start + at..start + at + text.len()].copy_from_slice(text);
        self.dates.iter().for_each(|at| put(*at, date));
        put(self.time, time_of_day);
        put(self.uid, format!("{number:0DIGITS$}").as_bytes());
    }
}

async fn fill(data: &Path, events: u64) {
    let templates: Arc<[Template]> = annotated().await.into();
    let settings = Settings { memory: 256_000_000, ..Settings::new(data.join("index")) };
    let store = Arc::new(EmbeddedStore::new(settings, Clock::system()));
    store.prepare().await.expect("the folder is there");
    let started = Instant::now();
    let of_day = events / DAYS;
    let lane = |lane: u64| {
        let (store, templates) = (Arc::clone(&store), Arc::clone(&templates));
        tokio::spawn(async move {
            for day in (lane..DAYS).step_by(LANES as usize) {
                fill_day(&store, &templates, day, of_day).await;
            }
        })
    };
    for lane in (0..LANES).map(lane).collect::<Vec<_>>() {
        lane.await.expect("it does not panic");
    }
    // what is merged in the background is waited for
    drop(store);
    let written = of_day * DAYS;
    println!("{written} events written at {:.0} a second", written as f64 / started.elapsed().as_secs_f64());
}

/// The events of a day in the order of their times; what they say is that of events around them.
async fn fill_day(store: &Arc<EmbeddedStore>, templates: &[Template], day: u64, events: u64) {
    let behind = EventTime::parse_rfc3339(MADE_UP.1).expect("a time").day().days();
    let day_of_index = Day::from_days(behind - 1 - i32::try_from(day).expect("a few days"));
    let date = format!("{}T", day_of_index.to_string().replace('.', "-"));
    let mut writing = tokio::task::JoinSet::new();
    for first in (0..events).step_by(BATCH as usize) {
        let mut batch = (Vec::new(), Vec::new());
        for at in first..(first + BATCH).min(events) {
            let place = (at as u128 * templates.len() as u128 / u128::from(events)) as usize;
            let says = &templates[(place + (at as usize * 997) % 4096) % templates.len()];
            let number = day * events + at;
            let start = batch.0.len();
            says.write(date.as_bytes(), templates[place].time_of_day(), number, &mut batch.0);
            let id = EventId::Place(SpoolId(1), SeqNo(number));
            let (source, sequence) = (start..batch.0.len(), Some(SeqNo(number)));
            batch.1.push(Document { kind: Kind::Event, day: day_of_index, id, source, sequence, replayed: false });
        }
        let batch = Batch { documents: batch.1, bytes: batch.0.into() };
        if writing.len() >= UNDER_WAY {
            stored(writing.join_next().await);
        }
        let store = Arc::clone(store);
        writing.spawn(async move { store.write(&batch).await });
    }
    while let Some(outcome) = writing.join_next().await {
        stored(Some(outcome));
    }
}

fn stored(outcomes: Option<Result<Vec<Outcome>, tokio::task::JoinError>>) {
    let outcomes = outcomes.expect("one is under way").expect("it does not panic");
    let fault = outcomes.iter().find(|outcome| **outcome != Outcome::Stored);
    assert!(fault.is_none(), "{fault:?}");
}

/// A made-up day, as oversight annotates it.
async fn annotated() -> Vec<Template> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let oversight = Oversight::start(folder.path(), &[("OVERSIGHT_LOG_LEVEL", "warn".to_owned())]);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://127.0.0.1:{}/v1/enrich", oversight.port);
    let end = EventTime::parse_rfc3339(MADE_UP.1).expect("a time");
    let events: Vec<String> = Traffic::new(Scene::ending(end)).map(|event| event.json).collect();
    let mut templates = Vec::new();
    for part in events.chunks(1000) {
        let sent = client.post(&url).header("content-type", "application/x-ndjson").body(part.join("\n")).send();
        let answer = sent.await.and_then(reqwest::Response::error_for_status).expect("it annotates");
        let text = answer.text().await.expect("text");
        templates.extend(text.lines().filter_map(Template::new));
    }
    assert!(templates.len() * 10 > events.len() * 9, "{} of {}", templates.len(), events.len());
    templates
}
