//! What a sender meets when there is no room for its events.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, USER_AGENT};

use crate::config::Overload;
use crate::ingest::error::Refusal;
use crate::ingest::keep::Unkept;

/// Whether the sender of these headers is to get no answer. rsyslog before 8.2606 loses what is answered in any way.
pub(in crate::ingest) fn closes(overload: Overload, headers: &HeaderMap) -> bool {
    match overload {
        Overload::Close => true,
        Overload::Answer => false,
        Overload::Auto => is_rsyslog(headers),
    }
}

/// rsyslog's omelasticsearch names no user agent, and nobody else that names none sends this content type.
fn is_rsyslog(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(b"".as_slice(), |value| value.as_bytes());
    !headers.contains_key(USER_AGENT) && content_type.eq_ignore_ascii_case(b"application/json; charset=utf-8")
}

/// Marks a response that is not to be sent: the listener closes the connection in its place.
#[derive(Debug, Clone, Copy)]
pub(in crate::ingest) struct Unanswered;

/// Whether the sender has to come again, and may then be better off.
pub(super) fn is_overload(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Busy => true,
        Refusal::Unkept(unkept) => !matches!(unkept, Unkept::Unfit(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_rsyslog_is_hung_up_on_by_itself() {
        let rsyslog = headers(&[("content-type", "application/json; charset=utf-8"), ("accept", "*/*")]);
        let curl = headers(&[("content-type", "application/json; charset=utf-8"), ("user-agent", "curl/8")]);
        let bare = headers(&[("content-type", "application/x-ndjson")]);
        let closes = |overload| [&rsyslog, &curl, &bare].map(|headers| closes(overload, headers));
        assert_eq!(closes(Overload::Auto), [true, false, false]);
        assert_eq!(closes(Overload::Close), [true; 3]);
        assert_eq!(closes(Overload::Answer), [false; 3]);
    }
}
