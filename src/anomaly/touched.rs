//! What one event gets from the metrics it touches, as JSON that is ready to be put in its document.

use super::render::{write_escaped, write_number, write_probability};
use super::series::{Outlook, Running, SEPARATOR, Series};
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
    /// `expected`, `lower` and `upper` are left out where too little is known to expect anything; `probability`,
    /// `direction` and `meaning` where the value is usual (a score of 0), which is nearly always: they would say nothing
    /// and make up a fifth of the document.
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

    /// Adds a pattern, whose object is ready.
    pub(super) fn push_pattern(&mut self, json: &str, score: f64) {
        if self.metrics > 0 {
            self.json.push(',');
        }
        self.metrics += 1;
        self.json.push_str(json);
        self.score = self.score.max(score);
    }

    /// Adds a series: the fragment's parts, with its present value between them.
    pub(super) fn push(&mut self, fragment: &Fragment, value: f64) {
        if self.metrics > 0 {
            self.json.push(',');
        }
        self.metrics += 1;
        let (before, after) = fragment.text.split_at(fragment.split);
        self.json.push_str(before);
        write_number(&mut self.json, value);
        self.json.push_str(after);
        self.score = self.score.max(fragment.score);
    }
}

/// How many fragments are kept, about 250 bytes each.
const FRAGMENTS: usize = 1 << 14;

/// The fragments of the series touched last, so that a busy series is not rendered for each of its events: between
/// two events of a bucket mostly the value changes, and that stands between the parts.
#[derive(Debug)]
pub(super) struct Fragments(Vec<Fragment>);

/// A series' JSON without its value.
#[derive(Debug, Clone, Default)]
pub(super) struct Fragment {
    key: u64,
    index: i64,
    evidence: f32,
    text: String,
    /// Where the value belongs.
    split: usize,
    score: f64,
}

impl Fragments {
    pub(super) fn new() -> Self {
        Self(vec![Fragment::default(); FRAGMENTS])
    }

    /// The fragment of bucket `index` of series `key`, rendered if it is not at hand.
    pub(super) fn of(&mut self, frame: &Frame, series: &Series) -> &Fragment {
        let Running { index, outlook, evidence, .. } = &series.current;
        // the lower bits choose the cell of the table as well, so the middle is taken
        let fragment = &mut self.0[(series.key >> 20) as usize % FRAGMENTS];
        let known = fragment.key == series.key
            && fragment.index == *index
            && fragment.evidence.to_bits() == evidence.to_bits()
            && fragment.split > 0;
        if !known {
            let side = if *evidence > 0.0 { Side::High } else { Side::Usual };
            fragment.text.clear();
            frame.write_head(&mut fragment.text, &series.entity);
            fragment.split = fragment.text.len();
            fragment.score = frame.write_tail(&mut fragment.text, outlook, f64::from(*evidence), side);
            (fragment.key, fragment.index, fragment.evidence) = (series.key, *index, *evidence);
        }
        fragment
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

    /// Appends the object.
    pub(super) fn write(
        &self,
        out: &mut String,
        entity: &str,
        value: f64,
        outlook: &Outlook,
        evidence: f64,
        side: Side,
    ) {
        self.write_head(out, entity);
        write_number(out, value);
        self.write_tail(out, outlook, evidence, side);
    }

    /// Appends what stands before the value.
    fn write_head(&self, out: &mut String, entity: &str) {
        out.push_str(&self.head);
        write_entity(out, entity);
        out.push_str("\",\"value\":");
    }

    /// Appends what stands after the value; gives the severity.
    fn write_tail(&self, out: &mut String, outlook: &Outlook, evidence: f64, side: Side) -> f64 {
        if outlook.scale > 0.0 {
            let numbers =
                [(",\"expected\":", outlook.expected), (",\"lower\":", outlook.lower), (",\"upper\":", outlook.upper)];
            for (key, number) in numbers {
                out.push_str(key);
                write_number(out, number.into());
            }
        }
        if evidence <= 0.0 {
            out.push_str(",\"score\":0}");
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
        let mut series = Series::new(1, 0, "x\"\n\u{1f}22".into());
        series.current.outlook = Outlook { scale: 1.0, expected: 2.0, lower: 0.5, upper: 9.0, location: 1.0 };
        series.current.evidence = 8.0;
        let mut fragments = Fragments::new();
        touched.push(fragments.of(&frame, &series), 50.0);
        touched.push(fragments.of(&frame, &Series::new(2, 0, "".into())), 1.0);
        let mut out = Vec::new();
        touched.write_json(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        let first = &json["metrics"][0];
        assert_eq!(first["entity"], "x\"\n, 22");
        assert_eq!(first["meaning"][0], "a \"scan\"");
        assert_eq!(first["score"], json["score"]);
        assert_eq!(json["metrics"][1].get("expected"), None);
        assert_eq!(json["metrics"][1].get("direction"), None);
    }
}
