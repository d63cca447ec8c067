//! Splits a bulk body into its events: an action line, then a document line, each pair good or bad by itself.
//!
//! Lines end with `\n`, `\r\n` or `\r`, the last one may lack its end, and blank lines mean nothing. A pair that cannot
//! be taken never costs its neighbours anything: what stands where an action belongs and is none goes with the bad
//! document before it, which it may be the rest of; and there is exactly one item for each action, because shippers
//! count them. Only a body without any action is unreadable as a whole.

use std::ops::Range;

use bytes::Bytes;

use super::action::{self, Action, Line, Metadata, Operation};
use crate::event::EventId;
use crate::ingest::format::{Unreadable, content_start, member};
use crate::ingest::json::{self, Bounds, Flaw, object_end};
use crate::spool::Member;

/// Where the documents go whose actions do not say it: from the path and the query of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub index: Option<Box<str>>,
    pub pipeline: Option<Box<str>>,
}

/// What a bulk body is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bulk {
    /// The good documents, in order.
    pub members: Vec<Member>,
    /// What is not taken and is worth keeping, in order.
    pub refused: Vec<Refused>,
    /// One for each action, in order.
    pub items: Vec<Item>,
}

/// What the answer says of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub operation: Operation,
    pub index: Option<Box<str>>,
    pub id: Option<Box<str>>,
    /// Why its document is not taken, where it is not.
    pub fault: Option<Fault>,
}

/// Bytes for the dead letters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Where they lie in the body.
    pub range: Range<usize>,
    pub fault: Fault,
    /// Where they were meant to go.
    pub target: Metadata,
}

/// Why an action is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("{}, at byte {} of the body", .0.flaw, .0.at)]
    Document(json::Fault),
    #[error("no document follows the action")]
    NoDocument,
    #[error("the action line cannot be read")]
    Action,
    #[error("this is neither an action nor a document")]
    Stray,
    #[error("an index is named with 1 to {LONGEST_INDEX} bytes without '#' and control characters")]
    Index,
    #[error("an id has 1 byte at least, and with its index {} at most", EventId::LONGEST - 1)]
    Id,
    #[error("oversight keeps events and changes none: {} is not possible", .0.name())]
    Impossible(Operation),
}

/// As long as Elasticsearch allows, in bytes.
const LONGEST_INDEX: usize = 255;

/// Splits a decoded body. `most` is the number of actions it may have.
pub(super) fn split(body: &Bytes, target: &Target, bounds: &Bounds, most: usize) -> Result<Bulk, Unreadable> {
    let start = content_start(body);
    if start == body.len() {
        return Err(Unreadable::Empty);
    }
    let reader = Reader {
        bytes: body,
        at: start,
        target,
        bounds,
        most,
        utf8: std::str::from_utf8(body).is_ok(),
        open: false,
        bulk: Bulk::default(),
    };
    let bulk = reader.run()?;
    if bulk.items.is_empty() {
        return Err(json::Fault { at: start, flaw: Flaw::NoAction }.into());
    }
    Ok(bulk)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    target: &'a Target,
    bounds: &'a Bounds,
    most: usize,
    /// All of the body is UTF-8, so no document has to be looked at again.
    utf8: bool,
    /// The line before was refused: what comes may be the rest of it.
    open: bool,
    bulk: Bulk,
}

