//! Metrics of events (not those of this program, which are at `/metrics`).
//!
//! - `GET /v1/metrics`: the metrics that are counted, as they are declared.
//! - `GET /v1/series?metric=&entity=&from=&to=`: one series as the events of that time carry it: per bucket the value at its
//!   last event, with what was expected and the band in which 998 of 1,000 values lie.
//!
//! A series is read back from events, so it has a point wherever an event touched it and the same on every store; it
//! is as old as the events that are kept, and its steps are those of the metric's buckets. Where there are more events than
//! are read, the oldest are left out, and `complete` is false.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::error::Refusal;
use super::pages::Pages;
use super::parameters::{self, Given, Parameters, allow_only, once_each, refused};
use super::search::filters;
use super::{Api, json as json_response, look};
use crate::anomaly::MetricDeclaration;
use crate::config::DurationText;
use crate::store::Kind;

/// Events of one page.
const PAGE: u64 = 5_000;
/// Pages that are read for one series.
const MOST_PAGES: usize = 10;

const METRICS: &str = "oversight.anomaly.metrics";

/// One series.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Series {
    /// The metric's name.
    pub metric: String,
    /// Whose; empty where the metric has one series in all.
    pub entity: String,
    /// Length of a bucket in milliseconds.
    pub bucket_millis: i64,
    /// Oldest first.
    pub points: Vec<Point>,
    /// Whether all events of that time were read.
    pub complete: bool,
}

/// One bucket of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Point {
    /// Its beginning, in milliseconds since 1970.
    pub at: i64,
    /// What was counted up to its last event.
    pub value: f64,
    /// What was expected.
    pub expected: Option<f64>,
    /// Below lies one value in a thousand.
    pub lower: Option<f64>,
    /// Above lies one value in a thousand.
    pub upper: Option<f64>,
    /// Severity, 0 to 100.
    pub score: f64,
}

/// The routes; they reject other paths only.
pub fn routes(api: Arc<Api>, declared: Vec<MetricDeclaration>) -> BoxedFilter<(Response,)> {
    let declared = Arc::new(declared);
    let listed = Arc::clone(&declared);
    let list =
        look(warp::path!("v1" / "metrics"), move || json_response(StatusCode::OK, &json!({ "metrics": *listed })));
    let series = warp::path!("v1" / "series")
        .and(warp::method())
        .and(parameters::given())
        .then(move |method: Method, given| {
            let (api, declared) = (Arc::clone(&api), Arc::clone(&declared));
            async move {
                match method {
                    Method::GET | Method::HEAD => api.series(&declared, given).await,
                    _ => Err(Refusal::WrongMethod { allowed: "GET, HEAD" }),
                }
                .unwrap_or_else(Refusal::into_problem)
            }
        })
        .boxed();
    list.or(series).unify().boxed()
}

impl Api {
    async fn series(&self, declared: &[MetricDeclaration], given: Given) -> Result<Response, Refusal> {
        let parameters = once_each(given)?;
        allow_only(&parameters, &["metric", "entity", "from", "to"])?;
        let mut reading = Reading::new(declared, &parameters)?;
        let mut filters = filters(&parameters)?;
        filters.push(json!({ "term": { format!("{METRICS}.name"): reading.series.metric } }));
        if !reading.series.entity.is_empty() {
            filters.push(json!({ "term": { format!("{METRICS}.entity"): reading.series.entity } }));
        }
        let pages = Pages { kind: Kind::Event, filters, size: PAGE, source: json!([METRICS]) };
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let _turn = self.searches.try_acquire().map_err(|_| Refusal::Busy)?;
            let (answer, next) = pages.turn(&*self.store, cursor).await?;
            reading.take(answer["hits"]["hits"].as_array().map(Vec::as_slice).unwrap_or_default());
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(json_response(StatusCode::OK, &reading.finish(cursor.is_none())))
    }
}

