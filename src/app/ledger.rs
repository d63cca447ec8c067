//! What became of each event, told to the spool: the seam between the store's writer and the spool.
//!
//! What is refused is kept as it came, with the id of its document: the event still lies in the spool then, for it is
//! settled only when its dead letter is on the disk. A stop between the two would bring it here a second time; so of
//! events from before this start, those that have their letter already get no other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::event::id::SpoolId;
use crate::event::{EventId, ReceivedTime, SeqNo};
use crate::spool::{Content, DeadLetter, DeadLetterError, Filter, Origin, Originals, Spool};
use crate::store::writer::{Ledger, Refusal};
use crate::telemetry::catalogue;

/// Settles events in the spool; what the store refuses goes to the dead letters first.
pub struct SpoolLedger {
    spool: Spool,
    clock: Clock,
    clerk: Arc<Mutex<Clerk>>,
}

/// Writes the letters; one at a time, since finding an event in the spool is a walk.
struct Clerk {
    spool: Spool,
    originals: Originals,
    /// Who refuses what was made here.
    store: String,
    /// Events from here up to before the other number may have a letter from before this start.
    replayed: std::ops::Range<SeqNo>,
    /// Place and id of those of them that have one; none until somebody asks.
    kept: Option<HashSet<Named>>,
}

/// A place in the spool, and the id of the document.
type Named = (SeqNo, Box<str>);

impl SpoolLedger {
    /// For a store of this name. `replayed`: the events that this start found waiting.
    pub fn new(spool: Spool, clock: Clock, store: &str, replayed: std::ops::Range<SeqNo>) -> Self {
        let (originals, store) = (spool.originals(), format!("store {store}"));
        let clerk = Clerk { spool: spool.clone(), originals, store, replayed, kept: None };
        Self { spool, clock, clerk: Arc::new(Mutex::new(clerk)) }
    }
}

impl Ledger for SpoolLedger {
    fn settled(&self, sequences: &[SeqNo]) {
        self.spool.settle(sequences);
    }

    fn refused(&self, refusals: Vec<Refusal>) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let Some(first) = refusals.first() else { return Ok(()) };
            tracing::warn!(count = refusals.len(), reason = %first.reason, "the store refused documents; they are in the dead letters");
            let sequences: Vec<SeqNo> = refusals.iter().filter_map(|refusal| refusal.sequence).collect();
            let (clerk, now) = (Arc::clone(&self.clerk), self.clock.now());
            let kept = tokio::task::spawn_blocking(move || {
                clerk.lock().unwrap_or_else(PoisonError::into_inner).bury(refusals, now)
            });
            kept.await.map_err(|stopped| stopped.to_string())?.map_err(|fault| fault.to_string())?;
            catalogue::EVENTS_DEAD_LETTERED.add(sequences.len() as u64);
            self.spool.settle(&sequences);
            Ok(())
        })
    }
}

impl Clerk {
    fn bury(&mut self, refusals: Vec<Refusal>, now: ReceivedTime) -> Result<(), DeadLetterError> {
        let mut letters = Vec::with_capacity(refusals.len());
        for refusal in refusals {
            let letter = self.letter(refusal, now);
            if !self.has_letter(&letter.origin)? {
                letters.push(letter);
            }
        }
        self.spool.dead_letters().append(&letters)
    }

    fn letter(&mut self, refusal: Refusal, at: ReceivedTime) -> DeadLetter {
        let Refusal { sequence, reason, document } = refusal;
        let original = sequence.and_then(|place| {
            let found = self.originals.find(place);
            let found =
                found.inspect_err(|error| tracing::warn!(%error, "a refused event cannot be read from the spool"));
            Some((place, found.ok().flatten()?))
        });
        let by_place = sequence.map(|place| id_by_place(self.spool.id(), place));
        let Some((place, event)) = original else {
            // the document is all there is; of an event it holds every byte
            let content = if sequence.is_some() { Content::Unsaid } else { Content::Document };
            let origin = Origin { content, id: by_place, place: sequence, ..Origin::default() };
            return DeadLetter { at, reason, source: self.store.clone(), raw: document, origin };
        };
        let named = event.id.as_deref().map(|given| EventId::named(event.index.as_deref(), given).to_string().into());
        let origin = Origin {
            content: Content::Event,
            id: named.or(event.redriven).or(by_place),
            given: event.id,
            index: event.index,
            pipeline: event.pipeline,
            received: Some(event.received),
            place: Some(place),
        };
        DeadLetter { at, reason, source: event.source.into(), raw: event.raw, origin }
    }

