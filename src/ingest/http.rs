//! The routes. Filters match path and nothing else; method and body are looked at inside, and there is always an answer:
//! a rejection would let another route answer in our place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tokio::time::{Instant, timeout};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::Ingest;
use super::admit::Seen;
use super::answer::Answer;
use super::body::{Body, discard, read};
use super::elastic;
use super::error::Refusal;
use super::format::Form;
use super::intake::{Intake, understand};
use super::keep::Unkept;
use super::room::Share;
use crate::telemetry::catalogue::{BODIES_REFUSED, EVENTS_RECEIVED, EVENTS_REPEATED, INGEST_ANSWER_SECONDS};

/// Who is at the other end of a connection; the server puts it into the extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Which of our paths a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `/`
    Root,
    /// `/v1/events`
    Events,
}

/// `POST` and `PUT` of events to `/` and `/v1/events`; `GET` and `HEAD` of `/`. Rejects other paths only.
pub fn routes(ingest: Arc<Ingest>) -> BoxedFilter<(Response,)> {
    let root = warp::path::end().map(|| Place::Root);
    let events = warp::path!("v1" / "events").map(|| Place::Events);
    root.or(events)
        .unify()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::filters::ext::optional::<Peer>())
        .and(warp::body::stream())
        .then(move |place, method, headers, peer, body| {
            let ingest = Arc::clone(&ingest);
            async move { ingest.respond(place, &method, &headers, peer, body).await }
        })
        .boxed()
}

/// Answers what no other route has: 404 as JSON, once the body has been read.
pub(super) fn no_such_path() -> BoxedFilter<(Response,)> {
    warp::body::stream()
        .then(|body| async move {
            let _ = timeout(LEFTOVER, discard(body)).await;
            Refusal::NoSuchPath.into_response()
        })
        .boxed()
}

/// How long the body of a request may take that is refused for its path or method.
pub(super) const LEFTOVER: Duration = Duration::from_secs(5);
/// A body above this size is looked into on a thread of its own, where it delays no other.
pub(super) const LARGE: usize = 256 << 10;

impl Ingest {
    async fn respond<S, B>(
        &self,
        place: Place,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<Peer>,
        body: S,
    ) -> Response
    where
        S: Stream<Item = Result<B, warp::Error>>,
        B: Buf,
    {
        match (method, place) {
            (&Method::POST | &Method::PUT, _) => {
                let started = self.clock.monotonic();
                let answer = self.take(headers, peer, body).await;
                INGEST_ANSWER_SECONDS.observe(self.clock.monotonic().saturating_sub(started));
                answer.map_or_else(refuse, Answer::into_response)
            }
            (&Method::GET | &Method::HEAD, Place::Root) => elastic::greeting(self, headers),
            (_, place) => {
                let _ = timeout(LEFTOVER, discard(body)).await;
                let allowed = if place == Place::Root { "GET, HEAD, POST, PUT" } else { "POST, PUT" };
                Refusal::WrongMethod { allowed }.into_response()
            }
        }
    }

    /// Takes one body. Who the sender is and whether it may is decided before this reads a byte.
    async fn take<S, B>(&self, headers: &HeaderMap, peer: Option<Peer>, body: S) -> Result<Answer, Refusal>
    where
        S: Stream<Item = Result<B, warp::Error>>,
        B: Buf,
    {
        let form = Form::of(headers.get(CONTENT_TYPE).map_or(b"", |value| value.as_bytes()));
        let (body, share) = read(body, headers, &self.settings, &self.room).await?;
        let deadline = Instant::now() + self.settings.answer_within;
        let (intake, told, share) = self.understand(body, form, sender("http", peer), share).await?;
        let seen = self.admit(intake, share, deadline).await?;
        if let (Ok(answer), Seen::Again) = (&told, seen) {
            again(answer.accepted + answer.refused);
        }
        told.map(|answer| Answer { repeated: if seen == Seen::Again { answer.accepted } else { 0 }, ..answer })
    }

    async fn understand(
        &self,
        body: Body,
        form: Form,
        source: Box<str>,
        share: Share,
    ) -> Result<(Intake, Result<Answer, Refusal>, Share), Refusal> {
        let received = self.clock.now();
        let settings = Arc::clone(&self.settings);
        let length = body.len();
        // the share goes along: the work holds the body even when the request is gone
        let work = move || {
            let (intake, told) = understand(body, form, source, received, &settings)?;
            Ok((intake, told, share))
        };
        apart(length, work).await?
    }
}

/// Who sent something, and through which door.
pub(super) fn sender(door: &str, peer: Option<Peer>) -> Box<str> {
    peer.map_or_else(|| door.into(), |Peer(address)| format!("{door} {}", address.ip()).into())
}

