//! One document in a request of its own: `POST /{index}/_doc`, `PUT /{index}/_doc/{id}`, `…/_create/{id}`, and
//! `POST /{index}/events`, where rsyslog writes to without `bulkmode`.
//!
//! The body is one JSON object over as many lines as it likes. Where the path gives no id one is drawn here, as
//! Elasticsearch does: then the answer can name it, and two equal documents stay two.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::action::{Action, Metadata};
use super::bulk::{Bulk, Fault, Item, Refused, check_names};
use crate::ingest::format::{Unreadable, content_start, member};
use crate::ingest::json::{self, Bounds, Flaw, object_end, skip_space};
use crate::spool::Member;

/// Random bytes of a drawn id: as many as Elasticsearch's own ids have.
const DRAWN: usize = 15;

/// Gives the action an id where it has none.
///
/// # Errors
/// When the system has no random numbers.
pub(super) fn named(mut action: Action) -> Result<Action, getrandom::Error> {
    if action.target.id.is_none() {
        let mut bytes = [0; DRAWN];
        getrandom::fill(&mut bytes)?;
        action.target.id = Some(URL_SAFE_NO_PAD.encode(bytes).into());
    }
    Ok(action)
}

/// Reads a decoded body as the document of this action: one item, and one member or one refused document.
pub(super) fn read(body: &Bytes, action: &Action, bounds: &Bounds) -> Result<Bulk, Unreadable> {
    let start = content_start(body);
    if start == body.len() {
        return Err(Unreadable::Empty);
    }
    let Action { operation, target } = action.clone();
    let Metadata { index, id, pipeline } = target.clone();
    let item = |fault| Item { operation, index: index.clone(), id: id.clone(), fault };
    let found = check_names(&target).and_then(|()| object(body, start, bounds).map_err(Fault::Document));
    Ok(match found {
        Ok(end) => Bulk {
            items: vec![item(None)],
            members: vec![Member { id: id.clone(), index: index.clone(), pipeline, ..member(start..end) }],
            refused: Vec::new(),
        },
        Err(fault) => Bulk {
            items: vec![item(Some(fault.clone()))],
            members: Vec::new(),
            refused: vec![Refused { range: 0..body.len(), fault, target }],
        },
    })
}

/// The end of the object at `start`, behind which nothing may stand.
fn object(body: &[u8], start: usize, bounds: &Bounds) -> Result<usize, json::Fault> {
    if body[start] != b'{' {
        return Err(json::Fault { at: start, flaw: Flaw::NotAnObject });
    }
    let end = object_end(body, start, bounds)?;
    let behind = skip_space(body, end);
    if let Some(&found) = body.get(behind) {
        return Err(json::Fault { at: behind, flaw: Flaw::Unexpected { found, wanted: "the end of the body" } });
    }
    match std::str::from_utf8(&body[start..end]) {
        Ok(_) => Ok(end),
        Err(error) => Err(json::Fault { at: start + error.valid_up_to(), flaw: Flaw::Utf8 }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::action::Operation;
    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 64, fields: 1000, length: 1 << 20 };

    fn action(id: Option<&str>) -> Action {
        let target = Metadata { index: Some("logs".into()), id: id.map(Box::from), pipeline: Some("p".into()) };
        Action { operation: Operation::Index, target }
    }

    fn document(body: &'static str) -> Bulk {
        read(&Bytes::from(body), &action(Some("7")), &BOUNDS).unwrap()
    }

    #[test]
    fn a_document_over_many_lines_is_one_event_with_the_names_of_the_path() {
        let bulk = document("\u{feff}\n{\n  \"a\": 1\n}\n\n");
        let member = &bulk.members[0];
        assert_eq!(member.range, 4..16);
        assert_eq!((member.id.as_deref(), member.index.as_deref()), (Some("7"), Some("logs")));
        assert_eq!((member.pipeline.as_deref(), &bulk.items[0].fault, bulk.refused.len()), (Some("p"), &None, 0));
    }

    #[test]
    fn what_is_no_document_is_kept_whole_with_the_reason() {
        for (body, at) in [("[{}]", 0), ("{\"a\":}", 5), ("{} {}", 3), ("17", 0), ("{\"a\":1", 6)] {
            let bulk = document(body);
            let Some(Fault::Document(fault)) = &bulk.items[0].fault else { panic!("{body}: {bulk:?}") };
            assert_eq!((fault.at, bulk.members.len()), (at, 0), "{body}");
            assert_eq!(bulk.refused[0].range, 0..body.len());
        }
        assert_eq!(read(&Bytes::from(" \n"), &action(None), &BOUNDS), Err(Unreadable::Empty));
        let long = "x".repeat(600);
        let bulk = read(&Bytes::from("{}"), &action(Some(&long)), &BOUNDS).unwrap();
        assert_eq!(bulk.items[0].fault, Some(Fault::Id));
    }

    #[test]
    fn a_document_without_an_id_gets_one_that_no_other_has() {
        let drawn = || named(action(None)).unwrap().target.id.unwrap();
        assert_eq!(drawn().len(), 20);
        assert_ne!(drawn(), drawn());
        assert_eq!(named(action(Some("7"))).unwrap(), action(Some("7")));
    }
}
