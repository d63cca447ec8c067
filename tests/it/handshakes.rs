//! What each shipper says to an Elasticsearch, replayed byte for byte, and what it has to hear.
//!
//! `tests/handshakes/NAME.http` holds requests as they came, each below a line that begins with `###`: the status that
//! is expected, then texts that have to be in the answer's body, separated by spaces. A line that begins with `#` above
//! the first request says where they are from.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::harness::oversight::Oversight;

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_handshake_is_answered_as_its_client_wants() {
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = Oversight::start(folder.path(), &[]);
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handshakes");
    let mut events = 0;
    for file in fs::read_dir(recorded).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        // one connection, as shippers do it: an answer that does not end where it should breaks the next
        let mut connection = TcpStream::connect(("127.0.0.1", oversight.port)).unwrap();
        for exchange in text.split("### ").skip(1) {
            let (expected, request) = exchange.split_once('\n').unwrap();
            events += replay(&mut connection, &path, expected, request);
        }
    }
    assert!(events > 20, "the recordings bring events: {events}");
    assert_eq!(oversight.metric("oversight_events_received_total").await, f64::from(events));
    oversight.drained().await;
    assert!(oversight.stop().success());
}

/// Sends one request and holds the answer against what is expected; gives the number of documents in it.
fn replay(connection: &mut TcpStream, path: &Path, expected: &str, request: &str) -> u32 {
    let (head, body) = request.split_once("\n\n").unwrap();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let body = &body[..length.unwrap_or(0)];
    connection.write_all(format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")).as_bytes()).unwrap();
    let line = head.lines().next().unwrap();
    let context = format!("{}: {line}", path.display());
    let (status, headers, answer) = read(connection, line.starts_with("HEAD"));
    let mut expected = expected.split(' ');
    assert_eq!(status, expected.next().unwrap(), "{context}: {answer}");
    assert!(headers.contains("x-elastic-product: Elasticsearch"), "{context}: {headers}");
    for text in expected {
        assert!(answer.contains(text), "{context}: {text} is not in {answer}");
    }
    match line.contains("_bulk") {
        true => u32::try_from(body.lines().count() / 2).unwrap(),
        false => 0,
    }
}

/// Status, headers and body of an answer.
fn read(connection: &mut TcpStream, bodiless: bool) -> (String, String, String) {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "the connection ends: {head}");
    }
    let status = head.split(' ').nth(1).unwrap().to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; if bodiless { 0 } else { length }];
    reader.read_exact(&mut body).unwrap();
    (status, head, String::from_utf8(body).unwrap())
}
