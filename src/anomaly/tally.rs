//! How evenly the values of a bucket are spread: their entropy, from how often each came.

use super::codec::{Damaged, Reader, Writer};

/// So many different values are counted; each further one counts as if it came once, which can only raise the entropy.
const MOST: usize = 256;

/// Counts by value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tally {
    /// Hash and count, sorted by hash.
    counts: Vec<(u64, u32)>,
    total: u32,
    /// The sum of count times its logarithm (base 2).
    weighted: f64,
}

impl Tally {
    /// One more value.
    pub(super) fn insert(&mut self, hash: u64) {
        self.total = self.total.saturating_add(1);
        match self.counts.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(place) => {
                let before = f64::from(self.counts[place].1);
                self.counts[place].1 = self.counts[place].1.saturating_add(1);
                self.weighted += (before + 1.0) * (before + 1.0).log2() - before * before.log2();
            }
            Err(place) if self.counts.len() < MOST => self.counts.insert(place, (hash, 1)),
            Err(_) => {}
        }
    }

    /// Bits.
    pub(super) fn entropy(&self) -> f64 {
        let total = f64::from(self.total.max(1));
        (total.log2() - self.weighted / total).max(0.0)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u32(self.total);
        out.f64(self.weighted);
        out.u32(self.counts.len() as u32);
        for (hash, count) in &self.counts {
            out.u64(*hash);
            out.u32(*count);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let (total, weighted) = (input.u32()?, input.f64()?);
        let count = input.count(12)?;
        let counts = (0..count).map(|_| Ok((input.u64()?, input.u32()?))).collect::<Result<Vec<_>, Damaged>>()?;
        let is_sorted = counts.is_sorted_by(|one, next| one.0 < next.0);
        if count > MOST || !is_sorted { Err(Damaged) } else { Ok(Self { counts, total, weighted }) }
    }
}

/// The information in a text, in bits: its length times the entropy of its bytes. A name of ten random letters has some 30, one
/// of ten times the same letter none.
pub(super) fn information(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = text.len() as f64;
    let used = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count));
    used.map(|count| count * (length / count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::fields::mix;
    use super::*;

    #[test]
    fn eight_values_that_come_equally_often_have_three_bits_and_one_has_none() {
        let (mut even, mut one) = (Tally::default(), Tally::default());
        for at in 0..800 {
            even.insert(mix(at % 8, 1));
            one.insert(7);
        }
        assert!((even.entropy() - 3.0).abs() < 1e-9 && one.entropy() == 0.0);
        let mut out = Writer::default();
        even.save(&mut out);
        assert_eq!(Tally::load(&mut Reader::new(&out.finish())), Ok(even));
    }

    #[test]
    fn more_values_than_are_counted_raise_the_entropy_and_no_memory() {
        let mut tally = Tally::default();
        (0..10_000).for_each(|at| tally.insert(mix(at, 1)));
        assert!(tally.entropy() > 13.0 && tally.counts.len() == MOST);
    }

    #[test]
    fn a_text_that_looks_like_chance_says_more() {
        assert_eq!((information(""), information("aaaaaaaa")), (0.0, 0.0));
        assert!(information("x7f3q9zk2m") > 30.0 && information("mail") < 9.0);
    }
}
