//! Takes a request at this door and answers it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, sleep, timeout};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;

use super::bulk::Item;
use super::call::{Call, Query};
use super::document::named;
use super::filter::Filter as Parts;
use super::intake::{Asked, understand};
use super::overload::{Unanswered, closes, is_overload};
use super::{handshake, reply};
use crate::ingest::admit::Seen;
use crate::ingest::answer::response;
use crate::ingest::body::{discard, read};
use crate::ingest::error::Refusal;
use crate::ingest::http::{LEFTOVER, Peer, again, apart, refused, sender};
use crate::ingest::{Ingest, keep::Unkept};
use crate::telemetry::catalogue::INGEST_ANSWER_SECONDS;

/// All paths of this door but `/`. Rejects other paths only; has to stand behind all paths of our own.
pub fn routes(ingest: Arc<Ingest>) -> BoxedFilter<(Response,)> {
    let call = warp::method().and(warp::path::full()).and_then(|method: Method, path: FullPath| async move {
        Call::of(&method, path.as_str()).ok_or_else(warp::reject::not_found)
    });
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    call.and(query)
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::filters::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |call, query: String, method, headers: HeaderMap, peer, body| {
            let ingest = Arc::clone(&ingest);
            async move {
                let query = Query::parse(&query);
                match call {
                    Call::Bulk { index } => {
                        let asked = Asked::Bulk(query.target(index));
                        ingest.documents(Request { asked, parts: query.filter, headers, peer }, body).await
                    }
                    Call::Document(action) => match named(query.complete(action)) {
                        Ok(action) => {
                            let asked = Asked::Document(action);
                            ingest.documents(Request { asked, parts: query.filter, headers, peer }, body).await
                        }
                        Err(_) => refuse(Refusal::Unkept(Unkept::Lost), &headers),
                    },
                    call => {
                        let _ = timeout(LEFTOVER, discard(body)).await;
                        respond(&ingest, &call, &method, &headers)
                    }
                }
            }
        })
        .boxed()
}

/// `GET /` and `HEAD /`.
pub(in crate::ingest) fn greeting(ingest: &Ingest, headers: &HeaderMap) -> Response {
    respond(ingest, &Call::Greeting, &Method::GET, headers)
}

/// Answers a call that brings no events; its body has been read.
fn respond(ingest: &Ingest, call: &Call, method: &Method, headers: &HeaderMap) -> Response {
    let changes = matches!(*method, Method::POST | Method::PUT);
    let host = || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:9292");
    let body = match call {
        Call::Greeting => ingest.identity.greeting(),
        Call::License => ingest.identity.license(),
        Call::Nodes => ingest.identity.nodes(host()),
        Call::ClusterHealth => handshake::cluster_health(),
        Call::Refresh => handshake::refreshed(),
        Call::Object if changes => handshake::acknowledged(),
        Call::Nothing | Call::Object => handshake::nothing(),
        Call::CatHealth => return text(handshake::cat_health(ingest.clock.now())),
        Call::Bulk { .. } | Call::Document(_) => return refuse(Refusal::NoSuchPath, headers),
        Call::WrongMethod { allowed } => return refuse(Refusal::WrongMethod { allowed }, headers),
    };
    as_asked(response(StatusCode::OK, body), headers)
}

/// A request with documents, without its body.
struct Request {
    asked: Asked,
    /// What is wanted of the answer.
    parts: Parts,
    headers: HeaderMap,
    peer: Option<Peer>,
}

/// Why a request is not answered 2xx; the items are those that are known of it.
struct Turned {
    refusal: Refusal,
    items: Vec<Item>,
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, items: Vec::new() }
    }
}

