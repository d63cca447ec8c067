//! The configuration as a whole: what a file and an environment come to.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checked::{Elasticsearch, Embedded};
use super::*;
use crate::telemetry::log;

fn no_variables() -> impl Iterator<Item = (String, String)> {
    std::iter::empty()
}

fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (String, String)> + 'a {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

fn load_text(text: &str, env: impl Iterator<Item = (String, String)>) -> Result<Config, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oversight.yml");
    std::fs::write(&path, text).unwrap();
    load(Some(&path), env)
}

/// What is told of a wrong file, without the folder it lies in.
fn told(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let faults = load_text(text, variables(env)).expect_err("a fault");
    let start = |line: &str| line.find("oversight.yml").unwrap_or(0);
    faults.to_string().lines().map(|line| line[start(line)..].to_owned()).collect()
}

fn elasticsearch(config: &Config) -> &Elasticsearch {
    match &config.store.kind {
        StoreKind::Elasticsearch(found) => found,
        StoreKind::Embedded(_) | StoreKind::Kafka(_) => panic!("not elasticsearch"),
    }
}

#[test]
fn without_file_and_variables_it_runs_on_loopback_with_the_embedded_index() {
    let config = load(None, no_variables()).unwrap();
    assert_eq!(config.listen, "127.0.0.1:9292".parse::<SocketAddr>().unwrap());
    assert!(matches!(config.store.kind, StoreKind::Embedded(Embedded { retention_days: 30, .. })));
    assert_eq!(config.http.max_body, 64 << 20);
    assert_eq!(config.retry_window, Duration::from_secs(120));
    assert_eq!(config.classify.model, Model::Builtin("flow".to_owned()));
    assert_eq!(config.classify.second, Some(Model::Builtin("kdd99".to_owned())));
    assert_eq!(config.log, log::Settings::default());
    assert_eq!(load_text("{}", no_variables()).unwrap(), config);
    assert_eq!(load_text("# all defaults\nhttp:\n", no_variables()).unwrap(), config);
}

#[test]
fn a_file_sets_what_it_names() {
    let text = "listen: localhost:1\nhttp: {max_depth: 9, header_timeout: 1m30s}\nstore:\n  elasticsearch:\n    url: http://es:9200/\n    \
                username: u\n    password: '007'\nclassify: {model: ./models/own}\nlog: {level: debug, format: json}\n";
    let config = load_text(text, no_variables()).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!((config.http.max_depth, config.http.header_timeout), (9, Duration::from_secs(90)));
    let store = elasticsearch(&config);
    assert_eq!(store.urls, ["http://es:9200"]);
    let Credentials::Password { username, password } = &store.credentials else { panic!("a password") };
    assert_eq!((username.as_str(), password.reveal()), ("u", "007"));
    assert_eq!(config.classify.model, Model::Folder("./models/own".into()));
    assert_eq!(config.log, log::Settings { level: log::Level::Debug, format: log::Format::Json });
}

#[test]
fn the_second_model_and_the_shadow_are_switched_off_by_the_same_word_in_file_and_environment() {
    for (text, variable) in [("none", None), ("builtin:kdd99", Some("none"))] {
        let env: Vec<_> = variable.map(|value| ("OVERSIGHT_CLASSIFY_SECOND", value)).into_iter().collect();
        let config = load_text(&format!("classify: {{second: {text}, shadow: none}}\n"), variables(&env)).unwrap();
        assert_eq!((config.classify.second, config.classify.shadow), (None, None), "{text} {variable:?}");
    }
    let env = [("OVERSIGHT_CLASSIFY_SECOND", "builtin:flow")];
    let config = load_text("classify: {second: none}\n", variables(&env)).unwrap();
    assert_eq!(config.classify.second, Some(Model::Builtin("flow".to_owned())), "the environment has the last word");
}

