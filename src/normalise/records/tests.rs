//! Files of every kind as events, whole and broken.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_oneof, proptest};
use serde_json::{Value, json};

use super::*;
use crate::features::NAMES;

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn start() -> EventTime {
    EventTime::parse_rfc3339("2026-11-22T10:00:00Z").unwrap()
}

fn events(path: &Path, format: Format) -> Vec<Value> {
    open(path, format, start()).unwrap().map(|event| serde_json::from_str(&event.unwrap()).unwrap()).collect()
}

const RECORD: &str = "0,tcp,http,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0.00,0.00,0.00,0.00,1.00,0.00,0.00,9,9,1.00,0.00,0.11,0.00,0.00,0.00,0.00,0.00";

#[test]
fn equal_kdd_records_become_different_events_with_typed_values() {
    let (_folder, path) = file("kdd.gz", &gzip(&format!("{RECORD},normal.\n{RECORD},normal.\n")));
    let found = events(&path, Format::Kdd);
    assert_eq!(found.len(), 2);
    assert_ne!(found[0], found[1]);
    assert_eq!(found[0]["src_bytes"], json!(181));
    assert_eq!(found[0]["dst_host_same_src_port_rate"], json!(0.11));
    assert_eq!((&found[0]["service"], &found[0]["label"]), (&json!("http"), &json!("normal")));
    assert_eq!(found[0]["@timestamp"], "2026-11-22T10:00:00.000Z");
    assert_eq!(found[1]["log"]["offset"], json!(RECORD.len() + ",normal.\n".len()));
    assert_eq!(found[1]["log"]["file"]["path"], json!(path.display().to_string()));
    assert_eq!(found[0].as_object().unwrap().len(), 44);
}

#[test]
fn a_number_that_json_writes_otherwise_keeps_its_value() {
    let odd = RECORD.replacen(",181,5450,", ",+181,05450.5,", 1);
    let (_folder, path) = file("kdd", odd.as_bytes());
    let found = events(&path, Format::Kdd);
    assert_eq!((&found[0]["src_bytes"], &found[0]["dst_bytes"]), (&json!(181.0), &json!(5450.5)));
    use super::kdd_line::is_json_number;
    assert!(is_json_number("0") && is_json_number("0.00") && is_json_number("12.5"));
    assert!(!["", "01", "1.", ".5", "-1", "1e3", "1.2.3"].iter().any(|text| is_json_number(text)));
}

#[test]
fn a_broken_record_is_told_with_its_line_and_the_next_one_follows() {
    let (_folder, path) = file("kdd", format!("1,2\n\n{RECORD},normal,21\n").as_bytes());
    let found: Vec<_> = open(&path, Format::Kdd, start()).unwrap().collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].as_ref().unwrap_err().to_string().contains("kdd, line 1: 2 columns"), "{found:?}");
    assert!(found[1].is_ok());
}

#[test]
fn a_file_cut_off_in_its_compression_is_told_once() {
    let mut bytes = gzip(&format!("{RECORD}\n").repeat(5_000));
    bytes.truncate(bytes.len() - 20);
    let (_folder, path) = file("cut.gz", &bytes);
    let found: Vec<_> = open(&path, Format::Kdd, start()).unwrap().collect();
    assert!(found.last().unwrap().is_err());
    assert_eq!(found.iter().filter(|event| event.is_err()).count(), 1);
}

#[test]
fn a_zeek_line_is_kept_as_it_is_and_gets_the_timestamp_that_it_lacks() {
    let lines = "{\"ts\": 1588205199.82437, \"uid\": \"C1\"}\n{\"ts\":\"2020-04-30T00:06:39.824370Z\"}\n{\"ts\":1,\"@timestamp\":\"x\"}\n{}\n";
    let (_folder, path) = file("conn.log", lines.as_bytes());
    let texts: Vec<String> = open(&path, Format::Zeek, start()).unwrap().map(Result::unwrap).collect();
    assert_eq!(texts[0], "{\"@timestamp\":\"2020-04-30T00:06:39.824Z\",\"ts\": 1588205199.82437, \"uid\": \"C1\"}");
    assert!(texts[1].starts_with("{\"@timestamp\":\"2020-04-30T00:06:39.824Z\","));
    assert_eq!(texts[2..], ["{\"ts\":1,\"@timestamp\":\"x\"}", "{}"]);
}

#[test]
fn ndjson_is_taken_as_it_is_and_anything_else_is_told() {
    let (_folder, path) = file("x.ndjson", b"{\"a\": 1}\n\n[1]\n{\"a\":\n");
    let found: Vec<_> = open(&path, Format::Ndjson, start()).unwrap().collect();
    assert_eq!(found[0].as_ref().unwrap(), "{\"a\": 1}");
    assert!(found[1].as_ref().unwrap_err().to_string().contains("line 3: not an object"));
    assert!(found[2].as_ref().unwrap_err().to_string().contains("line 4"));
}

/// The folder of real data; tests that need it say so where it is absent.
fn shared(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("OVERSIGHT_SHARED").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let path = folder.join("data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there", path.display());
    None
}

