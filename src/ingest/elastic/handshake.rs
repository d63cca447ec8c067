//! What shippers ask before they send: who is there, is it licensed, is it well, are the templates in place.
//!
//! The answers say what is true of oversight in the words of Elasticsearch: one node, named oversight, that takes
//! events. The version is the one that clients are to think of; it is configuration, because they compare it with theirs.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::event::id::SpoolId;
use crate::event::{EventId, ReceivedTime, SeqNo};

/// Who answers.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    version: String,
    /// 22 characters, the same for as long as the spool lives.
    uuid: String,
}

const NAME: &str = "oversight";

impl Identity {
    /// `version`: of the Elasticsearch that clients are to think of.
    pub fn new(version: &str, spool: SpoolId) -> Self {
        Self { version: version.to_owned(), uuid: EventId::Place(spool, SeqNo(0)).to_string() }
    }

    /// `GET /`. Clients read the version's number and the tagline; the Java client wants all of the others as well.
    pub fn greeting(&self) -> Bytes {
        let version = json!({
            "number": self.version, "build_flavor": "default", "build_type": "unknown", "build_hash": "unknown",
            "build_date": "2026-01-01T00:00:00.000Z", "build_snapshot": false, "lucene_version": "9.12.2",
            "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
        });
        written(&json!({
            "name": NAME, "cluster_name": NAME, "cluster_uuid": self.uuid, "version": version,
            "tagline": "You Know, for Search", "oversight": { "version": env!("CARGO_PKG_VERSION") },
        }))
    }

    /// `GET /_license`. Logstash takes a connection without an active licence for dead.
    pub fn license(&self) -> Bytes {
        let license = json!({
            "status": "active", "uid": self.uuid, "type": "basic", "mode": "basic", "max_nodes": 1000,
            "issued_to": NAME, "issuer": NAME, "issue_date_in_millis": 0, "start_date_in_millis": -1,
        });
        written(&json!({ "license": license }))
    }

    /// `GET /_nodes/…`: one node, at the address by which the client has called us.
    pub fn nodes(&self, host: &str) -> Bytes {
        let http =
            json!({ "bound_address": [host], "publish_address": host, "max_content_length_in_bytes": 104_857_600 });
        let node = json!({
            "name": NAME, "transport_address": host, "host": host, "ip": host, "version": self.version,
            "build_flavor": "default", "roles": ["data", "ingest", "master"], "http": http,
            "ingest": { "processors": [] },
        });
        let count = json!({ "total": 1, "successful": 1, "failed": 0 });
        written(&json!({ "_nodes": count, "cluster_name": NAME, "nodes": { self.uuid.as_str(): node } }))
    }
}

/// `GET /_cluster/health`
pub(super) fn cluster_health() -> Bytes {
    written(&json!({
        "cluster_name": NAME, "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1,
        "active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0, "initializing_shards": 0,
        "unassigned_shards": 0, "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0, "active_shards_percent_as_number": 100.0,
    }))
}

/// `GET /_cat/health`, as a line of text.
pub(super) fn cat_health(now: ReceivedTime) -> Bytes {
    let seconds = now.as_event_time().seconds();
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let line = format!("{seconds} {hour:02}:{minute:02}:{second:02} {NAME} green 1 1 1 1 0 0 0 0 - 100.0%\n");
    Bytes::from(line)
}

/// The answer to whatever is to be made, or is asked for and might be there.
pub(super) fn acknowledged() -> Bytes {
    Bytes::from_static(br#"{"acknowledged":true}"#)
}

/// The answer to what is not there.
pub(super) fn nothing() -> Bytes {
    Bytes::from_static(b"{}")
}

/// The answer to a refresh.
pub(super) fn refreshed() -> Bytes {
    Bytes::from_static(br#"{"_shards":{"total":1,"successful":1,"failed":0}}"#)
}

fn written(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &Bytes) -> Value {
        serde_json::from_slice(answer).unwrap()
    }

    #[test]
    fn the_greeting_is_that_of_an_elasticsearch_which_says_its_own_name() {
        let identity = Identity::new("8.19.0", SpoolId(7));
        let greeting = read(&identity.greeting());
        assert_eq!((&greeting["name"], &greeting["version"]["number"]), (&json!("oversight"), &json!("8.19.0")));
        assert_eq!(greeting["tagline"], "You Know, for Search");
        assert_eq!(greeting["cluster_uuid"], read(&Identity::new("9.0.0", SpoolId(7)).greeting())["cluster_uuid"]);
        assert_eq!(greeting["cluster_uuid"], read(&identity.license())["license"]["uid"]);
    }

    #[test]
    fn sniffing_finds_the_address_that_the_client_used() {
        let nodes = read(&Identity::new("8.19.0", SpoolId(7)).nodes("sink.example:9292"));
        let node = nodes["nodes"].as_object().unwrap().values().next().unwrap();
        assert_eq!(node["http"]["publish_address"], "sink.example:9292");
    }

    #[test]
    fn health_is_a_line_of_text_with_the_time() {
        let line = cat_health(ReceivedTime::from_micros(1_700_000_000_000_000));
        assert_eq!(line, "1700000000 22:13:20 oversight green 1 1 1 1 0 0 0 0 - 100.0%\n");
    }
}
