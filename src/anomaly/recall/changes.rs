//! How much a list has changed since it came last: members that are new, and members that are gone.

use super::super::codec::{Damaged, Reader, Writer};
use super::super::fields::hash_bytes;

/// Members that are looked at; of longer lists those with the smallest hashes.
const MOST: usize = 256;

/// The last list.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::anomaly) struct Changes {
    /// Hashes of its members, sorted; none before the first list.
    last: Option<Vec<u64>>,
}

/// The members of a list that is written with commas, semicolons, bars or spaces between, sorted, each once.
pub(in crate::anomaly) fn hashes_of_list(text: &str) -> Vec<u64> {
    let separates = |character: char| matches!(character, ',' | ';' | '|') || character.is_whitespace();
    let members = text.split(separates).map(str::trim).filter(|member| !member.is_empty());
    let mut hashes: Vec<u64> = members.map(|member| hash_bytes(member.as_bytes())).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(MOST);
    hashes
}

impl Changes {
    /// Members that only one of the two lists has; 0 for the first list.
    pub(super) fn meet(&mut self, list: &[u64]) -> f64 {
        let mut sorted = list.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.truncate(MOST);
        let Some(last) = self.last.replace(sorted) else { return 0.0 };
        let now = self.last.as_deref().unwrap_or_default();
        let common = last.iter().filter(|member| now.binary_search(member).is_ok()).count();
        (last.len() + now.len() - 2 * common) as f64
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.u8(u8::from(self.last.is_some()));
        let last = self.last.as_deref().unwrap_or_default();
        out.u32(last.len() as u32);
        last.iter().for_each(|hash| out.u64(*hash));
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, Damaged> {
        let known = input.u8()? != 0;
        let count = input.count(8)?;
        let last = (0..count).map(|_| input.u64()).collect::<Result<Vec<_>, _>>()?;
        let is_sorted = last.is_sorted_by(|one, next| one < next);
        if count > MOST || !is_sorted { Err(Damaged) } else { Ok(Self { last: known.then_some(last) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_what_goes_both_count_and_the_order_does_not() {
        let mut changes = Changes::default();
        let said: Vec<f64> =
            ["a, b, c", "c;b;a", "a b", "a|x|y", ""].iter().map(|list| changes.meet(&hashes_of_list(list))).collect();
        assert_eq!(said, [0.0, 0.0, 1.0, 3.0, 3.0]);
    }
}
