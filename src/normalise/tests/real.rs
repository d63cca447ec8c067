//! Real events: Zeek logs and the KDD-99 file of the shared data folder.

use std::io::Read;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use super::normaliser;
use crate::event::ReceivedTime;
use crate::features::{NAMES, Settings, Windows};
use crate::normalise::{Connection, FieldId, Record, Scalar, Transport, kdd};

/// The text of a compressed file of the shared data; none, said loudly, where that folder is not at hand.
fn shared(file: &str) -> Option<String> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let path = std::env::var_os("OVERSIGHT_SHARED").map_or_else(beside, PathBuf::from).join("data").join(file);
    let Ok(compressed) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there; set OVERSIGHT_SHARED to the shared folder", path.display());
        return None;
    };
    let mut text = String::new();
    MultiGzDecoder::new(&compressed[..]).read_to_string(&mut text).expect("a gzip file of text");
    Some(text)
}

/// Reads and measures every line; gives the connections.
fn connections(text: &str) -> Vec<Connection<'_>> {
    let mut normaliser = normaliser(&["source.ip", "network.bytes"]);
    let mut windows = Windows::new(&Settings::default());
    let mut found = Vec::new();
    for line in text.lines() {
        let view = normaliser.read(line.as_bytes()).expect("an event");
        if let Record::Connection(connection) = view.record {
            let time = view.time.expect("Zeek writes times");
            let features = windows.measure(&view.record, time).expect("a connection has features");
            assert!(features.numeric[19] >= 1.0 && features.numeric[28] >= 1.0, "{line}");
            assert!(matches!(view.field(FieldId(0)), Some(Scalar::Str(_))), "{line}");
            found.push(connection);
        }
        normaliser.recycle(view);
    }
    found
}

#[test]
fn every_zeek_connection_is_read_as_one() {
    for (file, lines, expected) in [
        ("stratosphere-zeek/002-zeek-scenario-port-scanning/conn.log.gz", 4504, 4504),
        ("stratosphere-zeek/slips-test9-mixed-zeek-dir/conn.log.gz", 576, 576),
        ("otrf-zeek/apt29_day1_combined_zeek.json.gz", 2140, 613),
    ] {
        let Some(text) = shared(file) else { return };
        assert_eq!(text.lines().count(), lines, "{file}");
        let found = connections(&text);
        assert_eq!(found.len(), expected, "{file}");
        for connection in &found {
            assert_ne!(connection.transport, Transport::Other, "{connection:?}");
            assert!(connection.source.port.is_some() && connection.destination.port.is_some(), "{connection:?}");
        }
    }
}

#[test]
fn other_zeek_logs_are_no_connections() {
    for log in ["dns", "notice", "ssl", "weird", "dpd", "files"] {
        let Some(text) = shared(&format!("wrccdc2018-zeek/zeek-json/{log}.json.gz")) else { return };
        assert!(text.lines().count() > 0, "{log}");
        assert!(connections(&text).is_empty(), "{log}");
    }
}

#[test]
fn a_port_scan_looks_like_one() {
    let Some(text) = shared("stratosphere-zeek/002-zeek-scenario-port-scanning/conn.log.gz") else { return };
    let mut normaliser = normaliser(&[]);
    let mut windows = Windows::new(&Settings::default());
    let mut loud = 0;
    for line in text.lines() {
        let view = normaliser.read(line.as_bytes()).expect("an event");
        let time = view.time.unwrap_or(ReceivedTime::from_micros(0).as_event_time());
        let features = windows.measure(&view.record, time).expect("a connection");
        // many refused or unanswered connections to one host, within two seconds
        loud += usize::from(features.numeric[19] > 50.0 && features.numeric[21] + features.numeric[23] > 0.8);
    }
    assert!(loud > 2000, "{loud} of 4504");
}

#[test]
fn kdd_rows_as_json_give_the_features_of_their_lines() {
    let Some(text) = shared("kdd99/kddcup.data_10_percent.gz") else { return };
    let mut normaliser = normaliser(&["label"]);
    for line in text.lines().take(20_000) {
        let expected = kdd::parse_line(line).expect("a KDD line");
        let members = NAMES.iter().zip(line.split(',')).map(|(name, value)| match *name {
            "protocol_type" | "service" | "flag" => format!("\"{name}\":\"{value}\""),
            _ => format!("\"{name}\":{value}"),
        });
        let members = members.collect::<Vec<_>>().join(",");
        let bodies = [
            format!("{{{members},\"label\":\"{}\"}}", expected.label.expect("labelled")),
            format!("{{\"kdd\":{{{members}}}}}"),
        ];
        for body in &bodies {
            let view = normaliser.read(body.as_bytes()).expect("an event");
            assert_eq!(view.record, Record::Kdd(expected.features), "{line}");
            assert_eq!(view.unusable.count(), 0);
            normaliser.recycle(view);
        }
    }
}
