//! One connection, from its handshake to its end.
//!
//! It has a deadline for its handshake, for the headers of each request (and so for idling) and for fetching an answer, a
//! bounded buffer, and its peer's address in every request. **Each request is admitted by the door's guard before a byte
//! of its body is read**; there is no way around it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{EXPECT, WWW_AUTHENTICATE};
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tower::ServiceExt;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::HttpSettings;
use super::body::discard;
use super::crowd::Seat;
use super::elastic::{Unanswered, closes};
use super::error::Refusal;
use super::http::{LEFTOVER, Peer};
use super::patience::Patience;
use crate::access::audit::Failure;
use crate::access::{Door, Guard, Visitor};
use crate::config::Overload;
use crate::telemetry::catalogue::CONNECTIONS_OPEN;

/// The buffer of one connection, which bounds the size of a request's headers (it may be passed by one read).
pub(super) const BUFFER: usize = 64 << 10;
/// How long a connection may take that is only told to come again.
const TURNED_AWAY_WITHIN: Duration = Duration::from_secs(5);

/// How a connection may stay, and what it holds while it does.
pub(super) enum Stay {
    /// Its requests are answered.
    Served(OwnedSemaphorePermit, Seat),
    /// It is told that there is no place.
    TurnedAway(OwnedSemaphorePermit),
}

/// Receives connections, each on a clone of it.
#[derive(Clone)]
pub(super) struct Host {
    http: http1::Builder,
    short: http1::Builder,
    door: Door,
    write_timeout: Duration,
    /// What a sender of bulk requests meets where there is no place.
    overload: Overload,
}

impl Host {
    /// Connections have these limits, and pass `door`.
    pub fn new(settings: &HttpSettings, door: Door) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(settings.header_timeout)
            .max_headers(settings.max_headers)
            .max_buf_size(BUFFER);
        let mut short = http.clone();
        short.header_read_timeout(TURNED_AWAY_WITHIN).keep_alive(false);
        Self { http, short, door, write_timeout: settings.write_timeout, overload: settings.bulk.overload }
    }

    /// One connection, from its handshake to its end.
    pub async fn receive(
        self,
        tcp: TcpStream,
        peer: SocketAddr,
        stay: Stay,
        routes: BoxedFilter<(Response,)>,
        watcher: Watcher,
    ) {
        let _open = Open::new();
        // an answer is one small packet, and the sender waits for it; it works without, only later
        let _ = tcp.set_nodelay(true);
        let visitor = Visitor { address: peer.ip(), certificate: None };
        let Some(tls) = self.door.tls.clone() else {
            return self.talk(tcp, peer, visitor, stay, routes, watcher).await;
        };
        match tls.accept(tcp).await {
            Ok(encrypted) => {
                let visitor = Visitor { certificate: encrypted.certificate, ..visitor };
                self.talk(encrypted.stream, peer, visitor, stay, routes, watcher).await;
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "a handshake fails");
                // who only looks whether somebody listens, as load balancers do, has failed at nothing
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    self.door.guard.note(peer.ip(), Failure::Handshake);
                }
            }
        }
    }

    async fn talk<I>(
        self,
        io: I,
        peer: SocketAddr,
        visitor: Visitor,
        stay: Stay,
        routes: BoxedFilter<(Response,)>,
        watcher: Watcher,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Patience::new(io, self.write_timeout));
        let guard = self.door.guard;
        let ended = match stay {
            Stay::Served(_permit, _seat) => {
                let answer = service_fn(|request| answer(request, peer, &visitor, &guard, &routes, self.overload));
                watcher.watch(self.http.serve_connection(io, answer)).await
            }
            Stay::TurnedAway(_permit) => {
                let service = service_fn(|request| turn_away(request, self.overload));
                watcher.watch(self.short.serve_connection(io, service)).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ends early");
        }
    }
}

/// Admits a request and lets the routes answer it, who learn who sends it; or refuses it. An error closes the connection.
async fn answer(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    visitor: &Visitor,
    guard: &Guard,
    routes: &BoxedFilter<(Response,)>,
    overload: Overload,
) -> Result<Response, HungUp> {
    if let Err(denied) = guard.admit(visitor, request.method(), request.uri().path(), request.headers()).await {
        if hangs_up(&request, overload) {
            return Err(HungUp);
        }
        // a browser would show a form of its own in place of the page's
        let of_page = request.headers().contains_key("x-oversight-page");
        // who waits for our word before it sends anything is not asked for more
        if !request.headers().contains_key(EXPECT) {
            let _ = timeout(LEFTOVER, discard(request.into_body().into_data_stream())).await;
        }
        let mut response = Refusal::from(denied).into_response();
        if of_page {
            response.headers_mut().remove(WWW_AUTHENTICATE);
        }
        return Ok(genuine(response));
    }
    request.extensions_mut().insert(Peer(peer));
    match warp::service(routes.clone()).oneshot(request).await {
        Ok(response) if response.extensions().get::<Unanswered>().is_some() => Err(HungUp),
        Ok(response) => Ok(genuine(response)),
        Err(never) => match never {},
    }
}

/// Whether the sender takes any answer to its events for a good one, and only a closed connection for none.
fn hangs_up(request: &Request<Incoming>, overload: Overload) -> bool {
    request.uri().path().ends_with("/_bulk") && closes(overload, request.headers())
}

/// There is no room, or no permission, and the sender understands no answer that says so.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer, so that it is sent again (bulk.overload)")]
struct HungUp;

/// Clients of Elasticsearch refuse to talk to anybody who does not say this.
fn genuine(mut response: Response) -> Response {
    response.headers_mut().insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    response
}

/// There is no place: 503, once the request has been read, or no answer where that would be taken for a good one.
async fn turn_away(request: Request<Incoming>, overload: Overload) -> Result<Response, HungUp> {
    if hangs_up(&request, overload) {
        return Err(HungUp);
    }
    let _ = timeout(TURNED_AWAY_WITHIN, discard(request.into_body().into_data_stream())).await;
    Ok(genuine(Refusal::Crowded.into_response()))
}

/// Counts one open connection while it lives.
struct Open;

impl Open {
    fn new() -> Self {
        CONNECTIONS_OPEN.add(1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        CONNECTIONS_OPEN.add(-1);
    }
}