#[test]
fn all_faults_are_told_at_once_each_with_line_key_value_and_what_is_allowed() {
    let text = "\
listn: 127.0.0.1:1
http:
  max_bdy: 1MiB
  max_depth: 1000
  header_timeout: 5
  max_body: {a: 1}
enrich:
  enabled: maybe
  batch: many
log:
  level: loud
spool: 7
max_event: 1MiB
anomaly:
  threshold: 101
zebra: 1
";
    let allowed_at_top = "listen, listen_unprotected, data_dir, http, ingest, syslog, kafka, spool, enrich, classify, anomaly, store, log";
    let told = told(text, &[]);
    let mut known: Vec<&str> = allowed_at_top.split(", ").collect();
    known.sort_unstable();
    let zebra = told.last().unwrap();
    assert!(known.iter().all(|key| zebra.contains(key)), "{zebra}");
    assert_eq!(
        told[..told.len() - 1],
        [
            "oversight.yml:1: listn: unknown key; did you mean listen?",
            "oversight.yml:3: http.max_bdy: unknown key; did you mean max_body?",
            "oversight.yml:4: http.max_depth: '1000' is not a whole number, from 2 to 127",
            "oversight.yml:5: http.header_timeout: '5' is not a duration such as 5s, 2m or 1h30m, at least 1s",
            "oversight.yml:6: http.max_body: a map is not a size such as 64MiB or 1GB, from 1KiB to 2GiB",
            "oversight.yml:8: enrich.enabled: 'maybe' is not true or false",
            "oversight.yml:9: enrich.batch: 'many' is not a whole number, from 1 to 65536",
            "oversight.yml:11: log.level: 'loud' is not one of error, warn, info, debug, trace",
            "oversight.yml:12: spool: '7' is not a map of keys",
            "oversight.yml:13: max_event: unknown key; did you mean http.max_event?",
            "oversight.yml:15: anomaly.threshold: '101' is not a number, from 0 to 100",
        ]
    );
}

#[test]
fn rules_between_keys_are_told_where_the_key_stands() {
    let text = "\
listen: 0.0.0.0:9292
http: {max_body: 512MiB}
spool: {max_size: 1MiB, segment_size: 2MiB}
store:
  kind: elasticsearch
  elasticsearch:
    username: u
";
    let told = told(text, &[]);
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told[0].starts_with("oversight.yml:1: listen: 0.0.0.0:9292 can be reached by other machines"));
    assert_eq!(told[1], "oversight.yml:2: http.max_body: 512MiB is more than http.max_decompressed, which is 256MiB");
    assert_eq!(told[2], "oversight.yml:3: spool.segment_size: 2MiB is more than spool.max_size, which is 1MiB");
    assert!(told[3].starts_with("oversight.yml:5: store.kind: elasticsearch needs its address"));
    assert!(told[4].starts_with("oversight.yml:7: store.elasticsearch.username: goes with"));
}

#[test]
fn an_open_address_is_taken_when_told_plainly() {
    let config = load_text("listen: '[::]:80'\nlisten_unprotected: true\n", no_variables()).unwrap();
    assert_eq!(config.listen.to_string(), "[::]:80");
}

#[test]
fn a_default_follows_a_smaller_limit_that_was_given() {
    let config = load_text("http: {max_decompressed: 1MiB}\nspool: {max_size: 1MiB}\n", no_variables()).unwrap();
    assert_eq!((config.http.max_body, config.http.max_event), (1 << 20, 1 << 20));
    assert_eq!(config.spool.segment_bytes, 256 << 10);
}

