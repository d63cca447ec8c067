//! What a sender is told when its body was taken, and how any answer is put together.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use warp::reply::{Reply, Response};

/// At most this many bad members are told of in an answer; `refused` counts them all.
pub(super) const MOST_ERRORS: usize = 20;

/// The body of a 200.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    /// Events that are in the spool.
    pub accepted: usize,
    /// Members that are in the dead letters.
    pub refused: usize,
    /// How many of the accepted had been taken before, with the same body.
    pub repeated: usize,
    /// The first of the refused.
    pub errors: Vec<MemberError>,
}

/// Why one member was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct MemberError {
    /// Its place in the body, from 0.
    pub position: usize,
    /// The byte of the body at which it is wrong.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

impl Answer {
    /// The whole response.
    pub fn into_response(self) -> Response {
        let json = serde_json::to_vec(&self).expect("numbers and strings are written to memory");
        response(StatusCode::OK, Bytes::from(json))
    }
}

/// A response with a JSON body.
pub(super) fn response(status: StatusCode, json: Bytes) -> Response {
    let mut response = http::Response::new(json);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.into_response()
}
