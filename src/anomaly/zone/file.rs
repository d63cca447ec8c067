//! Files of the time zone database (TZif, RFC 9636): which offsets held when, and the rule for the time behind them.

use super::Shown;
use super::rule::Rule;

/// What is shown where nothing is known, which no file that was read has.
const NOTHING: &Shown = &Shown { ahead: 0, name: String::new() };

/// When the clock was changed, and to what.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Changes {
    /// Seconds since the epoch, rising, and the number of what held from then on.
    at: Vec<(i64, u8)>,
    /// What held; the first one also before the first change.
    shown: Vec<Shown>,
}

impl Changes {
    /// Whether the last of them lies at or before a time.
    pub(super) fn are_over(&self, seconds: i64) -> bool {
        self.at.last().is_none_or(|(last, _)| *last <= seconds)
    }

    pub(super) fn at(&self, seconds: i64) -> &Shown {
        let behind = self.at.partition_point(|(at, _)| *at <= seconds);
        let held = behind.checked_sub(1).map_or(0, |place| usize::from(self.at[place].1));
        self.shown.get(held).unwrap_or(NOTHING)
    }
}

/// The numbers of a block's parts.
struct Head {
    version: u8,
    utc_marks: usize,
    standard_marks: usize,
    leaps: usize,
    changes: usize,
    kinds: usize,
    letters: usize,
}

impl Head {
    const BYTES: usize = 44;

    fn read(input: &mut &[u8]) -> Option<Self> {
        let head = take(input, Self::BYTES)?;
        if !head.starts_with(b"TZif") {
            return None;
        }
        let number = |place: usize| {
            let bytes = head.get(20 + 4 * place..24 + 4 * place)?;
            usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
        };
        Some(Self {
            version: head[4],
            utc_marks: number(0)?,
            standard_marks: number(1)?,
            leaps: number(2)?,
            changes: number(3)?,
            kinds: number(4)?,
            letters: number(5)?,
        })
    }

    /// Bytes of the block behind, with times of so many bytes each.
    fn block(&self, time: usize) -> Option<usize> {
        let parts = [
            self.changes.checked_mul(time + 1)?,
            self.kinds.checked_mul(6)?,
            self.letters,
            self.leaps.checked_mul(time + 4)?,
            self.standard_marks,
            self.utc_marks,
        ];
        parts.into_iter().try_fold(0_usize, usize::checked_add)
    }
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

/// The changes of a file, and its rule; none where it is no such file. Those of the first version, which nobody writes any more, are none.
pub(super) fn read(bytes: &[u8]) -> Option<(Changes, Option<Rule>)> {
    let mut input = bytes;
    let head = Head::read(&mut input)?;
    if head.version < b'2' {
        return None;
    }
    // the same once more with times of four bytes, for programs of the first version
    take(&mut input, head.block(4)?)?;
    let head = Head::read(&mut input)?;
    let mut block = take(&mut input, head.block(8)?)?;
    let times = take(&mut block, 8 * head.changes)?;
    let numbers = take(&mut block, head.changes)?;
    let kinds = take(&mut block, 6 * head.kinds)?;
    let letters = take(&mut block, head.letters)?;
    let time = |bytes: &[u8]| bytes.try_into().ok().map(i64::from_be_bytes);
    let at = times.chunks_exact(8).zip(numbers).map(|(bytes, number)| Some((time(bytes)?, *number)));
    let at = at.collect::<Option<Vec<_>>>()?;
    let shown = kinds.chunks_exact(6).map(|kind| shown(kind, letters)).collect::<Option<Vec<_>>>()?;
    let is_whole = at.is_sorted_by(|one, next| one.0 < next.0)
        && at.iter().all(|(_, number)| usize::from(*number) < shown.len())
        && !shown.is_empty();
    let rule = std::str::from_utf8(input).ok()?.trim_matches('\n');
    let rule = if rule.is_empty() { None } else { Some(Rule::read(rule)?) };
    is_whole.then_some((Changes { at, shown }, rule))
}

fn shown(kind: &[u8], letters: &[u8]) -> Option<Shown> {
    let ahead = i32::from_be_bytes(kind.get(..4)?.try_into().ok()?);
    let name = letters.get(usize::from(*kind.get(5)?)..)?;
    let end = name.iter().position(|letter| *letter == 0)?;
    Some(Shown { ahead, name: std::str::from_utf8(&name[..end]).ok()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one change, from an hour ahead to two.
    fn made() -> Vec<u8> {
        let head = |changes: u32| {
            let mut head = b"TZif2".to_vec();
            head.extend([0; 15]);
            [0, 0, 0, changes, 2, 8].iter().for_each(|number: &u32| head.extend(number.to_be_bytes()));
            head
        };
        let mut kinds = Vec::new();
        for (ahead, is_summer, letters) in [(3_600_i32, 0, 0), (7_200, 1, 4)] {
            kinds.extend(ahead.to_be_bytes());
            kinds.extend([is_summer, letters]);
        }
        kinds.extend(b"ONE\0TWO\0");
        let mut file = head(0);
        file.extend(&kinds);
        file.extend(head(1));
        file.extend(1_000_i64.to_be_bytes());
        file.push(1);
        file.extend(&kinds);
        file.extend(b"\nTHREE-3\n");
        file
    }

    #[test]
    fn a_file_says_what_held_before_and_behind_its_changes() {
        let (changes, rule) = read(&made()).expect("a whole file");
        assert_eq!((changes.at(999).ahead, changes.at(1_000).name.as_str()), (3_600, "TWO"));
        assert!(changes.are_over(1_000) && !changes.are_over(999));
        assert_eq!(*rule.expect("one stands at the end").at(5_000), Shown { ahead: 10_800, name: "THREE".to_owned() });
    }

    #[test]
    fn files_that_end_too_early_or_are_something_else_are_refused() {
        let file = made();
        assert!((0..file.len() - 10).all(|cut| read(&file[..cut]).is_none()));
        assert_eq!(read(b"something else altogether, and quite long enough to be a file of zones"), None);
    }
}
