//! `POST /v1/enrich`: events in, annotated documents out, nothing kept.
//!
//! The same bodies, codings and limits as for events that are taken. The answer has the shape of the question: an array
//! for an array, an object for an object, NDJSON for lines, in the same order. A member that is no event is answered in
//! its place with `{"error":{"reason":…,"offset":…}}`; a body that is nothing but that is answered 400, and no dead
//! letter is written. Nobody waits long: 429 where as many bodies wait as may, 503 where the answer takes longer than
//! [`HttpSettings::enrich_within`](super::HttpSettings).

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::Ingest;
use super::answer::response;
use super::body::{Body, discard, read};
use super::error::Refusal;
use super::format::{Form, Refused, Split, Unreadable, split};
use super::http::{LARGE, LEFTOVER};
use super::settings::HttpSettings;
use crate::event::SeqNo;
use crate::spool::{Member, StoredBatch};

/// Annotates events for an answer; on a thread of its own, so that the answer may be waited for with a deadline.
pub trait Enricher: Send + Sync + 'static {
    /// Begins with a body. None where as many wait as may; a receiver whose sender is gone means that it ended.
    fn begin(&self, batch: StoredBatch) -> Option<oneshot::Receiver<Enriched>>;
}

/// The documents of one body.
#[derive(Debug)]
pub struct Enriched {
    /// All their JSON.
    pub bytes: Bytes,
    /// For each member, in order: where its document lies, or why there is none.
    pub documents: Vec<Result<Range<usize>, String>>,
}

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    Array,
    Lines,
}

/// The route; rejects other paths only.
pub fn route(ingest: Arc<Ingest>, enricher: Arc<dyn Enricher>) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "enrich")
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, headers, body| {
            let (ingest, enricher) = (Arc::clone(&ingest), Arc::clone(&enricher));
            async move {
                let answer = respond(&ingest, enricher.as_ref(), &method, &headers, body).await;
                answer.unwrap_or_else(Refusal::into_response)
            }
        })
        .boxed()
}

async fn respond<S, B>(
    ingest: &Ingest,
    enricher: &dyn Enricher,
    method: &Method,
    headers: &HeaderMap,
    body: S,
) -> Result<Response, Refusal>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    if !matches!(*method, Method::POST | Method::PUT) {
        let _ = timeout(LEFTOVER, discard(body)).await;
        return Err(Refusal::WrongMethod { allowed: "POST, PUT" });
    }
    let form = Form::of(headers.get(CONTENT_TYPE).map_or(b"", |value| value.as_bytes()));
    // the share is held to the end: what waits here takes memory as well
    let (body, _share) = read(body, headers, &ingest.settings, &ingest.room).await?;
    let within = ingest.settings.enrich_within;
    let deadline = Instant::now() + within;
    let settings = Arc::clone(&ingest.settings);
    let large = body.len() > LARGE;
    let work = move || understand(body, form, &settings);
    let understood =
        if large { tokio::task::spawn_blocking(work).await.unwrap_or(Err(Refusal::Overtaken(within))) } else { work() };
    let (shape, Split { body, members, refused }) = understood?;
    let enriched = if members.is_empty() {
        Enriched { bytes: Bytes::new(), documents: Vec::new() }
    } else {
        let batch = unnumbered(ingest, body, members);
        let answered = enricher.begin(batch).ok_or(Refusal::Occupied)?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(enriched)) => enriched,
            Ok(Err(_)) | Err(_) => return Err(Refusal::Overtaken(within)),
        }
    };
    Ok(answer(shape, &enriched, &refused))
}

/// A batch as the spool would give it; whoever annotates it gives its events their numbers.
fn unnumbered(ingest: &Ingest, body: Bytes, members: Vec<Member>) -> StoredBatch {
    let received = ingest.clock.now();
    StoredBatch { first: SeqNo(0), received, source: "enrich".into(), body, members, replayed: false }
}

fn understand(body: Body, form: Form, settings: &HttpSettings) -> Result<(Shape, Split), Refusal> {
    let body = match body {
        Body::Decoded(body) => body,
        Body::Garbled { coding, reason, .. } => return Err(Refusal::Undecodable { coding: coding.name(), reason }),
    };
    let length = body.len();
    let array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match split(body.clone(), form, &settings.bounds(), settings.max_events) {
        Ok(split) => {
            let alone = split.members.len() + split.refused.len() == 1;
            // forms and texts are made into JSON of our own, whatever they begin with
            let as_it_came = split.body.as_ptr() == body.as_ptr();
            let shape = match form {
                _ if array && as_it_came => Shape::Array,
                Form::Lines => Shape::Lines,
                _ if alone => Shape::Object,
                _ => Shape::Lines,
            };
            Ok((shape, split))
        }
        Err(Unreadable::Empty) => Err(Refusal::Empty),
        Err(Unreadable::TooMany) => Err(Refusal::TooMany(settings.max_events)),
        Err(Unreadable::Broken(fault)) => {
            let at = fault.at.min(length);
            let line = 1 + memchr::memchr_iter(b'\n', &body[..at]).count();
            Err(Refusal::Unreadable { flaw: fault.flaw, at, line })
        }
    }
}

