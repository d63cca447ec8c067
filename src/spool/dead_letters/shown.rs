//! Dead letters as they are shown: by HTTP and on the command line alike.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::letter::{Content, DeadLetter};
use super::reader::DeadLetterReader;
use crate::spool::error::DeadLetterError;

/// Bytes of letters in a page, about.
const PAGE_BYTES: usize = 8 << 20;
/// Different reasons that are counted apart.
const MOST_REASONS: usize = 1000;
/// What the others are counted as.
const OTHERS: &str = "(other reasons)";

/// A letter as JSON.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Its number.
    pub number: u64,
    /// When it was refused.
    pub at: String,
    /// Why.
    pub reason: String,
    /// Who sent it.
    pub source: String,
    /// What its bytes are: `event`, `unread`, `document`, or `unsaid` where an older program wrote it.
    pub content: &'static str,
    /// The id of its document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Box<str>>,
    /// The id that a bulk action gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_id: Option<Box<str>>,
    /// The index that a bulk action named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<Box<str>>,
    /// The ingest pipeline that a bulk action named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Box<str>>,
    /// Its bytes: `raw` as text, or `raw_base64`.
    #[serde(flatten)]
    pub bytes: Raw,
}

/// Bytes as text, or as base64 where they are none.
#[derive(Debug)]
pub struct Raw(pub Bytes);

/// Some letters, and where the next ones begin.
#[derive(Debug)]
pub struct Page {
    /// Oldest first.
    pub letters: Vec<Shown>,
    /// The number after which there are more; none where these were the last.
    pub next: Option<u64>,
}

/// How many letters there are of each reason, whose numbers are written `#`.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Reasons(BTreeMap<String, u64>);

impl Shown {
    /// This letter.
    pub fn new(number: u64, letter: DeadLetter) -> Self {
        let content = match letter.origin.content {
            Content::Unsaid => "unsaid",
            Content::Unread { .. } => "unread",
            Content::Event => "event",
            Content::Document => "document",
        };
        Self {
            number,
            at: letter.at.to_string(),
            reason: letter.reason,
            source: letter.source,
            content,
            id: letter.origin.id,
            given_id: letter.origin.given,
            index: letter.origin.index,
            pipeline: letter.origin.pipeline,
            bytes: Raw(letter.raw),
        }
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.collect_map([("raw", text)]),
            Err(_) => serializer.collect_map([("raw_base64", STANDARD.encode(&self.0))]),
        }
    }
}

/// The first `most` letters, or fewer where they are large; one at least.
///
/// # Errors
/// When the disk does not give them.
pub fn page(letters: DeadLetterReader, most: usize) -> Result<Page, DeadLetterError> {
    let mut page = Page { letters: Vec::new(), next: None };
    let mut bytes = 0;
    for letter in letters {
        let (number, letter) = letter?;
        if page.letters.len() >= most || bytes > PAGE_BYTES {
            page.next = page.letters.last().map(|last| last.number);
            break;
        }
        bytes += letter.raw.len();
        page.letters.push(Shown::new(number, letter));
    }
    Ok(page)
}

impl Reasons {
    /// Counts a letter.
    pub fn count(&mut self, letter: &DeadLetter) {
        let mut reason = without_numbers(&letter.reason);
        if self.0.len() >= MOST_REASONS && !self.0.contains_key(&reason) {
            reason = OTHERS.to_owned();
        }
        *self.0.entry(reason).or_default() += 1;
    }

    /// The reasons, most frequent first.
    pub fn by_count(&self) -> Vec<(&str, u64)> {
        let mut counts: Vec<(&str, u64)> = self.0.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}

fn without_numbers(reason: &str) -> String {
    let mut out = String::with_capacity(reason.len());
    for letter in reason.chars() {
        match letter.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ReceivedTime;
    use crate::spool::Origin;

    #[test]
    fn reasons_that_differ_in_numbers_count_together_and_are_bounded() {
        let mut reasons = Reasons::default();
        let letter = |reason: String| DeadLetter {
            at: ReceivedTime::from_micros(0),
            reason,
            source: String::new(),
            raw: Bytes::new(),
            origin: Origin::default(),
        };
        for number in 0..50 {
            reasons.count(&letter(format!("at byte {number} of the body")));
        }
        assert_eq!(reasons.by_count(), [("at byte # of the body", 50)]);
        for name in 0..2000_u32 {
            let word: String = name.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect();
            reasons.count(&letter(word));
        }
        assert_eq!((reasons.by_count().len(), reasons.by_count()[0].0), (MOST_REASONS + 1, OTHERS));
    }
}
