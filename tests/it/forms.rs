//! The same traffic in several forms has the same features: a capture as packets, as Zeek's log of it, and as what Suricata
//! writes of it. How far they may be apart stands in docs/features.md, which is where these tests read it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use oversight::event::ReceivedTime;
use oversight::features::flow::{FEATURES, FlowSettings, FlowWindows};
use oversight::features::symbols::{FLAGS, PROTOCOLS, SERVICES};
use oversight::features::{NAMES, Settings, Windows, name_of_numeric};
use oversight::normalise::records::{self, Format};
use oversight::normalise::{Connection, Normaliser, Record, Transport};

use crate::harness::{data, skip};

/// Captures of all kinds of traffic: logins and guesses, scans and floods, exploits, and what hides in ICMP and DNS. None
/// where somebody calls again who was not answered: how many attempts that is, Zeek and Suricata count differently.
const CAPTURES: [&str; 16] = [
    "zeek/ssh__ssh.pcap.gz",
    "zeek/ssh__sshguess.pcap.gz",
    "zeek/tls__heartbleed-success.pcap.gz",
    "slips/malicious-ssh-bruteforce.pcap.gz",
    "slips/test-cc-capture-1.pcap.gz",
    "slips/test12-icmp-portscan.pcap.gz",
    "malcolm/bro-simple-scan__port_scan.pcap.gz",
    "malcolm/bro-simple-scan__scan_with_zero_windows.pcap.gz",
    "malcolm/cve-2021-44228__log4j-attack.pcap.gz",
    "malcolm/CVE-2021-41773__apache_exploit_success.pcap.gz",
    "malcolm/zerologon__CVE-2020-1472_exploit_win2019.pcap.gz",
    "malcolm/zeek-agenttesla-detector__a30789ce-1e1c-4f96-a097-78c34b9fb612.pcap.gz",
    "malcolm/Pingback__Pingback_ICMP.pcap.gz",
    "malcolm/ripple20__dns_caa_records.pcap.gz",
    "elastic/dns-tunnel-iodine.pcap.gz",
    "suricata-verify/firewall__tcp-session-syn-flood-drop-precedence__input.pcap.gz",
];

/// Hosts, ports and protocol: what a connection is known by in every form. Of ICMP only the hosts.
type Tuple = (String, [(String, u16); 2]);

/// A connection's features by name; words as places in their vocabularies, missing ones NaN.
type Measured = BTreeMap<&'static str, f64>;

fn tuple(connection: &Connection<'_>) -> Tuple {
    let icmp = connection.transport == Transport::Icmp;
    let end = |end: &oversight::normalise::Endpoint<'_>| {
        (format!("{:?}", end.address), end.port.filter(|_| !icmp).unwrap_or_default())
    };
    (format!("{:?}", connection.transport), [end(&connection.source), end(&connection.destination)])
}

/// The connections of a file in the order in which they began, measured in that order; records about connections first.
fn measured(file: &Path) -> BTreeMap<Tuple, Vec<Measured>> {
    let epoch = ReceivedTime::from_micros(0).as_event_time();
    let events: Vec<String> = records::open(file, Format::Auto, epoch).unwrap().map(Result::unwrap).collect();
    let mut normaliser = Normaliser::new(&[]);
    let begun = |event: &String| {
        let view = normaliser.read(event.as_bytes()).unwrap();
        view.started().map_or(0, |time| time.micros())
    };
    let mut order: Vec<(i64, &String)> = events.iter().map(begun).zip(&events).collect();
    order.sort_by_key(|(begun, _)| *begun);
    let mut normaliser = Normaliser::new(&[]);
    let (mut windows, mut flows) = (Windows::new(&Settings::default()), FlowWindows::new(&FlowSettings::default()));
    let mut found: BTreeMap<Tuple, Vec<Measured>> = BTreeMap::new();
    for (_, event) in order {
        let view = normaliser.read(event.as_bytes()).unwrap();
        let Record::Connection(connection) = &view.record else { continue };
        if connection.sides != oversight::normalise::Sides::Whole {
            continue;
        }
        let time = view.started().expect("every form tells when a connection began");
        let (kdd, flow) = (windows.measure(&view.record, time).unwrap(), flows.measure(&view.record, time).unwrap());
        let numbers = kdd.numeric.iter().enumerate().map(|(place, value)| (NAMES[name_of_numeric(place)], *value));
        let flow = FEATURES.iter().map(|feature| feature.name).zip(flow.0);
        let mut all: Measured = numbers.chain(flow).map(|(name, value)| (name, f64::from(value))).collect();
        for (name, (symbol, words)) in
            NAMES[1..4].iter().zip(kdd.symbols.in_order().into_iter().zip([PROTOCOLS, SERVICES, FLAGS]))
        {
            let place = words.iter().position(|word| *word == symbol.word(words));
            all.insert(name, place.map_or(f64::NAN, |place| place as f64));
        }
        found.entry(tuple(connection)).or_default().push(all);
    }
    found
}

