//! Every ending of TCP, UDP and ICMP, timeouts, and who is taken for the originator.

use etherparse::PacketBuilder;
use serde_json::json;

use super::{CLIENT, SERVER, Talk, Trace, address, brief};

fn told(talk: &Talk) -> (String, String, [u64; 4]) {
    brief(&talk.trace.event())
}

fn expect(talk: &Talk, state: &str, history: &str, counts: [u64; 4]) {
    assert_eq!(told(talk), (state.to_owned(), history.to_owned(), counts));
}

#[test]
fn every_ending_of_tcp_has_its_state() {
    let talk = |port| Talk::to(port);
    expect(talk(80).send(true, "S", b""), "S0", "S", [0, 0, 1, 0]);
    expect(talk(80).open(), "S1", "ShA", [0, 0, 2, 1]);
    expect(talk(80).open().say(true, "hello").say(false, "you").close(), "SF", "ShADadFf", [5, 3, 6, 5]);
    expect(talk(80).send(true, "S", b"").send(false, "RA", b""), "REJ", "Sr", [0, 0, 1, 1]);
    expect(talk(80).open().say(true, "hi").send(true, "FA", b"").send(false, "A", b""), "S2", "ShADaF", [2, 0, 4, 3]);
    expect(talk(80).open().say(false, "hi").send(false, "FA", b"").send(true, "A", b""), "S3", "ShAdf", [0, 2, 4, 3]);
    expect(talk(80).open().say(true, "hi").send(true, "RA", b""), "RSTO", "ShADaR", [2, 0, 4, 2]);
    expect(talk(80).open().say(true, "hi").send(false, "RA", b""), "RSTR", "ShADar", [2, 0, 3, 3]);
    expect(talk(80).send(true, "S", b"").send(true, "R", b""), "RSTOS0", "SR", [0, 0, 2, 0]);
    expect(talk(80).send(false, "SA", b"").send(false, "RA", b""), "RSTRH", "^hr", [0, 0, 0, 2]);
    expect(talk(80).send(true, "S", b"").send(true, "FA", b""), "SH", "SF", [0, 0, 2, 0]);
    expect(talk(80).send(false, "SA", b"").send(false, "FA", b""), "SHR", "^hf", [0, 0, 0, 2]);
    expect(talk(80).say(true, "amid").say(false, "all"), "OTH", "DadA", [4, 3, 2, 2]);
}

#[test]
fn a_connection_is_told_with_all_that_zeek_tells() {
    let mut talk = Talk::to(8080);
    talk.open().say(true, "0123456789").say(false, "abc").close();
    let mut event = talk.trace.event();
    let uid = event["uid"].take();
    assert!(uid.as_str().is_some_and(|uid| uid.starts_with('C') && uid.len() == 18), "{uid}");
    let expected = json!({
        "@timestamp": "2020-09-13T12:26:40.000Z", "ts": 1_600_000_000.0, "uid": null,
        "id.orig_h": address(CLIENT), "id.orig_p": 40_000, "id.resp_h": address(SERVER), "id.resp_p": 8080,
        // the last ACK comes behind the end and does not count as its part
        "proto": "tcp", "duration": 0.09, "orig_bytes": 10, "resp_bytes": 3, "conn_state": "SF",
        "local_orig": true, "local_resp": true, "missed_bytes": 0, "history": "ShADadFf",
        "orig_pkts": 6, "orig_ip_bytes": 6 * 40 + 10, "resp_pkts": 5, "resp_ip_bytes": 5 * 40 + 3, "ip_proto": 6,
        "kdd": {"wrong_fragment": 0, "urgent": 0},
    });
    assert_eq!(event, expected);
}

