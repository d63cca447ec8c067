//! Syslog over TCP and UDP: messages of RFC 5424 and RFC 3164 become events.
//!
//! Syslog has neither answers nor authentication. What that means here:
//!
//! - What has been read from a TCP connection is kept, however long the spool takes: nothing more is read meanwhile, and the
//!   sender is held up by its own socket. Nothing is dropped. A crash of this process loses what lay in the two socket
//!   buffers and the batch that was being synced; the sender has no way to know, and no syslog over TCP has.
//! - UDP cannot be held up. What comes faster than it can be kept waits in a queue of bounded size; what does not fit is
//!   dropped, counted and said, and so is what the kernel drops before us.
//! - Every message is an event, also when it is equal to another, and when nobody understands it.
//!
//! The way of a message: `tcp` or `udp` (bytes) → `framing` (where it ends) → `header` and `payload` (what it says) → `message`
//! (the event) → the batch that is handed to the spool as soon as nothing more is waiting to be read.
//!
//! Memory: a buffer of one message and one batch for each connection, and the queue for UDP.

mod framing;
pub(super) mod fuzzing;
mod header;
mod kernel;
mod message;
mod payload;
mod tcp;
mod udp;
mod year;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;

use super::json::{Bounds, DEEPEST};
use super::keep::Keep;
use crate::clock::Clock;
use crate::config::TimeZone;
use message::Reading;

pub use framing::Framing;

/// At the end, how long it is looked for what has come already and the runtime does not know of yet.
const LAST_LOOK: Duration = Duration::from_millis(20);
/// At the end, how long a sender is read from that does not stop sending.
const DRAIN: Duration = Duration::from_secs(2);

/// What listens, and within which bounds. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Where connections come in; none for none.
    pub listen_tcp: Option<SocketAddr>,
    /// Where datagrams come in; none for none.
    pub listen_udp: Option<SocketAddr>,
    /// How messages on a connection are told apart.
    pub framing: Framing,
    /// Of times that do not say theirs.
    pub time_zone: TimeZone,
    /// The longest message; what is longer is cut.
    pub max_message: usize,
    /// Open connections; further ones wait to be accepted.
    pub max_connections: usize,
    /// After so long without a byte a connection is closed.
    pub idle_timeout: Duration,
    /// How long the rest of a message that has begun may take.
    pub message_timeout: Duration,
    /// The kernel's buffer for datagrams.
    pub udp_receive_buffer: usize,
    /// What may wait for the spool of what came as datagrams.
    pub udp_queue: usize,
    /// Whether the line is kept as `event.original`.
    pub keep_original: bool,
    /// Levels of nesting in a message that is JSON; one with more is a text.
    pub max_depth: u32,
    /// Fields in a message that is JSON; one with more is a text.
    pub max_fields: u32,
}

impl Default for SyslogSettings {
    fn default() -> Self {
        Self {
            listen_tcp: None,
            listen_udp: None,
            framing: Framing::Auto,
            time_zone: TimeZone::UTC,
            max_message: 64 << 10,
            max_connections: 512,
            idle_timeout: Duration::from_secs(3600),
            message_timeout: Duration::from_secs(30),
            udp_receive_buffer: 8 << 20,
            udp_queue: 64 << 20,
            keep_original: true,
            max_depth: 64,
            max_fields: 10_000,
        }
    }
}

