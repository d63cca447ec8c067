//! An anomaly as a document of its own: one per metric, entity and bucket.
//!
//! Field names at the root are those of Elastic's machine-learning records, so that queries and dashboards carry
//! over; `probability` there is, as there, that of a value so extreme if all is usual. `oversight.anomaly` has the
//! same shape as in events, and its `probability` is that of an anomaly.

use serde_json::{Map, Value, json};

use super::corrections::Told;
use super::declare::Function;
use super::heights::Seldom;
use super::joint::Contributor;
use super::metric::Metric;
use super::points::Reason;
use super::render::{bytes_in_words, number_in_words, write_number};
use super::series::Outlook;
use super::tail::{probability_of_anomaly, severity};
use super::touched::{Frame, MEANING_FROM, Side};
use crate::event::{EventTime, Probability};

/// One anomaly.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyRecord {
    /// The metric's name.
    pub metric: String,
    /// What it measures.
    pub function: Function,
    /// The field that was measured, where the function reads one.
    pub field: Option<String>,
    /// Field paths and values of the entity; of these the last is `by`, if the metric has one.
    pub entity: Vec<(String, String)>,
    /// Whether the last field of the entity is `by`.
    pub has_by: bool,
    /// Start of the bucket.
    pub start: EventTime,
    /// Its end, exclusive.
    pub end: EventTime,
    /// The bucket's value.
    pub actual: f64,
    /// What was expected.
    pub typical: f64,
    /// Values below have a probability of one in a thousand.
    pub lower: f64,
    /// Values above have a probability of one in a thousand.
    pub upper: f64,
    /// Severity, 0 to 100.
    pub score: f32,
    /// Probability that this is an anomaly.
    pub probability: Probability,
    /// Probability of a value so extreme, if all is usual.
    pub tail_probability: f64,
    /// Above or below.
    pub side: Side,
    /// What that means, as the metric declares.
    pub meaning: Option<String>,
    /// One sentence for a person.
    pub reason: String,
    /// How much the dozen buckets before have to do with it: −5 nothing, 5 all.
    pub multi_bucket_impact: f32,
    /// The record that this one corrects.
    pub correction: Option<Correction>,
    /// The metrics that have most to do with it, where it is about several; the most telling first.
    pub contributors: Vec<Contribution>,
    key: u64,
    fragment: String,
}

/// A metric that has to do with what is unusual about several together.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Its name.
    pub metric: String,
    /// Its value in this bucket; none where it had none.
    pub actual: Option<f64>,
    /// What the others led one to expect.
    pub expected: f64,
}

/// What late events have made other than it was told. The record that told it stays.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// Its id.
    pub of: String,
    /// The value that it told.
    pub actual: f64,
    /// The severity that it told, 0 to 100.
    pub score: f32,
    /// Events that came late.
    pub late_events: u32,
}

/// What late events correct.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corrected {
    pub told: Option<Told>,
    pub late: u32,
}

/// What a record is made of.
pub(super) struct Finding<'a> {
    pub metric: &'a Metric,
    pub frame: &'a Frame,
    pub key: u64,
    pub entity: &'a str,
    /// Number of the bucket.
    pub index: i64,
    pub value: f64,
    pub outlook: Outlook,
    pub evidence: f64,
    pub side: Side,
    /// What a detector of points found unusual.
    pub reason: Option<Reason>,
    pub multi_bucket: f32,
    pub seldom: Option<Seldom>,
    /// Which of the metrics that it looks at have most to do with it.
    pub contributors: &'a [Contributor],
    pub corrected: Option<Corrected>,
}

