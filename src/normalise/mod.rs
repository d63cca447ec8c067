//! 3 UNDERSTAND: which dialect an event speaks, and what it says.
//!
//! An event's body is walked once. What the dialects and the declared metrics want is put down by its place in the
//! body; nothing is copied and, in the steady state, nothing allocated. Then each dialect looks whether the record
//! is one of its own ([`Dialect`]); what they say is put together by one [set of rules](assemble). Anything else
//! passes through as [`Record::Other`].
//!
//! A path such as `source.ip` means the nested key, the dotted key and mixtures of both. Where one comes twice,
//! the last one counts. Within arrays of objects nothing is looked for. ECS names of connections (`source.ip`,
//! `network.bytes`, …) are answered for every dialect, unless the event has them itself.

mod argus;
mod assemble;
mod canonical;
mod community;
mod connection;
mod dialect;
mod ecs;
pub mod file;
mod flags;
mod joins;
mod json;
pub mod kdd;
mod layout;
mod mapping;
mod moment;
mod netflow;
mod pairs;
mod paths;
pub mod pcap;
pub mod records;
mod rules;
mod scalar;
mod service;
mod slots;
mod suricata;
mod trail;
mod unreadable;
mod vpc;
mod zeek;

use crate::event::EventTime;
use crate::features::FeatureVector;
use crate::features::flow::NameShape;

use assemble::Assembler;
use canonical::Canonical;
pub use community::{CommunityId, community_id};
pub use connection::{Address, Approximated, Connection, Content, Endpoint, Sides, Transport};
pub use dialect::Dialect;
use dialect::{Found, Names};
use joins::Joins;
pub use joins::Related;
pub use json::{DEEPEST, Span};
use json::{Scanner, Text, unescape};
pub use kdd::Unusable;
pub use layout::{Form, Layout, Member, Told};
pub use mapping::{Bytes, MappedField, Mapping, Unit};
use pairs::{Met, Pairs};
use paths::{NONE, Paths, ROOT, Target};
use rules::Compiled;
pub use rules::{Condition, DialectRule, Rules};
use scalar::{Captured, capture};
pub use scalar::{Scalar, Values};
use slots::{
    ASKED, COMMUNITY_ID, DESTINATION, EVENT, HISTORY, NETWORK, OVERSIGHT, OWN_COMMUNITY_ID, RISK_SCORE, SOURCE, Slots,
    THREAT, TIMESTAMP, TS,
};
use trail::Step;
pub use unreadable::{Reason, Unreadable};

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
    /// When it happened: `@timestamp`, else Zeek's `ts`, else when the connection began or Suricata wrote of it; none
    /// where nothing of that can be read.
    pub time: Option<EventTime>,
    /// What it is.
    pub record: Record<'a>,
    /// Whose words it uses.
    pub dialect: Dialect,
    /// Where its JSON can be added to.
    pub layout: Layout,
    /// KDD features that it has and that cannot be used.
    pub unusable: Unusable,
    /// What other records said about its connection.
    pub related: Related,
    /// Where it tells of one side of a connection: which of those that this normaliser has read, so that the event of
    /// the other side, which tells of the whole, can be known for the same one.
    pub pair: Option<u64>,
    /// Its own Community ID, under a name that is not that of ECS.
    pub community_id: Option<&'a str>,
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

    /// The JSON of a field that is an array, brackets included.
    pub fn list(&self, field: FieldId) -> Option<&'a str> {
        match self.fields.get(field.0 as usize)? {
            Captured::Array(span) => Some(&self.body[span.range()]),
            _ => None,
        }
    }

    /// When its connection began, where it is one and says so.
    pub fn started(&self) -> Option<EventTime> {
        match &self.record {
            Record::Connection(connection) => connection.start,
            Record::Kdd(_) | Record::Other => None,
        }
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
    assembler: Assembler,
    rules: Compiled,
    pairs: Pairs,
    joins: Joins,
}

/// How many field buffers are kept for the next events.
const SPARE: usize = 1024;

impl Normaliser {
    /// Wants `paths`, which become [`FieldId`]`(0)`, `(1)` … in this order.
    pub fn new(paths: &[String]) -> Self {
        Self::with_rules(paths, &Rules::default())
    }

