//! Every dialect of real sources is known, what it tells of a connection is what the documentation says, and nothing of
//! it is lost on the way through HTTP.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::harness::data;
use crate::harness::oversight::{Oversight, run};

/// The conn.log of real traffic, and the other logs of the same traffic.
const ZEEK: [&str; 4] = ["weird", "http", "dns", "conn"];

fn objects(path: &Path, count: usize) -> Vec<Value> {
    data::lines(path).take(count).map(|line| serde_json::from_str(&line).unwrap()).collect()
}

fn write(folder: &Path, name: &str, events: &[Value]) -> PathBuf {
    let path = folder.join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    events.iter().for_each(|event| writeln!(file, "{event}").unwrap());
    path
}

/// `zeek`'s members under other names; what it lacks is left out.
fn renamed(zeek: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let mut out = Map::new();
    for (from, to) in names {
        if let Some(value) = zeek.get(from) {
            out.insert((*to).to_owned(), value.clone());
        }
    }
    out
}

/// A record of Zeek as Elastic's pipeline leaves it: bytes are those of IP, durations nanoseconds.
fn elastic(zeek: &Value) -> Value {
    let mut out = renamed(
        zeek,
        &[
            ("id.orig_h", "source.ip"),
            ("id.orig_p", "source.port"),
            ("orig_ip_bytes", "source.bytes"),
            ("orig_pkts", "source.packets"),
            ("id.resp_h", "destination.ip"),
            ("id.resp_p", "destination.port"),
            ("resp_ip_bytes", "destination.bytes"),
            ("resp_pkts", "destination.packets"),
            ("proto", "network.transport"),
            ("service", "network.protocol"),
            ("conn_state", "zeek.connection.state"),
            ("history", "zeek.connection.history"),
            ("uid", "zeek.session_id"),
        ],
    );
    if let Some(seconds) = zeek["duration"].as_f64() {
        out.insert("event".to_owned(), json!({"dataset": "zeek.connection", "duration": (seconds * 1e9) as u64}));
    } else {
        out.insert("event".to_owned(), json!({"dataset": "zeek.connection"}));
    }
    out.into()
}

/// The same as Security Onion leaves it: payload and IP bytes apart, durations seconds.
fn onion(zeek: &Value) -> Value {
    let mut out = renamed(
        zeek,
        &[
            ("id.orig_h", "source.ip"),
            ("id.orig_p", "source.port"),
            ("orig_bytes", "client.bytes"),
            ("orig_ip_bytes", "client.ip_bytes"),
            ("orig_pkts", "client.packets"),
            ("id.resp_h", "destination.ip"),
            ("id.resp_p", "destination.port"),
            ("resp_bytes", "server.bytes"),
            ("resp_ip_bytes", "server.ip_bytes"),
            ("resp_pkts", "server.packets"),
            ("proto", "network.transport"),
            ("conn_state", "connection.state"),
            ("history", "connection.history"),
            ("duration", "event.duration"),
        ],
    );
    out.insert("event.dataset".to_owned(), "zeek.conn".into());
    out.into()
}

/// A flow of Suricata as Packetbeat would tell of it.
fn packetbeat(eve: &Value) -> Value {
    let (start, end) = (&eve["flow"]["start"], &eve["flow"]["end"]);
    json!({
        "type": "flow", "flow": {"final": true},
        "source": {"ip": eve["src_ip"], "port": eve["src_port"], "bytes": eve["flow"]["bytes_toserver"],
                   "packets": eve["flow"]["pkts_toserver"]},
        "destination": {"ip": eve["dest_ip"], "port": eve["dest_port"], "bytes": eve["flow"]["bytes_toclient"],
                        "packets": eve["flow"]["pkts_toclient"]},
        "network": {"transport": eve["proto"].as_str().unwrap().to_lowercase()},
        "event": {"dataset": "flow", "start": start, "end": end},
    })
}

