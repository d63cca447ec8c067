//! The saved objects, read from the file that people import.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

/// A file of the repository.
pub fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stands in a saved object.
#[derive(Debug, Clone)]
pub struct Object {
    pub kind: String,
    pub id: String,
    pub attributes: Map<String, Value>,
    /// Kind and id of what it refers to, by the name it uses for it.
    pub references: BTreeMap<String, (String, String)>,
}

impl Object {
    /// An attribute that is text.
    pub fn text(&self, name: &str) -> &str {
        let value = self.attributes.get(name).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("{} has no text {name}", self.id))
    }

    /// An attribute that is JSON within a text.
    pub fn json(&self, name: &str) -> Value {
        parse(&self.id, self.text(name))
    }

    /// Its query, index reference and filters.
    pub fn source(&self) -> Value {
        let text = self.attributes["kibanaSavedObjectMeta"]["searchSourceJSON"].as_str();
        parse(&self.id, text.unwrap_or_else(|| panic!("{} has no search source", self.id)))
    }

    /// Its query, in Kibana's language.
    pub fn query(&self) -> String {
        self.source()["query"]["query"].as_str().unwrap_or_else(|| panic!("{} has no query", self.id)).to_owned()
    }

    /// The id of the pattern that it searches; none for texts and dashboards.
    pub fn pattern(&self) -> Option<&str> {
        let source = self.source();
        let name = source["indexRefName"].as_str()?;
        let (kind, id) =
            self.references.get(name).unwrap_or_else(|| panic!("{}: {name} is not among its references", self.id));
        assert_eq!(kind, "index-pattern", "{}", self.id);
        Some(id)
    }
}

fn parse(id: &str, text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{id}: {error} in {text}"))
}

/// All of the file, by kind and id.
pub fn all() -> BTreeMap<(String, String), Object> {
    let text = std::fs::read_to_string(repository("kibana/oversight.ndjson")).expect("it is part of the repository");
    let mut objects = BTreeMap::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).expect("each line is an object");
        let word = |name: &str| value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned();
        let references = value["references"].as_array().expect("references").iter();
        let references = references
            .map(|one| {
                let word = |name: &str| one[name].as_str().unwrap_or_else(|| panic!("no {name} in {one}")).to_owned();
                (word("name"), (word("type"), word("id")))
            })
            .collect();
        let attributes = value["attributes"].as_object().expect("attributes").clone();
        let object = Object { kind: word("type"), id: word("id"), attributes, references };
        let place = (object.kind.clone(), object.id.clone());
        assert!(objects.insert(place.clone(), object).is_none(), "{place:?} is there twice");
    }
    objects
}

/// The fields that the template of a kind of documents maps, with what all indices have.
pub fn mapped(kind: &str) -> BTreeSet<String> {
    let properties = |name: &str| {
        let text = std::fs::read_to_string(repository(&format!("kibana/templates/{name}.json"))).expect("a template");
        let template: Value = serde_json::from_str(&text).expect("JSON");
        template["template"]["mappings"]["properties"].as_object().expect("properties").clone()
    };
    properties("common").into_iter().chain(properties(kind)).map(|(name, _)| name).collect()
}
