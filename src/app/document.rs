//! Puts the document together: the event's own bytes, and what was found spliced in. Nothing of the event is
//! written anew, and nothing that is there is overwritten.

use crate::event::annotated::{AttackRef, Classification, Contribution, FeatureValue, Label, ModelInfo};
use crate::event::{Event, EventTime, Probability};
use crate::normalise::Layout;

/// What is added to one event.
#[derive(Debug, Clone, Copy)]
pub struct Annotation<'a> {
    /// The event's time, written as `@timestamp` where it has none.
    pub time: EventTime,
    /// The network's verdict.
    pub verdict: Option<&'a Classification>,
    /// Highest score of the touched metrics (0 to 100), and the metrics as JSON objects joined by commas.
    pub anomaly: Option<(f32, &'a str)>,
}

impl Annotation<'_> {
    /// ECS `event.risk_score`: the risk of the detection times its probability, or the anomaly's score if that is
    /// higher. None where there is neither.
    fn risk(&self) -> Option<f32> {
        let detection = self.verdict.map(|verdict| {
            let label = label(verdict);
            if label.is_normal() { 0.0 } else { label.risk * verdict.probability.value() }
        });
        let anomaly = self.anomaly.map(|(score, _)| score);
        detection.into_iter().chain(anomaly).reduce(f32::max)
    }

    fn attack(&self) -> Option<&Label> {
        self.verdict.map(label).filter(|label| !label.is_normal() && label.technique.is_some())
    }
}

/// Appends the annotated document to `out`; one JSON object, without a line break of its own.
pub fn append(out: &mut Vec<u8>, event: &Event, layout: &Layout, annotation: &Annotation<'_>) {
    let mut splicer = Splicer { out, body: &event.body, copied: 0, empty: layout.empty };
    if let Some(risk) = annotation.risk() {
        if !layout.risk_score_present {
            splicer.member(layout.event.as_ref(), "event", |out| {
                out.extend_from_slice(br#""risk_score":"#);
                write_number(out, f64::from(risk), 1);
            });
        }
    }
    if let (Some(attack), None) = (annotation.attack(), &layout.threat) {
        if !layout.threat_dotted {
            splicer.member(None, "threat", |out| write_threat(out, attack));
        }
    }
    if !layout.timestamp_present {
        splicer.own(|out| {
            out.extend_from_slice(br#""@timestamp":""#);
            write_display(out, annotation.time);
            out.push(b'"');
        });
    }
    if !layout.oversight_claimed {
        splicer.member(layout.oversight.as_ref(), "oversight", |out| write_oversight(out, event, annotation));
    }
    splicer.finish(layout.end);
}
