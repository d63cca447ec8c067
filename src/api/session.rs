//! `/v1/session`: logging in on the page, and out.
//!
//! - `GET`: who asks: `{"needed":…,"name":…,"roles":[…],"csrf":…}`. Where nobody has to authenticate, `needed` is false.
//! - `POST` with `{"name":"…","password":"…"}`: begins a session; its cookie comes with the answer.
//! - `DELETE`: ends it.
//!
//! Anybody may ask; wrong passwords are rationed as everywhere (see [`access`](crate::access)).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::json as json_response;
use super::parameters::read;
use crate::access::{Door, LONGEST_SESSION, SESSION_COOKIE, Visitor};
use crate::ingest::Peer;

/// The route; rejects other paths only.
pub fn route(door: Door) -> BoxedFilter<(Response,)> {
    let door = Arc::new(door);
    warp::path!("v1" / "session")
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::filters::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |method: Method, headers: HeaderMap, peer: Option<Peer>, body| {
            let door = Arc::clone(&door);
            async move { respond(&door, &method, &headers, peer, body).await.unwrap_or_else(Refusal::into_problem) }
        })
        .boxed()
}

async fn respond<S, B>(
    door: &Door,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<Peer>,
    body: S,
) -> Result<Response, Refusal>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    match *method {
        Method::GET | Method::HEAD => {
            // a certificate is no matter of sessions: who has one is admitted by it, and needs no form
            let who = door.guard.who(&Visitor { address, certificate: None }, headers).await;
            Ok(answer(&json!(who), None))
        }
        Method::POST => {
            let (name, password) = credentials(read(body).await?)?;
            let logged_in = door.guard.log_in(address, &name, password).await?;
            let told = json!({ "name": name, "csrf": logged_in.csrf });
            Ok(answer(&told, Some(cookie(door, logged_in.token.reveal(), LONGEST_SESSION.as_secs()))))
        }
        Method::DELETE => {
            door.guard.log_out(headers);
            Ok(answer(&json!({}), Some(cookie(door, "", 0))))
        }
        _ => Err(Refusal::WrongMethod { allowed: "GET, HEAD, POST, DELETE" }),
    }
}

fn answer(body: &Value, cookie: Option<HeaderValue>) -> Response {
    let mut response = json_response(StatusCode::OK, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn cookie(door: &Door, token: &str, seconds: u64) -> HeaderValue {
    let secure = if door.tls.is_some() { "; Secure" } else { "" };
    let text = format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).expect("a token is of letters that a header may have")
}

fn credentials(mut body: Value) -> Result<(String, String), Refusal> {
    let mut take = |name: &str| match body.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let wrong = || Refusal::NotJson("write {\"name\": \"…\", \"password\": \"…\"}".to_owned());
    Ok((take("name").ok_or_else(wrong)?, take("password").ok_or_else(wrong)?))
}
