//! Beacons, long connections, DNS tunnels and made-up names in real traffic, through the commands.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::data::{shared, unpacked};
use crate::harness::oversight::run;

/// What `oversight patterns` finds in the files.
fn patterns(files: &[PathBuf], top: &str) -> Value {
    let mut words = vec!["patterns", "--output", "json", "--top", top];
    words.extend(files.iter().map(|file| file.to_str().unwrap()));
    let done = run(&words);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&done.stdout).expect("one JSON object on standard output");
    told["patterns"].clone()
}

fn of(found: &Value, pattern: &str, field: &str) -> Vec<(String, f64)> {
    let list = found[pattern].as_array().expect("a list");
    let entity = |item: &Value| item["entity"][field].as_str().unwrap_or_default().to_owned();
    list.iter().map(|item| (entity(item), item["severity"].as_f64().expect("a number"))).collect()
}

#[test]
fn the_beacon_planted_in_real_logs_is_the_first_of_its_day() {
    for day in ["2024-04-19", "2024-04-20"] {
        let Some(archive) = shared(&format!("rita-zeek/missing_host/{day}.tar.gz")) else { return };
        let folder = tempfile::tempdir().unwrap();
        let files = unpacked(&archive, "conn.", folder.path());
        assert_eq!(files.len(), 24);
        let found = patterns(&files, "5");
        let beacons = of(&found, "beacon", "source.ip");
        assert_eq!(beacons[0].0, "73.54.23.243", "{day}: {found}");
        assert!(beacons[0].1 >= 85.0, "{day}: {found}");
        let evidence = &found["beacon"][0]["evidence"];
        assert!(evidence["calls"].as_u64().unwrap() >= 316, "{evidence}");
        let interval = evidence["interval"]["median_seconds"].as_f64().unwrap();
        assert!((200.0..=350.0).contains(&interval), "{evidence}");
    }
}

#[test]
fn a_tunnel_of_iodine_is_found_in_packets_and_no_honest_domain_in_real_logs() {
    let Some(capture) = shared("pcap-attacks/elastic/dns-tunnel-iodine.pcap.gz") else { return };
    let found = patterns(&[capture], "3");
    let tunnels = of(&found, "dns_tunnel", "dns.question.registered_domain");
    assert!(tunnels.len() == 1 && tunnels[0].0 == "pirate.sea" && tunnels[0].1 >= 75.0, "{found}");
    assert_eq!(
        found["dns_tunnel"][0]["evidence"]["questions_for_data"],
        found["dns_tunnel"][0]["evidence"]["questions"]
    );
    for honest in
        ["stratosphere-zeek/ctu-sme-11-ubuntu-2023-02-20/dns.log.labeled.gz", "wrccdc2018-zeek/zeek-default/dns.log.gz"]
    {
        let Some(log) = shared(honest) else { return };
        let found = patterns(&[log], "100");
        let told = of(&found, "dns_tunnel", "dns.question.registered_domain");
        assert!(told.iter().all(|(_, severity)| *severity < 50.0), "{honest}: {told:?}");
        let hosts = of(&found, "generated_names", "source.ip");
        assert!(hosts.iter().all(|(_, severity)| *severity < 50.0), "{honest}: {hosts:?}");
    }
}

#[test]
fn the_host_that_asks_for_generated_names_is_found() {
    let Some(log) = shared("stratosphere-zeek/005-zeek-scenario-malicious/dns.log.gz") else { return };
    let found = patterns(&[log], "10");
    let hosts = of(&found, "generated_names", "source.ip");
    let told: Vec<_> = hosts.iter().filter(|(_, severity)| *severity >= 75.0).map(|(host, _)| host).collect();
    // one machine, by either of its addresses
    assert_eq!(told, ["fd77:48a1:c0bb:0:b96c:506d:6c7f:e8be", "192.168.1.116"], "{found}");
}

#[test]
fn the_beacon_of_the_simulation_is_the_first_and_judge_tells_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traffic.json");
    let made = run(&["simulate"]);
    std::fs::write(&file, &made.stdout).unwrap();
    let found = patterns(std::slice::from_ref(&file), "3");
    assert_eq!(found["beacon"][0]["entity"]["destination.ip"], "192.0.2.77", "{found}");
    assert!(found["beacon"][0]["severity"].as_f64().unwrap() >= 75.0, "{found}");
    let judged = run(&["judge", path(&file), "--output", "json"]);
    let judged: Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!(judged["patterns"]["beacon"][0]["entity"], found["beacon"][0]["entity"]);
    let text = String::from_utf8(run(&["judge", path(&file)]).stdout).unwrap();
    assert!(text.contains("192.0.2.77 port 443/tcp like a clock"), "{text}");
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}
