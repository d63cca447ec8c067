//! The rules for syslog and Kafka that need more than one key.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::check::Check;
use super::checked::{KafkaInput, KafkaStore, Syslog};
use super::raw_streams as raw;
use super::schema::address;
use super::secret::{Secret, SecretSource};
use super::zone::TimeZone;

/// What oversight sets itself, so that nothing is lost; and the keys in whose place they would stand.
const OURS: [(&str, &str); 8] = [
    ("bootstrap.servers", "brokers"),
    ("metadata.broker.list", "brokers"),
    ("group.id", "group"),
    ("enable.auto.commit", "none: offsets are committed when the spool has the events"),
    ("enable.auto.offset.store", "none: offsets are committed when the spool has the events"),
    ("enable.idempotence", "none: it is always on"),
    ("acks", "none: it is always all"),
    ("request.required.acks", "none: it is always all"),
];

impl Check<'_> {
    /// Events from syslog senders.
    pub(super) fn syslog(&mut self, raw: &raw::Syslog) -> Syslog {
        Syslog {
            listen_tcp: self.syslog_address("syslog.listen_tcp", raw.listen_tcp.as_deref(), raw),
            listen_udp: self.syslog_address("syslog.listen_udp", raw.listen_udp.as_deref(), raw),
            framing: raw.framing,
            time_zone: raw.time_zone.parse().unwrap_or(TimeZone::UTC),
            max_message: raw.max_message.0,
            max_connections: raw.max_connections,
            idle_timeout: raw.idle_timeout.0,
            message_timeout: raw.message_timeout.0,
            udp_receive_buffer: raw.udp_receive_buffer.0,
            udp_queue: raw.udp_queue.0,
            keep_original: raw.keep_original,
        }
    }

    fn syslog_address(&mut self, key: &str, text: Option<&str>, raw: &raw::Syslog) -> Option<SocketAddr> {
        let listen = address(text?)?;
        if !listen.ip().is_loopback() && !raw.listen_unprotected && !self.faulty("syslog.listen_unprotected") {
            let port = listen.port();
            let problem = format!(
                "{listen} can be reached by other machines, and syslog has no authentication: whoever reaches it can write \
                 events; listen on 127.0.0.1:{port} or [::1]:{port}, or set syslog.listen_unprotected: true"
            );
            self.fault(key, problem);
        }
        Some(listen)
    }

    /// Events from Kafka; none where no brokers are given.
    pub(super) fn kafka_input(&mut self, raw: &raw::KafkaInput) -> Option<KafkaInput> {
        let properties = self.properties("kafka.input.properties", &raw.properties);
        if raw.brokers.is_empty() {
            if !raw.topics.is_empty() && !self.faulty("kafka.input.brokers") {
                self.fault("kafka.input.topics", "goes with kafka.input.brokers, which is missing".to_owned());
            }
            return None;
        }
        if raw.topics.is_empty() && !self.faulty("kafka.input.topics") {
            self.fault("kafka.input.brokers", "goes with kafka.input.topics, which is missing".to_owned());
        }
        Some(KafkaInput {
            brokers: raw.brokers.clone(),
            topics: raw.topics.clone(),
            group: raw.group.clone(),
            properties,
        })
    }

    /// Kafka as the store.
    pub(super) fn kafka_store(&mut self, raw: &raw::KafkaStore) -> KafkaStore {
        if raw.brokers.is_empty() && !self.faulty("store.kafka.brokers") {
            let problem = "kafka needs its brokers: give store.kafka.brokers, such as 127.0.0.1:9092";
            self.fault("store.kind", problem.to_owned());
        }
        KafkaStore {
            brokers: raw.brokers.clone(),
            events_topic: raw.events_topic.clone(),
            anomalies_topic: raw.anomalies_topic.clone(),
            key: raw.key,
            properties: self.properties("store.kafka.properties", &raw.properties),
        }
    }

    fn properties(&mut self, key: &str, given: &BTreeMap<String, SecretSource>) -> Vec<(String, Secret)> {
        let mut properties = Vec::with_capacity(given.len());
        for (name, source) in given {
            match OURS.iter().find(|(ours, _)| ours == name) {
                Some((_, instead)) => {
                    self.fault(key, format!("{name} is set by oversight; the key for it is {instead}"))
                }
                None => properties.extend(self.secret(key, Some(source)).map(|value| (name.clone(), value))),
            }
        }
        properties
    }
}
