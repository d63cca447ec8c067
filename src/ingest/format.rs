//! Splits a body into its members, each of them good or bad by itself.
//!
//! Content decides what a body is: an array of objects (Logstash `json_batch`), one object, objects a line each (NDJSON),
//! objects one behind the other, or any sequence of those. The content type only tells what JSON cannot tell of itself:
//! that lines are to be judged one by one from the first, that a body is a form, or that it is text.
//!
//! Good members are ranges of the body, byte for byte as they came. For each bad one there is its range, what is wrong
//! and where. A body that is nothing but one bad thing, or an array that breaks off, is unreadable as a whole.

use std::ops::Range;

use bytes::Bytes;

use super::json::{Bounds, Fault, Flaw, object_end, skip_space};
use super::resync::{array_member_end, loose_member_end};
use super::text;
use crate::spool::Member;

/// What a content type says of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON, or nothing that helps.
    Json = 0,
    /// NDJSON: each line by itself.
    Lines = 1,
    /// `application/x-www-form-urlencoded` (Logstash `form`): one event, an object of strings.
    Pairs = 2,
    /// `text/plain` (Logstash `message`): one event with one field, `message`.
    Text = 3,
}

impl Form {
    /// From the value of a content-type header.
    pub fn of(content_type: &[u8]) -> Self {
        const LINES: [&[u8]; 5] = [
            b"application/x-ndjson",
            b"application/ndjson",
            b"application/jsonl",
            b"application/x-jsonlines",
            b"application/jsonlines",
        ];
        let kind = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if LINES.iter().any(|lines| kind.eq_ignore_ascii_case(lines)) {
            Self::Lines
        } else if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            Self::Pairs
        } else if kind.eq_ignore_ascii_case(b"text/plain") {
            Self::Text
        } else {
            Self::Json
        }
    }
}

impl Form {
    /// From the number that stands for it in a dead letter.
    pub fn numbered(number: u8) -> Option<Self> {
        [Self::Json, Self::Lines, Self::Pairs, Self::Text].into_iter().find(|form| *form as u8 == number)
    }
}

/// What a body is made of.
#[derive(Debug)]
pub(super) struct Split {
    /// The bytes that the ranges lie in: the body, or for forms and text the JSON that was made of it.
    pub body: Bytes,
    /// The good members, in order.
    pub members: Vec<Member>,
    /// The bad ones, in order.
    pub refused: Vec<Refused>,
}

/// A member that is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Its place among all members, from 0.
    pub position: usize,
    /// Where it lies in the body.
    pub range: Range<usize>,
    /// What is wrong, and at which offset of the body.
    pub fault: Fault,
}

/// Why a body has no members at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Nothing in it.
    Empty,
    /// This is wrong, at this offset.
    Broken(Fault),
    /// It has more members than it may.
    TooMany,
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

/// Splits a decoded body. `most` is the number of members it may have.
pub(super) fn split(body: Bytes, form: Form, bounds: &Bounds, most: usize) -> Result<Split, Unreadable> {
    let start = content_start(&body);
    if start == body.len() && form != Form::Text || body.is_empty() {
        return Err(Unreadable::Empty);
    }
    let json = matches!(body.get(start), Some(b'{' | b'['));
    match form {
        Form::Pairs if !json => one(text::from_pairs(&body)?, bounds),
        // a text may look like JSON and be none
        Form::Text => match Splitter::new(&body, bounds, most).run(start) {
            Ok((members, refused)) if json && refused.is_empty() => Ok(Split { body, members, refused }),
            _ => one(text::from_text(&body)?, bounds),
        },
        Form::Json if !json => Err(Fault { at: start, flaw: Flaw::NotJson }.into()),
        Form::Json | Form::Lines | Form::Pairs => {
            let (members, refused) = Splitter::new(&body, bounds, most).run(start)?;
            Ok(Split { body, members, refused })
        }
    }
}

/// A body that is one event which was made here.
fn one(body: Bytes, bounds: &Bounds) -> Result<Split, Unreadable> {
    let end = object_end(&body, 0, bounds)?;
    Ok(Split { members: vec![member(0..end)], refused: Vec::new(), body })
}

/// An event of which nothing is known but where it lies.
pub(super) fn member(range: Range<usize>) -> Member {
    let narrow = |offset| u32::try_from(offset).expect("a body is bounded to less than 4 GiB");
    Member { range: narrow(range.start)..narrow(range.end), id: None, index: None, pipeline: None, redriven: None }
}

