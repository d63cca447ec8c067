//! Which numbers are settled: everything below the floor, and a bit each for those above it.
//!
//! Memory: 128 bytes for 1024 numbers between the floor and the last one given, and only where something is settled
//! out of order. Numbers that no event has (a failed write, damage) are gaps; the floor passes over them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::event::SeqNo;

const WORDS: usize = 16;
const CHUNK: u64 = 64 * WORDS as u64;

/// The settled numbers of one spool.
#[derive(Debug)]
pub(super) struct Settled {
    floor: u64,
    next: u64,
    /// Bits of settled numbers at and above the floor, by number / [`CHUNK`].
    chunks: BTreeMap<u64, [u64; WORDS]>,
    /// Ranges at and above the floor that no event has, ascending.
    gaps: VecDeque<Range<u64>>,
    waiting: u64,
}

impl Settled {
    /// Everything below `floor` is settled and nothing is known above it.
    pub(super) fn new(floor: SeqNo) -> Self {
        Self { floor: floor.0, next: floor.0, chunks: BTreeMap::new(), gaps: VecDeque::new(), waiting: 0 }
    }

    /// The lowest number that is not settled.
    pub(super) fn floor(&self) -> SeqNo {
        SeqNo(self.floor)
    }

    /// How many events are not settled.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Events `range` are in the log from now on; numbers between the last ones and these belong to nobody.
    pub(super) fn grow(&mut self, range: Range<SeqNo>) {
        let (first, end) = (range.start.0.max(self.next), range.end.0);
        if end <= first {
            return;
        }
        self.pass_to(SeqNo(first));
        self.waiting += end - first;
        self.next = end;
    }

    /// The next number is `next`; those between the last one and it belong to nobody.
    pub(super) fn pass_to(&mut self, next: SeqNo) {
        if next.0 > self.next {
            self.gaps.push_back(self.next..next.0);
            self.next = next.0;
            self.advance();
        }
    }

    /// These are settled, in whatever order; returns how many were not so before.
    pub(super) fn settle(&mut self, numbers: &[SeqNo]) -> u64 {
        let runs = numbers.chunk_by(|one, other| one.0.checked_add(1) == Some(other.0));
        let fresh = runs.map(|run| self.mark(run[0].0..run[run.len() - 1].0.saturating_add(1))).sum();
        self.waiting -= fresh;
        self.advance();
        fresh
    }

    /// These are lost and count as settled; returns how many were not so before.
    pub(super) fn lose(&mut self, range: Range<SeqNo>) -> u64 {
        let fresh = self.mark(range.start.0..range.end.0);
        self.waiting -= fresh;
        self.advance();
        fresh
    }

    /// Sets the bits of events in the range; gaps and what lies outside are left out.
    fn mark(&mut self, range: Range<u64>) -> u64 {
        let (mut from, end) = (range.start.max(self.floor), range.end.min(self.next));
        let mut fresh = 0;
        while from < end {
            let gap = self.gaps.partition_point(|gap| gap.end <= from);
            let gap = self.gaps.get(gap).cloned().unwrap_or(u64::MAX..u64::MAX);
            let to = gap.start.clamp(from, end);
            fresh += self.set(from..to);
            from = if to < end { gap.end } else { end };
        }
        fresh
    }

    fn set(&mut self, range: Range<u64>) -> u64 {
        let (mut from, mut fresh) = (range.start, 0);
        while from < range.end {
            let chunk = self.chunks.entry(from / CHUNK).or_insert([0; WORDS]);
            let chunk_end = (from / CHUNK + 1).saturating_mul(CHUNK).min(range.end);
            while from < chunk_end {
                let bit = from % 64;
                let count = (64 - bit).min(chunk_end - from);
                let mask = u64::MAX >> (64 - count) << bit;
                let word = &mut chunk[(from % CHUNK / 64) as usize];
                fresh += u64::from((mask & !*word).count_ones());
                *word |= mask;
                from += count;
            }
        }
        fresh
    }

