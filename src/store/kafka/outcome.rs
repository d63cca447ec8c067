//! Which of Kafka's errors means what for a document.

use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::super::{Outcome, StoreError};

/// How long to wait before a document is sent again; librdkafka has waited already.
const PATIENCE: Duration = Duration::from_millis(500);

/// What becomes of a document that was not delivered.
pub(super) fn outcome(error: &KafkaError) -> Outcome {
    let reason = error.to_string();
    match error.rdkafka_error_code() {
        Some(
            Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidMessage
            | Code::InvalidRecord
            | Code::PolicyViolation,
        ) => Outcome::Refused { reason },
        _ => Outcome::Again { after: PATIENCE, reason },
    }
}

/// What a topic's error means for the start.
pub(super) fn of_topic(code: Code, topic: &str) -> StoreError {
    let store = super::NAME;
    match code {
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            StoreError::Forbidden { store, reason: format!("topic {topic}: {code}") }
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition => StoreError::Unreachable {
            store,
            reason: format!("topic {topic} is not there; make it, or let the brokers make topics"),
        },
        _ => StoreError::Unreachable { store, reason: format!("topic {topic}: {code}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_will_never_pass_is_refused() {
        let of = |code| outcome(&KafkaError::MessageProduction(code));
        assert!(matches!(of(Code::MessageSizeTooLarge), Outcome::Refused { .. }));
        for code in [Code::MessageTimedOut, Code::QueueFull, Code::TopicAuthorizationFailed, Code::Fatal] {
            assert!(matches!(of(code), Outcome::Again { .. }), "{code}");
        }
        assert!(matches!(outcome(&KafkaError::Canceled), Outcome::Again { .. }));
    }
}
