//! Elasticsearch and OpenSearch: documents by `_bulk`, one outcome for each.
//!
//! Documents are created, never overwritten, so that writing a batch again is harmless: what is there already is
//! answered with a conflict and counts as done. One connection fault, one full queue or one forbidden index never
//! loses a document and never blocks the documents beside it; the table in [`reply`] says which fault means what.
//! Backing off between attempts is the writer's; this room makes one attempt and says how long to wait at least.

mod blueprints;
mod bulk;
mod client;
mod difference;
mod reply;
mod request;
mod settings;
mod templates;
mod words;

use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use elasticsearch::http::Method;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tracing::{error, info, warn};

use bulk::Naming;
use client::{Client, NoAnswer};
use reply::{Trouble, Verdict};
use words::request_reason;

use super::{Batch, Outcome, SearchError, SearchRequest, Store, StoreError};

pub use blueprints::fields;
pub use client::Product;
pub use difference::{Change, differences};
pub use request::{Reply, Verb};
pub use settings::{Credentials, IndexPrefix, NodeUrl, PipelineName, Retention, Secret, Settings, SettingsError};
pub use templates::{Removal, TemplateReport, TemplateState};

/// Keeps the answer short: the status of each item, and of errors what [`reply`] looks at.
const REPLY_FIELDS: &str = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.type,items.*.error.caused_by.reason";
const NAME: &str = "elasticsearch";

/// Writes to one Elasticsearch or OpenSearch cluster.
pub struct ElasticStore {
    client: Client,
    settings: Settings,
    naming: Naming,
    /// The last trouble that was logged, so that it is said once and not with each batch.
    said: AtomicU8,
}

impl ElasticStore {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// Where the settings cannot be used: certificates, credentials, no node.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if settings.max_bulk_bytes == 0 {
            return Err(SettingsError::Zero("the size of a bulk request"));
        }
        let naming = Naming::of(&settings);
        Ok(Self { client: Client::new(&settings)?, settings, naming, said: AtomicU8::new(0) })
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn write_portions(&self, batch: &Batch, wanted: &[usize], outcomes: &mut [Option<Outcome>]) {
        let mut waiting = bulk::portions(batch, wanted, &self.naming, self.settings.max_bulk_bytes);
        waiting.reverse();
        while let Some(portion) = waiting.pop() {
            match self.write_once(batch, portion).await {
                Verdict::Judged(judged) => {
                    match &judged.worst {
                        None => self.say(None, ""),
                        Some((trouble, reason)) => self.say(Some(*trouble), reason),
                    }
                    for (&place, outcome) in portion.iter().zip(judged.outcomes) {
                        outcomes[place] = Some(outcome);
                    }
                }
                Verdict::Split(reason) => match portion {
                    [only] => outcomes[*only] = Some(Outcome::Refused { reason }),
                    several => {
                        let (first, second) = several.split_at(several.len() / 2);
                        waiting.extend([second, first]);
                    }
                },
                Verdict::Again(trouble, after, reason) => {
                    self.say(Some(trouble), &reason);
                    // the portions behind would meet the same
                    let rest = waiting.iter().copied().flatten().chain(portion);
                    rest.for_each(|&place| outcomes[place] = Some(Outcome::Again { after, reason: reason.clone() }));
                    return;
                }
            }
        }
    }

    async fn write_once(&self, batch: &Batch, portion: &[usize]) -> Verdict {
        let body = bulk::body(batch, portion, &self.naming);
        let query = [("filter_path", REPLY_FIELDS), ("pipeline", self.pipeline())];
        let query = if self.settings.pipeline.is_some() { &query[..] } else { &query[..1] };
        match self.client.send(Method::Post, "_bulk", query, Some(body)).await {
            Ok(answer) => reply::judge(&answer, portion.len()),
            Err(NoAnswer(reason)) => Verdict::Again(Trouble::Unreachable, Trouble::Unreachable.patience(), reason),
        }
    }

    fn pipeline(&self) -> &str {
        self.settings.pipeline.as_ref().map_or("", PipelineName::as_str)
    }

    /// Says a change of the engine's state, once.
    fn say(&self, trouble: Option<Trouble>, reason: &str) {
        let code = trouble.map_or(0, |trouble| trouble as u8 + 1);
        if self.said.load(Ordering::Relaxed) == code || self.said.swap(code, Ordering::Relaxed) == code {
            return;
        }
        match trouble {
            None => info!("the engine takes documents"),
            Some(Trouble::Forbidden) => error!(
                reason,
                "the engine refuses us: give other credentials, or these the right to create indices and documents; documents wait"
            ),
            Some(Trouble::Blocked) => {
                error!(reason, "the engine takes no documents until its operator changes something; documents wait");
            }
            Some(Trouble::Busy) => warn!(reason, "the engine is busy; documents wait"),
            Some(Trouble::Unreachable) => warn!(reason, "the engine cannot be reached; documents wait"),
        }
    }

    async fn find(&self, request: SearchRequest) -> Result<Value, SearchError> {
        let path = format!("{}/_search", self.naming.pattern(request.kind));
        let body = serde_json::to_vec(&request.body).expect("a JSON value can always be written");
        // an index of the day that is not there yet is an empty answer and no fault
        let query = [("ignore_unavailable", "true"), ("allow_no_indices", "true")];
        let answer = self.client.send(Method::Post, &path, &query, Some(Bytes::from(body))).await;
        let answer = answer.map_err(|NoAnswer(reason)| SearchError::Unavailable(reason))?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body)
                .map_err(|error| SearchError::Unavailable(format!("its answer is no JSON: {error}"))),
            400 => Err(SearchError::Bad(words::search_reason(&answer))),
            _ => Err(SearchError::Unavailable(request_reason(&answer))),
        }
    }
}

impl Store for ElasticStore {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Asks who answers, and installs the index templates that are missing or older than this program's, where the
    /// settings say so.
    fn prepare(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            let product = self.product().await?;
            if self.settings.install_templates {
                let reports = self.templates(false).await?;
                for report in reports {
                    match report.kept {
                        Some(reason) => {
                            warn!(template = report.name, reason, "the engine keeps a template for other options")
                        }
                        None if report.installed => info!(template = report.name, "an index template was installed"),
                        None => {}
                    }
                }
            }
            info!(?product, "the engine is ready");
            Ok(())
        })
    }

    fn write<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(async move {
            let refuse = |reason| Outcome::Refused { reason };
            let mut outcomes: Vec<Option<Outcome>> =
                batch.documents.iter().map(|document| bulk::fault(document).map(refuse)).collect();
            let wanted: Vec<usize> = (0..outcomes.len()).filter(|&place| outcomes[place].is_none()).collect();
            self.write_portions(batch, &wanted, &mut outcomes).await;
            outcomes.into_iter().map(|outcome| outcome.expect("every portion gives each of its places one")).collect()
        })
    }

    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<Value, SearchError>> {
        Box::pin(self.find(request))
    }
}