/// How a feature differs between two forms.
#[derive(Default)]
struct Difference {
    compared: u64,
    /// Those further apart than the tolerance.
    beyond: u64,
    /// The furthest.
    worst: f64,
}

/// How far values may be apart: so much, or such a share of the greater one.
#[derive(Clone, Copy)]
struct Tolerance {
    absolute: f64,
    relative: f64,
    /// Share of the connections for which that holds.
    share: f64,
}

impl Tolerance {
    fn beyond(self, one: f64, other: f64) -> bool {
        let apart = (one - other).abs();
        apart > self.absolute + 1e-6 && apart > self.relative * one.abs().max(other.abs()) + 1e-6
    }
}

/// The tolerances of the page about features, in the columns `packets and Zeek` (0) and `packets and Suricata` (1).
fn tolerances(column: usize) -> BTreeMap<String, Tolerance> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/features.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| features | packets and Zeek")).skip(2);
    let mut found = BTreeMap::new();
    for row in rows.take_while(|row| row.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let tolerance = tolerance(cells[1 + column]);
        let names = cells[0].split(',').map(|name| name.trim().trim_matches('`'));
        found.extend(names.map(|name| (name.to_owned(), tolerance)));
    }
    found
}

/// Reads `equal`, `within 5`, `within 10 %`, `within 5 or 10 %`, each perhaps with `of 95 %` of the connections.
fn tolerance(text: &str) -> Tolerance {
    let (amount, share) = text.split_once(" of ").unwrap_or((text, "100 %"));
    let number = |text: &str| text.trim_end_matches('%').trim().parse::<f64>().unwrap();
    let mut found = Tolerance { absolute: 0.0, relative: 0.0, share: number(share) / 100.0 };
    for part in amount.strip_prefix("within").unwrap_or("").split(" or ").map(str::trim).filter(|part| !part.is_empty())
    {
        match part.ends_with('%') {
            true => found.relative = number(part) / 100.0,
            false => found.absolute = number(part),
        }
    }
    found
}

/// Compares two forms of one capture; gives the connections joined, and those that either has alone.
fn compare(
    ours: &BTreeMap<Tuple, Vec<Measured>>,
    theirs: &BTreeMap<Tuple, Vec<Measured>>,
    tolerances: &BTreeMap<String, Tolerance>,
    differences: &mut BTreeMap<&'static str, Difference>,
) -> [u64; 2] {
    let (mut joined, mut alone) = (0, 0);
    for (tuple, ours) in ours {
        let theirs = theirs.get(tuple).map(Vec::as_slice).unwrap_or_default();
        alone += ours.len().abs_diff(theirs.len()) as u64;
        for (one, other) in ours.iter().zip(theirs) {
            joined += 1;
            for (name, value) in one {
                let other = other[name];
                // a form that does not tell a feature says so with each document
                if value.is_nan() || other.is_nan() {
                    continue;
                }
                let difference = differences.entry(name).or_default();
                difference.compared += 1;
                difference.worst = difference.worst.max((value - other).abs());
                let tolerance = tolerances.get(*name).or(tolerances.get("every other")).copied();
                let tolerance = tolerance.unwrap_or_else(|| panic!("docs/features.md has no tolerance for {name}"));
                difference.beyond += u64::from(tolerance.beyond(*value, other));
            }
        }
    }
    alone +=
        theirs.iter().filter(|(tuple, _)| !ours.contains_key(*tuple)).map(|(_, all)| all.len() as u64).sum::<u64>();
    [joined, alone]
}