/// Files of real events for each dialect; made over in `folder` where none of that shape are at hand. None where the data
/// is absent.
fn samples(folder: &Path) -> Option<Vec<(&'static str, Vec<PathBuf>)>> {
    let zeek = data::shared("stratosphere-zeek/002-zeek-scenario-port-scanning/conn.log.gz")?;
    let udp = data::shared("stratosphere-zeek/slips-test9-mixed-zeek-dir/conn.log.gz")?;
    let eve = data::shared("suricata-eve/slips_test6_eve.json.gz")?;
    let records: Vec<Value> = [objects(&zeek, 500), objects(&udp, 500)].concat();
    let flows: Vec<Value> = objects(&eve, 5000).into_iter().filter(|event| event["event_type"] == "flow").collect();
    let made = |name, make: fn(&Value) -> Value, from: &[Value]| {
        write(folder, name, &from.iter().map(make).collect::<Vec<_>>())
    };
    let mut tsv: Vec<PathBuf> = Vec::new();
    for log in ZEEK {
        tsv.push(data::shared(&format!("otrf-zeek/lsass_01/{log}.log.gz"))?);
    }
    tsv.push(udp);
    Some(vec![
        ("kdd", vec![data::kdd_records(folder, 500)?]),
        ("zeek", tsv),
        ("zeek_ecs", vec![made("elastic.ndjson", elastic, &records)]),
        ("security_onion", vec![made("onion.ndjson", onion, &records)]),
        ("suricata", vec![eve]),
        ("netflow", vec![data::shared("netflow-logstash/logstash_events.ndjson.gz")?]),
        ("ecs", vec![made("packetbeat.ndjson", packetbeat, &flows)]),
        ("argus", vec![data::shared("argus-netflow/slips_test3-mixed.binetflow.gz")?]),
        ("aws_vpc", vec![data::shared("web-auth-cloud/aws_vpc_flow.ndjson.gz")?]),
    ])
}

