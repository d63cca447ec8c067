//! `/v1/search`: `GET` for a few words in the address bar, `POST` for a search in Elasticsearch's own language.
//!
//! Both end at [`Store::search`](crate::store::Store::search) and answer what it answers. The number of searches that
//! run at one time is bounded, so that reading never takes what taking events needs. `GET`, and `POST` with
//! a `cursor` (an empty one for the first), give pages: what an answer has as `next` is the cursor of the page after it.

use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::pages::{Cursor, MOST_HITS, Pages};
use super::parameters::{self, Parameters, allow_only, once_each, read, refused};
use super::{Api, json as json_response};
use crate::event::fields::TIMESTAMP;
use crate::store::{Kind, SearchRequest};

/// Characters of `q` at most.
const LONGEST_QUERY: usize = 4096;
/// Hits that one search gives where it does not say.
const USUAL_HITS: u64 = 10;

/// The route; rejects other paths only.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "search")
        .and(warp::method())
        .and(parameters::given())
        .and(warp::body::stream())
        .then(move |method, parameters, body| {
            let api = Arc::clone(&api);
            async move { api.respond(&method, parameters, body).await.unwrap_or_else(Refusal::into_response) }
        })
        .boxed()
}

impl Api {
    async fn respond<S, B>(&self, method: &Method, given: parameters::Given, body: S) -> Result<Response, Refusal>
    where
        S: Stream<Item = Result<B, warp::Error>>,
        B: Buf,
    {
        let parameters = once_each(given)?;
        let request = match *method {
            Method::GET => {
                return self.page(from_parameters(&parameters)?, parameters.get("cursor").map(String::as_str)).await;
            }
            Method::POST => {
                allow_only(&parameters, &["kind", "cursor"])?;
                let (kind, body) = (kind(&parameters)?, read(body).await?);
                if let Some(cursor) = parameters.get("cursor") {
                    return self
                        .page(from_body(kind, &body)?, Some(cursor.as_str()).filter(|cursor| !cursor.is_empty()))
                        .await;
                }
                SearchRequest { kind, body }
            }
            _ => return Err(Refusal::WrongMethod { allowed: "GET, POST" }),
        };
        let _turn = self.searches.try_acquire().map_err(|_| Refusal::Busy)?;
        Ok(json_response(StatusCode::OK, &self.store.search(request).await?))
    }

    /// One page, with where the next begins as `next`.
    async fn page(&self, pages: Pages, cursor: Option<&str>) -> Result<Response, Refusal> {
        let cursor = cursor.map(Cursor::read).transpose()?;
        let _turn = self.searches.try_acquire().map_err(|_| Refusal::Busy)?;
        let (mut answer, next) = pages.turn(&*self.store, cursor).await?;
        answer["next"] = json!(next.map(Cursor::write));
        Ok(json_response(StatusCode::OK, &answer))
    }
}

/// Pages of what a search body finds. Their order is ours, and nothing is counted over: a page is a part of it.
fn from_body(kind: Kind, body: &Value) -> Result<Pages, Refusal> {
    let mut pages = Pages { kind, filters: Vec::new(), size: USUAL_HITS, source: Value::Null };
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.as_str() {
            "query" => pages.filters.push(value.clone()),
            "_source" => pages.source = value.clone(),
            "size" => pages.size = value.as_u64().filter(|size| *size <= MOST_HITS).ok_or_else(no_size)?,
            _ => return Err(refused(name, "with a cursor a body may have query, size and _source")),
        }
    }
    Ok(pages)
}

fn no_size() -> Refusal {
    refused("size", format!("write a number from 0 to {MOST_HITS}"))
}

/// Pages with `q` (Lucene's query string), `from` and `to` (times, the latter exclusive), `size` and `kind`; youngest
/// first.
fn from_parameters(parameters: &Parameters) -> Result<Pages, Refusal> {
    allow_only(parameters, &["q", "from", "to", "size", "kind", "cursor"])?;
    let (filters, size, kind) = (filters(parameters)?, size(parameters)?, kind(parameters)?);
    Ok(Pages { kind, filters, size, source: Value::Null })
}

