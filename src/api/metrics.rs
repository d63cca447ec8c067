//! `GET /metrics`: the catalogue as Prometheus text.

use bytes::Bytes;
use http::StatusCode;
use warp::reply::Response;

use super::response;
use crate::telemetry::prometheus::render;

/// All metrics as they stand.
pub(super) fn metrics() -> Response {
    response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(render()))
}