#[test]
fn the_real_kdd_file_comes_out_with_exactly_its_values() {
    let Some(path) = shared("kdd99/kddcup.data_10_percent.gz") else { return };
    let lines = file::open(&path).unwrap().lines();
    let mut compared = 0;
    for (line, event) in lines.zip(open(&path, Format::Kdd, start()).unwrap()).step_by(37).take(5_000) {
        let (line, event) = (line.unwrap(), event.unwrap());
        let event: Value = serde_json::from_str(&event).unwrap();
        let columns: Vec<&str> = line.split(',').collect();
        for (name, text) in NAMES.iter().zip(&columns) {
            let same = match &event[name] {
                Value::String(found) => found == text,
                Value::Number(found) => found.as_f64() == text.parse().ok(),
                _ => false,
            };
            assert!(same, "{name} is {} and not {text}", event[name]);
        }
        assert_eq!(event["label"].as_str(), Some(columns[41].trim_end_matches('.')));
        compared += 1;
    }
    assert_eq!(compared, 5_000);
}

#[test]
fn a_sample_is_spread_over_the_records() {
    let text: String = (0..100).map(|n| format!("{n}{}\n", &RECORD[1..])).collect();
    let (_folder, path) = file("kdd", text.as_bytes());
    let found = sample(&path, 50, 5).unwrap();
    let durations: Vec<Value> =
        found.iter().map(|event| serde_json::from_str::<Value>(event).unwrap()["duration"].clone()).collect();
    assert_eq!(durations, [0, 10, 20, 30, 40].map(Value::from));
}

#[test]
fn real_zeek_json_logs_all_get_a_timestamp() {
    let Some(path) = shared("otrf-zeek/apt29_day1_combined_zeek.json.gz") else { return };
    let found = events(&path, Format::Zeek);
    assert!(found.len() > 500, "{}", found.len());
    assert!(found.iter().all(|event| event["@timestamp"].is_string()));
}

#[test]
fn what_a_file_holds_is_told_by_its_lines() {
    let zeek =
        "#separator \\x09\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\n#types\ttime\tstring\n1.5\tC1\n{\"a\":1}\n";
    let argus = "StartTime,Dur,Proto\n2018/12/18 14:00:00.5,0.7,tcp\n";
    let vpc = "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK\n";
    let syslog = "Mar 27 13:06:56 ip-10 sshd[1291]: Server listening\n";
    for (text, expected) in [
        (
            zeek,
            vec![
                json!({"_path": "conn", "@timestamp": "1970-01-01T00:00:01.500Z", "ts": 1.5, "uid": "C1"}),
                json!({"a": 1}),
            ],
        ),
        (argus, vec![json!({"StartTime": "2018/12/18 14:00:00.5", "Dur": 0.7, "Proto": "tcp"})]),
        (syslog, vec![json!({"message": syslog.trim_end()})]),
    ] {
        let (_folder, path) = file("x", text.as_bytes());
        assert_eq!(events(&path, Format::Auto), expected, "{text}");
    }
    let (_folder, path) = file("x", vpc.as_bytes());
    assert_eq!(events(&path, Format::Auto)[0]["dstaddr"], "10.0.0.2");
    let (_folder, path) = file("x", format!("{RECORD},normal.\n").as_bytes());
    assert_eq!(events(&path, Format::Auto)[0]["label"], "normal");
    let zstd = zstd::encode_all(&b"{\"a\":1}\n"[..], 1).unwrap();
    let (_folder, path) = file("x.zst", &zstd);
    assert_eq!(events(&path, Format::Auto), [json!({"a": 1})]);
}

/// Lines of all kinds, whole and torn.
fn lines() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "#separator \\x09",
        "#separator \\x2c",
        "#set_separator\t,",
        "#unset_field\t-",
        "#empty_field\t(empty)",
        "#path\tconn",
        "#fields\tts\tuid\tid.orig_h\tproto\tset",
        "#fields\tts\tuid",
        "#types\ttime\tstring\taddr\tenum\tset[string]",
        "#types\ttime\tstring",
        "#",
        "1.5\tC\t10.0.0.1\ttcp\ta,b",
        "1.5\tC\\x22\\xff\t-\t(empty)\t(empty)",
        "x\t",
        "StartTime,Dur,Proto,SrcAddr",
        "1,2,\"3,4\",5",
        "1,\"2",
        "srcaddr dstaddr protocol",
        "1.1.1.1 2.2.2.2 6",
        "{\"ts\":1}",
        "{",
        RECORD,
    ]);
    let cut = |(line, cut): (&str, prop::sample::Index)| line[..cut.index(line.len() + 1)].to_owned();
    prop_oneof![
        4 => known.clone().prop_map(str::to_owned),
        1 => (known, any::<prop::sample::Index>()).prop_map(cut),
        1 => "[\\PC\t]{0,30}",
    ]
}

proptest! {
    #[test]
    fn every_line_is_an_object_or_is_told(lines in prop::collection::vec(lines(), 0..30), format in 0..6_usize) {
        let (_folder, path) = file("lines", lines.join("\n").as_bytes());
        let formats = [Format::Auto, Format::Kdd, Format::Zeek, Format::Ndjson, Format::Csv, Format::Text];
        let mut events = open(&path, formats[format], start()).unwrap();
        while let Some(event) = events.next() {
            match event {
                Ok(event) => prop_assert!(serde_json::from_str::<Value>(&event).is_ok_and(|event| event.is_object()), "{}", event),
                Err(fault) => prop_assert!(fault.to_string().contains(&format!("line {}", events.line())), "{}", fault),
            }
        }
    }
}
