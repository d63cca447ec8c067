//! Dead letters taken in once more, after a mapping, a limit or a model has been put right.
//!
//! A letter goes back through the spool as the event it was: its own bytes, judged anew, with the time at which it was
//! received. It keeps its letter if it cannot be read even now; if the *store* refuses it again, that is a new letter.
//! Letters that come while this runs are not looked at, so it ends.
//!
//! # Exactly once
//! Each letter has one id for ever: that of the event's document where it had one, else one made of the
//! spool and the number of the letter. Redriven events carry it, and a later letter of the same event does too.
//!
//! 1. The event is appended to the spool, which syncs it. A stop before leaves the letter, and nothing else.
//! 2. The letter is removed, durably. A stop between the two leaves letter *and* event: redriven again, the event is
//!    written to the same index (its day is that of the event, or of its receipt, which the letter keeps) under the
//!    same id with `create`, and the store answers that it is there already.
//!
//! So nothing is lost, and nothing stands in the store twice, however long the stop was: no table of recent bodies is
//! asked, which forgets. A store that knows no ids (a Kafka topic) may see such an event twice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::HttpSettings;
use super::format::{Form, split};
use crate::spool::{
    AppendError, Content, DeadLetter, DeadLetterError, DeadLetterReader, DeadLetters, Digest, Filter, Member, NewBatch,
    Origin, Spool,
};
use crate::telemetry::catalogue::EVENTS_REDRIVEN;

/// Letters that are taken in together, at most.
const CHUNK: usize = 256;
/// Their bytes, about.
const CHUNK_BYTES: usize = 8 << 20;

/// What became of the letters that were meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Letters that were meant.
    pub matched: u64,
    /// Of these, those that went back into the spool; or would, if this was only tried out.
    pub redriven: u64,
    /// The events that they hold.
    pub events: u64,
    /// Of these letters, those that cannot be read even now; they stay.
    pub unreadable: u64,
    /// Those that hold no event but a document that was made here; they stay.
    pub not_events: u64,
}

/// Why not all letters could be taken in.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// One at a time.
    #[error("dead letters are being sent again already")]
    Busy,
    /// The spool did not take more. What was taken is done with.
    #[error("{source}; {} of {} letters have been sent again so far, the others are still there", done.redriven, done.matched)]
    Append {
        /// What was done before.
        done: Redriven,
        /// Why it took no more.
        source: AppendError,
    },
    /// The letters cannot be read or removed. An event that is in the spool already is stored once all the same.
    #[error(transparent)]
    Letters(#[from] DeadLetterError),
    /// It was given up because the process ends.
    #[error("given up because oversight is ending")]
    Ending,
}

impl RedriveError {
    /// When another try is worth it; none where something has to be changed first.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy | Self::Ending => Some(Duration::from_secs(1)),
            Self::Append { source: AppendError::Full { retry_after }, .. } => Some(*retry_after),
            Self::Append { .. } | Self::Letters(_) => None,
        }
    }
}

/// Takes dead letters in once more; clones share the right to.
#[derive(Clone)]
pub struct Redriver {
    spool: Spool,
    settings: Arc<HttpSettings>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A letter, and what it became.
struct Judged {
    number: u64,
    batch: Result<NewBatch, Stays>,
}

/// Why a letter stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Unreadable,
    NotAnEvent,
}

impl Redriver {
    /// For the dead letters of this spool, judged by these limits.
    pub fn new(spool: Spool, settings: HttpSettings) -> Self {
        Self { spool, settings: Arc::new(settings), turn: Arc::default() }
    }

    /// The letters.
    pub fn letters(&self) -> &DeadLetters {
        self.spool.dead_letters()
    }

    /// Deletes the letters that the filter admits; how many. Those that come meanwhile stay.
    ///
    /// # Errors
    /// When somebody is sending letters again, or the disk fails.
    pub async fn delete(&self, filter: Filter) -> Result<u64, RedriveError> {
        let Ok(_turn) = self.turn.try_lock() else { return Err(RedriveError::Busy) };
        let letters = self.letters().clone();
        let work = tokio::task::spawn_blocking(move || {
            let before = letters.usage().removed;
            let numbers = letters.read(filter).map(|letter| letter.map(|(number, _)| number));
            letters.remove(&numbers.collect::<Result<Vec<u64>, _>>()?)?;
            Ok(letters.usage().removed - before)
        });
        work.await.unwrap_or(Err(RedriveError::Ending))
    }