/// Fails with a table of the features that are further apart than the page says.
fn check(column: usize, differences: &BTreeMap<&'static str, Difference>) {
    let tolerances = tolerances(column);
    let mut wrong = String::new();
    for (name, Difference { compared, beyond, worst }) in differences {
        let tolerance = tolerances.get(*name).or(tolerances.get("every other")).expect("it was asked for before");
        let within = 1.0 - *beyond as f64 / *compared as f64;
        println!("{name}: {compared} compared, {:.2} % within, furthest {worst}", 100.0 * within);
        if within < tolerance.share {
            wrong += &format!("{name}: {beyond} of {compared} are further apart than said, the furthest by {worst}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn capture(name: &str, folder: &Path) -> Option<PathBuf> {
    let packed = data::shared(&format!("pcap-attacks/{name}"))?;
    let path = folder.join("traffic.pcap");
    let mut reader = oversight::normalise::file::open(&packed).unwrap();
    std::io::copy(&mut reader, &mut std::fs::File::create(&path).unwrap()).unwrap();
    Some(path)
}

#[test]
fn packets_and_the_log_that_zeek_wrote_of_them_have_the_same_features() {
    let folder = tempfile::tempdir().unwrap();
    let Some(archive) = data::shared("zeek-format-corpus/zeek_btest_baselines.tar.gz") else { return };
    let Some(packets) = capture("zeek/ssh__ssh.pcap.gz", folder.path()) else { return };
    let log = "scripts.base.protocols.ssh.basic/conn.log";
    let mut unpack = Command::new("tar");
    unpack.arg("xzf").arg(&archive).arg("-C").arg(folder.path()).arg("--wildcards").arg(format!("*{log}"));
    assert!(unpack.status().unwrap().success());
    let found = Command::new("find").arg(folder.path()).args(["-path", &format!("*{log}")]).output().unwrap();
    let log = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    // Zeek's own tests blank the times out of their results, so they are taken from the packets again
    let timed = with_times(&packets, &log, folder.path());
    let mut differences = BTreeMap::new();
    let [joined, alone] = compare(&measured(&packets), &measured(&timed), &tolerances(0), &mut differences);
    assert_eq!([joined, alone], [25, 0]);
    check(0, &differences);
}

/// Zeek's log with the times at which the packets say that its connections began.
fn with_times(packets: &Path, log: &Path, folder: &Path) -> PathBuf {
    let epoch = ReceivedTime::from_micros(0).as_event_time();
    let events = records::open(packets, Format::Auto, epoch).unwrap().map(|event| {
        let event: serde_json::Value = serde_json::from_str(&event.unwrap()).unwrap();
        let place =
            ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"].map(|name| event[name].to_string().replace('"', ""));
        (place.join("\t"), event["ts"].to_string())
    });
    let times: Vec<(String, String)> = events.collect();
    let text = std::fs::read_to_string(log).unwrap();
    let mut used = vec![false; times.len()];
    let lines = text.lines().map(|line| match line.strip_prefix("XXXXXXXXXX.XXXXXX\t") {
        Some(rest) => {
            let place =
                times.iter().zip(&used).position(|((tuple, _), used)| !used && rest.contains(&format!("\t{tuple}\t")));
            let place = place.expect("a connection of the capture");
            used[place] = true;
            format!("{}\t{rest}", times[place].1)
        }
        None => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    let path = folder.join("conn.log");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

/// All that it writes of connections, and no rules; connections end when they do with Zeek.
const SURICATA: &str = "%YAML 1.1\n---\nflow-timeouts:\n  tcp: {new: 5, established: 300, closed: 5}\n  \
    udp: {new: 60, established: 60}\n  icmp: {new: 60, established: 60}\noutputs:\n  - eve-log:\n      enabled: yes\n      filetype: regular\n      filename: eve.json\n      \
    types: [flow, anomaly, {http: {extended: yes}}, dns, tls, ssh, ftp]\n";

/// What Suricata writes of a capture.
fn suricata(packets: &Path, folder: &Path) -> PathBuf {
    let (settings, eve) = (folder.join("suricata.yaml"), folder.join("eve.json"));
    std::fs::write(&settings, SURICATA).unwrap();
    let _ = std::fs::remove_file(&eve);
    let done = Command::new("suricata")
        .args(["-c", settings.to_str().unwrap(), "-S", "/dev/null", "-k", "none", "--runmode", "single"])
        .args(["-l", folder.to_str().unwrap(), "-r", packets.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    eve
}

#[test]
fn packets_and_what_suricata_writes_of_them_have_the_same_features() {
    if Command::new("suricata").arg("-V").output().is_err() {
        return skip(
            "suricata is not installed; Debian has it in backports: apt-get install -t bookworm-backports suricata",
        );
    }
    let (tolerances, mut differences) = (tolerances(1), BTreeMap::new());
    let (mut joined, mut alone) = (0, 0);
    for name in CAPTURES {
        let folder = tempfile::tempdir().unwrap();
        let Some(packets) = capture(name, folder.path()) else { return };
        let eve = suricata(&packets, folder.path());
        let [same, other] = compare(&measured(&packets), &measured(&eve), &tolerances, &mut differences);
        println!("{name}: {same} connections in both, {other} in one");
        joined += same;
        alone += other;
    }
    assert!(joined > 1000 && alone * 100 <= joined, "{joined} connections in both, {alone} in one");
    check(1, &differences);
}
