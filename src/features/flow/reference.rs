//! The flow features once more, plainly: every connection is kept and looked through each time. Test only.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, proptest};

use super::{FEATURES, FlowSettings, FlowVector, FlowWindows, LENGTHS, NameShape, place};
use crate::event::EventTime;
use crate::features::symbols::{FLAGS, Symbol, Symbols};
use crate::normalise::{Address, Approximated, Connection, Content, Endpoint, Record, Sides, Transport};

/// One connection as it is made up.
#[derive(Debug, Clone)]
struct Made {
    step_micros: i64,
    hosts: [u8; 2],
    port: u16,
    flag: u8,
    bytes: u32,
}

fn made() -> impl Strategy<Value = Made> {
    let step = prop::sample::select(vec![0, 1_000, 900_000, 10_000_000, 59_000_000, 130_000_000, -500_000]);
    (step, any::<[u8; 2]>(), 0..9_u16, any::<u8>(), 0..5000_u32).prop_map(|(step_micros, hosts, port, flag, bytes)| {
        Made { step_micros, hosts: hosts.map(|host| host % 7), port, flag, bytes }
    })
}

impl Made {
    fn flag(&self) -> &'static str {
        FLAGS[usize::from(self.flag) % FLAGS.len()]
    }

    fn failed(&self) -> bool {
        matches!(self.flag(), "S0" | "SH" | "REJ" | "RSTOS0")
    }

    fn ending(&self) -> &'static str {
        match self.flag() {
            "S1" | "S2" | "S3" => "open",
            "S0" | "SH" => "unanswered",
            "RSTO" | "RSTR" | "RSTOS0" => "reset",
            other => other,
        }
    }

    fn connection(&self) -> Connection<'static> {
        const NAMES: [&str; 7] = ["10.0.0.1", "10.0.0.2", "::1", "name", "10.9.9.9", "10.9.9.8", "2001:db8::1"];
        let host = |host: u8, port, bytes| Endpoint {
            address: Address::of(NAMES[usize::from(host)]),
            port: Some(port),
            bytes: Some(bytes),
            packets: Some(3),
        };
        Connection {
            source: host(self.hosts[0], 4000, u64::from(self.bytes)),
            destination: host(self.hosts[1], self.port, 100),
            transport: Transport::Tcp,
            application: None,
            symbols: Symbols { flag: Symbol::of(FLAGS, self.flag()), ..Symbols::MISSING },
            duration: Some(2.0),
            state: None,
            number: None,
            start: None,
            history: None,
            name: None,
            content: Content::UNSEEN,
            approximated: Approximated::default(),
            sides: Sides::Whole,
        }
    }
}

/// What is kept of each.
struct Kept {
    seconds: f64,
    tick: i64,
    made: Made,
}

/// The features of the last of `all`, for a window.
fn plain(all: &[Kept], window: usize) -> Vec<f64> {
    let last = all.last().expect("one");
    let length = f64::from(LENGTHS[window]);
    let weight = |kept: &Kept| (-(last.seconds - kept.seconds) / length).exp();
    let recent = |kept: &&Kept| last.tick - kept.tick <= (length * 10.0) as i64;
    let side = |end: usize| {
        let of: Vec<&Kept> = all.iter().filter(|kept| kept.made.hosts[end] == last.made.hosts[end]).collect();
        let count: f64 = of.iter().map(|kept| weight(kept)).sum();
        let failed: f64 = of.iter().filter(|kept| kept.made.failed()).map(|kept| weight(kept)).sum();
        let bytes: f64 = of.iter().map(|kept| weight(kept) * f64::from(kept.made.bytes)).sum();
        let peers: BTreeSet<u8> = of.iter().copied().filter(recent).map(|kept| kept.made.hosts[1 - end]).collect();
        let ports: BTreeSet<u16> = of.iter().copied().filter(recent).map(|kept| kept.made.port).collect();
        [count, failed / count, bytes, peers.len() as f64, ports.len() as f64]
    };
    let same = |kept: &&Kept| kept.made.hosts == last.made.hosts && kept.made.port == last.made.port;
    let pair: f64 = all.iter().filter(same).map(weight).sum();
    let sent: f64 = all.iter().filter(same).map(|kept| weight(kept) * f64::from(kept.made.bytes)).sum();
    let of_hosts = all.iter().filter(|kept| kept.made.hosts == last.made.hosts).filter(recent);
    let ports: BTreeSet<u16> = of_hosts.map(|kept| kept.made.port).collect();
    let of_service = |kept: &&Kept| kept.made.hosts[0] == last.made.hosts[0] && kept.made.port == last.made.port;
    let called: Vec<&Kept> = all.iter().filter(of_service).collect();
    let count: f64 = called.iter().map(|kept| weight(kept)).sum();
    let failed: f64 = called.iter().filter(|kept| kept.made.failed()).map(|kept| weight(kept)).sum();
    let hosts: BTreeSet<u8> = called.iter().copied().filter(recent).map(|kept| kept.made.hosts[1]).collect();
    let service = [count, failed / count, hosts.len() as f64];
    [&side(0)[..], &side(1), &[pair, sent, ports.len() as f64], &service].concat()
}

