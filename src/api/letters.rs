//! Dead letters over HTTP.
//!
//! - `GET /v1/dead-letters?reason=&source=&from=&to=&after=&up_to=&size=`: a page, oldest first:
//!   `{"count":…,"letters":[…],"next":…}`. `next` is the number to give as `after` for the next page, null at the end.
//!   `raw` is the letter's bytes as text, or `raw_base64` where they are none.
//! - `GET /v1/dead-letters/reasons`, with the same filter: how many there are of each reason. Numbers in reasons are
//!   written `#`, so that "at byte 17" and "at byte 4" count together.
//! - `POST /v1/dead-letters/redrive` with a filter as JSON object, also `"number"` and `"dry_run"`: sends them again (see
//!   [`Redriver`]); answers what became of them.
//! - `DELETE /v1/dead-letters` with a filter, or with `all=true`: deletes them unread.
//!
//! `reason` is a part of the reason, `source` all of the source; `from` (inclusive) and `to` (exclusive) are times of
//! refusal such as 2026-11-22T10:00:00Z.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::json as json_response;
use super::parameters::{self, Given, Parameters, allow_only, once_each, read, refused};
use crate::event::{EventTime, ReceivedTime};
use crate::ingest::Redriver;
use crate::spool::Filter;
use crate::spool::letters::{Reasons, page};

/// Letters of a page at most.
const MOST_LETTERS: usize = 1000;
/// Letters of a page where it is not said.
const USUAL_LETTERS: usize = 50;
/// Who looks through the letters at one time.
const READERS: usize = 2;
/// The parameters that say which letters are meant.
const FILTER: [&str; 6] = ["reason", "source", "from", "to", "after", "up_to"];

/// Which of the paths a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Letters,
    Reasons,
    Redrive,
}

/// What the routes answer from.
struct Letters {
    redriver: Redriver,
    readers: Arc<Semaphore>,
}

/// The routes; they reject other paths only.
pub fn routes(redriver: Redriver) -> BoxedFilter<(Response,)> {
    let letters = Arc::new(Letters { redriver, readers: Arc::new(Semaphore::new(READERS)) });
    let list = warp::path!("v1" / "dead-letters").map(|| Place::Letters);
    let reasons = warp::path!("v1" / "dead-letters" / "reasons").map(|| Place::Reasons);
    let redrive = warp::path!("v1" / "dead-letters" / "redrive").map(|| Place::Redrive);
    list.or(reasons)
        .unify()
        .or(redrive)
        .unify()
        .and(warp::method())
        .and(parameters::given())
        .and(warp::body::stream())
        .then(move |place, method, given, body| {
            let letters = Arc::clone(&letters);
            async move { letters.respond(place, &method, given, body).await.unwrap_or_else(Refusal::into_response) }
        })
        .boxed()
}

impl Letters {
    async fn respond<S, B>(&self, place: Place, method: &Method, given: Given, body: S) -> Result<Response, Refusal>
    where
        S: Stream<Item = Result<B, warp::Error>>,
        B: Buf,
    {
        let parameters = once_each(given)?;
        let answer = match (place, method) {
            (Place::Letters, &Method::GET) => self.page(&parameters).await?,
            (Place::Letters, &Method::DELETE) => self.delete(&parameters).await?,
            (Place::Reasons, &Method::GET) => self.reasons(&parameters).await?,
            (Place::Redrive, &Method::POST) => {
                allow_only(&parameters, &[])?;
                let (filter, dry_run) = order(&read(body).await?)?;
                json!(self.redriver.redrive(filter, dry_run).await?)
            }
            (Place::Letters, _) => return Err(Refusal::WrongMethod { allowed: "GET, DELETE" }),
            (Place::Reasons, _) => return Err(Refusal::WrongMethod { allowed: "GET" }),
            (Place::Redrive, _) => return Err(Refusal::WrongMethod { allowed: "POST" }),
        };
        Ok(json_response(StatusCode::OK, &answer))
    }

    async fn page(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        allow_only(parameters, &[&FILTER[..], &["size"]].concat())?;
        let (filter, size) = (filter(parameters)?, size(parameters)?);
        let letters = self.redriver.letters().clone();
        self.work(move || {
            let count = letters.count();
            let page = page(letters.read(filter), size)?;
            Ok(json!({ "count": count, "letters": page.letters, "next": page.next }))
        })
        .await
    }

