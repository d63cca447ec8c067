//! One action line of a bulk body: what is to be done, and to which index, pipeline and id.
//!
//! What oversight has no use for (`_type`, `routing`, `version`, `require_alias` …) is passed over, as shippers send it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// What an action asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Create or replace.
    Index,
    /// Create, unless it is there.
    Create,
    /// Change what is there.
    Update,
    /// Remove what is there.
    Delete,
}

impl Operation {
    /// All of them, in the order of the declaration.
    pub const ALL: [Self; 4] = [Self::Index, Self::Create, Self::Update, Self::Delete];

    /// As it stands in an action line and in the answer to it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What is to be done with one document: an action line that was understood, or a path that says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    pub operation: Operation,
    /// What it is to be done to.
    pub target: Metadata,
}

/// The object behind the operation's name.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Metadata {
    #[serde(rename = "_index", default)]
    pub index: Option<Box<str>>,
    #[serde(rename = "_id", default, deserialize_with = "text_or_number")]
    pub id: Option<Box<str>>,
    #[serde(default)]
    pub pipeline: Option<Box<str>>,
}

/// A line where an action belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// One that was understood.
    Action(Action),
    /// It begins as this one and cannot be read: its sender means an action.
    Mangled(Operation),
    /// Anything else.
    Other,
}

/// Reads a line, which has no white space at its ends.
pub(super) fn read(line: &[u8]) -> Line {
    let Some(meant) = beginning(line) else { return Line::Other };
    match serde_json::from_slice(line) {
        Ok(Written::Index(target)) => Line::Action(Action { operation: Operation::Index, target }),
        Ok(Written::Create(target)) => Line::Action(Action { operation: Operation::Create, target }),
        Ok(Written::Update(target)) => Line::Action(Action { operation: Operation::Update, target }),
        Ok(Written::Delete(target)) => Line::Action(Action { operation: Operation::Delete, target }),
        Err(_) => Line::Mangled(meant),
    }
}

/// The operation whose name a line begins with: `{"create":`, with white space wherever it may be.
fn beginning(line: &[u8]) -> Option<Operation> {
    let inside = line.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    Operation::ALL.into_iter().find(|operation| {
        let behind = inside.strip_prefix(operation.name().as_bytes()).and_then(|rest| rest.strip_prefix(b"\""));
        behind.is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b':'))
    })
}

/// As it is written: an object with one key.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Index(Metadata),
    Create(Metadata),
    Update(Metadata),
    Delete(Metadata),
}

/// Ids may be written as numbers; they are texts all the same.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<str>>, D::Error> {
    struct Id;

    impl Visitor<'_> for Id {
        type Value = Option<Box<str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a whole number")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.into()))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string().into()))
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string().into()))
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(line: &str) -> (Operation, Metadata) {
        match read(line.as_bytes()) {
            Line::Action(Action { operation, target }) => (operation, target),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn actions_are_read_as_shippers_write_them() {
        let text = |text: &str| Some(Box::from(text));
        let rsyslog = r#"{"index":{"_index": "ov-2026.11.22"}}"#;
        assert_eq!(
            target(rsyslog),
            (Operation::Index, Metadata { index: text("ov-2026.11.22"), ..Metadata::default() })
        );
        let full =
            r#"{ "create" : {"_index":"a","_type":"_doc","_id":"\u00e4\"b","pipeline":"p","routing":7,"x":[{}]} }"#;
        let meant = Metadata { index: text("a"), id: text("ä\"b"), pipeline: text("p") };
        assert_eq!(target(full), (Operation::Create, meant));
        assert_eq!(target(r#"{"update":{"_id":17}}"#).1.id, text("17"));
        assert_eq!(target(r#"{"delete":{"_id":-1}}"#).1.id, text("-1"));
        assert_eq!(target(r#"{"index":{"_id":null,"_index":null}}"#).1, Metadata::default());
        assert_eq!(target(r#"{"index":{}}"#).1, Metadata::default());
    }

    #[test]
    fn a_line_that_means_an_action_is_told_from_one_that_does_not() {
        for mangled in [
            r#"{"create":{"_id":"a"b"}}"#,
            r#"{"create":{}"#,
            r#"{"create":7}"#,
            r#"{"create":{},"index":{}}"#,
            r#"{ "create" : "#,
        ] {
            assert_eq!(read(mangled.as_bytes()), Line::Mangled(Operation::Create), "{mangled}");
        }
        for other in ["", "{", "{}", r#"{"created":{}}"#, r#"{"create"}"#, r#"{"message":"index"}"#, "[]", "create"] {
            assert_eq!(read(other.as_bytes()), Line::Other, "{other}");
        }
    }
}
