//! A capture: pcap or pcapng, whatever lies in it.
#![no_main]

use oversight::normalise::pcap;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let settings = pcap::Settings { connections: 8, fragments: 4, content: 4096 };
    let Ok(connections) = pcap::connections(data, &settings) else { return };
    for event in connections.flatten() {
        assert!(serde_json::from_str::<serde_json::Value>(&event).is_ok(), "{event}");
    }
});