/// Of the last of `all`: what its pair sent, the mean of the last 8 or so, how many failed, and how many before it ended as it did.
fn followed(all: &[Kept]) -> [(&'static str, f64); 3] {
    let last = &all.last().expect("one").made;
    let pair: Vec<&Made> =
        all.iter().map(|kept| &kept.made).filter(|made| made.hosts == last.hosts && made.port == last.port).collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        (1..)
            .zip(values)
            .fold(0.0, |mean, (count, value)| mean + f64::max(0.125, 1.0 / f64::from(count)) * (value - mean))
    };
    let truth = |is: bool| f64::from(u8::from(is));
    let before = pair.len() - 1;
    [
        ("flow_pair_mean_bytes_out", mean(&mut pair.iter().map(|made| f64::from(made.bytes)))),
        ("flow_pair_failed", mean(&mut pair.iter().map(|made| truth(made.failed())))),
        (
            "flow_pair_same_ending",
            match before {
                0 => f64::NAN,
                _ => mean(&mut pair[..before].iter().map(|made| truth(made.ending() == last.ending()))),
            },
        ),
    ]
}

fn at(micros: i64) -> EventTime {
    EventTime::from_micros(micros).expect("a sane time")
}

fn measured(windows: &mut FlowWindows, connection: &Connection<'_>, micros: i64) -> FlowVector {
    windows.measure(&Record::Connection(*connection), at(micros)).expect("a connection")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn windows_agree_with_the_plain_way(all in prop::collection::vec(made(), 1..100)) {
        let mut windows = FlowWindows::new(&FlowSettings::default());
        let mut kept: Vec<Kept> = Vec::new();
        let first = 1_600_000_000_000_000;
        let (mut micros, mut clock) = (first, first);
        for (place, made) in all.into_iter().enumerate() {
            micros += made.step_micros;
            // a first event is on time by definition
            if place == 0 {
                micros = first;
            }
            clock = clock.max(micros);
            let vector = measured(&mut windows, &made.connection(), micros);
            kept.push(Kept { seconds: (clock - first) as f64 / 1e6, tick: (clock - first) / 100_000, made });
            for window in 0..3 {
                let start = super::WINDOWS.start + window * super::names::OF_WINDOW;
                for (offset, expected) in plain(&kept, window).into_iter().enumerate() {
                    let (found, name) = (f64::from(vector.0[start + offset]), FEATURES[start + offset].name);
                    // one of nine ports may share a place with another one once they are more than are counted by themselves
                    let counted = ["services", "hosts", "ports"].iter().any(|what| name.contains(what));
                    let slack = if counted { 1.0 } else { 1e-3 * expected.abs() + 1e-3 };
                    prop_assert!((found - expected).abs() <= slack, "{}: {} and not {}", name, found, expected);
                }
            }
            for (name, expected) in followed(&kept) {
                let found = f64::from(vector.named(name).expect("a feature"));
                let alike = (found - expected).abs() <= 1e-3 * expected.abs() + 1e-3 || found.is_nan() && expected.is_nan();
                prop_assert!(alike, "{}: {} and not {}", name, found, expected);
            }
        }
    }

    #[test]
    fn any_bounds_and_clocks_give_features_in_range(
        all in prop::collection::vec((made(), any::<i64>()), 1..200), hosts in 1..4_usize, pairs in 1..4_usize,
    ) {
        let settings = FlowSettings { hosts, pairs, lateness: std::time::Duration::from_secs(1) };
        let mut windows = FlowWindows::new(&settings);
        for (made, micros) in &all {
            let micros = micros.rem_euclid(200_000_000_000_000_000) - 60_000_000_000_000_000;
            let vector = measured(&mut windows, &made.connection(), micros);
            let held = windows.held();
            prop_assert!(held[0] <= hosts && held[1] <= hosts && held[2] <= pairs && held[3] <= hosts && held[4] <= pairs);
            for (value, feature) in vector.0.iter().zip(FEATURES) {
                let most = if feature.unit.starts_with('0') { 1.0 } else { f32::INFINITY };
                prop_assert!(value.is_nan() || (0.0..=most).contains(value), "{} is {}", feature.name, value);
            }
        }
    }
}

