//! Puts the document together: the event's own bytes, and what was found spliced in. Nothing of the event is
//! written anew, and nothing that is there is overwritten.

use arrayvec::ArrayVec;

use crate::event::annotated::Classification;
use crate::event::json::{write_display, write_number, write_string};
use crate::event::{EventId, EventTime, ReceivedTime};
use crate::normalise::{Form, Layout, Member};

use super::verdict::VerdictWriter;

/// What is added to one event.
#[derive(Debug, Clone, Copy)]
pub struct Annotation<'a> {
    /// The id of the document.
    pub id: &'a EventId,
    /// When the event was taken.
    pub received: ReceivedTime,
    /// Where its sender meant it to go.
    pub target: Target<'a>,
    /// The event's time, written as `@timestamp` where it has none.
    pub time: EventTime,
    /// The network's verdict, and who writes it.
    pub verdict: Option<(&'a Classification, &'a VerdictWriter)>,
    /// That of a second network, where both judge.
    pub second: Option<(&'a Classification, &'a VerdictWriter)>,
    /// What the event lacks of its connection's ECS fields; none for what is no connection.
    pub flow: Flow<'a>,
    /// The members of `oversight.features`; none for what was not measured.
    pub features: Option<&'a str>,
    /// Highest score of the touched metrics (0 to 100), and these metrics as JSON objects joined by commas.
    pub anomaly: Option<(f32, &'a str)>,
}

/// Members to be added to ECS objects, joined by commas; empty where nothing is lacking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flow<'a> {
    /// Of `source`.
    pub source: &'a [u8],
    /// Of `destination`.
    pub destination: &'a [u8],
    /// Of `network`.
    pub network: &'a [u8],
    /// Of `event`.
    pub event: &'a [u8],
    /// Of `oversight.related`: what other records told about the connection.
    pub related: &'a [u8],
}

/// Index, pipeline and id that a bulk action named; each may be missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// The index, which here is only a word for where the event comes from.
    pub index: Option<&'a str>,
    /// The ingest pipeline, which is not run.
    pub pipeline: Option<&'a str>,
    /// The `_id`.
    pub id: Option<&'a str>,
}

/// Appends the annotated document to `out`: one JSON object.
pub fn append(out: &mut Vec<u8>, body: &[u8], layout: &Layout, annotation: &Annotation<'_>) {
    let mut plan = Plan::new(layout);
    let risk = annotation.risk().filter(|_| !layout.risk_score);
    if risk.is_some() || !annotation.flow.event.is_empty() {
        plan.place(Part::Event(risk), layout.event);
    }
    if !layout.threat.is_there() && annotation.names_technique() {
        plan.place(Part::Threat, layout.threat);
    }
    if !layout.timestamp {
        plan.at_end.push(Part::Timestamp);
    }
    let Flow { source, destination, network, .. } = annotation.flow;
    for (part, members, member) in [
        (Part::Source, source, layout.source),
        (Part::Destination, destination, layout.destination),
        (Part::Network, network, layout.network),
    ] {
        if !members.is_empty() {
            plan.place(part, member);
        }
    }
    if !claims(body, layout.oversight) {
        plan.place(Part::Oversight, layout.oversight);
    }
    plan.write(out, body, annotation);
}

impl Annotation<'_> {
    /// ECS `event.risk_score`, 0 to 100: the risk of the detection times its probability, or the anomaly's score
    /// if that is higher. None where the event was neither judged nor measured.
    fn risk(&self) -> Option<f32> {
        let detection = self.verdict.map(|(verdict, writer)| writer.risk(verdict));
        let anomaly = self.anomaly.map(|(score, _)| score);
        detection.into_iter().chain(anomaly).reduce(f32::max)
    }

    fn names_technique(&self) -> bool {
        self.verdict.is_some_and(|(verdict, writer)| writer.threat(verdict).is_some())
    }
}

/// Whether the event has an `oversight` of its own that ours would collide with: it has been here before, or the
/// key means something else to its sender.
fn claims(body: &[u8], oversight: Member) -> bool {
    match oversight.form {
        Form::Absent => false,
        Form::Other(_) => true,
        Form::Object { value, .. } => {
            let inside = &body[value.range()];
            ["\"classification\"", "\"anomaly\"", "\"features\"", "\"ingest\""]
                .iter()
                .any(|key| memchr::memmem::find(inside, key.as_bytes()).is_some())
        }
    }
}

/// Something that is added.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// With the risk, where the event does not tell its own.
    Event(Option<f32>),
    Source,
    Destination,
    Network,
    Threat,
    Timestamp,
    Oversight,
}