impl SyslogSettings {
    fn reading(&self) -> Reading {
        let bounds = Bounds { depth: self.max_depth.min(DEEPEST), fields: self.max_fields, length: self.max_message };
        Reading { zone: self.time_zone, keep_original: self.keep_original, bounds }
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for syslog on {protocol} {address}: {source}; give another address with {key}")]
pub struct ListenFault {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// The setting.
    pub key: &'static str,
    /// The system's words.
    pub source: io::Error,
}

/// Open listeners that nobody reads from yet.
pub struct Listeners {
    settings: SyslogSettings,
    tcp: Option<TcpListener>,
    udp: Option<UdpSocket>,
}

/// What the connections and the datagrams share.
struct Shared {
    settings: SyslogSettings,
    reading: Reading,
    keep: Arc<dyn Keep>,
    clock: Clock,
}

impl Listeners {
    /// Opens what the settings name; nothing where they name nothing.
    ///
    /// # Errors
    /// When an address is taken, or is not ours.
    pub async fn open(settings: SyslogSettings) -> Result<Self, ListenFault> {
        let fault = |protocol, key| move |address, source| ListenFault { protocol, address, key, source };
        let (mut tcp, mut udp) = (None, None);
        if let Some(address) = settings.listen_tcp {
            let bound = TcpListener::bind(address).await;
            tcp = Some(bound.map_err(|source| fault("tcp", "syslog.listen_tcp")(address, source))?);
        }
        if let Some(address) = settings.listen_udp {
            let bound = udp::bind(address, settings.udp_receive_buffer).await;
            udp = Some(bound.map_err(|source| fault("udp", "syslog.listen_udp")(address, source))?);
        }
        Ok(Self { settings, tcp, udp })
    }

    /// Where connections and datagrams come in.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let tcp = self.tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        (tcp, self.udp.as_ref().and_then(|socket| socket.local_addr().ok()))
    }

    /// Takes messages until `stop` says that it is the end; then takes what has come until then, and ends.
    pub async fn serve(self, keep: Arc<dyn Keep>, clock: Clock, stop: watch::Receiver<bool>) {
        let reading = self.settings.reading();
        let shared = Arc::new(Shared { settings: self.settings, reading, keep, clock });
        let (tcp_shared, tcp_stop) = (Arc::clone(&shared), stop.clone());
        let connections = async move {
            if let Some(listener) = self.tcp {
                tcp::serve(listener, tcp_shared, tcp_stop).await;
            }
        };
        let datagrams = async move {
            if let Some(socket) = self.udp {
                udp::serve(socket, shared, stop).await;
            }
        };
        tokio::join!(connections, datagrams);
    }
}

#[cfg(test)]
mod tests {
    use super::super::harness::{Scripted, Shared as Kept};
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    struct Running {
        tcp: SocketAddr,
        udp: SocketAddr,
        kept: Arc<Scripted>,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    async fn running(settings: SyslogSettings) -> Running {
        let any = Some("127.0.0.1:0".parse().unwrap());
        let listeners = Listeners::open(SyslogSettings { listen_tcp: any, listen_udp: any, ..settings }).await.unwrap();
        let (Some(tcp), Some(udp)) = listeners.addresses() else { panic!("both listen") };
        let kept = Scripted::new();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(listeners.serve(Arc::new(Kept(kept.clone())), Clock::system(), stopped));
        Running { tcp, udp, kept, stop, task }
    }

    impl Running {
        /// The texts of all messages that were kept, once it has ended.
        async fn ended(self) -> Vec<String> {
            self.stop.send(true).unwrap();
            self.task.await.unwrap();
            texts(&self.kept)
        }

        async fn has(&self, count: usize) {
            while texts(&self.kept).len() < count {
                tokio::task::yield_now().await;
            }
        }
    }

    /// The texts of all messages that were kept.
    fn texts(kept: &Scripted) -> Vec<String> {
        let text = |event: &String| {
            let event: serde_json::Value = serde_json::from_str(event).unwrap();
            event["message"].as_str().unwrap().to_owned()
        };
        kept.events().iter().flatten().map(text).collect()
    }

    #[tokio::test]
    async fn messages_are_taken_from_connections_and_datagrams_and_say_from_whom() {
        let running = running(SyslogSettings::default()).await;
        let mut connection = TcpStream::connect(running.tcp).await.unwrap();
        connection
            .write_all(b"<13>1 - host app - - - one\n<13>1 - host app - - - two\n<13>1 - h a - - - no end")
            .await
            .unwrap();
        connection.shutdown().await.unwrap();
        running.has(3).await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(b"<13>1 - host app - - - datagram\n", running.udp).await.unwrap();
        running.has(4).await;
        let sources: Vec<String> =
            running.kept.batches.lock().unwrap().iter().map(|batch| batch.source.to_string()).collect();
        assert_eq!(sources.first().unwrap(), "syslog tcp 127.0.0.1");
        assert_eq!(sources.last().unwrap(), "syslog udp 127.0.0.1");
        assert_eq!(running.ended().await, ["one", "two", "no end", "datagram"]);
    }

    #[tokio::test]
    async fn a_connection_waits_while_the_spool_does_and_nothing_of_it_is_lost() {
        let running = running(SyslogSettings::default()).await;
        running.kept.stall();
        let mut connection = TcpStream::connect(running.tcp).await.unwrap();
        let line = format!("<13>1 - host app - - - {}\n", "x".repeat(1000));
        let mut written = 0;
        // until the sender is held up
        while let Ok(sent) =
            tokio::time::timeout(Duration::from_millis(300), connection.write_all(line.as_bytes())).await
        {
            sent.unwrap();
            written += 1;
        }
        assert!(written > 100, "{written}");
        running.kept.turns.add_permits(1 << 10);
        connection.shutdown().await.unwrap();
        // the line that was being written when the patience ended may be there in part
        running.has(written).await;
        assert!(running.ended().await.len() <= written + 1);
    }

    #[tokio::test]
    async fn a_message_that_does_not_come_to_its_end_is_taken_as_far_as_it_came() {
        let running =
            running(SyslogSettings { message_timeout: Duration::from_millis(30), ..SyslogSettings::default() }).await;
        let mut connection = TcpStream::connect(running.tcp).await.unwrap();
        connection.write_all(b"500 <13>1 - host app - - - half").await.unwrap();
        assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "and the connection is closed");
        assert_eq!(running.ended().await, ["half"]);
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_and_one_too_many_waits() {
        let settings = SyslogSettings {
            idle_timeout: Duration::from_millis(100),
            max_connections: 1,
            ..SyslogSettings::default()
        };
        let running = running(settings).await;
        let mut idle = TcpStream::connect(running.tcp).await.unwrap();
        let mut waiting = TcpStream::connect(running.tcp).await.unwrap();
        waiting.write_all(b"<13>1 - host app - - - patient\n").await.unwrap();
        assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
        running.has(1).await;
        assert_eq!(running.ended().await, ["patient"]);
    }

    #[tokio::test]
    async fn datagrams_beyond_the_queue_are_dropped_and_counted() {
        let running = running(SyslogSettings { udp_queue: 4000, ..SyslogSettings::default() }).await;
        running.kept.stall();
        let before = crate::telemetry::catalogue::SYSLOG_DROPPED.value();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        while crate::telemetry::catalogue::SYSLOG_DROPPED.value() == before {
            socket.send_to(&[b'x'; 500], running.udp).await.unwrap();
            tokio::task::yield_now().await;
        }
        running.kept.turns.add_permits(1 << 10);
        let kept = running.ended().await.len();
        assert!((1..100).contains(&kept), "{kept}");
    }

    #[tokio::test]
    async fn what_came_before_the_end_is_kept() {
        let running = running(SyslogSettings::default()).await;
        let mut connection = TcpStream::connect(running.tcp).await.unwrap();
        connection.write_all(b"<13>1 - host app - - - first\n").await.unwrap();
        running.has(1).await;
        connection.write_all(&b"<13>1 - host app - - - last\n".repeat(2000)).await.unwrap();
        assert_eq!(running.ended().await.len(), 2001);
    }
}
