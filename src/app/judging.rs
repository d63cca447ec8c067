//! Lets a model judge the rows of a batch, counts its verdicts, and keeps what writes them.

use std::sync::Arc;

use crate::classify::Classifier;
use crate::event::annotated::{Classification, ModelInfo, Verdict};
use crate::features::Matrix;
use crate::telemetry::catalogue;

use super::verdict::VerdictWriter;

/// What writes the verdicts of a model.
pub type Writer = (Arc<ModelInfo>, VerdictWriter);

/// Of each model that has judged.
#[derive(Default)]
pub struct Writers {
    /// Of the active one.
    pub active: Option<Writer>,
    /// Of the second one.
    pub second: Option<Writer>,
}

/// Lets a model judge its rows. Without verdicts the events are still worth storing, and nobody takes them for judged.
pub fn run(
    classifier: &mut dyn Classifier,
    rows: &Matrix,
    verdicts: &mut Vec<Classification>,
    writer: &mut Option<Writer>,
) {
    if rows.is_empty() {
        return;
    }
    let started = std::time::Instant::now();
    if let Err(fault) = classifier.classify(rows, verdicts) {
        tracing::error!(%fault, "a batch goes unjudged");
        verdicts.clear();
        return;
    }
    catalogue::CLASSIFY_SECONDS.observe(started.elapsed());
    catalogue::EVENTS_CLASSIFIED.add(verdicts.len() as u64);
    let model = &verdicts[0].model;
    if !writer.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, model)) {
        *writer = Some((model.clone(), VerdictWriter::new(model)));
    }
}

/// Counts what was found, in one pass.
pub fn count(verdicts: &[Classification]) {
    let Some(ModelInfo { labels, .. }) = verdicts.first().map(|verdict| &*verdict.model) else { return };
    let (mut attacks, mut kinds) = (0, [0; 3]);
    for verdict in verdicts {
        attacks += u64::from(!labels[usize::from(verdict.label)].is_normal());
        kinds[verdict.verdict as usize] += 1;
    }
    catalogue::DETECTIONS.add(attacks);
    catalogue::VERDICTS_NORMAL.add(kinds[Verdict::Normal as usize]);
    catalogue::VERDICTS_KNOWN.add(kinds[Verdict::Known as usize]);
    catalogue::VERDICTS_UNKNOWN.add(kinds[Verdict::Unknown as usize]);
}

/// The verdict of a row with what writes it.
pub fn told<'a>(
    row: Option<usize>,
    verdicts: &'a [Classification],
    writer: Option<&'a Writer>,
) -> Option<(&'a Classification, &'a VerdictWriter)> {
    verdicts.get(row?).zip(writer.map(|(_, writer)| writer))
}
