//! The traffic as a whole: reproducible, in order, consistent in itself, with what was asked for in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

fn settings() -> Settings {
    Settings::ending(EventTime::parse_rfc3339("2026-11-22T12:00:00Z").unwrap())
}

fn traffic(settings: Settings) -> Vec<(Simulated, Value)> {
    let parse = |event: Simulated| {
        let value = serde_json::from_str(&event.json).unwrap();
        (event, value)
    };
    Traffic::new(settings).map(parse).collect()
}

fn number(event: &Value, key: &str) -> Option<u64> {
    event.get(key).map(|value| value.as_u64().unwrap_or_else(|| panic!("{key} in {event}")))
}

#[test]
fn the_defaults_give_about_60_000_events_of_one_day_in_order() {
    let settings = settings();
    let (start, end) = (settings.start.micros(), settings.end_micros());
    let times: Vec<i64> = Traffic::new(settings).map(|event| event.time.micros()).collect();
    assert!((54_000..66_000).contains(&times.len()), "{}", times.len());
    assert!(times.is_sorted());
    assert!(times[0] >= start && *times.last().unwrap() < end);
    assert!(end - times.last().unwrap() < 60_000_000, "traffic goes on to the end");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let short = |seed| Settings { seed, duration: Duration::from_secs(1_800), ..settings() };
    let first: Vec<Simulated> = Traffic::new(short(7)).collect();
    assert_eq!(first, Traffic::new(short(7)).collect::<Vec<_>>());
    assert_ne!(first, Traffic::new(short(8)).collect::<Vec<_>>());
}

#[test]
fn the_same_day_comes_whenever_it_is_asked_for() {
    let told = |hours: i64| {
        let later = EventTime::from_micros(settings().end_micros() + hours * 3_600_000_000).expect("a time");
        let without_times = |(_, mut event): (Simulated, Value)| {
            let fields = event.as_object_mut().expect("an object");
            assert!(fields.remove("ts").is_some() && fields.remove("@timestamp").is_some());
            event
        };
        traffic(Settings::ending(later)).into_iter().map(without_times).collect::<Vec<_>>()
    };
    let day = told(0);
    // an hour of the day that is noon in the office may be any on the clock
    assert!(day == told(7) && day == told(1), "it depends on the clock");
}

#[test]
fn each_scenario_is_there_as_often_as_it_should_be_and_within_the_last_hours() {
    let settings = settings();
    let end = settings.end_micros();
    let mut counts: BTreeMap<Scenario, u64> = BTreeMap::new();
    for event in Traffic::new(settings) {
        let Some(scenario) = event.scenario else { continue };
        *counts.entry(scenario).or_default() += 1;
        let before_end = Duration::from_micros(u64::try_from(end - event.time.micros()).unwrap());
        let longest = if scenario == Scenario::Exfiltration { 9 } else { 6 };
        assert!(before_end <= Duration::from_secs(longest * 3_600), "{scenario:?} {before_end:?}");
    }
    assert_eq!(counts[&Scenario::PortScan], 1_200);
    assert_eq!(counts[&Scenario::SynFlood], 4_000);
    assert_eq!(counts[&Scenario::PasswordGuessing], 600);
    assert_eq!(counts[&Scenario::Exfiltration], 10);
    assert!((350..=370).contains(&counts[&Scenario::Beacon]), "{counts:?}");
}

#[test]
fn leaving_a_scenario_out_changes_nothing_else() {
    let some = |scenarios: &[Scenario]| {
        let settings = Settings { scenarios: scenarios.to_vec(), ..settings() };
        let record = |event: Simulated| {
            let mut value: Value = serde_json::from_str(&event.json).unwrap();
            value["uid"] = Value::Null;
            value
        };
        Traffic::new(settings).filter(|event| event.scenario.is_none()).map(record).collect::<Vec<_>>()
    };
    assert_eq!(some(&[]), some(&[Scenario::SynFlood, Scenario::Beacon]));
}

#[test]
fn a_scan_knocks_at_many_ports_of_one_host_and_a_flood_at_one_port_within_seconds() {
    let mut ports = BTreeSet::new();
    let mut flood = Vec::new();
    for (event, value) in traffic(settings()) {
        match event.scenario {
            Some(Scenario::PortScan) => {
                ports.insert(number(&value, "id.resp_p").unwrap());
                assert!(["REJ", "S0", "RSTO"].contains(&value["conn_state"].as_str().unwrap()));
            }
            Some(Scenario::SynFlood) => {
                assert_eq!((&value["conn_state"], &value["id.resp_p"]), (&"S0".into(), &80.into()));
                flood.push(event.time.micros());
            }
            _ => {}
        }
    }
    assert_eq!(ports.len(), 1_200);
    assert!(flood[flood.len() - 1] - flood[0] < 10_000_000);
}

