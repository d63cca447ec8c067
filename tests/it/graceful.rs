//! Signals, the service manager, and an end within its deadline whatever happens.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::oversight::{Oversight, client};
use crate::harness::skip;
use crate::harness::watched::Watched;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_at_sigterm_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = Watched::start(folder.path(), "log: {level: info}\n");
    let mut under_way = TcpStream::connect(("127.0.0.1", oversight.port)).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 7\r\nexpect: 100-continue\r\n\r\n";
    under_way.write_all(head).await.unwrap();
    let mut answer = [0; 25];
    // now it is certain that the request has begun
    under_way.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    oversight.signal("TERM");
    let refused = || std::net::TcpStream::connect(("127.0.0.1", oversight.port)).is_err();
    oversight.until(refused, "nobody listens any more");
    under_way.write_all(b"{\"b\":2}").await.unwrap();
    let mut rest = String::new();
    under_way.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200") && rest.contains(r#""accepted":1"#), "{rest}");
    assert!(oversight.ended().0.success());
    assert!(oversight.log().contains("ended"), "{}", oversight.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_loses_nothing_that_was_answered_200() {
    let folder = tempfile::tempdir().unwrap();
    let mut oversight = Oversight::start(folder.path(), &[]);
    let url = oversight.url("/");
    let accepted = AtomicU64::new(0);
    let senders = (0..4).map(|sender| {
        let (accepted, url) = (&accepted, &url);
        async move {
            let client = client();
            for number in 0_u64.. {
                let body = json!([{"m": "x", "sender": sender, "number": number}, {"m": "x", "number": number}]);
                // an error is the end: it stops listening
                let Ok(answer) = client.post(url).body(body.to_string()).send().await else { return };
                if answer.status() == 200 {
                    accepted.fetch_add(2, Ordering::Relaxed);
                }
            }
        }
    });
    let ended = async {
        while accepted.load(Ordering::Relaxed) < 400 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::task::block_in_place(|| oversight.stop())
    };
    let (_, status) = tokio::join!(futures_util::future::join_all(senders), ended);
    assert!(status.success(), "{status}");
    oversight.start_again();
    oversight.drained().await;
    let found = oversight.get("/v1/search?q=m:x&size=0").await;
    let stored = found["hits"]["total"]["value"].as_u64().unwrap();
    let accepted = accepted.into_inner();
    // an answer may have been cut off on its way, and its events are stored all the same
    assert!((accepted..=accepted + 8).contains(&stored), "{accepted} accepted, {stored} stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_never_answers_does_not_keep_it_from_ending_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = stalling(folder.path()) else { return };
    let stalled = folder.path().join("stalled");
    let variables = [("LD_PRELOAD", library.as_str()), ("STALL_WHILE", stalled.to_str().unwrap())];
    let mut oversight = Watched::start_with(folder.path(), "stop_within: 2s\n", &variables);
    let url = oversight.url("http", "/");
    let send = |body: &'static str| client().post(&url).body(body).send();
    assert_eq!(send(r#"{"before":1}"#).await.unwrap().status(), 200);
    std::fs::write(&stalled, "").unwrap();
    // the sync never returns, and the sender is told in time
    assert_eq!(send(r#"{"after":1}"#).await.unwrap().status(), 429);
    oversight.signal("TERM");
    let (status, took) = oversight.ended();
    assert!(status.success(), "{status}; {}", oversight.log());
    assert!(took < Duration::from_secs(20), "{took:?} with stop_within: 2s");
    assert!(oversight.log().contains("stop_within"), "{}", oversight.log());
}

/// A library that makes every sync wait while the file `$STALL_WHILE` exists.
fn stalling(folder: &Path) -> Option<String> {
    let source = r#"
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <unistd.h>
        static void wait_here(void) { while (access(getenv("STALL_WHILE"), F_OK) == 0) usleep(10000); }
        int fsync(int fd) { wait_here(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
        int fdatasync(int fd) { wait_here(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
    "#;
    std::fs::write(folder.join("stall.c"), source).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o", "stall.so", "stall.c"]).current_dir(folder).status();
    if !built.is_ok_and(|status| status.success()) {
        skip("there is no C compiler");
        return None;
    }
    Some(folder.join("stall.so").to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_over_what_can_change_names_what_cannot_and_refuses_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let oversight = Watched::start(folder.path(), "http: {max_depth: 9}\n");
    let post = async |key: &str, body: &'static str| {
        let request = client().post(oversight.url("http", "/")).bearer_auth(key).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    let send = async |key: &str| post(key, "{}").await;
    let one = "a-key-of-twenty-characters-1";
    let keyed = format!("security: {{api_keys: [{{name: a, roles: [ingest], key: {one}}}]}}\n");
    assert_eq!(send("nobody").await, 200);

    oversight.configure(&format!("{keyed}http: {{max_depth: 10}}\nlog: {{level: debug}}\n"));
    oversight.reload();
    assert_eq!((send("nobody").await, send(one).await), (401, 200));
    let log = oversight.log();
    assert!(log.contains("needs a restart") && log.contains("http.max_depth"), "{log}");
    assert!(!log.contains("log.level"), "{log}");
    assert_eq!(post(one, "nonsense").await, 400);
    oversight.until(|| oversight.log().contains("DEBUG a body is refused"), "the level has changed");

    oversight.configure("http:\n  max_dept: 9\n");
    oversight.reload();
    assert_eq!((send("nobody").await, send(one).await), (401, 200), "the old one stays");
    let log = oversight.log();
    // line 3: the harness writes one in front
    assert!(log.contains("oversight.yml:3: http.max_dept: unknown key; did you mean max_depth?"), "{log}");
    oversight.until(|| oversight.audit().contains("not_reloaded"), "it is in the audit log");
}

#[test]
fn the_service_manager_hears_how_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut last = String::new();
    let mut heard = |what: &str| {
        while !last.lines().any(|line| line == what) {
            let mut bytes = [0; 4096];
            let length = manager.recv(&mut bytes).unwrap_or_else(|_| panic!("{what} was not heard"));
            last = String::from_utf8_lossy(&bytes[..length]).into_owned();
        }
        std::mem::take(&mut last)
    };
    let mut command = Command::new("sh");
    command.args(["-c", r#"WATCHDOG_PID=$$ exec "$0" "$@""#, env!("CARGO_BIN_EXE_oversight")]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "400000");
    let mut oversight = Watched::run(folder.path(), "log: {level: info}\n", command);
    heard("READY=1");
    heard("WATCHDOG=1");
    oversight.signal("HUP");
    assert!(heard("RELOADING=1").contains("MONOTONIC_USEC="));
    heard("READY=1");
    oversight.signal("TERM");
    heard("STOPPING=1");
    assert!(oversight.ended().0.success());
}

/// What systemd does with `Accept=no`: the socket is descriptor 3, and two variables say so.
const HAND_OVER: &str = r#"
import os, socket, sys
handed = socket.create_server((sys.argv[1], 0))
os.dup2(handed.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_the_service_manager_opened_is_used_and_held_to_the_same_rule() {
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("there is no python3 to hand a socket over");
    }
    let handing = |address: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", HAND_OVER, address, env!("CARGO_BIN_EXE_oversight")]);
        command
    };
    let folder = tempfile::tempdir().unwrap();
    // the port that is configured is not the one it gets
    let oversight = Watched::run(folder.path(), "listen: 127.0.0.1:1\n", handing("127.0.0.1"));
    assert_eq!(client().post(oversight.url("http", "/")).body("{}").send().await.unwrap().status(), 200);
    drop(oversight);
    let refused = handing("0.0.0.0").arg("serve").current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("nobody has to authenticate"), "{said}");
}