    /// Lifts the floor over everything settled, and forgets what lies below it.
    fn advance(&mut self) {
        loop {
            if let Some(gap) = self.gaps.front().filter(|gap| gap.start <= self.floor) {
                self.floor = self.floor.max(gap.end);
                self.gaps.pop_front();
                continue;
            }
            let Some(chunk) = self.chunks.get(&(self.floor / CHUNK)) else { break };
            let word = chunk[(self.floor % CHUNK / 64) as usize] >> (self.floor % 64);
            let settled = u64::from(word.trailing_ones());
            if settled == 0 {
                break;
            }
            self.floor += settled;
            self.forget_below();
        }
        self.forget_below();
    }

    fn forget_below(&mut self) {
        while let Some(chunk) = self.chunks.first_entry().filter(|chunk| *chunk.key() < self.floor / CHUNK) {
            chunk.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    #[derive(Debug, Clone)]
    enum Action {
        Grow(u64, u64),
        Pass(u64),
        Settle(Vec<u64>),
        Run(u64, u64),
        Lose(u64, u64),
        SettleFromFloor(u64),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            (prop_oneof![4 => Just(0), 1 => 1_u64..3000], 1_u64..400).prop_map(|(gap, count)| Action::Grow(gap, count)),
            (1_u64..5000).prop_map(Action::Pass),
            vec(0_u64..9000, 0..60).prop_map(Action::Settle),
            (0_u64..9000, 1_u64..2000).prop_map(|(from, count)| Action::Run(from, count)),
            (0_u64..9000, 1_u64..90).prop_map(|(from, count)| Action::Lose(from, count)),
            (1_u64..2000).prop_map(Action::SettleFromFloor),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_plain_set_of_unsettled_numbers(actions in vec(action(), 0..60)) {
            let mut settled = Settled::new(SeqNo(5));
            let (mut open, mut next) = (BTreeSet::new(), 5_u64);
            for action in actions {
                let gone: Vec<u64> = match action {
                    Action::Grow(gap, count) => {
                        settled.grow(SeqNo(next + gap)..SeqNo(next + gap + count));
                        open.extend(next + gap..next + gap + count);
                        next += gap + count;
                        Vec::new()
                    }
                    Action::Pass(count) => { next += count; settled.pass_to(SeqNo(next)); Vec::new() }
                    Action::Settle(numbers) => numbers,
                    Action::Run(from, count) => (from..from + count).collect(),
                    Action::Lose(from, count) => {
                        let before = open.len();
                        open.retain(|n| !(from..from + count).contains(n));
                        let fresh = settled.lose(SeqNo(from)..SeqNo(from + count));
                        prop_assert_eq!(fresh, (before - open.len()) as u64);
                        Vec::new()
                    }
                    Action::SettleFromFloor(count) => {
                        let floor = settled.floor().0;
                        (floor..floor + count).collect()
                    }
                };
                let numbers: Vec<SeqNo> = gone.iter().copied().map(SeqNo).collect();
                let fresh = settled.settle(&numbers);
                let before = open.len();
                gone.iter().for_each(|n| { open.remove(n); });
                prop_assert_eq!(fresh, (before - open.len()) as u64);
                prop_assert_eq!(settled.waiting(), open.len() as u64);
                prop_assert_eq!(settled.floor().0, open.first().copied().unwrap_or(next));
            }
        }
    }

    #[test]
    fn settling_in_order_keeps_no_bits_behind_the_floor() {
        let mut settled = Settled::new(SeqNo(1));
        settled.grow(SeqNo(1)..SeqNo(1_000_001));
        for from in (1..1_000_001).step_by(125) {
            let numbers: Vec<SeqNo> = (from..from + 125).map(SeqNo).collect();
            assert_eq!(settled.settle(&numbers), 125);
            assert!(settled.chunks.len() <= 1);
        }
        assert_eq!((settled.floor(), settled.waiting()), (SeqNo(1_000_001), 0));
    }
}
