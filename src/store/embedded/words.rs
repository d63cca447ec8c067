//! Text into words, the same way when a document is written and when it is looked for.
//!
//! A word is a run of letters, digits and `_`, in lower case; a `.` between two of them belongs to it, so that
//! `10.0.0.1` and `login.php` are one word, as with Elasticsearch's standard analyzer. Words longer than
//! [`LONGEST`] bytes are left out. [`BREAK`] parts two values, so that no phrase is found across them.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Bytes of the longest word that is indexed.
pub(super) const LONGEST: usize = 255;

/// Stands between two values in one text (ASCII unit separator).
pub(super) const BREAK: char = '\u{1f}';

/// How many places a [`BREAK`] counts as.
const GAP: usize = 50;

/// The tokenizer.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    token: Token,
}

/// The words of one text.
pub(super) struct WordStream<'a> {
    text: &'a str,
    at: usize,
    place: usize,
    token: &'a mut Token,
}

/// All words of `text`, in order, with repetitions.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut tokenizer = Words::default();
    let mut stream = tokenizer.token_stream(text);
    let mut found = Vec::new();
    while stream.advance() {
        found.push(stream.token().text.clone());
    }
    found
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, at: 0, place: 0, token: &mut self.token }
    }
}

impl WordStream<'_> {
    /// Moves past what is no word; false at the end.
    fn skip(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte < 0x80 {
                if is_word_byte(byte) {
                    return true;
                }
                if byte == BREAK as u8 {
                    self.place += GAP;
                }
                self.at += 1;
                continue;
            }
            let wide = self.text[self.at..].chars().next().expect("not at the end");
            if wide.is_alphanumeric() {
                return true;
            }
            self.at += wide.len_utf8();
        }
        false
    }

    /// The end of the word that begins at `self.at`.
    fn end(&self) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while let Some(&byte) = bytes.get(at) {
            if byte < 0x80 {
                let joins = byte == b'.' && at > self.at && self.goes_on_at(at + 1);
                if !is_word_byte(byte) && !joins {
                    break;
                }
                at += 1;
                continue;
            }
            let wide = self.text[at..].chars().next().expect("not at the end");
            if !wide.is_alphanumeric() {
                break;
            }
            at += wide.len_utf8();
        }
        at
    }

    fn goes_on_at(&self, at: usize) -> bool {
        match self.text.as_bytes().get(at) {
            Some(&byte) if byte < 0x80 => is_word_byte(byte),
            Some(_) => self.text[at..].chars().next().is_some_and(char::is_alphanumeric),
            None => false,
        }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        while self.skip() {
            let (start, end) = (self.at, self.end());
            self.at = end;
            self.token.position = self.place;
            self.place += 1;
            if end - start > LONGEST {
                continue;
            }
            let word = &self.text[start..end];
            self.token.text.clear();
            if word.is_ascii() {
                self.token.text.push_str(word);
                self.token.text.make_ascii_lowercase();
            } else {
                self.token.text.extend(word.chars().flat_map(char::to_lowercase));
            }
            self.token.offset_from = start;
            self.token.offset_to = end;
            return true;
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    #[test]
    fn addresses_and_file_names_are_one_word() {
        assert_eq!(words("GET /admin/login.php from 10.0.0.1."), ["get", "admin", "login.php", "from", "10.0.0.1"]);
    }

    #[test]
    fn letters_of_any_script_are_lowered() {
        assert_eq!(words("Ärger, Ünd… ΣΑΣ_1"), ["ärger", "ünd", "σας_1"].map(|word| word.replace('ς', "σ")));
    }

    #[test]
    fn a_word_beyond_the_limit_is_left_out_and_keeps_its_place() {
        let text = format!("a {} b", "x".repeat(LONGEST + 1));
        let mut tokenizer = Words::default();
        let mut stream = tokenizer.token_stream(&text);
        let mut places = Vec::new();
        while stream.advance() {
            places.push((stream.token().text.clone(), stream.token().position));
        }
        assert_eq!(places, [("a".to_owned(), 0), ("b".to_owned(), 2)]);
    }

    #[test]
    fn values_lie_far_apart() {
        let mut tokenizer = Words::default();
        let mut stream = tokenizer.token_stream("a\u{1f}b");
        assert!(stream.advance());
        assert!(stream.advance());
        assert_eq!(stream.token().position, 1 + GAP);
    }

    proptest! {
        #[test]
        fn any_text_has_words_without_separators(text in ".{0,60}") {
            for word in words(&text) {
                assert!(!word.is_empty() && !word.contains([' ', '\u{1f}', '/']), "{word:?}");
            }
        }
    }
}
