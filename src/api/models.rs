//! Models over HTTP.
//!
//! - `GET /v1/models`: which models judge, and which could: `{"revision":…,"active":…,"shadow":…,"earlier":[…],"notice":…,
//!   "models":[…]}`, with the revision as `ETag`.
//! - `GET /v1/models/{name}/{version}`: one model with its card.
//! - `POST /v1/models/activate` with `{"model":"NAME/VERSION"}` (or `builtin:NAME`), `POST /v1/models/rollback`,
//!   `PUT /v1/models/shadow` with a model, and `DELETE /v1/models/shadow`: other models in place, from the next batch on. With
//!   `If-Match` only if nobody has changed them since; else 412.
//! - `GET /v1/models/shadow`: how the shadow compares; `GET /v1/models/drift`: how far inputs are from the training data.
//!
//! What is refused is told as RFC 9457 has it (`application/problem+json`).

use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::json as json_response;
use super::parameters::{self, Given, allow_only, once_each, read, refused};
use crate::config::Model;
use crate::models::{Keeper, ModelError, Standing};

/// What the record says of changes that came this way.
const BY: &str = "api";

/// Which of the paths a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    List,
    One { name: String, version: String },
    Activate,
    Rollback,
    Shadow,
    Drift,
}

/// The routes; they reject other paths only. Without a keeper nothing judges, and that is said.
pub fn routes(keeper: Option<Arc<Keeper>>) -> BoxedFilter<(Response,)> {
    let list = warp::path!("v1" / "models").map(|| Place::List);
    let activate = warp::path!("v1" / "models" / "activate").map(|| Place::Activate);
    let rollback = warp::path!("v1" / "models" / "rollback").map(|| Place::Rollback);
    let shadow = warp::path!("v1" / "models" / "shadow").map(|| Place::Shadow);
    let drift = warp::path!("v1" / "models" / "drift").map(|| Place::Drift);
    let one = warp::path!("v1" / "models" / String / String).map(|name, version| Place::One { name, version });
    list.or(activate)
        .unify()
        .or(rollback)
        .unify()
        .or(shadow)
        .unify()
        .or(drift)
        .unify()
        .or(one)
        .unify()
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(parameters::given())
        .and(warp::body::stream())
        .then(move |place, method, headers, given, body| {
            let keeper = keeper.clone();
            async move { respond(keeper, place, &method, &headers, given, body).await.unwrap_or_else(Refusal::into_problem) }
        })
        .boxed()
}

async fn respond<S, B>(
    keeper: Option<Arc<Keeper>>,
    place: Place,
    method: &Method,
    headers: &HeaderMap,
    given: Given,
    body: S,
) -> Result<Response, Refusal>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    let keeper = keeper.ok_or(Refusal::NothingJudges)?;
    allow_only(&once_each(given)?, &[])?;
    let looking = matches!(*method, Method::GET | Method::HEAD);
    match (place, method) {
        (Place::List, _) if looking => list(keeper).await,
        (Place::One { name, version }, _) if looking => one(keeper, name, version).await,
        (Place::Drift, _) if looking => Ok(json_response(StatusCode::OK, &keeper.observed().drift())),
        (Place::Shadow, _) if looking => {
            Ok(json_response(StatusCode::OK, &json!({"shadow": keeper.observed().shadow()})))
        }
        (Place::Activate, &Method::POST) => {
            let (revision, model) = (known_revision(headers)?, asked_for(read(body).await?)?);
            change(move || keeper.activate(&named(&keeper, &model)?, revision, BY)).await
        }
        (Place::Rollback, &Method::POST) => {
            let revision = known_revision(headers)?;
            change(move || keeper.roll_back(revision)).await
        }
        (Place::Shadow, &Method::PUT) => {
            let (revision, model) = (known_revision(headers)?, asked_for(read(body).await?)?);
            change(move || keeper.shadow(Some(&named(&keeper, &model)?), revision, BY)).await
        }
        (Place::Shadow, &Method::DELETE) => {
            let revision = known_revision(headers)?;
            change(move || keeper.shadow(None, revision, BY)).await
        }
        (Place::Activate | Place::Rollback, _) => Err(Refusal::WrongMethod { allowed: "POST" }),
        (Place::Shadow, _) => Err(Refusal::WrongMethod { allowed: "GET, HEAD, PUT, DELETE" }),
        _ => Err(Refusal::WrongMethod { allowed: "GET, HEAD" }),
    }
}

