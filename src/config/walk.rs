//! Holds a tree against the schema: all unknown keys, wrong types and values out of range, each with its line.
//!
//! What is right comes out as a JSON value that serde reads without fault; what is wrong is left out of it.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::fault::{Fault, Place};
use super::schema::{Schema, allowed, choices, has_form, has_type, kind};
use super::secret::MASK;
use super::tree::{Data, Node};

/// How much of a wrong value is shown.
const SHOWN_CHARACTERS: usize = 60;

/// The values of `root` that the schema allows; the others are told in `faults`.
pub fn read(schema: &Schema, root: &Node, faults: &mut Vec<Fault>) -> Value {
    let mut walk = Walk { schema, faults };
    walk.value(root, schema.json(), "").unwrap_or_else(|| Value::Object(Map::new()))
}

/// The known name that `given` is most like, if any is like it.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        strsim::normalized_damerau_levenshtein(&given, &name).max(strsim::jaro_winkler(&given, &name) - 0.25)
    };
    let best = known.map(|name| (likeness(name), name)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.6).then_some(best.1)
}

struct Walk<'a> {
    schema: &'a Schema,
    faults: &'a mut Vec<Fault>,
}

impl Walk<'_> {
    fn value(&mut self, node: &Node, schema: &Value, path: &str) -> Option<Value> {
        if node.data == Data::Null {
            return None;
        }
        let options = self.schema.alternatives(schema);
        let fitting: Vec<&Value> = options.iter().copied().filter(|option| fits(&node.data, option)).collect();
        match fitting.as_slice() {
            [] => self.wrong(node, schema, &options, path),
            [only] => self.single(node, only, path),
            several => self.best_of(node, schema, several, path),
        }
    }

    /// Takes the alternative with the fewest faults; among named values all are told.
    fn best_of(&mut self, node: &Node, schema: &Value, options: &[&Value], path: &str) -> Option<Value> {
        let mut best: Option<(Vec<Fault>, Option<Value>)> = None;
        for option in options {
            let mut faults = Vec::new();
            let value = Walk { schema: self.schema, faults: &mut faults }.single(node, option, path);
            if best.as_ref().is_none_or(|(fewest, _)| faults.len() < fewest.len()) {
                best = Some((faults, value));
            }
        }
        let (mut faults, value) = best?;
        if !faults.is_empty() && !matches!(node.data, Data::Map(_) | Data::List(_)) {
            return self.wrong(node, schema, options, path);
        }
        self.faults.append(&mut faults);
        value
    }

    fn single(&mut self, node: &Node, schema: &Value, path: &str) -> Option<Value> {
        match &node.data {
            Data::Null => None,
            Data::Map(entries)
                if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() =>
            {
                self.map(node, entries, schema, path)
            }
            Data::List(items) => Some(Value::Array(self.list(items, &schema["items"], path))),
            Data::Map(_) => Some(free(node)),
            Data::Scalar(text) | Data::Quoted(text) => match scalar(text, schema) {
                Scalar::Right(value) => Some(value),
                Scalar::Free => Some(free(node)),
                Scalar::Wrong => self.wrong(node, schema, &[schema], path),
            },
        }
    }

    fn map(&mut self, node: &Node, entries: &[(String, Node)], schema: &Value, path: &str) -> Option<Value> {
        let properties = schema["properties"].as_object();
        let mut found = Map::new();
        for (key, below) in entries {
            let known = properties.and_then(|properties| properties.get(key));
            let other = schema.get("additionalProperties").filter(|other| **other != Value::Bool(false));
            match known.or(other) {
                Some(below_schema) => {
                    if let Some(value) = self.value(below, below_schema, &join(path, key)) {
                        found.insert(key.clone(), value);
                    }
                }
                // a struct with parts that were flattened into it knows more keys than its properties
                None if is_open(schema) => {
                    found.insert(key.clone(), free(below));
                }
                None => self.unknown(below, key, properties, path),
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !entries.iter().any(|(key, below)| key == required && below.data != Data::Null) {
                self.fault(node, path, format!("the key {required} is missing"));
            }
        }
        let most = schema["maxProperties"].as_u64().unwrap_or(u64::MAX);
        let least = schema["minProperties"].as_u64().unwrap_or(0);
        if !(least..=most).contains(&(entries.len() as u64)) {
            let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            self.fault(node, path, format!("takes one of the keys {}", names.join(", ")));
            return None;
        }
        Some(Value::Object(found))
    }

    fn list(&mut self, items: &[Node], schema: &Value, path: &str) -> Vec<Value> {
        let mut found = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let item_path = format!("{path}[{place}]");
            let before = self.faults.len();
            if item.data == Data::Null {
                self.fault(item, &item_path, "an empty item; give a value or leave it out".to_owned());
            }
            let Some(value) = self.value(item, schema, &item_path) else { continue };
            if self.faults.len() == before {
                match self.schema.check_item(path, &value) {
                    Ok(()) => found.push(value),
                    Err(problem) => self.fault(item, &item_path, problem),
                }
            }
        }
        found
    }

    fn unknown(&mut self, node: &Node, key: &str, known: Option<&Map<String, Value>>, path: &str) {
        let names: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let leaves = self.schema.leaves();
        let elsewhere = || leaves.iter().find(|leaf| leaf.path.last().is_some_and(|last| last == key));
        let problem = if let Some(name) = nearest(key, names.iter().copied()) {
            format!("unknown key; did you mean {name}?")
        } else if let Some(leaf) = elsewhere() {
            format!("unknown key; did you mean {}?", leaf.path.join("."))
        } else {
            format!("unknown key; known here: {}", names.join(", "))
        };
        self.fault(node, &join(path, key), problem);
    }

    /// Tells that a value is none of what `options` allow.
    fn wrong(&mut self, node: &Node, schema: &Value, options: &[&Value], path: &str) -> Option<Value> {
        let secret = kind(schema) == Some("secret") || options.iter().any(|option| kind(option) == Some("secret"));
        let shown = match &node.data {
            Data::Map(_) => "a map".to_owned(),
            Data::List(_) => "a list".to_owned(),
            _ if secret => MASK.to_owned(),
            Data::Scalar(text) | Data::Quoted(text) => format!("'{}'", shorten(&without_user(text))),
            Data::Null => "nothing".to_owned(),
        };
        let named: Vec<&str> = options.iter().flat_map(|option| choices(option)).collect();
        let told = |option: &&&Value| !secret || kind(option) == Some("secret");
        let mut allowed: Vec<String> = options.iter().filter(told).map(|option| allowed(option)).collect();
        if !named.is_empty() {
            allowed.retain(|words| !words.starts_with("one of "));
            allowed.push(format!("one of {}", named.join(", ")));
        }
        allowed.dedup();
        self.fault(node, path, format!("{shown} is not {}", allowed.join(", or ")));
        None
    }

    fn fault(&mut self, node: &Node, path: &str, problem: String) {
        self.faults.push(Fault { place: node.place.clone(), key: path.to_owned(), problem });
    }
}

