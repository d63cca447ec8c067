//! The other shippers' files, read by the shippers themselves where they are at hand.

use std::path::PathBuf;
use std::process::Command;

use super::{repository, text, yaml};
use crate::clients::found::client;
use crate::harness::certificates;
use crate::harness::skip;

/// A copy of the file whose authority is a real certificate.
fn with_certificate(path: &str, folder: &std::path::Path) -> PathBuf {
    let authority = folder.join("ca.crt");
    std::fs::write(&authority, certificates::Authority::new().pem).unwrap();
    let text = text(path);
    let start = text.find("\"/etc/").expect("it names an authority") + 1;
    let end = start + text[start..].find('"').expect("in quotes");
    let copy = folder.join("copy.conf");
    std::fs::write(&copy, text.replace(&text[start..end], authority.to_str().unwrap())).unwrap();
    copy
}

#[test]
fn rsyslog_takes_its_file() {
    let Some(program) = client(&["rsyslog"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = with_certificate("pipelines/rsyslog.conf", folder.path());
    let done = Command::new(program).arg("-N1").arg("-f").arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("warning"), "{said}");
}

#[test]
fn syslog_ng_takes_its_file() {
    let Some(home) = client(&["syslog-ng"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = with_certificate("pipelines/syslog-ng.conf", folder.path());
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/syslog-ng"];
    let libraries = libraries.map(|place| home.join(place).display().to_string()).join(":");
    let mut command = Command::new(home.join("usr/sbin/syslog-ng"));
    command
        .arg("--syntax-only")
        .arg("--cfgfile")
        .arg(file)
        .arg("--module-path")
        .arg(home.join("usr/lib/syslog-ng/3.38"));
    let done = command.env("LD_LIBRARY_PATH", libraries).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn vectors_file_is_toml_in_which_every_input_is_there() {
    let script = "import sys, tomllib\n\
        conf = tomllib.load(open(sys.argv[1], 'rb'))\n\
        names = set(conf['sources']) | set(conf['transforms'])\n\
        parts = list(conf['transforms'].values()) + list(conf['sinks'].values())\n\
        assert all(set(part['inputs']) <= names for part in parts), names\n\
        assert conf['sinks']['oversight']['type'] == 'elasticsearch'\n";
    let done = Command::new("python3").arg("-c").arg(script).arg(repository("pipelines/vector.toml")).output();
    let Ok(done) = done else { return skip("there is no python3") };
    let said = String::from_utf8_lossy(&done.stderr);
    if said.contains("No module named 'tomllib'") {
        return skip("python3 is older than 3.11");
    }
    assert!(done.status.success(), "{said}");
}

#[test]
fn filebeats_and_kafka_connects_files_say_what_oversight_needs() {
    let filebeat = yaml::read(&text("pipelines/filebeat.yml"));
    assert_eq!(filebeat["setup.template.enabled"], false);
    assert!(filebeat["output.elasticsearch"]["hosts"][0].as_str().unwrap().starts_with("https://"));
    let connect: serde_json::Value = serde_json::from_str(&text("pipelines/kafka-connect.json")).unwrap();
    let settings = connect["config"].as_object().expect("settings");
    assert!(settings.values().all(serde_json::Value::is_string), "Kafka Connect takes texts only");
    assert_eq!((&settings["key.ignore"], &settings["write.method"]), (&"true".into(), &"INSERT".into()));
}

#[test]
fn fluent_bits_file_has_sections_of_keys_and_never_gives_up() {
    let mut section = "";
    let mut keys = std::collections::BTreeMap::new();
    for line in text("pipelines/fluent-bit.conf").lines().map(str::to_owned).collect::<Vec<_>>().leak() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            assert!(["SERVICE", "INPUT", "FILTER", "OUTPUT"].contains(&name), "{name}");
            section = name;
            continue;
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or_else(|| panic!("{line} has no value"));
        assert!(!section.is_empty() && keys.insert((section, key), value.trim()).is_none(), "{line}");
    }
    assert_eq!(keys[&("OUTPUT", "Retry_Limit")], "no_limits");
    assert_eq!(keys[&("INPUT", "storage.type")], "filesystem");
    assert_eq!(keys[&("OUTPUT", "Name")], "es");
}