impl AnomalyRecord {
    pub(super) fn new(finding: &Finding<'_>) -> Self {
        let Finding { metric, outlook, evidence, side, .. } = finding;
        let at = |index: i64| crate::event::ReceivedTime::from_micros(index * metric.span).as_event_time();
        let names = metric.entity.iter().map(|(name, _)| name.clone());
        let values = finding.entity.split(super::series::SEPARATOR).map(str::to_owned);
        let score = severity(*evidence);
        let word = if *side == Side::High { &metric.peak } else { &metric.dip };
        let mut fragment = String::new();
        finding.frame.write(&mut fragment, finding.entity, finding.value, outlook, *evidence, *side);
        let mut record = Self {
            metric: metric.name.clone(),
            function: metric.function,
            field: metric.field.as_ref().map(|(path, _)| path.clone()),
            entity: names.zip(values).collect(),
            has_by: metric.has_by,
            start: at(finding.index),
            end: at(finding.index + 1),
            actual: finding.value,
            typical: outlook.expected.into(),
            lower: outlook.lower.into(),
            upper: outlook.upper.into(),
            score: score as f32,
            probability: Probability::saturating(probability_of_anomaly(*evidence) as f32),
            tail_probability: 10_f64.powf(-evidence),
            side: *side,
            meaning: word.clone().filter(|_| score >= MEANING_FROM),
            reason: String::new(),
            multi_bucket_impact: finding.multi_bucket,
            correction: None,
            contributors: contributions(finding),
            key: finding.key,
            fragment,
        };
        record.reason = record.in_words(metric);
        record.say_more(finding);
        record
    }

    fn say_more(&mut self, finding: &Finding<'_>) {
        let named: Vec<String> =
            finding.contributors.iter().map(|one| contributor_in_words(finding.metric, one)).collect();
        if !named.is_empty() {
            self.reason += "; most of it by ";
            self.reason += &named.join(" and ");
        }
        if let Some(reason) = finding.reason {
            self.reason += "; unusual is its ";
            self.reason += reason.words();
        }
        if let Some(words) = finding.seldom.filter(|_| self.side == Side::High).and_then(Seldom::words) {
            self.reason += "; ";
            self.reason += &words;
        }
        let Some(Corrected { told, late }) = finding.corrected else { return };
        self.reason += &format!("; {late} events came late");
        if let Some(Told { actual, evidence }) = told {
            self.reason += &format!(" and correct what was told ({})", number_in_words(actual));
            let score = severity(evidence) as f32;
            self.correction = Some(Correction { of: self.id(), actual, score, late_events: late });
        }
    }

    /// The same for the same metric, entity and bucket, whoever counts: a document id. A correction has one of its own.
    pub fn id(&self) -> String {
        let span = (self.end.micros() - self.start.micros()) / 1_000_000;
        let of_correction = if self.correction.is_some() { "_corrected" } else { "" };
        format!("{}_{:016x}_{}_{span}{of_correction}", self.metric, self.key, self.start.micros() / 1000)
    }

    /// Of all records of a metric, those of one entity have the same.
    pub(super) fn series_key(&self) -> u64 {
        self.key
    }