async fn list(keeper: Arc<Keeper>) -> Result<Response, Refusal> {
    let (standing, listed) = blocking(move || Ok((keeper.standing(), keeper.shelf().list()?))).await?;
    let mut answer = json!(standing);
    answer["models"] = json!(listed);
    Ok(tagged(json_response(StatusCode::OK, &answer), standing.revision))
}

async fn one(keeper: Arc<Keeper>, name: String, version: String) -> Result<Response, Refusal> {
    let answer = blocking(move || {
        let shelf = keeper.shelf();
        let model = shelf.find(&name, &version)?;
        let loaded = shelf.load(&model)?;
        let about = shelf.list()?.into_iter().find(|listed| listed.model == model);
        let mut answer = json!(about);
        answer["card"] = json!(loaded.card());
        Ok(answer)
    });
    Ok(json_response(StatusCode::OK, &answer.await?))
}

/// Puts other models in place; answers which they are now.
async fn change(change: impl FnOnce() -> Result<Standing, ModelError> + Send + 'static) -> Result<Response, Refusal> {
    let standing = blocking(change).await?;
    Ok(tagged(json_response(StatusCode::OK, &standing), standing.revision))
}

/// Reads files and syncs them, on a thread that may wait for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ModelError> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    // it ends early only with the program
    done.map_or(Err(Refusal::NothingJudges), |done| Ok(done?))
}

fn named(keeper: &Keeper, text: &str) -> Result<Model, ModelError> {
    keeper.shelf().named(text)
}

/// The model that a body names.
fn asked_for(body: Value) -> Result<String, Refusal> {
    let members = body.as_object().map(|object| object.iter()).into_iter().flatten();
    let mut model = None;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("model", Value::String(text)) => model = Some(text.clone()),
            _ => return Err(refused(name, "write {\"model\": \"NAME/VERSION\"}")),
        }
    }
    model.ok_or_else(|| refused("model", "it is missing; write {\"model\": \"NAME/VERSION\"}"))
}

/// The revision that `If-Match` asks for; none where any will do.
fn known_revision(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| refused("If-Match", "write the ETag of GET /v1/models, such as \"3\""))
}

fn tagged(mut response: Response, revision: u64) -> Response {
    let tag = HeaderValue::try_from(format!("\"{revision}\"")).expect("digits between quotes");
    response.headers_mut().insert(ETAG, tag);
    response
}

