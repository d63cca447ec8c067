//! `GET /v1/events/{id}`: one event as it is stored, with all that was found in it; the id is that of a search result,
//! percent-encoded. `GET /v1/anomalies/{id}`: one anomaly record.

use std::sync::Arc;

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::{Api, json as json_response, response};
use crate::event::EventId;
use crate::ingest::decoded;
use crate::store::{Kind, SearchRequest};

/// The routes; they reject other paths only.
pub(super) fn routes(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    let event = warp::path!("v1" / "events" / String).map(|id| (Kind::Event, id));
    let anomaly = warp::path!("v1" / "anomalies" / String).map(|id| (Kind::Anomaly, id));
    event
        .or(anomaly)
        .unify()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .then(move |(kind, id): (Kind, String), method: Method, headers: HeaderMap| {
            let api = Arc::clone(&api);
            async move {
                match method {
                    Method::GET | Method::HEAD => api.one(kind, &id, &headers).await,
                    _ => Err(Refusal::WrongMethod { allowed: "GET, HEAD" }),
                }
                .unwrap_or_else(Refusal::into_problem)
            }
        })
        .boxed()
}

impl Api {
    async fn one(&self, kind: Kind, id: &str, headers: &HeaderMap) -> Result<Response, Refusal> {
        let what = if kind == Kind::Event { "event" } else { "anomaly" };
        let missing = || Refusal::NoDocument { what };
        // a plus is no space in a path
        let id = String::from_utf8(decoded(id.replace('+', "%2B").as_bytes())).map_err(|_| missing())?;
        if id.len() > EventId::LONGEST {
            return Err(missing());
        }
        let body = json!({ "query": { "ids": { "values": [id] } }, "size": 1 });
        let _turn = self.searches.try_acquire().map_err(|_| Refusal::Busy)?;
        let mut found = self.store.search(SearchRequest { kind, body }).await?;
        let hit = found["hits"]["hits"].get_mut(0).map(Value::take).ok_or_else(missing)?;
        let document = json!({ "_id": hit["_id"], "_index": hit["_index"], "_source": hit["_source"] });
        Ok(tagged(&document, headers))
    }
}

/// With the digest of what is answered as `ETag`; 304 to somebody who has it.
fn tagged(document: &Value, headers: &HeaderMap) -> Response {
    let digest = blake3::hash(document.to_string().as_bytes()).to_hex();
    let tag = HeaderValue::try_from(format!("\"{}\"", &digest[..32])).expect("digits between quotes");
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|known| *known == tag);
    let mut response = if known {
        response(StatusCode::NOT_MODIFIED, "application/json", bytes::Bytes::new())
    } else {
        json_response(StatusCode::OK, document)
    };
    response.headers_mut().insert(ETAG, tag);
    response
}
