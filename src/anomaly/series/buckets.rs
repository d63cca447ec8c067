//! The open buckets of all series but the ones touched last, in chains.

use super::Series;
use super::running::{CLOSED, NOWHERE, Running};

/// Open buckets that are not the last touched of their series.
#[derive(Debug, Default)]
pub(in crate::anomaly) struct Buckets {
    all: Vec<Running>,
    free: Vec<u32>,
}

impl Buckets {
    /// Gives `series` one more open bucket.
    pub(in crate::anomaly) fn put(&mut self, series: &mut Series, mut running: Running) {
        if series.current.index == CLOSED {
            series.current = running;
            return;
        }
        running.next = series.others;
        series.others = match self.free.pop() {
            Some(place) => {
                self.all[place as usize] = running;
                place
            }
            None => {
                self.all.push(running);
                (self.all.len() - 1) as u32
            }
        };
    }

    /// Takes bucket `index` from `series`, if it is open.
    pub(in crate::anomaly) fn take(&mut self, series: &mut Series, index: i64) -> Option<Running> {
        if series.current.index == index {
            return Some(std::mem::replace(&mut series.current, Running::NONE));
        }
        let mut before = NOWHERE;
        let mut place = series.others;
        while place != NOWHERE && self.all[place as usize].index != index {
            before = place;
            place = self.all[place as usize].next;
        }
        if place == NOWHERE {
            return None;
        }
        let mut running = std::mem::replace(&mut self.all[place as usize], Running::NONE);
        let next = std::mem::replace(&mut running.next, NOWHERE);
        if before == NOWHERE {
            series.others = next;
        } else {
            self.all[before as usize].next = next;
        }
        self.free.push(place);
        Some(running)
    }

    /// The open buckets from `place` on.
    pub(in crate::anomaly) fn behind(&self, place: u32) -> impl Iterator<Item = &Running> {
        let at = |place: u32| (place != NOWHERE).then(|| &self.all[place as usize]);
        std::iter::successors(at(place), move |running| at(running.next))
    }

    /// The smallest number of an open bucket of `series`.
    pub(in crate::anomaly) fn oldest(&self, series: &Series) -> Option<i64> {
        let others = self.behind(series.others).map(|running| running.index);
        others.chain([series.current.index]).filter(|index| *index != CLOSED).min()
    }

    /// Bytes held.
    pub(in crate::anomaly) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Running>() + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn open_buckets_are_taken_once_in_any_order(order in proptest::collection::vec(0_i64..12, 1..40)) {
            let mut buckets = Buckets::default();
            let mut series = Series::new(1, 0, "".into());
            (0..6).for_each(|index| buckets.put(&mut series, Running::new(index)));
            let mut open: Vec<i64> = (0..6).collect();
            for index in order {
                let was_open = open.iter().position(|other| *other == index).map(|place| open.remove(place));
                prop_assert_eq!(buckets.take(&mut series, index).map(|running| running.index), was_open);
                prop_assert_eq!(buckets.oldest(&series), open.iter().copied().min());
            }
        }
    }
}
