//! What other records say about a connection reaches its features and its document, and two one-way flows become one
//! document.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use oversight::event::ReceivedTime;
use oversight::normalise::records::{self, Format};
use oversight::normalise::{Connection, Content, Normaliser, Record, Related};
use serde_json::{Value, json};

use crate::harness::data;
use crate::harness::oversight::run_with;

/// Reads files one behind the other; gives what is told of each connection.
fn connections<T>(files: &[PathBuf], mut told: impl FnMut(&Connection<'_>, &Related) -> T) -> Vec<T> {
    let epoch = ReceivedTime::from_micros(0).as_event_time();
    let (mut normaliser, mut found) = (Normaliser::new(&[]), Vec::new());
    for file in files {
        for event in records::open(file, Format::Auto, epoch).unwrap() {
            let event = event.unwrap();
            let view = normaliser.read(event.as_bytes()).unwrap();
            if let Record::Connection(connection) = &view.record {
                found.push(told(connection, &view.related));
            }
        }
    }
    found
}

/// The content feature at this place of the 41.
fn content(connection: &Connection<'_>, place: usize) -> f32 {
    connection.content.0[place - Content::FIRST]
}

const HOT: usize = 9;
const FAILED_LOGINS: usize = 10;
const LOGGED_IN: usize = 11;
const COMPROMISED: usize = 12;
const ROOT_SHELL: usize = 13;

/// Logs of one of Zeek's own tests.
fn baseline(folder: &Path, test: &str, logs: [&str; 2]) -> Option<Vec<PathBuf>> {
    let archive = data::shared("zeek-format-corpus/zeek_btest_baselines.tar.gz")?;
    let mut unpack = Command::new("tar");
    unpack.arg("xzf").arg(&archive).arg("-C").arg(folder).args(["--wildcards", &format!("*{test}/*")]);
    assert!(unpack.status().unwrap().success());
    let found = Command::new("find").arg(folder).args(["-path", &format!("*{test}"), "-type", "d"]).output().unwrap();
    let place = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    Some(logs.map(|log| place.join(log)).to_vec())
}

/// Judged by the model that looks at what logs tell of a connection's content.
fn judge(files: &[&Path], output: &str) -> String {
    let mut arguments = vec!["judge", "--output", output];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    let done = run_with(&[("CLASSIFY_MODEL", "builtin:kdd99")], &arguments);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn documents(files: &[&Path]) -> Vec<Value> {
    judge(files, "ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_refused_login_in_ftp_log_counts_for_the_connection_in_conn_log() {
    let folder = tempfile::tempdir().unwrap();
    let test = "scripts.base.protocols.ftp.ftp-password-pass-command";
    let Some(logs) = baseline(folder.path(), test, ["ftp.log", "conn.log"]) else { return };
    let found = connections(&logs, |connection, related| {
        assert_eq!(related.counts().collect::<Vec<_>>(), [("ftp", 2)]);
        assert!(content(connection, ROOT_SHELL).is_nan(), "no log of Zeek tells of a shell");
        [HOT, FAILED_LOGINS, LOGGED_IN].map(|place| content(connection, place))
    });
    assert_eq!(found, [[0.0, 1.0, 0.0]]);
    let [document] = documents(&[&logs[0], &logs[1]]).try_into().unwrap();
    let names = document["oversight"]["features"]["approximated"].to_string();
    assert!(names.contains("num_failed_logins") && names.contains("logged_in"), "{document}");
    assert_eq!(document["oversight"]["related"], json!({"ftp": 2}));
}

#[test]
fn logins_by_ssh_count_for_their_connections() {
    let Some(ssh) = data::shared("stratosphere-zeek/006-zeek-scenario-ssh/ssh.log.gz") else { return };
    let conn = ssh.with_file_name("conn.log.gz");
    let found = connections(&[ssh.clone(), conn], |connection, related| {
        let told = related.counts().any(|(kind, _)| kind == "ssh");
        told.then(|| [FAILED_LOGINS, LOGGED_IN].map(|place| content(connection, place)))
    });
    let expected = data::lines(&ssh).filter(|line| !line.starts_with('#'));
    let mut expected: Vec<[f32; 2]> = expected
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let inside = f32::from(u8::from(columns[7] == "T"));
            [columns[8].parse::<f32>().unwrap_or(0.0) - inside, inside]
        })
        .collect();
    let mut found: Vec<[f32; 2]> = found.into_iter().flatten().collect();
    assert!(found.len() > 5, "{found:?}");
    // Zeek left some of its sessions out of conn.log
    for one in &mut found {
        let place = expected.iter().position(|known| known == one);
        expected.swap_remove(place.unwrap_or_else(|| panic!("{one:?} is in no line of ssh.log")));
    }
}

#[test]
fn requests_and_questions_in_other_logs_reach_the_features_of_their_connections() {
    let Some(http) = data::shared("otrf-zeek/lsass_01/http.log.gz") else { return };
    let [dns, conn] = ["dns.log.gz", "conn.log.gz"].map(|name| http.with_file_name(name));
    let lost = data::lines(&http).filter(|line| !line.starts_with('#') && line.contains("\t404\t")).count();
    let found = connections(&[http.clone(), dns, conn], |connection, related| {
        let named = related.asked().is_some();
        assert_eq!(named, connection.name.is_some(), "{related:?}");
        (named, content(connection, COMPROMISED))
    });
    let compromised: f32 = found.iter().map(|(_, count)| count).filter(|count| !count.is_nan()).sum();
    assert!(lost > 0, "the log has requests for what is not there");
    assert_eq!(compromised, lost as f32);
    assert!(found.iter().filter(|(named, _)| *named).count() > 5);
}

#[test]
fn alerts_and_questions_are_told_with_the_flow_of_suricata() {
    let Some(eve) = data::shared("suricata-eve/slips_test6_eve.json.gz") else { return };
    let documents = documents(&[&eve]);
    let related = |name: &str| documents.iter().filter(|one| !one["oversight"]["related"][name].is_null()).count();
    // three flows without an alert have an anomaly
    assert_eq!((documents.len(), related("alert"), related("said")), (3512, 366, 369));
    assert!(related("dns") == 101 && related("asked") >= 101, "{} {}", related("dns"), related("asked"));
    let flagged = documents.iter().find(|one| one["oversight"]["related"]["alert"] == 1).unwrap();
    let said = flagged["oversight"]["related"]["said"][0].as_str().unwrap();
    assert!(said.starts_with("ET ") || said.starts_with("GPL "), "{said}");
}

#[test]
fn the_types_of_files_are_told_with_the_connections_that_carried_them() {
    let Some(files) = data::shared("stratosphere-zeek/slips-test9-mixed-zeek-dir/files.log.gz") else { return };
    let conn = files.with_file_name("conn.log.gz");
    let [of_files, of_connections] = [&files, &conn]
        .map(|file| data::lines(file).filter_map(|line| serde_json::from_str(&line).ok()).collect::<Vec<Value>>());
    let typed = of_files.iter().filter(|file| file["mime_type"].is_string());
    let carrying: HashSet<&str> =
        typed.flat_map(|file| file["conn_uids"].as_array().unwrap()).filter_map(Value::as_str).collect();
    let expected = of_connections.iter().filter(|one| carrying.contains(one["uid"].as_str().unwrap())).count();
    assert!(expected > 200, "{expected}");
    let documents = documents(&[&files, &conn]);
    let told = documents.iter().filter(|one| one["oversight"]["related"]["file_types"].is_array()).count();
    assert_eq!((documents.len(), told), (of_connections.len(), expected));
}

#[test]
fn zeek_records_of_elastic_and_security_onion_are_joined_as_well() {
    let mut normaliser = Normaliser::new(&[]);
    let ends = r#""source":{"ip":"10.0.0.1","port":4000},"destination":{"ip":"10.0.0.2","port":22},"network":{"transport":"tcp"}"#;
    for [id, ssh, conn] in [
        [
            r#""zeek":{"session_id":"C1""#,
            r#","ssh":{"auth":{"success":false,"attempts":4}}},"event":{"dataset":"zeek.ssh"}"#,
            r#","connection":{"state":"SF"}},"event":{"dataset":"zeek.connection"}"#,
        ],
        [
            r#""log":{"id":{"uid":"C2"}}"#,
            r#","auth_success":false,"auth_attempts":4,"event":{"dataset":"ssh"}"#,
            r#","connection":{"state":"SF"},"event":{"dataset":"conn"}"#,
        ],
    ] {
        let before = format!("{{{ends},{id}{ssh}}}");
        assert_eq!(normaliser.read(before.as_bytes()).unwrap().record, Record::Other, "{before}");
        let body = format!("{{{ends},{id}{conn}}}");
        let view = normaliser.read(body.as_bytes()).unwrap();
        let Record::Connection(connection) = &view.record else { panic!("{body}") };
        assert_eq!(content(connection, FAILED_LOGINS), 4.0, "{body}");
        assert_eq!(view.related.counts().collect::<Vec<_>>(), [("ssh", 1)]);
    }
}

#[test]
fn two_one_way_flows_are_one_document_and_a_scan_is_one_as_well() {
    let flow = |from: (&str, u16), to: (&str, u16), flags: u8, second: u8| {
        json!({"netflow": {"version": 9, "ipv4_src_addr": from.0, "l4_src_port": from.1, "ipv4_dst_addr": to.0,
            "l4_dst_port": to.1, "protocol": 6, "tcp_flags": flags, "in_bytes": 1520, "in_pkts": 10,
            "first_switched": format!("2026-11-22T10:00:0{second}.000Z"), "last_switched": "2026-11-22T10:00:09.000Z"}})
    };
    let (client, server) = (("10.0.0.1", 40_000), ("10.0.0.2", 22));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.ndjson");
    let flows = [
        flow(client, server, 0x1b, 0),
        flow(("10.0.0.9", 5000), ("10.0.0.2", 23), 0x02, 1),
        flow(server, client, 0x1b, 1),
    ];
    std::fs::write(&file, flows.map(|flow| flow.to_string()).join("\n")).unwrap();
    let documents = documents(&[&file]);
    let told: Vec<_> =
        documents.iter().map(|one| (&one["source"]["port"], &one["oversight"]["features"]["sides"])).collect();
    assert_eq!(told, [(&json!(40_000), &json!(2)), (&json!(5000), &json!(1))], "{documents:?}");
    let counts: Value = serde_json::from_str(&judge(&[&file], "json")).unwrap();
    assert_eq!((&counts["events"], &counts["connections"]), (&json!(3), &json!(2)), "{counts}");
}