impl Ingest {
    /// Takes one body with documents and answers it.
    async fn documents<S, B>(&self, request: Request, body: S) -> Response
    where
        S: Stream<Item = Result<B, warp::Error>>,
        B: Buf,
    {
        let started = self.clock.monotonic();
        let taken = self.take_documents(&request, body).await;
        let took = self.clock.monotonic().saturating_sub(started);
        INGEST_ANSWER_SECONDS.observe(took);
        match taken {
            Ok(items) => {
                let response = match (&request.asked, items.first()) {
                    (Asked::Document(_), Some(item)) => alone(item),
                    _ => {
                        let strict = self.settings.bulk.report_bad_documents;
                        response(StatusCode::OK, reply::kept(&items, millis(took), strict, &request.parts))
                    }
                };
                as_asked(response, &request.headers)
            }
            Err(Turned { refusal, items }) if is_overload(&refusal) => {
                self.turn_away(&request, refusal, &items, took).await
            }
            Err(Turned { refusal, .. }) => refuse(refusal, &request.headers),
        }
    }

    async fn take_documents<S, B>(&self, request: &Request, body: S) -> Result<Vec<Item>, Turned>
    where
        S: Stream<Item = Result<B, warp::Error>>,
        B: Buf,
    {
        let (body, share) = read(body, &request.headers, &self.settings, &self.room).await?;
        let deadline = Instant::now() + self.settings.answer_within;
        let way = if matches!(request.asked, Asked::Bulk(_)) { "bulk" } else { "document" };
        let (source, received) = (sender(way, request.peer), self.clock.now());
        let (asked, settings) = (request.asked.clone(), Arc::clone(&self.settings));
        let length = body.len();
        // the share goes along: the work holds the body even when the request is gone
        let work = move || (understand(body, &asked, source, received, &settings), share);
        let (understood, share) = apart(length, work).await.map_err(Refusal::from)?;
        let (intake, told) = understood?;
        let seen = self.admit(intake, share, deadline).await;
        match (seen, told) {
            (Ok(seen), Ok(items)) => {
                if seen == Seen::Again {
                    again(items.len());
                }
                Ok(items)
            }
            (Ok(_), Err(refusal)) => Err(refusal.into()),
            (Err(unkept), told) => Err(Turned { refusal: unkept.into(), items: told.unwrap_or_default() }),
        }
    }

    /// Tells a sender to come again, in the way in which it understands it.
    async fn turn_away(&self, request: &Request, refusal: Refusal, items: &[Item], took: Duration) -> Response {
        let settings = &self.settings.bulk;
        refused(&refusal);
        if closes(settings.overload, &request.headers) {
            let mut response = response(StatusCode::TOO_MANY_REQUESTS, Bytes::new());
            response.extensions_mut().insert(Unanswered);
            return response;
        }
        let reason = refusal.to_string();
        let items = if matches!(request.asked, Asked::Bulk(_)) { items } else { &[] };
        let body = match items {
            [] => reply::error(StatusCode::TOO_MANY_REQUESTS.as_u16(), reply::OVERLOADED, &reason),
            items => reply::overloaded(items, millis(took), &reason, &request.parts),
        };
        // at the end of the process nobody is to be waited for
        if refusal != Refusal::Unkept(Unkept::Closed) {
            sleep(settings.overload_delay).await;
        }
        let mut response = refusal.with_body(body);
        // whatever the reason: this is the one that all shippers repeat
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        as_asked(response, &request.headers)
    }
}

/// The answer to a document that came by itself.
fn alone(item: &Item) -> Response {
    match &item.fault {
        None => response(StatusCode::CREATED, reply::created(item)),
        Some(fault) => {
            let body = reply::error(StatusCode::BAD_REQUEST.as_u16(), fault.kind(), &fault.to_string());
            response(StatusCode::BAD_REQUEST, body)
        }
    }
}

fn refuse(refusal: Refusal, headers: &HeaderMap) -> Response {
    refused(&refusal);
    let (status, _) = refusal.status();
    let kind = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "content_too_long_exception",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed_exception",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable_exception",
        _ => "illegal_argument_exception",
    };
    let body = reply::error(status.as_u16(), kind, &refusal.to_string());
    as_asked(refusal.with_body(body), headers)
}

