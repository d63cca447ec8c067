//! What is wrong with an event has the effect that docs/dialects.md states, row by row, and never another one.

use std::path::Path;

use oversight::event::{EventTime, ReceivedTime};
use oversight::features::{Settings, Windows};
use oversight::normalise::records::{self, Format};
use oversight::normalise::{Connection, Normaliser, Record, community_id};
use serde_json::{Value, json};

/// A connection of Zeek with these members instead of its own; `null` takes one away.
fn zeek(changes: Value) -> Value {
    let mut event = json!({
        "ts": 1_700_000_000.5, "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": 40_000, "id.resp_h": "10.0.0.2", "id.resp_p": 80,
        "proto": "tcp", "conn_state": "SF", "duration": 2.5, "orig_bytes": 10, "resp_bytes": 20, "orig_pkts": 4, "resp_pkts": 3,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(event.as_object_mut().unwrap().remove(name)),
            value => event[name] = value.clone(),
        }
    }
    event
}

fn told<T>(event: &Value, told: impl FnOnce(&Connection<'_>, Option<EventTime>) -> T) -> T {
    let body = event.to_string();
    let mut normaliser = Normaliser::new(&[]);
    let view = normaliser.read(body.as_bytes()).unwrap();
    let Record::Connection(connection) = &view.record else { panic!("a connection all the same: {body}") };
    told(connection, view.time)
}

/// The events of a file of these lines, and the faults that were told.
fn file(lines: &str) -> (Vec<Value>, Vec<String>) {
    let reader = Box::new(std::io::Cursor::new(lines.as_bytes().to_vec()));
    let epoch = ReceivedTime::from_micros(0).as_event_time();
    let (mut events, mut faults) = (Vec::new(), Vec::new());
    for event in records::of_reader(reader, Path::new("conn.log"), Format::Auto, epoch).unwrap() {
        match event {
            Ok(event) => events.push(serde_json::from_str(&event).unwrap()),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    (events, faults)
}

const HEADER: &str = "#separator \\x09\n#unset_field\t-\n#empty_field\t(empty)\n#path\tconn\n\
    #fields\tts\tuid\tid.orig_h\tid.resp_h\tproto\tduration\torig_bytes\tconn_state\thistory\n\
    #types\ttime\tstring\taddr\taddr\tenum\tinterval\tcount\tstring\tstring\n";

#[test]
fn a_torn_line_and_one_with_too_many_values_are_told_and_those_behind_are_read() {
    let lines = "1.5\tC1\t10.0.0.1\t10.0.0.2\ttcp\t1\n\
                 1.5\tC2\t10.0.0.1\t10.0.0.2\ttcp\t1\t2\tSF\tS\tmore\n\
                 1.5\tC3\t10.0.0.1\t10.0.0.2\ttcp\t1\t2\tSF\tS\n1.5\tC4\t10.0";
    let (events, faults) = file(&format!("{HEADER}{lines}"));
    assert_eq!((events.len(), events[0]["uid"].as_str()), (1, Some("C3")));
    let expected = ["line 7: 6 values", "line 8: 10 values", "line 10: 3 values"];
    assert_eq!(faults.len(), 3);
    assert!(faults.iter().zip(expected).all(|(fault, words)| fault.contains(words)), "{faults:?}");
}

#[test]
fn other_fields_in_mid_file_count_from_there_on_with_their_types_or_without() {
    let other =
        "#fields\tproto\tuid\tid.resp_h\tid.orig_h\tconn_state\tduration\nudp\tC2\t10.0.0.4\t10.0.0.3\tS0\t7.5\n";
    let (events, faults) = file(&format!("{HEADER}1.5\tC1\t10.0.0.1\t10.0.0.2\ttcp\t1\t2\tSF\tS\n{other}"));
    assert!(faults.is_empty() && events.len() == 2, "{faults:?}");
    told(&events[1], |connection, _| {
        assert_eq!((connection.state, connection.duration), (Some("S0"), Some(7.5)));
    });
}

#[test]
fn marks_for_nothing_are_missing_and_not_zero() {
    let (events, faults) = file(&format!("{HEADER}1.5\tC1\t10.0.0.1\t10.0.0.2\ttcp\t3\t-\tSF\t(empty)\n"));
    assert!(faults.is_empty(), "{faults:?}");
    told(&events[0], |connection, _| {
        assert_eq!((connection.source.bytes, connection.source.port, connection.history), (None, None, None));
    });
    told(&zeek(json!({"orig_bytes": "-", "history": "(empty)", "service": ""})), |connection, _| {
        assert_eq!((connection.source.bytes, connection.history, connection.application), (None, None, None));
    });
}

#[test]
fn a_value_that_is_not_of_its_type_stays_a_text_and_loses_only_itself() {
    let (events, faults) = file(&format!("{HEADER}XXXX\tC1\t10.0.0.1\t10.0.0.2\ttcp\tsoon\tmany\tSF\tS\n"));
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!((&events[0]["ts"], &events[0]["orig_bytes"]), (&json!("XXXX"), &json!("many")));
    told(&events[0], |connection, time| {
        // the pipeline puts the time of receipt in its place
        assert_eq!((time, connection.start, connection.duration, connection.source.bytes), (None, None, None, None));
    });
}

#[test]
fn a_duration_that_is_missing_negative_or_in_another_unit_does_no_harm() {
    let duration = |event: &Value| told(event, |connection, _| connection.duration);
    assert_eq!(duration(&zeek(json!({"duration": null}))), Some(0.0), "one packet, as Zeek means it");
    assert_eq!(duration(&zeek(json!({"duration": -3.0}))), None);
    let eve = |flow: Value| json!({"event_type": "flow", "src_ip": "10.0.0.1", "dest_ip": "10.0.0.2", "proto": "UDP", "flow": flow});
    assert_eq!(duration(&eve(json!({"pkts_toserver": 1}))), None);
    let (early, late) = ("2026-11-22T10:00:00.000000+0000", "2026-11-22T10:00:02.500000+0000");
    assert_eq!(duration(&eve(json!({"start": early, "end": late, "age": 99}))), Some(2.5));
    assert_eq!(duration(&eve(json!({"start": late, "end": early}))), None);
    let ecs = |event: Value| {
        json!({"source": {"ip": "10.0.0.1", "packets": 1}, "destination": {"ip": "10.0.0.2", "packets": 1},
               "network": {"transport": "tcp"}, "event": event})
    };
    // milliseconds where nanoseconds belong: the times decide
    assert_eq!(
        duration(&ecs(json!({"duration": 2500, "start": "2026-11-22T10:00:00Z", "end": "2026-11-22T10:00:02.5Z"}))),
        Some(2.5)
    );
    for start in [json!(1.7e9), json!(1.7e12), json!(1.7e15), json!(1.7e18), json!("2023-11-14T22:13:20Z")] {
        let micros = told(&zeek(json!({"ts": start})), |connection, _| connection.start.map(EventTime::micros));
        assert_eq!(micros, Some(1_700_000_000_000_000), "{start}");
    }
}

#[test]
fn a_name_is_a_host_like_any_other_and_what_makes_no_sense_is_missing() {
    told(&zeek(json!({"id.resp_h": "printer.example"})), |connection, _| {
        assert!(community_id(connection).is_none() && connection.source.bytes == Some(10));
    });
    let odd =
        json!({"id.orig_p": 70_000, "id.resp_p": -1, "orig_bytes": -5, "resp_pkts": "x", "id.orig_h": "999.1.1.1"});
    told(&zeek(odd), |connection, _| {
        assert_eq!((connection.source.port, connection.destination.port), (None, None));
        assert_eq!((connection.source.bytes, connection.destination.packets), (None, None));
    });
}

#[test]
fn late_events_count_now_and_a_clock_that_goes_back_is_followed() {
    let mut windows = Windows::new(&Settings::default());
    let mut normaliser = Normaliser::new(&[]);
    let mut count = |second: f64| {
        let body = zeek(json!({"ts": second})).to_string();
        let view = normaliser.read(body.as_bytes()).unwrap();
        windows.measure(&view.record, view.time.unwrap()).unwrap().numeric[19]
    };
    assert_eq!([1e9, 1e9 + 1.0, 1e9 - 300.0, 1e9 + 0.5].map(&mut count), [1.0, 2.0, 3.0, 4.0]);
    // one that is more than ten minutes late is late; 64 in a row are another time
    let counts: Vec<f32> = (0..80).map(|number| count(9e8 + f64::from(number))).collect();
    assert!(counts[..63].iter().all(|count| *count > 4.0), "{counts:?}");
    assert_eq!(counts[79], 3.0, "only those of the last two seconds of the new time");
}

#[test]
fn reversed_flows_are_turned_where_that_can_be_told() {
    let ports = |event: &Value| told(event, |connection, _| (connection.source.port, connection.destination.port));
    let argus = json!({"StartTime": "2018/12/18 14:00:00.5", "Dur": 1, "Proto": "tcp", "SrcAddr": "10.0.0.2", "Sport": 80,
        "Dir": "<-", "DstAddr": "10.0.0.1", "Dport": 40_000, "State": "FSPA_FSPA", "TotPkts": 9, "TotBytes": 900, "SrcBytes": 400});
    assert_eq!(ports(&argus), (Some(40_000), Some(80)));
    let netflow = json!({"netflow": {"version": 5, "ipv4_src_addr": "10.0.0.2", "l4_src_port": 80, "ipv4_dst_addr": "10.0.0.1",
        "l4_dst_port": 40_000, "protocol": 6, "tcp_flags": 0x1b, "in_bytes": 400, "in_pkts": 4}});
    assert_eq!(ports(&netflow), (Some(40_000), Some(80)));
    let turned = zeek(json!({"id.orig_p": 80, "id.resp_p": 40_000}));
    assert_eq!(ports(&turned), (Some(80), Some(40_000)), "Zeek has seen who began");
}
