//! State per series, and the bounded table that finds it by key.
//!
//! The table is dense and never has more than its capacity of series: a newcomer then takes the place of one that has
//! been idle for long (sampled: of the next [`SAMPLE`] in turn, the one longest idle, where a series that has lived
//! long may idle as long as it has lived, up to a day). So an attack with millions of made-up addresses displaces
//! its own series first. Lookup is one probe of an open-addressing index of 8-byte cells, then the series itself.

use super::codec::{Damaged, Reader, Writer};
use super::contents::Contents;
use super::declare::Function;
use super::detector::Seasonal;
use super::heights::Heights;
use super::points::{Combined, Detector};
use super::recall::{Met, Recall};
use super::tail::Habit;

/// The bucket number of no bucket.
pub(super) const CLOSED: i64 = i64::MIN;
/// No place in a table.
pub(super) const NOWHERE: u32 = u32::MAX;
/// How many series are compared to find one that goes.
const SAMPLE: usize = 16;
/// Series are kept in blocks of this size, so that growing never moves them.
const BLOCK: usize = 1 << 12;
/// Amounts beyond this are taken as this.
const LARGEST: f64 = 1e15;

/// A bucket that is still open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Running {
    /// Its number: start divided by span; [`CLOSED`] for none.
    pub index: i64,
    /// Count, sum (for means too), maximum or estimate so far.
    pub total: f64,
    /// Events so far.
    pub count: u32,
    /// The next open bucket of the same series.
    pub next: u32,
    pub contents: Option<Box<Contents>>,
    /// What was expected when it was opened.
    pub outlook: Outlook,
    /// −log10 of the tail probability of the value so far; 0 while it is within the band.
    pub evidence: f32,
    /// From this value on the evidence is looked at again.
    pub judge_from: f64,
}

/// What is expected of a bucket: on the stabilised scale, and as values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Outlook {
    pub location: f32,
    /// 0 where the series is too new to be judged.
    pub scale: f32,
    pub expected: f32,
    pub lower: f32,
    pub upper: f32,
}

/// What an event adds to a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sample {
    Amount(f64),
    Hash(u64),
    /// An amount that counts once for each different hash.
    Once(u64, f64),
}

impl Running {
    pub(super) const NONE: Self = Self::new(CLOSED);

    pub(super) const fn new(index: i64) -> Self {
        let outlook = Outlook { location: 0.0, scale: 0.0, expected: 0.0, lower: 0.0, upper: 0.0 };
        let judge_from = f64::INFINITY;
        Self { index, total: 0.0, count: 0, next: NOWHERE, contents: None, outlook, evidence: 0.0, judge_from }
    }

    #[inline]
    pub(super) fn add(&mut self, function: Function, sample: Sample) {
        self.count = self.count.saturating_add(1);
        match sample {
            Sample::Amount(amount) => {
                let amount = amount.clamp(-LARGEST, LARGEST);
                match function {
                    Function::Max | Function::Min if self.count == 1 => self.total = amount,
                    Function::Max | Function::Rare | Function::UnusualTime => self.total = self.total.max(amount),
                    Function::Min => self.total = self.total.min(amount),
                    _ => self.total += amount,
                }
            }
            Sample::Hash(hash) if function == Function::Entropy => {
                self.total = Contents::entropy(&mut self.contents, hash);
            }
            Sample::Hash(hash) => {
                if let Some(estimate) = Contents::distinct(&mut self.contents, hash) {
                    // the estimate changes its formula once, and must not fall there
                    self.total = self.total.max(estimate);
                }
            }
            Sample::Once(hash, amount) => {
                if Contents::distinct(&mut self.contents, hash).is_some() {
                    self.total += amount;
                }
            }
        }
    }

    /// The value so far.
    #[inline]
    pub(super) fn value(&self, function: Function) -> f64 {
        if function == Function::Mean { self.total / f64::from(self.count.max(1)) } else { self.total }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.i64(self.index);
        out.f64(self.total);
        out.u32(self.count);
        Contents::save(self.contents.as_deref(), out);
        let Outlook { location, scale, expected, lower, upper } = self.outlook;
        [location, scale, expected, lower, upper, self.evidence].into_iter().for_each(|number| out.f32(number));
        out.f64(self.judge_from);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut running = Self::new(input.i64()?);
        running.total = input.f64()?;
        running.count = input.u32()?;
        running.contents = Contents::load(input)?;
        running.outlook = Outlook {
            location: input.f32()?,
            scale: input.f32()?,
            expected: input.f32()?,
            lower: input.f32()?,
            upper: input.f32()?,
        };
        running.evidence = input.f32()?;
        running.judge_from = input.f64()?;
        Ok(running)
    }
}

