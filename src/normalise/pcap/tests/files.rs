//! Captures of every kind, cut off, damaged, and with more connections than there is room for.

use proptest::prelude::{any, prop, prop_assert, proptest};
use serde_json::json;

use super::super::{CaptureError, Settings, connections, is_capture};
use super::{CLIENT, SERVER, Talk, Trace, brief, header, read};

fn small() -> Trace {
    let mut talk = Talk::to(80);
    talk.open().say(true, "GET / HTTP/1.0\r\n\r\n").say(false, "HTTP/1.0 200 OK\r\n\r\n").close();
    talk.trace.udp(1_600_000_000_500_000, (CLIENT, 5), (SERVER, 53), b"x");
    talk.trace
}

/// A block of pcapng, little endian.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = (body.len() + padding + 12) as u32;
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), body, &[0; 4][..padding], &length.to_le_bytes()].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The trace as pcapng, whose interface has so many ticks a second.
fn pcapng(trace: &Trace, resolution: u8, ticks: i64) -> Vec<u8> {
    let mut out = block(0x0a0d_0d0a, &[&words(&[0x1a2b_3c4d, 1])[..], &[0xff; 8]].concat());
    let option = [&words(&[9 | 1 << 16])[..], &[resolution, 0, 0, 0], &words(&[0])].concat();
    out.extend(block(1, &[&words(&[1, 0])[..], &option].concat()));
    // statistics of an interface hold no packet
    out.extend(block(5, &words(&[0, 0, 0])));
    for (micros, frame) in &trace.packets {
        let time = (i128::from(*micros) * i128::from(ticks) / 1_000_000) as u64;
        let length = frame.len() as u32;
        let head = words(&[0, (time >> 32) as u32, time as u32, length, length]);
        out.extend(block(6, &[&head[..], frame].concat()));
    }
    out
}

#[test]
fn the_same_packets_give_the_same_connections_in_every_file_format() {
    let trace = small();
    let expected = trace.events();
    assert_eq!(expected.len(), 2);
    for (resolution, ticks) in [(6, 1_000_000), (9, 1_000_000_000), (0x80 | 30, 1 << 30)] {
        let file = pcapng(&trace, resolution, ticks);
        assert!(is_capture(&file));
        let (mut events, report, fault) = read(&file, &Settings::default());
        // 2^-30 s is no whole number of microseconds
        if ticks == 1 << 30 {
            for (event, expected) in events.iter_mut().zip(&expected) {
                for name in ["ts", "duration", "uid", "@timestamp"] {
                    event[name] = expected[name].clone();
                }
            }
        }
        assert_eq!(events, expected, "{resolution}");
        assert!(fault.is_none() && report.skipped_blocks == 1, "{report:?}");
    }
    let mut big_endian = 0xa1b2_3c4d_u32.to_be_bytes().to_vec();
    big_endian.extend([0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 1]);
    for (micros, frame) in &trace.packets {
        let length = frame.len() as u32;
        for word in [(micros / 1_000_000) as u32, (micros % 1_000_000 * 1000) as u32, length, length] {
            big_endian.extend(word.to_be_bytes());
        }
        big_endian.extend(frame);
    }
    assert_eq!(read(&big_endian, &Settings::default()).0, expected, "nanoseconds, most significant byte first");
}

#[test]
fn something_else_is_no_capture() {
    for bytes in [&b""[..], b"x", b"{\"a\":1}\n", &[0xd4, 0xc3, 0xb2, 0xa1], &[0x0a, 0x0d, 0x0d, 0x0a, 0, 0]] {
        let fault = connections(bytes, &Settings::default()).map(|_| ()).expect_err("no capture");
        assert!(matches!(fault, CaptureError::Unknown), "{fault:?}");
    }
    assert!(!is_capture(b"{\"a\"") && is_capture(&small().pcap()));
}

#[test]
fn a_capture_cut_off_anywhere_gives_the_connections_up_to_there() {
    let whole = small().pcap();
    for length in 24..whole.len() {
        let (events, report, fault) = read(&whole[..length], &Settings::default());
        let cut = fault.is_some();
        assert_eq!(report.damage.is_some(), cut);
        assert!(events.len() <= 2 && (report.packets > 0) != events.is_empty(), "{length}: {report:?}");
        if cut {
            assert!(
                report.damage.as_ref().is_some_and(|damage| damage.contains("in the middle of a packet")),
                "{report:?}"
            );
        }
    }
}