    /// The same, where `rules` say of some events what they are.
    pub fn with_rules(paths: &[String], rules: &Rules) -> Self {
        let all: Vec<String> = paths.iter().cloned().chain(rules.paths()).collect();
        let (table, slots, own) = Slots::lay_out(&all);
        let (own, of_rules) = own.split_at(paths.len());
        let wanted = own.iter().copied().zip(paths.iter().map(|path| Canonical::of(path))).collect();
        Self {
            paths: table,
            slots,
            wanted,
            layout: Layout::default(),
            key: String::new(),
            spare: Vec::new(),
            assembler: Assembler::default(),
            rules: rules.compile(of_rules),
            pairs: Pairs::default(),
            joins: Joins::default(),
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

    /// How many one-way flows wait for their other side.
    pub fn waiting(&self) -> usize {
        self.pairs.count()
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
        let mut step = Step::beginning(node);
        loop {
            let at = scanner.place() as usize;
            let target = match self.paths.guess(step, node, body, at) {
                Some((behind, target, value)) => {
                    if node == ROOT {
                        note_dotted(&mut self.layout, &body.as_bytes()[at + 1..value]);
                    }
                    scanner.jump(value);
                    step = behind;
                    target
                }
                None => {
                    let key = scanner.key()?;
                    let target;
                    (step, target) = self.find(step, node, key, body);
                    target
                }
            };
            match target {
                Target::NOTHING => scanner.skip(depth)?,
                _ => self.value(scanner, body, target, depth)?,
            }
            if !scanner.more(b'}')? {
                return Ok(false);
            }
        }
    }

    /// Where `key`, which came behind `step` in the object of `node`, leads to.
    fn find(&mut self, step: Step, node: u32, key: Text, body: &str) -> (Step, Target) {
        let Text { span, escaped } = key;
        if escaped {
            self.key.clear();
            unescape(&body[span.range()], &mut self.key);
        }
        if node == ROOT {
            note_dotted(&mut self.layout, if escaped { self.key.as_bytes() } else { body[span.range()].as_bytes() });
        }
        match escaped {
            true => (Step::NOWHERE, self.paths.find_once(node, &self.key)),
            false => self.paths.find(step, node, body, span.start as usize, span.end as usize),
        }
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
            if matches!(target.slot, EVENT..=OVERSIGHT | SOURCE..=NETWORK) {
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
            OVERSIGHT => &mut self.layout.oversight,
            SOURCE => &mut self.layout.source,
            DESTINATION => &mut self.layout.destination,
            _ => &mut self.layout.network,
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
        let understood = self.understand(body);
        if matches!(understood.record, Record::Connection(_)) {
            self.layout.told = self.told();
        }
        let fields = self.fields(&understood);
        let Understood { record, dialect, unusable, related, pair, .. } = understood;
        let community_id = self.slots.at(OWN_COMMUNITY_ID).plain(body);
        let time = self.time(body, &record);
        View { time, record, dialect, layout: self.layout, unusable, related, pair, community_id, body, fields }
    }

    fn understand<'a>(&mut self, body: &'a str) -> Understood<'a> {
        let told = self.rules.dialect(&self.slots, body);
        if let Some(base) = dialect::kdd_record(&self.slots, told) {
            let (features, unusable) = kdd::features(&self.slots, base, body);
            let record = Record::Kdd(features);
            let (related, origin) = (Related::default(), Origin::Kdd(base));
            return Understood { record, dialect: Dialect::Kdd, unusable, related, pair: None, origin };
        }
        let (dialect, found) = match self.rules.mapped(&self.slots, body) {
            Some(found) => (Dialect::Mapped, Some(found)),
            None => dialect::recognise(&self.slots, body, told),
        };
        let unusable = Unusable::default();
        match found {
            Some(found) => {
                let Met { found: Found { facts, names, .. }, sides, pair } = match found.one_way {
                    true => self.pairs.meet(found, moment::of(self.slots.at(TIMESTAMP), body)),
                    false => Met { found, sides: Sides::Whole, pair: None },
                };
                let mut connection = Connection { sides, ..self.assembler.connection(&facts) };
                kdd::content(&self.slots, body, &mut connection);
                connection.history = zeek::text(self.slots.at(HISTORY), body);
                connection.name = zeek::text(self.slots.at(ASKED), body).and_then(NameShape::of);
                let related = self.joins.tell(&self.slots, body, &mut connection);
                let (record, origin) = (Record::Connection(connection), Origin::Names(names));
                Understood { record, dialect, unusable, related, pair, origin }
            }
            None => {
                self.joins.hear(&self.slots, body, dialect);
                let (related, origin) = (Related::default(), Origin::None);
                Understood { record: Record::Other, dialect, unusable, related, pair: None, origin }
            }
        }
    }

    /// Which ECS fields of a connection the event has itself.
    fn told(&self) -> Told {
        let named = |slot| self.slots.is_named(slot);
        Told {
            source_ip: named(ecs::SOURCE_IP),
            source_port: named(ecs::SOURCE_PORT),
            destination_ip: named(ecs::DESTINATION_IP),
            destination_port: named(ecs::DESTINATION_PORT),
            transport: named(ecs::TRANSPORT),
            community_id: named(COMMUNITY_ID),
            start: named(ecs::EVENT_START),
            end: named(ecs::EVENT_END),
        }
    }

    /// The fields that were asked for, in the event's words or else in those of its record.
    fn fields(&mut self, understood: &Understood<'_>) -> Vec<Captured> {
        let mut fields = self.spare.pop().unwrap_or_default();
        fields.clear();
        let (slots, wanted) = (&self.slots, self.wanted.iter());
        let or = |slot: u32, other: &dyn Fn() -> Captured| match slots.at(slot) {
            Captured::Absent => other(),
            captured => captured,
        };
        match (&understood.record, &understood.origin) {
            (Record::Connection(connection), Origin::Names(names)) => fields.extend(wanted.map(|(slot, canonical)| {
                let Some(field) = canonical else { return slots.at(*slot) };
                or(*slot, &|| canonical::of_connection(*field, connection, names, slots))
            })),
            (Record::Kdd(features), Origin::Kdd(base)) => fields.extend(wanted.map(|(slot, canonical)| {
                let Some(field) = canonical else { return slots.at(*slot) };
                or(*slot, &|| kdd::canonical(*field, features, slots, *base))
            })),
            _ => fields.extend(wanted.map(|(slot, _)| slots.at(*slot))),
        }
        fields
    }

    /// `@timestamp`, else Zeek's `ts`, else when Suricata wrote it, else when the connection began.
    fn time(&self, body: &str, record: &Record<'_>) -> Option<EventTime> {
        let own = match self.slots.at(TIMESTAMP).scalar(body) {
            Some(Scalar::Number(millis)) => EventTime::from_micros((millis * 1e3).round() as i64),
            Some(Scalar::Str(text)) => {
                moment::parse(&text).or_else(|| EventTime::from_micros(text.parse::<i64>().ok()?.checked_mul(1000)?))
            }
            _ => None,
        };
        let zeek = || match self.slots.at(TS).scalar(body)? {
            Scalar::Number(seconds) => EventTime::from_seconds(seconds),
            Scalar::Str(text) => moment::parse(&text).or_else(|| EventTime::from_seconds(text.parse().ok()?)),
            Scalar::Bool(_) => None,
        };
        let begun = || match record {
            Record::Connection(connection) => connection.start,
            _ => None,
        };
        own.or_else(zeek).or_else(begun).or_else(|| match suricata::is_ours(&self.slots) {
            true => moment::of(self.slots.at(suricata::WRITTEN), body),
            false => None,
        })
    }
}

/// What was made of an event.
struct Understood<'a> {
    record: Record<'a>,
    dialect: Dialect,
    unusable: Unusable,
    related: Related,
    pair: Option<u64>,
    origin: Origin,
}

/// Where a record lies among the slots.
enum Origin {
    None,
    /// The first of its 41 slots.
    Kdd(u32),
    Names(Names),
}

/// Notes a dotted top-level key that stands beside one that annotations may go into.
fn note_dotted(layout: &mut Layout, key: &[u8]) {
    match key.first() {
        Some(b'e') if key.starts_with(b"event.") => layout.event.dotted = true,
        Some(b's') if key.starts_with(b"source.") => layout.source.dotted = true,
        Some(b'd') if key.starts_with(b"destination.") => layout.destination.dotted = true,
        Some(b'n') if key.starts_with(b"network.") => layout.network.dotted = true,
        Some(b't') if key.starts_with(b"threat.") => layout.threat.dotted = true,
        Some(b'o') if key.starts_with(b"oversight.") => layout.oversight.dotted = true,
        _ => {}
    }
}

#[cfg(test)]
mod tests;
