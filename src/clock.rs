//! The time seam: the machine's clocks, or one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::event::ReceivedTime;

/// Tells the time; cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

/// What a clock that is set shows, in microseconds.
#[derive(Debug)]
struct Hands {
    wall: AtomicI64,
    steady: AtomicI64,
}

#[derive(Debug, Clone)]
enum Source {
    System { started: Instant },
    Manual(Arc<Hands>),
}

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Self {
        Self(Source::System { started: Instant::now() })
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it; clones move together.
    pub fn manual(start: ReceivedTime) -> Self {
        let hands = Hands { wall: AtomicI64::new(start.micros()), steady: AtomicI64::new(start.micros()) };
        Self(Source::Manual(Arc::new(hands)))
    }

    /// The wall clock's time; it may jump, in either direction.
    pub fn now(&self) -> ReceivedTime {
        match &self.0 {
            Source::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                ReceivedTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Source::Manual(hands) => ReceivedTime::from_micros(hands.wall.load(Ordering::SeqCst)),
        }
    }

    /// Time since some fixed moment; it never runs backwards.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { started } => started.elapsed(),
            Source::Manual(hands) => {
                Duration::from_micros(u64::try_from(hands.steady.load(Ordering::SeqCst)).unwrap_or(0))
            }
        }
    }

    /// Moves a manual clock forward; a system clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hands) = &self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            hands.wall.fetch_add(by, Ordering::SeqCst);
            hands.steady.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Sets the wall clock of a manual clock, in either direction, as an operator or NTP does; the time that never runs
    /// backwards goes on.
    pub fn jump_to(&self, time: ReceivedTime) {
        if let Source::Manual(hands) = &self.0 {
            hands.wall.store(time.micros(), Ordering::SeqCst);
        }
    }
}
