//! The files for Logstash: they parse, they know no setting that their plugins do not, and they lose nothing.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::logstash_text::{Plugin, Value, read};
use super::{text, yaml};

/// Settings of the plugins that oversight depends on, as their sources declare them: a misspelt one stops Logstash.
const SETTINGS: [(&str, &str, &[&str]); 5] = [
    (
        "output",
        "http",
        &[
            "url",
            "http_method",
            "format",
            "http_compression",
            "headers",
            "user",
            "password",
            "ssl_certificate_authorities",
            "ssl_verification_mode",
            "retry_failed",
            "retryable_codes",
            "connect_timeout",
            "socket_timeout",
            "request_timeout",
            "validate_after_inactivity",
            "automatic_retries",
            "retry_non_idempotent",
        ],
    ),
    (
        "output",
        "elasticsearch",
        &[
            "hosts",
            "index",
            "api_key",
            "ssl_enabled",
            "ssl_certificate_authorities",
            "manage_template",
            "ilm_enabled",
            "data_stream",
            "action",
            "document_id",
        ],
    ),
    (
        "filter",
        "http",
        &[
            "url",
            "verb",
            "headers",
            "ssl_certificate_authorities",
            "body",
            "body_format",
            "target_body",
            "tag_on_request_failure",
            "connect_timeout",
            "socket_timeout",
            "automatic_retries",
        ],
    ),
    ("input", "file", &["path", "codec", "mode", "start_position", "sincedb_path"]),
    ("input", "pipeline", &["address"]),
];
const FILES: [&str; 9] = [
    "pipelines/logstash/zeek.conf",
    "pipelines/logstash/suricata.conf",
    "pipelines/logstash/netflow.conf",
    "pipelines/logstash/syslog.conf",
    "pipelines/logstash/beats.conf",
    "pipelines/logstash/oversight.conf",
    "pipelines/logstash/oversight-bulk.conf",
    "pipelines/logstash/enrich.conf",
    "docker/demo/logstash.conf",
];

fn plugins(file: &str) -> Vec<Plugin> {
    read(&text(file)).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

#[test]
fn every_file_parses_and_has_only_settings_that_its_plugins_know() {
    for file in FILES {
        for plugin in plugins(file) {
            let known = SETTINGS.iter().find(|(section, name, _)| plugin.section == *section && plugin.name == *name);
            let Some((.., known)) = known else { continue };
            for (setting, _) in &plugin.settings {
                assert!(known.contains(&setting.as_str()), "{file}: {} has no {setting}", plugin.name);
            }
        }
    }
}

#[test]
fn an_http_output_repeats_what_was_refused_and_sends_arrays() {
    let mut outputs = 0;
    for file in FILES {
        for plugin in plugins(file).iter().filter(|plugin| plugin.section == "output" && plugin.name == "http") {
            let word = |name: &str| {
                plugin.settings.iter().find(|(setting, _)| setting == name).map(|(_, value)| value.clone())
            };
            assert_eq!(word("retry_failed"), Some(Value::Word("true".to_owned())), "{file}");
            assert_eq!(plugin.texts("format"), ["json_batch"], "{file}");
            assert_eq!(plugin.texts("http_method"), ["post"], "{file}");
            assert!(plugin.texts("url")[0].starts_with("https://"), "{file}: a key travels on it");
            outputs += 1;
        }
    }
    assert_eq!(outputs, 2);
}

#[test]
fn every_pipeline_that_is_sent_to_is_there_and_what_receives_has_a_queue_on_disk() {
    let list = yaml::read(&text("pipelines/logstash/pipelines.yml"));
    assert!(yaml::read(&text("pipelines/logstash/logstash.yml"))["queue.type"] == "persisted");
    let (mut addresses, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for pipeline in list.as_array().expect("a list") {
        let path = pipeline["path.config"].as_str().expect("a path");
        let file = path.replace("/etc/logstash/oversight", "pipelines/logstash");
        let plugins = plugins(&file);
        let inner = |plugin: &&Plugin| plugin.name == "pipeline";
        addresses.extend(plugins.iter().filter(inner).flat_map(|plugin| plugin.texts("address")));
        targets.extend(plugins.iter().filter(inner).flat_map(|plugin| plugin.texts("send_to")));
        let receives = plugins.iter().any(|plugin| plugin.section == "input" && plugin.name != "pipeline");
        assert_eq!(pipeline["queue.type"] == "persisted", receives, "{file}");
        if !receives {
            assert_eq!(
                (&pipeline["pipeline.workers"], &pipeline["pipeline.ordered"]),
                (&Json::from(1), &Json::from(true))
            );
        }
    }
    assert_eq!(addresses, targets);
    // those that may stand in the place of one of them answer to the same name
    for other in ["pipelines/logstash/oversight-bulk.conf", "pipelines/logstash/enrich.conf"] {
        let names: Vec<String> =
            plugins(other).iter().filter(|p| p.name == "pipeline").flat_map(|p| p.texts("address")).collect();
        assert_eq!(names, ["oversight"], "{other}");
    }
}
