//! What a pattern found, and its document: the names of Elastic's records, as those of metrics have them, with the
//! evidence below `oversight.anomaly.evidence` and ATT&CK's words in `threat`.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::super::codec::{Damaged, Reader, Writer};
use super::super::record::{put, scalar};
use super::super::render::{write_escaped, write_number};
use super::super::touched::rounded;
use crate::event::{EventTime, ReceivedTime};

/// Severity from which an event is told of a pattern.
pub(super) const TOLD_FROM: f64 = 50.0;
/// Seconds.
pub(super) const DAY: i64 = 86_400;

/// The patterns that no single connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Calls like a clock.
    Beacon,
    /// A connection that stays open for hours.
    LongConnection,
    /// Data in the names that are asked for.
    DnsTunnel,
    /// Names that a program made up.
    GeneratedNames,
}

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Beacon, Self::LongConnection, Self::DnsTunnel, Self::GeneratedNames];

    /// As documents and configuration have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Beacon => "beacon",
            Self::LongConnection => "long_connection",
            Self::DnsTunnel => "dns_tunnel",
            Self::GeneratedNames => "generated_names",
        }
    }

    /// What the number of a finding counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Beacon => "score",
            Self::LongConnection => "seconds",
            Self::DnsTunnel => "bytes",
            Self::GeneratedNames => "improbability",
        }
    }

    /// What it may mean.
    fn meaning(self) -> &'static str {
        match self {
            Self::Beacon | Self::GeneratedNames => "command_and_control",
            Self::LongConnection => "remote_access",
            Self::DnsTunnel => "tunnel",
        }
    }

    /// Identity and name of its techniques; all of them belong to the tactic Command and Control.
    fn techniques(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Beacon => &[("T1071", "Application Layer Protocol"), ("T1573", "Encrypted Channel")],
            Self::LongConnection => &[("T1572", "Protocol Tunneling"), ("T1219", "Remote Access Tools")],
            Self::DnsTunnel => &[("T1071", "Application Layer Protocol"), ("T1572", "Protocol Tunneling")],
            Self::GeneratedNames => &[("T1568", "Dynamic Resolution")],
        }
    }

    /// Identity and name of its sub-technique, where there is one.
    fn subtechnique(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Beacon | Self::LongConnection => None,
            Self::DnsTunnel => Some(("T1071.004", "DNS")),
            Self::GeneratedNames => Some(("T1568.002", "Domain Generation Algorithms")),
        }
    }
}

/// Whom a pattern is looked for at, with what is remembered of it.
pub(super) trait Entity: Sized {
    /// Which pattern.
    const PATTERN: Pattern;

    /// What it is known by, in the order of its finding's fields.
    fn values(&self) -> impl Iterator<Item = Cow<'_, str>>;

    /// In the pattern's own [unit](Pattern::unit).
    fn value(&self) -> f64;

    /// With evidence and a sentence; `key` stands for it.
    fn finding(&self, key: u64, severity: f64) -> Finding;

    /// Into a snapshot.
    fn save(&self, out: &mut Writer);

    /// From a snapshot.
    fn load(input: &mut Reader<'_>) -> Result<Self, Damaged>;

    /// What an event shows of it; the evidence is put together for records alone.
    fn shown(&self, key: u64, severity: f64, is_due: bool) -> Shown {
        Shown {
            in_event: in_event(Self::PATTERN, self.values(), self.value(), severity),
            severity,
            record: is_due.then(|| self.finding(key, severity)),
        }
    }
}

/// A pattern that an event is part of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// What the event is told, as JSON.
    pub in_event: String,
    /// Severity, 0 to 100.
    pub severity: f64,
    /// What is to be recorded, where it is due.
    pub record: Option<Finding>,
}

/// A pattern that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which.
    pub pattern: Pattern,
    /// Field paths and values of whom it is found at.
    pub entity: Vec<(String, String)>,
    /// The first and the last second of the traffic that shows it, since the epoch.
    pub span: (i64, i64),
    /// In the pattern's own [unit](Pattern::unit).
    pub value: f64,
    /// Severity, 0 to 100.
    pub severity: f64,
    /// What shows it.
    pub evidence: Value,
    /// One sentence for a person.
    pub reason: String,
    /// Stands for the entity.
    pub(super) key: u64,
}

