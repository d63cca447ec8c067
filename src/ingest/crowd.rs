//! How many connections each address holds, so that no single one can take all places.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::Origin;

/// The connections of each address; holds only addresses that have some.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    open: Arc<Mutex<HashMap<Origin, usize>>>,
    most: usize,
}

impl Crowd {
    /// At most this many for each.
    pub fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// A seat for one more connection of `origin`, if there is one.
    pub fn enter(&self, origin: Origin) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(origin).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { open: Arc::clone(&self.open), origin })
    }
}

/// One connection of an address; given back on drop.
#[derive(Debug)]
pub(super) struct Seat {
    open: Arc<Mutex<HashMap<Origin, usize>>>,
    origin: Origin,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.origin) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_seats_and_gives_them_back() {
        let crowd = Crowd::new(2);
        let (one, other) = (Origin::of([192, 0, 2, 1].into()), Origin::of([192, 0, 2, 2].into()));
        let seats = (crowd.enter(one).unwrap(), crowd.enter(one).unwrap());
        assert!(crowd.enter(one).is_none());
        let elsewhere = crowd.enter(other).unwrap();
        drop(seats.0);
        let again = crowd.enter(one).unwrap();
        drop((seats.1, elsewhere, again));
        assert!(crowd.open.lock().unwrap().is_empty());
    }
}
