//! Metrics over the past: what would have been told, what another declaration would have told, and a start that has learnt.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::data;

/// Runs oversight in a folder of its own data.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oversight"))
        .args(arguments)
        .env("OVERSIGHT_DATA_DIR", folder.join("data"))
        .current_dir(folder)
        .output()
        .expect("it starts")
}

fn report(folder: &Path, arguments: &[&str]) -> Value {
    let done = run(folder, &[&["anomaly", "backtest", "--output", "json"], arguments].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

const ONE: &str = "anomaly:\n  metrics:\n    - {name: load, bucket_span: 5m, direction: both, gap: unknown}\n";

/// Five days of five minutes: a day's wave with noise, and a spike.
fn wave() -> String {
    let mut text = "timestamp,value\n".to_owned();
    for at in 0..5_u32 * 288 {
        let noise = f64::from(at.wrapping_mul(2_654_435_761) >> 22) / 40.0;
        let wave = 500.0 + 300.0 * (f64::from(at) / 288.0 * std::f64::consts::TAU).sin();
        let value = if at == 1_200 { 9_000.0 } else { wave + noise };
        writeln!(text, "{},{value:.1}", 1_767_571_200 + at * 300).unwrap();
    }
    text
}

#[test]
fn a_file_of_values_is_judged_drawn_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yml"), ONE).unwrap();
    std::fs::write(folder.path().join("load.csv"), wave()).unwrap();
    let common = ["--config", "c.yml", "--metric", "load", "--csv", "load.csv"];
    let html = ["--html", "page.html", "--against-detector", "combined"];
    let report = report(folder.path(), &[&common[..], &html[..]].concat());
    assert_eq!(report["run"]["buckets"], 5 * 288, "{report}");
    let alarms = report["run"]["alarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0]["start"].as_str().unwrap().starts_with("2026-01-09T04:00"), "{alarms:?}");
    assert_eq!((&report["other"]["detector"], &report["comparison"]["both"]), (&"combined".into(), &1.into()));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("polygon") && page.contains("Gained: "), "{}", page.len());
    assert!(!page.contains("<script"));
}

#[test]
fn only_the_time_that_is_asked_for_counts_and_an_unknown_metric_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yml"), ONE).unwrap();
    std::fs::write(folder.path().join("load.csv"), wave()).unwrap();
    let common = ["--config", "c.yml", "--csv", "load.csv"];
    let time = ["--metric", "load", "--from", "2026-01-06T00:00:00Z", "--to", "2026-01-08T00:00:00Z"];
    let report = report(folder.path(), &[&common[..], &time[..]].concat());
    assert_eq!((report["run"]["buckets"].as_u64(), report["run"]["alarms"].as_array().unwrap().len()), (Some(576), 0));
    let done = run(folder.path(), &[&["anomaly", "backtest", "--metric", "lode"], &common[..]].concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains("no metric is called 'lode'; there are load"), "{said}");
}

const TOGETHER: &str = r#"
anomaly:
  zone: CET-1CEST,M3.5.0,M10.5.0/3
  metrics:
    - {name: requests, over: [host.name], function: sum, field: http.requests, direction: both, gap: unknown}
    - {name: bytes_out, title: bytes sent by, over: [host.name], function: sum, field: http.response.bytes, direction: both, gap: unknown}
    - {name: host_together, title: requests and bytes together of, over: [host.name], function: joint, of: [requests, bytes_out], peak: odd_load}
"#;

#[test]
fn metrics_of_a_host_are_looked_at_together_over_the_past() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yml"), TOGETHER).unwrap();
    let mut text = String::new();
    let chance = |at: u32| {
        f64::from(at.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519) >> 8) / 16_777_216.0
    };
    for minute in 0..2_400_u32 {
        // the load wanders widely, and bytes go with it; once half of them are missing
        let load = 300.0 + 1_400.0 * chance(minute);
        let bytes = if minute == 2_000 { 500.0 * 900.0 } else { 900.0 * load * (0.97 + 0.06 * chance(minute + 7_777)) };
        let load = if minute == 2_000 { 1_500.0 } else { load };
        writeln!(
            text,
            r#"{{"@timestamp":"2026-07-{:02}T{:02}:{:02}:00Z","host":{{"name":"web"}},"http":{{"requests":{load:.0},"response":{{"bytes":{bytes:.0}}}}}}}"#,
            1 + minute / 1_440,
            minute / 60 % 24,
            minute % 60,
        )
        .unwrap();
    }
    std::fs::write(folder.path().join("events.ndjson"), text).unwrap();
    let report = report(folder.path(), &["--config", "c.yml", "--metric", "host_together", "events.ndjson"]);
    let alarms = report["run"]["alarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let reason = alarms[0]["reason"].as_str().unwrap();
    // 09:20 UTC, by the clock of the zone
    assert!(reason.contains("between 11:20 and 11:21 CEST") && reason.contains("bytes sent by 450 kB"), "{reason}");
}

