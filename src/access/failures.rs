//! How many wrong passwords an address has left: a few at once, then one every few seconds.
//!
//! Bounded: beyond [`MOST`] addresses the one that was silent longest is forgotten. Against an attacker with more addresses
//! than that stands the number of passwords that are checked at one time.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use super::Origin;
use crate::clock::Clock;

/// Wrong passwords that an address may send one after the other.
const AT_ONCE: f64 = 10.0;
/// How long it takes until one more is looked at.
const ONE_MORE: Duration = Duration::from_secs(6);
/// Addresses that are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).expect("more than none");

/// What each address has left.
pub struct Failures {
    left: Mutex<LruCache<Origin, Left>>,
    clock: Clock,
}

#[derive(Clone, Copy)]
struct Left {
    tries: f64,
    at: Duration,
}

impl Failures {
    /// All of it for everybody.
    pub fn new(clock: Clock) -> Self {
        Self { left: Mutex::new(LruCache::new(MOST)), clock }
    }

    /// Takes one try from `origin`; where none is left, says after how long there is one.
    pub fn charge(&self, origin: Origin) -> Result<(), Duration> {
        self.with(origin, |left| {
            if left.tries < 1.0 {
                return Err(ONE_MORE.mul_f64(1.0 - left.tries));
            }
            left.tries -= 1.0;
            Ok(())
        })
    }

    /// Gives it back, because the password was right.
    pub fn refund(&self, origin: Origin) {
        self.with(origin, |left| left.tries = (left.tries + 1.0).min(AT_ONCE));
    }

    fn with<T>(&self, origin: Origin, change: impl FnOnce(&mut Left) -> T) -> T {
        let now = self.clock.monotonic();
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get_or_insert_mut(origin, || Left { tries: AT_ONCE, at: now });
        let since = now.saturating_sub(left.at).as_secs_f64();
        *left = Left { tries: (left.tries + since / ONE_MORE.as_secs_f64()).min(AT_ONCE), at: now };
        change(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ReceivedTime;

    #[test]
    fn tries_run_out_come_back_with_time_and_are_each_address_own() {
        let clock = Clock::manual(ReceivedTime::from_micros(0));
        let failures = Failures::new(clock.clone());
        let (one, other) = (Origin::of([192, 0, 2, 1].into()), Origin::of([192, 0, 2, 2].into()));
        for _ in 0..10 {
            failures.charge(one).unwrap();
        }
        assert_eq!(failures.charge(one), Err(ONE_MORE));
        failures.charge(other).unwrap();
        clock.advance(ONE_MORE / 2);
        assert_eq!(failures.charge(one), Err(ONE_MORE / 2));
        clock.advance(ONE_MORE / 2);
        failures.charge(one).unwrap();
        failures.charge(one).unwrap_err();
        failures.refund(one);
        failures.charge(one).unwrap();
        clock.advance(Duration::from_secs(3600));
        assert_eq!((0..20).filter(|_| failures.charge(one).is_ok()).count(), 10);
    }
}
