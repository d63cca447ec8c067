//! What is remembered of many keys, in bounded memory that a flood of new keys cannot empty.
//!
//! Keys start as fresh ones and become proven once they have shown something (A 2Q-like pair of lists; T. Johnson and
//! D. Shasha, "2Q: a low overhead high performance buffer management replacement algorithm", 1994). Of either kind the
//! one met longest ago makes room; a scan of a million hosts pushes out fresh ones only.

use lru::LruCache;
use rustc_hash::FxBuildHasher;

use super::super::codec::{Damaged, Reader, Writer};

/// Of all keys a quarter may be proven.
const PROVEN: usize = 4;

/// Values by key.
#[derive(Debug)]
pub(super) struct Recent<T> {
    fresh: LruCache<u64, T, FxBuildHasher>,
    proven: LruCache<u64, T, FxBuildHasher>,
    most: usize,
    forgotten: u64,
}

impl<T> Recent<T> {
    /// Of at most `most` keys, at least 4.
    pub(super) fn new(most: usize) -> Self {
        let empty = || LruCache::unbounded_with_hasher(FxBuildHasher);
        Self { fresh: empty(), proven: empty(), most: most.max(PROVEN), forgotten: 0 }
    }

    /// The value of `key`, which was met now, made where there is none; and whether it is proven.
    pub(super) fn meet(&mut self, key: u64, make: impl FnOnce() -> T) -> (&mut T, bool) {
        if self.proven.contains(&key) {
            return (self.proven.get_mut(&key).expect("it was just there"), true);
        }
        if !self.fresh.contains(&key) && self.fresh.len() >= self.most - self.most / PROVEN {
            self.fresh.pop_lru();
            self.forgotten += 1;
        }
        (self.fresh.get_or_insert_mut(key, make), false)
    }

    /// The key has shown something.
    pub(super) fn prove(&mut self, key: u64) {
        let Some(value) = self.fresh.pop(&key) else { return };
        if self.proven.len() >= self.most / PROVEN {
            self.proven.pop_lru();
            self.forgotten += 1;
        }
        self.proven.put(key, value);
    }

    /// All of them, the proven ones first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.proven.iter().chain(&self.fresh).map(|(key, value)| (*key, value))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.proven.len()
    }

    /// How many made room for others.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Writes all of them, each with `save`.
    pub(super) fn save(&self, out: &mut Writer, save: impl Fn(&T, &mut Writer)) {
        out.u64(self.forgotten);
        for list in [&self.fresh, &self.proven] {
            out.u32(list.len() as u32);
            // the one met longest ago first, so that putting them back gives the same order
            for (key, value) in list.iter().rev() {
                out.u64(*key);
                save(value, out);
            }
        }
    }

    /// Reads what [`Recent::save`] has written; of too many those met longest ago are left out.
    pub(super) fn load(
        &mut self,
        input: &mut Reader<'_>,
        load: impl Fn(&mut Reader<'_>) -> Result<T, Damaged>,
    ) -> Result<(), Damaged> {
        self.forgotten = input.u64()?;
        let room = [self.most - self.most / PROVEN, self.most / PROVEN];
        for (list, room) in [&mut self.fresh, &mut self.proven].into_iter().zip(room) {
            for _ in 0..input.count(8)? {
                let key = input.u64()?;
                list.put(key, load(input)?);
                if list.len() > room {
                    list.pop_lru();
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_new_keys_pushes_out_fresh_ones_only() {
        let mut recent = Recent::new(1_000);
        *recent.meet(7, || 0).0 += 1;
        recent.prove(7);
        for key in 100..1_000_100 {
            recent.meet(key, || 0);
        }
        assert_eq!(recent.meet(7, || 0), (&mut 1, true));
        assert_eq!((recent.len(), recent.forgotten()), (751, 999_250));
        for key in 0..10_000 {
            recent.meet(key, || 0);
            recent.prove(key);
        }
        assert!(recent.len() <= 1_000 && recent.meet(9_999, || 1) == (&mut 0, true) && !recent.meet(7, || 0).1);
    }

    #[test]
    fn what_is_read_back_forgets_in_the_same_order() {
        let mut recent = Recent::new(8);
        for key in 0..6 {
            recent.meet(key, || key);
        }
        recent.prove(3);
        recent.meet(0, || 9);
        let mut out = Writer::default();
        recent.save(&mut out, |value, out| out.u64(*value));
        let bytes = out.finish();
        let mut again = Recent::new(8);
        again.load(&mut Reader::new(&bytes), |input| input.u64()).expect("whole");
        for recent in [&mut recent, &mut again] {
            for key in 50..53 {
                recent.meet(key, || key);
            }
        }
        let keys = |recent: &Recent<u64>| recent.iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>();
        assert_eq!(keys(&recent), keys(&again));
        assert!(keys(&recent).contains(&(0, 0)) && keys(&recent).contains(&(3, 3)));
    }
}
