//! The demonstration: oversight with an empty store of its own, traffic with attacks sent to it over HTTP as Logstash
//! would, and what was found, asked for over HTTP as anybody would.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::event::fields;

/// Anomaly records that are looked through for the strongest of each kind.
const MOST_ANOMALIES: usize = 1_000;

/// Why the demonstration could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A question to oversight got no answer.
    #[error("oversight does not answer: {0}")]
    Unanswered(#[from] reqwest::Error),
    /// It answered, and not as it should.
    #[error("oversight answered {status} to {question}: {answer}")]
    Refused {
        /// What was asked.
        question: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        answer: String,
    },
    /// Events were still waiting when patience ended.
    #[error("{0} events still wait to be stored; the log says why")]
    StillWaiting(u64),
}

/// What was found, as it is printed for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// Events sent.
    pub sent: u64,
    /// Events answered 200.
    pub accepted: u64,
    /// Documents in the store.
    pub stored: u64,
    /// Verdicts by label.
    pub labels: BTreeMap<String, u64>,
    /// Anomaly records in the store.
    pub anomalies: u64,
    /// From the first event sent to the last one stored.
    pub seconds: f64,
}

/// A row of the table of classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// The label.
    pub label: String,
    /// Events.
    pub count: u64,
    /// Mean probability.
    pub probability: f64,
    /// An event of it, in short.
    pub example: String,
}

/// Asks oversight at `url`.
pub struct Questions {
    client: reqwest::Client,
    url: String,
}

impl Questions {
    /// To the oversight at `url`, without a slash at the end.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: String) -> Result<Self, DemoError> {
        Ok(Self { client: reqwest::Client::builder().no_proxy().build()?, url })
    }

    /// The verdicts, most frequent first.
    ///
    /// # Errors
    /// When oversight does not answer as it should.
    pub async fn classes(&self) -> Result<Vec<Class>, DemoError> {
        let by_label = json!({"terms": {"field": fields::LABEL, "size": 100},
            "aggs": {"probability": {"avg": {"field": "oversight.classification.probability"}}}});
        let found = self.search("events", json!({"size": 0, "aggs": {"labels": by_label}})).await?;
        let mut classes = Vec::new();
        for bucket in found["aggregations"]["labels"]["buckets"].as_array().into_iter().flatten() {
            let label = bucket["key"].as_str().unwrap_or_default().to_owned();
            classes.push(Class {
                count: bucket["doc_count"].as_u64().unwrap_or_default(),
                probability: bucket["probability"]["value"].as_f64().unwrap_or_default(),
                example: self.example(&label).await?,
                label,
            });
        }
        Ok(classes)
    }

    /// How many documents of this kind (`events`, `anomalies`) there are.
    ///
    /// # Errors
    /// When oversight does not answer as it should.
    pub async fn count(&self, kind: &str) -> Result<u64, DemoError> {
        let found = self.search(kind, json!({"size": 0, "track_total_hits": true})).await?;
        Ok(found["hits"]["total"]["value"].as_u64().unwrap_or_default())
    }

    /// The reason of the strongest anomaly of each metric and pattern, with its score; the strongest first.
    ///
    /// # Errors
    /// When oversight does not answer as it should.
    pub async fn anomalies(&self) -> Result<Vec<(f64, String)>, DemoError> {
        let query = json!({"size": MOST_ANOMALIES, "sort": [{"record_score": "desc"}]});
        let found = self.search("anomalies", query).await?;
        let hits = found["hits"]["hits"].as_array().into_iter().flatten();
        let mut told = BTreeSet::new();
        Ok(hits
            .filter(|hit| told.insert(hit["_source"]["job_id"].as_str()))
            .map(|hit| {
                let source = &hit["_source"];
                let reason = source["event"]["reason"].as_str().unwrap_or_default();
                (source["record_score"].as_f64().unwrap_or_default(), reason.to_owned())
            })
            .collect())
    }

    /// Waits until everything that was accepted is in the store.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub async fn stored(&self, patience: Duration) -> Result<(), DemoError> {
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(50);
        loop {
            let waiting = self.waiting().await?;
            if waiting == 0 {
                return Ok(());
            }
            if waited >= patience {
                return Err(DemoError::StillWaiting(waiting));
            }
            tokio::time::sleep(step).await;
            waited += step;
        }
    }

    async fn waiting(&self) -> Result<u64, DemoError> {
        let text = self.client.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix("oversight_events_waiting "));
        line.and_then(|value| value.trim().parse().ok()).ok_or_else(|| DemoError::Refused {
            question: "/metrics".to_owned(),
            status: 200,
            answer: "no oversight_events_waiting".to_owned(),
        })
    }

    async fn example(&self, label: &str) -> Result<String, DemoError> {
        let query = json!({"size": 1, "query": {"term": {fields::LABEL: label}}});
        let found = self.search("events", query).await?;
        Ok(in_short(&found["hits"]["hits"][0]["_source"]))
    }

    async fn search(&self, kind: &str, body: Value) -> Result<Value, DemoError> {
        let question = format!("/v1/search?kind={kind}");
        let answer = self.client.post(format!("{}{question}", self.url)).json(&body).send().await?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(DemoError::Refused { question, status, answer: answer.text().await? });
        }
        Ok(answer.json().await?)
    }
}

/// A connection as one would say it.
fn in_short(event: &Value) -> String {
    let text = |name: &str| match &event[name] {
        Value::String(text) => text.clone(),
        Value::Null => "?".to_owned(),
        other => other.to_string(),
    };
    format!(
        "{} → {}:{}/{} {}",
        text("id.orig_h"),
        text("id.resp_h"),
        text("id.resp_p"),
        text("proto"),
        text("conn_state")
    )
}
