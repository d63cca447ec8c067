//! For the tests of this room: a place to keep bodies that fails as it is told, a server on a free port, and a client
//! that writes its HTTP by hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use warp::Filter;

use super::{HttpSettings, Ingest, Keep, Unkept, elastic, routes, server};
use crate::access::audit::Audit;
use crate::access::{Door, Guard};
use crate::clock::Clock;
use crate::config::Security;
use crate::config::security::Hosts;
use crate::spool::{DeadLetter, NewBatch};

/// Keeps bodies in memory, unless told to fail or to wait.
pub(super) struct Scripted {
    pub batches: Mutex<Vec<NewBatch>>,
    pub letters: Mutex<Vec<DeadLetter>>,
    /// What `append` answers instead.
    pub append_fails: Mutex<Option<Unkept>>,
    /// What `bury` answers instead.
    pub bury_fails: Mutex<Option<Unkept>>,
    /// An append takes one of these; there are more than enough unless a test takes them away.
    pub turns: Arc<Semaphore>,
}

impl Scripted {
    /// Takes everything.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            batches: Mutex::default(),
            letters: Mutex::default(),
            append_fails: Mutex::default(),
            bury_fails: Mutex::default(),
            turns: Arc::new(Semaphore::new(TURNS)),
        })
    }

    /// From now on appends wait until as many turns are given.
    pub fn stall(&self) {
        assert_eq!(self.turns.forget_permits(TURNS), TURNS);
    }

    /// The events that were kept, as text, body by body.
    pub fn events(&self) -> Vec<Vec<String>> {
        let batches = self.batches.lock().unwrap();
        let text = |batch: &NewBatch| {
            let members = batch.members.iter();
            members
                .map(|member| &batch.body[member.range.start as usize..member.range.end as usize])
                .map(|event| String::from_utf8(event.to_vec()).unwrap())
                .collect()
        };
        batches.iter().map(text).collect()
    }

    /// The raw bytes of the dead letters.
    pub fn buried(&self) -> Vec<Vec<u8>> {
        self.letters.lock().unwrap().iter().map(|letter| letter.raw.to_vec()).collect()
    }
}

const TURNS: usize = 1 << 20;

/// The same as the one it is built around, which the test holds on to.
pub(super) struct Shared(pub Arc<Scripted>);

impl Keep for Shared {
    fn append(&self, batch: NewBatch) -> BoxFuture<'static, Result<(), Unkept>> {
        let kept = Arc::clone(&self.0);
        Box::pin(async move {
            kept.turns.acquire().await.unwrap().forget();
            if let Some(unkept) = kept.append_fails.lock().unwrap().clone() {
                return Err(unkept);
            }
            kept.batches.lock().unwrap().push(batch);
            Ok(())
        })
    }

    fn bury(&self, letters: Vec<DeadLetter>) -> BoxFuture<'static, Result<(), Unkept>> {
        let failing = self.0.bury_fails.lock().unwrap().clone();
        if failing.is_none() {
            self.0.letters.lock().unwrap().extend(letters);
        }
        Box::pin(async move { failing.map_or(Ok(()), Err) })
    }
}

/// A server on a port of its own.
pub(super) struct Running {
    pub address: SocketAddr,
    pub ingest: Arc<Ingest>,
    stop: oneshot::Sender<()>,
    pub server: JoinHandle<()>,
}

/// Limits that are small enough to be reached.
pub(super) fn small() -> HttpSettings {
    HttpSettings {
        max_body: 1 << 20,
        max_decompressed: 4 << 20,
        max_event: 1 << 20,
        max_in_flight: 8 << 20,
        answer_within: Duration::from_secs(20),
        ..HttpSettings::default()
    }
    .checked()
    .unwrap()
}

impl Running {
    /// In front of this spool.
    pub async fn with(kept: &Arc<Scripted>, settings: HttpSettings) -> Self {
        let ingest = Ingest::new(settings.clone(), Arc::new(Shared(Arc::clone(kept))), [], Clock::system());
        Self::around(ingest, settings).await
    }

    /// In front of this ingest.
    pub async fn around(ingest: Arc<Ingest>, settings: HttpSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let routes = routes(Arc::clone(&ingest)).or(elastic::routes(Arc::clone(&ingest))).unify();
        // tests ask for paths that nobody has by any name, and want the answer of what lies behind the door
        let open = Security { hosts: Hosts::Any, ..Security::default() };
        let guard = Guard::new(&open, Audit::none(), Clock::system());
        let door = Door { guard: Arc::new(guard), tls: None };
        let server = tokio::spawn(server::serve(listener, routes, settings, door, async {
            let _ = stopped.await;
        }));
        Self { address, ingest, stop, server }
    }

    /// Asks for the end; gives what ends with it.
    pub fn stop(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.server
    }

    /// POST `/` with these header lines and this body, on a connection of its own.
    pub async fn post(&self, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let head = format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        self.send([head.as_bytes(), body].concat()).await
    }

    /// Writes these bytes on a connection of its own and reads one answer.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut connection = self.connect().await;
        connection.write_all(request.as_ref()).await.unwrap();
        Reply::read(&mut connection).await.expect("an answer")
    }

    /// A connection to it.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub head: String,
    pub json: serde_json::Value,
}

impl Reply {
    /// Reads one answer; none where the connection ends before it.
    pub async fn read(connection: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
                let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
                if bytes.len() >= end + 4 + length {
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    let json = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
                    return Some(Self { status, head, json });
                }
            }
            if connection.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// Status, accepted, refused, repeated.
    pub fn counts(&self) -> (u16, u64, u64, u64) {
        let count = |name: &str| self.json[name].as_u64().unwrap_or_else(|| panic!("{self:?}"));
        (self.status, count("accepted"), count("refused"), count("repeated"))
    }

    /// Status and reason of an error.
    pub fn error(&self) -> (u16, &str) {
        assert_eq!(self.json["error"]["status"], self.status, "{self:?}");
        (self.status, self.json["error"]["reason"].as_str().unwrap())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
