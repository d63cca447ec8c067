//! Every field that a record of an anomaly has is mapped in the template of the engine's indices, with a type that takes its values.
//!
//! The records are real ones: of every function under every detector, with and without entities, below and above, corrected, of several
//! metrics together, and of every pattern. A field that is new in one of them is missing here until the template has it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields;
use super::harness::{Feed, TestEvent, settings, text};
use super::joint;
use super::patterns;
use super::prefix;
use super::record::AnomalyRecord;
use crate::store::{Kind, elasticsearch};

/// A metric with all that a declaration may name an entity by, whose events stop for three minutes and come late in part.
const NAMED: &str = r#"[{"name":"beats","over":["source.ip","host.name"],"by":"destination.port","function":"sum","field":"source.bytes",
    "peak":"flood","dip":"sensor_offline","gap":"zero","lateness":"1m"}]"#;

/// The names and types of what is mapped for records of anomalies.
fn mapped() -> BTreeMap<String, String> {
    let ours = |kind: Option<Kind>| matches!(kind, None | Some(Kind::Anomaly));
    elasticsearch::fields().into_iter().filter(|(kind, ..)| ours(*kind)).map(|(_, name, of)| (name, of)).collect()
}

fn json(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).expect("valid JSON")
}

/// The dotted paths of all values below, with those values.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(inner) => {
            for (name, value) in inner {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(&path, value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| leaves(path, value, found)),
        Value::Null => {}
        plain => found.push((path.to_owned(), plain.clone())),
    }
}

fn takes(of: &str, value: &Value) -> bool {
    match of {
        "keyword" | "text" => value.is_string(),
        "long" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "double" | "float" => value.is_number(),
        "boolean" => value.is_boolean(),
        "date" => value.is_string() || value.is_i64(),
        "ip" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
        _ => false,
    }
}

/// The fields of documents, all of which have to be mapped; `but` for the fields that a declaration of the test names.
fn fields_of(documents: &[Value], but: &[&str]) -> BTreeSet<String> {
    let mapped = mapped();
    let mut found = Vec::new();
    documents.iter().for_each(|document| leaves("", document, &mut found));
    found.retain(|(path, _)| !but.contains(&path.as_str()));
    for (path, value) in &found {
        let of = mapped.get(path).unwrap_or_else(|| panic!("{path} is not mapped in kibana/templates/anomalies.json"));
        assert!(takes(of, value), "{path} is mapped as {of} and is {value}");
    }
    found.into_iter().map(|(path, _)| path).collect()
}

fn documents(records: &[AnomalyRecord]) -> Vec<Value> {
    records.iter().map(|record| json(|out| record.to_json(out))).collect()
}

/// Twenty calls a minute; of minute 300 none, but most of them three minutes late; in minute 350 five hundred.
fn named() -> Vec<TestEvent> {
    let event = |at: f64| {
        TestEvent::new(
            at,
            &[text("10.0.0.9"), text("probe"), fields::Value::Number(443.0), fields::Value::Number(100.0)],
        )
    };
    let mut events = Vec::new();
    for minute in 0..400_u32 {
        let start = f64::from(minute) * 60.0;
        let count = if minute == 350 { 500 } else { 20 };
        events.extend(
            (0..count).filter(|_| minute != 300).map(|n| event(start + f64::from(n) * 60.0 / f64::from(count))),
        );
        events.extend((0..18).filter(|_| minute == 303).map(|n| event(start - 170.0 + f64::from(n))));
    }
    events
}

#[test]
fn every_field_of_every_function_under_every_detector_is_mapped() {
    let fields = fields_of(&documents(&prefix::strongest()), &["who"]);
    assert!(fields.contains("field_name") && fields.contains("oversight.contributors.expected"), "{fields:?}");
}

#[test]
fn every_field_of_dips_and_peaks_and_corrections_and_entities_is_mapped() {
    let mut feed = Feed::new(settings(NAMED));
    named().iter().for_each(|event| drop(feed.observe(event)));
    let records = feed.finish();
    assert!(records.iter().any(|record| record.correction.is_some()), "{records:#?}");
    let fields = fields_of(&documents(&records), &[]);
    for wanted in [
        "oversight.correction.of",
        "oversight.correction.late_events",
        "oversight.anomaly.metrics.meaning",
        "partition_field_value",
        "by_field_value",
        "influencers.influencer_field_values",
        "source.ip",
        "host.name",
        "destination.port",
    ] {
        assert!(fields.contains(wanted), "{wanted}: {fields:?}");
    }
}

#[test]
fn every_field_of_metrics_together_is_mapped() {
    let fields = fields_of(&documents(&joint::tests::told()), &["host"]);
    for wanted in ["oversight.contributors.metric", "oversight.contributors.actual", "oversight.contributors.expected"]
    {
        assert!(fields.contains(wanted), "{wanted}: {fields:?}");
    }
}

#[test]
fn every_field_of_every_pattern_is_mapped() {
    let found = patterns::tests::found();
    let fields = fields_of(&found.iter().map(|one| json(|out| one.to_json(out))).collect::<Vec<_>>(), &[]);
    for pattern in patterns::Pattern::ALL {
        assert!(found.iter().any(|one| one.pattern == pattern), "{pattern:?}");
    }
    assert!(fields.contains("threat.technique.subtechnique.id"), "{fields:?}");
    let evidence = fields.iter().filter(|field| field.starts_with("oversight.anomaly.evidence."));
    assert!(evidence.count() >= 20, "{fields:?}");
}
