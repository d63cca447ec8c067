//! Where a bad member ends, so that the good ones behind it are still taken.
//!
//! Only brackets and strings are looked at. A closing bracket closes the nearest one of its kind, and what was opened
//! in between and left open goes with it. Each byte is looked at once, whatever it is.

use memchr::memchr2;

use super::json::skip_space;

/// The offset of the `,` or `]` that ends the member of an array that begins at `start`; none where the array breaks off.
pub(super) fn array_member_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut open = Open::default();
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at + 1)?,
            b',' if open.is_empty() => return Some(at),
            b']' if open.arrays == 0 => return Some(at),
            byte => {
                open.take(byte);
                at += 1;
            }
        }
    }
    None
}

/// Where a member that stands by itself ends: behind its closing brace, before a line that begins with `{`, or at
/// the end. What is no object ends with its line.
pub(super) fn loose_member_end(bytes: &[u8], start: usize) -> usize {
    let object = bytes.get(start) == Some(&b'{');
    let mut open = Open::default();
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' if !object || bytes.get(skip_space(bytes, at)) == Some(&b'{') && begins_line(bytes, at) => return at,
            b'"' => at = line_string_end(bytes, at + 1),
            byte => {
                open.take(byte);
                at += 1;
                if object && open.is_empty() {
                    return at;
                }
            }
        }
    }
    at
}

/// Whether the next thing behind the line break at `at` stands at the very beginning of its line.
fn begins_line(bytes: &[u8], at: usize) -> bool {
    bytes[skip_space(bytes, at) - 1] == b'\n'
}

/// Behind the quote that ends a string; none where there is no more quote.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// As [`string_end`], but a string ends with its line at the latest: JSON has no line breaks in strings.
fn line_string_end(bytes: &[u8], start: usize) -> usize {
    let line = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
    string_end(&bytes[..line], start).unwrap_or(line)
}

/// The brackets that are open.
#[derive(Default)]
struct Open {
    /// True for an object, innermost last.
    stack: Vec<bool>,
    objects: usize,
    arrays: usize,
}

impl Open {
    fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                let object = byte == b'{';
                self.stack.push(object);
                *self.count(object) += 1;
            }
            b'}' | b']' => {
                let object = byte == b'}';
                // each bracket is popped once, so this is linear over all
                if *self.count(object) > 0 {
                    while let Some(popped) = self.stack.pop() {
                        *self.count(popped) -= 1;
                        if popped == object {
                            break;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, object: bool) -> &mut usize {
        if object { &mut self.objects } else { &mut self.arrays }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    fn in_array(text: &str) -> Option<&str> {
        array_member_end(text.as_bytes(), 0).map(|end| &text[..end])
    }

    fn loose(text: &str) -> &str {
        &text[..loose_member_end(text.as_bytes(), 0)]
    }

    #[test]
    fn a_member_of_an_array_ends_at_its_comma() {
        assert_eq!(in_array(r#"{"a":NaN},{"b":1}]"#), Some(r#"{"a":NaN}"#));
        assert_eq!(in_array(r#"{"a":"],},\"",},{"b":1}]"#), Some(r#"{"a":"],},\"",}"#));
        assert_eq!(in_array(r#"[1,[2]] ,3]"#), Some("[1,[2]] "));
        assert_eq!(in_array("nonsense]"), Some("nonsense"));
        assert_eq!(in_array(r#"{"a":1"#), None);
        assert_eq!(in_array(r#"{"a":"1,2]"#), None);
    }

    #[test]
    fn brackets_that_do_not_match_cost_no_more_than_they_must() {
        assert_eq!(in_array(r#"{"b":[1,2},{"c":3}]"#), Some(r#"{"b":[1,2}"#));
        assert_eq!(in_array(r#"{"b":,{"c":3}]"#), Some(r#"{"b":,{"c":3}"#));
        assert_eq!(in_array("}},{}]"), Some("}}"));
    }

    #[test]
    fn a_loose_member_ends_behind_its_brace_or_before_the_next_line_that_begins_one() {
        assert_eq!(loose(r#"{"a":NaN}{"b":1}"#), r#"{"a":NaN}"#);
        assert_eq!(loose("{\"a\":[1\n{\"b\":1}"), "{\"a\":[1");
        assert_eq!(loose("{\"a\":\"open\n{\"b\":1}"), "{\"a\":\"open");
        assert_eq!(loose("{\n \"a\": NaN,\n \"b\":\n  {}\n}\n{}"), "{\n \"a\": NaN,\n \"b\":\n  {}\n}");
        assert_eq!(loose("garbage {\n{}"), "garbage {");
        assert_eq!(loose("{\"a\":"), "{\"a\":");
    }

    proptest! {
        #[test]
        fn an_end_lies_behind_its_start_and_within_the_bytes(text in r#"[\{\}\[\]",\\a \n]{1,60}"#, start in 0_usize..60) {
            let bytes = text.as_bytes();
            let start = start % bytes.len();
            if let Some(end) = array_member_end(bytes, start) {
                prop_assert!((start..bytes.len()).contains(&end));
            }
            if bytes[start] != b'\n' {
                prop_assert!((start + 1..=bytes.len()).contains(&loose_member_end(bytes, start)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            let _ = array_member_end(&bytes, 0);
            let _ = loose_member_end(&bytes, 0);
        }
    }
}
