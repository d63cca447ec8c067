//! What an engine says when something is wrong, made short enough to keep and, where asked, fit to be logged.

use std::fmt;

use serde::Deserialize;

use super::client::Answer;

/// Reasons are cut here: an engine may quote a whole document. In bytes.
const LONGEST: usize = 1024;
/// From here on the reason of an overload quotes the request, documents and all.
const QUOTATION: &str = "containing [";

/// An error as both engines write it: `{"type":…,"reason":…,"caused_by":{…}}`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EngineError {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<EngineError>>,
    /// Of a search: what the shards found, while `reason` only says that all failed.
    #[serde(default)]
    root_cause: Vec<EngineError>,
}

/// The body of an answer that is a fault: `{"error":…,"status":…}`.
#[derive(Deserialize)]
struct Fault {
    error: serde_json::Value,
}

impl EngineError {
    /// Reads an error: an object, or only a text; none for anything else.
    pub fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().or_else(|| {
            let reason = serde_json::from_str(json).ok()?;
            Some(Self { reason: Some(reason), ..Self::default() })
        })
    }

    /// The error in the body of an answer, where it is one in an engine's form.
    pub fn of(body: &[u8]) -> Option<Self> {
        let fault: Fault = serde_json::from_slice(body).ok()?;
        match fault.error {
            serde_json::Value::String(reason) => Some(Self { reason: Some(reason), ..Self::default() }),
            object @ serde_json::Value::Object(_) => serde_json::from_value(object).ok(),
            _ => None,
        }
    }

    /// Its type, such as `mapper_parsing_exception`; empty where it has none.
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }

    /// Its reason; empty where it has none.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// All it says, causes included; it may quote the document.
    pub fn in_full(&self) -> String {
        shorten(self.to_string())
    }

    /// What it says of itself, and no document with it.
    pub fn without_content(&self) -> String {
        let reason = self.reason();
        let end = reason.find(QUOTATION).unwrap_or(reason.len());
        shorten(join(self.kind(), reason[..end].trim_end()))
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(self.kind(), self.reason()))?;
        match &self.caused_by {
            // the causes of a cause repeat its words
            Some(cause) if !self.reason().contains(cause.reason()) => {
                write!(f, " (caused by {})", join(cause.kind(), cause.reason()))
            }
            _ => Ok(()),
        }
    }
}

/// Why a request was not carried out: the status and the engine's words, without any document.
pub(super) fn request_reason(answer: &Answer) -> String {
    let words = match EngineError::of(&answer.body) {
        Some(error) => error.without_content(),
        None => String::from_utf8_lossy(&answer.body).trim().to_owned(),
    };
    shorten(join(&format!("HTTP {}", answer.status), &words))
}

/// Why a search was refused: the shards' own words where there are some. It may quote the search.
pub(super) fn search_reason(answer: &Answer) -> String {
    match EngineError::of(&answer.body) {
        Some(error) => error.root_cause.first().unwrap_or(&error).in_full(),
        None => request_reason(answer),
    }
}

fn join(first: &str, second: &str) -> String {
    match (first.is_empty(), second.is_empty()) {
        (false, false) => format!("{first}: {second}"),
        (true, true) => "no reason given".to_owned(),
        _ => format!("{first}{second}"),
    }
}

fn shorten(mut text: String) -> String {
    if text.len() > LONGEST {
        let mut end = LONGEST;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, product: None, retry_after: None, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_plain_text_an_empty_body_and_json_all_give_a_reason() {
        assert_eq!(request_reason(&answer(401, "Unauthorized\n")), "HTTP 401: Unauthorized");
        assert_eq!(request_reason(&answer(413, "")), "HTTP 413");
        let security = r#"{"error":{"root_cause":[],"type":"security_exception","reason":"no"},"status":403}"#;
        assert_eq!(request_reason(&answer(403, security)), "HTTP 403: security_exception: no");
        assert_eq!(
            request_reason(&answer(405, r#"{"error":"Incorrect HTTP method"}"#)),
            "HTTP 405: Incorrect HTTP method"
        );
    }

    #[test]
    fn an_overload_is_told_without_the_documents_it_quotes() {
        let error = EngineError::read(
            r#"{"type":"unavailable_shards_exception","reason":"[x][0] primary shard is not active Timeout: [1m], request: [BulkShardRequest [[x][0]] containing [index {[x][1], source[{\"secret\":1}]}]]"}"#,
        );
        let text = error.expect("it is an error").without_content();
        assert!(text.contains("not active") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let text = shorten("é".repeat(2000));
        assert!(text.len() <= LONGEST + '…'.len_utf8() && text.ends_with("é…"), "{}", text.len());
    }
}
