//! Captures of the shared data: the same connections as Zeek's own log of them, and as the flows of another tool.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use oversight::normalise::{file, pcap};
use serde_json::Value;

use crate::harness::data;
use crate::harness::oversight::{Oversight, run};

/// The bytes of a file, decompressed.
fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    file::open(path).expect("it can be opened").read_to_end(&mut bytes).expect("it can be read");
    bytes
}

/// The connections of a capture and what was told of it.
fn connections(capture: &[u8]) -> (Vec<Value>, pcap::Report) {
    let mut connections = pcap::connections(capture, &pcap::Settings::default()).expect("a capture");
    let events = (&mut connections).map(|event| serde_json::from_str(&event.expect("sound")).expect("JSON")).collect();
    (events, connections.report().clone())
}

/// A file of the archive of Zeek's own test results.
fn baseline(archive: &[u8], name: &str) -> String {
    let mut rest = archive;
    while rest.len() >= 512 && rest[0] != 0 {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&rest[range]).trim_end_matches(['\0', ' ']).to_owned()
        };
        let length = usize::from_str_radix(text(124..136).trim(), 8).expect("octal digits");
        if text(0..100).ends_with(name) {
            return String::from_utf8(rest[512..512 + length].to_vec()).expect("text");
        }
        rest = &rest[512 + length.next_multiple_of(512)..];
    }
    panic!("{name} is not in the archive");
}

/// The rows of a tab-separated Zeek log.
fn rows(log: &str) -> Vec<BTreeMap<String, String>> {
    let fields = log.lines().find_map(|line| line.strip_prefix("#fields\t")).expect("names of fields");
    let names: Vec<&str> = fields.split('\t').collect();
    let records = log.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        names.iter().zip(line.split('\t')).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
    };
    records.map(row).collect()
}

