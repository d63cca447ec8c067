//! Values as they are put down while a body is read, and as others see them.

use std::borrow::Cow;

use super::connection::Transport;
use super::json::{Scanner, Span, Text, unescape};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A string, its escapes undone.
    Str(Cow<'a, str>),
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
}

/// What was found for a path; places only, nothing is copied.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Captured {
    /// Nothing, or `null`.
    #[default]
    Absent,
    /// A string.
    Text(Text),
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// The name of a protocol, whatever the event calls it.
    Transport(Transport),
    /// A word that stands for what the event says in its own.
    Word(&'static str),
    /// An array, brackets included.
    Array(Span),
    /// An object, or a number beyond what f64 holds.
    Unusable,
}

impl Captured {
    /// The value; of an array the first scalar in it. None for absent ones and objects.
    pub fn scalar(self, body: &str) -> Option<Scalar<'_>> {
        match self {
            Self::Array(_) => self.values(body).next(),
            _ => self.single(body),
        }
    }

    /// The value, or the scalars in it if it is an array (arrays in arrays included, objects left out).
    pub fn values(self, body: &str) -> Values<'_> {
        let (single, scanner) = match self {
            Self::Array(span) => (None, Some(Scanner::starting_at(body, span.start as usize))),
            _ => (self.single(body), None),
        };
        Values { body, single, scanner, depth: 0 }
    }

    fn single(self, body: &str) -> Option<Scalar<'_>> {
        match self {
            Self::Text(text) => Some(Scalar::Str(decode(text, body))),
            Self::Number(number) => Some(Scalar::Number(number)),
            Self::Bool(value) => Some(Scalar::Bool(value)),
            Self::Transport(transport) => transport.name().map(|name| Scalar::Str(Cow::Borrowed(name))),
            Self::Word(word) => Some(Scalar::Str(Cow::Borrowed(word))),
            Self::Absent | Self::Unusable | Self::Array(_) => None,
        }
    }

    /// The text between the quotes as it stands in the body, if it is a string that needs no decoding.
    #[inline]
    pub fn plain(self, body: &str) -> Option<&str> {
        match self {
            Self::Text(Text { span, escaped: false }) => Some(&body[span.range()]),
            _ => None,
        }
    }

    /// The text between the quotes as it stands in the body, escapes and all.
    #[inline]
    pub fn raw(self, body: &str) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&body[text.span.range()]),
            _ => None,
        }
    }

    /// A finite number, also one that came as a string, such as Logstash's csv and kv filters make them.
    #[inline]
    pub fn number(self, body: &str) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(_) => self.plain(body)?.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// A whole number of at least 0, also as a string; fractions are cut off.
    #[inline]
    pub fn count(self, body: &str) -> Option<u64> {
        // beyond 2^53 the neighbours are not whole any more; no counter of a connection gets there
        self.number(body).filter(|number| (0.0..=9_007_199_254_740_992.0).contains(number)).map(|number| number as u64)
    }

    /// A port number.
    #[inline]
    pub fn port(self, body: &str) -> Option<u16> {
        u16::try_from(self.count(body)?).ok()
    }

    /// Whether anything but `null` was found.
    #[inline]
    pub fn is_there(self) -> bool {
        self != Self::Absent
    }
}

/// What `text` stands for.
fn decode(text: Text, body: &str) -> Cow<'_, str> {
    let raw = &body[text.span.range()];
    if !text.escaped {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    unescape(raw, &mut out);
    Cow::Owned(out)
}

/// The scalars of a field: none, one, or those of an array.
#[derive(Debug)]
pub struct Values<'a> {
    body: &'a str,
    single: Option<Scalar<'a>>,
    scanner: Option<Scanner<'a>>,
    depth: u32,
}

impl<'a> Iterator for Values<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        if self.scanner.is_none() {
            return self.single.take();
        }
        loop {
            let found = self.step()?;
            if found.is_some() {
                return found;
            }
        }
    }
}

impl<'a> Values<'a> {
    /// One token further: none at the array's end, an inner none where the token is no scalar.
    fn step(&mut self) -> Option<Option<Scalar<'a>>> {
        let scanner = self.scanner.as_mut()?;
        scanner.space();
        match scanner.peek()? {
            b',' => drop(scanner.take(b',')),
            b'[' => {
                scanner.take(b'[');
                self.depth += 1;
            }
            b']' => {
                scanner.take(b']');
                self.depth = self.depth.checked_sub(1)?;
                if self.depth == 0 {
                    self.scanner = None;
                    return None;
                }
            }
            _ => return capture(scanner, 0).ok().map(|captured| captured.single(self.body)),
        }
        Some(None)
    }
}

/// Takes the value that stands next, `depth` objects and arrays deep already.
#[inline]
pub fn capture(scanner: &mut Scanner<'_>, depth: u32) -> Result<Captured, super::Unreadable> {
    let start = scanner.place();
    match scanner.peek() {
        Some(b'"') => return scanner.string().map(Captured::Text),
        Some(b'-' | b'0'..=b'9') => {
            let number = scanner.number()?;
            return Ok(if number.is_finite() { Captured::Number(number) } else { Captured::Unusable });
        }
        _ => {}
    }
    let first = scanner.peek();
    scanner.skip(depth)?;
    Ok(match first {
        Some(b't') => Captured::Bool(true),
        Some(b'f') => Captured::Bool(false),
        Some(b'n') => Captured::Absent,
        Some(b'[') => Captured::Array(Span { start, end: scanner.place() }),
        _ => Captured::Unusable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Captured {
        capture(&mut Scanner::new(body), 0).expect("valid")
    }

    #[test]
    fn scalars_come_as_they_are() {
        assert_eq!(read("\"a\\u0041\"").scalar("\"a\\u0041\""), Some(Scalar::Str(Cow::Borrowed("aA"))));
        assert_eq!(read("-1.5e2").scalar("-1.5e2"), Some(Scalar::Number(-150.0)));
        assert_eq!(read("true").scalar("true"), Some(Scalar::Bool(true)));
        for nothing in ["null", "{}", "1e999", "[]", "[{\"a\":1}]", "[null]"] {
            assert_eq!(read(nothing).scalar(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_array_gives_each_scalar_in_it() {
        let body = "[ \"a\" , [1, [true]],{\"b\":[\"c\"]}, null,-2 ]";
        let values: Vec<_> = read(body).values(body).collect();
        let expected = [Scalar::Str(Cow::Borrowed("a")), Scalar::Number(1.0), Scalar::Bool(true), Scalar::Number(-2.0)];
        assert_eq!(values, expected);
        assert_eq!(read("7").values("7").collect::<Vec<_>>(), [Scalar::Number(7.0)]);
    }

    #[test]
    fn counts_may_come_as_strings_and_are_whole_and_not_negative() {
        for (body, expected) in [
            ("12", Some(12)),
            ("\"12\"", Some(12)),
            ("\" 12.9 \"", Some(12)),
            ("-1", None),
            ("\"-\"", None),
            ("\"NaN\"", None),
            ("1e30", None),
            ("null", None),
        ] {
            assert_eq!(read(body).count(body), expected, "{body}");
        }
        assert_eq!(read("65536").port("65536"), None);
    }
}
