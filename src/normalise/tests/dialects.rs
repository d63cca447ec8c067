//! Each dialect by hand-made records, and whatever senders may write in their place.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof, proptest};
use serde_json::{Map, Value, json};

use super::super::slots::PATHS_OF_DIALECTS;
use super::super::{Address, Connection, Dialect, Normaliser, Record, Sides};
use crate::features::symbols::{FLAGS, SERVICES};

/// What is told of a connection: source and its port, destination and its port, payload each way, seconds, flag, service.
type Told =
    (String, Option<u16>, String, Option<u16>, Option<u64>, Option<u64>, Option<f64>, &'static str, &'static str);

fn told(event: &Value, dialect: Dialect) -> Option<Told> {
    let mut normaliser = Normaliser::new(&[]);
    let body = event.to_string();
    let view = normaliser.read(body.as_bytes()).expect("valid");
    assert_eq!(view.dialect, dialect, "{event}");
    match view.record {
        Record::Connection(connection) => Some(tell(&connection)),
        _ => None,
    }
}

fn tell(connection: &Connection<'_>) -> Told {
    let name = |address: Address<'_>| match address {
        Address::Ip(ip) => ip.to_string(),
        Address::Name(name) => name.to_owned(),
    };
    let Connection { source, destination, duration, symbols, .. } = connection;
    (
        name(source.address),
        source.port,
        name(destination.address),
        destination.port,
        source.bytes,
        destination.bytes,
        *duration,
        symbols.flag.word(FLAGS),
        symbols.service.word(SERVICES),
    )
}

