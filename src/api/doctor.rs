//! `GET /v1/doctor`: for each dialect that events came in since the start, how often each of the 41 features of KDD-99, and each fact that flow
//! features are made of, was told, estimated or missing.

use http::StatusCode;
use serde_json::Value;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::{json, look};

/// The route; `report` counts up what is told. Rejects other paths only.
pub fn route(report: impl Fn() -> Value + Clone + Send + Sync + 'static) -> BoxedFilter<(Response,)> {
    look(warp::path!("v1" / "doctor"), move || json(StatusCode::OK, &report()))
}