#[test]
fn udp_and_icmp_have_the_states_of_their_sides() {
    let (client, server) = ((CLIENT, 50_000), (SERVER, 53));
    let mut trace = Trace::default();
    trace.udp(0, client, server, b"ask").udp(500_000, server, client, b"answer");
    let event = trace.event();
    assert_eq!(brief(&event), ("SF".into(), "Dd".into(), [3, 6, 1, 1]));
    assert_eq!((&event["duration"], &event["orig_ip_bytes"]), (&json!(0.5), &json!(3 + 28)));
    assert_eq!(
        brief(&Trace::default().udp(0, client, server, b"ask").udp(1, client, server, b"again").event()).0,
        "S0"
    );
    let event = Trace::default().udp(0, server, client, b"answer").event();
    assert_eq!(brief(&event), ("SHR".into(), "^d".into(), [0, 6, 0, 1]));
    assert_eq!((&event["id.orig_p"], &event["id.resp_p"]), (&json!(50_000), &json!(53)));

    let mut trace = Trace::default();
    trace.icmp(0, CLIENT, SERVER, [8, 0], &[0; 56]).icmp(1000, SERVER, CLIENT, [0, 0], &[0; 56]);
    let event = trace.event();
    assert_eq!(brief(&event), ("OTH".into(), String::new(), [56, 56, 1, 1]));
    assert_eq!((&event["id.orig_p"], &event["id.resp_p"], &event["proto"]), (&json!(8), &json!(0), &json!("icmp")));
    let event = Trace::default().icmp(0, SERVER, CLIENT, [3, 3], &[0; 28]).event();
    assert_eq!((&event["id.orig_p"], &event["id.resp_p"]), (&json!(3), &json!(3)));
}

#[test]
fn what_a_tunnel_carries_is_told_and_vxlan_itself_as_well() {
    let mut within = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(CLIENT, SERVER, 64).udp(5000, 53);
    builder.write(&mut within, b"ask").unwrap();
    let outside = ([172, 16, 0, 1], [172, 16, 0, 2]);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0], &within[..]].concat();
    let events = Trace::default().udp(0, (outside.0, 6000), (outside.1, 4789), &vxlan).events();
    let ports: Vec<_> = events.iter().map(|event| event["id.resp_p"].as_u64().unwrap()).collect();
    assert_eq!(ports, [4789, 53], "{events:?}");
    assert_eq!(events[1]["id.orig_h"], address(CLIENT));
    let mut frame = Vec::new();
    let header =
        etherparse::Ipv4Header::new(4 + (within.len() - 14) as u16, 64, 47.into(), outside.0, outside.1).unwrap();
    let gre = [&[0, 0, 8, 0], &within[14..]].concat();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
        .write(&mut frame, 47.into(), &gre)
        .unwrap();
    let event = Trace::default().frame(0, frame).event();
    assert_eq!(
        (brief(&event).2, &event["id.resp_h"], &event["orig_ip_bytes"]),
        ([3, 0, 1, 0], &json!(address(SERVER)), &json!(31))
    );
}

#[test]
fn ipv6_and_vlan_tags_are_seen_through() {
    let ends =
        [[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]];
    let mut trace = Trace::default();
    for (micros, [from, to], [kind, answer]) in [(0, ends, [128, 0]), (9, [ends[1], ends[0]], [129, 0])] {
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6(from, to, 9);
        builder.icmpv6_raw(kind, answer, [0; 4]).write(&mut frame, b"ping").unwrap();
        trace.frame(micros, frame);
    }
    let event = trace.event();
    assert_eq!(
        (&event["id.orig_h"], &event["id.orig_p"], &event["id.resp_p"]),
        (&json!("fd00::1"), &json!(128), &json!(129))
    );
    assert_eq!((&event["ip_proto"], &event["orig_ip_bytes"]), (&json!(58), &json!(40 + 8 + 4)));
    for tags in [1, 2] {
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let id = |id| etherparse::VlanId::try_new(id).unwrap();
        match tags {
            1 => builder.single_vlan(id(7)).ipv4(CLIENT, SERVER, 9).udp(1, 2).write(&mut frame, b"abc").unwrap(),
            _ => builder.double_vlan(id(7), id(8)).ipv4(CLIENT, SERVER, 9).udp(1, 2).write(&mut frame, b"abc").unwrap(),
        }
        assert_eq!(brief(&Trace::default().frame(0, frame).event()).2, [3, 0, 1, 0]);
    }
}

