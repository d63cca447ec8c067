//! Kafka: annotated documents to two topics, one for events and one for anomalies.
//!
//! The producer is idempotent and waits for all replicas; a document's outcome is its delivery report. What the broker
//! will never take (too large, a topic's policy) is refused, anything else is written again. A topic knows no ids: a
//! document that is written again after a crash is in the topic twice. Its id is in the header `id`, by which readers tell.
//! Documents with the same key keep their order, as long as none of them had to be written again.

mod key;
mod outcome;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use serde_json::Value;

use super::{Batch, Document, Kind, Outcome, SearchError, SearchRequest, Store, StoreError};
use crate::telemetry::catalogue::STORE_UP;
use outcome::outcome;

pub use key::Key;

const NAME: &str = "kafka";
/// The name of the header that has a document's id.
const ID_HEADER: &str = "id";
/// How long brokers may take to say which topics there are.
const ASKED_WITHIN: Duration = Duration::from_secs(5);

/// Where documents go, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port`, one or more of one cluster.
    pub brokers: Vec<String>,
    /// For events.
    pub events: String,
    /// For anomalies.
    pub anomalies: String,
    /// What decides the partition.
    pub key: Key,
    /// Further settings of librdkafka, with values in the open.
    pub properties: Vec<(String, String)>,
}

/// Why Kafka cannot be written to. Never says the value of a property, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// librdkafka does not take a property.
    #[error("store.kafka.properties: {key}: {reason}")]
    Property {
        /// Its name.
        key: String,
        /// In librdkafka's words.
        reason: String,
    },
    /// No client can be made with these settings.
    #[error("store.kafka: {0}")]
    Client(String),
}

impl From<KafkaError> for SettingsError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, key, _) => Self::Property { key, reason },
            other => Self::Client(other.to_string()),
        }
    }
}

/// Writes to the topics of one cluster.
pub struct KafkaStore {
    settings: Settings,
    config: ClientConfig,
    context: Context,
    /// Made anew where it has come to an end that only a new one gets over.
    producer: Mutex<FutureProducer<Context>>,
}

impl KafkaStore {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let mut config = ClientConfig::new();
        // documents are waiting already: a batch is not waited for to become larger
        config.set("linger.ms", "5").set("compression.type", "gzip");
        for (key, value) in &settings.properties {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", settings.brokers.join(","))
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set_log_level(RDKafkaLogLevel::Info);
        let context = Context::default();
        let producer = Mutex::new(config.create_with_context(context.clone())?);
        Ok(Self { settings, config, context, producer })
    }

    fn producer(&self) -> FutureProducer<Context> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn topic(&self, kind: Kind) -> &str {
        match kind {
            Kind::Event | Kind::Threat => &self.settings.events,
            Kind::Anomaly | Kind::Health => &self.settings.anomalies,
        }
    }

    fn send(
        &self,
        producer: &FutureProducer<Context>,
        document: &Document,
        source: &[u8],
    ) -> Result<DeliveryFuture, KafkaError> {
        let id = document.id.to_string();
        let key = self.settings.key.of(source, &id);
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: ID_HEADER, value: Some(&id) });
        let record = FutureRecord::to(self.topic(document.kind)).key(&*key).payload(source).headers(headers);
        producer.send_result(record).map_err(|(error, _)| error)
    }

    async fn write_all(&self, batch: &Batch) -> Vec<Outcome> {
        let producer = self.producer();
        let sent: Vec<_> =
            batch.documents.iter().map(|document| self.send(&producer, document, batch.source(document))).collect();
        let mut outcomes = Vec::with_capacity(sent.len());
        for sent in sent {
            let delivered = match sent {
                Ok(delivery) => match delivery.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(error),
                    Err(_) => Err(KafkaError::Canceled),
                },
                Err(error) => Err(error),
            };
            outcomes.push(delivered.map_or_else(|error| outcome(&error), |()| Outcome::Stored));
        }
        let waiting = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Again { .. }));
        if waiting {
            self.renew();
        }
        STORE_UP.set(i64::from(!waiting));
        outcomes
    }

    /// An idempotent producer that has lost its place among the broker's stays lost: a new one begins again.
    fn renew(&self) {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, reason)) = producer.client().fatal_error() else { return };
        match self.config.create_with_context(self.context.clone()) {
            Ok(new) => {
                *producer = new;
                tracing::warn!(%reason, "the Kafka producer had come to its end, and was made anew");
            }
            Err(fault) => tracing::error!(%fault, "no new Kafka producer can be made; trying again"),
        }
    }
}

/// Whether brokers and topics are there; waits for the network.
fn look(producer: &FutureProducer<Context>, context: &Context, topics: &[String]) -> Result<(), StoreError> {
    for topic in topics {
        let answer = producer.client().fetch_metadata(Some(topic), ASKED_WITHIN);
        let metadata = answer.map_err(|error| {
            let reason = context.turned_away().clone().unwrap_or_else(|| error.to_string());
            StoreError::Unreachable { store: NAME, reason }
        })?;
        context.turned_away().take();
        if let Some(error) = metadata.topics().iter().find_map(|topic| topic.error()) {
            return Err(outcome::of_topic(error.into(), topic));
        }
    }
    Ok(())
}

impl Store for KafkaStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let (producer, topics) = (self.producer(), [self.settings.events.clone(), self.settings.anomalies.clone()]);
        let context = self.context.clone();
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(move || look(&producer, &context, &topics)).await;
            let stopped =
                |error: tokio::task::JoinError| StoreError::Unreachable { store: NAME, reason: error.to_string() };
            looked.map_err(stopped)?
        })
    }

    fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.write_all(batch))
    }

    fn search(&self, _request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>> {
        let reason = format!(
            "documents go to the Kafka topics {} and {}, which cannot be searched; search where their readers put them",
            self.settings.events, self.settings.anomalies
        );
        Box::pin(async { Err(SearchError::Unavailable(reason)) })
    }
}

/// Hands librdkafka's log to ours, and keeps why the brokers do not let us in.
#[derive(Clone, Default)]
struct Context(Arc<Mutex<Option<String>>>);

impl Context {
    fn turned_away(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        // what it means for documents is said with their outcome
        tracing::debug!(target: "librdkafka", facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) {
            *self.turned_away() = Some(format!("{error}: {reason}"));
        }
        tracing::debug!(target: "librdkafka", %error, reason, "an error that passes by itself");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            brokers: vec!["127.0.0.1:1".to_owned()],
            events: "events".to_owned(),
            anomalies: "anomalies".to_owned(),
            key: Key::Id,
            properties: Vec::new(),
        }
    }

    #[test]
    fn a_fault_names_the_property_and_never_its_value() {
        let properties = vec![("sasl.pasword".to_owned(), "hunter2".to_owned())];
        let fault = KafkaStore::new(Settings { properties, ..settings() }).err().unwrap();
        let told = format!("{fault} {fault:?}");
        assert!(told.contains("sasl.pasword") && !told.contains("hunter2"), "{told}");
    }

    #[tokio::test]
    async fn it_says_that_it_cannot_be_searched() {
        let store = KafkaStore::new(settings()).unwrap();
        let fault = store.search(SearchRequest { kind: Kind::Event, body: Value::Null }).await.unwrap_err();
        assert!(fault.to_string().contains("cannot be searched"), "{fault}");
    }
}
