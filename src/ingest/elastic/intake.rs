//! From a bulk body to what is to be kept of it, and to what is to be said of each of its actions.

use bytes::Bytes;

use super::bulk::{Bulk, Item, Refused, Target, split};
use crate::event::{EventId, ReceivedTime};
use crate::ingest::body::Body;
use crate::ingest::error::Refusal;
use crate::ingest::format::Unreadable;
use crate::ingest::intake::{GARBLED, Intake, dead, digest, unreadable};
use crate::ingest::settings::HttpSettings;
use crate::spool::{DeadLetter, Digest};

/// A body that was understood: what is to be kept, and what is to be said of each action.
pub(super) type Understood = (Intake, Result<Vec<Item>, Refusal>);

/// Sorts a bulk body into good and bad. An error is a body of which nothing is kept.
pub(super) fn understand(
    body: Body,
    target: &Target,
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
    match split(&body, target, &settings.bounds(), settings.max_events) {
        Ok(bulk) => {
            let digest = bulk_digest(&body, target);
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

/// The same body is another one where the path sends it elsewhere.
fn bulk_digest(body: &[u8], target: &Target) -> Digest {
    let mut class = vec![BULK];
    for name in [&target.index, &target.pipeline] {
        let name = name.as_deref().unwrap_or_default();
        class.extend_from_slice(&(name.len() as u64).to_le_bytes());
        class.extend_from_slice(name.as_bytes());
    }
    digest(body, &class)
}

/// With what its action said of it, so that it can be told where it was to go.
fn letter(body: &Bytes, refused: Refused, source: &str, at: ReceivedTime) -> DeadLetter {
    let mut source = source.to_owned();
    let target = &refused.target;
    for (key, name) in [("index", &target.index), ("pipeline", &target.pipeline), ("id", &target.id)] {
        if let Some(name) = name {
            // a name may be refused for its length
            source.extend([" ", key, "=", &name[..name.floor_char_boundary(EventId::LONGEST)]]);
        }
    }
    DeadLetter { at, reason: refused.fault.to_string(), source, raw: body.slice(refused.range) }
}