impl Finding {
    /// When it was found: at the last connection that shows it.
    pub fn time(&self) -> EventTime {
        time(self.span.1)
    }

    /// The same for the same pattern, entity and time, whoever looks: a document id.
    pub fn id(&self) -> String {
        format!("{}_{:016x}_{}", self.pattern.name(), self.key, self.span.1)
    }

    /// Appends the document.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, &self.document()).expect("strings and finite numbers are written to memory");
    }

    fn document(&self) -> Value {
        let name = self.pattern.name();
        let score = rounded(self.severity);
        let [start, end] = [self.span.0, self.span.1].map(|second| time(second).to_string());
        let values = self.entity.iter().map(|(_, value)| value.into());
        let metric = in_event(self.pattern, values, self.value, self.severity);
        let metric: Value = serde_json::from_str(&metric).expect("fragments are valid JSON");
        let joined = |part: fn(&(String, String)) -> &str| self.entity.iter().map(part).collect::<Vec<_>>().join(", ");
        let mut root = Map::new();
        let fields = json!({
            "@timestamp": end, "message": self.reason, "timestamp": self.span.1.saturating_mul(1000),
            "event": {"kind": "metric", "category": ["intrusion_detection"], "type": ["info"], "module": "oversight",
                      "dataset": "oversight.anomalies", "start": start, "end": end, "reason": self.reason,
                      "risk_score": score},
            "result_type": "record", "job_id": name, "function": name, "is_interim": false,
            "record_score": score, "initial_record_score": score, "actual": [self.value],
            "anomaly_score_explanation": {"anomaly_type": "spike"},
            "partition_field_name": joined(|(path, _)| path), "partition_field_value": joined(|(_, value)| value),
            "influencers": self.entity.iter().map(|(path, value)| {
                json!({"influencer_field_name": path, "influencer_field_values": [value]})
            }).collect::<Vec<_>>(),
            "threat": self.threat(),
            "oversight": {"anomaly": {"score": score, "metrics": [metric], "evidence": self.evidence}},
        });
        if let Value::Object(fields) = fields {
            root.extend(fields);
        }
        for (path, value) in &self.entity {
            put(&mut root, path, scalar(value));
        }
        Value::Object(root)
    }

    fn threat(&self) -> Value {
        let (ids, names): (Vec<_>, Vec<_>) = self.pattern.techniques().iter().copied().unzip();
        let mut technique = json!({"id": ids, "name": names});
        if let Some((id, name)) = self.pattern.subtechnique() {
            technique["subtechnique"] = json!({"id": [id], "name": [name]});
        }
        json!({
            "framework": "MITRE ATT&CK", "technique": technique,
            "tactic": {"id": ["TA0011"], "name": ["Command and Control"]},
        })
    }
}

/// What an event is told that shows a pattern: of the shape that metrics have there.
fn in_event<'a>(pattern: Pattern, entity: impl Iterator<Item = Cow<'a, str>>, value: f64, severity: f64) -> String {
    let mut out = format!("{{\"name\":\"{}\",\"entity\":\"", pattern.name());
    for (place, value) in entity.enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        write_escaped(&mut out, &value);
    }
    out.push_str("\",\"value\":");
    write_number(&mut out, value);
    out.push_str(",\"score\":");
    write_number(&mut out, rounded(severity));
    out.push_str(",\"direction\":\"high\",\"meaning\":[\"");
    out.push_str(pattern.meaning());
    out.push_str("\"]}");
    out
}

/// The most severe first; of as severe ones that of the greatest value.
pub(super) fn strongest_first(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut ranked: Vec<Finding> = findings.collect();
    ranked.sort_by(|one, other| {
        let severity = other.severity.total_cmp(&one.severity);
        severity.then(other.value.total_cmp(&one.value)).then_with(|| one.entity.cmp(&other.entity))
    });
    ranked
}

/// Of a second since the epoch.
fn time(second: i64) -> EventTime {
    ReceivedTime::from_micros(second.saturating_mul(1_000_000)).as_event_time()
}