/// The password guessing of a real authentication log, as a grok filter for sshd would hand it on.
fn logins(file: &Path) -> String {
    let months = [("Mar", 3), ("Apr", 4)];
    let mut out = String::new();
    for line in data::lines(file) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((_, month)) = words.first().and_then(|word| months.iter().find(|(name, _)| name == word)) else {
            continue;
        };
        let failed = line.contains("Failed password for") || line.contains("Invalid user ");
        let accepted = line.contains("Accepted ");
        let from = words.iter().position(|word| *word == "from").and_then(|place| words.get(place + 1));
        let Some(address) = from.filter(|_| failed || accepted) else { continue };
        let user = words.iter().position(|word| *word == "from").map_or("", |place| words[place - 1]);
        let outcome = if accepted { "success" } else { "failure" };
        writeln!(
            out,
            r#"{{"@timestamp":"2015-{month:02}-{:0>2}T{}Z","event":{{"outcome":"{outcome}"}},"source":{{"ip":"{address}"}},"user":{{"name":{}}}}}"#,
            words[1],
            words[2],
            serde_json::to_string(user).unwrap()
        )
        .unwrap();
    }
    out
}

const GUESSING: &str = r#"
anomaly:
  threshold: 50
  metrics:
    - name: failed_logins
      title: failed logins
      where: [{field: event.outcome, equals: failure}]
      bucket_span: 15m
      gap: zero
      peak: password_guessing
      minimum_deviation: 10
    - name: logins_by_hour
      title: logins at an unusual hour of
      where: [{field: event.outcome, equals: success}]
      over: [user.name]
      function: unusual_time
      bucket_span: 1h
"#;

#[test]
fn the_password_guessing_in_a_real_log_is_found() {
    let Some(file) = data::shared("web-auth-cloud/auth_mar27-apr10.log.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yml"), GUESSING).unwrap();
    std::fs::write(folder.path().join("auth.ndjson"), logins(&file)).unwrap();
    let of =
        |metric: &str| report(folder.path(), &["--config", "c.yml", "--metric", metric, "auth.ndjson"])["run"].clone();
    let (guessing, hours) = (of("failed_logins"), of("logins_by_hour"));
    // 161 invalid users and 507 wrong passwords in a fortnight, most of them in a few quarters of an hour
    let strongest = guessing["alarms"]
        .as_array()
        .unwrap()
        .iter()
        .max_by(|one, other| one["score"].as_f64().unwrap().total_cmp(&other["score"].as_f64().unwrap()));
    let reason = strongest.expect("an alarm at least")["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("failed logins between 15:45 and 16:00 UTC: 115; usual at this time is 0 to "),
        "{reason}"
    );
    let (a_day, of_hours) = (guessing["alarms_per_day"].as_f64().unwrap(), hours["alarms_per_day"].as_f64().unwrap());
    assert!(a_day < 0.5 && of_hours < 0.5, "{a_day} {of_hours}");
}

#[test]
fn what_was_learnt_from_files_is_there_at_the_first_start_and_not_given_up_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let event = |at: u32| {
        format!("{{\"@timestamp\":\"2026-01-05T{:02}:{:02}:00Z\",\"v\":{}}}\n", at / 60, at % 60, 40 + at % 7)
    };
    let events: String = (0..600).map(event).collect();
    std::fs::write(folder.path().join("events.ndjson"), events).unwrap();
    let config = "anomaly: {metrics: [{name: load, function: sum, field: v}]}\n";
    std::fs::write(folder.path().join("c.yml"), config).unwrap();
    let learn = ["anomaly", "learn", "--config", "c.yml", "events.ndjson"];
    let done = run(folder.path(), &learn);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("600 events read") && said.contains("1 series learnt"), "{said}");
    let again = run(folder.path(), &learn);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("--anew"));
    assert!(run(folder.path(), &[&learn[..], &["--anew"]].concat()).status.success());
}
