//! Turns the configuration into the settings of each room.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::anomaly::patterns::{Known, PatternSettings};
use crate::anomaly::{self, Engine, MetricDeclaration, Metrics};
use crate::classify::Explain;
use crate::classify::card::DecisionRule;
use crate::clock::Clock;
use crate::config::{
    Bulk, Config, Credentials, Decision, DurationText, Faults, Loader, Networks, SecondJudges, StoreKind,
};
use crate::ingest::elastic::BulkSettings;
use crate::ingest::{HttpSettings, SettingFault};
use crate::models::{self, Configured};
use crate::spool;
use crate::store::elasticsearch::{self as elastic, ElasticStore};
#[cfg(feature = "embedded")]
use crate::store::embedded::{self, EmbeddedStore};
#[cfg(feature = "kafka")]
use crate::store::kafka::KafkaStore;
use crate::store::{Store, writer};

use super::StartError;

/// Reads configurations in which the metrics are checked too.
pub fn loader() -> Loader {
    Loader::new().metrics::<MetricDeclaration>()
}

/// The configuration in `file`, or the defaults, under the environment of this process.
///
/// # Errors
/// With every fault there is.
pub fn load(file: Option<&Path>) -> Result<Config, Faults> {
    // a variable that is not text cannot be one of ours: their names and values are plain
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    loader().load(file, std::env::vars_os().filter_map(text))
}

/// For the HTTP server and ingest.
pub fn http(config: &Config) -> Result<HttpSettings, Vec<SettingFault>> {
    let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    HttpSettings {
        max_body: bytes(config.http.max_body),
        max_decompressed: bytes(config.http.max_decompressed),
        max_ratio: config.http.max_ratio,
        max_event: bytes(config.http.max_event),
        max_events: config.http.max_events,
        max_depth: u32::try_from(config.http.max_depth).unwrap_or(u32::MAX),
        max_fields: u32::try_from(config.http.max_fields).unwrap_or(u32::MAX),
        max_in_flight: bytes(config.http.max_in_flight),
        max_connections: config.http.max_connections,
        max_connections_per_address: config.http.max_connections_per_address,
        header_timeout: config.http.header_timeout,
        body_timeout: config.http.body_timeout,
        write_timeout: config.http.write_timeout,
        answer_within: config.http.answer_within,
        enrich_within: config.http.enrich_within,
        drain: config.http.drain,
        retry_window: config.retry_window,
        bulk: bulk(&config.bulk),
        ..HttpSettings::default()
    }
    .checked()
}

fn bulk(config: &Bulk) -> BulkSettings {
    BulkSettings {
        version: config.version.clone(),
        report_bad_documents: config.report_bad_documents,
        overload: config.overload,
        overload_delay: config.overload_delay,
        ..BulkSettings::default()
    }
}

/// For the spool.
pub fn spool(config: &Config) -> spool::Settings {
    spool::Settings {
        folder: config.data_dir.join("spool"),
        max_bytes: config.spool.max_bytes,
        segment_bytes: config.spool.segment_bytes,
        dead_letter_bytes: config.spool.dead_letter_bytes,
        retry_window: config.retry_window,
    }
}

/// For the store's writer.
pub fn writer(config: &Config) -> writer::Settings {
    writer::Settings { in_flight: config.store.in_flight, ..writer::Settings::default() }
}

/// Which models judge.
pub fn models(config: &Config) -> models::Settings {
    models::Settings {
        data_dir: config.data_dir.clone(),
        configured: configured_models(config),
        second: config.classify.second.clone(),
        max_false_alarms: config.classify.max_false_alarms,
        second_judges_all: config.classify.second_judges == SecondJudges::All,
        window: config.classify.window,
        decision: decision(config),
    }
}

/// How a class is decided on.
fn decision(config: &Config) -> DecisionRule {
    match config.classify.decision {
        Decision::MostProbable => DecisionRule::MostProbable,
        Decision::LeastCost => DecisionRule::LeastCost,
    }
}

/// What is said of models in the configuration.
pub fn configured_models(config: &Config) -> Configured {
    Configured { model: config.classify.model.clone(), shadow: config.classify.shadow.clone() }
}

/// Which verdicts are explained.
pub fn explain(config: &Config) -> Explain {
    Explain { per_batch: config.classify.explain_per_batch, ..Explain::default() }
}

/// The metrics as they are declared, or those that ship.
fn metrics(config: &Config) -> Vec<MetricDeclaration> {
    match &config.anomaly.metrics {
        None => anomaly::default_metrics(),
        Some(values) => values
            .iter()
            .map(|value| serde_json::from_value(value.clone()))
            .collect::<Result<_, _>>()
            .expect("the configuration was held against the schema of this type"),
    }
}

/// What counts metrics; none where that is switched off.
///
/// # Errors
/// With every fault in the declarations.
pub fn engine(config: &Config) -> Result<Option<Engine>, StartError> {
    if !config.enrich.enabled || !config.anomaly.enabled {
        return Ok(None);
    }
    let metrics = Metrics::check(&declarations(config)).map_err(StartError::Metrics)?;
    Ok(Some(Engine::new(anomaly::Settings {
        metrics,
        series: config.anomaly.max_series,
        record_from: config.anomaly.threshold as f32,
        patterns: patterns(config),
        ..anomaly::Settings::default()
    })))
}

/// The metrics that are declared, or those that ship; each with its lateness and its zone.
///
/// # Panics
/// With a configuration that was not held against the schema of declarations.
pub fn declarations(config: &Config) -> Vec<MetricDeclaration> {
    let mut declared = metrics(config);
    for declaration in &mut declared {
        declaration.lateness.get_or_insert_with(|| DurationText(config.anomaly.lateness).to_string());
        declaration.zone.get_or_insert_with(|| config.anomaly.zone.clone());
    }
    declared
}

