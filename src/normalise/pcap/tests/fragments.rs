//! Datagrams in pieces: put together whatever their order, counted where they are wrong, bounded in number.

use etherparse::{IpNumber, PacketBuilder};
use serde_json::json;

use super::super::Settings;
use super::{CLIENT, SERVER, Talk, Trace, brief, ipv4_fragment, read};

/// A UDP datagram from port 9 to port 7 with so many bytes of payload.
fn datagram(length: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(CLIENT, SERVER, 64).udp(9, 7);
    builder.write(&mut frame, &vec![b'x'; length]).unwrap();
    frame.split_off(14 + 20)
}

#[test]
fn fragments_in_any_order_are_one_packet() {
    let whole = datagram(2992);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let mut trace = Trace::default();
        for place in order {
            let from = place * 1000;
            trace.frame(0, ipv4_fragment(IpNumber::UDP, 77, from as u16, place < 2, &whole[from..from + 1000]));
        }
        let (events, report, _) = read(&trace.pcap(), &Settings::default());
        assert_eq!(brief(&events[0]), ("S0".into(), "D".into(), [2992, 0, 1, 0]));
        assert_eq!(events[0]["orig_ip_bytes"], json!(20 + 3000));
        assert_eq!((report.fragments, report.wrong_fragments, report.incomplete_datagrams), (3, 0, 0));
    }
}

#[test]
fn fragments_of_ipv6_are_put_together_too() {
    let mut trace = Trace::default();
    let payload = [&[0, 9, 0, 7, 0, 24, 0, 0][..], &[b'x'; 16]].concat();
    for (offset, more) in [(0_u16, true), (16, false)] {
        let part = &payload[usize::from(offset)..if more { 16 } else { 24 }];
        let mut frame = [[1; 6], [2; 6]].concat();
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8 + part.len() as u8, 44, 64]);
        for last in [1, 2] {
            frame.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        let place = offset | u16::from(more);
        frame.extend([17, 0]);
        frame.extend(place.to_be_bytes());
        frame.extend([0, 0, 0, 5]);
        frame.extend(part);
        trace.frame(0, frame);
    }
    let event = trace.event();
    assert_eq!(brief(&event), ("S0".into(), "D".into(), [16, 0, 1, 0]));
    assert_eq!(event["orig_ip_bytes"], json!(40 + 8 + 24));
}

#[test]
fn overlapping_and_oversized_fragments_are_told() {
    // teardrop: the second fragment lies within the first
    let whole = datagram(28);
    let mut trace = Trace::default();
    trace.frame(0, ipv4_fragment(IpNumber::UDP, 1, 0, true, &[&whole[..], &[0; 4]].concat()));
    trace.frame(0, ipv4_fragment(IpNumber::UDP, 1, 24, false, &whole[24..28]));
    assert_eq!(trace.event()["kdd"]["wrong_fragment"], 1);
    // the ping of death: the last fragment ends behind 65,535
    let mut trace = Trace::default();
    for place in 0..45_u16 {
        let (offset, more) = (place * 1480, place < 44);
        let mut payload = vec![0; 1480];
        payload[0] = if place == 0 { 8 } else { 0 };
        trace.frame(0, ipv4_fragment(IpNumber::ICMP, 2, offset, more, &payload));
    }
    let event = trace.event();
    assert_eq!((&event["kdd"]["wrong_fragment"], &event["id.orig_p"]), (&json!(1), &json!(8)));
    assert!(event["orig_bytes"].as_u64().unwrap() > 60_000, "{event}");
}

#[test]
fn datagrams_that_are_never_complete_are_let_go_of() {
    let mut trace = Trace::default();
    for number in 0..10 {
        trace.frame(0, ipv4_fragment(IpNumber::UDP, number, 0, true, &datagram(24)));
    }
    let settings = Settings { fragments: 4, ..Settings::default() };
    let (events, report, _) = read(&trace.pcap(), &settings);
    assert_eq!((events.len(), report.fragments, report.incomplete_datagrams), (0, 10, 10));
}

#[test]
fn urgent_packets_are_counted() {
    let mut talk = Talk::to(513);
    talk.open().send(true, "UA", b"x").send(false, "UA", b"y");
    assert_eq!(talk.trace.event()["kdd"]["urgent"], 2);
}
