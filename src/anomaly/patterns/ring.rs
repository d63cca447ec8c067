//! The last so many numbers, in no order.

use super::super::codec::{Damaged, Reader, Writer};

/// At most `MOST` numbers; a further one takes the place of the oldest. Room grows as it is needed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Ring<const MOST: usize> {
    values: Vec<u32>,
    /// The place of the oldest, once it is full.
    next: usize,
}

impl<const MOST: usize> Ring<MOST> {
    /// Takes one in.
    pub(super) fn push(&mut self, value: u32) {
        if self.values.len() < MOST {
            self.values.push(value);
        } else {
            self.values[self.next] = value;
            self.next = (self.next + 1) % MOST;
        }
    }

    /// All of them.
    pub(super) fn values(&self) -> &[u32] {
        &self.values
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u16(self.next as u16);
        out.u32(self.values.len() as u32);
        self.values.iter().for_each(|value| out.u32(*value));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let next = usize::from(input.u16()?);
        let count = input.count(4)?;
        if next >= MOST || count > MOST || (next > 0 && count < MOST) {
            return Err(Damaged);
        }
        Ok(Self { values: (0..count).map(|_| input.u32()).collect::<Result<_, _>>()?, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay() {
        let mut ring = Ring::<4>::default();
        (0..10).for_each(|value| ring.push(value));
        let mut values = ring.values().to_vec();
        values.sort_unstable();
        assert_eq!(values, [6, 7, 8, 9]);
        let mut out = Writer::default();
        ring.save(&mut out);
        assert_eq!(Ring::load(&mut Reader::new(&out.finish())), Ok(ring));
    }
}
