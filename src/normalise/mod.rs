//! 3 UNDERSTAND: which dialect an event speaks, and what it says.
//!
//! An event's body is walked once. What the dialects and the declared metrics want is put down by its place in the
//! body; nothing is copied and, in the steady state, nothing allocated. Then each dialect looks whether the record
//! is one of its own: [KDD-99](kdd), [Zeek's conn.log](zeek). Anything else passes through as [`Record::Other`].
//!
//! A path such as `source.ip` means the nested key, the dotted key and mixtures of both. Where one comes twice,
//! the last one counts. Within arrays of objects nothing is looked for. ECS names of connections (`source.ip`,
//! `network.bytes`, …) are answered for Zeek and KDD records too, unless the event has them itself.

mod canonical;
mod connection;
pub mod file;
mod json;
pub mod kdd;
mod layout;
mod moment;
mod paths;
mod scalar;
mod service;
mod slots;
mod unreadable;
mod zeek;

use crate::event::EventTime;
use crate::features::FeatureVector;

use canonical::Canonical;
pub use connection::{Address, Approximated, Connection, Endpoint, Transport};
pub use json::{DEEPEST, Span};
use json::{Scanner, Text, unescape};
pub use kdd::Unusable;
pub use layout::{Form, Layout, Member};
use paths::{NONE, Paths, ROOT, Target};
use scalar::{Captured, capture};
pub use scalar::{Scalar, Values};
use slots::{EVENT, OVERSIGHT, RISK_SCORE, Slots, THREAT, TIMESTAMP, TS};
pub use unreadable::{Reason, Unreadable};
use zeek::Zeek;

/// A path that was asked for: its place in the list given to [`Normaliser::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u32);

/// What an event is, beside JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Record<'a> {
    /// A record of KDD-99, which brings its features.
    Kdd(FeatureVector),
    /// A connection, whose features are still to be measured.
    Connection(Connection<'a>),
    /// Something else, which is stored and counted, and not classified.
    Other,
}

/// What was understood of one event; it borrows from the event's body only.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// When it happened: `@timestamp`, else Zeek's `ts`; none where neither can be read.
    pub time: Option<EventTime>,
    /// What it is.
    pub record: Record<'a>,
    /// Where its JSON can be added to.
    pub layout: Layout,
    /// KDD features that it has and that cannot be used.
    pub unusable: Unusable,
    body: &'a str,
    fields: Vec<Captured>,
}

impl<'a> View<'a> {
    /// The value of a field; of an array the first scalar in it. None for what is absent, `null` or an object.
    pub fn field(&self, field: FieldId) -> Option<Scalar<'a>> {
        self.fields.get(field.0 as usize)?.scalar(self.body)
    }

    /// All values of a field: those of an array, or the single one.
    pub fn values(&self, field: FieldId) -> Values<'a> {
        self.fields.get(field.0 as usize).copied().unwrap_or_default().values(self.body)
    }

    /// The event's JSON.
    pub fn body(&self) -> &'a str {
        self.body
    }
}

/// Reads events. One for each worker: it keeps its buffers from event to event.
#[derive(Debug)]
pub struct Normaliser {
    paths: Paths,
    slots: Slots,
    /// For each path asked for: its slot, and what stands in where the event lacks it.
    wanted: Vec<(u32, Option<Canonical>)>,
    layout: Layout,
    key: String,
    spare: Vec<Vec<Captured>>,
    zeek: Zeek,
}

/// How many field buffers are kept for the next events.
const SPARE: usize = 1024;

impl Normaliser {
    /// Wants `paths`, which become [`FieldId`]`(0)`, `(1)` … in this order.
    pub fn new(paths: &[String]) -> Self {
        let (table, slots, own) = Slots::lay_out(paths);
        let wanted = own.into_iter().zip(paths.iter().map(|path| Canonical::of(path))).collect();
        Self {
            paths: table,
            slots,
            wanted,
            layout: Layout::default(),
            key: String::new(),
            spare: Vec::new(),
            zeek: Zeek::default(),
        }
    }

