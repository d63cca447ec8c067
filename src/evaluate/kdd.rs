//! Reads the lines of a KDD file one by one, in constant memory: records with their labels, and what is wrong with
//! the others.

use std::io::{self, BufRead, Read};

use crate::features::FeatureVector;
use crate::normalise::kdd::parse_line;

/// Longest line that is read as one; a KDD line has some 150 bytes.
const LONGEST: u64 = 1 << 16;

/// The lines of a file.
pub struct Lines<R> {
    reader: R,
    bytes: Vec<u8>,
    line: u64,
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A record with its label, which has lost its dot.
    Record(Box<FeatureVector>, String),
    /// Nothing.
    Empty,
    /// No labelled record; why.
    Bad(String),
}

impl<R: BufRead> Lines<R> {
    /// The lines of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader, bytes: Vec::new(), line: 0 }
    }

    /// The number of the last line, counted from 1.
    pub fn number(&self) -> u64 {
        self.line
    }

    /// The next line; none at the end. A line that is too long comes in pieces.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        self.bytes.clear();
        if Read::take(&mut self.reader, LONGEST).read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        Ok(Some(line(&self.bytes)))
    }
}

fn line(bytes: &[u8]) -> Line {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim(),
        Err(fault) => return Line::Bad(format!("is not UTF-8: {fault}")),
    };
    if text.is_empty() {
        return Line::Empty;
    }
    match parse_line(text) {
        Err(fault) => Line::Bad(fault.to_string()),
        Ok(record) => match record.label.map(str::trim).filter(|label| !label.is_empty()) {
            Some(label) => Line::Record(Box::new(record.features), label.to_owned()),
            None => Line::Bad("has no label to compare with".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "0,tcp,gopher9,SF,181,5450,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,8,8,0,0,0,0,1,0,0,9,9,1,0,0.11,0,0,0,0,0";

    fn all(text: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(text);
        std::iter::from_fn(|| lines.next().expect("memory can be read")).collect()
    }

    #[test]
    fn labels_come_with_and_without_dot_and_with_a_difficulty_behind_them() {
        for tail in [",normal.\n", ",normal\r\n", ",normal,21\n", ",normal", ", normal. \n"] {
            let Line::Record(features, label) = &all(format!("{HEAD}{tail}").as_bytes())[0] else { panic!("{tail}") };
            assert_eq!((label.as_str(), features.known()), ("normal", 41), "an unknown service is legal: {tail}");
        }
    }

    #[test]
    fn what_is_no_record_is_told_and_the_next_line_read() {
        let found = all(format!("1,2\n\n{HEAD},\n{HEAD}\n\u{0}\n{HEAD},smurf.\n").as_bytes());
        let bad = |line: &Line| matches!(line, Line::Bad(_));
        assert_eq!(found.iter().map(bad).collect::<Vec<_>>(), [true, false, true, true, true, false]);
        assert!(matches!(&all(b"\xff\xfe\n")[0], Line::Bad(why) if why.starts_with("is not UTF-8")));
    }

    #[test]
    fn a_line_without_end_is_read_in_pieces() {
        let found = all(&vec![b'x'; 3 * LONGEST as usize]);
        assert_eq!(found.len(), 3);
    }
}