#[test]
fn a_variable_wins_over_the_file() {
    let env = [
        ("OVERSIGHT_HTTP_MAX_DEPTH", "12"),
        ("OVERSIGHT_STORE_ELASTICSEARCH_URL", "http://a:1, http://b:2"),
        ("OVERSIGHT_LOG_LEVEL", ""),
        ("OVERSIGHT_CONFIG", "x.yml"),
        ("OVERSIGHT_SHARED", "/x"),
        ("OVERSIGHT_CACHE", "/x"),
        ("OVERSIGHT_REQUEST_HEADER", "authorization: ApiKey x"),
        ("OVERSIGHT_ANOMALY_METRICS", "[{name: a, span: 5}]"),
        ("PATH", "/bin"),
    ];
    let config = load_text("http: {max_depth: 9}\nlog: {level: warn}\n", variables(&env)).unwrap();
    assert_eq!(config.http.max_depth, 12);
    assert_eq!(elasticsearch(&config).urls, ["http://a:1", "http://b:2"]);
    assert_eq!(config.log.level, log::Level::Warn);
    assert_eq!(config.anomaly.metrics, Some(vec![serde_json::json!({ "name": "a", "span": 5 })]));
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name_and_a_wrong_value_with_the_variable() {
    let env = [("OVERSIGHT_HTTP_MAX_BDY", "1MiB"), ("OVERSIGHT_HTTP_MAX_BODY", "big"), ("OVERSIGHT_ZZ", "1")];
    assert_eq!(
        told("{}", &env),
        [
            "OVERSIGHT_HTTP_MAX_BDY: unknown variable; did you mean OVERSIGHT_HTTP_MAX_BODY?",
            "OVERSIGHT_HTTP_MAX_BODY: http.max_body: 'big' is not a size such as 64MiB or 1GB, from 1KiB to 2GiB",
            "OVERSIGHT_ZZ: unknown variable; 'oversight config reference' lists all",
        ]
    );
}

#[test]
fn secrets_come_by_file_and_variable_and_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "hunter2\n").unwrap();
    let text = "store: {elasticsearch: {url: http://es:1, api_key: {env: OVERSIGHT_MY_KEY}}}";
    let by_variable = load_text(text, variables(&[("OVERSIGHT_MY_KEY", "hunter2")])).unwrap();
    let file = file.to_str().unwrap();
    let text = "store: {elasticsearch: {url: http://es:1, api_key: other}}";
    let by_file = load_text(text, variables(&[("OVERSIGHT_STORE_ELASTICSEARCH_API_KEY_FILE", file)])).unwrap();
    let text = "store: {elasticsearch: {url: http://es:1, api_key: hunter2}}";
    let plain = load_text(text, no_variables()).unwrap();
    for config in [by_variable, by_file, plain] {
        let Credentials::ApiKey(key) = &elasticsearch(&config).credentials else { panic!("a key") };
        assert_eq!(key.reveal(), "hunter2");
        let printed = format!("{config:?}{}{}", config.show(), config.show_json());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn no_fault_shows_a_secret() {
    let text = "store: {elasticsearch: {url: 'http://u:hunter2@es:1', api_key: [hunter2], password: {fil: hunter2}}}";
    let told = told(
        text,
        &[("OVERSIGHT_STORE_ELASTICSEARCH_PASSWORD_ENV", "X"), ("OVERSIGHT_STORE_ELASTICSEARCH_PASSWORD", "hunter2")],
    );
    assert!(!told.join("\n").contains("hunter2"), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("give only one of them")), "{told:#?}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oversight.yml");
    let tell = || load(Some(&path), no_variables()).expect_err("a fault").to_string();
    assert!(tell().contains("cannot be read"));
    std::fs::write(&path, "").unwrap();
    assert!(tell().contains("oversight.yml: empty"));
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    assert!(tell().contains("oversight.yml:2: not UTF-8"), "{}", tell());
    std::fs::write(&path, vec![b'#'; (4 << 20) + 1]).unwrap();
    assert!(tell().contains("larger than 4MiB"));
    assert_eq!(
        told("http:\n\tmax_depth: 3\n", &[]),
        ["oversight.yml:2: a tab cannot indent a line of YAML; use spaces"]
    );
    assert_eq!(told("- 1\n", &[])[0], "oversight.yml:1: a list is not a map of keys");
    assert_eq!(told("log: {}\nlog: {}\n", &[])[0], "oversight.yml:2: log: given twice; the first stands in line 1");
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Metric {
    #[allow(dead_code)]
    name: String,
    #[allow(dead_code)]
    span: DurationText,
    #[allow(dead_code)]
    filter: Option<Filter>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[allow(dead_code)]
enum Filter {
    Not(Box<Filter>),
    Equals { field: String, value: String },
}

#[test]
fn declarations_of_metrics_are_checked_by_the_type_that_is_plugged_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oversight.yml");
    let loader = Loader::new().metrics::<Metric>();
    let text = "\
anomaly:
  metrics:
    - {name: a, span: 5m, filter: {not: {equals: {field: x, value: y}}}}
    - name: b
      spam: 5m
    - {name: c, span: 5m, filter: {not: {equals: {field: x}}}}
";
    std::fs::write(&path, text).unwrap();
    let faults = loader.load(Some(&path), no_variables()).unwrap_err();
    let told: Vec<String> =
        faults.iter().map(|fault| format!("{:?} {} {}", fault.place, fault.key, fault.problem)).collect();
    assert_eq!(
        told,
        [
            "Line(4) anomaly.metrics[1] the key span is missing",
            "Line(5) anomaly.metrics[1].spam unknown key; did you mean span?",
            "Line(6) anomaly.metrics[2].filter.not.equals the key value is missing",
        ]
    );
    std::fs::write(&path, text.lines().take(3).collect::<Vec<_>>().join("\n")).unwrap();
    let config = loader.load(Some(&path), no_variables()).unwrap();
    let metrics = config.anomaly.metrics.unwrap();
    serde_json::from_value::<Metric>(metrics[0].clone()).unwrap();
    assert!(loader.json_schema().to_string().contains("\"span\""));
}

#[test]
fn what_is_shown_tells_each_origin() {
    let config = load_text("http:\n  max_depth: 9\n", variables(&[("OVERSIGHT_LOG_FORMAT", "json")])).unwrap();
    let shown = config.show();
    let line = |start: &str| shown.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_owned();
    assert!(line("max_depth: 9").ends_with("# file, line 2"), "{shown}");
    assert!(line("format: json").ends_with("# OVERSIGHT_LOG_FORMAT"), "{shown}");
    assert!(line("listen: 127.0.0.1:9292").ends_with("# default"), "{shown}");
    assert!(line("kind: embedded").ends_with("# default"), "{shown}");
}

/// Some keys with a random valid value each, as text for file and variable.
fn settings() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let duration = |key| {
        (1_000_000_u64..3_600_000_000).prop_map(move |us| (key, DurationText(Duration::from_micros(us)).to_string()))
    };
    let size = |key, low: u64, high: u64| (low..high).prop_map(move |bytes| (key, SizeText(bytes).to_string()));
    let count = |key, high: u64| (1..high).prop_map(move |count| (key, count.to_string()));
    let truth = |key| any::<bool>().prop_map(move |truth| (key, truth.to_string()));
    (
        (duration("http.header_timeout"), duration("anomaly.snapshot_every"), duration("ingest.retry_window")),
        (size("http.max_decompressed", 1 << 20, 1 << 31), size("spool.max_size", 1 << 20, 1 << 50)),
        (count("enrich.batch", 65_536), count("store.in_flight", 64), count("store.embedded.retention_days", 36_500)),
        (truth("enrich.enabled"), truth("store.elasticsearch.gzip"), truth("anomaly.enabled")),
        (0.0..100.0_f64).prop_map(|threshold| ("anomaly.threshold", threshold.to_string())),
        "[a-z0-9][a-z0-9_-]{0,20}".prop_map(|prefix| ("store.elasticsearch.index_prefix", prefix)),
        "[a-zA-Z0-9äöü :#{}\\[\\],&*!|>'\"%@`/-]{1,30}".prop_map(|folder| ("data_dir", folder)),
        prop_oneof![Just("text"), Just("json")].prop_map(|format| ("log.format", format.to_owned())),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| vec![a.0, a.1, a.2, b.0, b.1, c.0, c.1, c.2, d.0, d.1, d.2, e, f, g, h])
}

