//! An engine that swallows: it answers what is asked at start, and every bulk request with a complete reply at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A running sink.
pub struct Sink {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    /// Documents that arrived.
    pub documents: Arc<AtomicU64>,
}

/// Starts one on a free port; it runs as long as the process.
pub async fn start() -> Sink {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let documents = Arc::new(AtomicU64::new(0));
    let counted = documents.clone();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let counted = counted.clone();
            let service = service_fn(move |request| answer(request, counted.clone()));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Sink { port, documents }
}

async fn answer(request: Request<Incoming>, counted: Arc<AtomicU64>) -> Result<Response<Full<Bytes>>, Infallible> {
    let bulk = request.uri().path().ends_with("_bulk");
    let mut lines = 0;
    let mut body = request.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            lines += memchr::memchr_iter(b'\n', data).count();
        }
    }
    let text = if bulk {
        let documents = lines / 2;
        counted.fetch_add(documents as u64, Ordering::Relaxed);
        let items = vec![r#"{"create":{"status":201}}"#; documents].join(",");
        format!(r#"{{"took":1,"errors":false,"items":[{items}]}}"#)
    } else {
        r#"{"name":"sink","cluster_name":"sink","version":{"number":"9.2.0","build_flavor":"default"},"tagline":"You Know, for Search","acknowledged":true}"#.to_owned()
    };
    Ok(Response::builder()
        .header("content-type", "application/json")
        .header("x-elastic-product", "Elasticsearch")
        .body(Full::new(Bytes::from(text)))
        .expect("fixed headers"))
}
