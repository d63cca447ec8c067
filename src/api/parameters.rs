//! What a request to this room says: parameters of the query string, and a body that is a JSON object.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use serde_json::Value;
use tokio::time::timeout;
use warp::Filter;

use super::error::Refusal;

/// Bytes of a body at most.
pub(super) const LARGEST_BODY: usize = 1 << 20;
/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Parameters by name.
pub(super) type Parameters = BTreeMap<String, String>;
/// A query string as it was given; none where it cannot be read.
pub(super) type Given = Option<Vec<(String, String)>>;

/// The query string; rejects nothing.
pub(super) fn given() -> impl Filter<Extract = (Given,), Error = Infallible> + Clone {
    warp::query::<Vec<(String, String)>>().map(Some).or(warp::any().map(|| None)).unify()
}

/// The parameters by name; none of them twice.
pub(super) fn once_each(parameters: Given) -> Result<Parameters, Refusal> {
    let mut by_name = Parameters::new();
    let parameters = parameters.ok_or_else(|| refused("query string", "it cannot be read"))?;
    for (name, value) in parameters {
        if by_name.contains_key(&name) {
            return Err(refused(&name, "it is given twice"));
        }
        by_name.insert(name, value);
    }
    Ok(by_name)
}

/// None but these.
pub(super) fn allow_only(parameters: &Parameters, allowed: &[&str]) -> Result<(), Refusal> {
    match parameters.keys().find(|name| !allowed.contains(&name.as_str())) {
        Some(unknown) => Err(refused(unknown, format!("unknown, allowed are {}", allowed.join(", ")))),
        None => Ok(()),
    }
}

/// What is wrong with a parameter.
pub(super) fn refused(parameter: &str, reason: impl Into<String>) -> Refusal {
    Refusal::Parameter { parameter: parameter.chars().take(60).collect(), reason: reason.into() }
}

/// A body that is a JSON object. One that is too large is read to its end, so that the answer arrives.
pub(super) async fn read<S, B>(body: S) -> Result<Value, Refusal>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    timeout(ARRIVES_WITHIN, read_all(body)).await.map_err(|_| Refusal::Slow)?
}

async fn read_all<S, B>(body: S) -> Result<Value, Refusal>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let mut body = pin!(body);
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.next().await {
        let mut frame = frame.map_err(|error| Refusal::NotJson(error.to_string()))?;
        length += frame.remaining();
        if length <= LARGEST_BODY {
            bytes.extend_from_slice(&frame.copy_to_bytes(frame.remaining()));
        }
    }
    if length > LARGEST_BODY {
        return Err(Refusal::TooLarge(LARGEST_BODY));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(Value::Object(object)),
        Ok(_) => Err(Refusal::NotJson("it is another JSON value".to_owned())),
        Err(error) => Err(Refusal::NotJson(error.to_string())),
    }
}
