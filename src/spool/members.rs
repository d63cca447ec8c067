//! The table of a spool frame: who sent the body, and where in it the events lie.
//!
//! Source (length, bytes), then for each member: the gap from the end of the one before (zigzag), its length times four
//! with bit 0 for an id and bit 1 for an index, then those (length, bytes each). A pipeline stands behind the index,
//! after a NUL, which no index has in its name. An id that begins with a NUL is that of the document of a redriven event;
//! of an id that was given so, the NUL is written twice. Numbers are LEB128: an event of an array costs three or four bytes.

use std::ops::Range;

use super::Member;

/// Appends the table to `out`.
pub(super) fn encode(source: &str, members: &[Member], out: &mut Vec<u8>) {
    put_text(out, source);
    let mut previous_end = 0_i64;
    for member in members {
        let gap = i64::from(member.range.start) - previous_end;
        put_number(out, zigzag(gap));
        let target = member.index.is_some() || member.pipeline.is_some();
        let named = member.id.is_some() || member.redriven.is_some();
        let marks = u64::from(named) | u64::from(target) << 1;
        put_number(out, u64::from(member.range.end - member.range.start) << 2 | marks);
        match (&member.id, &member.redriven) {
            (Some(id), _) => put_after_nul(out, id, id.starts_with('\0')),
            (None, Some(document)) => put_after_nul(out, document, true),
            (None, None) => {}
        }
        if target {
            put_target(out, member.index.as_deref().unwrap_or_default(), member.pipeline.as_deref());
        }
        previous_end = i64::from(member.range.end);
    }
}

/// Source and members of a table; none where it is not one of `count` members within `body_length` bytes.
pub(super) fn decode(table: &[u8], count: u32, body_length: u32) -> Option<(Box<str>, Vec<Member>)> {
    let mut table = Table(table);
    let source = table.text()?;
    // a member takes two bytes at least: a count that cannot be never becomes an allocation
    let count = count as usize;
    if count > table.0.len() / 2 {
        return None;
    }
    let mut members = Vec::with_capacity(count);
    let mut previous_end = 0_i64;
    for _ in 0..count {
        let start = previous_end.checked_add(unzigzag(table.number()?))?;
        let length_and_marks = table.number()?;
        let end = start.checked_add(i64::try_from(length_and_marks >> 2).ok()?)?;
        let range = Range { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? };
        if range.end > body_length {
            return None;
        }
        let (id, redriven) = if length_and_marks & 1 == 0 { (None, None) } else { names(table.text()?) };
        let (index, pipeline) = if length_and_marks & 2 == 0 { (None, None) } else { target(table.text()?) };
        members.push(Member { range, id, index, pipeline, redriven });
        previous_end = end;
    }
    table.0.is_empty().then_some((source, members))
}

/// Appends a text with its length before it.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_after_nul(out: &mut Vec<u8>, text: &str, nul: bool) {
    put_number(out, (text.len() + usize::from(nul)) as u64);
    out.extend_from_slice(if nul { b"\0" } else { b"" });
    out.extend_from_slice(text.as_bytes());
}

/// The id that was given, or that of the document of a redriven event.
fn names(text: Box<str>) -> (Option<Box<str>>, Option<Box<str>>) {
    match text.strip_prefix('\0') {
        None => (Some(text), None),
        Some(given) if given.starts_with('\0') => (Some(given.into()), None),
        Some(document) => (None, Some(document.into())),
    }
}

/// Index and pipeline as one text.
fn put_target(out: &mut Vec<u8>, index: &str, pipeline: Option<&str>) {
    match pipeline {
        None => put_text(out, index),
        Some(pipeline) => {
            put_number(out, (index.len() + 1 + pipeline.len()) as u64);
            out.extend_from_slice(index.as_bytes());
            out.push(0);
            out.extend_from_slice(pipeline.as_bytes());
        }
    }
}

/// What [`put_target`] wrote.
fn target(text: Box<str>) -> (Option<Box<str>>, Option<Box<str>>) {
    match text.split_once('\0') {
        None => (Some(text), None),
        Some((index, pipeline)) => ((!index.is_empty()).then(|| index.into()), Some(pipeline.into())),
    }
}

/// Appends a number as LEB128.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small for numbers near zero, of either sign.
pub(super) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// What [`zigzag`] was given.
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// What is left of a table.
pub(super) struct Table<'a>(pub(super) &'a [u8]);

impl Table<'_> {
    /// The next text.
    pub(super) fn text(&mut self) -> Option<Box<str>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(Box::from)
    }

    /// The next number.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
    use proptest::{collection, option};

    use super::*;

    fn members() -> impl Strategy<Value = Vec<Member>> {
        let text = |pattern: &'static str| option::of(pattern.prop_map(String::into_boxed_str));
        let (id, index, pipeline) = (text("[a-zäöü\0]{0,9}"), text("[a-zäöü]{1,9}"), text("[a-zäöü\0]{0,9}"));
        let redriven = text("[a-z][a-z\0]{0,9}");
        let member = (0_u32..5000, 0_u32..5000, id, index, pipeline, redriven).prop_map(
            |(start, length, id, index, pipeline, redriven)| Member {
                range: start..start + length,
                redriven: redriven.filter(|_| id.is_none()),
                id,
                index,
                pipeline,
            },
        );
        collection::vec(member, 0..40)
    }

    proptest! {
        #[test]
        fn a_table_reads_back(source in ".{0,40}", members in members()) {
            let mut table = Vec::new();
            encode(&source, &members, &mut table);
            let read = decode(&table, members.len() as u32, 10_000);
            prop_assert_eq!(read, Some((source.into_boxed_str(), members)));
        }

        #[test]
        fn any_bytes_are_read_without_harm(table in collection::vec(any::<u8>(), 0..60), count in any::<u32>()) {
            if let Some((_, members)) = decode(&table, count, 100) {
                prop_assert_eq!(members.len(), count as usize);
            }
        }
    }

    #[test]
    fn a_member_outside_the_body_is_refused() {
        let mut table = Vec::new();
        encode("", &[Member { range: 5..11, id: None, index: None, pipeline: None, redriven: None }], &mut table);
        assert!(decode(&table, 1, 11).is_some());
        assert!(decode(&table, 1, 10).is_none());
    }
}
