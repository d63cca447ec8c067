//! YAML as JSON values, with anchors and merge keys, as compose files have them.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The document in `text`; panics where it is not valid.
pub fn read(text: &str) -> Value {
    let mut open: Vec<(Value, usize, Option<String>)> = Vec::new();
    let (mut anchors, mut root) = (HashMap::<usize, Value>::new(), Value::Null);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap_or_else(|error| panic!("{error}"));
        let (value, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push((Value::Array(Vec::new()), anchor, None));
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push((Value::Object(Map::new()), anchor, None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|(value, anchor, _)| (value, anchor)).unwrap(),
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::Alias(anchor) => (anchors[&anchor].clone(), 0),
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => root = value,
            Some((Value::Array(items), ..)) => items.push(value),
            Some((Value::Object(entries), _, key)) => match key.take() {
                None => {
                    *key =
                        Some(value.as_str().unwrap_or_else(|| panic!("a key in line {}", span.start.line())).to_owned())
                }
                Some(name) => put(entries, name, value, span.start.line()),
            },
            Some(_) => unreachable!("only lists and maps are open"),
        }
    }
    root
}

/// What `<<` brings stands behind what the map says itself.
fn put(entries: &mut Map<String, Value>, name: String, value: Value, line: usize) {
    if name == "<<" {
        for (name, value) in value.as_object().expect("a map is merged") {
            entries.entry(name).or_insert_with(|| value.clone());
        }
        entries.insert("<<".to_owned(), Value::Null);
        return;
    }
    // said before or after the merge, what stands in the map wins; said twice it is a mistake
    let merged = entries.contains_key("<<");
    let before = entries.insert(name.clone(), value);
    assert!(before.is_none() || merged, "line {line}: {name} is given twice");
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| Value::String(text.to_owned()), Value::from),
    }
}

#[test]
fn anchors_and_merges_are_read() {
    let value = read("x: &x\n  a: 1\n  b: [c, \"2\"]\ny:\n  <<: *x\n  a: 3\n");
    assert_eq!(value["y"]["a"], 3);
    assert_eq!(value["y"]["b"][1], "2");
}
