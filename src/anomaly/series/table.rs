//! The bounded table that finds a series by its key.
//!
//! The table is dense and never has more than its capacity of series: a newcomer then takes the place of one that has
//! been idle for long (sampled: of the next [`SAMPLE`] in turn, the one longest idle, where a series that has lived
//! long may idle as long as it has lived, up to a day). So an attack with millions of made-up addresses displaces
//! its own series first. Lookup is one probe of an open-addressing index of 8-byte cells, then the series itself.

use super::Series;

/// How many series are compared to find one that goes.
const SAMPLE: usize = 16;
/// Series are kept in blocks of this size, so that growing never moves them.
const BLOCK: usize = 1 << 12;

/// All series, by key.
#[derive(Debug)]
pub(in crate::anomaly) struct Table {
    blocks: Vec<Vec<Series>>,
    /// Upper half of the key and place + 1 of the series; 0 is empty. Linear probing, at most 5/8 full.
    cells: Vec<u64>,
    length: usize,
    capacity: usize,
    /// Where the search for one that goes begins.
    pub hand: usize,
}

impl Table {
    pub(in crate::anomaly) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(SAMPLE, 1 << 30);
        Self { blocks: Vec::new(), cells: vec![0; 64], length: 0, capacity, hand: 0 }
    }

    pub(in crate::anomaly) fn len(&self) -> usize {
        self.length
    }

    pub(in crate::anomaly) fn is_full(&self) -> bool {
        self.length >= self.capacity
    }

    #[inline]
    pub(in crate::anomaly) fn at(&self, slot: u32) -> &Series {
        &self.blocks[slot as usize / BLOCK][slot as usize % BLOCK]
    }

    #[inline]
    pub(in crate::anomaly) fn at_mut(&mut self, slot: u32) -> &mut Series {
        &mut self.blocks[slot as usize / BLOCK][slot as usize % BLOCK]
    }

    #[inline]
    pub(in crate::anomaly) fn find(&self, key: u64) -> Option<u32> {
        let mask = self.cells.len() - 1;
        let mut place = key as usize & mask;
        loop {
            let cell = self.cells[place];
            if cell == 0 {
                return None;
            }
            let slot = cell as u32 - 1;
            if cell >> 32 == key >> 32 && self.at(slot).key == key {
                return Some(slot);
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a series whose key is new, while there is room.
    pub(in crate::anomaly) fn add(&mut self, series: Series) -> u32 {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let slot = self.length as u32;
        self.length += 1;
        if self.length * 8 > self.cells.len() * 5 {
            self.grow();
        }
        self.note(series.key, slot);
        self.blocks.last_mut().expect("one was just made").push(series);
        slot
    }

    /// Puts a series whose key is new in the place of another.
    pub(in crate::anomaly) fn replace(&mut self, slot: u32, series: Series) {
        self.forget(self.at(slot).key, slot);
        self.note(series.key, slot);
        *self.at_mut(slot) = series;
    }

    /// The series that may go, seen from time `now`.
    pub(in crate::anomaly) fn victim(&mut self, now: i64, span: impl Fn(u16) -> i64) -> u32 {
        const DAY: i64 = 86_400_000_000;
        let kept_until = |series: &Series| {
            let lived = i64::from(series.detector.seen()).saturating_mul(span(series.metric));
            series.touched.min(now) + lived.min(DAY)
        };
        let sample = (0..SAMPLE.min(self.length)).map(|step| ((self.hand + step) % self.length) as u32);
        let slot = sample.min_by_key(|slot| kept_until(self.at(*slot))).expect("the table is full, so not empty");
        self.hand = (self.hand + SAMPLE) % self.length;
        slot
    }

    pub(in crate::anomaly) fn iter(&self) -> impl Iterator<Item = &Series> {
        self.blocks.iter().flatten()
    }

    /// Bytes held, texts of entities and seasons not counted.
    pub(in crate::anomaly) fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK * size_of::<Series>() + self.cells.len() * size_of::<u64>()
    }

    fn note(&mut self, key: u64, slot: u32) {
        let mask = self.cells.len() - 1;
        let mut place = key as usize & mask;
        while self.cells[place] != 0 {
            place = (place + 1) & mask;
        }
        self.cells[place] = (key >> 32 << 32) | u64::from(slot + 1);
    }

    /// Empties a cell and moves those behind it that would no longer be found (Knuth, "The Art of Computer
    /// Programming" vol. 3, 6.4, algorithm R).
    fn forget(&mut self, key: u64, slot: u32) {
        let mask = self.cells.len() - 1;
        let mut hole = key as usize & mask;
        while self.cells[hole] as u32 != slot + 1 {
            hole = (hole + 1) & mask;
        }
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let cell = self.cells[place];
            if cell == 0 {
                break;
            }
            let home = self.at(cell as u32 - 1).key as usize & mask;
            if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(hole) & mask) {
                self.cells[hole] = cell;
                hole = place;
            }
        }
        self.cells[hole] = 0;
    }

    fn grow(&mut self) {
        let doubled = self.cells.len() * 2;
        self.cells = vec![0; doubled];
        let keys: Vec<u64> = self.iter().map(|series| series.key).collect();
        for (slot, key) in keys.into_iter().enumerate() {
            self.note(key, slot as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::{prop_assert_eq, proptest};

    use super::super::super::fields::mix;
    use super::*;

    proptest! {
        #[test]
        fn the_table_finds_what_a_map_finds(keys in proptest::collection::vec(0_u64..300, 1..600)) {
            let mut table = Table::new(100);
            let mut map: HashMap<u64, u32> = HashMap::new();
            // few different low bits, so that cells collide
            let spread = |key: u64| mix(key, 3) & 0xffff_ffff_0000_000f;
            for key in keys.into_iter().map(spread) {
                prop_assert_eq!(table.find(key), map.get(&key).copied());
                if map.contains_key(&key) {
                    continue;
                }
                let series = Series::new(key, 0, "".into());
                let slot = if table.is_full() {
                    let slot = table.victim(0, |_| 60_000_000);
                    map.remove(&table.at(slot).key);
                    table.replace(slot, series);
                    slot
                } else {
                    table.add(series)
                };
                map.insert(key, slot);
            }
            prop_assert_eq!(table.len(), map.len());
            for (key, slot) in map {
                prop_assert_eq!(table.find(key), Some(slot));
            }
        }
    }
}
