//! Messages from TCP connections: a task each, which reads, hands over what it has read, and reads on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::super::gathering::{BATCH, Gathering};
use super::super::insist;
use super::framing::{Framer, HEAD};
use super::{DRAIN, LAST_LOOK, Shared};
use crate::telemetry::catalogue::SYSLOG_CONNECTIONS;

/// What is read at once beyond one message.
const READ: usize = 64 << 10;
/// After so long without a byte a peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Takes connections until `stop`, then sees all of them to their end.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(shared.settings.max_connections));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if places.available_permits() == 0 {
            tracing::warn!(
                connections = connections.len(),
                "all connections for syslog are taken (syslog.max_connections); further ones wait"
            );
        }
        let accepted = tokio::select! {
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
                listener.accept().await.map(|(stream, peer)| (place, stream, peer))
            } => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((place, stream, peer)) => {
                let connection = Connection::new(stream, peer, Arc::clone(&shared), stop.clone());
                connections.spawn(async move {
                    let _place = place;
                    SYSLOG_CONNECTIONS.add(1);
                    connection.run().await;
                    SYSLOG_CONNECTIONS.add(-1);
                });
            }
            // descriptors that have run out come back
            Err(error) => {
                tracing::warn!(%error, "connections for syslog cannot be accepted; the next try is in 50 ms");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    framer: Framer,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are no message yet.
    filled: usize,
    gathering: Gathering,
    /// Until when it is read on, once the end has been asked for.
    drained: Option<Instant>,
}

/// What became of a round of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// Everything that was there.
    All,
    /// A batch full, and more is there.
    Some,
    /// The sender has ended.
    End,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        // a peer that has gone without a word would keep its place; it works without, only longer
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
        let most = shared.settings.max_message;
        let framer = Framer::new(shared.settings.framing, most);
        let buffer = vec![0; most + HEAD + READ];
        Self { stream, peer, shared, stop, framer, buffer, filled: 0, gathering: Gathering::default(), drained: None }
    }

    async fn run(mut self) {
        loop {
            let ending = !self.has_more().await;
            let mut read = self.read();
            if ending && read == Read::All {
                self.split(true);
                read = Read::End;
            }
            if !self.hand_over().await || read == Read::End {
                return;
            }
        }
    }

    /// Waits for bytes. False when no more are to be waited for: when the sender takes too long, and at the end of
    /// oversight, once everything that had come by then was read.
    async fn has_more(&mut self) -> bool {
        let settings = &self.shared.settings;
        let patience = if self.filled > 0 { settings.message_timeout } else { settings.idle_timeout };
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stopped| *stopped) => {}
            ready = timeout(patience, self.stream.readable()) => {
                if ready.is_err() {
                    tracing::debug!(peer = %self.peer, ?patience, "a syslog connection is closed, nothing comes");
                }
                return ready.is_ok_and(|ready| ready.is_ok());
            }
        }
        let end = *self.drained.get_or_insert_with(|| Instant::now() + DRAIN);
        let ready = timeout(LAST_LOOK, self.stream.readable()).await;
        ready.is_ok_and(|ready| ready.is_ok()) && Instant::now() < end
    }

    /// Reads what is there, up to a batch.
    fn read(&mut self) -> Read {
        while self.gathering.bytes() < BATCH {
            match self.stream.try_read(&mut self.buffer[self.filled..]) {
                Ok(0) => {
                    self.split(true);
                    return Read::End;
                }
                Ok(count) => {
                    self.filled += count;
                    self.split(false);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Read::All,
                Err(error) => {
                    tracing::debug!(peer = %self.peer, %error, "a syslog connection ends early");
                    self.split(true);
                    return Read::End;
                }
            }
        }
        Read::Some
    }

    fn split(&mut self, ended: bool) {
        let received = self.shared.clock.now();
        let (reading, peer, gathering) = (self.shared.reading, self.peer, &mut self.gathering);
        let used = self.framer.split(&self.buffer[..self.filled], ended, |frame| {
            gathering.add(None, |out| reading.write(out, frame, peer, received));
        });
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
    }

    /// False when it could not be kept, at the end.
    async fn hand_over(&mut self) -> bool {
        if self.gathering.is_empty() {
            return true;
        }
        let source = format!("syslog tcp {}", self.peer.ip()).into();
        let batch = std::mem::take(&mut self.gathering).into_batch(source, self.shared.clock.now());
        let events = batch.members.len();
        let kept = insist::append(self.shared.keep.as_ref(), batch, self.stop.clone()).await;
        if kept.is_err() {
            tracing::error!(events, peer = %self.peer, "syslog messages are lost: the spool has no room, and oversight ends");
        }
        kept.is_ok()
    }
}
