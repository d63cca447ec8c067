//! Why a request is refused, and the only table of this room from there to status codes.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use warp::reply::Response;

use super::json as json_response;
use crate::access::Denied;
use crate::ingest::RedriveError;
use crate::models::ModelError;
use crate::spool::{AppendError, DeadLetterError};
use crate::store::SearchError;

/// Why a request is not answered 200.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the method is not for this path, allowed are {allowed}")]
    WrongMethod { allowed: &'static str },
    #[error("{parameter}: {reason}")]
    Parameter { parameter: String, reason: String },
    #[error("the body is not a JSON object: {0}")]
    NotJson(String),
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive in time")]
    Slow,
    #[error("as many searches as may run are running, ask again")]
    Busy,
    #[error("as many dead letters as may be looked through are being looked through, ask again")]
    Reading,
    #[error("as many look on as may, ask again")]
    Watched,
    #[error("there is no {what} with this id; ids are those of search results (_id)")]
    NoDocument { what: &'static str },
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    Letters(#[from] DeadLetterError),
    #[error(transparent)]
    Redrive(#[from] RedriveError),
    #[error(transparent)]
    Models(#[from] ModelError),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("nothing judges here: classify.enabled or enrich.enabled is false")]
    NothingJudges,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Parameter { .. } | Self::NotJson(_) | Self::Search(SearchError::Bad(_)) => StatusCode::BAD_REQUEST,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Redrive(RedriveError::Busy) | Self::NothingJudges => StatusCode::CONFLICT,
            Self::Models(fault) => status_of(fault),
            Self::Denied(Denied::TooMany { .. } | Denied::Busy) => StatusCode::TOO_MANY_REQUESTS,
            // no challenge: a browser would show a form of its own in place of the page's
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::NoDocument { .. } => StatusCode::NOT_FOUND,
            Self::Busy
            | Self::Reading
            | Self::Watched
            | Self::Redrive(RedriveError::Append { source: AppendError::Full { .. }, .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Search(SearchError::Unavailable(_)) | Self::Letters(_) | Self::Redrive(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The whole answer: `{"error":{"status":…,"reason":"…"}}` and its headers.
    pub fn into_response(self) -> Response {
        let status = self.status();
        let mut error = json!({ "error": { "status": status.as_u16(), "reason": self.to_string() } });
        if let Self::Redrive(RedriveError::Append { done, .. }) = &self {
            error["done"] = json!(done);
        }
        let mut response = json_response(status, &error);
        self.add_headers(&mut response);
        response
    }

    /// The whole answer as RFC 9457 has it, which newer routes give.
    pub fn into_problem(self) -> Response {
        let status = self.status();
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = json_response(status, &problem);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.add_headers(&mut response);
        response
    }

    fn add_headers(&self, response: &mut Response) {
        match self {
            Self::WrongMethod { allowed } => {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Redrive(fault) => {
                if let Some(after) = fault.retry_after() {
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
                }
            }
            Self::Denied(Denied::TooMany { retry_after }) => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
            }
            Self::Busy | Self::Reading | Self::Watched | Self::Search(SearchError::Unavailable(_)) => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
    }
}

fn status_of(fault: &ModelError) -> StatusCode {
    match fault {
        ModelError::NoName(_) | ModelError::Name { .. } | ModelError::NoFolder(_) => StatusCode::BAD_REQUEST,
        ModelError::Unknown { .. } => StatusCode::NOT_FOUND,
        ModelError::Moved { .. } => StatusCode::PRECONDITION_FAILED,
        ModelError::Taken { .. } | ModelError::NothingEarlier | ModelError::OwnShadow(_) => StatusCode::CONFLICT,
        ModelError::Load(_) | ModelError::Network(_) | ModelError::Changed { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ModelError::File { .. } | ModelError::Record { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}
