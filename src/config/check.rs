//! From what is written to what is used: the rules that need more than one key, all of them held at once.
//!
//! Types and ranges of single keys were held against the schema before. A default that does not fit beside a value
//! that was given follows it; two values that were given and contradict each other are a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::telemetry::log;

use super::checked::{
    Anomaly, Bulk, Classify, Config, Credentials, Elasticsearch, Embedded, Enrich, Http, Spool, Store, StoreKind,
};
use super::fault::{Fault, Place};
use super::model::Model;
use super::networks::Networks;
use super::raw::{self, LogFormat, LogLevel, Raw, SMALLEST_SEGMENT};
use super::raw_elastic::{self, OneOrMore};
use super::raw_patterns::Patterns;
use super::schema::address;
use super::secret::{Secret, SecretSource};
use super::security::{Hosts, is_host_name};
use super::tree::{Data, Node};
use super::units::SizeText;
use super::walk::place_of;

/// The configuration that `raw` means, without what is shown of it. Faults are added to `faults`; where there are
/// any, the configuration is not to be used. `raw` gets the values that follow from others.
pub fn check(raw: &mut Raw, root: &Node, variables: &BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Config {
    let mut check = Check { root, variables, faults };
    check.follow_sizes(raw);
    let listen = address(&raw.listen).expect("the schema admits only addresses, and the default is one");
    let mut security = check.security(&raw.security);
    let tls = check.tls(&raw.tls, &security);
    if raw.listen_unprotected {
        // what is in front of it takes care of who comes, by whichever name
        security.hosts = Hosts::Any;
    } else {
        check.exposure(listen, &security, tls.is_some());
    }
    let (syslog, kafka_input) = (check.syslog(&raw.syslog), check.kafka_input(&raw.kafka.input));
    let store = check.store(&mut raw.store);
    check.known_hosts("classify.known_hosts", &raw.classify.known_hosts);
    check.known(&raw.anomaly.patterns);
    Config {
        listen,
        listen_unprotected: raw.listen_unprotected,
        security,
        tls,
        stop_within: raw.stop_within.0,
        data_dir: raw.data_dir.clone(),
        http: http(&raw.http),
        retry_window: raw.ingest.retry_window.0,
        bulk: Bulk {
            version: raw.bulk.version.clone(),
            report_bad_documents: raw.bulk.report_bad_documents,
            overload: raw.bulk.overload,
            overload_delay: raw.bulk.overload_delay.0,
        },
        syslog,
        kafka_input,
        spool: Spool {
            max_bytes: raw.spool.max_size.0,
            segment_bytes: raw.spool.segment_size.0,
            dead_letter_bytes: raw.spool.dead_letters_max_size.0,
        },
        enrich: Enrich { enabled: raw.enrich.enabled, batch: raw.enrich.batch },
        normalise: raw.normalise.clone(),
        classify: Classify {
            enabled: raw.classify.enabled,
            model: model(&raw.classify.model),
            shadow: raw.classify.shadow.as_deref().and_then(model_or_none),
            second: raw.classify.second.as_deref().and_then(model_or_none),
            second_judges: raw.classify.second_judges,
            max_false_alarms: raw.classify.max_false_alarms,
            known_hosts: raw.classify.known_hosts.clone(),
            window: raw.classify.window.0,
            explain_per_batch: raw.classify.explain_per_batch,
            decision: raw.classify.decision,
        },
        anomaly: Anomaly {
            enabled: raw.anomaly.enabled,
            metrics: raw.anomaly.metrics.clone(),
            threshold: raw.anomaly.threshold,
            lateness: raw.anomaly.lateness.0,
            max_series: raw.anomaly.max_series,
            max_aside: raw.anomaly.max_aside.0,
            snapshot_every: raw.anomaly.snapshot_every.0,
            zone: raw.anomaly.zone.clone(),
            patterns: raw.anomaly.patterns.clone(),
        },
        store,
        log: log_settings(&raw.log),
        shown: Vec::new(),
    }
}

/// What the rules are held against, and where faults go.
pub(super) struct Check<'a> {
    root: &'a Node,
    variables: &'a BTreeMap<String, String>,
    faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    /// Hosts that can be read.
    fn known_hosts(&mut self, key: &str, texts: &[String]) {
        for (at, text) in texts.iter().enumerate() {
            if Networks::parse(std::slice::from_ref(text)).is_err() {
                let problem =
                    format!("{text} is no address, no network such as 10.1.0.0/16, and none of the named ranges");
                self.item_fault(key, at, "", problem);
            }
        }
    }

    /// Hosts and domains that can be read.
    fn known(&mut self, patterns: &Patterns) {
        self.known_hosts("anomaly.patterns.known_hosts", &patterns.known_hosts);
        for (at, name) in patterns.known_domains.iter().enumerate() {
            if !is_host_name(name.trim_start_matches('.')) {
                let problem =
                    format!("{name} is no name of a domain; write it alone, without scheme, port and asterisk");
                self.item_fault("anomaly.patterns.known_domains", at, "", problem);
            }
        }
    }

    fn place(&self, key: &str) -> Place {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        place_of(self.root, &path)
    }

    fn given(&self, key: &str) -> bool {
        self.place(key) != Place::Default
    }

    /// Whether a fault was found in `key` before; what follows from its default says nothing then.
    pub(super) fn faulty(&self, key: &str) -> bool {
        self.faults.iter().any(|fault| fault.key == key)
    }

    /// Whether a fault was found in `section` before, or in what lies under it.
    pub(super) fn troubled(&self, section: &str) -> bool {
        self.faults.iter().any(|fault| fault.key.starts_with(section))
    }

    /// Tells of a fault in `key`.
    pub(super) fn fault(&mut self, key: &str, problem: String) {
        self.faults.push(Fault { place: self.place(key), key: key.to_owned(), problem });
    }

    /// A fault in `key` of the item at `at` of `list`; in the item as a whole where `key` is empty.
    pub(super) fn item_fault(&mut self, list: &str, at: usize, key: &str, problem: String) {
        let path: Vec<String> = list.split('.').map(str::to_owned).collect();
        let item = match self.root.at(&path).map(|node| &node.data) {
            Some(Data::List(items)) => items.get(at),
            _ => None,
        };
        let at_key = item.and_then(|item| item.at(&[key.to_owned()])).or(item);
        let place = at_key.map_or_else(|| self.place(list), |node| node.place.clone());
        let dot = if key.is_empty() { "" } else { "." };
        self.faults.push(Fault { place, key: format!("{list}[{at}]{dot}{key}"), problem });
    }

    fn follow_sizes(&mut self, raw: &mut Raw) {
        let http = &mut raw.http;
        self.at_most("http.max_body", &mut http.max_body, "http.max_decompressed", http.max_decompressed, 1);
        self.at_most("http.max_event", &mut http.max_event, "http.max_decompressed", http.max_decompressed, 1);
        let spool = &mut raw.spool;
        self.at_most("spool.segment_size", &mut spool.segment_size, "spool.max_size", spool.max_size, 4);
    }

    /// Holds `value` to `limit`: where it is the default it becomes the limit's `share`th part.
    fn at_most(&mut self, key: &str, value: &mut SizeText, limit_key: &str, limit: SizeText, share: u64) {
        if *value <= limit || self.faulty(key) || self.faulty(limit_key) {
            return;
        }
        if self.given(key) {
            self.fault(key, format!("{value} is more than {limit_key}, which is {limit}"));
        } else {
            *value = SizeText((limit.0 / share).max(SMALLEST_SEGMENT.min(limit.0)));
        }
    }

    fn store(&mut self, raw: &mut raw::Store) -> Store {
        let chosen = raw.kind.unwrap_or(match raw.elasticsearch.url {
            Some(_) => raw::StoreKind::Elasticsearch,
            None => raw::StoreKind::Embedded,
        });
        raw.kind = Some(chosen);
        let kind = match chosen {
            raw::StoreKind::Embedded => StoreKind::Embedded(Embedded {
                retention_days: raw.embedded.retention_days,
                memory: raw.embedded.memory.0,
                max_bytes: raw.embedded.max_size.0,
            }),
            raw::StoreKind::Elasticsearch => StoreKind::Elasticsearch(self.elasticsearch(&raw.elasticsearch)),
            raw::StoreKind::Kafka => StoreKind::Kafka(self.kafka_store(&raw.kafka)),
        };
        Store { kind, in_flight: raw.in_flight, batch_bytes: raw.batch_bytes.0 }
    }

    fn elasticsearch(&mut self, raw: &raw_elastic::Elasticsearch) -> Elasticsearch {
        let urls = match &raw.url {
            Some(OneOrMore::One(url)) => std::slice::from_ref(url),
            Some(OneOrMore::More(urls)) => urls,
            None => &[],
        };
        if urls.is_empty() && !self.faults.iter().any(|fault| fault.key.starts_with("store.elasticsearch.url")) {
            let problem =
                "elasticsearch needs its address: give store.elasticsearch.url, such as http://127.0.0.1:9200";
            self.fault("store.kind", problem.to_owned());
        }
        Elasticsearch {
            urls: urls.iter().map(|url| url.0.trim_end_matches('/').to_owned()).collect(),
            credentials: self.credentials(raw),
            ca_file: raw.ca_file.clone(),
            gzip: raw.gzip,
            timeout: raw.timeout.0,
            index_prefix: raw.index_prefix.clone(),
            install_templates: raw.install_templates,
            data_streams: raw.data_streams,
            health_every: (!raw.health_every.0.is_zero()).then(|| raw.health_every.0.max(Duration::from_secs(1))),
            threat_index: raw.threat_index.clone(),
            retention_days: raw.retention_days,
        }
    }

    fn credentials(&mut self, raw: &raw_elastic::Elasticsearch) -> Credentials {
        let password = self.secret("store.elasticsearch.password", raw.password.as_ref());
        let api_key = self.secret("store.elasticsearch.api_key", raw.api_key.as_ref());
        let (user_key, password_key) = ("store.elasticsearch.username", "store.elasticsearch.password");
        if raw.api_key.is_some() && (raw.username.is_some() || raw.password.is_some()) {
            let problem = "given beside username or password; give one kind of credentials";
            self.fault("store.elasticsearch.api_key", problem.to_owned());
        } else if raw.username.is_some() && raw.password.is_none() && !self.faulty(password_key) {
            self.fault(user_key, format!("goes with {password_key}, which is missing"));
        } else if raw.password.is_some() && raw.username.is_none() && !self.faulty(user_key) {
            self.fault(password_key, format!("goes with {user_key}, which is missing"));
        }
        match (api_key, raw.username.clone(), password) {
            (Some(key), _, _) => Credentials::ApiKey(key),
            (None, Some(username), Some(password)) => Credentials::Password { username, password },
            _ => Credentials::None,
        }
    }

    pub(super) fn fetch(&self, source: &SecretSource) -> Result<Secret, String> {
        source.fetch(|name| self.variables.get(name).cloned())
    }

    pub(super) fn secret(&mut self, key: &str, source: Option<&SecretSource>) -> Option<Secret> {
        match self.fetch(source?) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.fault(key, problem);
                None
            }
        }
    }
}

