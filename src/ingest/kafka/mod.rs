//! Events from Kafka topics.
//!
//! - An offset is committed only when the spool has the events before it. A crash between the two brings messages again:
//!   the ids of their events are made of topic, partition, offset, time and bytes, so the store has them already, and they are
//!   counted as such.
//! - A message's value is what an HTTP body is: an object, an array, or objects a line each. Bad members go to the dead
//!   letters with topic, partition and offset. A value without bytes (a tombstone) is no event.
//! - A spool without room pauses the partitions; the group keeps its member. Partitions that are taken away: what was not on
//!   its way to the spool is let go, the member that has them now gets it.
//! - Brokers that are away are waited for, for ever; readiness and a gauge say so.
//!
//! Memory: two batches, and what librdkafka fetches ahead (`queued.max.messages.kbytes`, 64 MiB unless set otherwise).

mod context;
mod flight;
mod portion;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::gathering::BATCH;
use super::json::{Bounds, DEEPEST};
use super::keep::Keep;
use crate::clock::Clock;
use crate::telemetry::catalogue::KAFKA_MESSAGES;
use context::Context;
use flight::Flight;
use portion::{Place, Portions};

/// Told whether the brokers can be reached, and why not.
pub type Tell = Arc<dyn Fn(Result<(), String>) + Send + Sync>;

/// What is read, and within which bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, one or more of one cluster.
    pub brokers: Vec<String>,
    /// The topics.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// Further settings of librdkafka, with values in the open.
    pub properties: Vec<(String, String)>,
    /// Levels of nesting in one event.
    pub max_depth: u32,
    /// Fields in one event.
    pub max_fields: u32,
    /// Bytes of one event.
    pub max_event: usize,
    /// Events in one message.
    pub max_events: usize,
}

/// Why Kafka cannot be read from. Never says the value of a property, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFault {
    /// librdkafka does not take a property.
    #[error("kafka.input.properties: {key}: {reason}")]
    Property {
        /// Its name.
        key: String,
        /// In librdkafka's words.
        reason: String,
    },
    /// No client can be made with these settings.
    #[error("kafka.input: {0}")]
    Client(String),
}

impl From<KafkaError> for KafkaFault {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, key, _) => Self::Property { key, reason },
            other => Self::Client(other.to_string()),
        }
    }
}

/// How often the brokers are asked for while they are away.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long they may take to answer that.
const ASKED_WITHIN: Duration = Duration::from_secs(2);
/// Messages that are taken before anything else is looked after.
const ROUND: usize = 1000;

/// A member of a consumer group.
pub struct Input {
    consumer: Arc<StreamConsumer<Context>>,
    settings: KafkaSettings,
}

impl Input {
    /// Makes a client and subscribes; nothing is waited for. `tell` is called whenever the brokers come or go.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn new(settings: KafkaSettings, tell: Tell) -> Result<Self, KafkaFault> {
        let mut config = ClientConfig::new();
        // a group that reads for the first time gets what is there
        config.set("auto.offset.reset", "earliest").set("auto.commit.interval.ms", "1000");
        for (key, value) in &settings.properties {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", settings.brokers.join(","))
            .set("group.id", &settings.group)
            // offsets are stored when the spool has the events, and committed from there
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set_log_level(RDKafkaLogLevel::Info);
        let consumer: StreamConsumer<Context> = config.create_with_context(Context::new(tell))?;
        let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics)?;
        Ok(Self { consumer: Arc::new(consumer), settings })
    }

    /// Takes messages until `stop` says that it is the end; then keeps what is on its way and commits.
    pub async fn run(self, keep: Arc<dyn Keep>, clock: Clock, mut stop: watch::Receiver<bool>) {
        let bounds = Bounds {
            depth: self.settings.max_depth.min(DEEPEST),
            fields: self.settings.max_fields,
            length: self.settings.max_event,
        };
        let mut reader = Reader {
            portions: Portions::new(bounds, self.settings.max_events, clock),
            flight: Flight::new(keep, stop.clone()),
            paused: false,
            consumer: Arc::clone(&self.consumer),
        };
        let mut tick = interval(ASK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = reader.landed() => {}
                _ = stop.wait_for(|stopped| *stopped) => break,
                _ = tick.tick() => self.ask(),
                message = self.consumer.recv() => reader.take(message),
            }
            reader.take_off();
        }
        if reader.flight.is_on() {
            reader.landed().await;
        }
        drop(reader);
        // it waits for the broker
        let closing = tokio::task::spawn_blocking(move || {
            match self.consumer.commit_consumer_state(CommitMode::Sync) {
                Ok(()) | Err(KafkaError::ConsumerCommit(rdkafka::types::RDKafkaErrorCode::NoOffset)) => {}
                Err(error) => {
                    tracing::warn!(%error, "the last offsets were not committed; their events come again, and are stored once")
                }
            }
        });
        let _ = closing.await;
    }

    /// Asks for the brokers, on a thread of its own, where they are not known to be there.
    fn ask(&self) {
        if !self.consumer.client().context().asks() {
            return;
        }
        let (consumer, topic) = (Arc::clone(&self.consumer), self.settings.topics.first().cloned());
        tokio::task::spawn_blocking(move || {
            let answer = consumer.client().fetch_metadata(topic.as_deref(), ASKED_WITHIN);
            let outcome = answer.map_err(|error| error.to_string()).and_then(|metadata| {
                let fault = metadata.topics().iter().find_map(|topic| Some((topic.name().to_owned(), topic.error()?)));
                let told = |(topic, error)| {
                    let code = rdkafka::types::RDKafkaErrorCode::from(error);
                    Err(format!("topic {topic}: {code}"))
                };
                fault.map_or(Ok(()), told)
            });
            consumer.client().context().answered(outcome);
        });
    }
}