#[test]
fn a_beacon_calls_once_a_minute_with_equal_sizes_and_gigabytes_leave_at_night() {
    let mut calls = Vec::new();
    let mut out = 0;
    for (event, value) in traffic(settings()) {
        match event.scenario {
            Some(Scenario::Beacon) => {
                assert_eq!((number(&value, "orig_bytes"), number(&value, "resp_bytes")), (Some(412), Some(188)));
                calls.push(event.time.micros());
            }
            Some(Scenario::Exfiltration) => {
                assert!(event.json.contains("T03:"), "{}", event.json);
                out += number(&value, "orig_bytes").unwrap();
            }
            _ => {}
        }
    }
    assert!(out > 2_000_000_000, "{out}");
    for pair in calls.windows(2) {
        assert!((57_000_000..=63_000_000).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
}

#[test]
fn people_work_by_day() {
    let background = Settings { scenarios: Vec::new(), ..settings() };
    let mut hours = [0_u32; 24];
    for event in Traffic::new(background) {
        hours[usize::try_from(event.time.seconds() / 3_600 % 24).unwrap()] += 1;
    }
    assert!(hours[10] > 3 * hours[3], "{hours:?}");
    assert!(hours.iter().all(|count| *count > 100), "machines never sleep: {hours:?}");
}

#[test]
fn sizes_have_a_heavy_tail() {
    let background = Settings { scenarios: Vec::new(), ..settings() };
    let mut sizes: Vec<u64> = traffic(background)
        .iter()
        .filter_map(|(_, event)| number(event, "resp_bytes"))
        .filter(|size| *size > 0)
        .collect();
    sizes.sort_unstable();
    let (middle, top) = (sizes[sizes.len() / 2], sizes[sizes.len() * 999 / 1000]);
    assert!(top > 200 * middle, "{middle} {top}");
}

/// What Zeek's own records never break.
fn check(event: &Value) {
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
    let known = |key: &str| number(event, key).unwrap_or_else(|| panic!("no {key} in {event}"));
    let (protocol, state, history) = (text("proto"), text("conn_state"), text("history"));
    let (orig, resp) = (known("orig_pkts"), known("resp_pkts"));
    let sent = number(event, "orig_bytes");
    let received = number(event, "resp_bytes");
    let headers = if protocol == "tcp" { 40 } else { 28 };
    let single = orig + resp == 1;
    assert_eq!(event.get("duration").is_none(), single, "{event}");
    assert_eq!((sent.is_none(), received.is_none()), (single, single), "{event}");
    assert!(event["duration"].as_f64().unwrap_or(0.0) >= 0.0, "{event}");
    assert!(known("orig_ip_bytes") >= sent.unwrap_or(0) + headers * orig, "{event}");
    assert!(known("resp_ip_bytes") >= received.unwrap_or(0) + headers * resp, "{event}");
    assert!(sent.unwrap_or(0) <= 1460 * orig && received.unwrap_or(0) <= 1460 * resp, "{event}");
    if protocol != "icmp" {
        // the one packet of an unanswered datagram is not counted, but it carried something
        let carried = sent.unwrap_or(u64::from(protocol == "udp")) > 0;
        assert_eq!(history.contains('D'), carried, "{event}");
        assert_eq!(history.contains('d'), received.unwrap_or(0) > 0, "{event}");
    }
    match (protocol, state) {
        ("tcp", "S0") => assert!(history == "S" && resp == 0 && sent.unwrap_or(0) == 0, "{event}"),
        ("tcp", "REJ") => assert!(history == "Sr" && resp > 0 && received == Some(0), "{event}"),
        ("tcp", "SF") => {
            assert!(history.starts_with("ShA") && history.contains('f') && history.contains('F'), "{event}")
        }
        ("tcp", "S1") => assert!(history.starts_with("ShA") && !history.contains(['f', 'F', 'r', 'R']), "{event}"),
        ("tcp", "RSTO") => assert!(history.ends_with('R'), "{event}"),
        ("tcp", "RSTR") => assert!(history.ends_with('r'), "{event}"),
        ("udp", "SF") => assert!(history == "Dd" && resp > 0, "{event}"),
        ("udp", "S0") => assert!(history == "D" && resp == 0, "{event}"),
        ("icmp", "OTH") => assert!(event.get("history").is_none() && event.get("service").is_none(), "{event}"),
        other => panic!("{other:?} in {event}"),
    }
}

/// Somebody outside tries a port that the office does not offer.
fn is_knock(record: &Value) -> bool {
    record["local_orig"] == false && ![80, 443].map(Value::from).contains(&record["id.resp_p"])
}

#[test]
fn every_record_is_one_that_zeek_could_have_written() {
    let mut seen = BTreeSet::new();
    let mut uids = BTreeSet::new();
    let mut total = 0;
    for (event, value) in traffic(settings()) {
        check(&value);
        assert_eq!(value["@timestamp"], event.time.to_string());
        assert!((value["ts"].as_f64().unwrap() - event.time.micros() as f64 / 1e6).abs() < 1e-5);
        for address in ["id.orig_h", "id.resp_h"] {
            value[address].as_str().unwrap().parse::<std::net::Ipv4Addr>().unwrap();
        }
        let ordinary = || if is_knock(&value) { "knocking" } else { "background" };
        assert_eq!(value["labels"]["scenario"], event.scenario.map_or_else(ordinary, Scenario::name), "{value}");
        seen.insert((value["proto"].to_string(), value["conn_state"].to_string(), value["service"].to_string()));
        uids.insert(value["uid"].to_string());
        total += 1;
    }
    assert_eq!(uids.len(), total);
    assert!(seen.len() > 20, "a variety of services and states: {seen:?}");
}

#[test]
fn a_short_span_holds_all_scenarios_too() {
    let settings = Settings { duration: Duration::from_secs(600), rate: 5.0, hosts: 1, ..settings() };
    let found: BTreeSet<Scenario> = Traffic::new(settings).filter_map(|event| event.scenario).collect();
    assert_eq!(found.len(), Scenario::ALL.len());
}

#[test]
fn traffic_is_the_same_at_any_time_of_any_day_but_for_when_it_lies() {
    let lie = |end: &str| {
        let settings = Settings::ending(EventTime::parse_rfc3339(end).unwrap());
        let start = settings.start.micros();
        Traffic::new(settings).map(move |event| (event.time.micros() - start, event.scenario)).collect::<Vec<_>>()
    };
    assert_eq!(lie("2026-11-22T12:00:00Z"), lie("2027-02-28T03:44:59.9Z"));
}