    /// Appends the document.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, &self.document()).expect("strings and finite numbers are written to memory");
    }

    fn document(&self) -> Value {
        let mut root = Map::new();
        let metric: Value = serde_json::from_str(&self.fragment).expect("fragments are valid JSON");
        let score = metric["score"].clone();
        let started = self.start.to_string();
        put(&mut root, "@timestamp", json!(started));
        put(&mut root, "message", json!(self.reason));
        put(
            &mut root,
            "event",
            json!({"kind": "metric", "category": ["intrusion_detection"], "type": ["info"], "module": "oversight",
                   "dataset": "oversight.anomalies", "start": started, "end": self.end.to_string(),
                   "reason": self.reason, "risk_score": score}),
        );
        self.record_fields(&mut root, &score);
        for (path, value) in &self.entity {
            put(&mut root, path, scalar(value));
        }
        put(&mut root, "oversight.anomaly", json!({"score": score, "metrics": [metric]}));
        if !self.contributors.is_empty() {
            let said = |one: &Contribution| json!({"metric": one.metric, "actual": one.actual.map(number), "expected": number(one.expected)});
            put(&mut root, "oversight.contributors", self.contributors.iter().map(said).collect());
        }
        if let Some(Correction { of, actual, score, late_events }) = &self.correction {
            let said = json!({"of": of, "actual": number(*actual), "score": number(f64::from(*score)), "late_events": late_events});
            put(&mut root, "oversight.correction", said);
        }
        Value::Object(root)
    }

    /// The names of Elastic's records.
    fn record_fields(&self, root: &mut Map<String, Value>, score: &Value) {
        let kind = match self.side {
            Side::High => "spike",
            Side::Low => "dip",
            Side::Usual => "none",
        };
        let initial = self.correction.as_ref().map_or_else(|| score.clone(), |told| number(f64::from(told.score)));
        let fields = json!({
            "result_type": "record",
            "job_id": self.metric,
            "timestamp": self.start.micros() / 1000,
            "bucket_span": (self.end.micros() - self.start.micros()) / 1_000_000,
            "is_interim": false,
            "function": self.function.name(),
            "record_score": score,
            "initial_record_score": initial,
            "multi_bucket_impact": number(f64::from(self.multi_bucket_impact)),
            "probability": self.tail_probability,
            "actual": [number(self.actual)],
            "typical": [number(self.typical)],
            "anomaly_score_explanation": {
                "anomaly_type": kind,
                "multi_bucket_impact": number(f64::from(self.multi_bucket_impact)),
                "lower_confidence_bound": number(self.lower),
                "typical_value": number(self.typical),
                "upper_confidence_bound": number(self.upper),
            },
        });
        if let Value::Object(fields) = fields {
            root.extend(fields);
        }
        if let Some(field) = &self.field {
            put(root, "field_name", json!(field));
        }
        let (over, by) = self.entity.split_at(self.entity.len() - usize::from(self.has_by && !self.entity.is_empty()));
        let joined = |part: fn(&(String, String)) -> &str| over.iter().map(part).collect::<Vec<_>>().join(", ");
        if !over.is_empty() {
            put(root, "partition_field_name", json!(joined(|(name, _)| name)));
            put(root, "partition_field_value", json!(joined(|(_, value)| value)));
        }
        if let [(name, value)] = by {
            put(root, "by_field_name", json!(name));
            put(root, "by_field_value", json!(value));
        }
        let influencers: Vec<Value> = self
            .entity
            .iter()
            .map(|(name, value)| json!({"influencer_field_name": name, "influencer_field_values": [value]}))
            .collect();
        put(root, "influencers", json!(influencers));
    }

    fn in_words(&self, metric: &Metric) -> String {
        let (title, say) = (&metric.title, |value: f64| metric.in_words(value));
        let values: Vec<&str> = self.entity.iter().map(|(_, value)| value.as_str()).collect();
        let entity = if values.is_empty() { String::new() } else { format!(" {}", values.join(", ")) };
        let ((from, _), (to, zone)) = (metric.clock_at(self.start), metric.clock_at(self.end));
        format!(
            "{title}{entity} between {from} and {to} {zone}: {}; usual at this time is {} to {}",
            say(self.actual),
            say(self.lower),
            say(self.upper)
        )
    }
}

fn contributions(finding: &Finding<'_>) -> Vec<Contribution> {
    let one = |Contributor { member, actual, expected }: &Contributor| Contribution {
        metric: finding.metric.members[*member].name.clone(),
        actual: *actual,
        expected: *expected,
    };
    finding.contributors.iter().map(one).collect()
}

/// Such as "bytes sent by 600 kB, beside the others some 1.6 MB".
fn contributor_in_words(metric: &Metric, contributor: &Contributor) -> String {
    let member = &metric.members[contributor.member];
    let say = |value: f64| if member.in_bytes { bytes_in_words(value) } else { number_in_words(value) };
    let actual = contributor.actual.map_or_else(|| "nothing".to_owned(), say);
    format!("{} {actual}, beside the others some {}", member.title, say(contributor.expected))
}