/// The state of the loop.
struct Reader {
    consumer: Arc<StreamConsumer<Context>>,
    portions: Portions,
    flight: Flight,
    paused: bool,
}

impl Reader {
    /// A message, and those that wait behind it.
    fn take(&mut self, first: Result<BorrowedMessage<'_>, KafkaError>) {
        let consumer = Arc::clone(&self.consumer);
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(message) = next.take() {
            match message {
                Ok(message) => {
                    self.drop_revoked();
                    self.add(&message);
                }
                Err(error) => {
                    consumer.client().context().failed(&error);
                    return;
                }
            }
            taken += 1;
            if self.portions.bytes() >= BATCH {
                return self.pause();
            }
            // what is received is lost unless it is taken
            if taken < ROUND {
                next = consumer.recv().now_or_never();
            }
        }
    }

    fn add(&mut self, message: &BorrowedMessage<'_>) {
        KAFKA_MESSAGES.add(1);
        self.consumer.client().context().answered(Ok(()));
        let place = Place { topic: message.topic(), partition: message.partition(), offset: message.offset() };
        self.portions.add(place, message.timestamp().to_millis(), message.payload().unwrap_or_default());
    }

    /// Takes no more while a full batch waits for the one before it.
    fn pause(&mut self) {
        if self.flight.is_on() && !self.paused {
            let paused = self.consumer.assignment().and_then(|assigned| self.consumer.pause(&assigned));
            match paused {
                Ok(()) => self.paused = true,
                Err(error) => tracing::debug!(%error, "partitions cannot be paused"),
            }
        }
    }

    fn resume(&mut self) {
        if self.paused {
            let resumed = self.consumer.assignment().and_then(|assigned| self.consumer.resume(&assigned));
            match resumed {
                Ok(()) => self.paused = false,
                // tried again when the next batch has landed
                Err(error) => tracing::warn!(%error, "partitions cannot be resumed"),
            }
        }
    }

    /// Lets go of what was gathered from partitions that another member has now.
    fn drop_revoked(&mut self) {
        for (topic, partition) in self.consumer.client().context().revoked() {
            self.portions.forget(&topic, partition);
        }
    }

    /// Waits until what is on its way is in the spool, and stores how far that is; for ever where nothing is.
    async fn landed(&mut self) {
        for (topic, partition, next) in self.flight.landed().await {
            let mut list = rdkafka::TopicPartitionList::with_capacity(1);
            let stored = list
                .add_partition_offset(&topic, partition, rdkafka::Offset::Offset(next))
                .and_then(|()| self.consumer.store_offsets(&list));
            if let Err(error) = stored {
                // another member has the partition now and reads it again; the ids are the same
                tracing::debug!(%topic, partition, %error, "an offset is not stored");
            }
        }
    }

    fn take_off(&mut self) {
        self.drop_revoked();
        if !self.flight.is_on() {
            if !self.portions.is_empty() {
                let received = self.portions.now();
                self.flight.take_off(self.portions.take(), received);
            }
            self.resume();
        }
    }
}