    /// Takes in the letters that the filter admits. `dry_run`: only says what would be done.
    ///
    /// # Errors
    /// When somebody else is at it, or the disk or the spool takes no more; what was done until then stays done.
    pub async fn redrive(&self, filter: Filter, dry_run: bool) -> Result<Redriven, RedriveError> {
        let redriver = self.clone();
        // a task of its own: whoever asked may go away, the letter that was appended is removed all the same
        let work = tokio::spawn(async move {
            let Ok(_turn) = redriver.turn.try_lock() else { return Err(RedriveError::Busy) };
            redriver.run(filter, dry_run).await
        });
        work.await.unwrap_or(Err(RedriveError::Ending))
    }

    async fn run(&self, filter: Filter, dry_run: bool) -> Result<Redriven, RedriveError> {
        let letters = self.letters().clone();
        let opened = tokio::task::spawn_blocking(move || {
            let last = letters.last();
            letters.read(Filter { up_to: Some(filter.up_to.map_or(last, |up_to| up_to.min(last))), ..filter })
        });
        let mut reader = opened.await.map_err(|_| RedriveError::Ending)?;
        let mut done = Redriven::default();
        loop {
            let (rest, judged) = self.judge_some(reader).await?;
            reader = rest;
            if judged.is_empty() {
                tracing::info!(?done, dry_run, "dead letters were sent again");
                return Ok(done);
            }
            self.take_in(judged, dry_run, &mut done).await?;
        }
    }

    /// The next letters, judged anew, on a thread where that delays nobody.
    async fn judge_some(&self, mut reader: DeadLetterReader) -> Result<(DeadLetterReader, Vec<Judged>), RedriveError> {
        let this = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let (mut judged, mut bytes) = (Vec::new(), 0);
            while judged.len() < CHUNK && bytes < CHUNK_BYTES {
                let Some(letter) = reader.next() else { break };
                let (number, letter) = letter?;
                bytes += letter.raw.len();
                judged.push(Judged { number, batch: this.judge(number, letter) });
            }
            Ok((reader, judged))
        });
        work.await.unwrap_or(Err(RedriveError::Ending))
    }

    async fn take_in(&self, judged: Vec<Judged>, dry_run: bool, done: &mut Redriven) -> Result<(), RedriveError> {
        let mut batches = Vec::new();
        done.matched += judged.len() as u64;
        for Judged { number, batch } in judged {
            match batch {
                Ok(batch) => batches.push((number, batch)),
                Err(Stays::Unreadable) => done.unreadable += 1,
                Err(Stays::NotAnEvent) => done.not_events += 1,
            }
        }
        let counted = |batch: &NewBatch| batch.members.len() as u64;
        if dry_run {
            done.redriven += batches.len() as u64;
            done.events += batches.iter().map(|(_, batch)| counted(batch)).sum::<u64>();
            return Ok(());
        }
        let appends = batches.into_iter().map(|(number, batch)| async move {
            let events = counted(&batch);
            self.spool.append(batch).await.map(|_| (number, events))
        });
        let (mut taken, mut fault) = (Vec::new(), None);
        for appended in join_all(appends).await {
            match appended {
                Ok((number, events)) => {
                    EVENTS_REDRIVEN.add(events);
                    (done.redriven, done.events) = (done.redriven + 1, done.events + events);
                    taken.push(number);
                }
                Err(error) => fault = Some(error),
            }
        }
        let letters = self.spool.dead_letters().clone();
        let removed = tokio::task::spawn_blocking(move || letters.remove(&taken)).await;
        removed.map_err(|_| RedriveError::Ending)??;
        fault.map_or(Ok(()), |source| Err(RedriveError::Append { done: *done, source }))
    }

    /// What a letter is now.
    fn judge(&self, number: u64, letter: DeadLetter) -> Result<NewBatch, Stays> {
        let Origin { content, id, given, index, pipeline, received, .. } = letter.origin;
        let base = id.unwrap_or_else(|| self.letters().id_of(number));
        let form = match content {
            Content::Document => return Err(Stays::NotAnEvent),
            // coded bytes, and bulk actions, which are nothing without each other
            Content::Unread { form } => Form::numbered(form).ok_or(Stays::Unreadable)?,
            Content::Event | Content::Unsaid => Form::Json,
        };
        let split = split(letter.raw, form, &self.settings.bounds(), self.settings.max_events);
        // a body of which some members are still bad stays whole: apart, the letter would have to be split in one step
        let split = split.ok().filter(|split| split.refused.is_empty() && !split.members.is_empty());
        let split = split.ok_or(Stays::Unreadable)?;
        let alone = split.members.len() == 1;
        let named = |(place, member): (usize, Member)| {
            let document = if alone { base.clone() } else { format!("{base}-{place}").into() };
            let (id, redriven) = if given.is_some() { (given.clone(), None) } else { (None, Some(document)) };
            Member { id, redriven, index: index.clone(), pipeline: pipeline.clone(), ..member }
        };
        Ok(NewBatch {
            digest: digest(&base),
            received: received.unwrap_or(letter.at),
            source: letter.source.into(),
            body: split.body,
            members: split.members.into_iter().enumerate().map(named).collect(),
        })
    }
}

