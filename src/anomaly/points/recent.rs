//! The last two dozen values of a series, which several parts of a detector look at.

use crate::anomaly::codec::{Damaged, Reader, Writer};

/// Values kept.
pub(super) const WINDOW: usize = 24;

/// A ring of the last values, in full precision: differences of large values are looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recent {
    values: [f64; WINDOW],
    /// Where the next value goes.
    next: u8,
    /// How many there are.
    filled: u8,
}

impl Recent {
    /// Nothing came yet.
    pub(super) fn new() -> Self {
        Self { values: [0.0; WINDOW], next: 0, filled: 0 }
    }

    /// After `seen` times the same value.
    pub(super) fn still(value: f64, seen: u32) -> Self {
        let mut recent = Self::new();
        (0..seen.min(WINDOW as u32)).for_each(|_| recent.push(value));
        recent
    }

    /// How many values there are, at most [`WINDOW`].
    pub(super) fn len(&self) -> usize {
        self.filled.into()
    }

    /// One more value; the oldest goes.
    pub(super) fn push(&mut self, value: f64) {
        self.values[usize::from(self.next)] = value;
        self.next = (self.next + 1) % WINDOW as u8;
        self.filled = (self.filled + 1).min(WINDOW as u8);
    }

    /// The value `back` before the newest one.
    pub(super) fn back(&self, back: usize) -> f64 {
        self.values[(usize::from(self.next) + 2 * WINDOW - 1 - back) % WINDOW]
    }

    /// Largest less smallest.
    pub(super) fn range(&self) -> f64 {
        let seen = &self.values[..self.len()];
        let most = seen.iter().copied().fold(f64::MIN, f64::max);
        most - seen.iter().copied().fold(f64::MAX, f64::min)
    }

    /// The last `N`, oldest first; zeros where there are fewer.
    pub(super) fn last<const N: usize>(&self) -> [f64; N] {
        let mut last = [0.0; N];
        let start = (usize::from(self.next) + 2 * WINDOW - N) % WINDOW;
        let first = N.min(WINDOW - start);
        last[..first].copy_from_slice(&self.values[start..start + first]);
        last[first..].copy_from_slice(&self.values[..N - first]);
        last
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(self.next);
        out.u8(self.filled);
        self.values[..self.len()].iter().for_each(|value| out.f64(*value));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let (next, filled) = (input.u8()?, input.u8()?);
        let plausible = usize::from(filled) == WINDOW || next == filled;
        if usize::from(next) >= WINDOW || usize::from(filled) > WINDOW || !plausible {
            return Err(Damaged);
        }
        let mut recent = Self { values: [0.0; WINDOW], next, filled };
        recent.values[..usize::from(filled)].iter_mut().try_for_each(|value| input.f64().map(|read| *value = read))?;
        Ok(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_values_come_back_in_their_order() {
        let mut recent = Recent::new();
        for value in 0..30 {
            recent.push(f64::from(value));
        }
        assert_eq!((recent.back(0), recent.back(3), recent.range()), (29.0, 26.0, 23.0));
        assert_eq!(recent.last::<4>(), [26.0, 27.0, 28.0, 29.0]);
        assert_eq!(recent.last::<16>()[0], 14.0);
    }
}