/// What `docs/dialects.md` says in the table that begins so: for each row and dialect the first word of its cell.
fn documented(head: &str) -> Vec<(String, Vec<(String, String)>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dialects.md");
    let text = std::fs::read_to_string(path).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with(head));
    let dialects = cells(lines.next().expect("the table of features"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(|line| {
        let row = cells(line);
        let words = row[1..].iter().map(|cell| cell.split_whitespace().next().unwrap_or_default().to_owned());
        (row[0].clone(), dialects[1..].iter().cloned().zip(words).collect())
    });
    rows.collect()
}

#[test]
fn each_cell_of_the_table_in_the_documentation_is_what_real_records_show() {
    let folder = tempfile::tempdir().unwrap();
    let Some(samples) = samples(folder.path()) else { return };
    let tables = [("features", documented("| feature |")), ("facts", documented("| of a connection |"))];
    assert_eq!(tables.each_ref().map(|(_, rows)| rows.len()), [41, 8], "a row for each");
    let mut wrong = Vec::new();
    for (dialect, files) in samples {
        let mut arguments = vec!["doctor", "--output", "json"];
        files.iter().for_each(|file| arguments.extend(["--sample", file.to_str().unwrap()]));
        let done = run(&arguments);
        assert!(done.status.success(), "{dialect}: {}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        let found = told["dialects"].as_array().unwrap().iter().find(|found| found["dialect"] == dialect);
        let found = found.unwrap_or_else(|| panic!("{dialect} is not recognised: {told}"));
        assert!(found["measured"].as_u64().unwrap() > 0, "{found}");
        let told = tables.iter().flat_map(|(key, rows)| found[*key].as_array().unwrap().iter().zip(rows));
        for (feature, (name, cells)) in told {
            assert_eq!(feature["feature"], name.as_str());
            let count = |key: &str| feature[key].as_u64().unwrap();
            let shown = match (count("real"), count("approximated")) {
                (_, 1..) => "approximated",
                (1.., _) => "real",
                _ => "absent",
            };
            let said = &cells.iter().find(|(known, _)| known == dialect).expect("a column for each dialect").1;
            if said != shown {
                wrong.push(format!("{name} of {dialect} is {shown}, and the table says {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_port_scan_in_a_file_is_told_with_its_source() {
    let Some(log) = data::shared("stratosphere-zeek/002-zeek-scenario-port-scanning/conn.log.gz") else { return };
    let done = run(&["judge", log.to_str().unwrap(), "--output", "json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&told["events"], &told["connections"], &told["unreadable"]), (&json!(4504), &json!(4504), &json!(0)));
    assert_eq!(told["dialects"]["zeek"]["connections"], 4504);
    assert_eq!(told["sources"][0]["source"], "172.16.1.11", "{told}");
    let counts: u64 = told["classes"].as_object().unwrap().values().map(|class| class["count"].as_u64().unwrap()).sum();
    assert_eq!(counts, 4504);

    let text = String::from_utf8(run(&["judge", log.to_str().unwrap()]).stdout).unwrap();
    assert!(text.starts_with("4504 events in 1 file: 4504 connections judged"), "{text}");
    assert!(text.contains("172.16.1.11"), "{text}");
}

#[test]
fn judged_documents_are_the_connections_with_who_when_and_what() {
    let Some(log) = data::shared("otrf-zeek/lsass_01/conn.log.gz") else { return };
    let done = run(&["judge", log.to_str().unwrap(), "--output", "ndjson"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let documents: Vec<Value> =
        String::from_utf8(done.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), data::lines(&log).filter(|line| !line.starts_with('#')).count());
    for document in &documents {
        for place in ["/source/ip", "/destination/ip", "/network/transport", "/event/start", "/event/end"] {
            assert!(document.pointer(place).is_some_and(Value::is_string), "{place} of {document}");
        }
        assert!(document["source"]["port"].is_u64() && document["destination"]["port"].is_u64(), "{document}");
        assert_eq!(document["source"]["ip"], document["id.orig_h"]);
        assert!(document["network"]["community_id"].as_str().unwrap().starts_with("1:"), "{document}");
        assert_eq!(document["oversight"]["features"]["dialect"], "zeek");
        assert!(document["oversight"]["classification"]["label"].is_string(), "{document}");
    }
}

#[test]
fn a_torn_file_is_judged_as_far_as_it_goes_and_says_where_it_tore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conn.log");
    let header = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n";
    let fields = "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\n\
                  #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tinterval\tcount\tcount\tstring\n";
    let other = "#fields\tuid\tts\tproto\tid.orig_h\tid.resp_h\tid.orig_p\tid.resp_p\tconn_state\n\
                 #types\tstring\ttime\tenum\taddr\taddr\tport\tport\tstring\n";
    let rows = [
        "1692161622.03\tC1\t192.168.1.41\t52605\t192.168.1.4\t80\ttcp\t-\t-\t-\tS0\n",
        "broken\tC2\t192.168.1.41\t52605\thost-b\t80\ttcp\t-3\t10\t20\tSF\n",
        "1692161622.03\tC3\t192.168\n",
    ];
    let last = "C4\t1692161623.5\tudp\t192.168.1.41\t192.168.1.4\t53\t53\tSF\n";
    std::fs::write(&path, [header, fields, &rows.concat(), other, last].concat()).unwrap();
    let done = run(&["judge", path.to_str().unwrap(), "--output", "ndjson"]);
    assert!(done.status.success());
    assert_eq!(String::from_utf8(done.stdout).unwrap().lines().count(), 3);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("conn.log, line 10: 3 values, where the header names 11 fields"), "{said}");
    let missing = run(&["judge", "no-such-file.log"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no-such-file.log"));
}

/// What is sent through HTTP: files of all kinds of sources.
const THROUGH_HTTP: [&str; 12] = [
    "wrccdc2018-zeek/zeek-default/ssl.log.gz",
    "wrccdc2018-zeek/zeek-json/ssh.json.gz",
    "wrccdc2018-zeek/zeek-json/notice.json.gz",
    "netflow-logstash/logstash_events.ndjson.gz",
    "suricata-eve/slips_test6_eve.json.gz",
    "suricata-eve/aws_networkfirewall_eve.ndjson.gz",
    "otrf-zeek/apt29_day1_combined_zeek.json.gz",
    "otrf-zeek/lsass_03/conn.log.gz",
    "otrf-logstash-docs/collection__msf_record_mic_2020-06-09225055.json.gz",
    "web-auth-cloud/aws_vpc_flow.ndjson.gz",
    "web-auth-cloud/apache_access_10k.log.gz",
    "argus-netflow/slips_test3-mixed.binetflow.gz",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_any_source_is_lost_or_refused_on_the_way_through_http() {
    let mut files: Vec<PathBuf> = THROUGH_HTTP.iter().map_while(|name| data::shared(name)).collect();
    let Some(corpus) = data::shared("zeek-format-corpus/zeek_btest_baselines.tar.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("corpus");
    std::fs::create_dir(&logs).unwrap();
    let unpacked = Command::new("tar").arg("xzf").arg(&corpus).arg("-C").arg(&logs).status().unwrap();
    assert!(unpacked.success());
    let found = Command::new("find").arg(&logs).args(["-name", "conn.log"]).output().unwrap();
    files.extend(String::from_utf8(found.stdout).unwrap().lines().step_by(10).map(PathBuf::from));

    let mut oversight = Oversight::start(&folder.path().join("data"), &[]);
    let (mut sent, mut conn) = (0, 0);
    for file in &files {
        let url = oversight.url("/");
        let done = run(&["replay", file.to_str().unwrap(), "--limit", "400", "--url", &url, "--output", "json"]);
        assert!(done.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(told["accepted"], told["sent"], "{}: {told}", file.display());
        assert_eq!((&told["refused"], &told["unreadable"]), (&json!(0), &json!(0)), "{}: {told}", file.display());
        sent += told["sent"].as_u64().unwrap();
        conn += u64::from(file.ends_with("conn.log")) * told["sent"].as_u64().unwrap();
    }
    oversight.drained().await;
    let doctor = oversight.get("/v1/doctor").await;
    let of = |dialect: &str, key: &str| -> u64 {
        let dialects = doctor["dialects"].as_array().unwrap();
        dialects.iter().filter(|one| one["dialect"] == dialect).map(|one| one[key].as_u64().unwrap()).sum()
    };
    let events: u64 = doctor["dialects"].as_array().unwrap().iter().map(|one| one["events"].as_u64().unwrap()).sum();
    assert_eq!(events, sent, "{doctor}");
    assert!(of("zeek", "measured") >= conn, "every conn.log of the corpus is one of connections: {doctor}");
    for dialect in ["suricata", "netflow", "aws_vpc", "argus"] {
        assert!(of(dialect, "measured") > 0, "{dialect}: {doctor}");
    }
    let body = json!({"size": 0, "track_total_hits": true, "query": {"match_all": {}}});
    let (status, stored) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!((status, &stored["hits"]["total"]["value"]), (200, &json!(sent)));
    assert!(oversight.stop().success());
}

/// The collections of real files that the page about dialects tells of.
const COLLECTIONS: [&str; 7] = [
    "suricata-eve",
    "netflow-logstash",
    "otrf-zeek",
    "zeek-format-corpus",
    "wrccdc2018-zeek",
    "web-auth-cloud",
    "otrf-logstash-docs",
];

/// All logs of a collection; archives of logs are unpacked into `folder`.
fn logs_of(collection: &Path, folder: &Path) -> Vec<PathBuf> {
    let is = |path: &Path, ending: &str| path.to_str().is_some_and(|name| name.ends_with(ending));
    let all = |place: &Path| -> Vec<PathBuf> {
        let found = Command::new("find").arg(place).args(["-type", "f"]).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().map(PathBuf::from).collect()
    };
    let mut logs = Vec::new();
    for path in all(collection) {
        if is(&path, "baselines.tar.gz") {
            assert!(Command::new("tar").arg("xzf").arg(&path).arg("-C").arg(folder).status().unwrap().success());
            logs.extend(all(folder).into_iter().filter(|path| is(path, ".log")));
        } else if !is(&path, ".tar.gz") && is(&path, ".gz") {
            logs.push(path);
        }
    }
    logs.sort();
    logs
}

/// Prints what the page about dialects says of them.
#[tokio::test(flavor = "multi_thread")]
async fn whole_collections_of_real_files_are_taken_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = Oversight::start(&folder.path().join("data"), &[]);
    let mut total = 0;
    for (number, name) in COLLECTIONS.into_iter().enumerate() {
        let Some(collection) = data::shared(name) else { return };
        let unpacked = folder.path().join(number.to_string());
        std::fs::create_dir(&unpacked).unwrap();
        let before = counts(&oversight).await;
        let (logs, url) = (logs_of(&collection, &unpacked), oversight.url("/"));
        let mut arguments = vec!["replay", "--url", &url, "--output", "json"];
        arguments.extend(logs.iter().map(|log| log.to_str().unwrap()));
        let done = run(&arguments);
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&told["accepted"], &told["refused"]), (&told["sent"], &json!(0)), "{name}: {told}");
        let sent = told["sent"].as_u64().unwrap();
        oversight.drained().await;
        let after = counts(&oversight).await;
        println!("{name}: {sent} events, {} lines unreadable", told["unreadable"]);
        for (dialect, [events, connections]) in after {
            let [earlier, measured] = before.get(&dialect).copied().unwrap_or_default();
            if events > earlier {
                println!("  {dialect}: {} events, {} connections", events - earlier, connections - measured);
            }
        }
        total += sent;
    }
    let body = json!({"size": 0, "track_total_hits": true, "query": {"match_all": {}}});
    let (status, stored) = oversight.post("/v1/search", body.to_string()).await;
    assert_eq!((status, &stored["hits"]["total"]["value"]), (200, &json!(total)));
    assert!(oversight.stop().success());
}

/// Events and connections so far, by dialect.
async fn counts(oversight: &Oversight) -> std::collections::BTreeMap<String, [u64; 2]> {
    let doctor = oversight.get("/v1/doctor").await;
    let dialects = doctor["dialects"].as_array().unwrap();
    let counted = |one: &Value| {
        let count = |key: &str| one[key].as_u64().unwrap();
        (one["dialect"].as_str().unwrap().to_owned(), [count("events"), count("measured")])
    };
    dialects.iter().map(counted).collect()
}