#[test]
fn a_connection_ends_by_time_as_zeek_ends_it() {
    let seconds = |seconds: i64| seconds * 1_000_000;
    // an attempt is given up after 5 s, so a SYN sent again later is another one
    let mut talk = Talk::to(80);
    talk.put(true, "S", b"", 1000, 0).wait(seconds(3)).put(true, "S", b"", 1000, 0);
    talk.wait(seconds(4)).put(true, "S", b"", 1000, 0);
    let states: Vec<_> = talk.trace.events().iter().map(|event| brief(event).0).collect();
    assert_eq!(states, ["S0", "S0"]);
    // an established one may be silent for 5 minutes
    for (pause, count) in [(299, 1), (301, 2)] {
        let mut talk = Talk::to(22);
        talk.open().say(true, "x").wait(seconds(pause)).say(true, "y");
        assert_eq!(talk.trace.events().len(), count, "{pause} s");
    }
    // UDP may be so for one
    for (pause, count) in [(59, 1), (60, 2)] {
        let mut trace = Trace::default();
        trace.udp(0, (CLIENT, 1), (SERVER, 2), b"a").udp(seconds(pause), (CLIENT, 1), (SERVER, 2), b"b");
        assert_eq!(trace.events().len(), count, "{pause} s");
    }
    // behind the end, packets that are late belong to it for 5 s
    for (pause, count) in [(4, 1), (6, 2)] {
        let mut talk = Talk::to(80);
        talk.open().close().wait(seconds(pause)).send(true, "A", b"");
        assert_eq!(talk.trace.events().len(), count, "{pause} s");
    }
}

#[test]
fn the_same_ports_again_are_another_connection() {
    let mut talk = Talk::to(80);
    talk.open().say(true, "one").close();
    talk.put(true, "S", b"", 77_000, 0).put(false, "RA", b"", 0, 77_001);
    let states: Vec<_> = talk.trace.events().iter().map(|event| brief(event).0).collect();
    assert_eq!(states, ["SF", "REJ"]);
}

#[test]
fn payload_sent_again_missing_and_out_of_order_is_counted_once() {
    let mut talk = Talk::to(4444);
    talk.open();
    let start = talk.next(true);
    talk.send(true, "A", b"0123456789").put(true, "A", b"0123456789", start, 0).send(false, "A", b"");
    assert_eq!(brief(&talk.trace.event()), ("S1".into(), "ShADTa".into(), [10, 0, 4, 2]));
    let mut talk = Talk::to(4444);
    talk.open().send(true, "A", b"01234").skip(true, 5).send(true, "A", b"xyz").send(false, "A", b"");
    let event = talk.trace.event();
    assert_eq!(brief(&event), ("S1".into(), "ShADaG".into(), [13, 0, 4, 2]));
    assert_eq!(event["missed_bytes"], 5);
}

#[test]
fn numbers_that_wrap_around_are_counted_right() {
    let mut talk = Talk::to(4444);
    let start = u32::MAX - 3;
    talk.put(true, "S", b"", start, 0).put(false, "SA", b"", 5, start.wrapping_add(1));
    talk.put(true, "A", b"0123456789", start.wrapping_add(1), 6);
    talk.put(false, "A", b"", 6, start.wrapping_add(11)).put(true, "FA", b"", start.wrapping_add(11), 6);
    talk.put(false, "FA", b"", 6, start.wrapping_add(12));
    assert_eq!(brief(&talk.trace.event()), ("SF".into(), "ShDaFf".into(), [10, 0, 3, 3]));
}

#[test]
fn a_land_attack_is_one_packet_to_itself() {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(SERVER, SERVER, 9).tcp(23, 23, 1, 1).syn();
    builder.write(&mut frame, b"").unwrap();
    let event = Trace::default().frame(0, frame).event();
    assert_eq!(brief(&event), ("S0".into(), "S".into(), [0, 0, 1, 0]));
    assert_eq!(event["id.orig_h"], event["id.resp_h"]);
}
