//! What understanding and measuring a connection costs, with a thousand, a hundred thousand and ten million hosts.

use std::fmt::Write;
use std::time::{Duration, Instant};

use oversight::features::flow::{FlowSettings, FlowWindows};
use oversight::features::{Settings, Windows};
use oversight::normalise::Normaliser;

/// How many hosts are called.
const HOSTS: [u32; 3] = [1_000, 100_000, 10_000_000];
/// Events made at a time, outside of what is measured.
const BATCH: usize = 1_000;

/// What one run took.
struct Cost {
    connections: u64,
    normalise: Duration,
    kdd: Duration,
    flow: Duration,
}

/// Prints the cost of a connection, for each number of hosts measured for so long.
pub fn print(length: Duration) {
    println!("features: microseconds a connection, one thread; memory grown, and hosts remembered");
    for hosts in HOSTS {
        let before = resident();
        let (cost, held) = measure(hosts, length);
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / cost.connections as f64;
        println!(
            "{hosts:>10} hosts, {:>8} connections: normalise {:.2}, 41 features {:.2}, flow features {:.2}; {} MiB, {} + {} hosts",
            cost.connections,
            micros(cost.normalise),
            micros(cost.kdd),
            micros(cost.flow),
            resident().saturating_sub(before) >> 20,
            held[0],
            held[1],
        );
    }
}

fn measure(hosts: u32, length: Duration) -> (Cost, [usize; 2]) {
    let mut normaliser = Normaliser::new(&[]);
    let (mut windows, mut flows) = (Windows::new(&Settings::default()), FlowWindows::new(&FlowSettings::default()));
    let mut cost = Cost { connections: 0, normalise: Duration::ZERO, kdd: Duration::ZERO, flow: Duration::ZERO };
    let mut lines = vec![String::new(); BATCH];
    let started = Instant::now();
    while started.elapsed() < length {
        for line in &mut lines {
            cost.connections += 1;
            write_event(line, cost.connections, hosts);
        }
        let begun = Instant::now();
        let views: Vec<_> = lines.iter().map(|line| normaliser.read(line.as_bytes()).expect("an event")).collect();
        let read = Instant::now();
        for view in &views {
            std::hint::black_box(windows.measure(&view.record, view.time.expect("a time")));
        }
        let measured = Instant::now();
        for view in &views {
            std::hint::black_box(flows.measure(&view.record, view.time.expect("a time")));
        }
        let done = Instant::now();
        cost.normalise += read - begun;
        cost.kdd += measured - read;
        cost.flow += done - measured;
        views.into_iter().for_each(|view| normaliser.recycle(view));
    }
    (cost, [windows.held().0, flows.held()[1]])
}

/// A connection of one of a thousand originators to one of so many hosts, 2,000 a second.
fn write_event(line: &mut String, number: u64, hosts: u32) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let host = (mixed >> 20) % u64::from(hosts);
    let (from, port) = (mixed >> 50 & 1023, [80, 443, 53, 22, 25, 445, 8080, 3389][(mixed >> 12 & 7) as usize]);
    let state = ["SF", "SF", "SF", "S0", "REJ", "RSTO"][(mixed >> 8) as usize % 6];
    let seconds = 1_700_000_000.0 + number as f64 / 2_000.0;
    line.clear();
    write!(
        line,
        "{{\"ts\":{seconds:.6},\"uid\":\"C{number}\",\"id.orig_h\":\"10.1.{}.{}\",\"id.orig_p\":{},\"id.resp_h\":\"11.{}.{}.{}\",\
         \"id.resp_p\":{port},\"proto\":\"tcp\",\"service\":\"http\",\"duration\":0.25,\"orig_bytes\":310,\"resp_bytes\":2200,\
         \"conn_state\":\"{state}\",\"history\":\"ShADadFf\",\"orig_pkts\":6,\"orig_ip_bytes\":560,\"resp_pkts\":5,\
         \"resp_ip_bytes\":2410}}",
        from >> 8,
        from & 255,
        1024 + number % 60_000,
        host >> 16,
        host >> 8 & 255,
        host & 255
    )
    .expect("writing to a string does not fail");
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a status");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}