/// A series while it is read.
struct Reading {
    series: Series,
    buckets: BTreeMap<i64, Point>,
}

impl Reading {
    fn new(declared: &[MetricDeclaration], parameters: &Parameters) -> Result<Self, Refusal> {
        let wanted = parameters.get("metric").map(String::as_str).unwrap_or_default();
        let metric = declared.iter().find(|metric| metric.name == wanted);
        let metric = metric.ok_or_else(|| refused("metric", "write the name of one of /v1/metrics"))?;
        let span: Result<DurationText, _> = metric.bucket_span.parse();
        let span = span.map_or(60_000, |span| span.0.as_millis());
        let series = Series {
            metric: metric.name.clone(),
            entity: parameters.get("entity").cloned().unwrap_or_default(),
            bucket_millis: i64::try_from(span).unwrap_or(i64::MAX).max(1),
            points: Vec::new(),
            complete: false,
        };
        Ok(Self { series, buckets: BTreeMap::new() })
    }

    /// Hits come youngest first, so the first of a bucket is its last event.
    fn take(&mut self, hits: &[Value]) {
        for hit in hits {
            let Some(millis) = hit["sort"][0].as_i64() else { continue };
            let at = millis.div_euclid(self.series.bucket_millis) * self.series.bucket_millis;
            let metrics = hit["_source"]["oversight"]["anomaly"]["metrics"].as_array();
            let mine = metrics.into_iter().flatten().find(|metric| {
                metric["name"] == *self.series.metric
                    && metric["entity"].as_str().unwrap_or_default() == self.series.entity
            });
            if let Some(metric) = mine {
                self.buckets.entry(at).or_insert_with(|| point(at, metric));
            }
        }
    }

    fn finish(self, complete: bool) -> Series {
        Series { points: self.buckets.into_values().collect(), complete, ..self.series }
    }
}

fn point(at: i64, metric: &Value) -> Point {
    let number = |name: &str| metric[name].as_f64();
    Point {
        at,
        value: number("value").unwrap_or_default(),
        expected: number("expected"),
        lower: number("lower"),
        upper: number("upper"),
        score: number("score").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::default_metrics;

    fn hit(millis: i64, entity: &str, value: f64) -> Value {
        let metric = |entity: &str, value: f64| json!({"name": "connections_by_source", "entity": entity, "value": value, "expected": 2, "upper": 9, "score": 0});
        let metrics = json!([metric("10.9.9.9", 77.0), metric(entity, value), {"name": "other", "entity": entity}]);
        json!({ "sort": [millis], "_source": { "oversight": { "anomaly": { "metrics": metrics } } } })
    }

    #[test]
    fn a_bucket_has_the_value_of_its_last_event() {
        let asked = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let parameters = Parameters::from([asked("metric", "connections_by_source"), asked("entity", "10.0.0.1")]);
        let mut reading = Reading::new(&default_metrics(), &parameters).unwrap();
        reading.take(&[hit(125_000, "10.0.0.1", 5.0), hit(121_000, "10.0.0.1", 4.0)]);
        reading.take(&[hit(119_000, "10.0.0.1", 3.0), hit(61_000, "10.0.0.2", 2.0), json!({})]);
        let series = reading.finish(true);
        let shown: Vec<(i64, f64)> = series.points.iter().map(|point| (point.at, point.value)).collect();
        assert_eq!(shown, [(60_000, 3.0), (120_000, 5.0)]);
        assert_eq!(
            (series.points[0].expected, series.points[0].lower, series.points[0].upper),
            (Some(2.0), None, Some(9.0))
        );
        assert!(Reading::new(&default_metrics(), &Parameters::new()).is_err());
    }

    #[test]
    fn the_default_metrics_have_spans_that_can_be_read() {
        for metric in default_metrics() {
            assert!(metric.bucket_span.parse::<DurationText>().is_ok(), "{}", metric.name);
        }
    }
}