fn http(raw: &raw::Http) -> Http {
    Http {
        max_body: raw.max_body.0,
        max_decompressed: raw.max_decompressed.0,
        max_ratio: raw.max_ratio,
        max_event: raw.max_event.0,
        max_depth: raw.max_depth,
        max_events: raw.max_events,
        max_fields: raw.max_fields,
        max_in_flight: raw.max_in_flight.0,
        max_connections: raw.max_connections,
        // one address alone never takes all places
        max_connections_per_address: raw.max_connections_per_address.unwrap_or(raw.max_connections.div_ceil(2)),
        header_timeout: raw.header_timeout.0,
        body_timeout: raw.body_timeout.0,
        write_timeout: raw.write_timeout.0,
        answer_within: raw.answer_within.0,
        enrich_within: raw.enrich_within.0,
        drain: raw.drain.0,
    }
}

/// The schema has refused what is no model; a text that is left is the folder of one.
/// A model that there need not be: `none` says so where `null` cannot be written, as in the environment.
fn model_or_none(text: &str) -> Option<Model> {
    (text != "none").then(|| model(text))
}

fn model(text: &str) -> Model {
    text.parse().unwrap_or_else(|_| Model::Folder(text.into()))
}

fn log_settings(raw: &raw::Log) -> log::Settings {
    let level = match raw.level {
        LogLevel::Error => log::Level::Error,
        LogLevel::Warn => log::Level::Warn,
        LogLevel::Info => log::Level::Info,
        LogLevel::Debug => log::Level::Debug,
        LogLevel::Trace => log::Level::Trace,
    };
    let format = match raw.format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    log::Settings { level, format }
}