#[cfg(test)]
#[cfg(feature = "torch")]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{Request, Response as HttpResponse};
    use http_body_util::{BodyExt, Full};
    use tower::ServiceExt;

    use super::*;
    use crate::access::audit::Audit;
    use crate::classify::card::DecisionRule;
    use crate::clock::Clock;
    use crate::models::{Configured, Settings, Shelf};

    /// Routes over a data folder that has the shipped model under another version too.
    fn routes_in(data: &Path) -> BoxedFilter<(Response,)> {
        let source = data.join("source");
        std::fs::create_dir(&source).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/kdd99");
        for entry in std::fs::read_dir(&shipped).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, source.join(path.file_name().unwrap())).unwrap();
        }
        let text = std::fs::read_to_string(shipped.join("card.json")).unwrap();
        let card: Value = serde_json::from_str(&text).unwrap();
        let text = text.replace(&format!("\"version\": {}", card["version"]), "\"version\": \"test\"");
        std::fs::write(source.join("card.json"), text).unwrap();
        Shelf::new(data).import(&source, &Clock::system()).unwrap();
        let configured = Configured { model: Model::Builtin("kdd99".to_owned()), shadow: None };
        let settings = Settings {
            data_dir: data.to_owned(),
            configured,
            second: None,
            second_judges_all: false,
            max_false_alarms: None,
            window: Duration::from_secs(60),
            decision: DecisionRule::MostProbable,
        };
        routes(Some(Arc::new(Keeper::open(&settings, Audit::none(), Clock::system()).unwrap())))
    }

    async fn ask(
        routes: &BoxedFilter<(Response,)>,
        method: &str,
        path: &str,
        body: &str,
        known: Option<&str>,
    ) -> (HttpResponse<()>, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(known) = known {
            request = request.header(IF_MATCH, known);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = warp::service(routes.clone()).oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (HttpResponse::from_parts(head, ()), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn models_are_listed_shown_activated_and_rolled_back() {
        let folder = tempfile::tempdir().unwrap();
        let routes = routes_in(folder.path());
        let (head, listed) = ask(&routes, "GET", "/v1/models", "", None).await;
        assert_eq!((head.status().as_u16(), &head.headers()[ETAG]), (200, &HeaderValue::from_static("\"0\"")));
        assert_eq!(listed["active"]["model"], "builtin:kdd99");
        assert_eq!(
            (&listed["models"][1]["model"], &listed["models"][1]["fault"]),
            (&json!("stored:kdd99/test"), &Value::Null)
        );
        let (_, one) = ask(&routes, "GET", "/v1/models/kdd99/test", "", None).await;
        assert_eq!((&one["hash"], &one["card"]["version"]), (&listed["models"][1]["hash"], &json!("test")));
        let activate = r#"{"model":"kdd99/test"}"#;
        let (head, now) = ask(&routes, "POST", "/v1/models/activate", activate, Some("\"0\"")).await;
        assert_eq!((head.status().as_u16(), &now["active"]["version"]), (200, &json!("test")));
        assert_eq!(head.headers()[ETAG], "\"1\"");
        let (head, problem) = ask(&routes, "POST", "/v1/models/rollback", "", Some("\"0\"")).await;
        assert_eq!(
            (head.status().as_u16(), &head.headers()["content-type"]),
            (412, &HeaderValue::from_static("application/problem+json"))
        );
        assert_eq!((&problem["status"], &problem["title"]), (&json!(412), &json!("Precondition Failed")));
        let (_, now) = ask(&routes, "POST", "/v1/models/rollback", "", Some("*")).await;
        assert_eq!((&now["active"]["model"], &now["earlier"]), (&json!("builtin:kdd99"), &json!([])));
        assert_eq!(ask(&routes, "POST", "/v1/models/rollback", "", None).await.0.status(), 409);
    }

    #[tokio::test]
    async fn a_shadow_is_started_read_and_stopped_and_drift_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let routes = routes_in(folder.path());
        let shadow = "/v1/models/shadow";
        assert_eq!(ask(&routes, "GET", shadow, "", None).await.1, json!({"shadow": null}));
        let (head, now) = ask(&routes, "PUT", shadow, r#"{"model":"kdd99/test"}"#, None).await;
        assert_eq!((head.status().as_u16(), &now["shadow"]["version"]), (200, &json!("test")));
        let (_, told) = ask(&routes, "GET", shadow, "", None).await;
        assert_eq!((&told["shadow"]["compared"], &told["shadow"]["window"]["seconds"]), (&json!(0), &json!(60)));
        let own = ask(&routes, "PUT", shadow, r#"{"model":"builtin:kdd99"}"#, None).await;
        assert_eq!(own.0.status(), 409, "{}", own.1);
        assert_eq!(ask(&routes, "DELETE", shadow, "", None).await.1["shadow"], Value::Null);
        let (_, drift) = ask(&routes, "GET", "/v1/models/drift", "", None).await;
        assert_eq!((&drift["sampled"], &drift["thresholds"]), (&json!(0), &json!([0.1, 0.25])));
    }

    #[tokio::test]
    async fn a_wrong_question_is_a_problem_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let routes = routes_in(folder.path());
        for (method, path, body, expected) in [
            ("GET", "/v1/models/own/1", "", 404),
            ("GET", "/v1/models/..%2f/1", "", 404),
            ("POST", "/v1/models/activate", r#"{"model":"own/1"}"#, 404),
            ("POST", "/v1/models/activate", r#"{"model":"/etc"}"#, 400),
            ("POST", "/v1/models/activate", r#"{"model":7}"#, 400),
            ("POST", "/v1/models/activate", "{}", 400),
            ("POST", "/v1/models/activate", "[]", 400),
            ("GET", "/v1/models?size=1", "", 400),
            ("GET", "/v1/models/activate", "", 405),
            ("POST", "/v1/models", "", 405),
            ("POST", "/v1/models/shadow", "", 405),
        ] {
            let (head, problem) = ask(&routes, method, path, body, None).await;
            assert_eq!(head.status().as_u16(), expected, "{method} {path} {body}: {problem}");
            assert_eq!(head.headers()["content-type"], "application/problem+json", "{path}");
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        }
        assert_eq!(ask(&routes, "POST", "/v1/models/rollback", "", Some("3")).await.0.status(), 400, "no quotes");
        assert_eq!(ask(&routes, "GET", "/v1/models", "", None).await.1["revision"], 0);
        let off = super::routes(None);
        let (head, problem) = ask(&off, "GET", "/v1/models", "", None).await;
        assert!(head.status() == 409 && problem["detail"].as_str().unwrap().contains("classify.enabled"), "{problem}");
    }
}
