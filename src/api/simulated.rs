//! `GET /v1/simulated?end=&skip=&size=`: made-up traffic with attacks in it, to try oversight with.
//!
//! Answers a part of a day of `oversight simulate` that ends at `end`, as a list; the same question has the same answer. Nothing is taken in
//! by asking: the page sends the events to `/v1/events` as any shipper would.

use bytes::Bytes;
use http::{Method, StatusCode};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::parameters::{self, Given, Parameters, allow_only, once_each, refused};
use super::response;
use crate::event::EventTime;

/// Events of an answer where none are asked for, and at most.
const SIZE: usize = 1_000;
const LARGEST: usize = 5_000;
/// Events that can be skipped: more than a day has.
const FURTHEST: usize = 1_000_000;

/// Which events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// When the day ends.
    pub end: EventTime,
    /// Events of the day before the first one wanted.
    pub skip: usize,
    /// How many are wanted; fewer are there at the end of the day.
    pub size: usize,
}

/// The route; `make` gives the events wanted as a JSON list. Rejects other paths only.
pub fn route(make: impl Fn(Wanted) -> Vec<u8> + Clone + Send + Sync + 'static) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "simulated")
        .and(warp::method())
        .and(parameters::given())
        .then(move |method: Method, given| {
            let make = make.clone();
            async move {
                match method {
                    Method::GET => answer(given, make).await,
                    _ => Err(Refusal::WrongMethod { allowed: "GET" }),
                }
                .unwrap_or_else(Refusal::into_problem)
            }
        })
        .boxed()
}

async fn answer(given: Given, make: impl Fn(Wanted) -> Vec<u8> + Send + 'static) -> Result<Response, Refusal> {
    let wanted = wanted(&once_each(given)?)?;
    // the day is made from its beginning: a fraction of a second
    let list = tokio::task::spawn_blocking(move || make(wanted)).await.expect("making events up does not panic");
    Ok(response(StatusCode::OK, "application/json", Bytes::from(list)))
}

fn wanted(parameters: &Parameters) -> Result<Wanted, Refusal> {
    allow_only(parameters, &["end", "skip", "size"])?;
    let end = parameters.get("end").ok_or_else(|| refused("end", "missing: a time such as 2026-01-31T12:00:00Z"))?;
    let end = EventTime::parse_rfc3339(end).filter(|end| has_a_day_before(*end));
    let end = end.ok_or_else(|| refused("end", "no time such as 2026-01-31T12:00:00Z, with a day before it"))?;
    let count = |name: &str, default, most| match parameters.get(name).map(|text| text.parse::<usize>()) {
        None => Ok(default),
        Some(Ok(count)) if count <= most => Ok(count),
        Some(_) => Err(refused(name, format!("no whole number of 0 to {most}"))),
    };
    Ok(Wanted { end, skip: count("skip", 0, FURTHEST)?, size: count("size", SIZE, LARGEST)? })
}

/// Whether a day ends then that has a beginning: the first year begins with a day that has not.
fn has_a_day_before(end: EventTime) -> bool {
    const TWO_DAYS: i64 = 2 * 86_400_000_000;
    EventTime::from_micros(end.micros().saturating_sub(TWO_DAYS)).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::harness::ask;
    use super::*;

    async fn asked(question: &str) -> (StatusCode, String) {
        let route = route(|wanted| format!("{} {} {}", wanted.end, wanted.skip, wanted.size).into_bytes());
        let answer = ask(&route, "GET", &format!("/v1/simulated{question}"), "").await;
        (answer.status(), String::from_utf8(answer.body().to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn what_is_wanted_is_read_and_what_is_wrong_is_named() {
        let (status, made) = asked("?end=2026-01-31T12:00:00Z&skip=7&size=3").await;
        assert_eq!((status, made.as_str()), (StatusCode::OK, "2026-01-31T12:00:00.000Z 7 3"));
        assert_eq!(asked("?end=2026-01-31T12:00:00Z").await.1, "2026-01-31T12:00:00.000Z 0 1000");
        for (question, named) in [
            ("", "end"),
            ("?end=noon", "end"),
            ("?end=0001-01-01T12:00:00Z", "end"),
            ("?end=2026-01-31T12:00:00Z&size=5001", "size"),
            ("?end=2026-01-31T12:00:00Z&skip=-1", "skip"),
            ("?end=2026-01-31T12:00:00Z&seed=1", "seed"),
        ] {
            let (status, told) = asked(question).await;
            assert!(status == StatusCode::BAD_REQUEST && told.contains(named), "{question}: {status} {told}");
        }
    }
}