#[test]
fn a_connection_by_itself_has_the_features_worked_out_by_hand() {
    let made = Made { step_micros: 0, hosts: [0, 1], port: 80, flag: 9, bytes: 300 };
    let connection = Connection { history: Some("^ShADadTFf"), name: NameShape::of("a1.example"), ..made.connection() };
    let vector = measured(&mut FlowWindows::new(&FlowSettings::default()), &connection, 0);
    for (name, expected) in [
        ("flow_duration", 2.0),
        ("flow_bytes_out", 300.0),
        ("flow_bytes_out_rate", 150.0),
        ("flow_packets_in_rate", 1.5),
        ("flow_packet_bytes_out", 100.0),
        ("flow_bytes_share", 0.75),
        ("flow_packets_share", 0.5),
        ("flow_finished", 1.0),
        ("flow_unanswered", 0.0),
        ("flow_has_repeats", 1.0),
        ("flow_has_gaps", 0.0),
        ("flow_was_turned", 1.0),
        ("flow_is_midway", 0.0),
        ("flow_originator_connections_10s", 1.0),
        ("flow_responder_hosts_1h", 1.0),
        ("flow_pair_bytes_2m", 300.0),
        ("flow_pair_ports_10s", 1.0),
        ("flow_pair_mean_duration", 2.0),
        ("flow_service_hosts_1h", 1.0),
        ("flow_name_length", 10.0),
        ("flow_name_labels", 2.0),
        ("flow_name_digits", 0.1),
    ] {
        assert_eq!(vector.named(name), Some(expected), "{name}");
    }
    assert!(vector.named("flow_pair_interval").is_some_and(f32::is_nan), "there was none before");
}

#[test]
fn the_other_side_of_a_connection_is_not_another_one() {
    let made = Made { step_micros: 0, hosts: [0, 1], port: 80, flag: 9, bytes: 300 };
    let mut windows = FlowWindows::new(&FlowSettings::default());
    let first = Connection { sides: Sides::First, ..made.connection() };
    let second = Connection { sides: Sides::Second, ..made.connection() };
    measured(&mut windows, &first, 0);
    let vector = measured(&mut windows, &second, 0);
    for name in ["flow_originator_connections_10s", "flow_responder_connections_1h", "flow_pair_connections_2m"] {
        assert_eq!(vector.named(name), Some(1.0), "{name}");
    }
    let alone = measured(&mut FlowWindows::new(&FlowSettings::default()), &second, 0);
    assert_eq!(alone.named("flow_originator_connections_10s"), Some(1.0), "the first one was forgotten");
}

