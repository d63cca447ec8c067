//! What oversight tells of itself and of what it has stored, over HTTP.
//!
//! - `GET /health/live`: 200 as long as the process answers.
//! - `GET /health/ready`: 200 while events can be taken, else 503; the state of each room with its reason.
//! - `GET /metrics`: Prometheus text.
//! - `GET /v1/doctor`: how good the features are that events bring, see [`doctor`].
//! - `GET` and `POST /v1/search`: searches the store, in Elasticsearch's shape; `GET /v1/export`: all of it as a file, see
//!   `export`; `GET /v1/events/{id}`, `/v1/anomalies/{id}`: one document, see `one`.
//! - `GET /v1/metrics`, `/v1/series`: what is counted of events, see [`measures`].
//! - `GET /v1/status`, `/v1/status/live`: how it goes, see [`status`].
//! - `/v1/session`: logging in on the page, see [`session`].
//! - `GET /v1/simulated`: made-up events to try it with, see [`simulated`].
//! - `GET /v1/openapi.json`: all of this for programs, see [`openapi`].
//! - `GET` and `DELETE /v1/dead-letters`, `GET /v1/dead-letters/reasons`, `POST /v1/dead-letters/redrive`: what was
//!   refused, see [`letters`].
//! - `/v1/models` and what lies below it: which models judge, see [`models`].
//!
//! Filters match the path and nothing else; a wrong method or a bad parameter is answered inside, so that no other
//! route answers in its place.

mod accounts;
pub mod doctor;
mod error;
mod export;
#[cfg(test)]
mod harness;
mod health;
pub mod letters;
pub mod measures;
mod metrics;
pub mod models;
mod one;
pub mod openapi;
mod pages;
mod parameters;
mod search;
pub mod session;
pub mod simulated;
pub mod status;

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response as HttpResponse, StatusCode};
use tokio::sync::Semaphore;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use crate::store::Store;

pub use accounts::Accounts;
pub use health::{Health, Readiness, Room, State, Told, Word};

use error::Refusal;

/// How many searches run at one time by default; further ones are answered 429.
pub const SEARCHES_AT_ONCE: usize = 8;

/// What the routes answer from; shared by all requests.
pub struct Api {
    readiness: Arc<Readiness>,
    store: Arc<dyn Store>,
    searches: Semaphore,
    gauges: Box<dyn Fn() + Send + Sync>,
}

impl Api {
    /// `searches`: how many may run at one time. `gauges` brings gauges, and what rooms are told of, up to date before they are
    /// shown.
    pub fn new(
        readiness: Arc<Readiness>,
        store: Arc<dyn Store>,
        searches: usize,
        gauges: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { readiness, store, searches: Semaphore::new(searches), gauges: Box::new(gauges) })
    }
}

/// All routes of this room. Rejects other paths only.
pub fn routes(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    let live = look(warp::path!("health" / "live"), health::live);
    let asked = Arc::clone(&api);
    let ready = look(warp::path!("health" / "ready"), move || {
        (asked.gauges)();
        health::ready(&asked.readiness)
    });
    let measured = Arc::clone(&api);
    let metrics = look(warp::path!("metrics"), move || {
        (measured.gauges)();
        metrics::metrics()
    });
    let found =
        search::route(Arc::clone(&api)).or(one::routes(Arc::clone(&api))).unify().or(export::route(api)).unify();
    live.or(ready).unify().or(metrics).unify().or(found).unify().boxed()
}

/// A path that is only looked at: `GET` and `HEAD`.
fn look(
    path: impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static,
    answer: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> BoxedFilter<(Response,)> {
    path.and(warp::method())
        .map(move |method: Method| match method {
            Method::GET | Method::HEAD => answer(),
            _ => Refusal::WrongMethod { allowed: "GET, HEAD" }.into_problem(),
        })
        .boxed()
}

/// A response with a JSON body.
fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("what is answered can be written as JSON");
    response(status, "application/json", Bytes::from(bytes))
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::store::memory::MemoryStore;

    async fn ask(api: &Arc<Api>, method: &str, path: &str) -> (u16, Value) {
        let reply = harness::ask(&routes(Arc::clone(api)), method, path, "").await;
        (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap_or_default())
    }

    fn api(readiness: &Arc<Readiness>) -> Arc<Api> {
        Api::new(Arc::clone(readiness), Arc::new(MemoryStore::new()), SEARCHES_AT_ONCE, || {})
    }

    #[tokio::test]
    async fn it_is_ready_when_events_can_be_taken_even_while_the_store_is_away() {
        let readiness = Arc::new(Readiness::new());
        let api = api(&readiness);
        assert_eq!(ask(&api, "GET", "/health/live").await.0, 200);
        let (status, answer) = ask(&api, "GET", "/health/ready").await;
        assert_eq!((status, &answer["status"]), (503, &json!("not ready")));
        readiness.set(Room::Spool, State::Up);
        readiness.set(Room::Model, State::Up);
        readiness.set(Room::Letters, State::Up);
        readiness.set(Room::Store, State::Down("connection refused".into()));
        let (status, answer) = ask(&api, "GET", "/health/ready").await;
        assert_eq!(status, 200);
        let store = json!({ "state": "down", "reason": "connection refused" });
        let up = json!({ "state": "up" });
        let rooms = json!({ "spool": up, "model": up, "store": store, "dead_letters": up });
        assert_eq!(answer, json!({ "status": "degraded", "rooms": rooms }));
        readiness.set(Room::Store, State::Up);
        assert_eq!(ask(&api, "GET", "/health/ready").await.1["status"], "ready");
        readiness.hint(Room::Model, Some("3 features have changed".into()));
        let (_, answer) = ask(&api, "GET", "/health/ready").await;
        assert_eq!(answer["status"], "ready", "a hint is no failure");
        assert_eq!(answer["rooms"]["model"], json!({ "state": "up", "hint": "3 features have changed" }));
        readiness.hint(Room::Model, None);
        readiness.set(Room::Model, State::Degraded("another judges".into()));
        let (status, answer) = ask(&api, "GET", "/health/ready").await;
        assert_eq!((status, &answer["status"]), (200, &json!("degraded")));
        assert_eq!(answer["rooms"]["model"], json!({ "state": "degraded", "reason": "another judges" }));
        readiness.set(Room::Model, State::Up);
        readiness.set(Room::Letters, State::Down("3 dead letters were deleted".into()));
        let (status, answer) = ask(&api, "GET", "/health/ready").await;
        assert_eq!((status, &answer["status"]), (200, &json!("degraded")));
        readiness.set(Room::Spool, State::Down("no space left".into()));
        assert_eq!(ask(&api, "GET", "/health/ready").await.0, 503);
        assert_eq!(ask(&api, "GET", "/health/live").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let api = routes(api(&Arc::new(Readiness::new())));
        let reply = harness::ask(&api, "GET", "/metrics", "").await;
        assert_eq!(reply.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let text = std::str::from_utf8(reply.body()).unwrap();
        assert!(text.contains("# TYPE oversight_events_received_total counter\n"), "{text}");
    }

    #[tokio::test]
    async fn a_wrong_method_is_405_and_an_unknown_path_is_left_to_others() {
        let api = api(&Arc::new(Readiness::new()));
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(ask(&api, "POST", path).await.0, 405, "{path}");
            assert_ne!(ask(&api, "HEAD", path).await.0, 405, "{path}");
        }
        let others = routes(Arc::clone(&api)).or(warp::any().map(|| "others".into_response())).unify().boxed();
        assert_eq!(harness::ask(&others, "GET", "/health", "").await.body(), "others");
    }
}