#[test]
fn packets_of_which_the_capture_holds_the_beginning_count_in_full() {
    let mut talk = Talk::to(80);
    talk.open().say(true, &"x".repeat(1000)).say(false, &"y".repeat(500)).close();
    let mut out = header(0xa1b2_c3d4, 1, 60);
    for (micros, frame) in &talk.trace.packets {
        let kept = &frame[..frame.len().min(60)];
        let lengths = [kept.len() as u32, frame.len() as u32];
        out.extend(words(&[(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, lengths[0], lengths[1]]));
        out.extend(kept);
    }
    let (events, report, fault) = read(&out, &Settings::default());
    // as Zeek has it: what was acknowledged and not captured is missing
    assert_eq!(brief(&events[0]), ("SF".into(), "ShADaGdgFf".into(), [1000, 500, 6, 5]));
    assert_eq!((&events[0]["missed_bytes"], &events[0]["orig_ip_bytes"]), (&json!(1500), &json!(1000 + 6 * 40)));
    assert_eq!(events[0]["kdd"], json!({"wrong_fragment": 0, "urgent": 0}), "nothing is known of the content");
    assert!(fault.is_none() && report.truncated == 2, "{report:?}");
}

#[test]
fn of_too_many_connections_the_one_not_seen_for_longest_ends_early() {
    let mut trace = Trace::default();
    for port in [1, 2, 1, 3] {
        trace.udp(i64::from(port), (CLIENT, port), (SERVER, 7), b"x");
    }
    let settings = Settings { connections: 2, ..Settings::default() };
    let (events, report, _) = read(&trace.pcap(), &settings);
    let ports: Vec<_> = events.iter().map(|event| event["id.orig_p"].as_u64().unwrap()).collect();
    assert_eq!((ports, report.evicted), (vec![2, 1, 3], 1));
    assert_eq!(report.to_string(), "4 packets, 3 connections, 1 connections ended early for want of room");
}

#[test]
fn what_is_no_connection_is_counted() {
    let mut arp = [[1; 6], [2; 6]].concat();
    arp.extend([8, 6]);
    arp.extend([0; 28]);
    let mut trace = small();
    let mut igmp = super::ipv4_fragment(etherparse::IpNumber::IGMP, 1, 0, false, &[0; 8]);
    trace.frame(1_600_000_001_000_000, arp).frame(1_600_000_001_000_000, igmp.clone());
    igmp.truncate(14 + 10);
    trace.frame(1_600_000_001_000_000, igmp);
    let (events, report, _) = read(&trace.pcap(), &Settings::default());
    assert_eq!((events.len(), report.not_internet, report.other_protocols, report.malformed), (2, 1, 1, 1));
    let mut unknown = header(0xa1b2_c3d4, 147, 100);
    unknown.extend(words(&[0, 0, 1, 1]));
    unknown.push(0);
    assert_eq!(read(&unknown, &Settings::default()).1.unknown_link, 1);
}

#[test]
fn times_that_run_backwards_end_nothing_and_break_nothing() {
    let mut trace = Trace::default();
    for micros in [100_000_000, 40_000_000, 160_000_000, 0] {
        trace.udp(micros, (CLIENT, 1), (SERVER, 2), b"x");
    }
    let events = trace.events();
    assert!(events.iter().all(|event| event["duration"].as_f64().unwrap() >= 0.0), "{events:?}");
    let packets: u64 = events.iter().map(|event| event["orig_pkts"].as_u64().unwrap()).sum();
    assert_eq!(packets, 4);
}

proptest! {
    #[test]
    fn damaged_captures_are_never_a_panic(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40), ng in any::<bool>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = if ng { pcapng(&small(), 6, 1_000_000) } else { small().pcap() };
        for (place, byte) in hits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(mut connections) = connections(&bytes[..], &Settings { connections: 3, fragments: 2, content: 100 }) {
            let events: Vec<_> = (&mut connections).collect();
            prop_assert!(events.iter().filter(|event| event.is_err()).count() <= 1);
            for event in events.into_iter().flatten() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&event).is_ok(), "{}", event);
            }
        }
    }

    #[test]
    fn random_packets_are_never_a_panic(
        link in prop::sample::select(vec![0_u32, 1, 9, 101, 105, 108, 113, 127, 276]),
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..30), ip in any::<bool>(),
    ) {
        let mut bytes = header(0xa1b2_c3d4, link, 65_535);
        for (second, mut packet) in packets.into_iter().enumerate() {
            if ip && link == 101 && packet.len() > 24 {
                // such as have a chance to be taken for packets of connections
                packet[0] = if packet[1] % 2 == 0 { 0x45 } else { 0x60 };
                packet[9] = [1, 6, 17][usize::from(packet[9] % 3)];
            }
            bytes.extend(words(&[second as u32, 0, packet.len() as u32, packet.len() as u32]));
            bytes.extend(packet);
        }
        let mut connections = connections(&bytes[..], &Settings::default()).expect("a capture");
        prop_assert!(connections.all(|event| event.is_ok()));
    }
}