#[test]
fn neither_addresses_nor_ports_nor_the_time_of_day_show() {
    let schedule: Vec<Made> = (0..200_u32)
        .map(|step| Made {
            step_micros: i64::from(step * 7919 % 3_000_000),
            hosts: [(step % 5) as u8, (step * 3 % 4) as u8],
            port: (step * 11 % 6) as u16,
            flag: (step % 11) as u8,
            bytes: step * 31,
        })
        .collect();
    // the same with other hosts, ports and days gives the same features
    let features = |shift: u8, port: u16, day: i64| {
        let mut windows = FlowWindows::new(&FlowSettings::default());
        let mut micros = day * 86_400_000_000 + 12_345;
        let of = |made: &Made| {
            micros += made.step_micros;
            let moved =
                Made { hosts: made.hosts.map(|host| (host + shift) % 7), port: made.port + port, ..made.clone() };
            measured(&mut windows, &moved.connection(), micros).0.map(f32::to_bits)
        };
        schedule.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(features(0, 0, 100), features(2, 40_000, 19_000));
}

#[test]
fn a_scan_of_millions_forgets_those_that_are_scanned_and_counts_the_one_who_scans() {
    let settings = FlowSettings { hosts: 1000, pairs: 1000, ..FlowSettings::default() };
    let mut windows = FlowWindows::new(&settings);
    let made = Made { step_micros: 0, hosts: [0, 1], port: 445, flag: 5, bytes: 0 };
    let mut vector = FlowVector::MISSING;
    for number in 0..200_000_u32 {
        let target = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number).into();
        let mut connection = made.connection();
        connection.destination.address = Address::Ip(target);
        vector = measured(&mut windows, &connection, i64::from(number) * 10);
    }
    assert_eq!(windows.held(), [1, 1000, 1000, 1000, 1]);
    let of = |name: &str| vector.0[place(name).expect("a feature")];
    assert!(of("flow_originator_connections_2m") > 190_000.0 && of("flow_originator_failed_2m") == 1.0);
    assert_eq!((of("flow_originator_hosts_10s"), of("flow_originator_services_1h")), (1420.0, 1.0));
    assert_eq!(of("flow_responder_connections_1h"), 1.0);
    assert_eq!(
        (of("flow_service_hosts_1h"), of("flow_service_failed_10s")),
        (1420.0, 1.0),
        "one service of all of them"
    );
}

#[test]
fn who_goes_from_host_to_host_is_told_from_who_goes_from_port_to_port_and_from_who_does_neither() {
    let of = |hosts: u32, ports: u16| {
        let mut windows = FlowWindows::new(&FlowSettings::default());
        let made = Made { step_micros: 0, hosts: [0, 1], port: 0, flag: 5, bytes: 0 };
        let mut vector = FlowVector::MISSING;
        for number in 0..60_u32 {
            let mut connection = made.connection();
            connection.destination.address = Address::Ip(std::net::Ipv4Addr::from_bits(number % hosts).into());
            connection.destination.port = Some(number as u16 % ports);
            vector = measured(&mut windows, &connection, i64::from(number) * 1_000);
        }
        ["flow_service_hosts_10s", "flow_pair_ports_10s"].map(|name| vector.named(name).expect("a feature") > 8.0)
    };
    assert_eq!(of(60, 1), [true, false]);
    assert_eq!(of(1, 60), [false, true]);
    assert_eq!(of(60, 60), [false, false], "each host on a port of its own, as those who share files are called");
}

#[test]
fn bytes_that_nobody_tells_are_missing_in_sums_as_well() {
    let made = Made { step_micros: 0, hosts: [0, 1], port: 80, flag: 9, bytes: 300 };
    let mut connection = made.connection();
    connection.source.bytes = None;
    let vector = measured(&mut FlowWindows::new(&FlowSettings::default()), &connection, 0);
    for (feature, value) in FEATURES.iter().zip(vector.0) {
        let of_originator = feature.name.contains("bytes") && !feature.name.contains("bytes_in");
        assert!(!of_originator || value.is_nan(), "{} is {value}", feature.name);
    }
}
