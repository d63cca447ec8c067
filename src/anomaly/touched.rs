//! What one event gets from the metrics it touches, as JSON that is ready to be put in its document.

use super::render::{write_escaped, write_number, write_probability};
use super::series::{Outlook, SEPARATOR};
use super::tail::{probability_of_anomaly, severity};

/// A meaning is told from this severity on.
pub(super) const MEANING_FROM: f64 = 50.0;

/// The scores of the metrics that one event touches. Made once and used for event after event.
#[derive(Debug, Default, Clone)]
pub struct Touched {
    json: String,
    metrics: usize,
    score: f64,
}

impl Touched {
    /// Nothing touched.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many series the event touched.
    pub fn len(&self) -> usize {
        self.metrics
    }

    /// Whether it touched none.
    pub fn is_empty(&self) -> bool {
        self.metrics == 0
    }

    /// The largest severity among them, 0 to 100.
    pub fn score(&self) -> f32 {
        self.score as f32
    }

    /// One JSON object per series, joined by commas, without brackets around:
    /// `{"name":…,"entity":…,"value":…,"expected":…,"lower":…,"upper":…,"score":…,"probability":…,"direction":…,"meaning":[…]}`.
    /// `expected`, `lower` and `upper` are left out where too little is known to expect anything.
    pub fn metrics_json(&self) -> &str {
        &self.json
    }

    /// Appends the whole of `oversight.anomaly`: `{"score":…,"metrics":[…]}`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut head = String::with_capacity(32);
        head.push_str("{\"score\":");
        write_number(&mut head, rounded(self.score));
        head.push_str(",\"metrics\":[");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(self.json.as_bytes());
        out.extend_from_slice(b"]}");
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.json.clear();
        self.metrics = 0;
        self.score = 0.0;
    }

    pub(super) fn push(&mut self, frame: &Frame, entity: &str, value: f64, outlook: &Outlook, evidence: f64) {
        if self.metrics > 0 {
            self.json.push(',');
        }
        self.metrics += 1;
        let side = if evidence > 0.0 { Side::High } else { Side::Usual };
        let score = frame.write(&mut self.json, entity, value, outlook, evidence, side);
        self.score = self.score.max(score);
    }
}

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above what is usual.
    High,
    /// Below it.
    Low,
    /// Within the bounds.
    Usual,
}

impl Side {
    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
            Self::Usual => "none",
        }
    }
}

/// The parts of a metric's JSON that never change.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Up to the opening quote of the entity.
    head: String,
    /// `"peak"]}` and `"dip"]}` with `"meaning":[` in front; empty lists where there is no meaning.
    peak: String,
    dip: String,
}

impl Frame {
    pub(super) fn new(name: &str, peak: Option<&str>, dip: Option<&str>) -> Self {
        let quoted = |text: &str| {
            let mut out = String::from("\"");
            write_escaped(&mut out, text);
            out.push('"');
            out
        };
        let meaning = |word: Option<&str>| format!(",\"meaning\":[{}]}}", word.map(quoted).unwrap_or_default());
        Self { head: format!("{{\"name\":{},\"entity\":\"", quoted(name)), peak: meaning(peak), dip: meaning(dip) }
    }

    /// Appends the object; gives its severity.
    pub(super) fn write(
        &self,
        out: &mut String,
        entity: &str,
        value: f64,
        outlook: &Outlook,
        evidence: f64,
        side: Side,
    ) -> f64 {
        out.push_str(&self.head);
        write_entity(out, entity);
        out.push_str("\",\"value\":");
        write_number(out, value);
        if outlook.scale > 0.0 {
            let numbers =
                [(",\"expected\":", outlook.expected), (",\"lower\":", outlook.lower), (",\"upper\":", outlook.upper)];
            for (key, number) in numbers {
                out.push_str(key);
                write_number(out, number.into());
            }
        }
        if evidence <= 0.0 {
            out.push_str(",\"score\":0,\"probability\":0,\"direction\":\"none\",\"meaning\":[]}");
            return 0.0;
        }
        let score = severity(evidence);
        out.push_str(",\"score\":");
        write_number(out, rounded(score));
        out.push_str(",\"probability\":");
        write_probability(out, probability_of_anomaly(evidence));
        out.push_str(",\"direction\":\"");
        out.push_str(side.name());
        out.push('"');
        out.push_str(match side {
            Side::High if score >= MEANING_FROM => &self.peak,
            Side::Low if score >= MEANING_FROM => &self.dip,
            _ => ",\"meaning\":[]}",
        });
        score
    }
}

pub(super) fn rounded(score: f64) -> f64 {
    (score * 100.0).round() / 100.0
}

/// The entity's values, joined by `, `, as the inside of a JSON string.
fn write_entity(out: &mut String, entity: &str) {
    for (place, value) in entity.split(SEPARATOR).enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        write_escaped(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_with_quotes_and_line_ends_makes_valid_json() {
        let frame = Frame::new("m", Some("a \"scan\""), None);
        let mut touched = Touched::new();
        let outlook = Outlook { scale: 1.0, expected: 2.0, lower: 0.5, upper: 9.0, location: 1.0 };
        touched.push(&frame, "x\"\n\u{1f}22", 50.0, &outlook, 8.0);
        touched.push(&frame, "", 1.0, &Outlook::default(), 0.0);
        let mut out = Vec::new();
        touched.write_json(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        let first = &json["metrics"][0];
        assert_eq!(first["entity"], "x\"\n, 22");
        assert_eq!(first["meaning"][0], "a \"scan\"");
        assert_eq!(first["score"], json["score"]);
        assert_eq!(json["metrics"][1].get("expected"), None);
        assert_eq!(json["metrics"][1]["direction"], "none");
    }
}
