//! What librdkafka calls back: its log, its errors, and partitions that come and go.

use std::mem;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::Tell;
use crate::telemetry::catalogue::KAFKA_UP;

/// Whether the brokers are there.
const UNKNOWN: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// Told by librdkafka's threads, asked by ours.
pub(super) struct Context {
    tell: Tell,
    state: AtomicU8,
    /// Why the brokers do not let us in. They then close the connection, and all else that is heard is that.
    turned_away: Mutex<Option<String>>,
    revoked: Mutex<Vec<(String, i32)>>,
}

impl Context {
    /// Nothing known yet; `tell` hears of every change.
    pub fn new(tell: Tell) -> Self {
        Self { tell, state: AtomicU8::new(UNKNOWN), turned_away: Mutex::default(), revoked: Mutex::default() }
    }

    /// Whether it is not known that the brokers are there.
    pub fn asks(&self) -> bool {
        self.state.load(Ordering::Relaxed) != UP
    }

    /// The brokers answered, or did not.
    pub fn answered(&self, outcome: Result<(), String>) {
        let mut turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match outcome {
            Ok(()) => {
                *turned_away = None;
                Ok(())
            }
            Err(reason) => Err(turned_away.clone().unwrap_or(reason)),
        };
        drop(turned_away);
        let state = if outcome.is_ok() { UP } else { DOWN };
        let before = self.state.swap(state, Ordering::Relaxed);
        if before == state && state == UP {
            return;
        }
        match &outcome {
            Ok(()) => tracing::info!("the Kafka brokers are there"),
            Err(reason) if before != DOWN => {
                tracing::warn!(%reason, "the Kafka brokers cannot be reached; they are asked again until they answer");
            }
            Err(_) => {}
        }
        KAFKA_UP.set(i64::from(outcome.is_ok()));
        (self.tell)(outcome);
    }

    /// Reading failed.
    pub fn failed(&self, error: &KafkaError) {
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        self.answered(Err(error.to_string()));
    }

    /// Partitions that were taken away since this was asked last.
    pub fn revoked(&self) -> Vec<(String, i32)> {
        mem::take(&mut *self.revoked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            // what needs somebody to act is said where it is known what it means
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(target: "librdkafka", facility, "{message}");
            }
            _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL) => {
                let reason = format!("{error}: {reason}");
                *self.turned_away.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
                self.answered(Err(reason));
            }
            Some(RDKafkaErrorCode::AllBrokersDown) => self.answered(Err(format!("{error}: {reason}"))),
            _ => tracing::debug!(target: "librdkafka", %error, reason, "an error that passes by itself"),
        }
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => tracing::info!(partitions = list.count(), "Kafka partitions are ours"),
            Rebalance::Revoke(list) => {
                tracing::info!(partitions = list.count(), "Kafka partitions are taken away");
                let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
                revoked.extend(list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())));
            }
            Rebalance::Error(error) => tracing::warn!(%error, "the Kafka group cannot be joined; trying again"),
        }
    }
}
