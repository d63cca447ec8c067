//! Real tools against real servers, recorded by tcpdump between network namespaces (scripts/traffic.py): scans, floods and guesses are
//! found by their families, and what is quiet stays so. The captures under `unseen` are of runs that nothing has learned from.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::data;
use crate::harness::oversight::run;

/// Who does what a capture is called after.
const ACTOR: &str = "10.77.0.66";

fn captured(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/traffic/unseen/{name}.pcap.gz"))
}

/// The annotated documents of a capture.
fn judged(capture: &Path) -> Vec<Value> {
    let done = run(&["judge", capture.to_str().unwrap(), "--output", "ndjson"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Of the connections that the actor opened how many there are, and how many are called this.
fn opened_by_the_actor(documents: &[Value], family: &str) -> (usize, usize) {
    let of = || documents.iter().filter(|one| one["id.orig_h"] == ACTOR);
    let is = |one: &&Value| one["oversight"]["classification"]["category"] == family;
    (of().count(), of().filter(is).count())
}

/// How many of these connections are not called normal, and how many there are.
fn alarms_of(documents: &[Value], which: impl Fn(&Value) -> bool) -> (usize, usize) {
    let of = || documents.iter().filter(|one| which(one));
    let alarm = |one: &&Value| one["oversight"]["classification"]["verdict"] != "normal";
    (of().filter(alarm).count(), of().count())
}

fn found(capture: &Path, family: &str, least: f64) {
    let documents = judged(capture);
    let (all, called) = opened_by_the_actor(&documents, family);
    let share = called as f64 / all as f64;
    assert!(all > 5 && share >= least, "{}: {called} of {all} are called {family}", capture.display());
}

#[test]
fn scans_floods_and_guesses_of_real_tools_are_found_by_their_families() {
    for (name, family, least) in [
        ("scan-syn", "scan", 0.95),
        ("scan-connect", "scan", 0.95),
        ("flood-syn", "dos", 0.95),
        ("guess-ssh-script", "brute_force", 0.8),
        ("guess-ftp-hydra", "brute_force", 0.8),
    ] {
        found(&captured(name), family, least);
    }
}

#[test]
fn tools_that_nothing_was_learned_from_are_found_and_who_is_beside_them_is_let_alone() {
    let (mut alarms, mut ordinary) = (0, 0);
    for (name, least) in [
        ("scan-masscan", 0.95),
        ("scan-masscan-net", 0.9),
        ("scan-void", 0.95),
        ("scan-void-slow", 0.95),
        ("scan-versions-one", 0.6),
        ("flood-syn-steady", 0.95),
        ("flood-slow-heads", 0.85),
        ("flood-slow-bodies", 0.85),
        ("flood-slow-reads", 0.85),
        ("guess-dropbear-hydra", 0.85),
        ("guess-ftp-medusa", 0.85),
        ("guess-ftp-ncrack", 0.8),
        ("guess-ssh-medusa", 0.9),
        ("guess-ssh-ncrack", 0.9),
        ("guess-telnet-ncrack", 0.7),
        ("beacon-sealed-fast", 0.6),
    ] {
        let documents = judged(&captured(name));
        let (found, all) = alarms_of(&documents, |one| one["id.orig_h"] == ACTOR);
        assert!(all > 30 && found as f64 >= least * all as f64, "{name}: {found} of {all} are not called normal");
        let beside = alarms_of(&documents, |one| one["id.orig_h"] != ACTOR);
        (alarms, ordinary) = (alarms + beside.0, ordinary + beside.1);
    }
    assert!(ordinary > 900 && alarms * 100 <= ordinary, "{alarms} alarms in {ordinary} ordinary connections");
}

#[test]
fn quiet_browsing_raises_no_alarm() {
    for (name, connections) in [("quiet-busy", 1_546), ("quiet-page", 390)] {
        assert_eq!(alarms_of(&judged(&captured(name)), |_| true), (0, connections), "{name}");
    }
}

#[test]
fn what_a_proxy_a_telephone_and_a_monitor_of_pages_do_raises_no_alarm() {
    for (name, connections) in [("quiet-crawl-slow", 592), ("quiet-talk", 120), ("quiet-watch-pages", 157)] {
        assert_eq!(alarms_of(&judged(&captured(name)), |_| true), (0, connections), "{name}");
    }
}

#[test]
fn a_known_host_is_no_attacker_and_what_it_would_have_been_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("oversight.yml");
    let by = |known: &str, capture: &str| {
        std::fs::write(&config, format!("classify: {{known_hosts: [{known}]}}\n")).unwrap();
        let capture = captured(capture);
        let done =
            run(&["--config", config.to_str().unwrap(), "judge", capture.to_str().unwrap(), "--output", "ndjson"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let lines = String::from_utf8(done.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let excused = |documents: &[Value]| {
        let of = |one: &&Value| !one["oversight"]["classification"]["excused"].is_null();
        documents.iter().filter(of).cloned().collect::<Vec<Value>>()
    };

    let before = judged(&captured("quiet-probe"));
    let alarms = alarms_of(&before, |_| true).0;
    assert!(alarms > 50 && excused(&before).is_empty(), "a load balancer is taken for a bot: {alarms}");
    let after = by("10.77.0.64/30", "quiet-probe");
    assert_eq!((alarms_of(&after, |_| true), excused(&after).len()), ((0, before.len()), alarms));
    for one in excused(&after) {
        let told = &one["oversight"]["classification"];
        assert_eq!(
            (&told["label"], &told["category"], &told["verdict"]),
            (&"normal".into(), &"normal".into(), &"normal".into())
        );
        assert!(told["excused"] == "command_and_control" || told["excused"] == "scan", "{told}");
        assert!(one["threat"].is_null() && one["event"]["risk_score"] == 0, "{one}");
        assert_eq!(one["id.orig_h"], ACTOR);
    }

    // only what it opens: the scan of another one is told, whomever it meets
    let scan = by("10.77.0.10", "scan-syn");
    let (all, called) = opened_by_the_actor(&scan, "scan");
    assert!(called * 100 > all * 95 && excused(&scan).is_empty(), "{called} of {all}");
}

#[test]
fn traffic_made_now_is_judged_alike() {
    if std::env::var_os("OVERSIGHT_NAMESPACES").is_none() {
        eprintln!("SKIPPED: set OVERSIGHT_NAMESPACES=1 to make traffic with real tools (root, four minutes)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/traffic.py");
    let names = ["scan-syn", "flood-syn", "guess-ssh-script", "quiet-page"];
    let made = Command::new("python3").arg(script).arg(folder.path()).args(names).status().unwrap();
    assert!(made.success());
    let place = |name: &str| folder.path().join(format!("{name}.pcap.gz"));
    for (name, family) in [("scan-syn", "scan"), ("flood-syn", "dos"), ("guess-ssh-script", "brute_force")] {
        found(&place(name), family, 0.8);
    }
    let (alarms, connections) = alarms_of(&judged(&place("quiet-page")), |_| true);
    assert!(alarms == 0, "{alarms} alarms in {connections} connections");
}

#[test]
fn labelled_zeek_files_are_measured_as_they_are() {
    let Some(folder) = data::shared("iot23-zeek") else { return };
    let file = folder.join("CTU-Honeypot-Capture-4-1-labeled.csv.gz");
    let arguments = ["--model", "builtin:flow", "--format", "auto", "--output", "json"];
    let done = run(&[&["evaluate", "classifier", "--data", file.to_str().unwrap()], &arguments[..]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["records"], 452, "{report}");
    assert!(report["recall"]["benign"].as_f64().unwrap() > 0.9, "{report}");
    for key in ["distinct", "balanced_accuracy", "balanced_accuracy_distinct", "false_alarm_rate", "unknown_rate"] {
        assert!(report[key].is_number(), "{key}: {report}");
    }
}

#[test]
fn records_of_kdd_are_judged_by_their_own_model_and_both_may_judge_what_both_can() {
    let folder = tempfile::tempdir().unwrap();
    let tail = "0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";
    let (records, config) = (folder.path().join("records"), folder.path().join("oversight.yml"));
    std::fs::write(&records, format!("0,tcp,http,SF,200,4000,{tail}\n").repeat(3)).unwrap();
    for document in judged(&records) {
        assert_eq!(document["oversight"]["classification"]["model"]["name"], "kdd99", "{document}");
        assert!(document["oversight"].get("second").is_none(), "{document}");
    }
    std::fs::write(&config, "classify: {second_judges: all}\n").unwrap();
    let capture = captured("scan-syn");
    let arguments = ["judge", capture.to_str().unwrap(), "--limit", "20", "--output", "ndjson"];
    let done = run(&[&["--config", config.to_str().unwrap()], &arguments[..]].concat());
    for line in String::from_utf8(done.stdout).unwrap().lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        assert_eq!(document["oversight"]["classification"]["model"]["name"], "flow", "{document}");
        assert_eq!(document["oversight"]["second"]["model"]["name"], "kdd99", "{document}");
    }
}