/// What `q`, `from` and `to` ask for.
pub(super) fn filters(parameters: &Parameters) -> Result<Vec<Value>, Refusal> {
    let mut filters = Vec::new();
    if let Some(query) = parameters.get("q").filter(|query| !query.trim().is_empty()) {
        if query.chars().count() > LONGEST_QUERY {
            return Err(refused("q", format!("longer than {LONGEST_QUERY} characters")));
        }
        filters.push(json!({ "query_string": { "query": query } }));
    }
    let mut range = serde_json::Map::new();
    for (parameter, bound) in [("from", "gte"), ("to", "lt")] {
        if let Some(time) = parameters.get(parameter) {
            if time.is_empty() || time.len() > 64 {
                return Err(refused(parameter, "write a time such as 2026-11-22T10:00:00Z"));
            }
            range.insert(bound.to_owned(), Value::from(time.as_str()));
        }
    }
    if !range.is_empty() {
        filters.push(json!({ "range": { TIMESTAMP: range } }));
    }
    Ok(filters)
}

fn size(parameters: &Parameters) -> Result<u64, Refusal> {
    let Some(text) = parameters.get("size") else { return Ok(USUAL_HITS) };
    text.parse().ok().filter(|&size| size <= MOST_HITS).ok_or_else(no_size)
}

