//! Requests that a page of another site lets a browser send.
//!
//! Browsers add what they know of a visitor (a remembered password, a cookie, the mere place on this machine) to requests
//! that any page may cause, and say so in headers that no page can change. What could change something is refused then.
//! Looking needs no such care: no page of another site may read our answers. Programs send none of these headers.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};

/// Whether a browser says that another site has caused this request, and it is one that could change something.
pub(super) fn is_caused_elsewhere(method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        Some(site) => site != b"same-origin" && site != b"none",
        // browsers from before 2023 say it with the origin alone
        None => foreign_origin(headers).is_some(),
    }
}

/// The page that asks, where a browser names one and it is not of the host that is asked.
pub(super) fn foreign_origin(headers: &HeaderMap) -> Option<&str> {
    let origin = headers.get(ORIGIN)?.to_str().unwrap_or_default();
    let from = origin.split_once("://").map(|(_, host)| host);
    let ours = from.is_some() && from == headers.get(HOST).and_then(|host| host.to_str().ok());
    (!ours).then_some(origin)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn is_refused(method: &Method, headers: &[(&'static str, &'static str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_caused_elsewhere(method, &headers.collect())
    }

    #[test]
    fn what_another_site_causes_changes_nothing() {
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "http://a.example"), ("host", "a.example")],
            &[("origin", "http://evil.example"), ("host", "127.0.0.1:9292")],
            &[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:9292")],
            &[("origin", "null"), ("host", "127.0.0.1:9292")],
            &[("origin", "http://127.0.0.1:9292")],
        ] {
            assert!(is_refused(&Method::POST, headers) && is_refused(&Method::DELETE, headers), "{headers:?}");
            assert!(!is_refused(&Method::GET, headers), "{headers:?}");
        }
    }

    #[test]
    fn our_own_page_and_programs_may() {
        for headers in [
            &[][..],
            &[("host", "127.0.0.1:9292")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:9292"), ("host", "127.0.0.1:9292")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://oversight.example"), ("host", "oversight.example")],
        ] {
            assert!(!is_refused(&Method::POST, headers), "{headers:?}");
        }
    }
}