/// Documents and errors in the order of the members.
fn answer(shape: Shape, enriched: &Enriched, refused: &[Refused]) -> Response {
    let mut out = Vec::with_capacity(enriched.bytes.len() + enriched.documents.len() + 128 * refused.len() + 2);
    let (mut documents, mut refused) = (enriched.documents.iter(), refused.iter().peekable());
    if shape == Shape::Array {
        out.push(b'[');
    }
    for position in 0_usize.. {
        let error = refused.next_if(|bad| bad.position == position);
        let document = if error.is_none() { documents.next() } else { None };
        if error.is_none() && document.is_none() {
            break;
        }
        if position > 0 && shape == Shape::Array {
            out.push(b',');
        }
        match (error, document) {
            (Some(bad), _) => write_error(&mut out, &bad.fault.flaw.to_string(), Some(bad.fault.at)),
            (_, Some(Err(reason))) => write_error(&mut out, reason, None),
            (_, Some(Ok(range))) => out.extend_from_slice(&enriched.bytes[range.clone()]),
            (None, None) => {}
        }
        if shape == Shape::Lines {
            out.push(b'\n');
        }
    }
    if shape == Shape::Array {
        out.push(b']');
    }
    let mut response = response(StatusCode::OK, Bytes::from(out));
    if shape == Shape::Lines {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    }
    response
}

fn write_error(out: &mut Vec<u8>, reason: &str, offset: Option<usize>) {
    let mut error = json!({ "reason": reason });
    if let Some(offset) = offset {
        error["offset"] = offset.into();
    }
    serde_json::to_writer(out, &json!({ "error": error })).expect("strings are written to memory");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use http::Request;
    use http_body_util::{BodyExt, Full};
    use tower::ServiceExt;

    use super::super::harness::{Scripted, Shared, small};
    use super::*;
    use crate::clock::Clock;

    /// Puts a mark around each event, unless it may not.
    #[derive(Default)]
    struct Marks {
        room: Mutex<usize>,
        held: Mutex<Vec<oneshot::Sender<Enriched>>>,
        hold: bool,
    }

    impl Enricher for Marks {
        fn begin(&self, batch: StoredBatch) -> Option<oneshot::Receiver<Enriched>> {
            let mut room = self.room.lock().unwrap();
            *room = room.checked_sub(1)?;
            let mut bytes = Vec::new();
            let documents = batch.members.iter().map(|member| {
                let raw = &batch.body[member.range.start as usize..member.range.end as usize];
                let start = bytes.len();
                bytes.extend_from_slice(&[b"{\"of\":", raw, b"}"].concat());
                if raw == b"{}" { Err("empty".to_owned()) } else { Ok(start..bytes.len()) }
            });
            let documents = documents.collect();
            let (sender, receiver) = oneshot::channel();
            if self.hold {
                self.held.lock().unwrap().push(sender);
            } else {
                sender.send(Enriched { bytes: bytes.into(), documents }).unwrap();
            }
            Some(receiver)
        }
    }

    async fn ask(marks: Marks, content_type: &str, body: &str) -> (u16, String, String) {
        let settings = HttpSettings { enrich_within: Duration::from_millis(20), ..small() };
        let ingest = Ingest::new(settings, Arc::new(Shared(Scripted::new())), [], Clock::system());
        let request = Request::post("/v1/enrich").header("content-type", content_type);
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let answer = warp::service(route(ingest, Arc::new(marks))).oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (head.status.as_u16(), head.headers["content-type"].to_str().unwrap().to_owned(), text)
    }

    fn marks() -> Marks {
        Marks { room: Mutex::new(1), ..Marks::default() }
    }

    #[tokio::test]
    async fn the_answer_has_the_shape_and_the_order_of_the_question() {
        let plain = "application/json";
        for (content_type, body, expected) in [
            (plain, r#"{"a":1}"#, r#"{"of":{"a":1}}"#),
            (plain, r#"[{"a":1}]"#, r#"[{"of":{"a":1}}]"#),
            (plain, "[]", "[]"),
            (plain, r#"[{}]"#, r#"[{"error":{"reason":"empty"}}]"#),
            ("text/plain", "a", r#"{"of":{"message":"a"}}"#),
        ] {
            let (status, kind, text) = ask(marks(), content_type, body).await;
            assert_eq!((status, kind.as_str()), (200, plain), "{body}");
            assert_eq!(text, expected, "{body}");
        }
        let (_, _, text) = ask(marks(), plain, r#"[{"a":1},7,{"b":2}]"#).await;
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&answer[0]["of"]["a"], &answer[1]["error"]["offset"], &answer[2]["of"]["b"]),
            (&json!(1), &json!(9), &json!(2))
        );
        let lines = "{\"a\":1}\n{\"b\":2}";
        let expected = "{\"of\":{\"a\":1}}\n{\"of\":{\"b\":2}}\n";
        assert_eq!(ask(marks(), "", lines).await, (200, "application/x-ndjson".to_owned(), expected.to_owned()));
        let one = ask(marks(), "application/x-ndjson", "{\"a\":1}").await;
        assert_eq!((one.1.as_str(), one.2.as_str()), ("application/x-ndjson", "{\"of\":{\"a\":1}}\n"));
    }

    #[tokio::test]
    async fn what_is_no_event_at_all_is_400_and_what_takes_too_long_503() {
        assert_eq!(ask(marks(), "", "{\"a\":").await.0, 400);
        assert_eq!(ask(marks(), "", "").await.0, 400);
        assert_eq!(ask(Marks::default(), "", "{\"a\":1}").await.0, 429);
        let holding = Marks { hold: true, ..marks() };
        assert_eq!(ask(holding, "", "{\"a\":1}").await.0, 503);
    }
}