/// In the content type that the client asks for: its version of the API is echoed, as Elasticsearch does.
fn as_asked(mut response: Response, headers: &HeaderMap) -> Response {
    const VENDOR: &str = "application/vnd.elasticsearch+";
    let asked = [ACCEPT, CONTENT_TYPE].into_iter().filter_map(|name| headers.get(name)?.to_str().ok());
    let vendor = asked.filter(|asked| asked.contains(VENDOR)).find_map(|asked| asked.split("compatible-with=").nth(1));
    let content_type = match vendor.and_then(|version| version.trim_start_matches('"').get(..1)) {
        Some("7") => "application/vnd.elasticsearch+json;compatible-with=7",
        Some("8") => "application/vnd.elasticsearch+json;compatible-with=8",
        Some("9") => "application/vnd.elasticsearch+json;compatible-with=9",
        _ => return response,
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn text(body: Bytes) -> Response {
    let mut response = response(StatusCode::OK, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    response
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::config::Overload;
    use crate::ingest::HttpSettings;
    use crate::ingest::elastic::BulkSettings;
    use crate::ingest::harness::{Reply, Running, Scripted, small};

    const PAIRS: &str =
        "{\"create\":{\"_index\":\"logs\",\"_id\":\"1\"}}\n{\"a\":1}\n{\"index\":{\"_index\":\"logs\"}}\n{\"b\":2}\n";
    const RSYSLOG: &str = "content-type: application/json; charset=utf-8\r\naccept: */*\r\n";

    fn settings(bulk: BulkSettings) -> HttpSettings {
        HttpSettings { bulk: BulkSettings { overload_delay: Duration::ZERO, ..bulk }, ..small() }
    }

    async fn running(bulk: BulkSettings) -> (Running, Arc<Scripted>) {
        let kept = Scripted::new();
        (Running::with(&kept, settings(bulk)).await, kept)
    }

    fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("{line} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    async fn post(oversight: &Running, path: &str, body: &str) -> Reply {
        oversight.send(request(&format!("POST {path}"), "", body.as_bytes())).await
    }

    fn statuses(reply: &Reply) -> Vec<u64> {
        let items = reply.json["items"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
        items
            .iter()
            .map(|item| item.as_object().unwrap().values().next().unwrap()["status"].as_u64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_bulk_body_is_kept_with_the_names_that_its_actions_gave() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        let reply = post(&oversight, "/_bulk?pipeline=p", PAIRS).await;
        assert_eq!((reply.status, &reply.json["errors"]), (200, &false.into()));
        assert_eq!(reply.json["items"][0]["create"]["_id"], "1");
        assert_eq!(reply.json["items"][1]["index"]["_index"], "logs");
        assert_eq!((statuses(&reply), reply.header("x-elastic-product")), (vec![201, 201], Some("elasticsearch")));
        assert_eq!(kept.events(), [[r#"{"a":1}"#, r#"{"b":2}"#]]);
        let batches = kept.batches.lock().unwrap();
        let member = &batches[0].members[0];
        assert_eq!(
            (member.id.as_deref(), member.index.as_deref(), member.pipeline.as_deref()),
            (Some("1"), Some("logs"), Some("p"))
        );
        assert_eq!((batches[0].members[1].id.as_deref(), &*batches[0].source), (None, "bulk 127.0.0.1"));
    }

    #[tokio::test]
    async fn put_gzip_chunks_and_vendor_types_are_taken_and_the_type_is_echoed() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(PAIRS.as_bytes()).unwrap();
        let headers = "accept: application/vnd.elasticsearch+json; compatible-with=9\r\ncontent-encoding: gzip\r\n\
                       content-type: application/vnd.elasticsearch+x-ndjson; compatible-with=9\r\n";
        let reply = oversight.send(request("PUT /_bulk", headers, &gzip.finish().unwrap())).await;
        let echoed = Some("application/vnd.elasticsearch+json;compatible-with=9");
        assert_eq!((reply.status, reply.header("content-type")), (200, echoed));
        let chunked = format!(
            "POST /logs/_bulk HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{PAIRS}\r\n0\r\n\r\n",
            PAIRS.len()
        );
        let reply = oversight.send(chunked).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        assert_eq!(kept.events().len(), 2, "the same body to another index is another body");
    }

    #[tokio::test]
    async fn the_same_body_is_taken_once_and_answered_the_same() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        let path = "/_bulk?filter_path=errors,items.*.status,items.*.error";
        let (first, again) = (post(&oversight, path, PAIRS).await, post(&oversight, path, PAIRS).await);
        assert_eq!((first.status, &first.json), (200, &again.json));
        assert_eq!(
            first.json.to_string(),
            r#"{"errors":false,"items":[{"create":{"status":201}},{"index":{"status":201}}]}"#
        );
        assert_eq!(kept.events().len(), 1);
    }

    #[tokio::test]
    async fn a_document_by_itself_is_kept_under_the_id_that_its_answer_names() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        let reply = oversight.send(request("PUT /logs/_doc/7?pipeline=p", "", b"{\n \"a\": 1\n}\n")).await;
        assert_eq!((reply.status, &reply.json["_id"], &reply.json["result"]), (201, &"7".into(), &"created".into()));
        let (first, second) =
            (post(&oversight, "/logs/_doc", "{\"b\":2}").await, post(&oversight, "/logs/_doc", "{\"b\":2}").await);
        assert_ne!(first.json["_id"], second.json["_id"], "equal documents without an id are two");
        let typed = post(&oversight, "/system/events", "{\"c\":3}").await;
        assert_eq!((typed.status, &typed.json["_index"]), (201, &"system".into()));
        let again = oversight.send(request("PUT /logs/_doc/7?pipeline=p", "", b"{\n \"a\": 1\n}\n")).await;
        assert_eq!((again.status, &again.json), (201, &reply.json), "the same one is taken once");
        assert_eq!(kept.events().concat(), ["{\n \"a\": 1\n}", "{\"b\":2}", "{\"b\":2}", "{\"c\":3}"]);
        let batches = kept.batches.lock().unwrap();
        let named = |batch: usize| batches[batch].members[0].id.as_deref().map(str::to_owned);
        assert_eq!((named(0).as_deref(), named(1).as_deref()), (Some("7"), first.json["_id"].as_str()));
        assert_eq!((batches[0].members[0].pipeline.as_deref(), &*batches[0].source), (Some("p"), "document 127.0.0.1"));
    }

    #[tokio::test]
    async fn a_bad_document_by_itself_is_refused_and_kept_and_without_room_it_is_to_come_again() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        let reply = post(&oversight, "/logs/_doc/7", "{\"a\":}").await;
        assert_eq!((reply.status, &reply.json["error"]["type"]), (400, &"document_parsing_exception".into()));
        assert_eq!((kept.buried(), kept.events().len()), (vec![b"{\"a\":}".to_vec()], 0));
        assert_eq!(post(&oversight, "/logs/_doc", "").await.status, 400);
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::from_secs(7) });
        let full = post(&oversight, "/logs/_doc", "{}").await;
        assert_eq!((full.status, &full.json["error"]["type"]), (429, &"es_rejected_execution_exception".into()));
        let mut rsyslog = oversight.connect().await;
        rsyslog.write_all(&request("POST /system/events", RSYSLOG, b"{}")).await.unwrap();
        assert_eq!(rsyslog.read_to_end(&mut Vec::new()).await.unwrap(), 0, "closed, and nothing said");
    }

    #[tokio::test]
    async fn bad_documents_are_told_of_where_that_is_wanted_and_kept_in_any_case() {
        let body = "{\"create\":{\"_index\":\"logs\",\"_id\":\"1\"}}\n{\"a\":}\n{\"create\":{}}\n{}\n{\"delete\":{\"_id\":\"7\"}}\n";
        for (strict, status) in [(false, 201), (true, 400)] {
            let settings = BulkSettings { report_bad_documents: strict, ..BulkSettings::default() };
            let (oversight, kept) = running(settings).await;
            let reply = post(&oversight, "/_bulk", body).await;
            assert_eq!((reply.status, &reply.json["errors"]), (200, &true.into()), "a delete is not possible");
            assert_eq!(statuses(&reply), [status, 201, 400]);
            assert_eq!((kept.events(), kept.buried()), (vec![vec!["{}".to_owned()]], vec![br#"{"a":}"#.to_vec()]));
            let letter = kept.letters.lock().unwrap()[0].clone();
            assert_eq!((letter.source.as_str(), letter.origin.index.as_deref()), ("bulk 127.0.0.1", Some("logs")));
            assert_eq!(letter.origin.given.as_deref(), Some("1"));
        }
    }

    #[tokio::test]
    async fn without_room_every_item_says_so_and_nothing_is_kept() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::from_secs(7) });
        let reply = post(&oversight, "/_bulk", PAIRS).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
        assert_eq!((statuses(&reply), &reply.json["errors"]), (vec![429, 429], &true.into()));
        let error = &reply.json["items"][1]["index"]["error"];
        assert_eq!(error["type"], "es_rejected_execution_exception");
        *kept.append_fails.lock().unwrap() = Some(Unkept::Disk("no space left".into()));
        assert_eq!(post(&oversight, "/_bulk", PAIRS).await.status, 429, "the one code that all repeat");
        *kept.append_fails.lock().unwrap() = None;
        assert_eq!(statuses(&post(&oversight, "/_bulk", PAIRS).await), [201, 201]);
        assert_eq!(kept.events().len(), 1);
    }

    #[tokio::test]
    async fn a_sender_that_reads_no_answers_is_hung_up_on() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::from_secs(1) });
        let mut rsyslog = oversight.connect().await;
        rsyslog.write_all(&request("POST /_bulk", RSYSLOG, PAIRS.as_bytes())).await.unwrap();
        assert_eq!(rsyslog.read_to_end(&mut Vec::new()).await.unwrap(), 0, "closed, not reset, and nothing said");
        *kept.append_fails.lock().unwrap() = None;
        let reply = oversight.send(request("POST /_bulk", RSYSLOG, PAIRS.as_bytes())).await;
        assert_eq!((reply.status, kept.events().len()), (200, 1));

        let (oversight, kept) = running(BulkSettings { overload: Overload::Answer, ..BulkSettings::default() }).await;
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::from_secs(1) });
        assert_eq!(oversight.send(request("POST /_bulk", RSYSLOG, PAIRS.as_bytes())).await.status, 429);
    }

    #[tokio::test]
    async fn what_cannot_be_taken_as_a_whole_has_an_error_in_the_same_shape() {
        let (oversight, kept) = running(BulkSettings::default()).await;
        let reply = post(&oversight, "/_bulk", "[{\"a\":1}]").await;
        assert_eq!((reply.status, &reply.json["status"]), (400, &400.into()));
        assert_eq!(reply.json["error"]["type"], "illegal_argument_exception");
        assert_eq!(kept.buried(), [b"[{\"a\":1}]".to_vec()]);
        let garbage = oversight.send(request("POST /_bulk", "content-encoding: gzip\r\n", b"no gzip")).await;
        assert_eq!((garbage.status, kept.buried().len()), (400, 2));
        let large = oversight.send(request("POST /_bulk", "", &vec![b' '; 2 << 20])).await;
        assert_eq!((large.status, &large.json["error"]["type"]), (413, &"content_too_long_exception".into()));
        assert_eq!(post(&oversight, "/_license", "").await.status, 405);
        assert_eq!(post(&oversight, "/_search", "{}").await.status, 404);
    }

    #[tokio::test]
    async fn clients_find_what_they_ask_for_before_they_send() {
        let (oversight, _) = running(BulkSettings { version: "9.1.2".to_owned(), ..BulkSettings::default() }).await;
        let get = async |path: &str| oversight.send(format!("GET {path} HTTP/1.1\r\nhost: a:1\r\n\r\n")).await;
        for path in ["/", "/_nodes/http", "/_license", "/_cat/health", "/_cluster/health", "/_xpack"] {
            let reply = get(path).await;
            assert_eq!((reply.status, reply.header("x-elastic-product")), (200, Some("elasticsearch")), "{path}");
        }
        assert_eq!(get("/").await.json["version"]["number"], "9.1.2");
        assert_eq!(get("/_license?human=false").await.json["license"]["status"], "active");
        assert_eq!(get("/_cat/health").await.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(get("/_nodes/http").await.json.to_string().contains(r#""publish_address":"a:1""#));
        let put = oversight.send(request("PUT /_index_template/x", "", b"{}")).await;
        assert_eq!((put.status, &put.json["acknowledged"]), (200, &true.into()));
        assert_eq!(get("/somewhere").await.status, 404);
    }
}
