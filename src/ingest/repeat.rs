//! The same body within the retry window is taken once.
//!
//! Logstash sends a batch again when it has lost the answer to it. A body is known by its digest from the moment it is
//! handed to the spool: one that comes while the first is under way waits for the outcome of the first, one that
//! comes later is known. A body that was not kept is forgotten. At the start the table is filled with what the spool
//! holds; whether the dead letters of those bodies were written is not known, so they are written (again) on demand.
//!
//! The table is bounded: beyond its limit the oldest bodies are forgotten before their time.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::watch;

use super::keep::Unkept;
use crate::clock::Clock;
use crate::event::ReceivedTime;
use crate::spool::Digest;

/// The outcome of a body that is under way; none while it is.
pub(super) type Progress = watch::Receiver<Option<Result<(), Unkept>>>;

/// The bodies of the last while.
pub(super) struct Repeats {
    table: Mutex<Table>,
    window: Duration,
    most: usize,
    clock: Clock,
}

#[derive(Default)]
struct Table {
    bodies: FxHashMap<[u8; 16], State>,
    /// When each known body is to be forgotten, the next one first. A body may stand here more than once: only the
    /// entry with the time that the body itself carries counts.
    order: VecDeque<(Duration, [u8; 16])>,
}

enum State {
    UnderWay(Progress),
    Known { until: Duration, letters_owed: bool },
}

/// Whose it is to keep a body.
pub(super) enum Claim {
    /// The caller's.
    Mine(Ticket, Progress),
    /// Somebody else has it under way.
    UnderWay(Progress),
    /// Nobody's: it is kept.
    Known,
}

impl Repeats {
    /// Filled with the bodies that the spool knows from before.
    pub fn new(
        window: Duration,
        most: usize,
        clock: Clock,
        recent: impl IntoIterator<Item = (Digest, ReceivedTime)>,
    ) -> Arc<Self> {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let mut left: Vec<(Duration, Digest)> = recent
            .into_iter()
            .filter_map(|(digest, received)| Some((window.checked_sub(now - received)?, digest)))
            .filter(|(left, _)| !left.is_zero())
            .collect();
        left.sort_unstable_by_key(|&(left, _)| left);
        let mut table = Table::default();
        for (left, digest) in left {
            table.know(digest.0, monotonic + left, true, most);
        }
        Arc::new(Self { table: Mutex::new(table), window, most, clock })
    }

    /// Asks for a body that is about to be kept. `letters`: some of it goes to the dead letters.
    pub fn claim(self: &Arc<Self>, digest: Digest, letters: bool) -> Claim {
        if self.window.is_zero() {
            let (ticket, progress) = self.ticket(digest, false);
            return Claim::Mine(ticket, progress);
        }
        let now = self.clock.monotonic();
        let mut table = self.table();
        table.forget(now);
        match table.bodies.entry(digest.0) {
            Entry::Occupied(mut entry) => match entry.get() {
                State::UnderWay(progress) => Claim::UnderWay(progress.clone()),
                State::Known { letters_owed, .. } if *letters_owed && letters => {
                    let (ticket, progress) = self.ticket(digest, true);
                    entry.insert(State::UnderWay(progress.clone()));
                    Claim::Mine(ticket, progress)
                }
                State::Known { .. } => Claim::Known,
            },
            Entry::Vacant(entry) => {
                let (ticket, progress) = self.ticket(digest, false);
                entry.insert(State::UnderWay(progress.clone()));
                Claim::Mine(ticket, progress)
            }
        }
    }

    fn ticket(self: &Arc<Self>, digest: Digest, appended: bool) -> (Ticket, Progress) {
        let (outcome, progress) = watch::channel(None);
        (Ticket { repeats: Arc::clone(self), digest, appended, outcome }, progress)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder panics")
    }

    fn settle(&self, ticket: &Ticket, kept: bool) {
        if self.window.is_zero() {
            return;
        }
        let until = self.clock.monotonic() + self.window;
        let mut table = self.table();
        if kept || ticket.appended {
            table.know(ticket.digest.0, until, !kept, self.most);
        } else {
            table.bodies.remove(&ticket.digest.0);
        }
    }
}

impl Table {
    fn know(&mut self, digest: [u8; 16], until: Duration, letters_owed: bool, most: usize) {
        self.bodies.insert(digest, State::Known { until, letters_owed });
        self.order.push_back((until, digest));
        if self.order.len() > most {
            self.forget_first();
        }
    }

    fn forget(&mut self, now: Duration) {
        while self.order.front().is_some_and(|&(until, _)| until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((due, digest)) = self.order.pop_front()
            && let Entry::Occupied(entry) = self.bodies.entry(digest)
            && matches!(entry.get(), State::Known { until, .. } if *until == due)
        {
            entry.remove();
        }
    }
}

/// The right and duty to keep one body. Dropped without [`Ticket::finish`], the body is given up.
pub(super) struct Ticket {
    repeats: Arc<Repeats>,
    digest: Digest,
    appended: bool,
    outcome: watch::Sender<Option<Result<(), Unkept>>>,
}

impl Ticket {
    /// Whether the events of the body are in the spool, so that only its dead letters are owed.
    pub fn is_appended(&self) -> bool {
        self.appended
    }

