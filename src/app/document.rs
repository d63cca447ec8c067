//! Puts the document together: the event's own bytes, and what was found spliced in. Nothing of the event is
//! written anew, and nothing that is there is overwritten.

use crate::event::annotated::Classification;
use crate::event::json::{write_display, write_number};
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
    /// The event's time, written as `@timestamp` where it has none.
    pub time: EventTime,
    /// The network's verdict, and who writes it.
    pub verdict: Option<(&'a Classification, &'a VerdictWriter)>,
    /// Highest score of the touched metrics (0 to 100), and these metrics as JSON objects joined by commas.
    pub anomaly: Option<(f32, &'a str)>,
}

/// Appends the annotated document to `out`: one JSON object.
pub fn append(out: &mut Vec<u8>, body: &[u8], layout: &Layout, annotation: &Annotation<'_>) {
    let mut plan = Plan::new(layout);
    if !layout.risk_score && annotation.risk().is_some() {
        plan.place(Part::Risk, layout.event);
    }
    if !layout.threat.is_there() && annotation.names_technique() {
        plan.place(Part::Threat, layout.threat);
    }
    if !layout.timestamp {
        plan.at_end.push(Part::Timestamp);
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
            ["\"classification\"", "\"anomaly\"", "\"ingest\""]
                .iter()
                .any(|key| memchr::memmem::find(inside, key.as_bytes()).is_some())
        }
    }
}

/// Something that is added.
#[derive(Debug, Clone, Copy)]
enum Part {
    Risk,
    Threat,
    Timestamp,
    Oversight,
}

/// Where each part goes: into an object that is there, or behind the last member of the event.
struct Plan<'a> {
    layout: &'a Layout,
    /// Offset of the closing brace, whether the object is empty, what goes in.
    inside: Vec<(usize, bool, Part)>,
    at_end: Vec<Part>,
}

impl<'a> Plan<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self { layout, inside: Vec::new(), at_end: Vec::new() }
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
            Self::Risk => br#""event":{"#,
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
            Self::Risk => {
                out.extend_from_slice(br#""risk_score":"#);
                write_number(out, f64::from(annotation.risk().unwrap_or_default()), 1);
            }
            Self::Threat => {
                let threat = annotation.verdict.and_then(|(verdict, writer)| writer.threat(verdict));
                out.extend_from_slice(threat.unwrap_or_default());
            }
            Self::Timestamp => {
                out.extend_from_slice(br#""@timestamp":""#);
                write_display(out, annotation.time);
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
    if let Some((score, metrics)) = annotation.anomaly {
        out.extend_from_slice(br#""anomaly":{"score":"#);
        write_number(out, f64::from(score), 1);
        out.extend_from_slice(br#","metrics":["#);
        out.extend_from_slice(metrics.as_bytes());
        out.extend_from_slice(b"]},");
    }
    out.extend_from_slice(br#""ingest":{"id":"#);
    crate::event::json::write_string(out, &annotation.id.to_string());
    out.extend_from_slice(br#","received":""#);
    write_display(out, annotation.received);
    out.extend_from_slice(br#""}"#);
}
