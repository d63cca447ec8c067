//! Detections in the four fields of older dashboards: `userID`, `type`, `body`, `timestamp`.
//!
//! Who: the event's `user.name`, else the source of its connection. What: the class of a verdict that commits itself.

use std::fmt::Write;
use std::ops::Range;

use crate::event::EventTime;
use crate::event::annotated::Classification;
use crate::event::json::{write_display, write_string};
use crate::normalise::{Address, Endpoint, FieldId, Record, Scalar, View};

/// Parts who from what was done with whom; in no address, and in a name that has it all before it counts.
const BETWEEN: char = '\n';

/// Puts them together.
#[derive(Debug, Default)]
pub struct Threats {
    /// None until the normaliser reads it.
    user: Option<FieldId>,
    /// For each event of a batch: who, and who with whom.
    texts: String,
}

impl Threats {
    /// The field that names a user.
    pub const USER: &str = "user.name";

    /// The normaliser reads [`Threats::USER`] as its field `place` from now on.
    pub fn read_user_at(&mut self, place: usize) {
        self.user = u32::try_from(place).ok().map(FieldId);
    }

    /// Begins another batch.
    pub fn clear(&mut self) {
        self.texts.clear();
    }

    /// Remembers who the event of `view` is about.
    pub fn put(&mut self, view: &View<'_>) -> Range<usize> {
        let start = self.texts.len();
        let connection = if let Record::Connection(connection) = &view.record { Some(connection) } else { None };
        match (self.user.and_then(|user| view.field(user)), connection) {
            (Some(Scalar::Str(user)), _) => self.texts.push_str(user.split(BETWEEN).next().unwrap_or_default()),
            (_, Some(connection)) => endpoint(&mut self.texts, &connection.source, false),
            _ => {}
        }
        self.texts.push(BETWEEN);
        if let Some(connection) = connection {
            self.texts.push_str(", ");
            endpoint(&mut self.texts, &connection.source, false);
            self.texts.push_str(" to ");
            endpoint(&mut self.texts, &connection.destination, true);
        }
        start..self.texts.len()
    }

    /// Appends the document for a detection.
    pub fn write(&self, out: &mut Vec<u8>, who: &Range<usize>, time: EventTime, verdict: &Classification) {
        let (user, whom) = self.texts[who.clone()].split_once(BETWEEN).unwrap_or_default();
        let label = &verdict.model.labels[usize::from(verdict.label)];
        let percent = f64::from(verdict.probability.value()) * 100.0;
        out.extend_from_slice(br#"{"userID":"#);
        write_string(out, user);
        out.extend_from_slice(br#","type":"#);
        write_string(out, &label.name);
        out.extend_from_slice(br#","body":"#);
        write_string(out, &format!("{} with {percent:.1} %{whom}", label.name));
        out.extend_from_slice(br#","timestamp":""#);
        write_display(out, time);
        out.extend_from_slice(b"\"}");
    }
}

fn endpoint(out: &mut String, endpoint: &Endpoint<'_>, with_port: bool) {
    match endpoint.address {
        Address::Ip(address) => write!(out, "{address}").expect("writing to a string does not fail"),
        Address::Name(name) => out.push_str(name),
    }
    if let (true, Some(port)) = (with_port, endpoint.port) {
        write!(out, " port {port}").expect("writing to a string does not fail");
    }
}