/// One series: a metric of one entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub key: u64,
    /// The open bucket that was touched last; the others hang behind it in [`Buckets`].
    pub current: Running,
    pub others: u32,
    /// Place of its metric.
    pub metric: u16,
    /// Buckets closed in a row without an event.
    pub silent: u16,
    /// Time of the newest event.
    pub touched: i64,
    /// Number of the last bucket closed.
    pub last_closed: i64,
    pub detector: Seasonal,
    pub habit: Habit,
    /// The mean of the last dozen surprises.
    pub pressure: f32,
    /// The value of the last bucket closed.
    pub last_value: f64,
    pub heights: Heights,
    /// Where the metric asks for it: made when the first bucket closes.
    pub combined: Option<Box<Combined>>,
    /// Where the metric's function asks for it: made with the first event.
    pub recall: Option<Box<Recall>>,
    /// The values of the entity's fields, joined by [`SEPARATOR`].
    pub entity: Box<str>,
}

/// Stands between the values of an entity, and in none of them.
pub(super) const SEPARATOR: char = '\u{1f}';

impl Series {
    pub(super) fn new(key: u64, metric: u16, entity: Box<str>) -> Self {
        Self {
            key,
            current: Running::NONE,
            others: NOWHERE,
            metric,
            silent: 0,
            touched: CLOSED,
            last_closed: CLOSED,
            detector: Seasonal::new(),
            habit: Habit::default(),
            pressure: 0.0,
            last_value: 0.0,
            heights: Heights::default(),
            combined: None,
            recall: None,
            entity,
        }
    }

    /// What an event of time `at` adds to the present bucket; `list` are the hashes of its list, where the function looks at one.
    #[inline]
    pub(super) fn add(&mut self, function: Function, sample: Sample, at: i64, list: &[u64]) {
        let sample = if function.remembers() { self.remembered(function, sample, at, list) } else { sample };
        self.current.add(function, sample);
    }

    fn remembered(&mut self, function: Function, sample: Sample, at: i64, list: &[u64]) -> Sample {
        if self.recall.is_none() {
            self.recall = Recall::of(function).map(Box::new);
        }
        let Some(recall) = &mut self.recall else { return sample };
        let (hash, number) = match sample {
            Sample::Amount(number) => (0, number),
            Sample::Hash(hash) | Sample::Once(hash, _) => (hash, 0.0),
        };
        Sample::Amount(recall.meet(Met { at, hash, number }, list))
    }

    /// All of it but open buckets, for when it is set aside; [`Series::load_alone`] reads it.
    pub(super) fn save_alone(&self, out: &mut Writer) {
        self.save(&Buckets::default(), out);
        self.save_later(out);
        out.u8(u8::from(self.combined.is_some()));
        if let Some(combined) = &self.combined {
            combined.save(out);
        }
        out.u8(u8::from(self.recall.is_some()));
        if let Some(recall) = &self.recall {
            recall.save(out);
        }
    }

    /// Reads back what [`Series::save_alone`] wrote.
    pub(super) fn load_alone(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut series = Self::load(input, &mut Buckets::default())?;
        series.load_later(input)?;
        series.combined = if input.u8()? == 0 { None } else { Some(Box::new(Combined::load(input)?)) };
        series.recall = if input.u8()? == 0 { None } else { Some(Box::new(Recall::load(input)?)) };
        if input.is_empty() { Ok(series) } else { Err(Damaged) }
    }

    /// What came with version 3 of snapshots.
    pub(super) fn save_later(&self, out: &mut Writer) {
        out.f32(self.pressure);
        out.f64(self.last_value);
        self.heights.save(out);
    }

