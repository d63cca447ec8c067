//! What is answered to who asks for the page, with the headers that keep it safe.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

use super::files::{File, Files};

/// Nothing but the page's own files and its own host; texts become markup nowhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// Said where the page was left out of the build.
const LEFT_OUT: &str = "This oversight was built without its web page, because there was no Node (20.19 or newer) at that time.\n\
                        To have it: install Node, run `make web`, then `make build`. The API works without it: /v1/status, /v1/search.\n";

/// What is asked for.
pub(super) struct Asked<'a> {
    /// Below `/ui/`.
    pub path: &'a str,
    /// A packed answer is understood.
    pub gzip: bool,
    /// Values of `If-None-Match`.
    pub known: Vec<&'a str>,
}

/// A file of the page, or the page itself for the paths that it makes up.
pub(super) fn show(files: &Files, asked: &Asked<'_>) -> Response {
    match files.find(asked.path).or_else(|| files.find("index.html").filter(|_| !asked.path.starts_with("assets/"))) {
        Some(file) => send(file, asked),
        None if files.find("index.html").is_some() => {
            text(StatusCode::NOT_FOUND, "no such file; load the page again\n")
        }
        None => text(StatusCode::NOT_FOUND, LEFT_OUT),
    }
}

/// From where people look for it to where it is.
pub(super) fn way_here() -> Response {
    let mut response = text(StatusCode::FOUND, "the page is at /ui/\n");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/ui/"));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn send(file: &File, asked: &Asked<'_>) -> Response {
    let tags = asked.known.iter().flat_map(|known| known.split(',')).map(str::trim);
    let known = tags.map(|tag| tag.trim_start_matches("W/")).any(|tag| tag == "*" || *tag == file.tag);
    let (status, body, packed) = match (&file.gzip, known) {
        (_, true) => (StatusCode::NOT_MODIFIED, Bytes::new(), false),
        (Some(packed), _) if asked.gzip => (StatusCode::OK, packed.clone(), true),
        _ => (StatusCode::OK, file.plain.clone(), false),
    };
    let mut response = protected(status, file.content_type, body);
    let headers = response.headers_mut();
    headers.insert(ETAG, file.tag.clone());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let kept = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    if packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn text(status: StatusCode, text: &'static str) -> Response {
    protected(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn protected(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response.into_response()
}