    /// Whether this event had been refused before this start, and its letter kept.
    fn has_letter(&mut self, origin: &Origin) -> Result<bool, DeadLetterError> {
        let (Some(place), Some(id)) = (origin.place, origin.id.clone()) else { return Ok(false) };
        if !self.replayed.contains(&place) {
            return Ok(false);
        }
        if self.kept.is_none() {
            let mut kept = HashSet::new();
            for letter in self.spool.dead_letters().read(Filter::default()) {
                let Origin { id, place, .. } = letter?.1.origin;
                kept.extend(place.filter(|place| self.replayed.contains(place)).zip(id));
            }
            self.kept = Some(kept);
        }
        Ok(self.kept.as_ref().is_some_and(|kept| kept.contains(&(place, id))))
    }
}

fn id_by_place(spool: SpoolId, place: SeqNo) -> Box<str> {
    EventId::Place(spool, place).to_string().into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;

    use super::*;
    use crate::spool::{Digest, Member, NewBatch, Opened, RealFiles, Settings, open};

    const BODY: &str = r#"[{"n":1},{"n":2}]"#;

    fn opened(folder: &Path) -> Opened {
        open(Settings::in_folder(folder), Arc::new(RealFiles), Clock::system()).unwrap()
    }

    fn ledger(opened: &Opened) -> SpoolLedger {
        let replayed = opened.recovery.checkpoint..opened.recovery.next;
        SpoolLedger::new(opened.spool.clone(), Clock::system(), "test", replayed)
    }

    fn refusal(sequence: Option<SeqNo>) -> Refusal {
        Refusal { sequence, reason: "mapping".to_owned(), document: Bytes::from_static(b"{\"annotated\":true}") }
    }

    fn letters(spool: &Spool) -> Vec<DeadLetter> {
        spool.dead_letters().read(Filter::default()).map(|letter| letter.unwrap().1).collect()
    }

    async fn append(spool: &Spool) {
        let member = |range, id: Option<&str>| Member {
            range,
            id: id.map(Into::into),
            index: None,
            pipeline: None,
            redriven: None,
        };
        let members = vec![member(1..8, None), member(9..16, Some("given"))];
        let received = ReceivedTime::from_micros(1_700_000_000_000_000);
        let (digest, source) = (Digest([1; 16]), "http 10.0.0.1".into());
        spool
            .append(NewBatch { digest, received, source, body: Bytes::from_static(BODY.as_bytes()), members })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_the_store_refuses_is_kept_as_it_came_with_the_id_of_its_document() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path());
        append(&opened.spool).await;
        let refused = vec![refusal(Some(SeqNo(1))), refusal(Some(SeqNo(2))), refusal(None)];
        ledger(&opened).refused(refused).await.unwrap();
        let letters = letters(&opened.spool);
        assert_eq!((&*letters[0].raw, &*letters[1].raw), (b"{\"n\":1}".as_slice(), b"{\"n\":2}".as_slice()));
        assert_eq!((letters[0].source.as_str(), letters[0].origin.content), ("http 10.0.0.1", Content::Event));
        assert_eq!(letters[0].origin.id, Some(id_by_place(opened.spool.id(), SeqNo(1))));
        assert_eq!((letters[1].origin.id.as_deref(), letters[1].origin.place), (Some("#given"), Some(SeqNo(2))));
        assert_eq!(letters[0].origin.received, Some(ReceivedTime::from_micros(1_700_000_000_000_000)));
        assert_eq!((letters[2].origin.content, letters[2].source.as_str()), (Content::Document, "store test"));
        assert_eq!(opened.spool.usage().waiting, 0);
    }

    #[tokio::test]
    async fn an_event_that_is_refused_again_after_a_stop_gets_no_second_letter() {
        let folder = tempfile::tempdir().unwrap();
        let first = opened(folder.path());
        append(&first.spool).await;
        // the letter is kept, and then it stops before the event is settled
        let mut clerk = Clerk {
            spool: first.spool.clone(),
            originals: first.spool.originals(),
            store: "store test".to_owned(),
            replayed: SeqNo(1)..SeqNo(1),
            kept: None,
        };
        clerk.bury(vec![refusal(Some(SeqNo(1)))], ReceivedTime::from_micros(1)).unwrap();
        drop((clerk, first));
        let second = opened(folder.path());
        assert_eq!(second.recovery.waiting, 2);
        ledger(&second).refused(vec![refusal(Some(SeqNo(1))), refusal(Some(SeqNo(2)))]).await.unwrap();
        assert_eq!((letters(&second.spool).len(), second.spool.usage().waiting), (2, 0));
    }
}