impl Metric {
    /// Hour and minute as the clock of its zone shows them, and what that is called.
    fn clock_at(&self, at: EventTime) -> (String, String) {
        let shown = |at: EventTime| at.to_string()[11..16].to_owned();
        let Some(zone) = &self.zone else { return (shown(at), "UTC".to_owned()) };
        let local = crate::event::ReceivedTime::from_micros(zone.local(at.micros())).as_event_time();
        (shown(local), zone.name(at.seconds()))
    }
}

/// The number as [`write_number`] writes it, so that records and events show the same digits.
fn number(value: f64) -> Value {
    let mut text = String::new();
    write_number(&mut text, value);
    serde_json::from_str(&text).expect("numbers are written as JSON")
}

/// Whole numbers come back as numbers: a port is one in documents.
pub(super) fn scalar(text: &str) -> Value {
    let plain = text.len() <= 15 && (text == "0" || !text.starts_with('0')) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse::<u64>().ok().filter(|_| plain).map_or_else(|| json!(text), |number| json!(number))
}

/// Puts `value` below the dotted `path`; where a name on the way already stands for a value, nothing is put.
pub(super) fn put(root: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            root.entry(path).or_insert(value);
        }
        Some((first, rest)) => {
            if let Value::Object(inner) = root.entry(first).or_insert_with(|| Value::Object(Map::new())) {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::declare::MetricDeclaration;
    use super::super::metric::Metrics;
    use super::*;

    fn record() -> AnomalyRecord {
        let declared: MetricDeclaration = serde_json::from_str(
            r#"{"name":"out","title":"bytes sent by","over":["source.ip"],"by":"destination.port","function":"sum",
                "field":"source.bytes","bucket_span":"5m","peak":"exfiltration"}"#,
        )
        .expect("readable");
        let metrics = Metrics::check(&[declared]).expect("fine");
        let outlook = Outlook { location: 1.0, scale: 1.0, expected: 1.2e7, lower: 3e6, upper: 4e7 };
        AnomalyRecord::new(&Finding {
            metric: &metrics.list[0],
            frame: &Frame::new("out", Some("exfiltration"), None),
            key: 255,
            entity: "10.0.0.5\u{1f}443",
            index: 24,
            value: 1.2345e9,
            outlook,
            evidence: 8.0,
            side: Side::High,
            reason: None,
            multi_bucket: -1.25,
            seldom: Some(Seldom::Hours(31 * 24)),
            contributors: &[],
            corrected: None,
        })
    }

    #[test]
    fn a_record_says_in_words_what_happened() {
        assert_eq!(
            record().reason,
            "bytes sent by 10.0.0.5, 443 between 02:00 and 02:05 UTC: 1.2 GB; usual at this time is 3 MB to 40 MB; \
             first time this high in 31 days"
        );
    }

    #[test]
    fn a_record_carries_the_names_that_dashboards_know() {
        let mut out = Vec::new();
        record().to_json(&mut out);
        let json: Value = serde_json::from_slice(&out).expect("valid JSON");
        assert_eq!(json["@timestamp"], "1970-01-01T02:00:00.000Z");
        assert_eq!(json["source"]["ip"], "10.0.0.5");
        assert_eq!(json["destination"]["port"], 443);
        assert_eq!(json["by_field_name"], "destination.port");
        assert_eq!(json["actual"][0], 1_234_500_000_u64);
        assert_eq!(json["bucket_span"], 300);
        assert_eq!(json["oversight"]["anomaly"]["metrics"][0]["meaning"][0], "exfiltration");
        assert_eq!(json["record_score"], json["oversight"]["anomaly"]["score"]);
        assert!(json["probability"].as_f64().is_some_and(|p| (p / 1e-8 - 1.0).abs() < 1e-9));
    }

    #[test]
    fn an_id_is_made_of_metric_entity_and_bucket() {
        assert_eq!(record().id(), "out_00000000000000ff_7200000_300");
    }
}
