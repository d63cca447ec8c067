//! Sending to a server that answers by a script.

use std::io::Read;

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Do {
    Answer(&'static str, &'static str),
    /// Reads it and closes without an answer.
    Close,
}

const TAKEN: Do = Do::Answer("200 OK", "");

/// Answers one request after the other; gives back the bodies it saw.
async fn server(script: Vec<Do>) -> (String, tokio::task::JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let running = tokio::spawn(async move {
        let mut script = script.into_iter();
        let mut bodies = Vec::new();
        let mut next = script.next();
        while next.is_some() {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Some(step) = next {
                let Some(body) = request(&mut stream).await else { break };
                bodies.push(body);
                next = script.next();
                match step {
                    Do::Close => break,
                    Do::Answer(status, rest) => answer(&mut stream, status, rest).await,
                }
            }
        }
        bodies
    });
    (url, running)
}

async fn answer(stream: &mut TcpStream, status: &str, rest: &str) {
    let (headers, body) = rest.split_once('|').unwrap_or((rest, ""));
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// The body of one request; none when the client is gone.
async fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let all = end + 4 + length.parse::<usize>().unwrap();
            if bytes.len() >= all {
                return Some(bytes[end + 4..all].to_vec());
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

fn settings(url: String) -> Settings {
    Settings { url, batch: 3, connections: 1, first_pause: Duration::from_millis(1), ..Settings::default() }
}

fn events(count: usize) -> impl Iterator<Item = Result<String, SourceError>> + Send + 'static {
    (0..count).map(|number| Ok(format!("{{\"n\":{number}}}")))
}

#[tokio::test]
async fn a_batch_is_sent_again_with_the_same_bytes_until_it_is_taken() {
    let full = Do::Answer("429 Too Many Requests", "Retry-After: 0\r\n");
    let (url, running) = server(vec![full, Do::Close, Do::Answer("503 Away", ""), TAKEN, TAKEN]).await;
    let mut heard = Vec::new();
    let report = send(settings(url), events(4), &mut |progress| heard.push(progress)).await.unwrap();
    assert_eq!((report.sent, report.accepted, report.retries), (4, 4, 3));
    let bodies = running.await.unwrap();
    assert_eq!(bodies[0], b"[{\"n\":0},{\"n\":1},{\"n\":2}]");
    assert!(bodies[1..4].iter().all(|body| *body == bodies[0]));
    assert_eq!(bodies[4], b"[{\"n\":3}]");
    assert_eq!(heard.iter().map(|progress| progress.sent).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(heard[1].bytes, (bodies[0].len() + bodies[4].len()) as u64);
}

#[tokio::test]
async fn the_counts_of_the_answers_are_added_up() {
    let first = Do::Answer("200 OK", "|{\"accepted\":2,\"refused\":1,\"repeated\":0}");
    let second = Do::Answer("200 OK", "|{\"accepted\":3,\"refused\":0,\"repeated\":3}");
    let (url, _running) = server(vec![first, second]).await;
    let report = send(settings(url), events(6), &mut |_| {}).await.unwrap();
    assert_eq!((report.sent, report.accepted, report.refused, report.repeated), (6, 5, 1, 3));
}

#[tokio::test]
async fn a_refusal_ends_the_work_with_the_servers_words() {
    let (url, _running) = server(vec![TAKEN, Do::Answer("400 Bad Request", "|not readable")]).await;
    let error = send(settings(url), events(100_000), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "events 4 to 6 were refused with 400 Bad Request: not readable");
}

#[tokio::test]
async fn after_the_deadline_it_gives_up_and_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let settings = Settings { deadline: Some(Duration::ZERO), ..settings(url) };
    let error = send(settings, events(1), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, SendError::Deadline { first: 1, last: 1, .. }), "{error}");
}

#[tokio::test]
async fn compressed_bodies_hold_the_same_events() {
    let (url, running) = server(vec![TAKEN]).await;
    send(Settings { gzip: true, ..settings(url) }, events(2), &mut |_| {}).await.unwrap();
    let mut text = String::new();
    GzDecoder::new(running.await.unwrap()[0].as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "[{\"n\":0},{\"n\":1}]");
}

#[tokio::test]
async fn a_fault_of_the_source_ends_the_work() {
    let (url, _running) = server(vec![TAKEN]).await;
    let broken = || SourceError::Line { path: "x.csv".into(), line: 9, problem: "broken".to_owned() };
    let error = send(settings(url), events(3).chain([Err(broken())]), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "x.csv, line 9: broken");
}

#[tokio::test]
async fn what_is_no_url_is_told_before_anything_is_read() {
    let error = send(settings("nowhere".to_owned()), events(1), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, SendError::Client { .. }));
}
