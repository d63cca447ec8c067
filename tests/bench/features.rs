//! What understanding and measuring a connection costs, with a thousand, a hundred thousand and ten million hosts; and a scan
//! of ten million hosts, each called once, with what is still right behind it.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use oversight::features::flow::{FlowSettings, FlowVector, FlowWindows};
use oversight::features::{Settings, Windows};
use oversight::normalise::Normaliser;

/// How many hosts are called.
const HOSTS: [u32; 3] = [1_000, 100_000, 10_000_000];
/// Events made at a time, outside of what is measured.
const BATCH: usize = 1_000;

/// What one run took.
#[derive(Default, Clone, Copy)]
struct Cost {
    connections: u64,
    normalise: Duration,
    kdd: Duration,
    flow: Duration,
}

/// Prints the cost of a connection, for each number of hosts measured for so long, and of a scan.
pub fn print(length: Duration) {
    println!("features: CPU microseconds a connection, one thread; memory grown, and hosts remembered");
    for hosts in HOSTS {
        let before = resident();
        let mut bench = Bench::new();
        let started = Instant::now();
        while started.elapsed() < length {
            bench.batch(|line, number| write_event(line, number, hosts));
        }
        bench.print(&format!("{hosts:>10} hosts"), before);
    }
    scan();
}

/// One host calls ten million others, once each, while another one goes on with what it did before.
fn scan() {
    let (before, hosts) = (resident(), HOSTS[2]);
    let mut bench = Bench::new();
    let mut peak = 0;
    for round in 0..u64::from(hosts) / BATCH as u64 {
        bench
            .batch(|line, number| write_call(line, number, [10, 9, 9, 9], u32::try_from(number).expect("ten million")));
        if round % 1000 == 0 {
            peak = peak.max(resident().saturating_sub(before));
        }
    }
    bench.print("      scan of as many", before);
    let bounds = (Settings::default(), FlowSettings::default());
    let (held, held_flow) = (bench.windows.held().0, bench.flows.held());
    assert!(
        held <= bounds.0.hosts
            && held_flow[1].max(held_flow[3]) <= bounds.1.hosts
            && held_flow[2].max(held_flow[4]) <= bounds.1.pairs,
        "{held} {held_flow:?}"
    );
    assert!(peak < 512 << 20, "{} MiB", peak >> 20);
    // the one who scans is seen with every connection, so its own counts are as if nothing had been forgotten
    let (connections, distinct) = bench.of_originator();
    println!(
        "            behind it: {connections:.0} connections and {distinct:.0} hosts of the originator in 2 min \
         ({CALLS} a second were made; 1,420 hosts is the most that is told); peak {} MiB",
        peak >> 20
    );
    let expected = f64::from(CALLS) * 120.0;
    assert!((f64::from(connections) / expected - 1.0).abs() < 0.02 && distinct > 1_400.0, "{connections} {distinct}");
}

/// Connections a second.
const CALLS: u32 = 2_000;

/// Reads and measures connections, and takes the time.
struct Bench {
    normaliser: Normaliser,
    windows: Windows,
    flows: FlowWindows,
    lines: Vec<String>,
    cost: Cost,
    last: Option<FlowVector>,
}

impl Bench {
    fn new() -> Self {
        Self {
            normaliser: Normaliser::new(&[]),
            windows: Windows::new(&Settings::default()),
            flows: FlowWindows::new(&FlowSettings::default()),
            lines: vec![String::new(); BATCH],
            cost: Cost::default(),
            last: None,
        }
    }

    /// Measures so many events, which are written outside of what is measured.
    fn batch(&mut self, write: impl Fn(&mut String, u64)) {
        let Self { normaliser, windows, flows, lines, cost, last } = self;
        for line in lines.iter_mut() {
            cost.connections += 1;
            write(line, cost.connections);
        }
        let begun = on_cpu();
        let views: Vec<_> = lines.iter().map(|line| normaliser.read(line.as_bytes()).expect("an event")).collect();
        let read = on_cpu();
        for view in &views {
            std::hint::black_box(windows.measure(&view.record, view.time.expect("a time")));
        }
        let measured = on_cpu();
        for view in &views {
            *last = std::hint::black_box(flows.measure(&view.record, view.time.expect("a time")));
        }
        let done = on_cpu();
        cost.normalise += read - begun;
        cost.kdd += measured - read;
        cost.flow += done - measured;
        views.into_iter().for_each(|view| normaliser.recycle(view));
    }

    fn print(&self, what: &str, before: u64) {
        let Cost { connections, normalise, kdd, flow } = self.cost;
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / connections as f64;
        println!(
            "{what}, {connections:>8} connections: normalise {:.2}, 41 features {:.2}, flow features {:.2}; {} MiB, {} + {} hosts",
            micros(normalise),
            micros(kdd),
            micros(flow),
            resident().saturating_sub(before) >> 20,
            self.windows.held().0,
            self.flows.held()[1],
        );
    }

    /// Connections and hosts of the last originator within two minutes.
    fn of_originator(&self) -> (f32, f32) {
        let last = self.last.expect("something was measured");
        let feature = |name| last.named(name).expect("a feature");
        (feature("flow_originator_connections_2m"), feature("flow_originator_hosts_2m"))
    }
}

/// A connection of one of a thousand originators to one of so many hosts.
fn write_event(line: &mut String, number: u64, hosts: u32) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let from = mixed >> 50 & 1023;
    let host = u32::try_from((mixed >> 20) % u64::from(hosts)).expect("one of them");
    write_call(line, number, [10, 1, (from >> 8) as u8, from as u8], host);
}

/// The connection of this number from an address to the host of this number.
fn write_call(line: &mut String, number: u64, from: [u8; 4], host: u32) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let port = [80, 443, 53, 22, 25, 445, 8080, 3389][(mixed >> 12 & 7) as usize];
    let state = ["SF", "SF", "SF", "S0", "REJ", "RSTO"][(mixed >> 8) as usize % 6];
    let seconds = 1_700_000_000.0 + number as f64 / f64::from(CALLS);
    let [from, to] = [from, (0x0b00_0000 + host).to_be_bytes()].map(Ipv4Addr::from);
    line.clear();
    write!(
        line,
        "{{\"ts\":{seconds:.6},\"uid\":\"C{number}\",\"id.orig_h\":\"{from}\",\"id.orig_p\":{},\"id.resp_h\":\"{to}\",\
         \"id.resp_p\":{port},\"proto\":\"tcp\",\"service\":\"http\",\"duration\":0.25,\"orig_bytes\":310,\"resp_bytes\":2200,\
         \"conn_state\":\"{state}\",\"history\":\"ShADadFf\",\"orig_pkts\":6,\"orig_ip_bytes\":560,\"resp_pkts\":5,\
         \"resp_ip_bytes\":2410}}",
        1024 + number % 60_000,
    )
    .expect("writing to a string does not fail");
}

/// Time that this thread has been running: what others do on a busy machine does not count.
fn on_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(told.split(' ').next().expect("three numbers").parse().expect("nanoseconds"))
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a status");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}