/// What became of a scalar.
enum Scalar {
    Right(Value),
    Wrong,
    /// The schema leaves the type open.
    Free,
}

fn scalar(text: &str, schema: &Value) -> Scalar {
    let named = choices(schema);
    let right = |value: Option<Value>| value.map_or(Scalar::Wrong, Scalar::Right);
    if !named.is_empty() {
        return right(named.contains(&text).then(|| Value::from(text)));
    }
    if has_type(schema, "string") {
        let long_enough = text.len() as u64 >= schema["minLength"].as_u64().unwrap_or(0);
        let formed = kind(schema).is_none_or(|kind| has_form(kind, text, schema));
        return right((long_enough && formed).then(|| Value::from(text)));
    }
    if has_type(schema, "boolean") {
        return right(truth(text).map(Value::from));
    }
    if has_type(schema, "integer") || has_type(schema, "number") {
        return right(number(text, schema));
    }
    Scalar::Free
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn number(text: &str, schema: &Value) -> Option<Value> {
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok();
    let found = match whole {
        Some(whole) => whole,
        None if has_type(schema, "number") => Number::from_f64(text.parse().ok()?)?,
        None => return None,
    };
    let value = found.as_f64()?;
    let above = schema["minimum"].as_f64().is_none_or(|low| value >= low);
    let below = schema["maximum"].as_f64().is_none_or(|high| value <= high);
    (above && below).then_some(Value::Number(found))
}

/// Whether a value of this shape can meet the schema at all.
fn fits(data: &Data, schema: &Value) -> bool {
    let open = schema.get("type").is_none() && choices(schema).is_empty();
    match data {
        Data::Null => true,
        Data::Map(_) => has_type(schema, "object") || open,
        Data::List(_) => has_type(schema, "array") || open,
        Data::Scalar(_) | Data::Quoted(_) => {
            open || !choices(schema).is_empty()
                || ["string", "boolean", "integer", "number"].iter().any(|name| has_type(schema, name))
        }
    }
}

/// Whether keys beyond its properties may belong to parts of the schema that are not read here.
fn is_open(schema: &Value) -> bool {
    ["anyOf", "oneOf", "allOf"].iter().any(|part| schema.get(part).is_some())
        || schema.get("additionalProperties").is_none() && schema.get("properties").is_none()
}

/// A value where the schema leaves everything open: YAML's own types.
fn free(node: &Node) -> Value {
    match &node.data {
        Data::Null => Value::Null,
        Data::Quoted(text) => Value::from(text.as_str()),
        Data::Scalar(text) => {
            let number_schema = serde_json::json!({ "type": "number" });
            let typed = truth(text).map(Value::from).or_else(|| number(text, &number_schema));
            typed.unwrap_or_else(|| Value::from(text.as_str()))
        }
        Data::List(items) => Value::Array(items.iter().map(free).collect()),
        Data::Map(entries) => entries.iter().map(|(key, below)| (key.clone(), free(below))).collect(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// An address without the user and password that may stand in it.
fn without_user(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}://{MASK}@{rest}").into(),
        None => text.into(),
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The place where the value under `path` was given.
pub fn place_of(root: &Node, path: &[String]) -> Place {
    root.at(path).map_or(Place::Default, |node| node.place.clone())
}