/// What looks for patterns and counts no metrics, for files: it looks for nothing where anomalies are switched off.
pub fn patterns_alone(config: &Config) -> Engine {
    let patterns = if config.anomaly.enabled { patterns(config) } else { PatternSettings::NONE };
    let record_from = config.anomaly.threshold as f32;
    Engine::new(anomaly::Settings { record_from, patterns, ..anomaly::Settings::default() })
}

/// Hosts whose connections are told as no attacks.
pub fn excused(config: &Config) -> Networks {
    Networks::parse(&config.classify.known_hosts).expect("they were read when the configuration was checked")
}

fn patterns(config: &Config) -> PatternSettings {
    let patterns = &config.anomaly.patterns;
    PatternSettings {
        beacons: patterns.beacons.then_some(patterns.beacon_score),
        long_connections: patterns.long_connections.then_some(patterns.long_connection.0.as_secs_f64()),
        dns_tunnels: patterns.dns_tunnels.then(|| patterns.dns_tunnel_bytes.into()),
        generated_names: patterns.generated_names.then_some(patterns.generated_names_from),
        remembered: patterns.remembered,
        known: Known::new(
            Networks::parse(&patterns.known_hosts).expect("they were read when the configuration was checked"),
            patterns.known_domains.iter().map(String::as_str),
        ),
    }
}

/// The store that documents go to.
///
/// # Errors
/// When its settings cannot be used.
pub fn store(config: &Config, clock: &Clock) -> Result<Arc<dyn Store>, StartError> {
    match &config.store.kind {
        StoreKind::Elasticsearch(_) => {
            let store = ElasticStore::new(elasticsearch(config)?);
            Ok(Arc::new(store.map_err(|fault| StartError::Store(fault.to_string()))?))
        }
        #[cfg(feature = "embedded")]
        StoreKind::Embedded(settings) => Ok(Arc::new(EmbeddedStore::new(
            embedded::Settings {
                memory: usize::try_from(settings.memory).unwrap_or(usize::MAX),
                retention_days: Some(settings.retention_days),
                max_bytes: Some(settings.max_bytes),
                ..embedded::Settings::new(config.data_dir.join("index"))
            },
            clock.clone(),
        ))),
        #[cfg(feature = "kafka")]
        StoreKind::Kafka(settings) => {
            let store = KafkaStore::new(super::inputs::kafka_store(settings));
            Ok(Arc::new(store.map_err(|fault| StartError::Store(fault.to_string()))?))
        }
        #[cfg(not(feature = "kafka"))]
        StoreKind::Kafka(_) => Err(StartError::Store("this program was built without Kafka".to_owned())),
        #[cfg(not(feature = "embedded"))]
        StoreKind::Embedded(_) => {
            let _ = clock;
            Err(StartError::Store(
                "this program was built without the embedded index; give store.elasticsearch.url".to_owned(),
            ))
        }
    }
}

/// How often it is written into the engine how it goes; none where it is not.
pub fn health_every(config: &Config) -> Option<Duration> {
    let StoreKind::Elasticsearch(settings) = &config.store.kind else { return None };
    settings.health_every
}

/// Whether detections also go to the engine in the four fields of older dashboards.
pub fn tells_threats(config: &Config) -> bool {
    matches!(&config.store.kind, StoreKind::Elasticsearch(settings) if settings.threat_index.is_some())
}

/// For Elasticsearch or OpenSearch.
///
/// # Errors
/// When it is not the store, or its settings cannot be used.
pub fn elasticsearch(config: &Config) -> Result<elastic::Settings, StartError> {
    let StoreKind::Elasticsearch(settings) = &config.store.kind else {
        return Err(StartError::Store(
            "the store is not Elasticsearch; give store.elasticsearch.url (OVERSIGHT_STORE_ELASTICSEARCH_URL)"
                .to_owned(),
        ));
    };
    let wrong = |fault: elastic::SettingsError| StartError::Store(fault.to_string());
    let authorities = match &settings.ca_file {
        None => None,
        Some(path) => {
            let read = std::fs::read_to_string(path);
            Some(read.map_err(|source| StartError::File { path: path.clone(), source })?)
        }
    };
    let nodes =
        settings.urls.iter().map(|url| elastic::NodeUrl::parse(url)).collect::<Result<_, _>>().map_err(wrong)?;
    let credentials = match &settings.credentials {
        Credentials::None => elastic::Credentials::None,
        Credentials::Password { username, password } => {
            elastic::Credentials::Basic { user: username.clone(), password: elastic::Secret::new(password.reveal()) }
        }
        Credentials::ApiKey(key) => elastic::Credentials::EncodedApiKey(elastic::Secret::new(key.reveal())),
    };
    Ok(elastic::Settings {
        nodes,
        credentials,
        authorities,
        gzip: settings.gzip,
        timeout: settings.timeout,
        index_prefix: elastic::IndexPrefix::new(&settings.index_prefix).map_err(wrong)?,
        install_templates: settings.install_templates,
        data_streams: settings.data_streams,
        threat_index: settings.threat_index.as_deref().map(elastic::IndexPrefix::new).transpose().map_err(wrong)?,
        retention: elastic::Retention {
            events: settings.retention_days.events,
            anomalies: settings.retention_days.anomalies,
            health: settings.retention_days.health,
        },
        pipeline: None,
        max_bulk_bytes: usize::try_from(config.store.batch_bytes).unwrap_or(usize::MAX),
    })
}
