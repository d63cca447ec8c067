//! From a body to what is to be kept of it, and to what is to be said of each of its actions.

use bytes::Bytes;

use super::action::{Action, Metadata};
use super::bulk::{Bulk, Fault, Item, Refused, Target, split};
use super::document;
use crate::event::{EventId, ReceivedTime};
use crate::ingest::body::Body;
use crate::ingest::error::Refusal;
use crate::ingest::format::{Form, Unreadable};
use crate::ingest::intake::{GARBLED, Intake, dead, digest, unreadable};
use crate::ingest::settings::HttpSettings;
use crate::spool::{DeadLetter, Digest, Origin};

/// A body that was understood: what is to be kept, and what is to be said of each action.
pub(super) type Understood = (Intake, Result<Vec<Item>, Refusal>);

/// What a body is meant to be.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    /// Actions with their documents.
    Bulk(Target),
    /// The document of this action, which has an id.
    Document(Action),
}

/// Sorts a body into good and bad. An error is a body of which nothing is kept.
pub(super) fn understand(
    body: Body,
    asked: &Asked,
    source: Box<str>,
    received: ReceivedTime,
    settings: &HttpSettings,
) -> Result<Understood, Refusal> {
    let body = match body {
        Body::Decoded(body) => body,
        Body::Garbled { raw, coding, reason } => {
            let refusal = Refusal::Undecodable { coding: coding.name(), reason };
            let (intake, refusal) = dead(raw, GARBLED, source, received, refusal);
            return Ok((intake, refusal.map(|_| Vec::new())));
        }
    };
    let found = match asked {
        Asked::Bulk(target) => split(&body, target, &settings.bounds(), settings.max_events),
        Asked::Document(action) => document::read(&body, action, &settings.bounds()),
    };
    match found {
        Ok(bulk) => {
            let digest = digest_of(&body, asked);
            let Bulk { members, refused, items } = bulk;
            let letters = refused.into_iter().map(|refused| letter(&body, refused, &source, received)).collect();
            Ok((Intake { digest, received, source, body, members, letters }, Ok(items)))
        }
        Err(Unreadable::Empty) => Err(Refusal::Empty),
        Err(Unreadable::TooMany) => Err(Refusal::TooMany(settings.max_events)),
        Err(Unreadable::Broken(fault)) => {
            let refusal = unreadable(&body, fault);
            let (intake, refusal) = dead(body, BULK, source, received, refusal);
            Ok((intake, refusal.map(|_| Vec::new())))
        }
    }
}

/// Stands where a form would.
const BULK: u8 = 254;
const DOCUMENT: u8 = 253;

/// The same body is another one where the path sends it elsewhere.
fn digest_of(body: &[u8], asked: &Asked) -> Digest {
    let (mut class, names) = match asked {
        Asked::Bulk(Target { index, pipeline }) => (vec![BULK], [index, pipeline, &None]),
        Asked::Document(Action { operation, target: Metadata { index, id, pipeline } }) => {
            (vec![DOCUMENT, *operation as u8], [index, pipeline, id])
        }
    };
    for name in names {
        let name = name.as_deref().unwrap_or_default();
        class.extend_from_slice(&(name.len() as u64).to_le_bytes());
        class.extend_from_slice(name.as_bytes());
    }
    digest(body, &class)
}

/// With what its action said of it. Only a document may be sent again by itself; an action is nothing without its own.
fn letter(body: &Bytes, refused: Refused, source: &str, at: ReceivedTime) -> DeadLetter {
    let form = if matches!(refused.fault, Fault::Document(_)) { Form::Json as u8 } else { BULK };
    // a name may be refused for its length
    let bounded = |name: Option<Box<str>>| name.map(|name| name[..name.floor_char_boundary(EventId::LONGEST)].into());
    let target = refused.target;
    let origin = Origin {
        given: bounded(target.id),
        index: bounded(target.index),
        pipeline: bounded(target.pipeline),
        ..Origin::unread(form)
    };
    let reason = refused.fault.to_string();
    DeadLetter { at, reason, source: source.to_owned(), raw: body.slice(refused.range), origin }
}