/// Looks into a body of `length` bytes, on a thread of its own where it is large.
pub(super) async fn apart<T: Send + 'static>(
    length: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unkept> {
    if length <= LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Unkept::Lost)
}

/// Counts the members of a body that had been taken before.
pub(super) fn again(members: usize) {
    EVENTS_RECEIVED.add(members as u64);
    EVENTS_REPEATED.add(members as u64);
}

/// Counts a body that is not taken, and says why.
pub(super) fn refused(refusal: &Refusal) {
    BODIES_REFUSED.add(1);
    tracing::debug!(reason = %refusal, "a body is refused");
}

fn refuse(refusal: Refusal) -> Response {
    refused(&refusal);
    refusal.into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::io::AsyncWriteExt;

    use super::super::harness::{Reply, Running, Scripted, small};
    use super::super::{HttpSettings, Unkept};
    use super::*;

    const ARRAY: &str = r#"[{"a":1},{"b":"2"}]"#;
    const MEMBERS: [&str; 2] = [r#"{"a":1}"#, r#"{"b":"2"}"#];

    async fn running() -> (Running, Arc<Scripted>) {
        let kept = Scripted::new();
        (Running::with(&kept, small()).await, kept)
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn every_format_ends_up_in_the_spool() {
        let (oversight, kept) = running().await;
        for (headers, body) in [
            ("content-type: application/json\r\n", ARRAY),
            ("", "{\"a\":1}\n{\"b\":\"2\"}\n"),
            ("content-type: application/x-ndjson\r\n", "{\"a\":1}\r\n\r\n{\"b\":\"2\"}"),
        ] {
            assert_eq!(oversight.post(headers, body).await.counts(), (200, 2, 0, 0), "{body}");
            assert_eq!(kept.events().pop().unwrap(), MEMBERS, "{body}");
        }
        let form = oversight.post("content-type: application/x-www-form-urlencoded\r\n", "x=1&y=a+b").await;
        assert_eq!(form.counts(), (200, 1, 0, 0));
        assert_eq!(kept.events().pop().unwrap(), [r#"{"x":"1","y":"a b"}"#]);
        let text = oversight.post("content-type: text/plain; charset=UTF-8\r\n", "a \"line\"").await;
        assert_eq!(text.counts(), (200, 1, 0, 0));
        assert_eq!(kept.events().pop().unwrap(), [r#"{"message":"a \"line\""}"#]);
        assert_eq!(oversight.post("", "[]").await.counts(), (200, 0, 0, 0));
        assert_eq!(&*kept.batches.lock().unwrap()[0].source, "http 127.0.0.1");
    }

    #[tokio::test]
    async fn every_encoding_is_undone() {
        let (oversight, kept) = running().await;
        let zstd = zstd::stream::encode_all(ARRAY.as_bytes(), 3).unwrap();
        for (place, (coding, body)) in
            [("gzip", gzip(ARRAY.as_bytes())), ("deflate", zlib(ARRAY.as_bytes())), ("zstd", zstd)].iter().enumerate()
        {
            let reply = oversight.post(&format!("content-encoding: {coding}\r\n"), body).await;
            // the same body however it is encoded
            assert_eq!(reply.counts(), (200, 2, 0, if place == 0 { 0 } else { 2 }), "{coding}");
        }
        assert_eq!(kept.events(), [MEMBERS]);
        let unknown = oversight.post("content-encoding: br\r\n", ARRAY).await;
        assert_eq!(unknown.error().0, 415);
    }

    #[tokio::test]
    async fn a_chunked_body_and_one_that_waits_for_100_are_taken() {
        let (oversight, kept) = running().await;
        let (start, end) = ARRAY.split_at(9);
        let chunked = format!(
            "PUT /v1/events HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n\
             {:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
            start.len(),
            end.len(),
        );
        assert_eq!(oversight.send(chunked).await.counts(), (200, 2, 0, 0));
        let mut connection = oversight.connect().await;
        let head = "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
        connection.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(Reply::read(&mut connection).await.unwrap().status, 100);
        connection.write_all(br#"{"c":"3"}"#).await.unwrap();
        assert_eq!(Reply::read(&mut connection).await.unwrap().counts(), (200, 1, 0, 0));
        assert_eq!(kept.events(), [&MEMBERS[..], &[r#"{"c":"3"}"#]]);
    }

    #[tokio::test]
    async fn bad_members_become_dead_letters_and_the_others_are_taken() {
        let (oversight, kept) = running().await;
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let bad: [&[u8]; 5] = [
            br#"{"n":NaN}"#,
            b"{\"u\":\"\xff\"}",
            br#"{"c":1,}"#,
            b"null",
            &[b"{\"d\":", deep.as_bytes(), b"}"].concat(),
        ];
        let body = [b"[{\"a\":1},", bad.join(&b","[..]).as_slice(), b",{\"b\":\"2\"}]"].concat();
        let reply = oversight.post("", &body).await;
        assert_eq!(reply.counts(), (200, 2, 5, 0));
        assert_eq!(kept.events(), [MEMBERS]);
        assert_eq!(kept.buried(), bad);
        assert_eq!(reply.json["errors"][0]["position"], 1);
        assert_eq!(reply.json["errors"][0]["offset"], 14);
        assert_eq!(oversight.post("", "[null,1]").await.counts(), (200, 0, 2, 0));
    }

    #[tokio::test]
    async fn an_unreadable_body_is_400_with_its_place_and_kept_as_it_came() {
        let (oversight, kept) = running().await;
        let half = "[{\"a\":1},\n{\"b\":";
        let reply = oversight.post("", half).await;
        assert_eq!(reply.error(), (400, "the body cannot be read: it breaks off before its end"));
        assert_eq!(reply.json["error"]["where"], "byte 15, line 2");
        let garbage = oversight.post("content-encoding: gzip\r\n", "no gzip").await;
        assert_eq!(garbage.error().0, 400);
        let cut = gzip(ARRAY.as_bytes());
        let cut = &cut[..cut.len() - 3];
        assert_eq!(oversight.post("content-encoding: gzip\r\n", cut).await.error().0, 400);
        let expected: [&[u8]; 3] = [half.as_bytes(), b"no gzip", cut];
        assert_eq!(kept.buried(), expected);
        assert_eq!(oversight.post("", half).await.error().0, 400);
        assert_eq!(kept.buried().len(), 3, "sent again it is kept once");
        assert_eq!(oversight.post("", "").await.error(), (400, "the body is empty"));
        assert!(kept.events().is_empty());
    }

    #[tokio::test]
    async fn a_body_over_a_limit_is_413_and_names_the_limit() {
        let (oversight, kept) = running().await;
        let mut connection = oversight.connect().await;
        let head = format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", 200 << 20);
        connection.write_all(head.as_bytes()).await.unwrap();
        let megabyte = vec![b' '; 1 << 20];
        for _ in 0..200 {
            connection.write_all(&megabyte).await.unwrap();
        }
        let reply = Reply::read(&mut connection).await.unwrap();
        assert_eq!(reply.error(), (413, "the body is larger than 1048576 bytes (http.max_body)"));
        // the connection goes on
        connection.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        assert_eq!(Reply::read(&mut connection).await.unwrap().json["name"], "oversight");

        let bomb = oversight.post("content-encoding: gzip\r\n", gzip(&vec![b' '; 50 << 20])).await;
        assert_eq!(bomb.error(), (413, "the body is larger than 4194304 bytes (http.max_decompressed)"));
        let waiting = "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n";
        assert_eq!(oversight.send(waiting).await.error().0, 413);
        oversight.ingest.settled().await;
        assert!(kept.events().is_empty() && kept.buried().is_empty());
    }

    #[tokio::test]
    async fn a_body_that_comes_again_is_taken_once() {
        let (oversight, kept) = running().await;
        let body = r#"[{"a":1},{"b":},{"c":3}]"#;
        let first = oversight.post("", body).await;
        assert_eq!(first.counts(), (200, 2, 1, 0));
        let again = oversight.post("", body).await;
        assert_eq!(again.counts(), (200, 2, 1, 2));
        assert_eq!(again.json["errors"], first.json["errors"]);
        assert_eq!((kept.events().len(), kept.buried().len()), (1, 1));
    }

    #[tokio::test]
    async fn the_same_body_many_times_at_once_is_taken_once() {
        let (oversight, kept) = running().await;
        kept.stall();
        let replies = futures_util::future::join_all((0..20).map(|_| oversight.post("", ARRAY)));
        let release = async {
            tokio::task::yield_now().await;
            kept.turns.add_permits(20);
        };
        let (replies, ()) = tokio::join!(replies, release);
        let repeated = replies.iter().filter(|reply| reply.counts() == (200, 2, 0, 2)).count();
        let first = replies.iter().filter(|reply| reply.counts() == (200, 2, 0, 0)).count();
        assert_eq!((first, repeated), (1, 19));
        assert_eq!(kept.events(), [MEMBERS]);
    }

    #[tokio::test]
    async fn a_full_spool_is_429_with_the_time_to_come_again_and_takes_it_then() {
        let (oversight, kept) = running().await;
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::from_secs(7) });
        let reply = oversight.post("", ARRAY).await;
        assert_eq!(reply.error(), (429, "the spool is full, send again"));
        assert_eq!(reply.header("retry-after"), Some("7"));
        *kept.append_fails.lock().unwrap() = None;
        assert_eq!(oversight.post("", ARRAY).await.counts(), (200, 2, 0, 0));
    }

    #[tokio::test]
    async fn a_slow_spool_is_429_in_time_and_the_repetition_is_taken_once() {
        let kept = Scripted::new();
        let settings = HttpSettings { answer_within: Duration::from_millis(50), ..small() };
        let oversight = Running::with(&kept, settings).await;
        kept.stall();
        let late = "the spool does not answer in time, send again";
        assert_eq!(oversight.post("", ARRAY).await.error(), (429, late));
        // the first is still under way
        assert_eq!(oversight.post("", ARRAY).await.error(), (429, late));
        kept.turns.add_permits(2);
        oversight.ingest.settled().await;
        assert_eq!(oversight.post("", ARRAY).await.counts(), (200, 2, 0, 2));
        assert_eq!(kept.events(), [MEMBERS]);
    }

    #[tokio::test]
    async fn a_sender_that_goes_away_does_not_take_its_events_along() {
        let (oversight, kept) = running().await;
        kept.stall();
        let mut connection = oversight.connect().await;
        let request = format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{ARRAY}", ARRAY.len());
        connection.write_all(request.as_bytes()).await.unwrap();
        // the same body under way on a second connection shows that the first has been handed over
        let second = oversight.post("", ARRAY);
        drop(connection);
        kept.turns.add_permits(1);
        assert_eq!(second.await.status, 200);
        oversight.ingest.settled().await;
        assert_eq!(kept.events(), [MEMBERS]);
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_503_and_nothing_is_forgotten() {
        let (oversight, kept) = running().await;
        let broken = Some(Unkept::Disk("no space left".into()));
        kept.append_fails.lock().unwrap().clone_from(&broken);
        let body = r#"[{"a":1},null]"#;
        assert_eq!(oversight.post("", body).await.error(), (503, "the spool cannot write: no space left"));
        *kept.append_fails.lock().unwrap() = None;
        *kept.bury_fails.lock().unwrap() = broken;
        assert_eq!(oversight.post("", body).await.status, 503);
        assert_eq!(oversight.post("", body).await.status, 503);
        *kept.bury_fails.lock().unwrap() = None;
        assert_eq!(oversight.post("", body).await.counts(), (200, 1, 1, 1));
        assert_eq!((kept.events().len(), kept.buried()), (1, vec![b"null".to_vec()]));
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_503_which_logstash_sends_again() {
        let settings = HttpSettings { body_timeout: Duration::from_millis(50), ..small() };
        let oversight = Running::with(&Scripted::new(), settings).await;
        let reply = oversight.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n[{\"a\":").await;
        assert_eq!(reply.error(), (503, "the body did not arrive within 50ms (http.body_timeout)"));
        assert_eq!(reply.header("connection"), Some("close"));
    }

    #[tokio::test]
    async fn other_methods_and_paths_are_told_so() {
        let (oversight, _) = running().await;
        let status = async |line: &str| oversight.send(format!("{line} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        let greeting = status("GET /").await;
        assert_eq!((greeting.status, &greeting.json["name"]), (200, &"oversight".into()));
        let wrong = status("DELETE /").await;
        assert_eq!((wrong.error().0, wrong.header("allow")), (405, Some("get, head, post, put")));
        let wrong = status("GET /v1/events").await;
        assert_eq!((wrong.error().0, wrong.header("allow")), (405, Some("post, put")));
        assert_eq!(status("GET /nothing").await.error().0, 404);
        let body = oversight.send("POST /nothing HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\nx").await;
        assert_eq!(body.error().0, 404);
        let mut connection = oversight.connect().await;
        connection.write_all(b"HEAD / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
        // a HEAD has no body, whatever its content-length says
        let mut head = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut connection, &mut head).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[tokio::test]
    async fn a_body_that_was_taken_before_a_restart_is_known_after_it() {
        use crate::clock::Clock;
        use crate::spool::{RealFiles, Settings, open};
        let folder = tempfile::tempdir().unwrap();
        let body = r#"[{"a":1},null]"#;
        for counts in [(200, 1, 1, 0), (200, 1, 1, 1)] {
            let opened = open(Settings::in_folder(folder.path()), Arc::new(RealFiles), Clock::system()).unwrap();
            let recent = opened.spool.recent().to_vec();
            let ingest = Ingest::new(small(), Arc::new(opened.spool.clone()), recent, Clock::system());
            let oversight = Running::around(ingest, small()).await;
            assert_eq!(oversight.post("", body).await.counts(), counts);
            assert_eq!(oversight.post("", body).await.counts(), (200, 1, 1, 1));
            // whether the dead letter was written before a crash cannot be known, so it is written again
            assert_eq!(opened.spool.dead_letters().count(), 1 + counts.3);
            oversight.stop().await.unwrap();
            opened.spool.close().unwrap();
        }
    }
}
