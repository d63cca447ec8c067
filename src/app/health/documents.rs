//! How it goes, as documents: one of oversight as a whole, one for each feature that has drifted most, and one for each
//! dialect that events came in. Each field is in `kibana/templates/health.json`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::api::Health;
use crate::event::id::SpoolId;
use crate::event::{EventId, ReceivedTime};
use crate::models::{DriftReading, ShadowReading};
use crate::store::{Batch, Document, Kind};
use crate::telemetry::catalogue as all;
use crate::telemetry::metric::Gauge;

use super::super::census::{DialectReport, FeatureReport};
use super::totals::Between;

/// Features whose drift is told: those that have drifted most.
const FEATURES: usize = 10;

/// Who tells.
#[derive(Debug, Clone)]
pub struct About {
    host: String,
    /// Of the spool: what tells two programs on one host apart.
    id: String,
}

/// How it goes at one moment, and how it went since the moment before.
pub struct Reading<'a> {
    /// The moment.
    pub at: ReceivedTime,
    /// Since the start.
    pub uptime: Duration,
    /// Since the moment before.
    pub interval: Duration,
    /// What was counted and timed since then.
    pub counts: Between,
    /// How each room is.
    pub health: Health,
    /// How far inputs are from the training data; none where nothing judges.
    pub drift: Option<DriftReading>,
    /// How the shadow compares; none without one.
    pub shadow: Option<ShadowReading>,
    /// What features events had since the start.
    pub census: &'a [DialectReport],
    /// Events of each dialect up to the moment before.
    pub dialects: &'a BTreeMap<&'static str, u64>,
}

impl About {
    /// This program on this host.
    pub fn of(spool: SpoolId) -> Self {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { host: name.trim().to_owned(), id: format!("{:016x}", spool.0) }
    }
}

impl Reading<'_> {
    /// The documents, ready to be written.
    pub fn batch(&self, about: &About) -> Batch {
        let (mut batch, mut bytes) = (Batch::default(), Vec::new());
        for (number, document) in self.documents(about).into_iter().enumerate() {
            let start = bytes.len();
            bytes.extend_from_slice(document.to_string().as_bytes());
            batch.documents.push(Document {
                kind: Kind::Health,
                day: self.at.as_event_time().day(),
                id: EventId::Given(format!("{}-{}-{number}", about.id, self.at.micros()).into()),
                source: start..bytes.len(),
                sequence: None,
                replayed: false,
            });
        }
        batch.bytes = bytes.into();
        batch
    }

    fn documents(&self, about: &About) -> Vec<Value> {
        let tell = |dataset: &str, health: Value| {
            json!({
                "@timestamp": self.at.to_string(),
                "event": {"kind": "metric", "dataset": dataset},
                "host": {"name": about.host},
                "service": {"name": "oversight", "version": env!("CARGO_PKG_VERSION"), "node": {"name": about.id}},
                "oversight": {"health": health},
            })
        };
        let mut documents = vec![tell("oversight.health", self.whole())];
        documents.extend(self.features().map(|health| tell("oversight.drift", health)));
        documents.extend(self.dialects().map(|health| tell("oversight.features", health)));
        documents
    }

    fn whole(&self) -> Value {
        let mut health = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                health.insert(name.to_owned(), value);
            }
        };
        let counts = &self.counts.counts;
        put("status", json!(self.health.status));
        let told = self.health.rooms.iter().filter_map(|(room, told)| {
            let room = json!(room).as_str().unwrap_or_default().to_owned();
            told.reason.as_ref().or(told.hint.as_ref()).map(|why| format!("{room}: {why}"))
        });
        put("rooms", told.collect::<Vec<String>>().into());
        put("uptime_seconds", json!(self.uptime.as_secs()));
        put("interval_seconds", json!(self.interval.as_secs_f64()));
        put("lag_seconds", json!(all::EVENT_LAG_SECONDS.value()));
        put("memory_bytes", json!(all::PROCESS_RESIDENT_BYTES.value()));
        put("connections", json!(all::CONNECTIONS_OPEN.value()));
        put(
            "spool",
            json!({"events": all::EVENTS_WAITING.value(), "bytes": all::SPOOL_BYTES.value(),
                "limit_bytes": all::SPOOL_LIMIT_BYTES.value(), "fill": share(&all::SPOOL_BYTES, &all::SPOOL_LIMIT_BYTES)}),
        );
        put(
            "dead_letters",
            json!({"events": all::DEAD_LETTERS.value(), "bytes": all::DEAD_LETTERS_BYTES.value(),
                "fill": share(&all::DEAD_LETTERS_BYTES, &all::DEAD_LETTERS_LIMIT_BYTES)}),
        );
        put(
            "events",
            json!({"received": counts.received, "accepted": counts.accepted, "repeated": counts.repeated,
                "refused": counts.refused, "stored": counts.stored, "already_there": counts.already_there,
                "dead_lettered": counts.dead_lettered, "lost": counts.lost, "late": counts.late}),
        );
        let rate = |count: u64| count as f64 / self.interval.as_secs_f64().max(0.001);
        put("rate", json!({"received": rate(counts.received), "stored": rate(counts.stored)}));
        put("requests", json!({"denied": counts.denied}));
        put("bodies", json!({"refused": counts.bodies_refused}));
        put("store", self.store());
        put("answer_seconds", json!(self.counts.answer));
        put("classify_seconds", json!(self.counts.classify));
        put("verdicts", json!({"normal": counts.normal, "known": counts.known, "unknown": counts.unknown}));
        put("anomalies", json!(counts.anomalies));
        put("series", json!(all::METRIC_SERIES.value()));
        put("model", json!(self.drift.as_ref().map(|drift| &drift.model)));
        put("drift", self.drift());
        put("shadow", self.shadow());
        Value::Object(health)
    }

    fn store(&self) -> Value {
        let mut store = json!({"up": all::STORE_UP.value() == 1, "retries": self.counts.counts.retries});
        if let Some(seconds) = self.counts.write {
            store["write_seconds"] = json!(seconds);
        }
        store
    }

    fn drift(&self) -> Value {
        let Some(drift) = &self.drift else { return Value::Null };
        let mut told = json!({"sampled": drift.sampled});
        if drift.enough {
            let changed = drift.features.iter().filter(|feature| feature.state != "stable");
            told["highest"] = json!(drift.features.first().map_or(0.0, |feature| feature.drift.psi));
            told["changed"] = changed.map(|feature| feature.drift.feature.as_str()).collect();
        }
        told
    }

    fn shadow(&self) -> Value {
        let Some(shadow) = &self.shadow else { return Value::Null };
        let mut told = json!({"model": shadow.shadow, "compared": shadow.window.compared});
        if let Some(share) = shadow.window.share {
            told["disagreement"] = json!(share);
        }
        told
    }

    fn features(&self) -> impl Iterator<Item = Value> {
        let features = self.drift.iter().filter(|drift| drift.enough).flat_map(|drift| &drift.features);
        features.take(FEATURES).map(|feature| {
            let drift = &feature.drift;
            json!({"feature": {"name": drift.feature, "psi": drift.psi, "missing": drift.missing}})
        })
    }

    /// The dialects in which events came since the moment before.
    fn dialects(&self) -> impl Iterator<Item = Value> {
        self.census.iter().filter_map(|dialect| {
            let events = dialect.events - self.dialects.get(dialect.dialect).copied().unwrap_or_default();
            (events > 0).then(|| json!({ "dialect": blind_spots(dialect, events) }))
        })
    }
}