    /// Reads back what [`Series::save_later`] wrote.
    pub(super) fn load_later(&mut self, input: &mut Reader<'_>) -> Result<(), Damaged> {
        (self.pressure, self.last_value) = (input.f32()?, input.f64()?);
        self.heights = Heights::load(input)?;
        Ok(())
    }

    pub(super) fn save(&self, buckets: &Buckets, out: &mut Writer) {
        out.u16(self.metric);
        out.u64(self.key);
        out.u16(self.silent);
        out.i64(self.touched);
        out.i64(self.last_closed);
        out.text(&self.entity);
        self.detector.save(out);
        self.habit.save(out);
        let others = buckets.behind(self.others);
        let open: Vec<&Running> =
            [&self.current].into_iter().chain(others).filter(|running| running.index != CLOSED).collect();
        out.u32(open.len() as u32);
        open.into_iter().for_each(|running| running.save(out));
    }

    pub(super) fn load(input: &mut Reader<'_>, buckets: &mut Buckets) -> Result<Self, Damaged> {
        let metric = input.u16()?;
        let mut series = Self::new(input.u64()?, metric, "".into());
        series.silent = input.u16()?;
        series.touched = input.i64()?;
        series.last_closed = input.i64()?;
        series.entity = input.text()?.into();
        series.detector = Seasonal::load(input)?;
        series.habit = Habit::load(input)?;
        for _ in 0..input.count(1)? {
            let running = Running::load(input)?;
            buckets.put(&mut series, running);
        }
        Ok(series)
    }
}

/// Open buckets that are not the last touched of their series.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    all: Vec<Running>,
    free: Vec<u32>,
}

impl Buckets {
    /// Gives `series` one more open bucket.
    pub(super) fn put(&mut self, series: &mut Series, mut running: Running) {
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
    pub(super) fn take(&mut self, series: &mut Series, index: i64) -> Option<Running> {
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
    pub(super) fn behind(&self, place: u32) -> impl Iterator<Item = &Running> {
        let at = |place: u32| (place != NOWHERE).then(|| &self.all[place as usize]);
        std::iter::successors(at(place), move |running| at(running.next))
    }

    /// The smallest number of an open bucket of `series`.
    pub(super) fn oldest(&self, series: &Series) -> Option<i64> {
        let others = self.behind(series.others).map(|running| running.index);
        others.chain([series.current.index]).filter(|index| *index != CLOSED).min()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<Running>() + self.free.capacity() * size_of::<u32>()
    }
}

/// All series, by key.
#[derive(Debug)]
pub(super) struct Table {
    blocks: Vec<Vec<Series>>,
    /// Upper half of the key and place + 1 of the series; 0 is empty. Linear probing, at most 5/8 full.
    cells: Vec<u64>,
    length: usize,
    capacity: usize,
    /// Where the search for one that goes begins.
    pub hand: usize,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(SAMPLE, 1 << 30);
        Self { blocks: Vec::new(), cells: vec![0; 64], length: 0, capacity, hand: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_full(&self) -> bool {
        self.length >= self.capacity
    }

    #[inline]
    pub(super) fn at(&self, slot: u32) -> &Series {
        &self.blocks[slot as usize / BLOCK][slot as usize % BLOCK]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, slot: u32) -> &mut Series {
        &mut self.blocks[slot as usize / BLOCK][slot as usize % BLOCK]
    }

    #[inline]
    pub(super) fn find(&self, key: u64) -> Option<u32> {
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
    pub(super) fn add(&mut self, series: Series) -> u32 {
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
    pub(super) fn replace(&mut self, slot: u32, series: Series) {
        self.forget(self.at(slot).key, slot);
        self.note(series.key, slot);
        *self.at_mut(slot) = series;
    }

    /// The series that may go, seen from time `now`.
    pub(super) fn victim(&mut self, now: i64, span: impl Fn(u16) -> i64) -> u32 {
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

    pub(super) fn iter(&self) -> impl Iterator<Item = &Series> {
        self.blocks.iter().flatten()
    }

    /// Bytes held, texts of entities and seasons not counted.
    pub(super) fn bytes(&self) -> usize {
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

    use super::super::fields::mix;
    use super::*;

    #[test]
    fn a_series_stays_small() {
        assert!(size_of::<Series>() <= 248, "{}", size_of::<Series>());
    }

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
