//! Encryption with real certificates and real clients, and certificates that change while connections are open.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use reqwest::{Certificate, Client, Identity};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::certificates::{Authority, Issued};
use crate::harness::skip;
use crate::harness::watched::Watched;

const TLS: &str = "tls: {certificate: server.pem, key: server.key}\n";

/// A client that trusts `authority`, and shows a certificate if it is given one.
fn client(authority: &Authority, shown: Option<&Issued>) -> Client {
    let mut builder = Client::builder()
        .no_proxy()
        .use_rustls_tls()
        .tls_built_in_root_certs(false)
        .add_root_certificate(Certificate::from_pem(authority.pem.as_bytes()).unwrap());
    if let Some(shown) = shown {
        let both = format!("{}{}", shown.key, shown.certificate);
        builder = builder.identity(Identity::from_pem(both.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

/// The status of a POST of one event.
async fn post(client: &Client, oversight: &Watched) -> Result<u16, reqwest::Error> {
    client.post(oversight.url("https", "/")).body("{}").send().await.map(|answer| answer.status().as_u16())
}

/// A connection of our own, with the certificate that the server showed.
async fn connect(authority: &Authority, port: u16) -> (TlsStream<TcpStream>, CertificateDer<'static>) {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
    (stream, shown)
}

/// Whether a request on this connection is answered 200.
async fn is_served(stream: &mut TlsStream<TcpStream>) -> bool {
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"}") {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return false;
        }
    }
    bytes.starts_with(b"HTTP/1.1 200")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_taken_over_tls_and_only_over_tls() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    authority.server().write(folder.path(), "server");
    let oversight = Watched::start(folder.path(), TLS);
    assert_eq!(post(&client(&authority, None), &oversight).await.unwrap(), 200);
    post(&client(&Authority::new(), None), &oversight).await.unwrap_err();
    // in the clear: no answer, and no harm
    crate::harness::oversight::client().post(oversight.url("http", "/")).body("{}").send().await.unwrap_err();
    assert_eq!(post(&client(&authority, None), &oversight).await.unwrap(), 200);
    oversight.until(|| oversight.audit().contains("handshake_failed"), "failed handshakes are in the audit log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_says_who_somebody_is() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    authority.server().write(folder.path(), "server");
    std::fs::write(folder.path().join("clients.pem"), &authority.pem).unwrap();
    let security = "security:\n  certificates:\n    - {common_name: shipper-1, roles: [ingest]}\n";
    let with = |auth: &str| {
        format!(
            "{security}tls: {{certificate: server.pem, key: server.key, client_ca: clients.pem, client_auth: {auth}}}\n"
        )
    };
    let (known, other) = (authority.client("shipper-1"), authority.client("shipper-2"));
    let forged = strangers.client("shipper-1");
    let required = Watched::start(folder.path(), &with("required"));
    assert_eq!(post(&client(&authority, Some(&known)), &required).await.unwrap(), 200);
    assert_eq!(post(&client(&authority, Some(&other)), &required).await.unwrap(), 401);
    post(&client(&authority, None), &required).await.unwrap_err();
    post(&client(&authority, Some(&forged)), &required).await.unwrap_err();
    drop(required);
    let optional = Watched::start(folder.path(), &with("optional"));
    assert_eq!(post(&client(&authority, Some(&known)), &optional).await.unwrap(), 200);
    assert_eq!(post(&client(&authority, None), &optional).await.unwrap(), 401);
    post(&client(&authority, Some(&forged)), &optional).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_while_connections_are_open_and_bad_ones_never_come_into_use() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (authority.server(), authority.server());
    first.write(folder.path(), "server");
    let oversight = Watched::start(folder.path(), TLS);
    let (mut open, shown) = connect(&authority, oversight.port).await;
    assert_eq!(shown.as_ref(), first.der);

    second.write(folder.path(), "server");
    oversight.reload();
    let (_, shown) = connect(&authority, oversight.port).await;
    assert_eq!(shown.as_ref(), second.der, "new connections have the new certificate");
    assert!(is_served(&mut open).await, "open ones go on with theirs");

    for (spoil, words) in spoiled(&authority) {
        spoil(folder.path());
        oversight.reload();
        assert!(oversight.log().contains(words), "{words} is not in:\n{}", oversight.log());
        let (_, shown) = connect(&authority, oversight.port).await;
        assert_eq!(shown.as_ref(), second.der, "{words}: the old certificate stays in use");
    }
    assert!(is_served(&mut open).await);
    assert!(oversight.audit().contains("not_reloaded"));
}

/// Spoils the files in a folder.
type Spoil = Box<dyn Fn(&Path)>;

/// Ways to do so, and what is said of each.
fn spoiled(authority: &Authority) -> Vec<(Spoil, &'static str)> {
    let (expired, one, other) = (authority.expired(), authority.server(), authority.server());
    let again = authority.server();
    vec![
        (Box::new(move |at| drop(expired.write(at, "server"))), "server.pem: the certificate has expired"),
        (
            Box::new(move |at| {
                one.write(at, "server");
                std::fs::write(at.join("server.key"), &other.key).unwrap();
            }),
            "server.key: this key does not belong to the certificate in server.pem",
        ),
        (
            Box::new(move |at| {
                again.write(at, "server");
                std::fs::write(at.join("server.pem"), "no certificate").unwrap();
            }),
            "server.pem: no certificate in it; it has to be PEM",
        ),
        (Box::new(|at| std::fs::remove_file(at.join("server.pem")).unwrap()), "server.pem: cannot be read"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_files_that_cannot_be_used_says_which_and_why() {
    let authority = Authority::new();
    for (spoil, words) in spoiled(&authority) {
        let folder = tempfile::tempdir().unwrap();
        authority.server().write(folder.path(), "server");
        spoil(folder.path());
        std::fs::write(folder.path().join("oversight.yml"), format!("listen: 127.0.0.1:0\n{TLS}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
        let done = command.args(["--config", "oversight.yml", "serve"]).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(1) && said.contains(words), "{words} is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_openssl_speak_to_it() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    authority.server().write(folder.path(), "server");
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let newest = TLS.replace('}', ", min_version: '1.3'}");
    let oversight = Watched::start(folder.path(), &newest);
    let url = oversight.url("https", "/");
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).current_dir(folder.path()).stdin(Stdio::null()).output();
        match done {
            Ok(done) => Some(String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()),
            Err(_) => {
                skip(&format!("there is no {program}"));
                None
            }
        }
    };
    if let Some(said) = run("curl", &["-sS", "--noproxy", "*", "--cacert", "ca.pem", "-d", "{}", &url]) {
        assert!(said.contains(r#""accepted":1"#), "{said}");
    }
    let at = format!("127.0.0.1:{}", oversight.port);
    let mut arguments = vec!["s_client", "-connect", &at, "-CAfile", "ca.pem", "-alpn", "h2,http/1.1", "-tls1_3"];
    if let Some(said) = run("openssl", &arguments) {
        assert!(said.contains("Verify return code: 0 (ok)") && said.contains("ALPN protocol: http/1.1"), "{said}");
        arguments.pop();
        arguments.push("-tls1_2");
        let said = run("openssl", &arguments).unwrap();
        assert!(said.contains("alert"), "TLS 1.2 is refused: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_sends_with_a_key_over_tls() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    authority.server().write(folder.path(), "server");
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    std::fs::write(folder.path().join("sender.key"), "a-key-of-twenty-characters\n").unwrap();
    std::fs::write(folder.path().join("events"), "{\"a\":1}\n{\"a\":2}\n").unwrap();
    let keyed = "security: {api_keys: [{name: sender, roles: [ingest], key: {file: sender.key}}]}\n";
    let oversight = Watched::start(folder.path(), &format!("{keyed}{TLS}"));
    let url = oversight.url("https", "/");
    let replay = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oversight"));
        command.args([
            "replay",
            "events",
            "--format",
            "ndjson",
            "--url",
            &url,
            "--ca-file",
            "ca.pem",
            "--output",
            "json",
        ]);
        command.args(more).current_dir(folder.path()).output().unwrap()
    };
    let sent = replay(&["--key-file", "sender.key"]);
    assert!(String::from_utf8_lossy(&sent.stdout).contains("\"accepted\":2"), "{sent:?}");
    let refused = replay(&[]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("401"), "{refused:?}");
}
