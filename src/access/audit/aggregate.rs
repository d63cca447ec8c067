//! Failures, the first of each kind told at once and the others counted.

use std::collections::HashMap;
use std::time::Duration;

use super::super::Origin;
use super::Failure;

/// For how long failures are counted before the next line.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are told apart at one time; failures of further ones are counted together.
const MOST: usize = 256;

/// Failures that were not told yet.
#[derive(Default)]
pub struct Aggregate {
    windows: HashMap<(Option<Origin>, Failure), Window>,
}

struct Window {
    since: Duration,
    count: u64,
}

/// Failures that were counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    /// Where they came from; none where they came from many addresses.
    pub origin: Option<Origin>,
    /// What they were.
    pub failure: Failure,
    /// How many.
    pub count: u64,
}

impl Aggregate {
    /// Takes one; true where it is to be told at once.
    pub fn note(&mut self, origin: Origin, failure: Failure, now: Duration) -> bool {
        let own = (Some(origin), failure);
        let room = self.windows.len() < MOST || self.windows.contains_key(&own);
        let key = if room { own } else { (None, failure) };
        let first = room && !self.windows.contains_key(&key);
        let window = self.windows.entry(key).or_insert(Window { since: now, count: 0 });
        window.count += u64::from(!first);
        first
    }

    /// What was counted in windows that are over.
    pub fn due(&mut self, now: Duration) -> Vec<Counted> {
        self.take(|window| now.saturating_sub(window.since) >= WINDOW)
    }

    /// What was counted, at the end.
    pub fn rest(&mut self) -> Vec<Counted> {
        self.take(|_| true)
    }

    fn take(&mut self, over: impl Fn(&Window) -> bool) -> Vec<Counted> {
        let ended = self.windows.extract_if(|_, window| over(window));
        let counted = ended.map(|((origin, failure), window)| Counted { origin, failure, count: window.count });
        counted.filter(|counted| counted.count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_the_others_are_counted_and_after_a_minute_it_begins_anew() {
        let mut aggregate = Aggregate::default();
        let origin = Origin::of([192, 0, 2, 1].into());
        let at = Duration::from_secs;
        assert!(aggregate.note(origin, Failure::NoCredentials, at(0)));
        assert!(!aggregate.note(origin, Failure::NoCredentials, at(1)));
        assert!(aggregate.note(origin, Failure::WrongCredentials, at(1)));
        assert!(!aggregate.note(origin, Failure::NoCredentials, at(59)));
        assert_eq!(aggregate.due(at(59)), []);
        let counted = Counted { origin: Some(origin), failure: Failure::NoCredentials, count: 2 };
        assert_eq!(aggregate.due(at(61)), [counted]);
        assert!(aggregate.note(origin, Failure::NoCredentials, at(61)));
        assert_eq!(aggregate.rest(), []);
    }

    #[test]
    fn many_addresses_are_counted_together() {
        let mut aggregate = Aggregate::default();
        let told = (0..10_000_u32)
            .filter(|n| aggregate.note(Origin::of(n.to_be_bytes().into()), Failure::NoCredentials, Duration::ZERO));
        assert_eq!(told.count(), MOST);
        let counted = Counted { origin: None, failure: Failure::NoCredentials, count: 10_000 - MOST as u64 };
        assert_eq!(aggregate.rest(), [counted]);
    }
}
