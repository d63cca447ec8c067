//! How often which letter came: the information that names can carry.

use super::super::codec::{Damaged, Reader, Writer};

/// Letters of either case, digits, hyphen, underscore, and what else bytes are.
const KINDS: usize = 65;

/// Counts of letters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Letters(Box<[u32; KINDS]>);

impl Letters {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Box::new([0; KINDS]))
    }

    /// Takes the letters of a name in, its dots left out.
    pub(super) fn add(&mut self, name: &str) {
        for byte in name.bytes().filter(|byte| *byte != b'.') {
            let count = &mut self.0[place(byte)];
            *count = count.saturating_add(1);
        }
    }

    /// How many came.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// Bits that one of them carries (C. E. Shannon, "A mathematical theory of communication", 1948).
    pub(super) fn entropy(&self) -> f64 {
        let all = self.count() as f64;
        let shares = self.0.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all);
        shares.map(|share| -share * share.log2()).sum()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.0.iter().for_each(|count| out.u32(*count));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut letters = Self::new();
        for count in letters.0.iter_mut() {
            *count = input.u32()?;
        }
        Ok(letters)
    }
}

fn place(byte: u8) -> usize {
    usize::from(match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => 26 + byte - b'A',
        b'0'..=b'9' => 52 + byte - b'0',
        b'-' => 62,
        b'_' => 63,
        _ => 64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_letters_as_often_as_each_other_carry_four_bits() {
        let mut letters = Letters::new();
        letters.add("0123.4567.89ab.cdef");
        assert_eq!((letters.count(), letters.entropy()), (16, 4.0));
        let mut one = Letters::new();
        one.add("aaaa");
        assert_eq!(one.entropy(), 0.0);
        assert_eq!(Letters::new().entropy(), 0.0);
    }
}
