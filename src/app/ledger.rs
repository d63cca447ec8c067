//! What became of each event, told to the spool: the seam between the store's writer and the spool.

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::event::SeqNo;
use crate::spool::{DeadLetter, Spool};
use crate::store::writer::{Ledger, Refusal};
use crate::telemetry::catalogue;

/// Settles events in the spool; what the store refuses goes to the dead letters first.
pub struct SpoolLedger {
    spool: Spool,
    clock: Clock,
    source: String,
}

impl SpoolLedger {
    /// For a store of this name.
    pub fn new(spool: Spool, clock: Clock, store: &str) -> Self {
        Self { spool, clock, source: format!("store {store}") }
    }
}

impl Ledger for SpoolLedger {
    fn settled(&self, sequences: &[SeqNo]) {
        self.spool.settle(sequences);
    }

    fn refused(&self, refusals: Vec<Refusal>) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let at = self.clock.now();
            let sequences: Vec<SeqNo> = refusals.iter().filter_map(|refusal| refusal.sequence).collect();
            let letters: Vec<DeadLetter> = refusals
                .into_iter()
                .map(|refusal| DeadLetter {
                    at,
                    reason: refusal.reason,
                    source: self.source.clone(),
                    raw: refusal.document,
                })
                .collect();
            tracing::warn!(count = letters.len(), reason = %letters[0].reason, "the store refused documents; they are in the dead letters");
            let spool = self.spool.clone();
            let kept = tokio::task::spawn_blocking(move || spool.dead_letters().append(&letters)).await;
            kept.map_err(|stopped| stopped.to_string())?.map_err(|fault| fault.to_string())?;
            catalogue::EVENTS_DEAD_LETTERED.add(sequences.len() as u64);
            self.spool.settle(&sequences);
            Ok(())
        })
    }
}
