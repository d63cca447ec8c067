//! What it costs; run by hand: `cargo test --release --lib embedded::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use super::*;

/// User and system time of this process in seconds, its anonymous memory now and its resident memory at most in MB.
fn usage() -> (f64, u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    ((ticks(11) + ticks(12)) / 100.0, line("RssAnon:"), line("VmHWM:"))
}

/// An annotated connection of about 900 bytes and 36 fields.
fn event(n: u64) -> String {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n >> 7);
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let label = ["normal", "neptune", "smurf", "ipsweep"][next(4) as usize];
    let service = ["http", "smtp", "domain_u", "private", "ftp_data"][next(5) as usize];
    json!({
        "@timestamp": format!("2026-11-22T{:02}:{:02}:{:02}.{:03}Z", n / 3600 % 24, n / 60 % 60, n % 60, next(1000)),
        "event": {"kind": "event", "category": ["network"], "dataset": "zeek.conn", "risk_score": next(100) as f64 / 1.5},
        "source": {"ip": format!("10.{}.{}.{}", next(4), next(256), next(256)), "port": 1024 + next(60_000), "bytes": next(1 << 20)},
        "destination": {"ip": format!("192.168.{}.{}", next(8), next(256)), "port": next(1024), "bytes": next(1 << 16)},
        "network": {"transport": "tcp", "protocol": service, "bytes": next(1 << 20), "packets": next(1000)},
        "zeek": {"session_id": format!("C{:016x}", next(u64::MAX)), "connection": {"state": "SF", "history": "ShADadFf",
            "duration": next(1_000_000) as f64 / 1e4, "missed_bytes": 0}},
        "host": {"name": format!("sensor-{}", next(20))}, "user": {"name": format!("user{}", next(500))},
        "message": format!("connection {} from host {} closed with {} bytes", n, next(500), next(10_000)),
        "oversight": {"classification": {"label": label, "category": "dos", "probability": next(10_000) as f64 / 1e4,
            "novelty": next(10_000) as f64 / 1e4, "model": {"name": "kdd99", "version": "1"},
            "top": [{"label": label, "probability": 0.97}, {"label": "normal", "probability": 0.02}]},
            "ingest": {"id": n, "received": "2026-11-22T12:00:00.000Z"}},
        "threat": {"framework": "MITRE ATT&CK", "tactic": {"id": "TA0040", "name": "Impact"}},
    })
    .to_string()
}

#[test]
#[ignore = "measures; run by hand"]
fn documents_a_second() {
    let count: u64 = std::env::var("DOCUMENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir_in(std::env::var("FOLDER").unwrap_or("/tmp".to_owned())).expect("a folder");
    let mut large = Settings::new(folder.path().to_owned());
    large.memory = std::env::var("MEMORY").ok().and_then(|text| text.parse().ok()).unwrap_or(64_000_000);
    let store = std::sync::Arc::new(EmbeddedStore::new(large, Clock::system()));
    runtime.block_on(store.prepare()).expect("prepared");
    let (mut wall, mut processor, mut bytes) = (0.0, 0.0, 0);
    let part = 20_000;
    let mut writes = Vec::new();
    for first in (0..count).step_by(part as usize) {
        // making the documents is left out of the time
        let texts: Vec<String> = (first..first + part).map(event).collect();
        bytes += texts.iter().map(String::len).sum::<usize>();
        let batches: Vec<Batch> = (first..)
            .step_by(500)
            .zip(texts.chunks(500))
            .map(|(n, part)| batch_of(part, n, day("2026.11.22"), false))
            .collect();
        let (start, before) = (Instant::now(), usage().0);
        for batch in batches {
            let store = std::sync::Arc::clone(&store);
            writes.push(runtime.spawn(async move { store.write(&batch).await }));
            while writes.len() > 100 {
                let done = runtime.block_on(writes.remove(0)).expect("written");
                assert!(done.iter().all(|outcome| *outcome == Outcome::Stored));
            }
        }
        if first + part >= count {
            for write in writes.drain(..) {
                runtime.block_on(write).expect("written");
            }
        }
        wall += start.elapsed().as_secs_f64();
        processor += usage().0 - before;
    }
    let (_, resident, peak) = usage();
    let size: u64 = walk(folder.path());
    println!(
        "{count} documents of {} bytes: {:.0}/s, {:.1} us CPU each, anonymous memory {resident} MB, peak resident with mapped files {peak} MB, disk ratio {:.2}",
        bytes as u64 / count,
        count as f64 / wall,
        processor * 1e6 / count as f64,
        size as f64 / bytes as f64,
    );
    let again: Vec<String> = (0..part).map(event).collect();
    let (start, before) = (Instant::now(), usage().0);
    let outcomes = runtime.block_on(store.write(&batch_of(&again, 0, day("2026.11.22"), true)));
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::AlreadyThere));
    let processor = usage().0 - before;
    println!(
        "{part} repetitions: {:.0}/s, {:.1} us CPU each",
        part as f64 / start.elapsed().as_secs_f64(),
        processor * 1e6 / part as f64
    );
    for body in [
        json!({"size": 50}),
        json!({"size": 0, "query": {"term": {"oversight.classification.label": "smurf"}}}),
        json!({"size": 10, "query": {"term": {"source.ip": "10.1.2.0/24"}}}),
        json!({"size": 10, "query": {"query_string": {"query": "user7 AND bytes:>10"}}}),
        json!({"size": 10, "query": {"wildcard": {"host.name": "*-1*"}}}),
        json!({"size": 0, "aggs": {"a": {"terms": {"field": "oversight.classification.label"}}}}),
        json!({"size": 0, "aggs": {"a": {"terms": {"field": "source.ip"}}}}),
        json!({"size": 0, "aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"},
            "aggs": {"b": {"terms": {"field": "oversight.classification.label"}}}}}}),
        json!({"size": 0, "aggs": {"a": {"percentiles": {"field": "zeek.connection.duration"}}}}),
        json!({"size": 0, "aggs": {"a": {"cardinality": {"field": "source.ip"}}}}),
    ] {
        let mut best = f64::INFINITY;
        let mut total = 0;
        for _ in 0..3 {
            let start = Instant::now();
            let answer = runtime.block_on(ask(&store, body.clone())).expect("answered");
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
            total = answer["hits"]["total"]["value"].as_u64().expect("a number");
        }
        println!("{best:8.2} ms {total:8} {body}");
    }
    assert_eq!(runtime.block_on(total(&store, json!({"match_all": {}}))), count);
}

fn walk(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.metadata().map_or(0, |m| if m.is_dir() { walk(&entry.path()) } else { m.len() })).sum()
}