/// How many parts there are.
const PARTS: usize = 7;

/// Where each part goes: into an object that is there, or behind the last member of the event.
struct Plan<'a> {
    layout: &'a Layout,
    /// Offset of the closing brace, whether the object is empty, what goes in.
    inside: ArrayVec<(usize, bool, Part), PARTS>,
    at_end: ArrayVec<Part, PARTS>,
}

impl<'a> Plan<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self { layout, inside: ArrayVec::new(), at_end: ArrayVec::new() }
    }

    fn place(&mut self, part: Part, member: Member) {
        match member.form {
            Form::Absent => self.at_end.push(part),
            Form::Object { value, empty } => self.inside.push((value.end as usize - 1, empty, part)),
            // a text or a list under that key is the sender's; there is no place for ours
            Form::Other(_) => {}
        }
    }

    fn write(mut self, out: &mut Vec<u8>, body: &[u8], annotation: &Annotation<'_>) {
        self.inside.sort_unstable_by_key(|(place, ..)| *place);
        let mut copied = 0;
        for (place, empty, part) in self.inside {
            out.extend_from_slice(&body[copied..place]);
            copied = place;
            if !empty {
                out.push(b',');
            }
            part.write_members(out, annotation);
        }
        let end = self.layout.end as usize;
        out.extend_from_slice(&body[copied..end]);
        for (number, part) in self.at_end.iter().enumerate() {
            if number > 0 || !self.layout.empty {
                out.push(b',');
            }
            part.write_whole(out, annotation);
        }
        out.push(b'}');
    }
}

impl Part {
    /// With its own key, as a member of the event.
    fn write_whole(self, out: &mut Vec<u8>, annotation: &Annotation<'_>) {
        let key: &[u8] = match self {
            Self::Timestamp => return self.write_members(out, annotation),
            Self::Event(_) => br#""event":{"#,
            Self::Source => br#""source":{"#,
            Self::Destination => br#""destination":{"#,
            Self::Network => br#""network":{"#,
            Self::Threat => br#""threat":{"#,
            Self::Oversight => br#""oversight":{"#,
        };
        out.extend_from_slice(key);
        self.write_members(out, annotation);
        out.push(b'}');
    }