    /// Reads one event.
    ///
    /// # Errors
    /// When the body is not one JSON object in UTF-8, nested no deeper than [`DEEPEST`] and below 4 GiB.
    pub fn read<'a>(&mut self, body: &'a [u8]) -> Result<View<'a>, Unreadable> {
        if u32::try_from(body.len()).is_err() {
            return Err(Unreadable { place: 0, reason: Reason::TooLong });
        }
        let body = std::str::from_utf8(body)
            .map_err(|fault| Unreadable { place: fault.valid_up_to(), reason: Reason::Encoding })?;
        self.slots.clear();
        self.layout = Layout::default();
        let mut scanner = Scanner::new(body);
        scanner.space();
        self.layout.empty = self.object(&mut scanner, body, ROOT, 1)?;
        self.layout.end = scanner.place() - 1;
        scanner.space();
        if scanner.peek().is_some() {
            return Err(scanner.fault(Reason::Behind));
        }
        Ok(self.view(body))
    }

    /// Takes the buffers of a view that is done with, so that the next event need not allocate them.
    pub fn recycle(&mut self, view: View<'_>) {
        if self.spare.len() < SPARE {
            self.spare.push(view.fields);
        }
    }

    /// Walks the object that stands next, which `node` is of, as the `depth`th; tells whether it is empty.
    fn object(&mut self, scanner: &mut Scanner<'_>, body: &str, node: u32, depth: u32) -> Result<bool, Unreadable> {
        scanner.check_depth(depth)?;
        if scanner.open_object()? {
            return Ok(true);
        }
        loop {
            let key = scanner.key()?;
            match self.target(key, body, node) {
                Some(target) => self.value(scanner, body, target, depth)?,
                None => scanner.skip(depth)?,
            }
            if !scanner.more(b'}')? {
                return Ok(false);
            }
        }
    }

    /// Where `key` of the object of `node` leads to.
    #[inline]
    fn target(&mut self, key: Text, body: &str, node: u32) -> Option<Target> {
        let Text { span, escaped } = key;
        if escaped {
            self.key.clear();
            unescape(&body[span.range()], &mut self.key);
        }
        let (bytes, start, end) = match escaped {
            true => (self.key.as_bytes(), 0, self.key.len()),
            false => (body.as_bytes(), span.start as usize, span.end as usize),
        };
        if node == ROOT {
            note_dotted(&mut self.layout, &bytes[start..end]);
        }
        self.paths.find(node, bytes, start, end)
    }

    /// Takes the value of a key that matters.
    #[inline]
    fn value(&mut self, scanner: &mut Scanner<'_>, body: &str, target: Target, depth: u32) -> Result<(), Unreadable> {
        let start = scanner.place();
        let captured = if target.node != NONE && scanner.peek() == Some(b'{') {
            self.object(scanner, body, target.node, depth + 1)?;
            Captured::Unusable
        } else {
            capture(scanner, depth)?
        };
        if target.slot != NONE {
            self.slots.put(target.slot, captured);
            if matches!(target.slot, EVENT | THREAT | OVERSIGHT) {
                self.note_member(target.slot, body, Span { start, end: scanner.place() });
            }
        }
        Ok(())
    }

    /// Notes a top-level key that annotations may go into.
    fn note_member(&mut self, slot: u32, body: &str, value: Span) {
        let member = match slot {
            EVENT => &mut self.layout.event,
            THREAT => &mut self.layout.threat,
            _ => &mut self.layout.oversight,
        };
        member.form = match body[value.range()].strip_prefix('{') {
            Some(rest) => Form::Object { value, empty: rest.trim_start().starts_with('}') },
            None => Form::Other(value),
        };
    }

    /// What the slots say.
    fn view<'a>(&mut self, body: &'a str) -> View<'a> {
        self.layout.timestamp = self.slots.is_named(TIMESTAMP);
        self.layout.risk_score = self.slots.is_named(RISK_SCORE);
        let time = self.time(body);
        let (mut record, mut unusable, mut base) = (Record::Other, Unusable::default(), 0);
        if let Some(found) = kdd::record(&self.slots) {
            let (features, bad) = kdd::features(&self.slots, found, body);
            (record, unusable, base) = (Record::Kdd(features), bad, found);
        } else if let Some(connection) = self.zeek.connection(&self.slots, body) {
            record = Record::Connection(connection);
        }
        let mut fields = self.spare.pop().unwrap_or_default();
        fields.clear();
        fields.extend(self.wanted.iter().map(|(slot, canonical)| match (self.slots.at(*slot), canonical, &record) {
            (Captured::Absent, Some(field), Record::Connection(connection)) => {
                zeek::canonical(*field, connection, &self.slots)
            }
            (Captured::Absent, Some(field), Record::Kdd(features)) => {
                kdd::canonical(*field, features, &self.slots, base)
            }
            (captured, ..) => captured,
        }));
        View { time, record, layout: self.layout, unusable, body, fields }
    }

    fn time(&self, body: &str) -> Option<EventTime> {
        let own = match self.slots.at(TIMESTAMP).scalar(body) {
            Some(Scalar::Number(millis)) => EventTime::from_micros((millis * 1e3).round() as i64),
            Some(Scalar::Str(text)) => {
                moment::parse(&text).or_else(|| EventTime::from_micros(text.parse::<i64>().ok()?.checked_mul(1000)?))
            }
            _ => None,
        };
        own.or_else(|| match self.slots.at(TS).scalar(body)? {
            Scalar::Number(seconds) => EventTime::from_seconds(seconds),
            Scalar::Str(text) => moment::parse(&text).or_else(|| EventTime::from_seconds(text.parse().ok()?)),
            Scalar::Bool(_) => None,
        })
    }
}

/// Notes a dotted top-level key that stands beside one that annotations may go into.
fn note_dotted(layout: &mut Layout, key: &[u8]) {
    match key.first() {
        Some(b'e') if key.starts_with(b"event.") => layout.event.dotted = true,
        Some(b't') if key.starts_with(b"threat.") => layout.threat.dotted = true,
        Some(b'o') if key.starts_with(b"oversight.") => layout.oversight.dotted = true,
        _ => {}
    }
}

#[cfg(test)]
mod tests;
