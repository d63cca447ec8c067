//! Hand-computed features of every ending of TCP, of UDP and of ICMP; and the windows beside the plain way on real
//! captures. Test only.

use super::reference::Plain;
use super::symbols::{FLAGS, SERVICES};
use super::{FeatureVector, NAMES, Settings, Windows, name_of_numeric};
use crate::event::EventTime;
use crate::normalise::{Normaliser, Record, file, pcap};

/// The features of a Zeek record, with nothing before it.
fn features(proto: &str, state: &str, rest: &str) -> FeatureVector {
    let body = format!(
        "{{\"ts\":1600000000.5,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\"id.resp_h\":\"10.0.0.2\",\"proto\":\"{proto}\",\
         \"conn_state\":\"{state}\",{rest}}}"
    );
    let view = Normaliser::new(&[]).read(body.as_bytes()).map(|view| (view.record, view.time)).expect("an event");
    let mut windows = Windows::new(&Settings::default());
    windows.measure(&view.0, view.1.expect("a time")).expect("a connection")
}

fn named(features: &FeatureVector, name: &str) -> f32 {
    let place = (0..features.numeric.len()).find(|place| NAMES[name_of_numeric(*place)] == name).expect("a feature");
    features.numeric[place]
}

#[test]
fn every_ending_of_tcp_has_its_flag_bytes_and_errors() {
    let rest = "\"id.orig_p\":4000,\"id.resp_p\":80,\"duration\":2.9,\"orig_bytes\":300,\"resp_bytes\":4000";
    for (state, flag, serror, rerror) in [
        ("S0", "S0", 1.0, 0.0),
        ("S1", "S1", 1.0, 0.0),
        ("SF", "SF", 0.0, 0.0),
        ("REJ", "REJ", 0.0, 1.0),
        ("S2", "S2", 1.0, 0.0),
        ("S3", "S3", 1.0, 0.0),
        ("RSTO", "RSTO", 0.0, 1.0),
        ("RSTR", "RSTR", 0.0, 1.0),
        ("RSTOS0", "RSTOS0", 0.0, 1.0),
        ("RSTRH", "OTH", 0.0, 0.0),
        ("SH", "SH", 1.0, 0.0),
        ("SHR", "OTH", 0.0, 0.0),
        ("OTH", "OTH", 0.0, 0.0),
    ] {
        let features = features("tcp", state, rest);
        let answered = !matches!(state, "S0" | "REJ");
        let expected = if answered { [2.0, 300.0, 4000.0, 0.0] } else { [0.0; 4] };
        assert_eq!(features.numeric[..4], expected, "{state}: duration, bytes, land");
        assert_eq!(features.symbols.flag.word(FLAGS), flag);
        assert_eq!(features.symbols.service.word(SERVICES), "http");
        for name in ["serror_rate", "srv_serror_rate", "dst_host_serror_rate", "dst_host_srv_serror_rate"] {
            assert_eq!(named(&features, name), serror, "{state}: {name}");
        }
        for name in ["rerror_rate", "srv_rerror_rate", "dst_host_rerror_rate", "dst_host_srv_rerror_rate"] {
            assert_eq!(named(&features, name), rerror, "{state}: {name}");
        }
        for name in ["count", "srv_count", "dst_host_count", "dst_host_srv_count", "same_srv_rate"] {
            assert_eq!(named(&features, name), 1.0, "{state}: {name}");
        }
    }
}

#[test]
fn udp_and_icmp_are_finished_whatever_zeek_says() {
    let rest = "\"id.orig_p\":4000,\"id.resp_p\":53,\"duration\":0.02,\"orig_bytes\":42,\"resp_bytes\":90";
    for state in ["SF", "S0", "SHR"] {
        let features = features("udp", state, rest);
        assert_eq!(features.numeric[..4], [0.0, 42.0, 90.0, 0.0], "{state}");
        assert_eq!((features.symbols.flag.word(FLAGS), features.symbols.service.word(SERVICES)), ("SF", "domain_u"));
        assert_eq!((named(&features, "serror_rate"), named(&features, "rerror_rate")), (0.0, 0.0));
    }
    // 4 pings of 56 bytes: a record each, of the message with its header, and no answer in it
    let rest = "\"id.orig_p\":8,\"id.resp_p\":0,\"duration\":3.0,\"orig_bytes\":224,\"resp_bytes\":224,\
                \"orig_pkts\":4,\"orig_ip_bytes\":336,\"resp_pkts\":4,\"resp_ip_bytes\":336";
    let features = features("icmp", "OTH", rest);
    assert_eq!(features.numeric[..4], [0.0, 64.0, 0.0, 0.0]);
    assert_eq!((features.symbols.flag.word(FLAGS), features.symbols.service.word(SERVICES)), ("SF", "eco_i"));
    // within two seconds of three there are three of four
    assert_eq!((named(&features, "count"), named(&features, "dst_host_count")), (3.0, 4.0));
}

/// Connections of a capture that are looked through: the plain way takes their square.
const MOST: usize = 1500;

#[test]
fn real_captures_have_the_features_of_the_plain_way() {
    let beside = || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let root =
        std::env::var_os("OVERSIGHT_SHARED").map_or_else(beside, std::path::PathBuf::from).join("data/pcap-attacks");
    let (mut normaliser, mut compared) = (Normaliser::new(&[]), 0);
    for name in [
        "zeek/ssh__ssh.pcap.gz",
        "slips/test7-malicious.pcap.gz",
        "slips/malicious-ssh-bruteforce.pcap.gz",
        "malcolm/bro-simple-scan__backscatter.trace.gz",
        "cic-ddos2019/CIC-DDoS-2019-SynFlood.pcap.gz",
        "suricata-verify/ipv6-evasion__ipv6-rsmurf__rsmurf6.pcap.gz",
    ] {
        let path = root.join(name);
        if !path.exists() {
            eprintln!("SKIPPED: {} is not there; set OVERSIGHT_SHARED to the shared folder", path.display());
            return;
        }
        let reader = file::open(&path).expect("it can be opened");
        let connections = pcap::connections(reader, &pcap::Settings::default()).expect("a capture");
        let (mut windows, mut plain) = (Windows::new(&Settings::default()), Plain::default());
        for event in connections.take(MOST) {
            let event = event.expect("a sound capture");
            let view = normaliser.read(event.as_bytes()).expect("an event");
            let Record::Connection(connection) = view.record else { panic!("{event}") };
            let time: EventTime = view.time.expect("captures have times");
            let features = windows.measure(&view.record, time).expect("a connection");
            assert_eq!(&features.numeric[19..], &plain.measure(&connection, time.micros())[..], "{name}: {event}");
            compared += 1;
        }
    }
    assert!(compared > 3000, "{compared}");
}