/// Behind the byte order mark and white space.
pub(super) fn content_start(body: &[u8]) -> usize {
    let mark = if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    skip_space(body, mark)
}

struct Splitter<'a> {
    bytes: &'a [u8],
    bounds: &'a Bounds,
    most: usize,
    /// All of the body is UTF-8, so no member has to be looked at again.
    utf8: bool,
    arrays: bool,
    members: Vec<Member>,
    refused: Vec<Refused>,
}

impl<'a> Splitter<'a> {
    fn new(bytes: &'a [u8], bounds: &'a Bounds, most: usize) -> Self {
        Self {
            bytes,
            bounds,
            most,
            utf8: std::str::from_utf8(bytes).is_ok(),
            arrays: false,
            // events are some hundred bytes long; it grows where they are shorter
            members: Vec::with_capacity((bytes.len() / 256 + 1).min(4096)),
            refused: Vec::new(),
        }
    }

    fn run(mut self, start: usize) -> Result<(Vec<Member>, Vec<Refused>), Unreadable> {
        let mut at = start;
        while let Some(&byte) = self.bytes.get(at) {
            at = if byte == b'[' { self.array(at + 1)? } else { self.loose(at)? };
            at = skip_space(self.bytes, at);
        }
        match self.refused.as_slice() {
            [only] if self.members.is_empty() && !self.arrays => Err(only.fault.into()),
            _ => Ok((self.members, self.refused)),
        }
    }

    /// The members of an array whose `[` lies before `at`; gives the offset behind its `]`.
    fn array(&mut self, at: usize) -> Result<usize, Unreadable> {
        self.arrays = true;
        let mut at = skip_space(self.bytes, at);
        if self.bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        loop {
            at = skip_space(self.bytes, at);
            at = self.array_member(at)?;
            let last = self.bytes[at] == b']';
            at += 1;
            if last {
                return Ok(at);
            }
        }
    }

    /// One member of an array; gives the offset of the `,` or `]` behind it.
    fn array_member(&mut self, start: usize) -> Result<usize, Unreadable> {
        let fault = match self.object(start) {
            Ok(end) => {
                let behind = skip_space(self.bytes, end);
                match self.bytes.get(behind) {
                    Some(b',' | b']') => return self.take(start..end).map(|()| behind),
                    Some(&found) => Fault { at: behind, flaw: Flaw::Unexpected { found, wanted: "',' or ']'" } },
                    None => return Err(self.breaks_off()),
                }
            }
            Err(fault) => fault,
        };
        let end = array_member_end(self.bytes, start).ok_or_else(|| self.breaks_off())?;
        self.refuse(start, end, fault)?;
        Ok(end)
    }

    /// A member that stands in no array; gives the offset behind it.
    fn loose(&mut self, start: usize) -> Result<usize, Unreadable> {
        match self.object(start) {
            Ok(end) => self.take(start..end).map(|()| end),
            Err(fault) => {
                let end = loose_member_end(self.bytes, start);
                self.refuse(start, end, fault)?;
                Ok(end)
            }
        }
    }

    fn object(&self, start: usize) -> Result<usize, Fault> {
        if self.bytes.get(start) != Some(&b'{') {
            return Err(Fault { at: start, flaw: Flaw::NotAnObject });
        }
        let end = object_end(self.bytes, start, self.bounds)?;
        if !self.utf8 {
            std::str::from_utf8(&self.bytes[start..end])
                .map_err(|error| Fault { at: start + error.valid_up_to(), flaw: Flaw::Utf8 })?;
        }
        Ok(end)
    }

    fn take(&mut self, range: Range<usize>) -> Result<(), Unreadable> {
        self.members.push(member(range));
        self.count()
    }

    fn refuse(&mut self, start: usize, end: usize, fault: Fault) -> Result<(), Unreadable> {
        let position = self.members.len() + self.refused.len();
        let end = start + self.bytes[start..end].trim_ascii_end().len();
        self.refused.push(Refused { position, range: start..end, fault });
        self.count()
    }

    fn count(&self) -> Result<(), Unreadable> {
        if self.members.len() + self.refused.len() > self.most { Err(Unreadable::TooMany) } else { Ok(()) }
    }

    fn breaks_off(&self) -> Unreadable {
        Fault { at: self.bytes.len(), flaw: Flaw::BreaksOff }.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use serde_json::Value;

    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 64, fields: 1000, length: 1 << 20 };