    /// Only the members, to go into an object that is there.
    fn write_members(self, out: &mut Vec<u8>, annotation: &Annotation<'_>) {
        match self {
            Self::Event(risk) => {
                out.extend_from_slice(annotation.flow.event);
                if let Some(risk) = risk {
                    let comma: &[u8] = if annotation.flow.event.is_empty() { b"" } else { b"," };
                    out.extend_from_slice(comma);
                    out.extend_from_slice(br#""risk_score":"#);
                    write_number(out, f64::from(risk), 1);
                }
            }
            Self::Source => out.extend_from_slice(annotation.flow.source),
            Self::Destination => out.extend_from_slice(annotation.flow.destination),
            Self::Network => out.extend_from_slice(annotation.flow.network),
            Self::Threat => {
                let threat = annotation.verdict.and_then(|(verdict, writer)| writer.threat(verdict));
                out.extend_from_slice(threat.unwrap_or_default());
            }
            Self::Timestamp => {
                out.extend_from_slice(br#""@timestamp":""#);
                out.extend_from_slice(annotation.time.text().as_bytes());
                out.push(b'"');
            }
            Self::Oversight => write_oversight(out, annotation),
        }
    }
}

fn write_oversight(out: &mut Vec<u8>, annotation: &Annotation<'_>) {
    if let Some((verdict, writer)) = annotation.verdict {
        out.extend_from_slice(br#""classification":{"#);
        writer.write(out, verdict);
        out.extend_from_slice(b"},");
    }
    if let Some((verdict, writer)) = annotation.second {
        out.extend_from_slice(br#""second":{"#);
        writer.write(out, verdict);
        out.extend_from_slice(b"},");
    }
    if let Some(features) = annotation.features {
        out.extend_from_slice(br#""features":{"#);
        out.extend_from_slice(features.as_bytes());
        out.extend_from_slice(b"},");
    }
    if !annotation.flow.related.is_empty() {
        out.extend_from_slice(br#""related":{"#);
        out.extend_from_slice(annotation.flow.related);
        out.extend_from_slice(b"},");
    }
    if let Some((score, metrics)) = annotation.anomaly {
        out.extend_from_slice(br#""anomaly":{"score":"#);
        write_number(out, f64::from(score), 1);
        out.extend_from_slice(br#","metrics":["#);
        out.extend_from_slice(metrics.as_bytes());
        out.extend_from_slice(b"]},");
    }
    out.extend_from_slice(br#""ingest":{"id":"#);
    annotation.id.write_json(out);
    out.extend_from_slice(br#","received":""#);
    out.extend_from_slice(annotation.received.as_event_time().text().as_bytes());
    out.push(b'"');
    let Target { index, pipeline, id } = annotation.target;
    for (key, value) in [("index", index), ("pipeline", pipeline), ("given_id", id)] {
        if let Some(value) = value {
            write_display(out, format_args!(r#","{key}":"#));
            write_string(out, value);
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
    use serde_json::{Value, json};

    use super::*;
    use crate::event::annotated::{
        AttackRef, Condition, Contribution, FeatureValue, Label, ModelInfo, Relation, Verdict,
    };
    use crate::event::id::SpoolId;
    use crate::event::{Probability, SeqNo};
    use crate::normalise::Normaliser;

    fn model() -> Arc<ModelInfo> {
        let reference = |id: &str, name: &str| Some(AttackRef { id: id.to_owned(), name: name.to_owned() });
        let label = |name: &str, category: &str, tactic, technique, risk| Label {
            name: name.to_owned(),
            category: category.to_owned(),
            tactic,
            technique,
            risk,
        };
        Arc::new(ModelInfo {
            name: "test \"quoted\"".to_owned(),
            version: "1".to_owned(),
            hash: "c0ffee".to_owned(),
            labels: vec![
                label("normal", "normal", None, None, 0.0),
                label(
                    "neptune",
                    "dos",
                    reference("TA0040", "Impact"),
                    reference("T1498", "Network Denial of Service"),
                    80.0,
                ),
            ],
            features: vec!["duration".to_owned(), "service".to_owned()],
        })
    }

    fn verdict(label: u16, probability: f32) -> Classification {
        let share = |value| Probability::saturating(value);
        Classification {
            model: model(),
            verdict: if label == 0 { Verdict::Normal } else { Verdict::Known },
            label,
            probability: share(probability),
            excused: None,
            top: [(label, share(probability)), (1 - label, share(1.0 - probability)), (0, share(0.0))],
            set: [label, 1 - label].into_iter().collect(),
            unknown: share(0.0),
            novelty: share(0.25),
            features_known: 26,
            explanation: vec![Contribution {
                feature: 1,
                value: FeatureValue::Symbol("http".into()),
                typical: FeatureValue::Symbol("smtp".into()),
                contribution: 1.5,
            }],
            counterfactual: vec![Condition {
                feature: 0,
                relation: Relation::AtMost,
                value: FeatureValue::Number(0.31),
            }],
        }
    }

    fn annotated(body: &str, label: u16) -> Value {
        annotated_from(Target::default(), body, label)
    }

    fn annotated_from(target: Target<'_>, body: &str, label: u16) -> Value {
        let (id, verdict, writer) =
            (EventId::Place(SpoolId(1), SeqNo(2)), verdict(label, 0.75), VerdictWriter::new(&model()));
        let time = EventTime::parse_rfc3339("2026-11-22T10:00:00Z").unwrap();
        let annotation = Annotation {
            id: &id,
            received: ReceivedTime::from_micros(time.micros()),
            target,
            time,
            verdict: Some((&verdict, &writer)),
            second: None,
            flow: Flow {
                source: br#""port":1"#,
                destination: b"",
                network: br#""community_id":"1:x""#,
                event: br#""start":"2026-11-22T09:00:00.000Z""#,
                related: br#""alert":2"#,
            },
            features: Some(r#""dialect":"zeek","missing":["urgent"]"#),
            anomaly: Some((12.5, r#"{"name":"m","score":12.5}"#)),
        };
        let layout = Normaliser::new(&[]).read(body.as_bytes()).unwrap().layout;
        let mut out = Vec::new();
        append(&mut out, body.as_bytes(), &layout, &annotation);
        serde_json::from_slice(&out).unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(&out)))
    }

    #[test]
    fn an_event_gets_verdict_scores_technique_risk_and_time() {
        let document = annotated(r#"{"a":1}"#, 1);
        let ingest = json!({"id": "AAAAAAAAAAEAAAAAAAAAAg", "received": "2026-11-22T10:00:00.000Z"});
        let classification = json!({
            "model": {"name": "test \"quoted\"", "version": "1", "hash": "c0ffee"}, "label": "neptune", "category": "dos",
            "probability": 0.75,
            "top": [{"label": "neptune", "probability": 0.75}, {"label": "normal", "probability": 0.25}],
            "verdict": "known", "set": ["neptune", "normal"], "novelty": 0.25, "features_known": 26,
            "explanation": [{"feature": "service", "value": "http", "typical": "smtp", "contribution": 1.5}],
            "reason": "neptune, because service is http (usually smtp); normal if duration ≤ 0.31",
            "counterfactual": {"text": "normal if duration ≤ 0.31",
                               "changes": [{"feature": "duration", "operator": "<=", "value": 0.31}]},
        });
        let anomaly = json!({"score": 12.5, "metrics": [{"name": "m", "score": 12.5}]});
        assert_eq!(
            document,
            json!({
                "a": 1, "@timestamp": "2026-11-22T10:00:00.000Z",
                "event": {"start": "2026-11-22T09:00:00.000Z", "risk_score": 60},
                "source": {"port": 1}, "network": {"community_id": "1:x"},
                "threat": {"framework": "MITRE ATT&CK", "tactic": {"id": ["TA0040"], "name": ["Impact"]},
                           "technique": {"id": ["T1498"], "name": ["Network Denial of Service"]}},
                "oversight": {"classification": classification, "features": {"dialect": "zeek", "missing": ["urgent"]}, "related": {"alert": 2}, "anomaly": anomaly, "ingest": ingest},
            })
        );
    }

    #[test]
    fn where_a_sender_meant_an_event_to_go_is_told() {
        let target = Target { index: Some("logs"), pipeline: Some("p \"1\""), id: Some("7") };
        let ingest = &annotated_from(target, "{}", 0)["oversight"]["ingest"];
        assert_eq!([&ingest["index"], &ingest["pipeline"], &ingest["given_id"]], ["logs", "p \"1\"", "7"]);
        let ingest =
            &annotated_from(Target { index: Some("logs"), ..Target::default() }, "{}", 0)["oversight"]["ingest"];
        assert_eq!((&ingest["index"], ingest.get("given_id")), (&json!("logs"), None));
    }

    #[test]
    fn a_normal_event_names_no_technique_and_has_the_risk_of_its_anomaly() {
        let document = annotated("{}", 0);
        assert_eq!(document.get("threat"), None);
        assert_eq!(document["event"]["risk_score"], json!(12.5));
    }

    #[test]
    fn what_the_event_says_itself_stays_as_it_is() {
        let body = r#"{"@timestamp":"1999-01-01T00:00:00Z","event":{"risk_score":1,"kind":"event"},"threat":{"framework":"own"},"oversight":"mine","network":"mine"}"#;
        let mut expected: Value = serde_json::from_str(body).unwrap();
        expected["event"]["start"] = json!("2026-11-22T09:00:00.000Z");
        expected["source"] = json!({"port": 1});
        expected["network"] = json!("mine");
        assert_eq!(annotated(body, 1), expected);
        let dotted = annotated(r#"{"event.risk_score":1,"threat.framework":"own"}"#, 1);
        assert_eq!(dotted["event"], json!({"start": "2026-11-22T09:00:00.000Z"}));
        assert_eq!(dotted.get("threat"), None);
    }

    #[test]
    fn an_event_that_has_been_here_before_is_not_annotated_twice() {
        let first = annotated(r#"{"a":1}"#, 1);
        let again = annotated(&first.to_string(), 0);
        assert_eq!((&again["oversight"], &again["threat"]), (&first["oversight"], &first["threat"]));
    }

    fn members() -> impl Strategy<Value = Value> {
        let inner = prop_oneof![
            Just(json!({})),
            Just(json!({"kind": "x"})),
            Just(json!({"risk_score": 3})),
            Just(json!({"ip": [1, {"a": "}"}]})),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        let keys = prop::sample::select(vec![
            "event",
            "threat",
            "source",
            "network",
            "oversight",
            "@timestamp",
            "a",
            "id.orig_h",
            "event.risk_score",
        ]);
        prop::collection::hash_map(keys, inner, 0..6).prop_map(|members| {
            members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
        })
    }

    proptest! {
        #[test]
        fn no_member_of_any_event_is_lost_or_changed(event in members(), pretty: bool, label in 0..2_u16) {
            let body = if pretty { serde_json::to_string_pretty(&event) } else { serde_json::to_string(&event) }.unwrap();
            let document = annotated(&body, label);
            // both read by the same parser, which does not give back the last digit of every number
            let event: Value = serde_json::from_str(&body).unwrap();
            for (key, value) in event.as_object().unwrap() {
                match (value, &document[key]) {
                    (Value::Object(before), Value::Object(after)) => {
                        for (inner, value) in before {
                            prop_assert_eq!(value, &after[inner]);
                        }
                    }
                    (before, after) => prop_assert_eq!(before, after),
                }
            }
        }
    }
}
