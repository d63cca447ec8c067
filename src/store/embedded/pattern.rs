//! Patterns with `*` (any characters, also none) and `?` (one character); `\` takes the next character as it is.

/// A pattern, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// What every match begins with.
    beginning: String,
    any_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    One,
    This(char),
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub(super) fn new(text: &str, any_case: bool) -> Self {
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::This(characters.next().unwrap_or('\\')),
                other => Part::This(other),
            });
        }
        Self::of(parts, any_case)
    }

    /// What begins with `text`, in which nothing has a special meaning.
    pub(super) fn beginning_with(text: &str, any_case: bool) -> Self {
        Self::of(text.chars().map(Part::This).chain([Part::Any]).collect(), any_case)
    }

    /// Exactly `text`.
    pub(super) fn exactly(text: &str, any_case: bool) -> Self {
        Self::of(text.chars().map(Part::This).collect(), any_case)
    }

    fn of(parts: Vec<Part>, any_case: bool) -> Self {
        let literal = parts.iter().map_while(|part| match part {
            Part::This(character) => Some(*character),
            Part::Any | Part::One => None,
        });
        let beginning = if any_case { String::new() } else { literal.collect() };
        Self { parts, beginning, any_case }
    }

    /// What every match begins with; empty where that is not known.
    pub(super) fn beginning(&self) -> &str {
        &self.beginning
    }

    /// Whether it matches the whole text.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut rest = text;
        let mut part = 0;
        // where to go on if what follows the last `*` does not match: one character later
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let next = rest.chars().next();
            match (self.parts.get(part), next) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    part += 1;
                    retry = Some((part, rest));
                    continue;
                }
                (Some(Part::One), Some(character)) => {
                    part += 1;
                    rest = &rest[character.len_utf8()..];
                    continue;
                }
                (Some(Part::This(wanted)), Some(character)) if self.same(*wanted, character) => {
                    part += 1;
                    rest = &rest[character.len_utf8()..];
                    continue;
                }
                _ => {}
            }
            let Some((from, at)) = retry else { return false };
            let Some(skipped) = at.chars().next() else { return false };
            let later = &at[skipped.len_utf8()..];
            retry = Some((from, later));
            (part, rest) = (from, later);
        }
    }

    fn same(&self, wanted: char, character: char) -> bool {
        wanted == character || (self.any_case && wanted.to_lowercase().eq(character.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    /// The plain definition.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
            Some(('?', rest)) => !text.is_empty() && plain(rest, &text[1..]),
            Some((wanted, rest)) => text.first() == Some(wanted) && plain(rest, &text[1..]),
        }
    }

    #[test]
    fn escapes_and_case() {
        assert!(Pattern::new(r"a\*b", false).matches("a*b"));
        assert!(!Pattern::new(r"a\*b", false).matches("axb"));
        assert!(Pattern::new("ÄB*", true).matches("äbc"));
        assert!(Pattern::beginning_with("a*", false).matches("a*x"));
        assert_eq!(Pattern::new("ab?c", false).beginning(), "ab");
    }

    proptest! {
        #[test]
        fn it_matches_what_the_definition_matches(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let plain = plain(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            assert_eq!(Pattern::new(&pattern, false).matches(&text), plain, "{pattern} {text}");
        }
    }
}