    /// The events of the body are in the spool now, whatever becomes of its dead letters.
    pub fn appended(&mut self) {
        self.appended = true;
    }

    /// Tells all who wait, and remembers the body if it was kept.
    pub fn finish(self, result: Result<(), Unkept>) {
        self.tell(result);
    }

    fn tell(&self, result: Result<(), Unkept>) {
        self.repeats.settle(self, result.is_ok());
        self.outcome.send_replace(Some(result));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.outcome.borrow().is_none() {
            self.tell(Err(Unkept::Lost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn digest(byte: u8) -> Digest {
        Digest([byte; 16])
    }

    fn table(most: usize) -> (Arc<Repeats>, Clock) {
        let clock = Clock::manual(ReceivedTime::from_micros(1_000_000_000));
        (Repeats::new(WINDOW, most, clock.clone(), []), clock)
    }

    fn mine(claim: Claim) -> (Ticket, Progress) {
        match claim {
            Claim::Mine(ticket, progress) => (ticket, progress),
            Claim::UnderWay(_) => panic!("it is under way"),
            Claim::Known => panic!("it is known"),
        }
    }

    fn keep(repeats: &Arc<Repeats>, byte: u8) {
        mine(repeats.claim(digest(byte), false)).0.finish(Ok(()));
    }

    #[test]
    fn a_body_is_known_until_the_window_has_passed() {
        let (repeats, clock) = table(10);
        keep(&repeats, 1);
        clock.advance(WINDOW - Duration::from_micros(1));
        assert!(matches!(repeats.claim(digest(1), true), Claim::Known));
        assert!(matches!(repeats.claim(digest(2), true), Claim::Mine(..)));
        clock.advance(Duration::from_micros(1));
        mine(repeats.claim(digest(1), true));
    }

    #[test]
    fn the_second_of_two_at_once_learns_the_outcome_of_the_first() {
        let (repeats, _clock) = table(10);
        let (ticket, _) = mine(repeats.claim(digest(1), false));
        let Claim::UnderWay(progress) = repeats.claim(digest(1), false) else { panic!("taken twice") };
        assert_eq!(*progress.borrow(), None);
        ticket.finish(Ok(()));
        assert_eq!(*progress.borrow(), Some(Ok(())));
        assert!(matches!(repeats.claim(digest(1), false), Claim::Known));
    }

    #[test]
    fn a_body_that_was_not_kept_is_not_remembered() {
        let (repeats, _clock) = table(10);
        let (ticket, progress) = mine(repeats.claim(digest(1), false));
        ticket.finish(Err(Unkept::Closed));
        assert_eq!(*progress.borrow(), Some(Err(Unkept::Closed)));
        let (ticket, progress) = mine(repeats.claim(digest(1), false));
        drop(ticket);
        assert_eq!(*progress.borrow(), Some(Err(Unkept::Lost)));
        mine(repeats.claim(digest(1), false));
    }

    #[test]
    fn a_body_whose_dead_letters_failed_owes_only_those() {
        let (repeats, _clock) = table(10);
        let (mut ticket, _) = mine(repeats.claim(digest(1), true));
        ticket.appended();
        ticket.finish(Err(Unkept::Disk("no space".into())));
        let (ticket, _) = mine(repeats.claim(digest(1), true));
        assert!(ticket.is_appended());
        ticket.finish(Ok(()));
        assert!(matches!(repeats.claim(digest(1), true), Claim::Known));
    }

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let (repeats, _clock) = table(2);
        for byte in 1..=3 {
            keep(&repeats, byte);
        }
        assert!(matches!(repeats.claim(digest(2), false), Claim::Known));
        assert!(matches!(repeats.claim(digest(3), false), Claim::Known));
        mine(repeats.claim(digest(1), false));
        assert_eq!(repeats.table().order.len(), 2);
        assert_eq!(repeats.table().bodies.len(), 2);
    }

    #[test]
    fn bodies_from_before_a_restart_are_known_for_what_is_left_of_their_window() {
        let clock = Clock::manual(ReceivedTime::from_micros(1_000_000_000));
        let at = |seconds: i64| ReceivedTime::from_micros(1_000_000_000 - seconds * 1_000_000);
        let recent = [(digest(1), at(1)), (digest(2), at(59)), (digest(3), at(61)), (digest(4), at(-5))];
        let repeats = Repeats::new(WINDOW, 10, clock.clone(), recent);
        for byte in [1, 2, 4] {
            assert!(matches!(repeats.claim(digest(byte), false), Claim::Known), "{byte}");
        }
        mine(repeats.claim(digest(3), false));
        clock.advance(Duration::from_secs(1));
        mine(repeats.claim(digest(2), false));
        assert!(matches!(repeats.claim(digest(1), false), Claim::Known));
        let (ticket, _) = mine(repeats.claim(digest(1), true));
        assert!(ticket.is_appended());
    }

    #[test]
    fn without_a_window_every_body_is_taken() {
        let clock = Clock::manual(ReceivedTime::from_micros(0));
        let repeats = Repeats::new(Duration::ZERO, 10, clock, []);
        let (first, _) = mine(repeats.claim(digest(1), false));
        keep(&repeats, 1);
        first.finish(Ok(()));
        keep(&repeats, 1);
        assert!(repeats.table().bodies.is_empty());
    }
}
