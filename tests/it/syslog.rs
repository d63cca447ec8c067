//! Real syslog senders are understood, and of what reached oversight nothing is lost.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::found::client;
use crate::clients::process::{Shipper, free_port};
use crate::harness::oversight::Oversight;
use crate::harness::skip;

/// Ports that were free a moment ago: syslog says its own only in the log.
fn start(folder: &std::path::Path) -> (Oversight, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    let settings = [("SYSLOG_LISTEN_TCP", address.as_str()), ("SYSLOG_LISTEN_UDP", address.as_str())];
    (Oversight::start(folder, &settings), port)
}

async fn messages(oversight: &Oversight) -> Vec<Value> {
    let body = json!({"size": 100, "query": {"match_all": {}}});
    let (status, found) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!(status, 200, "{found}");
    found["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_source"].clone()).collect()
}

async fn wait_for(oversight: &Oversight, received: f64) {
    for _ in 0..1200 {
        if oversight.metric("oversight_events_accepted_total").await >= received {
            oversight.drained().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("only {} messages came", oversight.metric("oversight_events_accepted_total").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logger_is_understood_in_every_way_it_sends() {
    if !Command::new("logger").arg("--version").output().is_ok_and(|done| done.status.success()) {
        skip("there is no logger (util-linux)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut oversight, port) = start(folder.path());
    let ways: [&[&str]; 6] = [
        &["--tcp", "--rfc5424"],
        &["--tcp", "--rfc5424", "--octet-count"],
        &["--tcp", "--rfc3164"],
        &["--tcp", "--rfc3164", "--octet-count"],
        &["--udp", "--rfc5424"],
        &["--udp", "--rfc3164"],
    ];
    for (number, way) in ways.iter().enumerate() {
        let mut logger = Command::new("logger");
        logger.args([
            "--server",
            "127.0.0.1",
            "--port",
            &port,
            "--priority",
            "auth.crit",
            "--tag",
            "door",
            "--id=4711",
        ]);
        let done = logger.args(*way).arg(format!("message {number}: \"quoted\"")).status().unwrap();
        assert!(done.success(), "{way:?}");
    }
    wait_for(&oversight, ways.len() as f64).await;
    let found = messages(&oversight).await;
    let texts: BTreeSet<&str> = found.iter().map(|event| event["message"].as_str().unwrap()).collect();
    let expected: BTreeSet<String> = (0..ways.len()).map(|number| format!("message {number}: \"quoted\"")).collect();
    assert_eq!(texts, expected.iter().map(String::as_str).collect());
    for event in &found {
        assert_eq!(event["log"]["syslog"]["priority"], 34, "{event}");
        assert_eq!(event["log"]["syslog"]["severity"]["name"], "Critical", "{event}");
        assert_eq!(event["process"], json!({"name": "door", "pid": 4711}), "{event}");
        assert!(event["host"]["name"].is_string() && event["@timestamp"].is_string(), "{event}");
        assert_eq!(event.get("tags"), None, "{event}");
    }
    assert!(oversight.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rsyslog_forwards_is_understood_in_every_framing_and_format() {
    let Some(program) = client(&["rsyslog"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut oversight, port) = start(&folder.path().join("data"));
    let own = free_port();
    let actions: String = [
        r#"protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format""#,
        r#"protocol="tcp" TCP_Framing="traditional" template="RSYSLOG_SyslogProtocol23Format""#,
        r#"protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_ForwardFormat""#,
        r#"protocol="tcp" TCP_Framing="traditional" template="RSYSLOG_TraditionalForwardFormat""#,
        r#"protocol="udp" template="RSYSLOG_ForwardFormat""#,
    ]
    .map(|way| format!("action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" {way})\n"))
    .concat();
    let config = format!(
        "module(load=\"imtcp\")\nruleset(name=\"main\") {{\n{actions}}}\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{own}\" ruleset=\"main\")\n"
    );
    let file = folder.path().join("rsyslog.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command.arg("-n").arg("-f").arg(&file).arg("-i").arg(folder.path().join("pid"));
    let mut shipper = Shipper::start(&mut command, folder.path());
    let mut feed = shipper.connect(own, folder.path());
    for number in 0..10 {
        writeln!(feed, "<34>1 2026-11-22T10:00:00.25Z gate door 4711 ID47 - message {number}: \"quoted\"").unwrap();
    }
    wait_for(&oversight, 50.0).await;
    let found = messages(&oversight).await;
    assert_eq!(found.len(), 50);
    for number in 0..10 {
        let text = format!("message {number}: \"quoted\"");
        assert_eq!(found.iter().filter(|event| event["message"] == text.as_str()).count(), 5, "{text}");
    }
    for event in &found {
        assert_eq!(event["log"]["syslog"]["priority"], 34, "{event}");
        assert_eq!(event["process"], json!({"name": "door", "pid": 4711}), "{event}");
        assert_eq!(event["host"]["name"], "gate", "{event}");
        assert_eq!(event.get("tags"), None, "{event}");
    }
    assert!(oversight.stop().success());
}

/// Syslog over TCP has no acknowledgement: what a killed process had in its socket buffers is gone, and the sender
/// cannot know. What is shown: nothing comes twice, and what is missing is one run of messages, those in flight.
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_messages_a_kill_loses_only_those_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let (mut oversight, port) = start(folder.path());
    let sender = std::thread::spawn(move || send_numbered(&port, 10_000));
    wait_for_accepted(&oversight, 1_000.0).await;
    oversight.kill();
    oversight.start_again();
    let written_anew = sender.join().unwrap();
    // the rest after the restart is all there
    wait_for(&oversight, (10_000 - written_anew) as f64).await;
    let body = json!({"size": 0, "track_total_hits": true, "aggs": {"n": {"terms": {"field": "process.pid", "size": 20_000}}}});
    let (status, found) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!(status, 200, "{found}");
    let buckets = found["aggregations"]["n"]["buckets"].as_array().unwrap();
    assert!(buckets.iter().all(|bucket| bucket["doc_count"] == 1), "nothing twice");
    let mut there: Vec<u64> = buckets.iter().map(|bucket| bucket["key"].as_u64().unwrap()).collect();
    there.sort_unstable();
    let gaps: Vec<(u64, u64)> =
        there.windows(2).filter(|pair| pair[1] != pair[0] + 1).map(|pair| (pair[0] + 1, pair[1])).collect();
    let lost: u64 = gaps.iter().map(|(from, to)| to - from).sum();
    eprintln!("lost in flight: {lost} of 10000, in {} run(s)", gaps.len());
    assert!(gaps.len() <= 1, "{gaps:?}");
    assert_eq!((there[0], there[there.len() - 1]), (1, 10_000));
    assert!(oversight.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_over_tcp_are_ten_thousand_events() {
    let folder = tempfile::tempdir().unwrap();
    let (mut oversight, port) = start(folder.path());
    assert_eq!(send_numbered(&port, 10_000), 0, "no connection broke");
    wait_for(&oversight, 10_000.0).await;
    let body = json!({"size": 0, "track_total_hits": true});
    let (_, found) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!(found["hits"]["total"]["value"], 10_000);
    assert!(oversight.stop().success());
}

async fn wait_for_accepted(oversight: &Oversight, count: f64) {
    while oversight.metric("oversight_events_accepted_total").await < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends messages 1 to `count` as a simple sender does: on a broken connection it makes another, and sends again the
/// message that could not be written. Gives the number of the last message that was written before the break.
fn send_numbered(port: &str, count: usize) -> usize {
    let connect = || loop {
        match TcpStream::connect(format!("127.0.0.1:{port}")) {
            Ok(stream) => return stream,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let (mut stream, mut broken) = (connect(), 0);
    let mut number = 1;
    while number <= count {
        let line = format!("<34>1 2026-11-22T10:00:00Z host door {number} - - message {number}\n");
        match stream.write_all(line.as_bytes()) {
            Ok(()) => number += 1,
            Err(_) => {
                broken = number - 1;
                stream = connect();
            }
        }
        if number % 100 == 0 {
            // slow enough that the middle can be met
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    broken
}