/// Of the id, so that no body of a sender is taken for this one.
fn digest(id: &str) -> Digest {
    let hash = blake3::Hasher::new().update(b"redriven").update(id.as_bytes()).finalize();
    Digest(*hash.as_bytes().first_chunk::<16>().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use bytes::Bytes;

    use super::*;
    use crate::clock::Clock;
    use crate::event::ReceivedTime;
    use crate::spool::failing::FailingFiles;
    use crate::spool::{Next, Opened, Settings, open};

    fn when() -> ReceivedTime {
        ReceivedTime::from_micros(1_700_000_000_000_000)
    }

    fn opened(folder: &Path, files: &FailingFiles) -> Opened {
        open(Settings::in_folder(folder), Arc::new(files.clone()), Clock::system()).unwrap()
    }

    fn letter(raw: &'static str, origin: Origin) -> DeadLetter {
        let raw = Bytes::from_static(raw.as_bytes());
        DeadLetter { at: when(), reason: "mapping".into(), source: "http 10.0.0.1".into(), raw, origin }
    }

    fn event(id: &str) -> Origin {
        Origin { content: Content::Event, id: Some(id.into()), received: Some(when()), ..Origin::default() }
    }

    fn redriver(opened: &Opened) -> Redriver {
        Redriver::new(opened.spool.clone(), HttpSettings::default())
    }

    /// Ids and bytes of the events in the spool.
    fn events(opened: &mut Opened) -> Vec<(String, String)> {
        let mut events = Vec::new();
        while let Next::Batch(batch) = opened.reader.next(Duration::ZERO).unwrap() {
            assert_eq!((batch.received, &*batch.source), (when(), "http 10.0.0.1"));
            for member in batch.members {
                let raw = batch.body.slice(member.range.start as usize..member.range.end as usize);
                events.push((member.redriven.or(member.id).unwrap().into(), String::from_utf8(raw.to_vec()).unwrap()));
            }
        }
        events
    }

    #[tokio::test]
    async fn letters_go_back_as_the_events_they_were_and_what_is_none_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = opened(folder.path(), &FailingFiles::default());
        let document = Origin { content: Content::Document, ..Origin::default() };
        let given = [
            letter(r#"{"a":1}"#, event("an id")),
            letter(r#"{"b":"#, Origin::unread(0)),
            letter("{\"c\":1}\n{\"d\":1}", Origin::unread(1)),
            letter(r#"{"record":1}"#, document),
            letter(r#"{"old":1}"#, Origin::default()),
            letter("x=1", Origin::unread(2)),
            letter("{}", Origin::unread(255)),
        ];
        opened.spool.dead_letters().append(&given).unwrap();
        let expected = Redriven { matched: 7, redriven: 4, events: 5, unreadable: 2, not_events: 1 };
        let redriver = redriver(&opened);
        assert_eq!(redriver.redrive(Filter::default(), true).await.unwrap(), expected);
        assert_eq!(opened.spool.dead_letters().count(), 7);
        assert_eq!(redriver.redrive(Filter::default(), false).await.unwrap(), expected);
        assert_eq!(opened.spool.dead_letters().count(), 3);
        let events: BTreeMap<_, _> = events(&mut opened).into_iter().collect();
        assert_eq!(events.len(), 5);
        assert_eq!(events["an id"], r#"{"a":1}"#);
        let place = |number| String::from(opened.spool.dead_letters().id_of(number));
        assert_eq!((&*events[&(place(3) + "-1")], &*events[&place(5)]), (r#"{"d":1}"#, r#"{"old":1}"#));
        assert_eq!(events[&place(6)], r#"{"x":"1"}"#);
        let again = redriver.redrive(Filter::default(), false).await.unwrap();
        assert_eq!((again.matched, again.redriven), (3, 0));
    }

    #[tokio::test]
    async fn only_what_is_meant_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let opened = opened(folder.path(), &FailingFiles::default());
        let given: Vec<_> = (0..600).map(|n| letter(r#"{"a":1}"#, event(&n.to_string()))).collect();
        opened.spool.dead_letters().append(&given).unwrap();
        let filter = Filter { after: 10, up_to: Some(520), reason: Some("mapp".into()), ..Filter::default() };
        assert_eq!(redriver(&opened).redrive(filter, false).await.unwrap().redriven, 510);
        let numbers: Vec<u64> =
            opened.spool.dead_letters().read(Filter::default()).map(|letter| letter.unwrap().0).collect();
        assert_eq!(numbers, (1..=10).chain(521..=600).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_stop_at_any_moment_loses_no_letter_and_gives_no_event_a_second_id() {
        for life in 0..40 {
            let folder = tempfile::tempdir().unwrap();
            let files = FailingFiles::default();
            let first = opened(folder.path(), &files);
            let given: Vec<_> = (0..5).map(|_| letter(r#"{"a":1}"#, Origin::unread(0))).collect();
            first.spool.dead_letters().append(&given).unwrap();
            files.die_after(life);
            let _ = redriver(&first).redrive(Filter::default(), false).await;
            files.die_after(0);
            drop(first);
            let mut second = opened(folder.path(), &FailingFiles::default());
            let before = events(&mut second);
            redriver(&second).redrive(Filter::default(), false).await.unwrap();
            let all: Vec<String> = before.into_iter().chain(events(&mut second)).map(|(id, _)| id).collect();
            let different: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(different.len(), 5, "after {life} operations: {all:?}");
            assert_eq!(second.spool.dead_letters().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_full_spool_takes_what_it_can_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { max_bytes: 64 << 10, segment_bytes: 16 << 10, ..Settings::in_folder(folder.path()) };
        let mut opened = open(settings, Arc::new(FailingFiles::default()), Clock::system()).unwrap();
        let large: &'static str = Box::leak(format!(r#"{{"a":"{}"}}"#, "x".repeat(5_000)).into_boxed_str());
        let given: Vec<_> = (0..30).map(|n| letter(large, event(&n.to_string()))).collect();
        opened.spool.dead_letters().append(&given).unwrap();
        let error = redriver(&opened).redrive(Filter::default(), false).await.unwrap_err();
        assert!(error.retry_after().is_some(), "{error}");
        let RedriveError::Append { done, .. } = error else { panic!("{error}") };
        assert!(done.redriven > 5);
        let mut stored = events(&mut opened).len() as u64;
        assert_eq!((stored, opened.spool.dead_letters().count()), (done.redriven, 30 - done.redriven));
        stored += opened.spool.dead_letters().count();
        assert_eq!(stored, 30);
    }
}
