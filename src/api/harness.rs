//! For the tests of this room: asks the routes without a socket.

use bytes::Bytes;
use http::{Request, Response as HttpResponse};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// The whole answer to one request.
pub(super) async fn ask(
    routes: &BoxedFilter<(Response,)>,
    method: &str,
    path: &str,
    body: impl Into<Bytes>,
) -> HttpResponse<Bytes> {
    let request = Request::builder().method(method).uri(path).body(Full::new(body.into())).unwrap();
    let (head, body) = warp::service(routes.clone()).oneshot(request).await.unwrap().into_parts();
    HttpResponse::from_parts(head, body.collect().await.unwrap().to_bytes())
}
