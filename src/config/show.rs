//! `config show`: every key with the value that holds and where it comes from, secrets masked.

use std::fmt::Write;

use serde_json::Value;

use super::checked::Config;
use super::fault::Place;
use super::raw::Raw;
use super::schema::{Schema, plain};
use super::tree::Node;

/// One key as it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// Its value, a secret as `***`; null where nothing is set.
    pub value: Value,
    /// Where it was given.
    pub origin: Place,
}

/// Every key of `raw`, in the order of the reference.
pub fn collect(schema: &Schema, raw: &Raw, root: &Node) -> Vec<Shown> {
    let values = serde_json::to_value(raw).expect("texts, numbers and lists can be written as JSON");
    let leaves = schema.leaves().into_iter().filter(|leaf| !leaf.alternative);
    leaves
        .map(|leaf| {
            let value = values.pointer(&format!("/{}", leaf.path.join("/"))).cloned().unwrap_or_default();
            let origin = root.at(&leaf.path).map_or(Place::Default, |node| node.place.clone());
            Shown { path: leaf.path, value, origin }
        })
        .collect()
}

impl Config {
    /// Every key with its value and its origin.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// The whole configuration as YAML, each value with its origin in a comment. Read back it is the same
    /// configuration, except for secrets that were given as text.
    pub fn show(&self) -> String {
        let mut out = String::new();
        let mut sections: &[String] = &[];
        for shown in &self.shown {
            let (key, parents) = shown.path.split_last().expect("a key has a name");
            let common = sections.iter().zip(parents).take_while(|(a, b)| a == b).count();
            for (depth, section) in parents.iter().enumerate().skip(common) {
                writeln!(out, "{}{section}:", "  ".repeat(depth)).expect("writing to a string does not fail");
            }
            sections = parents;
            let line = format!("{}{key}: {}", "  ".repeat(parents.len()), yaml(&shown.value));
            writeln!(out, "{:<56} # {}", line.trim_end(), origin(shown)).expect("writing to a string does not fail");
        }
        out
    }

    /// The same for programs: a map from `http.max_body` and the like to `{value, origin}`.
    pub fn show_json(&self) -> Value {
        let entry = |shown: &Shown| {
            (shown.path.join("."), serde_json::json!({ "value": shown.value, "origin": origin(shown) }))
        };
        Value::Object(self.shown.iter().map(entry).collect())
    }
}

fn origin(shown: &Shown) -> String {
    match &shown.origin {
        Place::Default => "default".to_owned(),
        Place::File => "file".to_owned(),
        Place::Line(line) => format!("file, line {line}"),
        Place::Variable(name) => name.clone(),
    }
}

/// A value in one line of YAML. JSON is YAML; texts that need no quotes go without.
fn yaml(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if needs_no_quotes(text) => text.clone(),
        Value::Number(_) => plain(value),
        other => other.to_string(),
    }
}

fn needs_no_quotes(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !text.ends_with(':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:".contains(c))
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null")
}