proptest! {
    #[test]
    fn file_environment_and_what_is_shown_come_to_the_same_configuration(settings in settings()) {
        // each section is written once
        let mut root = serde_json::Map::new();
        for (key, value) in &settings {
            let parts: Vec<&str> = key.split('.').collect();
            let (last, parents) = parts.split_last().unwrap();
            let mut section = &mut root;
            for parent in parents {
                let below = section.entry(*parent).or_insert_with(|| serde_json::json!({}));
                section = below.as_object_mut().unwrap();
            }
            section.insert((*last).to_owned(), value.as_str().into());
        }
        let from_file = load_text(&serde_json::to_string_pretty(&root).unwrap(), no_variables()).unwrap();
        let env = settings.iter().map(|(key, value)| {
            (format!("OVERSIGHT_{}", key.replace('.', "_").to_uppercase()), value.clone())
        });
        let from_variables = load(None, env).unwrap();
        let plain = |config: &Config| Config { shown: Vec::new(), ..config.clone() };
        assert_eq!(plain(&from_file), plain(&from_variables));
        let shown_again = load_text(&from_file.show(), no_variables()).unwrap();
        assert_eq!(plain(&from_file), plain(&shown_again));
    }

    #[test]
    fn no_file_makes_it_panic(text in "\\PC{0,200}", keys in "(http|store|a|: |\n|  |\\{|\\[|&a|\\*a|- |\"|'|\t){0,40}") {
        let _ = load_text(&text, no_variables());
        let _ = load_text(&keys, no_variables());
    }
}