    async fn reasons(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        allow_only(parameters, &FILTER)?;
        let filter = filter(parameters)?;
        let letters = self.redriver.letters().clone();
        self.work(move || {
            let mut reasons = Reasons::default();
            for letter in letters.read(filter) {
                reasons.count(&letter?.1);
            }
            Ok(json!(reasons))
        })
        .await
    }

    async fn delete(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        allow_only(parameters, &[&FILTER[..], &["all"]].concat())?;
        let filter = filter(parameters)?;
        let all = parameters.get("all").is_some_and(|all| all == "true");
        if filter.is_everything() != all {
            return Err(refused("all", "give a filter, or all=true for all of them"));
        }
        let deleted = self.redriver.delete(filter).await?;
        tracing::warn!(deleted, "dead letters were deleted unread, because somebody asked for it");
        Ok(json!({ "deleted": deleted }))
    }

    /// Looks through the letters on a thread of its own, as long as not too many do.
    async fn work(&self, work: impl FnOnce() -> Result<Value, Refusal> + Send + 'static) -> Result<Value, Refusal> {
        let _turn = self.readers.try_acquire().map_err(|_| Refusal::Reading)?;
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Refusal::Reading))
    }
}

/// The filter that the parameters say.
fn filter(parameters: &Parameters) -> Result<Filter, Refusal> {
    let number = |name: &str| match parameters.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| refused(name, "write a number")),
    };
    let time = |name: &str| match parameters.get(name) {
        None => Ok(None),
        Some(text) => EventTime::parse_rfc3339(text)
            .map(|time| Some(ReceivedTime::from_micros(time.micros())))
            .ok_or_else(|| refused(name, "write a time such as 2026-11-22T10:00:00Z")),
    };
    Ok(Filter {
        after: number("after")?.unwrap_or(0),
        up_to: number("up_to")?,
        since: time("from")?,
        until: time("to")?,
        reason: parameters.get("reason").cloned(),
        source: parameters.get("source").cloned(),
    })
}

fn size(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.get("size") else { return Ok(USUAL_LETTERS) };
    let size = text.parse().ok().filter(|size| (1..=MOST_LETTERS).contains(size));
    size.ok_or_else(|| refused("size", format!("write a number from 1 to {MOST_LETTERS}")))
}

