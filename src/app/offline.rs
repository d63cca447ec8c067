//! Judging events without a server and without a store: the same pipeline as the worker's, for files.
//!
//! Metrics are not counted: their buckets end with the clock, which a file does not have. Patterns are looked for.

use std::sync::Arc;

use bytes::Bytes;

use crate::anomaly::patterns::Finding;
use crate::classify::{self, LoadedModel, Slot};
use crate::clock::Clock;
use crate::config::Config;
use crate::event::SeqNo;
use crate::event::id::SpoolId;
use crate::features::Space;
use crate::ingest::enrich::Enriched;
use crate::normalise::Rules;
use crate::spool::{Member, StoredBatch};

use super::flow::FlowFields;
use super::pipeline::{Parts, Pipeline};
use super::{StartError, configuration};

/// The model that would judge if oversight were started now.
///
/// # Errors
/// When it cannot be used.
pub fn model(config: &Config) -> Result<LoadedModel, StartError> {
    classify::init_runtime();
    let settings = configuration::models(config);
    let shelf = settings.shelf();
    Ok(shelf.load(&settings.configured.judging(&shelf).active)?)
}

/// The model that judges records of the 41 features of KDD-99: the active one or the second, whichever looks at these; else the active
/// one.
///
/// # Errors
/// When it cannot be used.
pub fn of_records(config: &Config) -> Result<LoadedModel, StartError> {
    let active = model(config)?;
    if **active.space() == Space::kdd99() {
        return Ok(active);
    }
    let second = config.classify.second.as_ref().map(|second| configuration::models(config).shelf().load(second));
    let second = second.transpose()?.filter(|second| **second.space() == Space::kdd99());
    Ok(second.unwrap_or(active))
}

/// The annotated documents of some events.
pub struct Judged {
    /// The documents, in the order of the events; those that are no JSON object have none.
    pub documents: Enriched,
    /// For each event: where it tells of one side of a connection, which connection. The later one of two with the same
    /// number tells of all of it.
    pub pairs: Vec<Option<u64>>,
}

/// Judges events in the order in which they come.
pub struct Offline {
    pipeline: Pipeline,
    clock: Clock,
    next: SeqNo,
}

impl Offline {
    /// With the model that `config` names; `rules` say what content does not tell.
    ///
    /// # Errors
    /// When the model cannot be used.
    pub fn new(config: &Config, rules: Rules, clock: Clock) -> Result<Self, StartError> {
        let model = model(config)?;
        let settings = configuration::models(config);
        let second = settings.second(&settings.shelf())?;
        let pipeline = Pipeline::new(Parts {
            slot: Some(Arc::new(Slot::new(Arc::new(model)).with_second(second))),
            explain: configuration::explain(config),
            // a file is no part of what is compared
            watch: None,
            engine: Some(configuration::patterns_alone(config)),
            // ids of documents are like those of stored events, and never the same
            spool: SpoolId(rand::random()),
            rules,
            flow: FlowFields::ALL,
            census: None,
            threats: false,
            excused: configuration::excused(config),
            settled_below: SeqNo(0),
        });
        Ok(Self { pipeline, clock, next: SeqNo(1) })
    }

    /// The `most` strongest entities of each pattern that no single event shows.
    pub fn ranked(&self, most: usize) -> Vec<Finding> {
        self.pipeline.ranked(most)
    }

    /// Annotates `events`.
    pub fn judge(&mut self, events: &[String]) -> Judged {
        let mut body = Vec::with_capacity(events.iter().map(String::len).sum());
        let members = events.iter().map(|event| {
            let start = u32::try_from(body.len()).expect("a batch is far below 4 GiB");
            body.extend_from_slice(event.as_bytes());
            let end = start + u32::try_from(event.len()).expect("a line is far below 4 GiB");
            Member { range: start..end, id: None, index: None, pipeline: None, redriven: None }
        });
        let members = members.collect();
        let received = self.clock.now();
        let (first, source, body) = (self.next, "file".into(), Bytes::from(body));
        self.next = first.plus(events.len() as u64);
        let batch = StoredBatch { first, received, source, body, members, replayed: false };
        let documents = self.pipeline.enrich(&batch, received);
        let mut pairs = vec![None; events.len()];
        self.pipeline.pairs().for_each(|(member, pair)| pairs[member] = Some(pair));
        Judged { documents, pairs }
    }
}
