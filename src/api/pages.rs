//! Pages of documents, youngest first, as far back as they go: each page says where the next one begins.
//!
//! A cursor is a time and how many documents of that very millisecond were given already. So it needs nothing that only one
//! of the stores has, holds nothing open, and stays good while others arrive: what is younger than the first page is not on
//! any later one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::error::Refusal;
use super::parameters::refused;
use crate::event::EventTime;
use crate::event::fields::TIMESTAMP;
use crate::store::{Kind, SearchError, SearchRequest, Store};

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The youngest that may be on it, in milliseconds since 1970.
    millis: i64,
    /// How many of that millisecond were given before.
    given: u64,
}

impl Cursor {
    /// As [`Cursor::write`] has written it.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let read = || {
            let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (millis, given) = plain.split_once(' ')?;
            Some(Self { millis: millis.parse().ok()?, given: given.parse().ok()? })
        };
        read().ok_or_else(|| refused("cursor", "write what a page gave as next, as it stood there"))
    }

    /// As text without meaning.
    pub fn write(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.millis, self.given))
    }

    /// The condition and the offset of a search that begins here.
    fn narrow(self, filters: &mut Vec<Value>) -> u64 {
        // both stores keep less than a millisecond apart what we write as one, so the bound is the next one
        let after = EventTime::from_micros(self.millis.saturating_add(1).saturating_mul(1000));
        if let Some(after) = after {
            filters.push(json!({ "range": { TIMESTAMP: { "lt": after.to_string() } } }));
        }
        self.given
    }

    /// Where the page after these hits begins; none where they were the last.
    fn after(hits: &[Value], size: u64, from: Option<Self>) -> Option<Self> {
        if hits.is_empty() || (hits.len() as u64) < size {
            return None;
        }
        let millis = |hit: &Value| hit["sort"][0].as_i64();
        let last = millis(hits.last()?)?;
        let here = hits.iter().rev().take_while(|hit| millis(hit) == Some(last)).count() as u64;
        let before = from.filter(|from| from.millis == last && here == hits.len() as u64).map_or(0, |from| from.given);
        Some(Self { millis: last, given: before + here })
    }
}

/// Hits that both stores give at most, those before the page included (`index.max_result_window`).
pub(super) const MOST_HITS: u64 = 10_000;

/// What a page is of.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    /// Which documents.
    pub kind: Kind,
    /// What they have to fulfil.
    pub filters: Vec<Value>,
    /// How many are on each.
    pub size: u64,
    /// The part of them that is wanted, as `_source` has it.
    pub source: Value,
}

impl Pages {
    /// The search for the page that begins at `cursor`.
    pub fn request(&self, cursor: Option<Cursor>) -> SearchRequest {
        let mut filters = self.filters.clone();
        let given = cursor.map_or(0, |cursor| cursor.narrow(&mut filters));
        let query =
            if filters.is_empty() { json!({ "match_all": {} }) } else { json!({ "bool": { "filter": filters } }) };
        let mut body = json!({
            "query": query,
            "sort": [{ TIMESTAMP: { "order": "desc" } }],
            "size": self.room(given),
            "track_total_hits": true,
        });
        if given > 0 {
            body["from"] = given.into();
        }
        if !self.source.is_null() {
            body["_source"] = self.source.clone();
        }
        SearchRequest { kind: self.kind, body }
    }

    /// The whole answer of one page, and where the next begins.
    pub async fn turn(
        &self,
        store: &dyn Store,
        cursor: Option<Cursor>,
    ) -> Result<(Value, Option<Cursor>), SearchError> {
        let answer = store.search(self.request(cursor)).await?;
        let hits = answer["hits"]["hits"].as_array().map(Vec::as_slice).unwrap_or_default();
        let next = Cursor::after(hits, self.room(cursor.map_or(0, |cursor| cursor.given)), cursor);
        Ok((answer, next))
    }

    /// How many fit on a page that skips so many.
    fn room(&self, given: u64) -> u64 {
        self.size.min(MOST_HITS.saturating_sub(given).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(times: &[i64]) -> Vec<Value> {
        times.iter().map(|time| json!({ "sort": [time] })).collect()
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { millis: 1_795_376_100_000, given: 3 };
        assert_eq!(Cursor::read(&cursor.write()).unwrap(), cursor);
        for text in ["", "x", "MTIz", "LTEgLTE"] {
            assert!(Cursor::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_next_page_begins_behind_those_of_the_same_millisecond() {
        assert_eq!(Cursor::after(&hits(&[9, 8, 7]), 4, None), None, "a page that is not full is the last");
        let next = Cursor::after(&hits(&[9, 7, 7]), 3, None);
        assert_eq!(next, Some(Cursor { millis: 7, given: 2 }));
        let next = Cursor::after(&hits(&[7, 7, 7]), 3, next);
        assert_eq!(next, Some(Cursor { millis: 7, given: 5 }));
        assert_eq!(Cursor::after(&hits(&[7, 5, 5]), 3, next), Some(Cursor { millis: 5, given: 2 }));
        let pages = Pages { kind: Kind::Event, filters: Vec::new(), size: 3, source: Value::Null };
        let body = pages.request(next).body;
        assert_eq!((&body["from"], &body["size"]), (&json!(5), &json!(3)));
        let largest = Pages { size: MOST_HITS, ..pages };
        assert_eq!(largest.request(next).body["size"], MOST_HITS - 5, "what is skipped counts too");
        assert_eq!(body["query"]["bool"]["filter"][0]["range"][TIMESTAMP]["lt"], "1970-01-01T00:00:00.008Z");
    }
}
