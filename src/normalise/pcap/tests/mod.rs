//! Connections from packets that are made by hand.

mod content;
mod files;
mod fragments;
mod states;

use std::net::IpAddr;

use etherparse::{IpNumber, Ipv4Header, PacketBuilder, TcpHeader};
use serde_json::Value;

use super::{CaptureError, Report, Settings, connections};

/// Packets of two hosts, in Ethernet frames, with their times in microseconds.
#[derive(Default)]
pub struct Trace {
    packets: Vec<(i64, Vec<u8>)>,
}

const CLIENT: [u8; 4] = [192, 168, 0, 10];
const SERVER: [u8; 4] = [192, 168, 0, 20];

impl Trace {
    pub fn frame(&mut self, micros: i64, frame: Vec<u8>) -> &mut Self {
        self.packets.push((micros, frame));
        self
    }

    pub fn udp(&mut self, micros: i64, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> &mut Self {
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from.0, to.0, 64).udp(from.1, to.1);
        builder.write(&mut frame, payload).unwrap();
        self.frame(micros, frame)
    }

    pub fn icmp(
        &mut self,
        micros: i64,
        from: [u8; 4],
        to: [u8; 4],
        [kind, code]: [u8; 2],
        payload: &[u8],
    ) -> &mut Self {
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64).icmpv4_raw(kind, code, [0; 4]);
        builder.write(&mut frame, payload).unwrap();
        self.frame(micros, frame)
    }

    /// As a file of pcap with times in microseconds.
    pub fn pcap(&self) -> Vec<u8> {
        let mut out = header(0xa1b2_c3d4, 1, 65_535);
        for (micros, frame) in &self.packets {
            let length = frame.len() as u32;
            for word in [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, length, length] {
                out.extend(word.to_le_bytes());
            }
            out.extend(frame);
        }
        out
    }

    pub fn events(&self) -> Vec<Value> {
        read(&self.pcap(), &Settings::default()).0
    }

    /// The only connection.
    pub fn event(&self) -> Value {
        let [event] = self.events().try_into().expect("one connection");
        event
    }
}

/// A header of pcap.
pub fn header(magic: u32, link: u32, snap: u32) -> Vec<u8> {
    let mut out = magic.to_le_bytes().to_vec();
    out.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(snap.to_le_bytes());
    out.extend(link.to_le_bytes());
    out
}

/// The connections of a capture, what was told of it, and its fault.
pub fn read(capture: &[u8], settings: &Settings) -> (Vec<Value>, Report, Option<CaptureError>) {
    let mut connections = connections(capture, settings).expect("a capture");
    let (mut events, mut fault) = (Vec::new(), None);
    for event in &mut connections {
        match event {
            Ok(event) => events.push(serde_json::from_str(&event).expect("JSON")),
            Err(error) => assert!(fault.replace(error).is_none(), "one fault"),
        }
    }
    (events, connections.report().clone(), fault)
}

/// A conversation over TCP; numbers and acknowledgments go by themselves.
pub struct Talk {
    pub trace: Trace,
    /// The time of the next packet, in microseconds.
    pub micros: i64,
    pub ports: [u16; 2],
    next: [u32; 2],
}

impl Talk {
    /// From port 40000 to `port`; packets 10 ms apart.
    pub fn to(port: u16) -> Self {
        Self { trace: Trace::default(), micros: 1_600_000_000_000_000, ports: [40_000, port], next: [1000, 9_000_000] }
    }

    /// Sends a packet of the client (`true`) or the server, with flags such as `SA`.
    pub fn send(&mut self, client: bool, flags: &str, payload: &[u8]) -> &mut Self {
        let (me, peer) = (usize::from(!client), usize::from(client));
        let sequence = self.next[me];
        self.put(client, flags, payload, sequence, self.next[peer]);
        let control = flags.matches(['S', 'F']).count() as u32;
        self.next[me] = sequence.wrapping_add(payload.len() as u32 + control);
        self
    }

    /// The same with numbers of one's own.
    pub fn put(&mut self, client: bool, flags: &str, payload: &[u8], sequence: u32, acknowledgment: u32) -> &mut Self {
        let (from, to, addresses) = match client {
            true => (self.ports[0], self.ports[1], [CLIENT, SERVER]),
            false => (self.ports[1], self.ports[0], [SERVER, CLIENT]),
        };
        let mut tcp = TcpHeader::new(from, to, sequence, 8192);
        tcp.syn = flags.contains('S');
        tcp.fin = flags.contains('F');
        tcp.rst = flags.contains('R');
        tcp.urg = flags.contains('U');
        tcp.ack = flags.contains('A');
        tcp.acknowledgment_number = if tcp.ack { acknowledgment } else { 0 };
        let mut frame = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(addresses[0], addresses[1], 64).tcp_header(tcp);
        builder.write(&mut frame, payload).unwrap();
        self.trace.frame(self.micros, frame);
        self.micros += 10_000;
        self
    }

    /// The three packets of a handshake.
    pub fn open(&mut self) -> &mut Self {
        self.send(true, "S", b"").send(false, "SA", b"").send(true, "A", b"")
    }

    /// The client says something, or the server does; the other one acknowledges.
    pub fn say(&mut self, client: bool, text: &str) -> &mut Self {
        self.send(client, "A", text.as_bytes()).send(!client, "A", b"")
    }

    /// Both sides end it.
    pub fn close(&mut self) -> &mut Self {
        self.send(true, "FA", b"").send(false, "A", b"").send(false, "FA", b"").send(true, "A", b"")
    }

    pub fn wait(&mut self, micros: i64) -> &mut Self {
        self.micros += micros;
        self
    }

    /// Where the next packet of a side begins.
    pub fn next(&self, client: bool) -> u32 {
        self.next[usize::from(!client)]
    }

    pub fn skip(&mut self, client: bool, bytes: u32) -> &mut Self {
        self.next[usize::from(!client)] += bytes;
        self
    }
}

/// An IPv4 packet in an Ethernet frame, one fragment of several.
pub fn ipv4_fragment(protocol: IpNumber, identification: u16, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(payload.len() as u16, 64, protocol, CLIENT, SERVER).unwrap();
    header.identification = identification;
    header.more_fragments = more;
    header.fragment_offset = etherparse::IpFragOffset::try_new(offset / 8).unwrap();
    header.header_checksum = header.calc_header_checksum();
    let mut frame = [[1; 6], [2; 6]].concat();
    frame.extend([8, 0]);
    header.write(&mut frame).unwrap();
    frame.extend(payload);
    frame
}

/// What is told of a connection, in brief: state, history, payload of both sides, packets of both sides.
pub fn brief(event: &Value) -> (String, String, [u64; 4]) {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{name} of {event}"));
    let counts = ["orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts"].map(number);
    (text("conn_state"), text("history"), counts)
}

fn address(of: [u8; 4]) -> String {
    IpAddr::from(of).to_string()
}