#[test]
fn syslog_listens_on_loopback_unless_told_and_says_why() {
    let told = told("syslog: {listen_tcp: '0.0.0.0:514', listen_udp: '127.0.0.1:514', time_zone: CET}", &[]);
    assert!(told[1].starts_with("oversight.yml:1: syslog.time_zone: 'CET' is not utc, local or an offset"), "{told:?}");
    assert!(told[0].contains("syslog.listen_tcp") && told[0].contains("syslog has no authentication"), "{told:?}");
    assert_eq!(told.len(), 2);
    let text = "syslog: {listen_udp: '0.0.0.0:514', listen_unprotected: true, time_zone: '+02:00'}";
    let config = load_text(text, no_variables()).unwrap();
    assert_eq!(config.syslog.listen_udp.unwrap().port(), 514);
    assert_eq!(config.syslog.time_zone, TimeZone::Offset(7200));
}

#[test]
fn properties_of_kafka_are_passed_through_and_may_be_secrets() {
    let text = "kafka:\n  input:\n    brokers: [k1:9092, 'k2:9092']\n    topics: [events]\n    properties:\n      \
                sasl.password: {env: PASSWORD}\n      fetch.min.bytes: 100\nstore: {kind: kafka, kafka: {brokers: ['k1:9092']}}\n";
    let config = load_text(text, variables(&[("PASSWORD", "hunter2")])).unwrap();
    assert!(!format!("{config:?} {}", config.show()).contains("hunter2"));
    let input = config.kafka_input.unwrap();
    let properties: Vec<(&str, &str)> =
        input.properties.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    assert_eq!(properties, [("fetch.min.bytes", "100"), ("sasl.password", "hunter2")]);
    assert_eq!(input.group, "oversight");
    assert!(matches!(config.store.kind, StoreKind::Kafka(_)));
}

#[test]
fn what_kafka_needs_or_may_not_have_is_told() {
    let text = "kafka: {input: {topics: [a], properties: {group.id: x}}}\nstore: {kind: kafka}\n";
    let told = told(text, &[]);
    assert!(told.iter().any(|line| line.contains("group.id is set by oversight; the key for it is group")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("goes with kafka.input.brokers")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("store.kafka.brokers")), "{told:?}");
}

#[test]
fn hosts_whose_connections_are_no_attacks_are_read_one_by_one() {
    let faults = told("classify: {known_hosts: [10.0.0.1, monitor, '2001:db8::/32']}", &[]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("classify.known_hosts[1]") && faults[0].contains("monitor is no address"), "{faults:?}");
}

#[test]
fn hosts_and_domains_of_patterns_are_read_one_by_one() {
    let text = "anomaly: {patterns: {known_hosts: [10.0.0.1, private, 10.1/16, '2001:db8::/32'], known_domains: [sensor.example, .below.example, '*.x', 'https://y']}}";
    let faults = told(text, &[]);
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults[0].contains("known_domains[2]") && faults[1].contains("known_domains[3]"), "{faults:?}");
    assert!(faults[2].contains("known_hosts[2]") && faults[2].contains("10.1/16 is no address"), "{faults:?}");
}