/// Hours, minutes or seconds, whichever reads best.
pub(super) fn duration_in_words(seconds: f64) -> String {
    match seconds {
        long if long >= 7200.0 => format!("{:.1} hours", long / 3600.0),
        minutes if minutes >= 600.0 => format!("{:.0} minutes", minutes / 60.0),
        short if short >= 0.5 => format!("{short:.0} s"),
        _ => "a moment".to_owned(),
    }
}

/// A number between those of a rising table, on straight lines; its ends beyond it.
pub(super) fn between(table: &[(f64, f64)], at: f64) -> f64 {
    let above = table.partition_point(|(from, _)| *from <= at);
    match (above.checked_sub(1).map(|below| table[below]), table.get(above)) {
        (None, first) => first.map_or(0.0, |(_, value)| *value),
        (Some((_, last)), None) => last,
        (Some((from, low)), Some((to, high))) => low + (high - low) * (at - from) / (to - from),
    }
}

/// When a pattern of one entity was recorded last: it is again after a day, and not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told(pub i64);

impl Told {
    /// Not yet.
    pub(super) const NEVER: Self = Self(i64::MIN);

    /// Whether one of this severity is due at a second.
    pub(super) fn is_due(&mut self, severity: f64, from: f32, at: i64) -> bool {
        let due = severity >= f64::from(from) && at.saturating_sub(self.0) >= DAY;
        if due {
            self.0 = at;
        }
        due
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::recent::Recent;
    use super::*;

    /// What a snapshot of these gives back.
    pub(in super::super) fn restored<T: Entity>(known: &Recent<T>, most: usize) -> Recent<T> {
        let mut out = Writer::default();
        known.save(&mut out, T::save);
        let mut restored = Recent::new(most);
        restored.load(&mut Reader::new(&out.finish()), T::load).expect("whole");
        restored
    }

    fn finding() -> Finding {
        Finding {
            pattern: Pattern::DnsTunnel,
            entity: vec![
                ("source.ip".to_owned(), "10.0.2.30".to_owned()),
                ("dns.question.registered_domain".to_owned(), "a\"b.example".to_owned()),
            ],
            span: (0, 7_200),
            value: 6_499.5,
            severity: 91.234,
            evidence: json!({"names": 222}),
            reason: "10.0.2.30 sends data".to_owned(),
            key: 255,
        }
    }

    #[test]
    fn a_finding_has_the_names_that_dashboards_know_and_its_evidence() {
        let mut out = Vec::new();
        finding().to_json(&mut out);
        let json: Value = serde_json::from_slice(&out).expect("valid JSON");
        assert_eq!(
            (&json["@timestamp"], &json["event"]["start"]),
            (&json!("1970-01-01T02:00:00.000Z"), &json!("1970-01-01T00:00:00.000Z"))
        );
        assert_eq!((&json["source"]["ip"], &json["record_score"]), (&json!("10.0.2.30"), &json!(91.23)));
        assert_eq!(json["dns"]["question"]["registered_domain"], "a\"b.example");
        assert_eq!(json["threat"]["technique"]["subtechnique"]["id"], json!(["T1071.004"]));
        assert_eq!(json["oversight"]["anomaly"]["evidence"]["names"], 222);
        assert_eq!(json["oversight"]["anomaly"]["metrics"][0]["entity"], "10.0.2.30, a\"b.example");
        assert_eq!(finding().id(), "dns_tunnel_00000000000000ff_7200");
    }

    #[test]
    fn numbers_between_those_of_a_table_lie_on_straight_lines() {
        let table = [(1.0, 0.0), (3.0, 10.0), (4.0, 100.0)];
        assert_eq!([0.0, 2.0, 3.0, 3.5, 9.0].map(|at| between(&table, at)), [0.0, 5.0, 10.0, 55.0, 100.0]);
    }

    #[test]
    fn what_goes_on_is_told_once_a_day() {
        let mut told = Told::NEVER;
        let due: Vec<bool> = [0, 3_600, 86_399, 86_400].map(|at| told.is_due(80.0, 75.0, at)).to_vec();
        assert_eq!(due, [true, false, false, true]);
        let mut mild = Told::NEVER;
        assert!(!mild.is_due(74.0, 75.0, 0));
    }
}
