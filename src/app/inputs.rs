//! What events come in by beside HTTP: syslog and Kafka, where they are configured.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::Readiness;
use crate::clock::Clock;
use crate::config::{Config, SyslogFraming};
use crate::ingest::syslog::{Framing, ListenFault, Listeners, SyslogSettings};
use crate::spool::Spool;

use super::StartError;

/// Inputs that are ready to be read from.
pub struct Inputs {
    syslog: Listeners,
    #[cfg(feature = "kafka")]
    kafka: Option<kafka::Input>,
}

/// Inputs that are being read from.
pub struct Reading {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Inputs {
    /// Opens what is configured; nothing is read yet.
    ///
    /// # Errors
    /// When an address is taken, or Kafka's settings cannot be used.
    pub async fn open(config: &Config, readiness: &Arc<Readiness>) -> Result<Self, StartError> {
        let syslog = Listeners::open(syslog(config)).await?;
        for (protocol, address) in [("tcp", syslog.addresses().0), ("udp", syslog.addresses().1)] {
            if let Some(address) = address {
                tracing::info!(protocol, %address, "syslog is listened for");
            }
        }
        #[cfg(not(feature = "kafka"))]
        {
            let _ = readiness;
            if config.kafka_input.is_some() {
                return Err(StartError::Input(
                    "this program was built without Kafka; leave kafka.input out".to_owned(),
                ));
            }
            Ok(Self { syslog })
        }
        #[cfg(feature = "kafka")]
        Ok(Self { syslog, kafka: kafka::open(config, readiness)? })
    }

    /// Reads from them into the spool.
    pub fn start(self, spool: &Spool, clock: &Clock) -> Reading {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(self.syslog.serve(Arc::new(spool.clone()), clock.clone(), stopped.clone()));
        #[cfg(feature = "kafka")]
        if let Some(input) = self.kafka {
            tasks.spawn(input.run(Arc::new(spool.clone()), clock.clone(), stopped.clone()));
        }
        Reading { stop, tasks }
    }
}

impl Reading {
    /// Takes nothing more; returns when what was taken is in the spool.
    pub async fn stop(mut self) {
        // the receivers are gone only when all inputs have ended already
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl From<ListenFault> for StartError {
    fn from(fault: ListenFault) -> Self {
        Self::Input(fault.to_string())
    }
}

/// For the syslog listeners.
pub fn syslog(config: &Config) -> SyslogSettings {
    let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let settings = &config.syslog;
    SyslogSettings {
        listen_tcp: settings.listen_tcp,
        listen_udp: settings.listen_udp,
        framing: match settings.framing {
            SyslogFraming::Auto => Framing::Auto,
            SyslogFraming::OctetCounting => Framing::OctetCounting,
            SyslogFraming::Newline => Framing::Newline,
        },
        time_zone: settings.time_zone,
        max_message: bytes(settings.max_message),
        max_connections: settings.max_connections,
        idle_timeout: settings.idle_timeout,
        message_timeout: settings.message_timeout,
        udp_receive_buffer: bytes(settings.udp_receive_buffer),
        udp_queue: bytes(settings.udp_queue),
        keep_original: settings.keep_original,
        max_depth: u32::try_from(config.http.max_depth).unwrap_or(u32::MAX),
        max_fields: u32::try_from(config.http.max_fields).unwrap_or(u32::MAX),
    }
}

#[cfg(feature = "kafka")]
pub use kafka::store as kafka_store;

#[cfg(feature = "kafka")]
mod kafka {
    use std::sync::Arc;

    use crate::api::{Readiness, Room, State};
    use crate::app::StartError;
    use crate::config::checked::KafkaStore;
    use crate::config::{Config, KafkaKey, Secret};
    pub use crate::ingest::kafka::Input;
    use crate::ingest::kafka::KafkaSettings;
    use crate::store::kafka::{Key, Settings};

    /// A member of the group, where brokers are configured.
    pub fn open(config: &Config, readiness: &Arc<Readiness>) -> Result<Option<Input>, StartError> {
        let Some(settings) = &config.kafka_input else { return Ok(None) };
        let narrow = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        let settings = KafkaSettings {
            brokers: settings.brokers.clone(),
            topics: settings.topics.clone(),
            group: settings.group.clone(),
            properties: revealed(&settings.properties),
            max_depth: narrow(config.http.max_depth),
            max_fields: narrow(config.http.max_fields),
            max_event: usize::try_from(config.http.max_event).unwrap_or(usize::MAX),
            max_events: config.http.max_events,
        };
        let readiness = Arc::clone(readiness);
        readiness.set(Room::Kafka, State::Starting);
        let tell = move |outcome: Result<(), String>| {
            readiness.set(Room::Kafka, outcome.map_or_else(State::Down, |()| State::Up));
        };
        let input = Input::new(settings, Arc::new(tell));
        input.map(Some).map_err(|fault| StartError::Input(fault.to_string()))
    }

    /// For Kafka as the store.
    pub fn store(settings: &KafkaStore) -> Settings {
        Settings {
            brokers: settings.brokers.clone(),
            events: settings.events_topic.clone(),
            anomalies: settings.anomalies_topic.clone(),
            key: match settings.key {
                KafkaKey::DocumentId => Key::Id,
                KafkaKey::DestinationHost => Key::Destination,
            },
            properties: revealed(&settings.properties),
        }
    }

    fn revealed(properties: &[(String, Secret)]) -> Vec<(String, String)> {
        properties.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect()
    }
}
