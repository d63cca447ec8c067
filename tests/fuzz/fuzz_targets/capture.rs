//! A capture: pcap or pcapng, whatever lies in it. Headers are put in front, so that what is behind them is reached.
#![no_main]

use oversight::normalise::pcap;

/// What is put around the bytes.
const FORMS: [fn(&[u8]) -> Vec<u8>; 6] = [
    <[u8]>::to_vec,
    |data| [&classic(1), data].concat(),
    |data| [&next_generation(), data].concat(),
    |data| [classic(1).to_vec(), records(data, &[])].concat(),
    |data| [classic(101).to_vec(), records(data, &[])].concat(),
    // Ethernet frames of IPv4
    |data| [classic(1).to_vec(), records(data, &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45])].concat(),
];

/// The header of a pcap file in microseconds whose packets are of this link type.
fn classic(link: u32) -> [u8; 24] {
    let mut header = [0; 24];
    let numbers = [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65_535, link];
    header.chunks_exact_mut(4).zip(numbers).for_each(|(place, number)| place.copy_from_slice(&number.to_le_bytes()));
    header
}

/// A section and an interface of Ethernet, as pcapng has them.
fn next_generation() -> Vec<u8> {
    let section = [0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
    let interface = [1_u32, 20, 1, 0, 20];
    section.into_iter().chain(interface).flat_map(u32::to_le_bytes).collect()
}

/// Packets, each a byte for the tenths of a second before it, one for its length, and its bytes behind `front`.
fn records(mut data: &[u8], front: &[u8]) -> Vec<u8> {
    let (mut out, mut tenths) = (Vec::new(), 0_u32);
    while let [wait, length, rest @ ..] = data {
        let (packet, behind) = rest.split_at(usize::from(*length).min(rest.len()));
        tenths += u32::from(*wait);
        let whole = (front.len() + packet.len()) as u32;
        for number in [1_600_000_000 + tenths / 10, tenths % 10 * 100_000, whole, whole] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(front);
        out.extend_from_slice(packet);
        data = behind;
    }
    out
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((form, data)) = data.split_first() else { return };
    let file = FORMS[usize::from(*form) % FORMS.len()](data);
    let settings = pcap::Settings { connections: 8, fragments: 4, content: 4096 };
    let Ok(connections) = pcap::connections(&file[..], &settings) else { return };
    for event in connections.flatten() {
        assert!(serde_json::from_str::<serde_json::Value>(&event).is_ok(), "{event}");
    }
});
