//! Requests to the engine: one attempt, its answer as bytes, and no opinion on it.
//!
//! The client crate is used for its transport only. Its `Response::content_type` and `exception` are left alone: the
//! first panics without a content type, the second fails on the plain text that OpenSearch answers with.

use std::error::Error as _;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::headers::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER,
};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use elasticsearch::http::{Method, response::Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::settings::{Settings, SettingsError};

/// What the engine is, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

/// An answer, whatever it says.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// By the headers that each engine puts on all its answers.
    pub product: Option<Product>,
    /// As asked for by the engine or a proxy before it.
    pub retry_after: Option<Duration>,
    /// All of the body.
    pub body: Bytes,
}

/// There is no answer; says where it failed and why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(pub String);

/// Sends to one node until it fails, then to the next.
#[derive(Debug)]
pub(super) struct Client {
    nodes: Vec<Transport>,
    addresses: Vec<String>,
    current: AtomicUsize,
    headers: HeaderMap,
    gzip: bool,
}

impl Client {
    /// # Errors
    /// Where the settings hold no node, or certificates or credentials that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        if settings.nodes.is_empty() {
            return Err(SettingsError::NoNode);
        }
        if settings.timeout.is_zero() {
            return Err(SettingsError::Zero("the timeout"));
        }
        let mut headers = HeaderMap::new();
        if let Some(authorization) = settings.credentials.header()? {
            headers.insert(AUTHORIZATION, authorization);
        }
        if !settings.gzip {
            // the transport would ask for compressed answers, which costs both sides more than these short ones save
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let nodes = settings.nodes.iter().map(|node| transport(node.url(), settings)).collect::<Result<_, _>>()?;
        let addresses = settings.nodes.iter().map(ToString::to_string).collect();
        Ok(Self { nodes, addresses, current: AtomicUsize::new(0), headers, gzip: settings.gzip })
    }

    /// Sends a request with a JSON body. A node that cannot be connected to is passed over at once, each node once;
    /// after any other fault the next request goes to the next node.
    ///
    /// # Errors
    /// Where no node could be connected to, the connection broke, or the time ran out: the request may have been
    /// carried out or not.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let mut headers = self.headers.clone();
        let body = match body {
            Some(plain) if self.gzip => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                Some(compress(plain).await?)
            }
            other => other,
        };
        let mut attempts = 0;
        loop {
            let node = self.current.load(Ordering::Relaxed) % self.nodes.len();
            attempts += 1;
            let sent = self.nodes[node].send(method, path, headers.clone(), Some(query), body.clone(), None).await;
            let failed = match sent {
                Ok(response) => match read(response).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => Failed { reason: chain(&error), connected: true },
                },
                Err(error) => Failed { connected: !is_connect(&error), reason: chain(&error) },
            };
            // another request may have moved it meanwhile; then it stays where that one put it
            let next = (node + 1) % self.nodes.len();
            let _ = self.current.compare_exchange(node, next, Ordering::Relaxed, Ordering::Relaxed);
            if failed.connected || attempts >= self.nodes.len() {
                return Err(NoAnswer(format!("{}: {}", self.addresses[node], failed.reason)));
            }
        }
    }
}

struct Failed {
    reason: String,
    connected: bool,
}

fn transport(url: &elasticsearch::http::Url, settings: &Settings) -> Result<Transport, SettingsError> {
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url.clone()))
        .disable_proxy()
        .enable_meta_header(false)
        .timeout(settings.timeout);
    if let Some(pem) = &settings.authorities {
        let certificates =
            Certificate::from_pem(pem.as_bytes()).map_err(|error| SettingsError::Authorities(chain(&error)))?;
        builder = builder.cert_validation(CertificateValidation::Full(certificates));
    }
    builder.build().map_err(|error| SettingsError::Client(chain(&error)))
}

async fn read(response: Response) -> Result<Answer, elasticsearch::Error> {
    let status = response.status_code().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let product = match (header("x-elastic-product"), header("x-opensearch-version")) {
        (Some("Elasticsearch"), _) => Some(Product::Elasticsearch),
        (_, Some(_)) => Some(Product::OpenSearch),
        _ => None,
    };
    let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok()).map(Duration::from_secs);
    Ok(Answer { status, product, retry_after, body: response.bytes().await? })
}

/// At the fastest level, off the async threads: 8 MiB take some 50 ms.
async fn compress(plain: Bytes) -> Result<Bytes, NoAnswer> {
    let work = tokio::task::spawn_blocking(move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
        encoder.write_all(&plain)?;
        encoder.finish().map(Bytes::from)
    });
    match work.await {
        Ok(Ok(packed)) => Ok(packed),
        Ok(Err(error)) => Err(NoAnswer(format!("the request cannot be compressed: {error}"))),
        Err(error) => Err(NoAnswer(format!("compressing the request was broken off: {error}"))),
    }
}

fn is_connect(error: &elasticsearch::Error) -> bool {
    error.source().and_then(|cause| cause.downcast_ref::<reqwest::Error>()).is_some_and(reqwest::Error::is_connect)
}

/// An error with its causes, each said once: the innermost is the one that tells.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}