/// What events of a dialect never tell of what the model looks at, and what is guessed more often than told.
fn blind_spots(dialect: &DialectReport, events: u64) -> Value {
    let mut told = json!({"name": dialect.dialect, "events": events, "measured": dialect.measured});
    if dialect.measured > 0 {
        let names = |holds: &dyn Fn(&FeatureReport) -> bool| -> Vec<&str> {
            dialect.looked_at().iter().filter(|one| holds(one)).map(|one| one.feature).collect()
        };
        let sum = |of: fn(&FeatureReport) -> u64| dialect.looked_at().iter().map(of).sum::<u64>();
        let all = sum(|one| one.real + one.approximated + one.missing);
        told["real"] = json!(sum(|one| one.real) as f64 / all.max(1) as f64);
        told["missing"] = names(&|one| one.real + one.approximated == 0).into();
        told["approximated"] = names(&|one| one.approximated > one.real).into();
    }
    told
}

/// How full something is, 0 to 1.
fn share(part: &Gauge, whole: &Gauge) -> f64 {
    part.value() as f64 / (whole.value() as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::totals::Totals;
    use super::*;
    use crate::api::{Readiness, Room, State};
    use crate::features::NAMES;
    use crate::store::elasticsearch::fields;

    fn leaves(value: &Value, path: &str, out: &mut BTreeSet<String>) {
        match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    leaves(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, out);
                }
            }
            _ => drop(out.insert(path.to_owned())),
        }
    }

    #[test]
    fn every_field_has_its_type_in_the_template() {
        let readiness = Readiness::new();
        readiness.set(Room::Store, State::Down("away".to_owned()));
        let feature = |feature| FeatureReport { feature, real: 0, approximated: 0, missing: 3, how: None };
        let features = NAMES.map(feature).to_vec();
        let census =
            DialectReport { dialect: "zeek", events: 5, measured: 3, features, facts: Vec::new(), by_flow: false };
        let totals = Totals::now();
        let reading = Reading {
            at: ReceivedTime::from_micros(1_790_000_000_000_000),
            uptime: Duration::from_secs(9),
            interval: Duration::from_secs(2),
            counts: Between { answer: Some(0.1), classify: Some(0.1), write: Some(0.1), ..totals.since(&totals) },
            health: readiness.told(),
            drift: None,
            shadow: None,
            census: &[census],
            dialects: &BTreeMap::from([("zeek", 3)]),
        };
        let documents = reading.documents(&About::of(SpoolId(7)));
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[1]["oversight"]["health"]["dialect"]["events"], 2, "since the document before");
        assert_eq!(documents[1]["oversight"]["health"]["dialect"]["missing"][0], "duration");
        assert_eq!(documents[0]["oversight"]["health"]["rooms"], json!(["store: away"]));
        let known: BTreeSet<String> = fields()
            .into_iter()
            .filter(|(kind, ..)| matches!(kind, None | Some(Kind::Health)))
            .map(|one| one.1)
            .collect();
        let mut used = BTreeSet::new();
        documents.iter().for_each(|document| leaves(document, "", &mut used));
        assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
        let batch = reading.batch(&About::of(SpoolId(7)));
        assert!(batch.documents.iter().all(|document| document.kind == Kind::Health && document.sequence.is_none()));
        assert_ne!(batch.documents[0].id, batch.documents[1].id);
    }
}
