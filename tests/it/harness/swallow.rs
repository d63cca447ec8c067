//! An engine that takes everything and counts it.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A running one; ends with the process.
pub struct Swallow {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    documents: Arc<AtomicUsize>,
}

impl Swallow {
    /// Documents that arrived in bulk requests.
    pub fn documents(&self) -> usize {
        self.documents.load(Ordering::SeqCst)
    }
}

/// Starts one on this port of 127.0.0.1, or on a free one for port 0.
pub async fn start(port: u16) -> Swallow {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    let port = listener.local_addr().expect("bound").port();
    let documents = Arc::new(AtomicUsize::new(0));
    let counted = documents.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = counted.clone();
            let service = service_fn(move |request| answer(request, counted.clone()));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Swallow { port, documents }
}

async fn answer(request: Request<Incoming>, counted: Arc<AtomicUsize>) -> Result<Response<Full<Bytes>>, Infallible> {
    let bulk = request.uri().path().ends_with("_bulk");
    let gzip = request.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    let mut body = request.into_body();
    let mut lines = 0;
    if gzip {
        let whole = (&mut body).collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
        let mut plain = BufReader::new(GzDecoder::new(&*whole));
        while let Ok(data) = plain.fill_buf()
            && !data.is_empty()
        {
            lines += memchr::memchr_iter(b'\n', data).count();
            let length = data.len();
            plain.consume(length);
        }
    }
    while let Some(Ok(frame)) = body.frame().await {
        lines += frame.data_ref().map_or(0, |data| memchr::memchr_iter(b'\n', data).count());
    }
    let text = if bulk {
        let documents = lines / 2;
        counted.fetch_add(documents, Ordering::SeqCst);
        let items = vec![r#"{"create":{"status":201}}"#; documents].join(",");
        format!(r#"{{"took":1,"errors":false,"items":[{items}]}}"#)
    } else {
        r#"{"version":{"number":"9.2.0"},"tagline":"You Know, for Search","acknowledged":true}"#.to_owned()
    };
    let answer =
        Response::builder().header("content-type", "application/json").header("x-elastic-product", "Elasticsearch");
    Ok(answer.body(Full::new(Bytes::from(text))).expect("fixed headers"))
}
