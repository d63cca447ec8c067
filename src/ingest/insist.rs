//! Keeps what streams bring: a stream has no answer by which it could be told to come again, so oversight tries again
//! itself, and reads nothing more of the stream meanwhile.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::keep::{Keep, Unkept};
use crate::spool::{Content, DeadLetter, Member, NewBatch, Origin};
use crate::telemetry::catalogue::{EVENTS_ACCEPTED, EVENTS_RECEIVED, EVENTS_REFUSED};

/// The longest pause before another try.
const PATIENCE: Duration = Duration::from_secs(1);

/// The end came before it could be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp;

/// Keeps a batch, however long that takes; gives up only when the spool has no room and `stop` says that it is the end.
/// A batch that the spool will never take goes to the dead letters.
pub(super) async fn append(keep: &dyn Keep, batch: NewBatch, mut stop: watch::Receiver<bool>) -> Result<(), GivenUp> {
    let events = batch.members.len() as u64;
    let mut said = false;
    loop {
        let unkept = match keep.append(batch.clone()).await {
            Ok(()) => {
                EVENTS_RECEIVED.add(events);
                EVENTS_ACCEPTED.add(events);
                return Ok(());
            }
            Err(Unkept::Unfit(reason)) => return bury(keep, unfit(&batch, &reason), stop).await,
            Err(Unkept::Closed) => return Err(GivenUp),
            Err(unkept) => unkept,
        };
        if !said {
            tracing::warn!(source = %batch.source, %unkept, "a stream waits for the spool");
            said = true;
        }
        pause(&unkept, &mut stop).await?;
    }
}

/// Keeps dead letters, however long that takes.
pub(super) async fn bury(
    keep: &dyn Keep,
    letters: Vec<DeadLetter>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), GivenUp> {
    let refused = letters.len() as u64;
    loop {
        match keep.bury(letters.clone()).await {
            Ok(()) => break,
            Err(Unkept::Closed) => return Err(GivenUp),
            Err(Unkept::Unfit(reason)) => {
                tracing::error!(%reason, refused, "dead letters of a stream are lost; raise spool.dead_letters_max_size");
                break;
            }
            Err(unkept) => {
                tracing::error!(%unkept, "dead letters of a stream cannot be kept; trying again");
                pause(&unkept, &mut stop).await?;
            }
        }
    }
    EVENTS_RECEIVED.add(refused);
    EVENTS_REFUSED.add(refused);
    Ok(())
}

async fn pause(unkept: &Unkept, stop: &mut watch::Receiver<bool>) -> Result<(), GivenUp> {
    let wait = match unkept {
        Unkept::Full { retry_after } => (*retry_after).clamp(Duration::from_millis(10), PATIENCE),
        _ => PATIENCE,
    };
    tokio::select! {
        () = sleep(wait) => Ok(()),
        // a sender that is gone means the end as well
        _ = stop.wait_for(|stopped| *stopped) => Err(GivenUp),
    }
}

fn unfit(batch: &NewBatch, reason: &str) -> Vec<DeadLetter> {
    let letter = |member: &Member| DeadLetter {
        at: batch.received,
        reason: reason.to_owned(),
        source: batch.source.to_string(),
        raw: batch.body.slice(member.range.start as usize..member.range.end as usize),
        origin: Origin {
            content: Content::Event,
            id: member.id.clone(),
            given: member.id.clone(),
            received: Some(batch.received),
            ..Origin::default()
        },
    };
    batch.members.iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::super::gathering::Gathering;
    use super::super::harness::{Scripted, Shared};
    use super::*;
    use crate::event::ReceivedTime;

    fn batch() -> NewBatch {
        let mut gathering = Gathering::default();
        gathering.add(None, |out| out.extend_from_slice(b"{\"a\":1}"));
        gathering.into_batch("test".into(), ReceivedTime::from_micros(1))
    }

    #[tokio::test]
    async fn a_full_spool_is_waited_for() {
        let kept = Scripted::new();
        kept.stall();
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::ZERO });
        let (_stop, stopped) = watch::channel(false);
        let keep = Shared(kept.clone());
        let appending = tokio::spawn(async move { append(&keep, batch(), stopped).await });
        kept.turns.add_permits(3);
        // until it was tried three times
        while kept.turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(kept.events().is_empty() && !appending.is_finished());
        *kept.append_fails.lock().unwrap() = None;
        kept.turns.add_permits(2);
        assert_eq!(appending.await.unwrap(), Ok(()));
        assert_eq!(kept.events(), [[r#"{"a":1}"#]]);
    }

    #[tokio::test]
    async fn the_end_is_not_waited_out_beside_a_full_spool() {
        let kept = Scripted::new();
        *kept.append_fails.lock().unwrap() = Some(Unkept::Full { retry_after: Duration::from_secs(1) });
        let (stop, stopped) = watch::channel(false);
        stop.send(true).unwrap();
        assert_eq!(append(&Shared(kept), batch(), stopped).await, Err(GivenUp));
    }

    #[tokio::test]
    async fn what_the_spool_never_takes_goes_to_the_dead_letters() {
        let kept = Scripted::new();
        *kept.append_fails.lock().unwrap() = Some(Unkept::Unfit("too large".into()));
        let (_stop, stopped) = watch::channel(false);
        assert_eq!(append(&Shared(kept.clone()), batch(), stopped).await, Ok(()));
        assert_eq!(kept.buried(), [br#"{"a":1}"#]);
    }
}