    fn split_as(form: Form, body: impl AsRef<[u8]>) -> Result<Split, Unreadable> {
        split(Bytes::copy_from_slice(body.as_ref()), form, &BOUNDS, 1000)
    }

    /// The good members as text, and for each bad one its text, its position and its flaw.
    type Bad<'a> = (&'a [u8], usize, Flaw);

    fn parts(split: &Split) -> (Vec<&str>, Vec<Bad<'_>>) {
        let text = |member: &Member| {
            std::str::from_utf8(&split.body[member.range.start as usize..member.range.end as usize]).unwrap()
        };
        let bad = |bad: &Refused| (&split.body[bad.range.clone()], bad.position, bad.fault.flaw);
        (split.members.iter().map(text).collect(), split.refused.iter().map(bad).collect())
    }

    fn good(form: Form, body: impl AsRef<[u8]>) -> Vec<String> {
        let split = split_as(form, body).unwrap();
        let (good, bad) = parts(&split);
        assert_eq!(bad, []);
        good.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn all_forms_of_json_give_the_same_members() {
        let members = [r#"{"a":1}"#, r#"{"b":"2"}"#];
        for body in [
            r#"[{"a":1},{"b":"2"}]"#,
            " [ {\"a\":1} ,\n {\"b\":\"2\"} ] \n",
            "{\"a\":1}\n{\"b\":\"2\"}\n",
            "{\"a\":1}\r\n\r\n{\"b\":\"2\"}",
            r#"{"a":1}{"b":"2"}"#,
            "[{\"a\":1}]\n[{\"b\":\"2\"}]",
            "\u{feff}[{\"a\":1},{\"b\":\"2\"}]",
        ] {
            for form in [Form::Json, Form::Lines, Form::Pairs, Form::Text] {
                assert_eq!(good(form, body), members, "{form:?} {body}");
            }
        }
        assert_eq!(good(Form::Json, "{\n \"a\": 1\n}"), ["{\n \"a\": 1\n}"]);
        assert_eq!(good(Form::Json, " [ ] "), [""; 0]);
    }

    #[test]
    fn a_bad_member_of_an_array_leaves_the_others_alone() {
        let deep = format!("{{\"d\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let many = format!("{{{}}}", vec!["\"a\":1"; 1001].join(","));
        let cases: [(&[u8], Flaw); 9] = [
            (br#"{"n":NaN}"#, Flaw::Unexpected { found: b'N', wanted: "a value" }),
            (br#"{"n":1,}"#, Flaw::Unexpected { found: b'}', wanted: "a key" }),
            (b"{\"n\":\"\xff\"}", Flaw::Utf8),
            (deep.as_bytes(), Flaw::TooDeep(64)),
            (many.as_bytes(), Flaw::TooManyFields(1000)),
            (b"17", Flaw::NotAnObject),
            (br#""text, with a comma""#, Flaw::NotAnObject),
            (b"[{}]", Flaw::NotAnObject),
            (b"{} {}", Flaw::Unexpected { found: b'{', wanted: "',' or ']'" }),
        ];
        for (bad, flaw) in cases {
            let body = [br#"[{"a":1}, "#, bad, br#" ,{"b":2}]"#].concat();
            let split = split_as(Form::Json, body).unwrap();
            assert_eq!(parts(&split), (vec![r#"{"a":1}"#, r#"{"b":2}"#], vec![(bad, 1, flaw)]));
        }
    }

    #[test]
    fn a_bad_line_leaves_the_others_alone() {
        for bad in [r#"{"n":NaN}"#, r#"{"n":"open"#, r#"{"n":[1}"#, "null", "{} trailing"] {
            let body = format!("{{\"a\":1}}\n{bad}\r\n{{\"b\":2}}");
            let split = split_as(Form::Lines, body).unwrap();
            let (members, refused) = parts(&split);
            assert!(members.ends_with(&[r#"{"b":2}"#]) && members.starts_with(&[r#"{"a":1}"#]), "{bad}");
            assert_eq!(refused.len(), 1, "{bad}");
        }
        let split = split_as(Form::Lines, "nonsense\n{\"a\":1}\n").unwrap();
        assert_eq!(parts(&split), (vec![r#"{"a":1}"#], vec![(b"nonsense".as_slice(), 0, Flaw::NotAnObject)]));
    }

    #[test]
    fn a_place_between_two_commas_is_a_member_that_is_none() {
        let split = split_as(Form::Json, r#"[{"a":1},,{"b":2},]"#).unwrap();
        let (good, bad) = parts(&split);
        assert_eq!(good, [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert_eq!(bad, [(b"".as_slice(), 1, Flaw::NotAnObject), (b"".as_slice(), 3, Flaw::NotAnObject)]);
    }

    #[test]
    fn an_array_of_nothing_but_bad_members_is_still_readable() {
        let split = split_as(Form::Json, "[1,null]").unwrap();
        assert_eq!((split.members.len(), split.refused.len()), (0, 2));
    }

    #[test]
    fn what_is_unreadable_as_a_whole_says_where() {
        let broken = |body: &str| match split_as(Form::Json, body).unwrap_err() {
            Unreadable::Broken(fault) => (fault.at, fault.flaw),
            other => panic!("{other:?}"),
        };
        assert_eq!(broken("  hello"), (2, Flaw::NotJson));
        assert_eq!(broken("17"), (0, Flaw::NotJson));
        assert_eq!(broken(r#"{"a":NaN}"#), (5, Flaw::Unexpected { found: b'N', wanted: "a value" }));
        assert_eq!(broken(r#"{"a":"#), (5, Flaw::BreaksOff));
        for body in [r#"[{"a":1},{"b":"#, r#"[{"a":1}"#, r#"[{"a":1},"#, "[", r#"[{"a":"open}]"#] {
            assert_eq!(broken(body), (body.len(), Flaw::BreaksOff), "{body}");
        }
        for empty in ["", " \n", "\u{feff}"] {
            assert_eq!(split_as(Form::Json, empty).unwrap_err(), Unreadable::Empty);
        }
        let many = Bytes::from(format!("[{}]", vec!["1"; 1001].join(",")));
        assert_eq!(split(many, Form::Json, &BOUNDS, 1000).unwrap_err(), Unreadable::TooMany);
    }

    #[test]
    fn a_form_becomes_an_object_and_a_text_a_message() {
        assert_eq!(good(Form::Pairs, "a=1&b=x+%22y%22"), [r#"{"a":"1","b":"x \"y\""}"#]);
        assert_eq!(good(Form::Text, "line \"1\"\nline 2"), [r#"{"message":"line \"1\"\nline 2"}"#]);
        assert_eq!(good(Form::Text, "{not json"), [r#"{"message":"{not json"}"#]);
    }

    #[test]
    fn the_content_type_is_read_as_it_may_be_written() {
        assert_eq!(Form::of(b"application/json; charset=utf-8"), Form::Json);
        assert_eq!(Form::of(b"Application/X-NDJSON"), Form::Lines);
        assert_eq!(Form::of(b"text/plain;charset=UTF-8"), Form::Text);
        assert_eq!(Form::of(b"application/x-www-form-urlencoded"), Form::Pairs);
        assert_eq!(Form::of(b""), Form::Json);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            r#"[\{\}\[\],"\\\n]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(r#".{0,6}|["\\\}]{1,3}"#, inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_members_are_exactly_those_of_serde_json(values in prop::collection::vec(any_json(), 0..12), pretty: bool) {
            let print = |values: &[Value]| {
                if pretty { serde_json::to_string_pretty(values) } else { serde_json::to_string(values) }.unwrap()
            };
            let split = split_as(Form::Json, print(&values)).unwrap();
            let (mut members, mut refused) = (split.members.iter(), split.refused.iter());
            for (position, value) in values.iter().enumerate() {
                let range = if value.is_object() {
                    let range = &members.next().unwrap().range;
                    range.start as usize..range.end as usize
                } else {
                    let bad = refused.next().unwrap();
                    prop_assert_eq!(bad.position, position);
                    bad.range.clone()
                };
                let (read, printed) = (&split.body[range], print(std::slice::from_ref(value)));
                let printed = printed[1..printed.len() - 1].trim();
                prop_assert_eq!(std::str::from_utf8(read).unwrap(), printed);
            }
            prop_assert!(members.next().is_none() && refused.next().is_none());
        }

        #[test]
        fn no_bytes_make_it_panic_and_what_it_takes_is_json(
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                r#"[\[\{\}\]",:1a\\ \n]{0,40}"#.prop_map(String::into_bytes),
            ],
            form in prop_oneof![Just(Form::Json), Just(Form::Lines), Just(Form::Pairs), Just(Form::Text)],
        ) {
            if let Ok(split) = split_as(form, body) {
                for text in parts(&split).0 {
                    prop_assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
                }
            }
        }
    }
}
