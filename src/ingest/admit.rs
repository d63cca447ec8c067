//! Hands what is to be kept to the spool, once, and waits for it, but not for long.
//!
//! The hand-over is a task of its own: neither a sender that goes away nor an answer that is due ends it. It holds its
//! share of the room in memory to its end, so that whoever waits for all of the room waits for all hand-overs.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::Ingest;
use super::intake::Intake;
use super::keep::{Keep, Unkept};
use super::repeat::{Claim, Ticket};
use super::room::Share;
use crate::spool::NewBatch;
use crate::telemetry::catalogue::{EVENTS_ACCEPTED, EVENTS_RECEIVED, EVENTS_REFUSED};

/// Which time it is that a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is kept now.
    First,
    /// It had been kept before.
    Again,
}

impl Ingest {
    /// Sees to it that the intake is kept, once. [`Unkept::Late`] at the deadline: it may still be kept.
    pub(super) async fn admit(&self, intake: Intake, share: Share, deadline: Instant) -> Result<Seen, Unkept> {
        if intake.is_empty() {
            return Ok(Seen::First);
        }
        let (mut progress, seen) = match self.repeats.claim(intake.digest, !intake.letters.is_empty()) {
            Claim::Known => return Ok(Seen::Again),
            Claim::UnderWay(progress) => (progress, Seen::Again),
            Claim::Mine(ticket, progress) => {
                let seen = if ticket.is_appended() { Seen::Again } else { Seen::First };
                tokio::spawn(hand_over(Arc::clone(&self.keep), intake, ticket, share));
                (progress, seen)
            }
        };
        match timeout_at(deadline, progress.wait_for(Option::is_some)).await {
            Err(_) => Err(Unkept::Late),
            Ok(Err(_)) => Err(Unkept::Lost),
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(Unkept::Lost)).map(|()| seen),
        }
    }
}

async fn hand_over(keep: Arc<dyn Keep>, intake: Intake, mut ticket: Ticket, share: Share) {
    let result = keep_all(keep.as_ref(), intake, &mut ticket).await;
    ticket.finish(result);
    drop(share);
}

async fn keep_all(keep: &dyn Keep, intake: Intake, ticket: &mut Ticket) -> Result<(), Unkept> {
    let Intake { digest, received, source, body, members, letters } = intake;
    let taken = members.len() as u64;
    if !ticket.is_appended() && taken > 0 {
        keep.append(NewBatch { digest, received, source, body, members }).await?;
        EVENTS_RECEIVED.add(taken);
        EVENTS_ACCEPTED.add(taken);
        ticket.appended();
    }
    if !letters.is_empty() {
        let refused = letters.len() as u64;
        keep.bury(letters).await?;
        EVENTS_RECEIVED.add(refused);
        EVENTS_REFUSED.add(refused);
    }
    Ok(())
}
