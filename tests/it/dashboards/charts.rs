//! A chart as the search that the product would send for it.

use serde_json::{Map, Value, json};

use super::kuery;
use super::objects::Object;

/// The types of charts, with the roles that their buckets may have.
const CHARTS: [(&str, &[&str]); 9] = [
    ("histogram", &["segment", "group"]),
    ("horizontal_bar", &["segment", "group"]),
    ("line", &["segment", "group"]),
    ("area", &["segment", "group"]),
    ("pie", &["segment"]),
    ("table", &["bucket"]),
    ("metric", &["group"]),
    ("heatmap", &["segment", "group"]),
    ("tagcloud", &["segment"]),
];
const METRICS: [&str; 6] = ["count", "max", "avg", "sum", "cardinality", "percentiles"];
const BUCKETS: [&str; 4] = ["date_histogram", "terms", "histogram", "filters"];

/// One aggregation of a chart.
pub struct Aggregation {
    pub id: String,
    pub kind: String,
    pub params: Value,
}

/// Metrics and buckets of a chart, outermost bucket first.
pub struct Chart {
    pub metrics: Vec<Aggregation>,
    pub buckets: Vec<Aggregation>,
}

impl Chart {
    /// Reads and checks a chart; none for a text.
    pub fn read(object: &Object) -> Option<Self> {
        let state = object.json("visState");
        let kind = state["type"].as_str().expect("a type");
        assert_eq!(state["title"], object.attributes["title"], "{}", object.id);
        assert!(state["params"].is_object(), "{}", object.id);
        if kind == "markdown" {
            assert!(state["params"]["markdown"].is_string(), "{}", object.id);
            return None;
        }
        let known = CHARTS.iter().find(|(name, _)| *name == kind);
        let (_, roles) = known.unwrap_or_else(|| panic!("{}: not both products know a chart {kind}", object.id));
        let (mut metrics, mut buckets) = (Vec::new(), Vec::new());
        for (place, one) in state["aggs"].as_array().expect("aggregations").iter().enumerate() {
            assert_eq!(one["id"], json!((place + 1).to_string()), "{}", object.id);
            assert_eq!(one["enabled"], true, "{}", object.id);
            let kind = one["type"].as_str().expect("a type").to_owned();
            let aggregation = Aggregation { id: (place + 1).to_string(), params: one["params"].clone(), kind };
            match one["schema"].as_str().expect("a schema") {
                "metric" => metrics.push(aggregation),
                role => {
                    assert!(
                        roles.contains(&role),
                        "{}: a {kind} knows no role {role}",
                        object.id,
                        kind = state["type"]
                    );
                    buckets.push(aggregation);
                }
            }
        }
        let chart = Self { metrics, buckets };
        chart.check(&object.id);
        Some(chart)
    }

    fn check(&self, id: &str) {
        assert!(!self.metrics.is_empty(), "{id} has no metric");
        for metric in &self.metrics {
            assert!(METRICS.contains(&metric.kind.as_str()), "{id}: {}", metric.kind);
            assert_eq!(metric.kind == "count", metric.params["field"].is_null(), "{id}");
        }
        for bucket in &self.buckets {
            assert!(BUCKETS.contains(&bucket.kind.as_str()), "{id}: {}", bucket.kind);
            assert_eq!(bucket.kind == "filters", bucket.params["field"].is_null(), "{id}");
            if bucket.kind == "terms" {
                let by = bucket.params["orderBy"].as_str().expect("an order");
                let by = self.metrics.iter().find(|metric| metric.id == by);
                let by = by.unwrap_or_else(|| panic!("{id} is ordered by what is no metric of it"));
                assert_ne!(by.kind, "percentiles", "{id}: nothing can be ordered by several numbers");
                assert!(bucket.params["size"].as_u64().is_some_and(|size| (1..=100).contains(&size)), "{id}");
            }
        }
    }

    /// The fields that it needs.
    pub fn fields(&self) -> Vec<String> {
        let mut fields = Vec::new();
        for aggregation in self.metrics.iter().chain(&self.buckets) {
            fields.extend(aggregation.params["field"].as_str().map(str::to_owned));
            for filter in aggregation.params["filters"].as_array().into_iter().flatten() {
                fields.extend(kuery::fields(filter["input"]["query"].as_str().expect("a query")));
            }
        }
        fields
    }

