//! Content features of sessions in clear text.

use serde_json::{Value, json};

use super::super::Settings;
use super::{CLIENT, SERVER, Talk, Trace, read};

/// The features of a session that are not 0.
fn found(talk: &Talk) -> Value {
    let event = talk.trace.event();
    let kdd = event["kdd"].as_object().expect("content features");
    assert_eq!(kdd.len(), 15, "{event}");
    kdd.iter().filter(|(_, value)| **value != json!(0)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn an_ftp_session_of_a_guest_who_leaves_something() {
    let mut talk = Talk::to(21);
    talk.open().say(false, "220 FTP server ready.\r\n").say(true, "USER anonymous\r\n").say(false, "331 Password\r\n");
    talk.say(true, "PASS a@b\r\n").say(false, "230 Guest login ok\r\n").say(true, "CWD /etc/\r\n");
    talk.say(false, "250 ok\r\n").say(true, "STOR .rhosts\r\n").say(false, "150 Opening\r\n226 Transfer complete\r\n");
    talk.say(true, "RETR x\r\n").say(false, "550 x: No such file or directory\r\n").close();
    let expected = json!({"hot": 3, "logged_in": 1, "is_guest_login": 1, "num_file_creations": 1,
        "num_access_files": 1, "num_compromised": 1});
    assert_eq!(found(&talk), expected);
    assert_eq!(talk.trace.event()["service"], "ftp");
}

#[test]
fn a_refused_ftp_login_is_no_login() {
    let mut talk = Talk::to(21);
    talk.open().say(false, "220 ready\r\n");
    for _ in 0..3 {
        talk.say(true, "USER root\r\n").say(false, "331 Password\r\n").say(true, "PASS x\r\n").say(false, "530 no\r\n");
    }
    assert_eq!(found(&talk), json!({"num_failed_logins": 3}));
}

/// Types text as somebody at a terminal: each key is echoed, a line ends with CR NUL.
fn typed(talk: &mut Talk, text: &str) {
    for key in text.chars() {
        talk.say(true, &key.to_string()).say(false, &key.to_string());
    }
    talk.say(true, "\r\0").say(false, "\r\n");
}

#[test]
fn a_telnet_session_that_becomes_root() {
    let mut talk = Talk::to(23);
    talk.open().send(false, "A", &[255, 251, 1, 255, 250, 24, 1, 255, 240]).say(false, "SunOS 5.6\r\n\r\nlogin: ");
    typed(&mut talk, "joe");
    talk.say(false, "Password: ").say(true, "wrong\r\0").say(false, "\r\nLogin incorrect\r\nlogin: ");
    typed(&mut talk, "joe");
    talk.say(false, "Password: ").say(true, "right\r\0").say(false, "\r\nLast login: Mon\r\nhost% ");
    typed(&mut talk, "cat nothing");
    talk.say(false, "cat: nothing: No such file or directory\r\nhost% ");
    typed(&mut talk, "gcc -o x x.c; /bin/sh");
    talk.say(false, "$ ");
    typed(&mut talk, "su root");
    talk.say(false, "Password: ").say(true, "secret\r\0").say(false, "\r\n# ");
    typed(&mut talk, "echo + + > /.rhosts");
    talk.say(false, "# ");
    typed(&mut talk, "wh\x7f\x7fid");
    talk.say(false, "uid=0(root) gid=0\r\n# ").close();
    let expected = json!({"hot": 2, "num_failed_logins": 1, "logged_in": 1, "num_compromised": 1, "root_shell": 1,
        "su_attempted": 1, "num_root": 2, "num_file_creations": 1, "num_shells": 1, "num_access_files": 1});
    assert_eq!(found(&talk), expected);
}

#[test]
fn the_r_programs_tell_their_user_first() {
    let mut talk = Talk::to(514);
    talk.open().say(true, "1022\0joe\0root\0cat /etc/shadow\0").say(false, "\0root:x:1\n").close();
    let expected = json!({"hot": 2, "logged_in": 1, "is_host_login": 1, "num_access_files": 1, "num_root": 1});
    assert_eq!(found(&talk), expected);
    let mut talk = Talk::to(513);
    talk.open().say(true, "\0joe\0joe\0xterm/9600\0").say(false, "\0").say(false, "host% ").close();
    assert_eq!(found(&talk), json!({"logged_in": 1}));
}

#[test]
fn http_requests_that_reach_for_the_system() {
    let mut talk = Talk::to(8080);
    talk.open()
        .say(true, "GET /index.html HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .say(false, "HTTP/1.1 200 OK\r\n\r\nhello");
    assert_eq!(found(&talk), json!({"logged_in": 1}));
    let event = talk.trace.event();
    assert_eq!((&event["service"], &event["url"]), (&json!("http"), &json!({"domain": "shop.example"})));
    talk.say(true, "GET /cgi-bin/.%252e/.%2e/etc/passwd HTTP/1.1\r\n\r\n").say(false, "HTTP/1.1 404 Not Found\r\n\r\n");
    talk.say(true, "GET / HTTP/1.1\r\nAuthorization: Basic eA==\r\n\r\n").say(false, "HTTP/1.1 401 no\r\n\r\n");
    talk.say(true, "POST /bin/sh HTTP/1.1\r\n\r\nid\n")
        .say(false, "HTTP/1.1 200 OK\r\n\r\nuid=0(root) gid=0(root)\n")
        .close();
    let expected = json!({"hot": 2, "num_failed_logins": 1, "logged_in": 1, "num_compromised": 1, "root_shell": 1,
        "num_shells": 1, "num_access_files": 1});
    assert_eq!(found(&talk), expected);
    let mut back = Talk::to(80);
    let path = "/".repeat(200);
    back.open().say(true, &format!("GET {path} HTTP/1.0\r\n\r\n")).say(false, "HTTP/1.0 403 Forbidden\r\n\r\n").close();
    assert_eq!(found(&back), json!({"hot": 1, "logged_in": 1, "num_compromised": 1}));
}

#[test]
fn mail_sessions() {
    let mut talk = Talk::to(25);
    talk.open().say(false, "220 mail ESMTP\r\n").say(true, "EHLO x\r\n").say(false, "250 hello\r\n");
    talk.say(true, "MAIL FROM:<a@b>\r\n").say(false, "250 ok\r\n").say(true, "RCPT TO:<|/bin/sh>\r\n");
    talk.say(false, "250 ok\r\n").say(true, "DATA\r\n").say(false, "354 go\r\n").say(true, "DEBUG\r\nsu root\r\n.\r\n");
    talk.say(false, "250 taken\r\n").close();
    assert_eq!(found(&talk), json!({"hot": 2, "logged_in": 1}));
    assert_eq!(talk.trace.event()["service"], "smtp");
    let mut talk = Talk::to(110);
    talk.open().say(false, "+OK ready\r\n").say(true, "USER joe\r\n").say(false, "+OK\r\n");
    talk.say(true, "PASS x\r\n").say(false, "-ERR no\r\n").say(true, "PASS y\r\n").say(false, "+OK\r\n").close();
    assert_eq!(found(&talk), json!({"num_failed_logins": 1, "logged_in": 1}));
    assert_eq!(talk.trace.event()["service"], "pop3");
}

#[test]
fn what_is_not_clear_text_has_no_content_and_what_says_nothing_has_none_of_it() {
    let mut talk = Talk::to(443);
    talk.open().send(true, "A", &[22, 3, 1, 0, 1, 1]).send(false, "A", &[22, 3, 3, 0, 1, 2]).close();
    let event = talk.trace.event();
    assert_eq!((&event["kdd"], &event["service"]), (&json!({"wrong_fragment": 0, "urgent": 0}), &json!("ssl")));
    let mut talk = Talk::to(22);
    talk.open().say(false, "SSH-2.0-a\r\n").say(true, "SSH-2.0-b\r\n").close();
    assert_eq!(talk.trace.event()["service"], "ssh");
    assert_eq!(found(Talk::to(21).send(true, "S", b"")), json!({}), "an attempt says nothing");
    let mut trace = Trace::default();
    trace.icmp(0, CLIENT, SERVER, [8, 0], b"x");
    assert_eq!(trace.event()["kdd"]["logged_in"], 0);
}

#[test]
fn content_is_searched_up_to_a_limit_and_across_segments() {
    let mut talk = Talk::to(21);
    talk.open().say(false, "220 FTP\r\n").say(true, "USER anony").say(true, "mous\r\nPASS x\r\n").say(false, "23");
    talk.say(false, "0 ok\r\n").close();
    assert_eq!(found(&talk), json!({"hot": 1, "logged_in": 1, "is_guest_login": 1}));
    let settings = Settings { content: 8, ..Settings::default() };
    let (events, ..) = read(&talk.trace.pcap(), &settings);
    assert_eq!(events[0]["kdd"]["logged_in"], 0);
}

#[test]
fn segments_out_of_order_are_read_in_order() {
    let mut talk = Talk::to(21);
    talk.open().say(false, "220 FTP\r\n");
    let start = talk.next(true);
    let acknowledgment = talk.next(false);
    talk.put(true, "A", b"ftp\r\n", start + 5, acknowledgment).put(true, "A", b"USER ", start, acknowledgment);
    talk.skip(true, 10).send(false, "A", b"230 ok\r\n");
    assert_eq!(found(&talk), json!({"hot": 1, "logged_in": 1, "is_guest_login": 1}));
}

#[test]
fn a_dns_question_names_whom_it_asks_for() {
    let mut trace = Trace::default();
    let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03org\x00\x00\x01\x00\x01";
    trace.udp(0, (CLIENT, 5000), (SERVER, 53), question);
    let event = trace.event();
    assert_eq!((&event["service"], &event["dns"]["question"]["name"]), (&json!("dns"), &json!("www.example.org")));
}