fn with(mut event: Value, changes: Value) -> Value {
    let members = event.as_object_mut().expect("an object");
    members.extend(changes.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    event
}

fn eve() -> Value {
    json!({
        "timestamp": "2021-06-06T15:57:37.272281+0200", "flow_id": 1_319_150_963_830_668_u64, "event_type": "flow",
        "src_ip": "174.138.19.249", "src_port": 61953, "dest_ip": "192.168.1.129", "dest_port": 80, "proto": "TCP",
        "app_proto": "http",
        "flow": {"pkts_toserver": 10, "pkts_toclient": 8, "bytes_toserver": 1000, "bytes_toclient": 5000,
                 "start": "2021-06-07T09:02:50.500000+0200", "end": "2021-06-07T09:02:52.750000+0200", "age": 2},
        "tcp": {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b"},
    })
}

#[test]
fn a_suricata_flow_is_a_connection_of_frames_and_flags() {
    let client = || "174.138.19.249".to_owned();
    let server = || "192.168.1.129".to_owned();
    let whole =
        (client(), Some(61953), server(), Some(80), Some(1000 - 660), Some(5000 - 8 * 66), Some(2.25), "SF", "http");
    assert_eq!(told(&eve(), Dialect::Suricata), Some(whole.clone()));
    let wrapped = json!({"firewall_name": "fw", "event": eve()});
    assert_eq!(told(&wrapped, Dialect::Suricata), Some(whole.clone()));
    let module = json!({"suricata": {"eve": eve()}});
    assert_eq!(told(&module, Dialect::Suricata), Some(whole));
    let refused = with(eve(), json!({"tcp": {"tcp_flags_ts": "02", "tcp_flags_tc": "14"}}));
    let told_of = told(&refused, Dialect::Suricata).expect("a flow");
    assert_eq!((told_of.4, told_of.5, told_of.7), (Some(1000 - 540), Some(5000 - 8 * 54), "REJ"));
    let ping = with(
        eve(),
        json!({"proto": "IPv6-ICMP", "src_ip": "fe80::1", "dest_ip": "fe80::2", "icmp_type": 128, "icmp_code": 0, "tcp": null}),
    );
    let ping = told(&ping, Dialect::Suricata).expect("a flow");
    assert_eq!((ping.1, ping.3, ping.7, ping.8), (Some(128), Some(0), "SF", "eco_i"));
    let aged = with(eve(), json!({"flow": {"age": 7, "pkts_toserver": 1}}));
    assert_eq!(told(&aged, Dialect::Suricata).expect("a flow").6, Some(7.0));
    for kind in ["alert", "dns", "http", "tls", "ssh", "anomaly", "stats"] {
        assert_eq!(told(&with(eve(), json!({"event_type": kind})), Dialect::Suricata), None, "{kind}");
    }
}

#[test]
fn vlan_tags_are_no_payload_of_a_suricata_flow() {
    let udp = with(eve(), json!({"proto": "UDP", "vlan": [224, 7]}));
    let plain = with(udp.clone(), json!({"vlan": null}));
    let [tagged, plain] = [udp, plain].map(|event| told(&event, Dialect::Suricata).expect("a flow").4.expect("bytes"));
    assert_eq!(plain - tagged, 8 * eve()["flow"]["pkts_toserver"].as_u64().expect("packets"));
}

#[test]
fn netflow_times_are_told_in_every_unit() {
    let flow = |times: Value| {
        with(
            json!({"version": 10, "sourceIPv4Address": "10.0.0.1", "destinationIPv4Address": "10.0.0.2",
            "sourceTransportPort": 40000, "destinationTransportPort": 53, "protocolIdentifier": 17,
            "octetDeltaCount": 148, "packetDeltaCount": 2}),
            times,
        )
    };
    for (times, seconds) in [
        (
            json!({"flowStartMilliseconds": "2016-07-21T13:29:59.000Z", "flowEndMilliseconds": "2016-07-21T13:30:01.500Z"}),
            Some(2.5),
        ),
        (json!({"flowStartSeconds": 1_512_147_866, "flowEndSeconds": 1_512_147_869}), Some(3.0)),
        (json!({"flow_start_msec": 1_444_384_068_169_u64, "event_time_msec": 1_444_384_070_169_u64}), Some(2.0)),
        (json!({"flowStartSysUpTime": 1104, "flowEndSysUpTime": 1142}), Some(0.038)),
        (json!({"flowDurationMilliseconds": 20368}), Some(20.368)),
        (json!({"first_switched": "2015-06-21T11:40:52.194Z", "last_switched": "2015-05-02T18:38:08.476Z"}), None),
        (json!({"flowStartSysUpTime": 1142, "flowEndSysUpTime": 1104}), None),
        (json!({}), None),
    ] {
        let found = told(&json!({"netflow": flow(times.clone())}), Dialect::NetFlow).expect("a flow");
        assert_eq!((found.4, found.6), (Some(148 - 56), seconds), "{times}");
    }
    let both = flow(json!({"reverseOctetTotalCount": 200, "reversePacketTotalCount": 2}));
    assert_eq!(told(&json!({"netflow": both}), Dialect::NetFlow).expect("a flow").5, Some(200 - 56));
    let options = json!({"netflow": {"version": 9, "scope_system": 1, "total_flows_exp": 1}});
    assert_eq!(told(&options, Dialect::NetFlow), None);
    let icmp = with(
        json!({"version": 5, "ipv4_src_addr": "10.0.0.1", "ipv4_dst_addr": "10.0.0.2", "l4_src_port": 0,
        "protocol": 1, "in_bytes": 84, "in_pkts": 1}),
        json!({"l4_dst_port": 2048}),
    );
    let icmp = told(&json!({"netflow": icmp}), Dialect::NetFlow).expect("a flow");
    assert_eq!((icmp.1, icmp.3, icmp.4, icmp.8), (Some(8), Some(0), Some(64), "eco_i"));
}

fn ecs() -> Value {
    json!({
        "source": {"ip": "10.0.0.1", "port": 40000, "bytes": 1520, "packets": 10},
        "destination": {"ip": "10.0.0.2", "port": 22, "bytes": 2520, "packets": 10},
        "network": {"transport": "tcp"}, "event": {"duration": 1_500_000_000_u64},
    })
}

#[test]
fn flows_in_ecs_are_told_by_their_packets_and_durations_are_nanoseconds() {
    let plain = told(&ecs(), Dialect::Ecs).expect("a flow");
    assert_eq!((plain.4, plain.5, plain.6, plain.7), (Some(1000), Some(2000), Some(1.5), "missing"));
    let times = json!({"event": {"duration": 2500, "start": "2026-11-22T10:00:00Z", "end": "2026-11-22T10:00:02.5Z"}});
    assert_eq!(told(&with(ecs(), times), Dialect::Ecs).expect("a flow").6, Some(2.5), "start and end decide");
    let elastic =
        with(ecs(), json!({"event": {"dataset": "zeek.connection"}, "zeek": {"connection": {"state": "SF"}}}));
    let elastic = told(&elastic, Dialect::ZeekEcs).expect("a flow");
    assert_eq!((elastic.6, elastic.7), (Some(0.0), "SF"));
    let onion = with(
        ecs(),
        json!({"event": {"dataset": "conn", "duration": 1.5}, "connection": {"state": "REJ"},
        "client": {"bytes": 7, "ip_bytes": 100, "packets": 2}, "server": {"bytes": 0, "ip_bytes": 40, "packets": 1}}),
    );
    let onion = told(&onion, Dialect::SecurityOnion).expect("a flow");
    assert_eq!((onion.4, onion.5, onion.6, onion.7), (Some(7), Some(0), Some(1.5), "REJ"));
    let packetbeat = with(ecs(), json!({"type": "flow", "flow": {"final": true}}));
    assert_eq!(told(&packetbeat, Dialect::Ecs).expect("a flow").4, Some(1520 - 660));
    for changes in [
        json!({"type": "flow", "flow": {"final": false}}),
        json!({"source": {"ip": "10.0.0.1", "port": 1, "bytes": 5}, "destination": {"ip": "10.0.0.2", "bytes": 5}}),
        json!({"network": {}}),
    ] {
        assert_eq!(told(&with(ecs(), changes.clone()), Dialect::Ecs), None, "{changes}");
    }
    assert_eq!(told(&json!({"source": {"ip": "10.0.0.1"}, "user": {"name": "x"}}), Dialect::Other), None);
}

#[test]
fn an_argus_flow_is_turned_by_its_arrow_and_those_below_ip_are_none() {
    let flow = |changes| {
        with(
            json!({"StartTime": "2018/12/18 14:00:00.527012", "Dur": 0.699716, "Proto": "tcp", "SrcAddr": "216.73.23.146",
            "Sport": 52798, "Dir": "->", "DstAddr": "147.32.81.58", "Dport": "0x01bd", "State": "S_RA", "TotPkts": 2,
            "TotBytes": 134, "SrcBytes": 70, "SrcPkts": 1}),
            changes,
        )
    };
    let refused = told(&flow(json!({})), Dialect::Argus).expect("a flow");
    assert_eq!((refused.1, refused.3, refused.6, refused.7), (Some(52798), Some(445), Some(0.699716), "REJ"));
    let turned = told(&flow(json!({"Dir": " <-", "State": "RA_S"})), Dialect::Argus).expect("a flow");
    assert_eq!((turned.0.as_str(), turned.1, turned.7), ("147.32.81.58", Some(445), "REJ"));
    let shared =
        flow(json!({"Proto": "udp", "State": "CON", "SrcPkts": null, "TotPkts": 3, "TotBytes": 300, "SrcBytes": 150}));
    let shared = told(&shared, Dialect::Argus).expect("a flow");
    assert_eq!((shared.4, shared.5), (Some(150 - 84), Some(150 - 42)), "two of the packets to the client's side");
    for (state, ending) in
        [("REQ", "S0"), ("CON", "S1"), ("FIN", "SF"), ("RST", "RSTO"), ("FSPA_FSPA", "SF"), ("?", "missing")]
    {
        assert_eq!(told(&flow(json!({"State": state})), Dialect::Argus).expect("a flow").7, ending, "{state}");
    }
    assert_eq!(told(&flow(json!({"Proto": "arp"})), Dialect::Argus), None);
    assert_eq!(told(&flow(json!({"Proto": "icmp", "State": "ECO"})), Dialect::Argus).expect("a flow").8, "eco_i");
}

#[test]
fn a_vpc_flow_that_was_rejected_was_not_answered() {
    let flow = |changes| {
        with(
            json!({"srcaddr": "162.142.125.177", "dstaddr": "10.0.0.200", "srcport": 38471, "dstport": 12313, "protocol": "6",
            "packets": 1, "bytes": 44, "start": "1674898496", "end": "1674898507", "action": "REJECT"}),
            changes,
        )
    };
    let rejected = told(&flow(json!({})), Dialect::Vpc).expect("a flow");
    assert_eq!((rejected.4, rejected.6, rejected.7), (Some(4), Some(11.0), "S0"));
    let below = told(&json!({"aws": {"vpc": flow(json!({"action": "ACCEPT", "tcp-flags": 3}))}}), Dialect::Vpc)
        .expect("a flow");
    assert_eq!(below.7, "SH", "of one side alone");
    assert_eq!(told(&flow(json!({"action": "ACCEPT"})), Dialect::Vpc).expect("a flow").7, "missing");
    assert_eq!(told(&flow(json!({"srcaddr": "-", "dstaddr": "-"})), Dialect::Vpc), None);
}

#[test]
fn the_two_sides_of_a_suricata_netflow_are_paired() {
    let half = |from: &str, to: &str, flags: &str, start: &str| {
        json!({"event": {"event_type": "netflow", "flow_id": 1, "src_ip": from, "src_port": if from == "10.0.0.1" { 40000 } else { 443 },
            "dest_ip": to, "dest_port": if to == "10.0.0.1" { 40000 } else { 443 }, "proto": "TCP", "tcp": {"tcp_flags": flags},
            "netflow": {"pkts": 5, "bytes": 530, "start": start, "end": "2025-02-24T14:40:47.000000+0000"}}})
        .to_string()
    };
    let mut normaliser = Normaliser::new(&[]);
    let mut sides = Vec::new();
    for body in [
        half("8.8.8.8", "10.0.0.1", "13", "2025-02-24T14:39:44.300000+0000"),
        half("10.0.0.1", "8.8.8.8", "13", "2025-02-24T14:39:44.200000+0000"),
    ] {
        let view = normaliser.read(body.as_bytes()).expect("valid");
        let Record::Connection(connection) = view.record else { panic!("a connection") };
        sides.push((connection.sides, connection.destination.port, connection.state.map(str::to_owned)));
    }
    let ended = |sides| (sides, Some(443), Some("SF".to_owned()));
    assert_eq!(sides, [ended(Sides::First), ended(Sides::Second)]);
}

#[test]
fn content_that_was_seen_in_packets_is_taken_from_beside_the_connection() {
    let body = br#"{"uid":"C","proto":"tcp","conn_state":"SF","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","kdd":{"wrong_fragment":2,"urgent":0,"hot":1,"num_root":-1}}"#;
    let mut normaliser = Normaliser::new(&[]);
    let Record::Connection(connection) = normaliser.read(body).expect("valid").record else { panic!("a connection") };
    assert_eq!(connection.content.0[..3], [2.0, 0.0, 1.0]);
    assert!(connection.content.0[3..].iter().all(|value| value.is_nan()));
    assert_eq!(connection.approximated.places() & !0b11_1111, 1 << 9, "hot");
}

/// What stands in a field: what belongs there, what does not, and what hurts.
fn values() -> impl Strategy<Value = Value> {
    let words = [
        "tcp",
        "TCP",
        "udp",
        "icmp",
        "IPv6-ICMP",
        "flow",
        "netflow",
        "SF",
        "FSPA_FSPA",
        "RA_S",
        "->",
        " <-",
        "-",
        "(empty)",
        "",
        "1b",
        "0x1f",
        "10.0.0.1",
        "::1",
        "host-a",
        "2026-11-22T10:00:00Z",
        "2026/11/22 10:00:00.5",
        "1664462456.75",
        "1e308",
        "NaN",
        "conn",
        "zeek.connection",
        "REJECT",
        "\u{0}\u{e9}\"",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        prop::sample::select(vec![
            0.0, 1.0, 6.0, 17.0, 58.0, 80.0, 2048.0, 70_000.0, -3.0, 1.5e9, 1.6e12, 1e15, 1.6e18, 1e300, -1e300
        ])
        .prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([])),
        Just(json!(["tcp", 1])),
        Just(json!({"ip": {"ip": 1}})),
    ]
}

proptest! {
    #[test]
    fn whatever_senders_write_into_the_fields_of_dialects_is_read_and_makes_sense(
        events in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), values()), 1..40), 1..20),
        narrow in any::<prop::sample::Index>(),
    ) {
        let all: Vec<&str> = PATHS_OF_DIALECTS.iter().flat_map(|paths| paths.iter().map(|(path, _)| *path)).collect();
        let one = PATHS_OF_DIALECTS[narrow.index(PATHS_OF_DIALECTS.len())];
        let mut normaliser = Normaliser::new(&["source.ip".to_owned(), "event.duration".to_owned()]);
        for (number, event) in events.iter().enumerate() {
            // every other event speaks one dialect alone, so that it gets further
            let path = |index: &prop::sample::Index| if number % 2 == 0 { one[index.index(one.len())].0 } else { all[index.index(all.len())] };
            let members: Map<String, Value> = event.iter().map(|(index, value)| (path(index).to_owned(), value.clone())).collect();
            let body = Value::from(members).to_string();
            let view = normaliser.read(body.as_bytes()).expect("it is JSON");
            if let Record::Connection(connection) = &view.record {
                prop_assert!(connection.duration.is_none_or(|seconds| seconds >= 0.0 && seconds.is_finite()), "{}", body);
                connection.end();
                super::super::community_id(connection);
            }
            normaliser.recycle(view);
        }
    }
}
