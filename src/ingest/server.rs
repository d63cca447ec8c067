//! The listener: an accept loop of our own around the routes, because warp's has no limits.
//!
//! More connections than allowed are not left hanging: some are told 503, and only beyond those does the kernel keep them
//! waiting; an address that has more than its share is told 503 too, or closed, and keeps nobody else waiting. When the
//! end is asked for, requests under way are finished, for a bounded time; then their connections are closed. What
//! happens on a connection stands in `connection`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Reply};

use super::HttpSettings;
use super::connection::{Host, Stay};
use super::crowd::Crowd;
use super::http::no_such_path;
use crate::access::{Door, Origin};
use crate::telemetry::catalogue::CONNECTIONS_TURNED_AWAY;

/// Connections beyond the limit that are told so at one time.
const TURNED_AWAY: usize = 64;

/// Serves `routes` on `listener` until `shutdown` is ready, then finishes what is under way; what takes longer than
/// [`HttpSettings::drain`] is cut off. Paths that `routes` rejects are answered 404. Every request passes `door`.
pub async fn serve<F, R>(
    listener: TcpListener,
    routes: F,
    settings: HttpSettings,
    door: Door,
    shutdown: impl Future<Output = ()>,
) where
    F: Filter<Extract = (R,), Error = warp::Rejection> + Clone + Send + Sync + 'static,
    R: Reply + 'static,
{
    let routes = routes.map(Reply::into_response).or(no_such_path()).unify().boxed();
    let mut server = Server::new(&settings, door);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let place = tokio::select! {
            place = server.place() => place,
            () = &mut shutdown => break,
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => server.spawn(place, tcp, peer, &routes),
                Err(error) => after_failed_accept(&error).await,
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    server.drain(settings.drain).await;
}

/// What is to become of the next connection.
enum Place {
    Served(OwnedSemaphorePermit),
    TurnedAway(OwnedSemaphorePermit),
}

struct Server {
    host: Host,
    served: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    crowd: Crowd,
    graceful: GracefulShutdown,
    connections: JoinSet<()>,
}

impl Server {
    fn new(settings: &HttpSettings, door: Door) -> Self {
        Self {
            host: Host::new(settings, door),
            served: Arc::new(Semaphore::new(settings.max_connections)),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
            crowd: Crowd::new(settings.max_connections_per_address),
            graceful: GracefulShutdown::new(),
            connections: JoinSet::new(),
        }
    }

    /// Waits for a place to have a connection in. Meanwhile the tasks of closed connections are joined.
    async fn place(&mut self) -> Place {
        while self.connections.try_join_next().is_some() {}
        if let Ok(permit) = Arc::clone(&self.served).try_acquire_owned() {
            return Place::Served(permit);
        }
        const OPEN: &str = "the semaphores are never closed";
        tokio::select! {
            biased;
            permit = Arc::clone(&self.served).acquire_owned() => Place::Served(permit.expect(OPEN)),
            permit = Arc::clone(&self.turned_away).acquire_owned() => Place::TurnedAway(permit.expect(OPEN)),
        }
    }

    fn spawn(&mut self, place: Place, tcp: TcpStream, peer: SocketAddr, routes: &BoxedFilter<(Response,)>) {
        // a place may have become free since the loop began to wait for a connection
        let place = match Arc::clone(&self.served).try_acquire_owned() {
            Ok(permit) if matches!(place, Place::TurnedAway(_)) => Place::Served(permit),
            _ => place,
        };
        let Some(stay) = self.stay(place, peer) else { return };
        let (host, routes, watcher) = (self.host.clone(), routes.clone(), self.graceful.watcher());
        self.connections.spawn(async move { host.receive(tcp, peer, stay, routes, watcher).await });
    }

    /// How the connection may stay; none where its address has more than its share, and so many are being told so
    /// that this one is closed.
    fn stay(&self, place: Place, peer: SocketAddr) -> Option<Stay> {
        let told = match place {
            Place::Served(permit) => match self.crowd.enter(Origin::of(peer.ip())) {
                Some(seat) => return Some(Stay::Served(permit, seat)),
                None => Arc::clone(&self.turned_away).try_acquire_owned().ok(),
            },
            Place::TurnedAway(permit) => Some(permit),
        };
        CONNECTIONS_TURNED_AWAY.add(1);
        told.map(Stay::TurnedAway)
    }

    async fn drain(mut self, within: Duration) {
        let left = timeout(within, self.graceful.shutdown()).await.is_err();
        if left {
            tracing::warn!(connections = self.connections.len(), ?within, "requests are cut off, they took too long");
        }
        self.connections.shutdown().await;
    }
}

/// A listener that cannot accept is not given up: descriptors that have run out come back.
async fn after_failed_accept(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, "connections cannot be accepted; the next try is in 50 ms");
        sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::connection::BUFFER;
    use super::super::harness::{Reply, Running, Scripted, small};
    use super::*;

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 7\r\n\r\n{\"a\":1}";

    #[tokio::test]
    async fn a_connection_that_sends_no_headers_is_closed() {
        let settings = HttpSettings { header_timeout: Duration::from_millis(50), ..small() };
        let oversight = Running::with(&Scripted::new(), settings).await;
        let (mut silent, mut slow, mut idle) =
            (oversight.connect().await, oversight.connect().await, oversight.connect().await);
        slow.write_all(b"POST / HTTP/1.1\r\nhost:").await.unwrap();
        idle.write_all(REQUEST).await.unwrap();
        assert_eq!(Reply::read(&mut idle).await.unwrap().status, 200);
        for connection in [&mut silent, &mut slow, &mut idle] {
            // ends when the server closes
            let _ = connection.read_to_end(&mut Vec::new()).await;
        }
    }

    #[tokio::test]
    async fn headers_are_bounded_in_number_and_size() {
        let oversight = Running::with(&Scripted::new(), small()).await;
        let many: String = (0..65).map(|n| format!("x-{n}: 1\r\n")).collect();
        let large = format!("x: {}\r\n", "y".repeat(4 * BUFFER));
        for headers in [many, large] {
            let reply = oversight.send(format!("GET / HTTP/1.1\r\n{headers}\r\n")).await;
            assert_eq!(reply.status, 431, "{} bytes of headers", headers.len());
        }
    }

    #[tokio::test]
    async fn a_connection_too_many_is_told_so_and_a_place_that_becomes_free_is_given_away() {
        let oversight = Running::with(&Scripted::new(), HttpSettings { max_connections: 1, ..small() }).await;
        let mut first = oversight.connect().await;
        first.write_all(REQUEST).await.unwrap();
        assert_eq!(Reply::read(&mut first).await.unwrap().status, 200);
        let crowded = oversight.send(REQUEST).await;
        assert_eq!(crowded.error().0, 503);
        assert_eq!((crowded.header("retry-after"), crowded.header("connection")), (Some("1"), Some("close")));
        first.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
        first.read_to_end(&mut Vec::new()).await.unwrap();
        // the place is free some moments after the client has seen the end
        while oversight.send(REQUEST).await.status == 503 {}
    }

    #[tokio::test]
    async fn at_the_end_requests_under_way_are_finished_and_idle_connections_closed() {
        let kept = Scripted::new();
        let oversight = Running::with(&kept, small()).await;
        let mut idle = oversight.connect().await;
        idle.write_all(REQUEST).await.unwrap();
        assert_eq!(Reply::read(&mut idle).await.unwrap().status, 200);
        let mut busy = oversight.connect().await;
        busy.write_all(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 7\r\nexpect: 100-continue\r\n\r\n")
            .await
            .unwrap();
        // now it is certain that the server has the request
        assert_eq!(Reply::read(&mut busy).await.unwrap().status, 100);
        let address = oversight.address;
        let ended = oversight.stop();
        assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
        busy.write_all(b"{\"b\":2}").await.unwrap();
        assert_eq!(Reply::read(&mut busy).await.unwrap().counts(), (200, 1, 0, 0));
        ended.await.unwrap();
        assert_eq!(kept.events().len(), 2);
    }

    #[tokio::test]
    async fn what_takes_longer_than_the_drain_is_cut_off() {
        let kept = Scripted::new();
        kept.stall();
        let oversight = Running::with(&kept, HttpSettings { drain: Duration::from_millis(50), ..small() }).await;
        let mut stuck = oversight.connect().await;
        stuck
            .write_all(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 7\r\nexpect: 100-continue\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(Reply::read(&mut stuck).await.unwrap().status, 100);
        let ingest = Arc::clone(&oversight.ingest);
        oversight.stop().await.unwrap();
        assert!(Reply::read(&mut stuck).await.is_none());
        ingest.settled().await;
    }
}