/// Which documents are meant; events where it is not said.
pub(super) fn kind(parameters: &Parameters) -> Result<Kind, Refusal> {
    match parameters.get("kind").map_or("events", String::as_str) {
        "events" => Ok(Kind::Event),
        "anomalies" => Ok(Kind::Anomaly),
        _ => Err(refused("kind", "write events or anomalies")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;
    use tokio::sync::Semaphore;

    use super::super::parameters::LARGEST_BODY;
    use super::super::{Readiness, harness, routes};
    use super::*;
    use crate::store::{Batch, Outcome, SearchError, Store, StoreError};

    /// Remembers what it was asked, and answers only when it may.
    struct Asked {
        requests: Mutex<Vec<SearchRequest>>,
        fails: Option<fn() -> SearchError>,
        turns: Semaphore,
    }

    impl Asked {
        fn new(fails: Option<fn() -> SearchError>, turns: usize) -> Arc<Self> {
            Arc::new(Self { requests: Mutex::default(), fails, turns: Semaphore::new(turns) })
        }
    }

    impl Store for Asked {
        fn name(&self) -> &'static str {
            "asked"
        }

        fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }

        fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>> {
            Box::pin(async { vec![Outcome::Stored; batch.documents.len()] })
        }

        fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>> {
            self.requests.lock().unwrap().push(request);
            Box::pin(async {
                self.turns.acquire().await.unwrap().forget();
                self.fails.map_or(Ok(json!({ "hits": {} })), |fails| Err(fails()))
            })
        }
    }

    fn api(store: &Arc<Asked>, searches: usize) -> BoxedFilter<(Response,)> {
        let store: Arc<dyn Store> = Arc::clone(store) as Arc<dyn Store>;
        routes(Api::new(Arc::new(Readiness::new()), store, searches, || {}))
    }

    async fn ask(store: &Arc<Asked>, method: &str, path: &str, body: &str) -> (u16, Value) {
        let reply = harness::ask(&api(store, 1), method, path, body.to_owned()).await;
        (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap())
    }

    #[tokio::test]
    async fn a_search_in_words_becomes_one_in_elasticsearchs_language() {
        let store = Asked::new(None, 2);
        let path = "/v1/search?q=source.ip%3A10.0.0.1&from=2026-11-22T10:00:00Z&to=now&size=3&kind=anomalies";
        assert_eq!(ask(&store, "GET", path, "").await, (200, json!({ "hits": {}, "next": null })));
        assert_eq!(ask(&store, "GET", "/v1/search", "").await.0, 200);
        let requests = store.requests.lock().unwrap();
        assert_eq!(requests[0].kind, Kind::Anomaly);
        assert_eq!(
            requests[0].body,
            json!({
                "query": { "bool": { "filter": [
                    { "query_string": { "query": "source.ip:10.0.0.1" } },
                    { "range": { "@timestamp": { "gte": "2026-11-22T10:00:00Z", "lt": "now" } } },
                ] } },
                "sort": [{ "@timestamp": { "order": "desc" } }],
                "size": 3,
                "track_total_hits": true,
            })
        );
        assert_eq!((requests[1].kind, &requests[1].body["query"]), (Kind::Event, &json!({ "match_all": {} })));
        assert_eq!(requests[1].body["size"], 10);
    }

    #[tokio::test]
    async fn a_search_in_elasticsearchs_language_is_passed_on_as_it_is() {
        let store = Asked::new(None, 1);
        let body = json!({ "size": 0, "aggs": { "labels": { "terms": { "field": "a" } } } });
        assert_eq!(ask(&store, "POST", "/v1/search?kind=anomalies", &body.to_string()).await.0, 200);
        let requests = store.requests.lock().unwrap();
        assert_eq!((requests[0].kind, &requests[0].body), (Kind::Anomaly, &body));
    }

    #[tokio::test]
    async fn a_wrong_search_is_400_and_says_what_is_wrong() {
        let store = Asked::new(None, 0);
        let long = format!("/v1/search?q={}", "x".repeat(LONGEST_QUERY + 1));
        for (path, reason) in [
            ("/v1/search?size=10001", "size: write a number from 0 to 10000"),
            ("/v1/search?size=-1", "size: write a number from 0 to 10000"),
            ("/v1/search?kind=incidents", "kind: write events or anomalies"),
            ("/v1/search?query=a", "query: unknown, allowed are q, from, to, size, kind, cursor"),
            ("/v1/search?q=a&q=b", "q: it is given twice"),
            ("/v1/search?from=", "from: write a time such as 2026-11-22T10:00:00Z"),
            (&long, "q: longer than 4096 characters"),
        ] {
            let (status, answer) = ask(&store, "GET", path, "").await;
            assert_eq!((status, &answer["error"]["reason"]), (400, &reason.into()), "{path}");
        }
        for body in ["", "[]", "{", "17"] {
            assert_eq!(ask(&store, "POST", "/v1/search", body).await.0, 400, "{body}");
        }
        assert_eq!(ask(&store, "POST", "/v1/search", &" ".repeat(LARGEST_BODY + 1)).await.0, 413);
        assert_eq!(ask(&store, "PUT", "/v1/search", "").await.0, 405);
        assert!(store.requests.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_the_store_says_becomes_a_status() {
        let bad = Asked::new(Some(|| SearchError::Bad("no field".into())), 1);
        assert_eq!(ask(&bad, "GET", "/v1/search", "").await.0, 400);
        let away = Asked::new(Some(|| SearchError::Unavailable("refused".into())), 1);
        let (status, answer) = ask(&away, "GET", "/v1/search", "").await;
        assert_eq!((status, &answer["error"]["reason"]), (503, &"the store cannot answer: refused".into()));
    }

    #[tokio::test]
    async fn more_searches_than_may_run_are_429() {
        let store = Asked::new(None, 0);
        let api = api(&store, 2);
        let ask = || harness::ask(&api, "GET", "/v1/search", "");
        let running = async {
            let (first, second) = tokio::join!(ask(), ask());
            assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
        };
        let third = async {
            let reply = ask().await;
            assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(reply.headers()["retry-after"], "1");
            store.turns.add_permits(3);
        };
        tokio::join!(running, third);
        assert_eq!(ask().await.status(), StatusCode::OK);
    }
}