impl Reader<'_> {
    fn run(mut self) -> Result<Bulk, Unreadable> {
        while let Some(line) = self.line() {
            let was_open = std::mem::take(&mut self.open);
            match action::read(&self.bytes[line.clone()]) {
                Line::Action(action) => self.action(line, action),
                Line::Mangled(operation) => self.mangled(line, operation),
                Line::Other => self.stray(line, was_open),
            }
            if self.bulk.items.len().max(self.bulk.refused.len()) > self.most {
                return Err(Unreadable::TooMany);
            }
        }
        Ok(self.bulk)
    }

    /// The next line that is not blank, without the white space around it.
    fn line(&mut self) -> Option<Range<usize>> {
        while self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = &rest[..length];
            let (start, text) = (self.at + length - line.trim_ascii_start().len(), line.trim_ascii());
            self.at += (length + 1).min(rest.len());
            if !text.is_empty() {
                return Some(start..start + text.len());
            }
        }
        None
    }

    fn action(&mut self, line: Range<usize>, Action { operation, mut target }: Action) {
        target.index = target.index.or_else(|| self.target.index.clone());
        target.pipeline = target.pipeline.or_else(|| self.target.pipeline.clone());
        if operation == Operation::Delete {
            return self.item(operation, &target, Some(Fault::Impossible(operation)));
        }
        let Some(document) = self.line() else {
            return self.refuse(line, operation, target, Fault::NoDocument);
        };
        if operation == Operation::Update {
            return self.refuse(document, operation, target, Fault::Impossible(operation));
        }
        match check_names(&target).and_then(|()| self.check_document(&document)) {
            Ok(()) => {
                self.item(operation, &target, None);
                let Metadata { index, id, pipeline } = target;
                self.bulk.members.push(Member { id, index, pipeline, ..member(document) });
            }
            Err(fault) => self.refuse(document, operation, target, fault),
        }
    }

    /// An action line that cannot be read, and what may be its document.
    fn mangled(&mut self, line: Range<usize>, operation: Operation) {
        let behind = self.at;
        let end = match self.line() {
            Some(next) if action::read(&self.bytes[next.clone()]) == Line::Other => next.end,
            _ => {
                self.at = behind;
                line.end
            }
        };
        let target = Metadata { index: self.target.index.clone(), ..Metadata::default() };
        self.refuse(line.start..end, operation, target, Fault::Action);
    }

    fn stray(&mut self, line: Range<usize>, rest: bool) {
        self.open = true;
        match self.bulk.refused.last_mut() {
            Some(refused) if rest => refused.range.end = line.end,
            _ => self.bulk.refused.push(Refused { range: line, fault: Fault::Stray, target: Metadata::default() }),
        }
    }

    fn check_document(&self, line: &Range<usize>) -> Result<(), Fault> {
        let fault = |at, flaw| Err(Fault::Document(json::Fault { at, flaw }));
        if self.bytes[line.start] != b'{' {
            return fault(line.start, Flaw::NotAnObject);
        }
        let end = object_end(&self.bytes[..line.end], line.start, self.bounds).map_err(Fault::Document)?;
        if end < line.end {
            let behind = json::skip_space(self.bytes, end);
            return fault(behind, Flaw::Unexpected { found: self.bytes[behind], wanted: "the end of the line" });
        }
        match std::str::from_utf8(if self.utf8 { b"" } else { &self.bytes[line.clone()] }) {
            Err(error) => fault(line.start + error.valid_up_to(), Flaw::Utf8),
            Ok(_) => Ok(()),
        }
    }

    fn refuse(&mut self, range: Range<usize>, operation: Operation, target: Metadata, fault: Fault) {
        self.item(operation, &target, Some(fault.clone()));
        self.bulk.refused.push(Refused { range, fault, target });
        self.open = true;
    }

    fn item(&mut self, operation: Operation, target: &Metadata, fault: Option<Fault>) {
        let (index, id) = (target.index.clone(), target.id.clone());
        self.bulk.items.push(Item { operation, index, id, fault });
    }
}

