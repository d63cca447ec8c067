//! The body of a `_bulk` request: for each document an action line and the document, in one buffer.
//!
//! Documents go in as they came; only a newline inside of one (pretty-printed JSON) becomes a space, for a newline
//! ends a line here. JSON has no raw newline inside a string, so nothing changes but the layout.

use std::fmt::Write;

use bytes::Bytes;
use memchr::{memchr, memchr_iter};

use super::settings::{IndexPrefix, Settings};
use crate::event::{Day, EventId};
use crate::store::{Batch, Document, Kind};

/// Both engines refuse longer ids, and refuse with them the whole request. In bytes.
const LONGEST_ID: usize = EventId::LONGEST;
/// The last word of a data stream's name, where an index has its day.
const STREAM: &str = "default";
/// Room for the action line and both newlines of a document with an id by place, without the prefix. In bytes.
const LINE_ROOM: usize = 90;

/// Why a document cannot be sent at all, where it cannot.
pub(super) fn fault(document: &Document) -> Option<String> {
    match &document.id {
        EventId::Given(id) if id.is_empty() => Some("its id is empty".to_owned()),
        EventId::Given(id) if id.len() > LONGEST_ID => {
            Some(format!("its id is {} bytes long, and the engine takes at most {LONGEST_ID}", id.len()))
        }
        _ => None,
    }
}

/// Cuts the documents at the places `wanted` into portions whose bodies have at most `max_bytes` bytes, unless a
/// single document is longer.
pub(super) fn portions<'a>(batch: &Batch, wanted: &'a [usize], naming: &Naming, max_bytes: usize) -> Vec<&'a [usize]> {
    let mut portions = Vec::with_capacity(1);
    let (mut start, mut bytes) = (0, 0);
    for (place, &document) in wanted.iter().enumerate() {
        let length = upper_bound(&batch.documents[document], naming);
        if bytes + length > max_bytes && place > start {
            portions.push(&wanted[start..place]);
            (start, bytes) = (place, 0);
        }
        bytes += length;
    }
    if start < wanted.len() {
        portions.push(&wanted[start..]);
    }
    portions
}

/// The body that creates the documents at the places `wanted`.
pub(super) fn body(batch: &Batch, wanted: &[usize], naming: &Naming) -> Bytes {
    let length = wanted.iter().map(|&place| upper_bound(&batch.documents[place], naming)).sum();
    let mut out = Vec::with_capacity(length);
    let mut head = Head::default();
    let mut id = String::with_capacity(64);
    for &place in wanted {
        let document = &batch.documents[place];
        out.extend_from_slice(head.of(document, naming));
        id.clear();
        document.id.write_to(&mut id);
        match document.id {
            EventId::Place(..) => out.extend_from_slice(id.as_bytes()),
            EventId::Given(_) => push_escaped(&mut out, &id),
        }
        out.extend_from_slice(b"\"}}\n");
        push_line(&mut out, batch.source(document));
    }
    Bytes::from(out)
}

/// How the indices are called that documents go to.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    /// What most of them begin with.
    pub prefix: String,
    /// What those of detections in four fields begin with.
    pub threats: String,
    /// Whether documents go to data streams, which have no day in their names. Detections in four fields never do: they
    /// have no `@timestamp`.
    pub streams: bool,
}

impl Naming {
    /// As the settings say.
    pub fn of(settings: &Settings) -> Self {
        let threats = settings.threat_index.as_ref().map_or(Kind::Threat.word(), IndexPrefix::as_str);
        Self {
            prefix: settings.index_prefix.as_str().to_owned(),
            threats: threats.to_owned(),
            streams: settings.data_streams,
        }
    }

    /// The index, or data stream, that a document belongs to.
    fn index(&self, kind: Kind, day: Day) -> String {
        match kind {
            Kind::Threat => format!("{}-{day}", self.threats),
            _ if self.streams => format!("{}-{}-{STREAM}", self.prefix, kind.word()),
            _ => format!("{}-{}-{day}", self.prefix, kind.word()),
        }
    }

    /// All indices of a kind, as a pattern.
    pub fn pattern(&self, kind: Kind) -> String {
        match kind {
            Kind::Threat => format!("{}-*", self.threats),
            _ => format!("{}-{}-*", self.prefix, kind.word()),
        }
    }

    /// An upper bound of the length of a name beyond the day and the kind. In bytes.
    fn longest(&self) -> usize {
        self.prefix.len().max(self.threats.len())
    }
}

/// The action line up to the id: it is the same from document to document, until the day or the kind changes.
#[derive(Default)]
struct Head {
    of: Option<(Kind, Day)>,
    text: String,
}

impl Head {
    fn of(&mut self, document: &Document, naming: &Naming) -> &[u8] {
        if self.of != Some((document.kind, document.day)) {
            self.of = Some((document.kind, document.day));
            self.text.clear();
            let name = naming.index(document.kind, document.day);
            write!(self.text, r#"{{"create":{{"_index":"{name}","_id":""#).expect("writing to a string cannot fail");
        }
        self.text.as_bytes()
    }
}

fn upper_bound(document: &Document, naming: &Naming) -> usize {
    let id = match &document.id {
        EventId::Place(..) => 0,
        // an escaped byte takes at most six
        EventId::Given(text) => text.len() * 6,
    };
    document.source.len() + id + naming.longest() + LINE_ROOM
}

fn push_line(out: &mut Vec<u8>, source: &[u8]) {
    let start = out.len();
    out.extend_from_slice(source);
    if memchr(b'\n', source).is_some() {
        let breaks: Vec<usize> = memchr_iter(b'\n', source).collect();
        for place in breaks {
            out[start + place] = b' ';
        }
    }
    out.push(b'\n');
}

/// `text` as the inside of a JSON string.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let quoted = serde_json::to_string(text).expect("a string can always be written as JSON");
    out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
    use serde_json::Value;

