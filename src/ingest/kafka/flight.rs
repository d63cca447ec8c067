//! What is on its way to the spool, one lot at a time.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;

use super::super::insist;
use super::super::keep::Keep;
use super::portion::Portion;
use crate::event::ReceivedTime;

/// Topic, partition, and the offset behind what is kept.
pub(super) type Landed = (String, i32, i64);

/// At most one lot.
pub(super) struct Flight {
    keep: Arc<dyn Keep>,
    stop: watch::Receiver<bool>,
    under_way: Option<BoxFuture<'static, Vec<Landed>>>,
}

impl Flight {
    /// Nothing under way; `stop` ends the waiting.
    pub fn new(keep: Arc<dyn Keep>, stop: watch::Receiver<bool>) -> Self {
        Self { keep, stop, under_way: None }
    }

    /// Whether something is on its way.
    pub fn is_on(&self) -> bool {
        self.under_way.is_some()
    }

    /// Sends these off; what was on its way before must have landed.
    pub fn take_off(&mut self, portions: Vec<Portion>, received: ReceivedTime) {
        let (keep, stop) = (Arc::clone(&self.keep), self.stop.clone());
        self.under_way = Some(Box::pin(async move {
            let all = portions.into_iter().map(|portion| land(keep.as_ref(), portion, received, stop.clone()));
            join_all(all).await.into_iter().flatten().collect()
        }));
    }

    /// Waits until what is on its way has landed, and gives how far that is; for ever where nothing is on its way.
    pub async fn landed(&mut self) -> Vec<Landed> {
        match &mut self.under_way {
            Some(under_way) => {
                let landed = under_way.await;
                self.under_way = None;
                landed
            }
            None => std::future::pending().await,
        }
    }
}

/// Keeps the events and then the dead letters of a partition; none where the end came before, and the offset stays.
async fn land(
    keep: &dyn Keep,
    mut portion: Portion,
    received: ReceivedTime,
    stop: watch::Receiver<bool>,
) -> Option<Landed> {
    if let Some(batch) = portion.batch(received) {
        insist::append(keep, batch, stop.clone()).await.ok()?;
    }
    if !portion.letters.is_empty() {
        insist::bury(keep, portion.letters, stop).await.ok()?;
    }
    Some((portion.topic, portion.partition, portion.next))
}

#[cfg(test)]
mod tests {
    use super::super::super::harness::{Scripted, Shared};
    use super::super::super::json::Bounds;
    use super::super::super::keep::Unkept;
    use super::super::portion::{Place, Portions};
    use super::*;
    use crate::clock::Clock;

    fn portions() -> Vec<Portion> {
        let mut waiting = Portions::new(Bounds { depth: 8, fields: 100, length: 1000 }, 10, Clock::system());
        waiting.add(Place { topic: "t", partition: 0, offset: 4 }, None, br#"[{"a":1},2]"#);
        waiting.add(Place { topic: "t", partition: 1, offset: 8 }, None, b"{}");
        waiting.take()
    }

    #[tokio::test]
    async fn an_offset_is_told_only_when_the_spool_has_the_events_before_it() {
        let kept = Scripted::new();
        kept.stall();
        let (_stop, stopped) = watch::channel(false);
        let mut flight = Flight::new(Arc::new(Shared(kept.clone())), stopped);
        flight.take_off(portions(), ReceivedTime::from_micros(1));
        assert!(futures_util::FutureExt::now_or_never(flight.landed()).is_none());
        assert!(flight.is_on() && kept.events().is_empty());
        kept.turns.add_permits(2);
        assert_eq!(flight.landed().await, [("t".to_owned(), 0, 5), ("t".to_owned(), 1, 9)]);
        assert_eq!(kept.events(), [vec![r#"{"a":1}"#], vec!["{}"]]);
        assert_eq!(kept.buried(), [b"2"]);
        assert!(!flight.is_on());
    }

    #[tokio::test]
    async fn what_could_not_be_kept_at_the_end_has_no_offset() {
        let kept = Scripted::new();
        *kept.append_fails.lock().unwrap() = Some(Unkept::Closed);
        let (_stop, stopped) = watch::channel(false);
        let mut flight = Flight::new(Arc::new(Shared(kept)), stopped);
        flight.take_off(portions(), ReceivedTime::from_micros(1));
        assert_eq!(flight.landed().await, []);
    }
}
