//! `filter_path`: which parts of an answer its reader wants to have.
//!
//! Patterns are dotted paths joined by commas; `*` stands for any part of a name, `**` for any number of names, and a
//! pattern that begins with `-` excludes. A part is written when a pattern names it or something that it lies in, and
//! none excludes it in the same way; lists count as what is in them. Without patterns everything is written.

/// What is wanted of an answer; the default is all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    wanted: Vec<Pattern>,
    unwanted: Vec<Pattern>,
}

/// The names of a pattern; no two `**` in a row.
type Pattern = Vec<Box<str>>;

/// More patterns than this are not looked at: nobody writes so many, and each is held against every part.
const MOST_PATTERNS: usize = 64;

impl Filter {
    /// From the value of the parameter.
    pub fn parse(text: &str) -> Self {
        let mut filter = Self::default();
        for pattern in text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()).take(MOST_PATTERNS) {
            match pattern.strip_prefix('-') {
                Some(pattern) => filter.unwanted.push(names(pattern)),
                None => filter.wanted.push(names(pattern)),
            }
        }
        filter
    }

    /// Whether the value at the end of this path is written.
    pub fn admits(&self, path: &[&str]) -> bool {
        let names_it = |pattern: &Pattern| covers(pattern, path);
        (self.wanted.is_empty() || self.wanted.iter().any(names_it)) && !self.unwanted.iter().any(names_it)
    }
}

fn names(pattern: &str) -> Pattern {
    let mut names: Pattern = pattern.split('.').map(Box::from).collect();
    names.dedup_by(|a, b| &**a == "**" && &**b == "**");
    names
}

/// Whether a pattern ends at the path or at something above it.
fn covers(pattern: &[Box<str>], path: &[&str]) -> bool {
    let Some((name, rest)) = pattern.split_first() else { return true };
    let below = path.split_first();
    if &**name == "**" {
        return covers(rest, path) || below.is_some_and(|(_, below)| covers(pattern, below));
    }
    below.is_some_and(|(first, below)| matches(name.as_bytes(), first.as_bytes()) && covers(rest, below))
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < name.len() {
        match pattern.get(at.0) {
            Some(b'*') => {
                star = Some(at);
                at.0 += 1;
            }
            Some(byte) if *byte == name[at.1] => at = (at.0 + 1, at.1 + 1),
            _ => {
                // the last star takes one byte more
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = (place + 1, taken + 1);
            }
        }
    }
    pattern[at.0..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn admitted(filter: &str) -> Vec<&'static str> {
        let paths = ["took", "errors", "items.create._id", "items.create.status", "items.create.error.type"];
        let filter = Filter::parse(filter);
        let admits = |path: &&str| filter.admits(&path.split('.').collect::<Vec<_>>());
        paths.into_iter().filter(admits).collect()
    }

    #[test]
    fn parts_are_named_by_their_path_by_wildcards_and_by_what_they_lie_in() {
        let error = "items.create.error.type";
        assert_eq!(admitted("").len(), 5);
        assert_eq!(admitted("errors,items.*.error,items.*.status"), ["errors", "items.create.status", error]);
        assert_eq!(admitted("items"), ["items.create._id", "items.create.status", error]);
        assert_eq!(admitted("**.type"), [error]);
        assert_eq!(admitted("items.**.st*s, took"), ["took", "items.create.status"]);
        assert_eq!(admitted("-items"), ["took", "errors"]);
        assert_eq!(admitted("items.*.*,-**.error"), ["items.create._id", "items.create.status"]);
        assert_eq!(admitted("items.create.status.deeper,e*"), ["errors"]);
        assert_eq!(admitted("nothing"), [""; 0]);
        assert_eq!(admitted("**").len(), 5);
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let filter = Filter::parse(&format!("{},{}", "**.".repeat(10_000), "a*".repeat(10_000)));
        assert!(!filter.admits(&["items", "create", "error", &"a".repeat(200)]));
    }

    proptest! {
        #[test]
        fn a_star_stands_for_anything(start in "[ab]{0,4}", inside in "[ab*]{0,6}", end in "[ab]{0,4}", other in "[ab]{0,9}") {
            let pattern = format!("{start}*{end}");
            let name = format!("{start}{inside}{end}");
            assert!(matches(pattern.as_bytes(), name.as_bytes()));
            let fits = other.len() >= start.len() + end.len() && other.starts_with(&start) && other.ends_with(&end);
            prop_assert_eq!(matches(pattern.as_bytes(), other.as_bytes()), fits);
        }
    }
}