/// The filter of a body, and whether it is only tried out: the names are those of the parameters.
fn order(body: &Value) -> Result<(Filter, bool), Refusal> {
    let mut parameters = BTreeMap::new();
    let mut dry_run = false;
    for (name, value) in body.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("dry_run", Value::Bool(value)) => dry_run = *value,
            ("number", Value::Number(number)) => {
                let one = number.as_u64().filter(|number| *number > 0);
                let one = one.ok_or_else(|| refused("number", "write the number of a letter"))?;
                parameters.insert("after".to_owned(), (one - 1).to_string());
                parameters.insert("up_to".to_owned(), one.to_string());
            }
            (_, Value::String(text)) => {
                parameters.insert(name.clone(), text.clone());
            }
            (_, Value::Number(number)) => {
                parameters.insert(name.clone(), number.to_string());
            }
            _ => return Err(refused(name, "of another type than it should be")),
        }
    }
    allow_only(&parameters, &FILTER)?;
    Ok((filter(&parameters)?, dry_run))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::harness::ask;
    use super::*;
    use crate::clock::Clock;
    use crate::ingest::HttpSettings;
    use crate::spool::{Content, DeadLetter, Opened, Origin, RealFiles, Settings, open};

    fn opened(folder: &std::path::Path) -> Opened {
        open(Settings::in_folder(folder), Arc::new(RealFiles), Clock::system()).unwrap()
    }

    fn letter(number: i64, reason: &str, raw: &'static [u8]) -> DeadLetter {
        let origin = Origin { content: Content::Event, id: Some(format!("id {number}").into()), ..Origin::default() };
        let at = ReceivedTime::from_micros(1_700_000_000_000_000 + number * 60_000_000);
        DeadLetter { at, reason: reason.into(), source: "http ::1".into(), raw: Bytes::from_static(raw), origin }
    }

    fn routes_of(opened: &Opened) -> BoxedFilter<(Response,)> {
        let letters = [
            letter(0, "not JSON, at byte 17", b"\xff{"),
            letter(1, "mapping", br#"{"a":1}"#),
            letter(2, "not JSON, at byte 4", b"{"),
            letter(3, "mapping", br#"{"b":1}"#),
        ];
        opened.spool.dead_letters().append(&letters).unwrap();
        routes(Redriver::new(opened.spool.clone(), HttpSettings::default()))
    }

    async fn asked(routes: &BoxedFilter<(Response,)>, method: &str, path: &str, body: &str) -> (u16, Value) {
        let answer = ask(routes, method, path, body.to_owned()).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    #[tokio::test]
    async fn letters_come_in_pages_with_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        let routes = routes_of(&opened);
        let (status, page) = asked(&routes, "GET", "/v1/dead-letters?size=3", "").await;
        assert_eq!((status, &page["count"], &page["next"]), (200, &json!(4), &json!(3)));
        let first = &page["letters"][0];
        assert_eq!((&first["raw_base64"], first.get("raw")), (&json!("/3s="), None));
        let expected = json!({
            "number": 2, "at": "2023-11-14T22:14:20.000Z", "reason": "mapping", "source": "http ::1",
            "content": "event", "id": "id 1", "raw": "{\"a\":1}",
        });
        assert_eq!(page["letters"][1], expected);
        let (_, page) = asked(&routes, "GET", "/v1/dead-letters?after=3", "").await;
        assert_eq!((&page["letters"][0]["number"], &page["next"]), (&json!(4), &Value::Null));
        let between = "/v1/dead-letters?from=2023-11-14T22:14:20Z&to=2023-11-14T22:16:20Z&reason=mapp";
        let (_, page) = asked(&routes, "GET", between, "").await;
        assert_eq!((page["letters"].as_array().unwrap().len(), &page["letters"][0]["number"]), (1, &json!(2)));
        let (_, reasons) = asked(&routes, "GET", "/v1/dead-letters/reasons", "").await;
        assert_eq!(reasons, json!({ "mapping": 2, "not JSON, at byte #": 2 }));
    }

    #[tokio::test]
    async fn what_is_meant_is_sent_again_or_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        let routes = routes_of(&opened);
        let redrive = "/v1/dead-letters/redrive";
        let (_, done) = asked(&routes, "POST", redrive, r#"{"reason":"mapping","dry_run":true}"#).await;
        assert_eq!((&done["redriven"], opened.spool.usage().waiting), (&json!(2), 0));
        let (status, done) = asked(&routes, "POST", redrive, r#"{"number":2}"#).await;
        assert_eq!((status, &done["redriven"], opened.spool.usage().waiting), (200, &json!(1), 1));
        let (_, done) = asked(&routes, "POST", redrive, "{}").await;
        assert_eq!((&done["redriven"], &done["unreadable"]), (&json!(1), &json!(2)));
        assert_eq!(asked(&routes, "DELETE", "/v1/dead-letters", "").await.0, 400);
        assert_eq!(asked(&routes, "DELETE", "/v1/dead-letters?up_to=1", "").await, (200, json!({ "deleted": 1 })));
        assert_eq!(asked(&routes, "DELETE", "/v1/dead-letters?all=true", "").await, (200, json!({ "deleted": 1 })));
        assert_eq!(opened.spool.dead_letters().count(), 0);
    }

    #[tokio::test]
    async fn a_wrong_question_is_400_and_a_wrong_method_405() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        let routes = routes_of(&opened);
        for path in ["?size=0", "?from=yesterday", "?after=x", "?letter=1", "/reasons?size=1"] {
            assert_eq!(asked(&routes, "GET", &format!("/v1/dead-letters{path}"), "").await.0, 400, "{path}");
        }
        for body in [r#"{"from":1}"#, r#"{"number":0}"#, r#"{"all":true}"#, "[]"] {
            assert_eq!(asked(&routes, "POST", "/v1/dead-letters/redrive", body).await.0, 400, "{body}");
        }
        for (method, path) in [("PUT", ""), ("POST", "/reasons"), ("GET", "/redrive")] {
            assert_eq!(asked(&routes, method, &format!("/v1/dead-letters{path}"), "").await.0, 405, "{path}");
        }
        assert_eq!(opened.spool.dead_letters().count(), 4);
    }
}
