//! Writes verdicts as JSON. What a label always looks like is put together once, when the model is loaded.

use crate::event::annotated::{AttackRef, Classification, Label, ModelInfo};
use crate::event::json::{write_integer, write_number, write_string};

use super::reasons;

/// Probabilities are written with four decimals: what calibration can tell apart, and less than a person reads.
const DECIMALS: u32 = 4;

/// Less than this would be written as 0: such a class is no alternative.
const LEAST_ALTERNATIVE: f32 = 0.5e-4;

/// Writes the verdicts of one model.
#[derive(Debug)]
pub struct VerdictWriter {
    labels: Vec<Rendered>,
}

/// What is always the same about a label.
#[derive(Debug)]
struct Rendered {
    /// `"model":{"name":…,"version":…,"hash":…},"label":"…","category":"…","probability":`
    head: Vec<u8>,
    /// `"…"`
    name: Vec<u8>,
    /// `{"label":"…","probability":`
    top: Vec<u8>,
    /// The members of ECS `threat`; none for the normal class and where ATT&CK has no word for it.
    threat: Option<Vec<u8>>,
    /// 0 to 100; 0 for the normal class.
    risk: f32,
}

impl VerdictWriter {
    /// For the verdicts of `model`.
    pub fn new(model: &ModelInfo) -> Self {
        Self { labels: model.labels.iter().map(|label| Rendered::new(model, label)).collect() }
    }

    /// Risk of the detection, 0 to 100: that of its label times its probability.
    pub fn risk(&self, verdict: &Classification) -> f32 {
        self.label(verdict).risk * verdict.probability.value()
    }

    /// The members of ECS `threat` for this verdict.
    pub fn threat(&self, verdict: &Classification) -> Option<&[u8]> {
        self.label(verdict).threat.as_deref()
    }

    /// Appends the members of `oversight.classification`.
    pub fn write(&self, out: &mut Vec<u8>, verdict: &Classification) {
        out.extend_from_slice(&self.label(verdict).head);
        write_number(out, f64::from(verdict.probability.value()), DECIMALS);
        out.extend_from_slice(br#","top":["#);
        let told = |place: usize, probability: f32| place == 0 || probability >= LEAST_ALTERNATIVE;
        for (place, (label, probability)) in verdict.top.iter().enumerate() {
            if !told(place, probability.value()) {
                break;
            }
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.labels[usize::from(*label)].top);
            write_number(out, f64::from(probability.value()), DECIMALS);
            out.push(b'}');
        }
        out.extend_from_slice(br#"],"verdict":""#);
        out.extend_from_slice(verdict.verdict.name().as_bytes());
        out.extend_from_slice(br#"","set":["#);
        for (place, label) in verdict.set.labels().iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.labels[usize::from(*label)].name);
        }
        out.extend_from_slice(br#"],"novelty":"#);
        write_number(out, f64::from(verdict.novelty.value()), DECIMALS);
        out.extend_from_slice(br#","features_known":"#);
        write_integer(out, u64::from(verdict.features_known));
        if let Some(label) = verdict.excused {
            out.extend_from_slice(br#","excused":"#);
            out.extend_from_slice(&self.labels[usize::from(label)].name);
        }
        reasons::write(out, &verdict.model, verdict);
    }

    fn label(&self, verdict: &Classification) -> &Rendered {
        &self.labels[usize::from(verdict.label)]
    }
}

impl Rendered {
    fn new(model: &ModelInfo, label: &Label) -> Self {
        let name = quoted(&label.name);
        let head = [
            br#""model":{"name":"#.as_slice(),
            &quoted(&model.name),
            br#","version":"#,
            &quoted(&model.version),
            br#","hash":"#,
            &quoted(&model.hash),
            br#"},"label":"#,
            &name,
            br#","category":"#,
            &quoted(&label.category),
            br#","probability":"#,
        ];
        let top = [br#"{"label":"#.as_slice(), &name, br#","probability":"#];
        let risk = if label.is_normal() { 0.0 } else { label.risk };
        Self { head: head.concat(), top: top.concat(), name, threat: threat(label), risk }
    }
}

fn threat(label: &Label) -> Option<Vec<u8>> {
    if label.is_normal() || (label.tactic.is_none() && label.technique.is_none()) {
        return None;
    }
    let mut out = br#""framework":"MITRE ATT&CK""#.to_vec();
    for (key, reference) in [("tactic", &label.tactic), ("technique", &label.technique)] {
        if let Some(AttackRef { id, name }) = reference {
            let parts = [b",\"", key.as_bytes(), br#"":{"id":["#, &quoted(id), br#"],"name":["#, &quoted(name), b"]}"];
            out.extend(parts.concat());
        }
    }
    Some(out)
}

fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out
}