    use super::*;
    use crate::event::SeqNo;
    use crate::event::id::SpoolId;

    /// A batch of events of 2026-11-22 with these ids and bodies.
    pub fn batch(documents: &[(EventId, &str)]) -> Batch {
        let mut bytes = Vec::new();
        let day = Day::parse("2026.11.22").expect("valid");
        let documents = documents.iter().map(|(id, source)| {
            let start = bytes.len();
            bytes.extend_from_slice(source.as_bytes());
            let source = start..bytes.len();
            Document { kind: Kind::Event, day, id: id.clone(), source, sequence: None, replayed: false }
        });
        let documents = documents.collect();
        Batch { documents, bytes: Bytes::from(bytes) }
    }

    pub fn place(number: u64) -> EventId {
        EventId::Place(SpoolId(7), SeqNo(number))
    }

    fn naming(streams: bool) -> Naming {
        Naming { prefix: "oversight".to_owned(), threats: "threat".to_owned(), streams }
    }

    fn given(text: &str) -> EventId {
        EventId::Given(text.into())
    }

    fn text_of(batch: &Batch) -> String {
        let all: Vec<usize> = (0..batch.documents.len()).collect();
        String::from_utf8(body(batch, &all, &naming(false)).to_vec()).expect("all parts are UTF-8")
    }

    #[test]
    fn a_document_is_one_action_line_and_itself() {
        assert_eq!(
            text_of(&batch(&[(given("e1"), r#"{"a":1}"#)])),
            "{\"create\":{\"_index\":\"oversight-events-2026.11.22\",\"_id\":\"e1\"}}\n{\"a\":1}\n"
        );
    }

    #[test]
    fn kinds_and_days_go_to_indices_of_their_own() {
        let mut mixed = batch(&[(place(1), "{}"), (place(2), "{}"), (place(3), "{}")]);
        mixed.documents[1].kind = Kind::Anomaly;
        mixed.documents[2].day = Day::parse("2026.11.23").expect("valid");
        let text = text_of(&mixed);
        let names: Vec<&str> = text.lines().step_by(2).map(|line| line.split('"').nth(5).unwrap()).collect();
        let expected = ["oversight-events-2026.11.22", "oversight-anomalies-2026.11.22", "oversight-events-2026.11.23"];
        assert_eq!(names, expected);
    }

    #[test]
    fn data_streams_have_no_day_and_older_dashboards_indices_of_their_own() {
        let mut mixed = batch(&[(place(1), "{}"), (place(2), "{}"), (place(3), "{}")]);
        mixed.documents[1].kind = Kind::Health;
        mixed.documents[2].kind = Kind::Threat;
        let text = String::from_utf8(body(&mixed, &[0, 1, 2], &naming(true)).to_vec()).expect("text");
        let names: Vec<&str> = text.lines().step_by(2).map(|line| line.split('"').nth(5).unwrap()).collect();
        assert_eq!(names, ["oversight-events-default", "oversight-health-default", "threat-2026.11.22"]);
        assert_eq!(naming(true).pattern(Kind::Anomaly), "oversight-anomalies-*");
    }

    #[test]
    fn a_pretty_printed_document_becomes_one_line() {
        let text = text_of(&batch(&[(place(1), "{\r\n  \"a\": \"b\\nc\"\n}\n")]));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with("{\r   \"a\": \"b\\nc\" } \n"), "{text:?}");
    }

    #[test]
    fn an_id_that_no_engine_takes_is_found_before_it_is_sent() {
        let long = "é".repeat(257);
        let documents =
            batch(&[(given(""), "{}"), (given(&long), "{}"), (given(&long[..512]), "{}"), (place(1), "{}")]);
        let faults: Vec<bool> = documents.documents.iter().map(|document| fault(document).is_some()).collect();
        assert_eq!(faults, [true, true, false, false]);
    }

    #[test]
    fn portions_keep_order_and_bound_and_a_large_document_goes_alone() {
        let large = format!("\"{}\"", "x".repeat(1000));
        let documents = batch(&[(place(1), "{}"), (place(2), &large), (place(3), "{}"), (place(4), "{}")]);
        let all = [0, 1, 2, 3];
        let bare = Naming { prefix: String::new(), threats: String::new(), streams: false };
        assert_eq!(portions(&documents, &all, &bare, 500), [&[0][..], &[1], &[2, 3]]);
        assert_eq!(portions(&documents, &all, &bare, 100_000), [&all[..]]);
        assert_eq!(portions(&documents, &all, &bare, 1), [&[0][..], &[1], &[2], &[3]]);
        assert!(portions(&documents, &[], &bare, 1).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_the_ids_every_line_is_json_and_no_body_is_longer_than_announced(
            ids in proptest::collection::vec(prop_oneof![any::<u64>().prop_map(place), any::<String>().prop_map(|text| given(&text)), Just(given("\"\\\n\u{1}"))], 1..20)
        ) {
            let documents: Vec<(EventId, &str)> = ids.into_iter().map(|id| (id, "{ \"k\" :\n 1 }")).collect();
            let documents = batch(&documents);
            let text = text_of(&documents);
            let announced: usize = documents.documents.iter().map(|document| upper_bound(document, &naming(false))).sum();
            assert!(text.len() <= announced);
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
            assert_eq!(lines.len(), documents.documents.len() * 2);
            for (document, pair) in documents.documents.iter().zip(lines.chunks(2)) {
                assert_eq!(pair[0]["create"]["_id"].as_str(), Some(document.id.to_string().as_str()));
                assert_eq!(pair[1], serde_json::json!({"k": 1}));
            }
        }
    }
}