/// Whether index and id can be kept as they are.
pub(super) fn check_names(target: &Metadata) -> Result<(), Fault> {
    let index = target.index.as_deref();
    let sound = |name: &str| {
        (1..=LONGEST_INDEX).contains(&name.len()) && !name.bytes().any(|byte| byte == b'#' || byte.is_ascii_control())
    };
    if !index.is_none_or(sound) {
        return Err(Fault::Index);
    }
    let length = |id: &str| index.map_or(0, str::len) + 1 + id.len();
    match &target.id {
        Some(id) if id.is_empty() || length(id) > EventId::LONGEST => Err(Fault::Id),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 64, fields: 1000, length: 1 << 20 };

    fn bulk(body: impl AsRef<[u8]>) -> Bulk {
        split(&Bytes::copy_from_slice(body.as_ref()), &Target::default(), &BOUNDS, 1000).unwrap()
    }

    fn events<'a>(body: &'a str, bulk: &Bulk) -> Vec<&'a str> {
        bulk.members.iter().map(|member| &body[member.range.start as usize..member.range.end as usize]).collect()
    }

    /// Operation and fault of each item.
    fn said(bulk: &Bulk) -> Vec<(Operation, Option<Fault>)> {
        bulk.items.iter().map(|item| (item.operation, item.fault.clone())).collect()
    }

    fn letters<'a>(body: &'a str, bulk: &Bulk) -> Vec<(&'a str, Fault)> {
        bulk.refused.iter().map(|refused| (&body[refused.range.clone()], refused.fault.clone())).collect()
    }

    #[test]
    fn pairs_of_lines_are_events_however_the_lines_end() {
        let lines = [r#"{"create":{"_index":"a","_id":"1"}}"#, r#"{"x":1}"#, r#"{"index":{}}"#, r#"{"y":2}"#];
        for (end, last) in [("\n", "\n"), ("\n", ""), ("\r\n", "\r\n"), ("\r", ""), ("\n\n \n", "\n"), (" \n\t", " ")] {
            let body = format!("\u{feff}{}{last}", lines.join(end));
            let bulk = bulk(&body);
            assert_eq!(events(&body, &bulk), [lines[1], lines[3]], "{body:?}");
            assert_eq!(said(&bulk), [(Operation::Create, None), (Operation::Index, None)]);
            let member = &bulk.members[0];
            assert_eq!((member.id.as_deref(), member.index.as_deref()), (Some("1"), Some("a")));
            assert_eq!(bulk.refused, []);
        }
    }

    #[test]
    fn an_action_that_names_nothing_follows_the_path() {
        let target = Target { index: Some("path".into()), pipeline: Some("p".into()) };
        let body = Bytes::from_static(b"{\"index\":{}}\n{}\n{\"index\":{\"_index\":\"own\",\"pipeline\":\"q\"}}\n{}\n");
        let bulk = split(&body, &target, &BOUNDS, 10).unwrap();
        let meant: Vec<_> =
            bulk.members.iter().map(|member| (member.index.as_deref(), member.pipeline.as_deref())).collect();
        assert_eq!(meant, [(Some("path"), Some("p")), (Some("own"), Some("q"))]);
    }

    #[test]
    fn a_bad_document_leaves_the_others_alone_and_takes_its_rest_along() {
        let broken = "{\"message\":\"line 1\nline 2\"}";
        for bad in [broken, "17", r#"{"a":NaN}"#, r#"{"a":1} {"b":2}"#, r#"{"a":"#, "[]", "{\"a\":[1\n,2]\n}"] {
            let body =
                format!("{{\"create\":{{}}}}\n{{}}\n{{\"index\":{{}}}}\n{bad}\n{{\"create\":{{}}}}\n{{\"c\":3}}\n");
            let bulk = bulk(&body);
            assert_eq!(events(&body, &bulk), ["{}", r#"{"c":3}"#], "{bad}");
            assert_eq!(bulk.items.len(), 3, "{bad}");
            let letters = letters(&body, &bulk);
            assert_eq!((letters.len(), letters[0].0), (1, bad));
            assert!(matches!(letters[0].1, Fault::Document(_)), "{bad}");
        }
    }

    #[test]
    fn a_mangled_action_takes_its_document_along_and_has_an_item() {
        let body =
            "{\"create\":{\"_id\":\"a\"b\"}}\n{\"a\":1}\n{\"index\":{}}\n{}\n{\"create\":{\n{\"index\":{}}\n{}\n";
        let bulk = bulk(body);
        assert_eq!(events(body, &bulk), ["{}", "{}"]);
        let mangled = (Operation::Create, Some(Fault::Action));
        assert_eq!(said(&bulk), [mangled.clone(), (Operation::Index, None), mangled, (Operation::Index, None)]);
        let first = "{\"create\":{\"_id\":\"a\"b\"}}\n{\"a\":1}";
        assert_eq!(letters(body, &bulk), [(first, Fault::Action), ("{\"create\":{", Fault::Action)]);
    }

    #[test]
    fn what_is_not_done_here_is_said_and_no_document_is_thrown_away() {
        let body = "{\"delete\":{\"_id\":1}}\n{\"update\":{\"_id\":1}}\n{\"doc\":{}}\nstray\n{\"create\":{}}\n{}\n{\"index\":{}}";
        let bulk = bulk(body);
        let impossible = |operation| (operation, Some(Fault::Impossible(operation)));
        let expected = [
            impossible(Operation::Delete),
            impossible(Operation::Update),
            (Operation::Create, None),
            (Operation::Index, Some(Fault::NoDocument)),
        ];
        assert_eq!(said(&bulk), expected);
        let kept =
            [("{\"doc\":{}}\nstray", Fault::Impossible(Operation::Update)), ("{\"index\":{}}", Fault::NoDocument)];
        assert_eq!(letters(body, &bulk), kept);
    }

    #[test]
    fn a_line_that_is_nothing_is_kept_without_an_item() {
        let body = "{\"create\":{}}\n{}\n{\"stray\":1}\n{\"stray\":2}\n{\"create\":{}}\n{}\n";
        let bulk = bulk(body);
        assert_eq!((bulk.items.len(), bulk.members.len()), (2, 2));
        assert_eq!(letters(body, &bulk), [("{\"stray\":1}\n{\"stray\":2}", Fault::Stray)]);
    }

    #[test]
    fn names_that_cannot_be_kept_are_refused() {
        let fault = |action: &str| said(&bulk(format!("{action}\n{{}}\n"))).remove(0).1;
        let id = |length: usize| format!(r#"{{"create":{{"_index":"logs","_id":"{}"}}}}"#, "i".repeat(length));
        assert_eq!(fault(&id(EventId::LONGEST - 5)), None);
        assert_eq!(fault(&id(EventId::LONGEST - 4)), Some(Fault::Id));
        assert_eq!(fault(&id(0)), Some(Fault::Id));
        for index in ["", "a#b", "a\\u0000b", &"i".repeat(256)] {
            assert_eq!(fault(&format!(r#"{{"create":{{"_index":"{index}"}}}}"#)), Some(Fault::Index), "{index}");
        }
    }

    #[test]
    fn a_body_without_actions_is_unreadable_and_one_with_too_many_is_too_large() {
        let broken = |body: &'static str| split(&Bytes::from(body), &Target::default(), &BOUNDS, 2).unwrap_err();
        assert_eq!(broken(" \n "), Unreadable::Empty);
        let no_action = |at| Unreadable::Broken(json::Fault { at, flaw: Flaw::NoAction });
        assert_eq!(broken("\n[{\"a\":1}]"), no_action(1));
        assert_eq!(broken("{\"a\":1}\n{\"b\":2}\n"), no_action(0));
        let many = "{\"create\":{}}\n{}\n{\"create\":{}}\n{}\n{\"create\":{}}\n{}\n";
        assert_eq!(broken(many), Unreadable::TooMany);
    }

    #[test]
    fn bytes_that_are_no_text_cost_only_their_own_document() {
        let body = b"{\"create\":{}}\n{\"a\":\"\xff\"}\n{\"create\":{}}\n{}\n";
        let bulk = bulk(body);
        assert_eq!(bulk.members.len(), 1);
        assert_eq!(bulk.refused[0].fault, Fault::Document(json::Fault { at: 20, flaw: Flaw::Utf8 }));
    }

    /// A line as it may come: an action, a document, something broken, or nothing.
    fn any_line() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => Just(r#"{"create":{"_index":"a"}}"#.to_owned()),
            2 => Just(r#"{"index":{"_id":"1"}}"#.to_owned()),
            1 => Just(r#"{"delete":{}}"#.to_owned()),
            1 => Just(r#"{"create":{"_id":"a"b"}}"#.to_owned()),
            6 => Just(r#"{"a":{"b":"c"}}"#.to_owned()),
            1 => Just(String::new()),
            1 => r#"[\{\}\[\]",:a\\ ]{0,12}"#.prop_map(|text| text),
        ]
    }

    proptest! {
        #[test]
        fn well_formed_pairs_are_all_taken_in_order(
            documents in prop::collection::vec(prop::collection::btree_map("[a-z\"\\\\ü]{0,5}", any::<String>(), 0..4), 1..20),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n")],
        ) {
            let documents: Vec<String> = documents.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
            let body: String = documents.iter().map(|one| format!("{{\"create\":{{}}}}{end}{one}{end}")).collect();
            let bulk = bulk(&body);
            prop_assert_eq!(events(&body, &bulk), documents);
            prop_assert!(bulk.refused.is_empty());
        }

        #[test]
        fn every_line_that_is_no_action_is_kept_somewhere(lines in prop::collection::vec(any_line(), 0..30)) {
            let body = lines.join("\n");
            let Ok(bulk) = split(&Bytes::from(body.clone()), &Target::default(), &BOUNDS, 1000) else { return Ok(()) };
            let mut kept = vec![false; body.len()];
            let refused = bulk.refused.iter().map(|refused| refused.range.clone());
            let taken = bulk.members.iter().map(|member| member.range.start as usize..member.range.end as usize);
            for range in taken.chain(refused) {
                kept[range].fill(true);
            }
            let mut at = 0;
            for line in &lines {
                let start = at + line.len() - line.trim_start().len();
                let text = line.trim();
                at += line.len() + 1;
                let is_action = matches!(action::read(text.as_bytes()), Line::Action(_));
                prop_assert!(is_action || text.is_empty() || kept[start..start + text.len()].iter().all(|&kept| kept), "{}", text);
            }
            let taken = bulk.items.iter().filter(|item| item.fault.is_none()).count();
            prop_assert_eq!(taken, bulk.members.len());
        }

        #[test]
        fn no_bytes_make_it_panic_and_what_it_takes_is_json(
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                prop::collection::vec(prop_oneof![
                    Just("{\"create\":{}}\n".as_bytes().to_vec()),
                    "[\\{\\}\":,a\n\r ]{0,9}".prop_map(String::into_bytes),
                    prop::collection::vec(any::<u8>(), 0..9),
                ], 0..12).prop_map(|pieces| pieces.concat()),
            ],
        ) {
            if let Ok(bulk) = split(&Bytes::from(body.clone()), &Target::default(), &BOUNDS, 1000) {
                for member in &bulk.members {
                    let document = &body[member.range.start as usize..member.range.end as usize];
                    prop_assert!(serde_json::from_slice::<serde_json::Value>(document).unwrap().is_object());
                }
                prop_assert!(bulk.refused.iter().all(|refused| refused.range.end <= body.len()));
            }
        }
    }
}
