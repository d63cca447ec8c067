//! Why a request is refused, and the only table from there to HTTP status codes.
//!
//! Logstash sends again what is answered 429, 500, 502, 503 or 504, and drops what is answered anything else. So
//! whatever may pass later is a 429 or 503 here, and the other codes are for bodies that never will.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use warp::reply::Response;

use super::answer;
use super::json::Flaw;
use super::keep::Unkept;
use crate::access::Denied;

/// Why a request is not answered 200.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the body is empty")]
    Empty,
    #[error("the body cannot be read: {flaw}")]
    Unreadable { flaw: Flaw, at: usize, line: usize },
    #[error("the body cannot be decoded as {coding}: {reason}")]
    Undecodable { coding: &'static str, reason: String },
    #[error("the body broke off: {0}")]
    Interrupted(String),
    #[error("nothing is at this path, events go to /, /v1/events or /_bulk")]
    NoSuchPath,
    #[error("the method is not for this path, allowed are {allowed}")]
    WrongMethod { allowed: &'static str },
    #[error("the body did not arrive within {0:?} (http.body_timeout)")]
    Slow(Duration),
    #[error("the body is larger than {limit} bytes ({key})")]
    TooLarge { limit: usize, key: &'static str },
    #[error("the body unfolds to more than {0} times its size (http.max_ratio)")]
    Unfolding(usize),
    #[error("the body holds more than {0} events (http.max_events)")]
    TooMany(usize),
    #[error("content-encoding {0:?} is not understood, one of gzip, deflate, zstd and identity is")]
    UnknownCoding(String),
    #[error("the bodies that are being read take all the memory they may (http.max_in_flight), send again")]
    Busy,
    #[error("as many bodies wait to be annotated as may, ask again")]
    Occupied,
    #[error("the events could not be annotated within {0:?} (http.enrich_within), ask again, or for fewer")]
    Overtaken(Duration),
    #[error("all connections are taken (http.max_connections, http.max_connections_per_address), send again")]
    Crowded,
    #[error("{0}")]
    Unkept(#[from] Unkept),
    #[error("{0}")]
    Denied(#[from] Denied),
}

/// How one may authenticate, the one that a browser understands first.
const CHALLENGES: [&str; 3] = [r#"Basic realm="oversight", charset="UTF-8""#, r#"Bearer realm="oversight""#, "ApiKey"];

impl Refusal {
    /// The table: status, and after how long to send again.
    pub fn status(&self) -> (StatusCode, Option<Duration>) {
        const SOON: Option<Duration> = Some(Duration::from_secs(1));
        match self {
            Self::Empty | Self::Unreadable { .. } | Self::Undecodable { .. } | Self::Interrupted(_) => {
                (StatusCode::BAD_REQUEST, None)
            }
            Self::NoSuchPath => (StatusCode::NOT_FOUND, None),
            Self::WrongMethod { .. } => (StatusCode::METHOD_NOT_ALLOWED, None),
            // not 408: Logstash sends a batch again after 503, and drops it after any other 4xx but 429
            Self::Slow(_) => (StatusCode::SERVICE_UNAVAILABLE, None),
            Self::TooLarge { .. } | Self::Unfolding(_) | Self::TooMany(_) | Self::Unkept(Unkept::Unfit(_)) => {
                (StatusCode::PAYLOAD_TOO_LARGE, None)
            }
            Self::UnknownCoding(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, None),
            Self::Denied(Denied::Missing | Denied::Invalid) => (StatusCode::UNAUTHORIZED, None),
            Self::Denied(
                Denied::Forbidden { .. } | Denied::Elsewhere | Denied::OtherName { .. } | Denied::NoSecondToken,
            ) => (StatusCode::FORBIDDEN, None),
            Self::Denied(Denied::TooMany { retry_after }) => (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after)),
            Self::Overtaken(_) => (StatusCode::SERVICE_UNAVAILABLE, SOON),
            Self::Busy | Self::Occupied | Self::Denied(Denied::Busy) | Self::Unkept(Unkept::Late | Unkept::Lost) => {
                (StatusCode::TOO_MANY_REQUESTS, SOON)
            }
            Self::Unkept(Unkept::Full { retry_after }) => (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after)),
            Self::Crowded | Self::Unkept(Unkept::Disk(_) | Unkept::Closed) => (StatusCode::SERVICE_UNAVAILABLE, SOON),
        }
    }

    /// The whole answer: `{"error":{"status":…,"reason":"…","where":"…"}}` and its headers.
    pub fn into_response(self) -> Response {
        let (status, _) = self.status();
        let place = match self {
            Self::Unreadable { at, line, .. } => Some(format!("byte {at}, line {line}")),
            _ => None,
        };
        let error = ErrorBody { status: status.as_u16(), reason: self.to_string(), place };
        let json = serde_json::to_vec(&Wrapped { error }).expect("numbers and strings are written to memory");
        self.with_body(Bytes::from(json))
    }

    /// The same with another JSON body.
    pub fn with_body(self, json: Bytes) -> Response {
        let (status, retry_after) = self.status();
        let mut response = answer::response(status, json);
        let headers = response.headers_mut();
        if let Some(after) = retry_after {
            // whole seconds, rounded up, and never 0
            let seconds = (after.as_millis().div_ceil(1000)).max(1);
            headers.insert(RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
        }
        match self {
            Self::WrongMethod { allowed } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Denied(Denied::Missing | Denied::Invalid) => {
                for scheme in CHALLENGES {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
                }
            }
            // the rest of the body may still be on its way
            Self::Slow(_) | Self::Interrupted(_) | Self::Crowded => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

#[derive(Serialize)]
struct Wrapped {
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    status: u16,
    reason: String,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_later_has_a_code_that_logstash_repeats() {
        let later = [
            Refusal::Busy,
            Refusal::Crowded,
            Denied::Busy.into(),
            Denied::TooMany { retry_after: Duration::from_secs(6) }.into(),
            Unkept::Full { retry_after: Duration::from_millis(2300) }.into(),
            Unkept::Late.into(),
            Unkept::Lost.into(),
            Unkept::Closed.into(),
            Unkept::Disk("no space".into()).into(),
        ];
        for refusal in later {
            let response = refusal.clone().into_response();
            assert!(matches!(response.status().as_u16(), 429 | 503), "{refusal}");
            assert!(response.headers().contains_key(RETRY_AFTER), "{refusal}");
        }
    }

    #[test]
    fn who_is_not_known_is_told_how_to_be_and_who_may_not_is_not() {
        for denied in [Denied::Missing, Denied::Invalid] {
            let response = Refusal::from(denied).into_response();
            assert_eq!(response.status(), 401);
            assert_eq!(response.headers().get_all(WWW_AUTHENTICATE).iter().count(), 3);
        }
        let forbidden = Denied::Forbidden { name: "a".into(), role: crate::access::Role::Admin };
        assert_eq!(Refusal::from(forbidden).into_response().status(), 403);
    }

    #[test]
    fn retry_after_is_in_whole_seconds_rounded_up() {
        let seconds = |millis| {
            let full = Unkept::Full { retry_after: Duration::from_millis(millis) };
            Refusal::from(full).into_response().headers()[RETRY_AFTER].to_str().unwrap().to_owned()
        };
        assert_eq!([seconds(0), seconds(1000), seconds(1001)], ["1", "1", "2"]);
    }
}
