//! Who is let in, who is not, and what is written down of it; and that nobody can shut others out.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::harness::oversight::{Oversight, client, run};
use crate::harness::skip;
use crate::harness::watched::Watched;

const PASSWORD: &str = "correct horse battery staple";

/// A key as a person makes it: the key, and its line of the configuration.
fn key(name: &str, roles: &str) -> (String, String) {
    let done = run(&["key", "create", "--name", name, "--roles", roles, "--output", "json"]);
    let made: Value = serde_json::from_slice(&done.stdout).expect("one JSON object on standard output");
    let line = format!("    - {{name: {name}, roles: [{roles}], hash: '{}'}}\n", made["hash"].as_str().unwrap());
    (made["key"].as_str().unwrap().to_owned(), line)
}

/// The hash of a password as a person makes it.
fn password_hash() -> String {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_oversight"))
        .args(["key", "hash-password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")))
}

/// Status and answer.
async fn ask(oversight: &Watched, method: &str, path: &str, authorization: &str) -> (u16, Value) {
    let method = method.parse().unwrap();
    let mut request = client().request(method, oversight.url("http", path)).body(r#"{"message":"a"}"#);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    let answer = request.send().await.expect("it answers");
    let status = answer.status().as_u16();
    if status == 401 {
        assert!(answer.headers().contains_key("www-authenticate"));
    }
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_credentials_opens_what_its_roles_say_and_nothing_else() {
    let ((sender, sender_line), (admin, admin_line)) = (key("logstash", "ingest"), key("ops", "admin"));
    let hash = password_hash();
    let folder = tempfile::tempdir().unwrap();
    let oversight = Watched::start(
        folder.path(),
        &format!(
            "security:\n  api_keys:\n{sender_line}{admin_line}  users:\n    \
             - {{name: ana, roles: [read], password_hash: '{hash}'}}\n"
        ),
    );
    let pair = basic("logstash", &sender).replace("Basic", "ApiKey");
    for form in [pair, format!("ApiKey {sender}"), format!("Bearer {sender}"), basic("logstash", &sender)] {
        assert_eq!(ask(&oversight, "POST", "/", &form).await.0, 200, "{form}");
        assert_eq!(ask(&oversight, "GET", "/metrics", &form).await.0, 403, "{form}");
    }
    let ana = basic("ana", PASSWORD);
    assert_eq!(ask(&oversight, "GET", "/v1/search?q=a", &ana).await.0, 200);
    assert_eq!(ask(&oversight, "GET", "/metrics", &ana).await.0, 200);
    let (status, answer) = ask(&oversight, "POST", "/", &ana).await;
    assert_eq!((status, &answer["error"]["status"]), (403, &403.into()), "{answer}");
    for wrong in ["", "Bearer nonsense", &format!("ApiKey {sender}x"), &basic("ana", "wrong"), &basic("eve", "x")] {
        let (status, answer) = ask(&oversight, "POST", "/", wrong).await;
        assert_eq!((status, &answer["error"]["status"]), (401, &401.into()), "{wrong} {answer}");
    }
    assert_eq!(ask(&oversight, "GET", "/health/live", "").await.0, 200);
    // what does not exist is not told to everybody
    assert_eq!(ask(&oversight, "DELETE", "/v1/what", "").await.0, 401);
    assert_eq!(ask(&oversight, "DELETE", "/v1/what", &ana).await.0, 403);
    assert_eq!(ask(&oversight, "DELETE", "/v1/what", &format!("Bearer {admin}")).await.0, 404);

    oversight.until(|| oversight.audit().contains("administered"), "the audit log has the administrator's request");
    let audit = oversight.audit();
    for action in ["started", "no_credentials", "wrong_credentials", "role_too_small", "DELETE /v1/what"] {
        assert!(audit.contains(action), "{action} is not in:\n{audit}");
    }
    for secret in [&sender, &admin, PASSWORD, "nonsense"] {
        assert!(!audit.contains(secret) && !oversight.log().contains(secret), "{secret} is written down");
    }
    let about = std::fs::metadata(folder.path().join("oversight-data/audit.log")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_large_body_without_a_key_reads_why_it_is_refused_and_keeps_the_connection() {
    let (sender, line) = key("logstash", "ingest");
    let folder = tempfile::tempdir().unwrap();
    let oversight = Watched::start(folder.path(), &format!("security:\n  api_keys:\n{line}"));
    let mut connection = TcpStream::connect(("127.0.0.1", oversight.port)).await.unwrap();
    let body = vec![b' '; 8 << 20];
    let head = format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body).await.unwrap();
    assert!(answer(&mut connection).await.starts_with("HTTP/1.1 401"));
    let known =
        format!("POST / HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {sender}\r\ncontent-length: 2\r\n\r\n{{}}");
    connection.write_all(known.as_bytes()).await.unwrap();
    assert!(answer(&mut connection).await.starts_with("HTTP/1.1 200"));
    // who asks first is told before a byte of the body is sent
    let expecting = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    connection.write_all(expecting.as_bytes()).await.unwrap();
    assert!(answer(&mut connection).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_is_let_in_with_a_key_and_with_a_password() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("there is no curl");
    }
    let (sender, line) = key("logstash", "ingest");
    let folder = tempfile::tempdir().unwrap();
    let oversight = Watched::start(folder.path(), &format!("security:\n  api_keys:\n{line}"));
    let url = oversight.url("http", "/");
    let status = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}", &url]);
        String::from_utf8(command.args(arguments).output().unwrap().stdout).unwrap()
    };
    assert_eq!(status(&[]), "401");
    assert_eq!(status(&["-H", &format!("Authorization: ApiKey {sender}")]), "200");
    assert_eq!(status(&["--oauth2-bearer", &sender]), "200");
    assert_eq!(status(&["-u", &format!("logstash:{sender}")]), "200");
    assert_eq!(status(&["-u", "logstash:wrong"]), "401");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_slow_clients_keep_nobody_else_from_being_served() {
    rlimit::increase_nofile_limit(8192).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let limits = [("HTTP_MAX_CONNECTIONS", "4096"), ("HTTP_MAX_CONNECTIONS_PER_ADDRESS", "4096")];
    let oversight = Oversight::start(folder.path(), &limits);
    let mut held = Vec::new();
    for number in 0..2_000 {
        let mut slow = TcpStream::connect(("127.0.0.1", oversight.port)).await.unwrap();
        let start: &[u8] = if number % 2 == 0 {
            b"POST / HTTP/1.1\r\nhost:"
        } else {
            b"POST / HTTP/1.1\r\nhost: slow\r\ncontent-length: 1000\r\n\r\n{"
        };
        slow.write_all(start).await.unwrap();
        held.push(slow);
    }
    for number in 0..100 {
        let (status, answer) = oversight.post("/", format!(r#"{{"number":{number}}}"#)).await;
        assert_eq!((status, &answer["accepted"]), (200, &1.into()), "{answer}");
    }
    assert!(oversight.metric("oversight_connections_open").await >= 2_000.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_the_places_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [("HTTP_MAX_CONNECTIONS", "6"), ("HTTP_MAX_CONNECTIONS_PER_ADDRESS", "3")];
    let oversight = Oversight::start(folder.path(), &limits);
    let port = oversight.port;
    let from = async |address: &str| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let mut connection = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        connection.write_all(b"GET /health/live HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let answer = answer(&mut connection).await;
        (connection, answer)
    };
    let mut held = Vec::new();
    for place in 0..5 {
        let (connection, answer) = from("127.0.0.2").await;
        let expected = if place < 3 { "HTTP/1.1 200" } else { "HTTP/1.1 503" };
        assert!(answer.starts_with(expected), "connection {place}: {answer}");
        held.push(connection);
    }
    assert!(from("127.0.0.3").await.1.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_its_answers_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let oversight = Oversight::start(folder.path(), &[("HTTP_WRITE_TIMEOUT", "1s")]);
    let mut deaf = TcpStream::connect(("127.0.0.1", oversight.port)).await.unwrap();
    let asking = async {
        // ends when the server gives up
        while deaf.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.is_ok() {}
    };
    timeout(Duration::from_secs(60), asking).await.expect("the server gives up");
    assert_eq!(oversight.post("/", "{}").await.0, 200);
}

/// Reads one answer with a content-length, or what there is of it at the end.
async fn answer(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if connection.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}