/// The packets of an Ethernet capture whose port at this place (0 source, 2 destination) of the header is 22.
fn only_port_22(capture: &[u8], place: usize) -> Vec<u8> {
    let (header, mut rest) = capture.split_at(24);
    let mut out = header.to_vec();
    while let Some(head) = rest.get(..16) {
        let length = 16 + u32::from_le_bytes(head[8..12].try_into().expect("four bytes")) as usize;
        let packet = &rest[16..length];
        let above = 14 + usize::from(packet[14] & 15) * 4;
        if packet[12..14] == [8, 0] && packet[23] == 6 && packet[above + place..above + place + 2] == [0, 22] {
            out.extend(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out
}

/// What both tell of a connection.
const COMPARED: [&str; 15] = [
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "local_orig",
    "local_resp",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
    "ip_proto",
];

/// What differs between Zeek's log and our connections, joined by the four-tuple and their order; nothing where all is alike.
fn differences(log: &str, events: &[Value]) -> String {
    let mut ours: BTreeMap<[String; 4], Vec<&Value>> = BTreeMap::new();
    let places = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"];
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for event in events {
        ours.entry(places.map(|name| plain(&event[name]))).or_default().push(event);
    }
    let mut out = String::new();
    for row in rows(log) {
        let place = places.map(|name| row[name].clone());
        let Some(event) = ours.get_mut(&place).filter(|events| !events.is_empty()).map(|events| events.remove(0))
        else {
            writeln!(out, "{place:?} is missing").expect("room");
            continue;
        };
        for name in COMPARED {
            let theirs = match row[name].as_str() {
                "T" => "true",
                "F" => "false",
                other => other,
            };
            let own = match &event[name] {
                Value::Number(number) if name == "duration" => format!("{:.6}", number.as_f64().expect("a number")),
                Value::Null => "-".to_owned(),
                other => plain(other),
            };
            // Zeek leaves duration and bytes out of connections of one packet
            if own != theirs && !(theirs == "-" && matches!(name, "duration" | "orig_bytes" | "resp_bytes")) {
                writeln!(out, "{place:?} {name}: {own}, Zeek has {theirs}").expect("room");
            }
        }
    }
    let more: usize = ours.values().map(Vec::len).sum();
    if more > 0 {
        writeln!(out, "{more} connections that Zeek does not have").expect("room");
    }
    out
}

#[test]
fn connections_are_those_of_zeeks_own_log() {
    let Some(archive) = data::shared("zeek-format-corpus/zeek_btest_baselines.tar.gz") else { return };
    let Some(capture) = data::shared("pcap-attacks/zeek/ssh__ssh.pcap.gz") else { return };
    let (archive, capture) = (bytes(&archive), bytes(&capture));
    for (log, capture, expected) in [
        ("scripts.base.protocols.ssh.basic/conn.log", capture.clone(), 25),
        // the same capture as seen by a sensor that has one direction only
        ("scripts.base.protocols.ssh.half-duplex-client/conn.log", only_port_22(&capture, 2), 25),
        ("scripts.base.protocols.ssh.half-duplex-server/conn.log", only_port_22(&capture, 0), 20),
    ] {
        let (events, report) = connections(&capture);
        let differences = differences(&baseline(&archive, log), &events);
        assert!(differences.is_empty(), "{log}\n{differences}");
        assert_eq!((events.len(), report.damage), (expected, None), "{log}");
    }
}

/// Packets and IP bytes of TCP, UDP and ICMP between two addresses, in either direction.
type Traffic = BTreeMap<(String, [String; 2]), [u64; 2]>;

fn add(traffic: &mut Traffic, protocol: &str, hosts: [&str; 2], packets: u64, bytes: u64) {
    let mut hosts = hosts.map(str::to_owned);
    hosts.sort();
    let sum = traffic.entry((protocol.to_owned(), hosts)).or_default();
    sum[0] += packets;
    sum[1] += bytes;
}

#[test]
fn an_industrial_capture_has_the_traffic_of_its_flow_table() {
    let Some(capture) = data::shared("westermo-ics/right.pcap.gz") else { return };
    let Some(flows) = data::shared("westermo-ics/flows_right.csv.gz") else { return };
    let (events, report) = connections(&bytes(&capture));
    assert_eq!((report.malformed, &report.damage, report.packets), (0, &None, 21_176));
    let (mut ours, mut theirs) = (Traffic::new(), Traffic::new());
    for event in &events {
        let number = |name: &str| event[name].as_u64().expect("a count");
        let hosts = ["id.orig_h", "id.resp_h"].map(|name| event[name].as_str().expect("an address"));
        let (packets, bytes) =
            (number("orig_pkts") + number("resp_pkts"), number("orig_ip_bytes") + number("resp_ip_bytes"));
        add(&mut ours, event["proto"].as_str().expect("a protocol"), hosts, packets, bytes);
    }
    let mut lines = data::lines(&flows);
    let header: Vec<String> = lines.next().expect("a header").split(',').map(str::to_owned).collect();
    for line in lines {
        let columns: BTreeMap<&str, &str> = header.iter().map(String::as_str).zip(line.split(',')).collect();
        let Some(protocol) = columns["protocol"].strip_prefix("IPV4-").filter(|name| *name != "2") else { continue };
        let sum = |names: [&str; 2]| names.map(|name| columns[name].parse::<u64>().unwrap_or(0)).iter().sum();
        let hosts = ["sIPs", "rIPs"].map(|name| columns[name]);
        add(
            &mut theirs,
            &protocol.to_lowercase(),
            hosts,
            sum(["sPackets", "rPackets"]),
            sum(["sBytesSum", "rBytesSum"]),
        );
    }
    let mut out = String::new();
    for (pair, theirs) in &theirs {
        let ours = ours.get(pair).copied().unwrap_or_default();
        if ours != *theirs {
            writeln!(out, "{pair:?}: {ours:?}, the table has {theirs:?}").expect("room");
        }
    }
    assert!(out.is_empty() && !theirs.is_empty(), "{out}");
}

#[test]
fn every_attack_capture_is_read_to_its_end() {
    let Some(folder) = data::shared("pcap-attacks") else { return };
    let (mut captures, mut total) = (0, pcap::Report::default());
    for source in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        for path in std::fs::read_dir(&source).into_iter().flatten().map(|entry| entry.expect("an entry").path()) {
            let reader = file::open(&path).expect("it can be opened");
            let mut connections = pcap::connections(reader, &pcap::Settings::default()).expect("a capture");
            let events = (&mut connections).filter(|event| event.is_ok()).count();
            let report = connections.report();
            println!("{}: {report}", path.display());
            assert!(events > 0 && report.damage.is_none() && report.unknown_link == 0, "{}: {report}", path.display());
            captures += 1;
            total.packets += report.packets;
            total.malformed += report.malformed;
        }
    }
    assert!(captures >= 45 && total.malformed * 1000 < total.packets, "{captures} captures, {total}");
}

#[test]
fn attacks_look_like_what_they_are() {
    let states = |file: &str| -> Option<BTreeMap<String, usize>> {
        let (events, _) = connections(&bytes(&data::shared(file)?));
        let mut states = BTreeMap::new();
        for event in &events {
            *states.entry(event["conn_state"].as_str().expect("a state").to_owned()).or_default() += 1;
        }
        Some(states)
    };
    let share = |states: &BTreeMap<String, usize>, wanted: &str| {
        states.get(wanted).copied().unwrap_or(0) as f64 / states.values().sum::<usize>() as f64
    };
    let Some(guesses) = states("pcap-attacks/slips/malicious-ssh-bruteforce.pcap.gz") else { return };
    assert!(share(&guesses, "SF") > 0.7, "{guesses:?}");
    let flood = states("pcap-attacks/suricata-verify/firewall__tcp-session-syn-flood-drop-precedence__input.pcap.gz");
    assert!(share(&flood.expect("beside the others"), "S0") > 0.9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_is_replayed_and_judged_as_any_other_file() {
    let Some(path) = data::shared("pcap-attacks/zeek/ssh__ssh.pcap.gz") else { return };
    let (expected, _) = connections(&bytes(&path));
    let folder = tempfile::tempdir().unwrap();
    // a model that looks at what only packets tell
    let mut oversight = Oversight::start(folder.path(), &[("CLASSIFY_MODEL", "builtin:kdd99")]);
    let sent = run(&["replay", path.to_str().unwrap(), "--url", &oversight.url("/")]);
    let told = String::from_utf8_lossy(&sent.stderr).into_owned();
    assert!(sent.status.success() && told.contains("1797 packets, 25 connections"), "{told}");
    oversight.drained().await;
    let body = serde_json::json!({"size": 100, "query": {"match_all": {}}});
    let (status, found) = oversight.post("/v1/search", body.to_string()).await;
    let hits = found["hits"]["hits"].as_array().filter(|_| status == 200).expect("hits");
    let stored: BTreeMap<&str, &Value> =
        hits.iter().map(|hit| (hit["_source"]["uid"].as_str().expect("an identity"), &hit["_source"])).collect();
    assert_eq!(stored.len(), expected.len());
    for event in &expected {
        let document = stored[event["uid"].as_str().expect("an identity")];
        for (name, value) in event.as_object().expect("an object") {
            assert_eq!(&document[name], value, "{name} of {document}");
        }
        assert!(document["oversight"]["classification"]["label"].is_string(), "{document}");
        let features = &document["oversight"]["features"];
        let missing = features["missing"].to_string();
        assert!(features.to_string().contains("num_shells"), "no packet tells of a shell: {document}");
        assert!(!missing.contains("urgent") && !missing.contains("wrong_fragment"), "{document}");
    }
    assert!(oversight.stop().success());

    let judged = run(&["judge", path.to_str().unwrap(), "--output", "ndjson"]);
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    assert_eq!(String::from_utf8_lossy(&judged.stdout).lines().count(), 25);
}

#[test]
fn a_capture_that_is_cut_off_is_judged_up_to_there() {
    let Some(path) = data::shared("pcap-attacks/zeek/ssh__ssh.pcap.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.pcap");
    let whole = bytes(&path);
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let judged = run(&["judge", cut.to_str().unwrap(), "--output", "ndjson"]);
    let told = String::from_utf8_lossy(&judged.stderr).into_owned();
    assert!(told.contains("in the middle of a packet"), "{told}");
    assert!(String::from_utf8_lossy(&judged.stdout).lines().count() > 10, "{told}");
}