    /// The body of the search for it.
    pub fn search(&self, queries: &[&str]) -> Value {
        let asked = |metric: &Aggregation| json!({&metric.kind: metric.params_of(&["field", "percents"])});
        let measured = || self.metrics.iter().filter(|metric| metric.kind != "count");
        let mut inner: Map<String, Value> = measured().map(|metric| (metric.id.clone(), asked(metric))).collect();
        for bucket in self.buckets.iter().rev() {
            // what buckets are ordered by has to stand within them
            let order = measured().find(|metric| bucket.params["orderBy"] == json!(metric.id));
            inner.extend(order.map(|metric| (metric.id.clone(), asked(metric))));
            let mut body = Map::from_iter([(bucket.kind.clone(), self.bucket(bucket))]);
            if !inner.is_empty() {
                body.insert("aggs".to_owned(), Value::Object(inner));
            }
            inner = Map::from_iter([(bucket.id.clone(), Value::Object(body))]);
        }
        let mut filter: Vec<Value> = queries.iter().map(|query| kuery::translate(query)).collect();
        filter.push(json!({"range": {"@timestamp": {"gte": "now-24h", "lte": "now+1h"}}}));
        json!({"size": 0, "track_total_hits": true, "query": {"bool": {"filter": filter}}, "aggs": inner})
    }

    fn bucket(&self, bucket: &Aggregation) -> Value {
        match bucket.kind.as_str() {
            "date_histogram" => json!({"field": bucket.params["field"], "fixed_interval": "30m", "min_doc_count": 1}),
            "histogram" => {
                json!({"field": bucket.params["field"], "interval": bucket.params["interval"], "min_doc_count": 1})
            }
            "filters" => {
                let filters = bucket.params["filters"].as_array().expect("filters");
                let filters: Map<String, Value> = filters
                    .iter()
                    .map(|one| {
                        let query = one["input"]["query"].as_str().expect("a query");
                        (one["label"].as_str().expect("a label").to_owned(), kuery::translate(query))
                    })
                    .collect();
                json!({ "filters": filters })
            }
            _ => {
                let by = bucket.params["orderBy"].as_str().expect("checked");
                let counted = self.metrics.iter().any(|metric| metric.id == by && metric.kind == "count");
                let key = if counted { "_count" } else { by };
                json!({"field": bucket.params["field"], "size": bucket.params["size"], "order": {key: bucket.params["order"]}})
            }
        }
    }

    /// What is empty in an answer that the chart would be drawn from; none where all of it has values.
    pub fn gap(&self, answer: &Value) -> Option<String> {
        if answer["hits"]["total"]["value"].as_u64() == Some(0) {
            return Some("nothing is found".to_owned());
        }
        self.gap_below(&answer["aggregations"], 0)
    }

    /// It is enough that one bucket has all the values below it: the others are for those who have such events.
    fn gap_below(&self, found: &Value, depth: usize) -> Option<String> {
        let Some(bucket) = self.buckets.get(depth) else {
            let missing = self.metrics.iter().filter(|metric| metric.kind != "count").find(|metric| {
                let metric = &found[&metric.id];
                let values =
                    metric["values"].as_object().is_some_and(|values| values.values().any(|value| !value.is_null()));
                metric["value"].is_null() && !values
            });
            return missing.map(|metric| format!("no value of {} {}", metric.kind, metric.params["field"]));
        };
        let buckets = &found[&bucket.id]["buckets"];
        let mut buckets: Vec<&Value> = match buckets {
            Value::Array(list) => list.iter().collect(),
            Value::Object(named) => named.values().collect(),
            _ => Vec::new(),
        };
        buckets.retain(|bucket| bucket["doc_count"].as_u64() > Some(0));
        let mut gap = Some(format!("no bucket of {} {}", bucket.kind, bucket.params["field"]));
        for one in buckets {
            gap = self.gap_below(one, depth + 1);
            if gap.is_none() {
                break;
            }
        }
        gap
    }
}

impl Aggregation {
    fn params_of(&self, names: &[&str]) -> Value {
        let named = names.iter().filter(|name| !self.params[**name].is_null());
        named.map(|name| ((*name).to_owned(), self.params[*name].clone())).collect()
    }
}
