//! The web page, at `/ui/`: what the build of `web/` has made, carried in this program.
//!
//! - It is files and nothing else: whatever the page shows comes from the API, by the visitor's own rights.
//! - Nothing of it runs that is not one of these files: the content security policy allows no inline script and no other host.
//! - Files with a digest in their name may be kept for ever; the others are asked for again, by their `ETag`.
//! - Without Node at build time there is no page, and `/ui/` says so and how to get one.
//!
//! `GET /` stays what clients of Elasticsearch greet; only who asks for `text/html` there, which none of them does, is shown
//! the way here. `/ui/_…` and everything but `GET` and `HEAD` is left to the other routes: an index may be called `ui`.

mod answer;
mod files;

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reject::not_found;
use warp::reply::Response;

use answer::{Asked, show, way_here};
use files::{Files, PAGE};

/// The routes. They reject what is not the page's.
pub fn routes() -> BoxedFilter<(Response,)> {
    routes_of(Files::new(PAGE))
}

fn routes_of(files: Files) -> BoxedFilter<(Response,)> {
    let files = Arc::new(files);
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and_then(move |method: Method, path: FullPath, headers: HeaderMap| {
            let files = Arc::clone(&files);
            async move { respond(&files, &method, path.as_str(), &headers).ok_or_else(not_found) }
        })
        .boxed()
}

/// The answer; none where the request is somebody else's.
fn respond(files: &Files, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    match (method, path) {
        (&Method::GET, "/") if names(headers, ACCEPT.as_str(), "text/html") => Some(way_here()),
        (&Method::GET, "/ui") => Some(way_here()),
        (&Method::GET | &Method::HEAD, path) => {
            let path = path.strip_prefix("/ui/")?;
            if path.starts_with('_') {
                return None;
            }
            let gzip = names(headers, ACCEPT_ENCODING.as_str(), "gzip");
            let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|tag| tag.to_str().ok());
            Some(show(files, &Asked { path, gzip, known: known.collect() }))
        }
        _ => None,
    }
}

/// Whether a header that is a list has this member, whatever its parameters.
fn names(headers: &HeaderMap, header: &str, wanted: &str) -> bool {
    let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|member| {
        let (name, parameters) = member.split_once(';').unwrap_or((member, ""));
        name.trim().eq_ignore_ascii_case(wanted) && parameters.trim().replace(' ', "") != "q=0"
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Request, Response as HttpResponse};
    use http_body_util::{BodyExt, Full};
    use tower::ServiceExt;
    use warp::Reply;

    use super::files::Embedded;
    use super::*;

    const SCRIPT: &str = "console.log('a page');";
    const SOME: &[Embedded] = &[
        Embedded { path: "index.html", bytes: b"<!doctype html><title>oversight</title>" },
        Embedded { path: "assets/index-BxY1_z-3.js", bytes: SCRIPT.as_bytes() },
        Embedded { path: "icon.svg", bytes: b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>" },
    ];

    async fn ask(files: &[Embedded], method: &str, path: &str, headers: &[(&str, &str)]) -> HttpResponse<Bytes> {
        let others = warp::any().map(|| "others".into_response());
        let routes = routes_of(Files::new(files)).or(others).unify().boxed();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let (head, body) = warp::service(routes).oneshot(request).await.unwrap().into_parts();
        HttpResponse::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn the_page_is_shown_with_a_policy_under_which_nothing_foreign_runs() {
        for path in ["/ui/", "/ui/events", "/ui/events?q=a", "/ui/models/a/b"] {
            let page = ask(SOME, "GET", path, &[]).await;
            assert_eq!((page.status().as_u16(), page.body().as_ref()), (200, SOME[0].bytes), "{path}");
            assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
            assert_eq!(page.headers()["cache-control"], "no-cache");
            let policy = page.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(page.headers()["x-content-type-options"], "nosniff");
        }
    }

    #[tokio::test]
    async fn files_named_by_their_digest_are_kept_and_the_others_asked_for_again() {
        let script = ask(SOME, "GET", "/ui/assets/index-BxY1_z-3.js", &[]).await;
        assert_eq!(script.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
        let icon = ask(SOME, "GET", "/ui/icon.svg", &[]).await;
        let tag = icon.headers()["etag"].to_str().unwrap();
        let again = ask(SOME, "GET", "/ui/icon.svg", &[("if-none-match", &format!("\"x\", W/{tag}"))]).await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
        assert_eq!(again.headers()["etag"], tag);
        let gone = ask(SOME, "GET", "/ui/assets/index-00000000.js", &[]).await;
        assert_eq!(gone.status(), 404, "a script of another version is no page");
        assert_eq!(gone.headers()["content-type"], "text/plain; charset=utf-8");
        let head = ask(SOME, "HEAD", "/ui/", &[]).await;
        assert_eq!(head.status(), 200);
    }

    #[tokio::test]
    async fn it_is_packed_for_whoever_can_unpack() {
        let text = "a page that repeats itself ".repeat(100);
        let page: &'static [u8] = text.clone().into_bytes().leak();
        let files = [Embedded { path: "index.html", bytes: page }];
        let packed = ask(&files, "GET", "/ui/", &[("accept-encoding", "br, gzip;q=0.5")]).await;
        assert_eq!(
            (&packed.headers()["content-encoding"], &packed.headers()["vary"]),
            (&"gzip".parse().unwrap(), &"accept-encoding".parse().unwrap())
        );
        let mut unpacked = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.body().as_ref()), &mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        for refused in ["br", "gzip;q=0", "identity"] {
            let plain = ask(&files, "GET", "/ui/", &[("accept-encoding", refused)]).await;
            assert_eq!((plain.headers().get("content-encoding"), plain.body().as_ref()), (None, page), "{refused}");
        }
    }

    #[tokio::test]
    async fn what_is_not_the_pages_is_left_to_others() {
        for (method, path) in [
            ("GET", "/"),
            ("POST", "/"),
            ("HEAD", "/"),
            ("POST", "/ui/_bulk"),
            ("GET", "/ui/_mapping"),
            ("PUT", "/ui"),
            ("HEAD", "/ui"),
            ("GET", "/uis/x"),
            ("GET", "/v1/search"),
        ] {
            for accept in ["application/json", "*/*", "application/vnd.elasticsearch+json;compatible-with=9"] {
                assert_eq!(ask(SOME, method, path, &[("accept", accept)]).await.body(), "others", "{method} {path}");
            }
        }
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let shown = ask(SOME, "GET", "/", &[("accept", browser)]).await;
        assert_eq!((shown.status().as_u16(), &shown.headers()["location"]), (302, &"/ui/".parse().unwrap()));
        assert_eq!(shown.headers()["vary"], "accept");
        assert_eq!(ask(SOME, "POST", "/", &[("accept", browser)]).await.body(), "others");
    }

    #[tokio::test]
    async fn without_a_page_it_is_said_how_to_get_one() {
        let none = ask(&[], "GET", "/ui/events", &[]).await;
        assert_eq!(none.status(), 404);
        let text = std::str::from_utf8(none.body()).unwrap();
        assert!(text.contains("make web"), "{text}");
    }

    #[test]
    fn the_page_that_was_built_is_whole() {
        let files = Files::new(PAGE);
        assert!(PAGE.is_empty() || files.find("index.html").is_some());
        for file in PAGE {
            assert!(!file.bytes.is_empty(), "{}", file.path);
        }
    }
}
