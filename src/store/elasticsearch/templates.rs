//! The index templates: installed where they are missing or older, left alone where they are not ours.
//!
//! They lie in `kibana/templates/` under the names of the default prefix. Beyond what the files say, each engine is
//! asked for the mapping in which *a field may be an object in one event and a text in the next* (Zeek alone writes
//! both `"id": "F1x"` and `"id.orig_h": …`): Elasticsearch calls it `subobjects`, OpenSearch `disable_objects`. An
//! engine too old for it gets the plain mapping, where the second shape of a field is refused within a day's index.
//!
//! Lists of objects (`oversight.classification.top`, `.explanation`, `oversight.anomaly.metrics`) are mapped field by
//! field and not as `nested`: Kibana's charts cannot use nested fields, and each list element would be a hidden
//! document more. So "which labels come among the top" and "mean contribution" can be asked; "the probability of this
//! label where it came second" cannot, and an anomaly that must be asked for by metric *and* score has a document of
//! its own in `oversight-anomalies-…`. Words and numbers are mixed in `explanation.value`: it is a keyword.

use std::collections::BTreeMap;

use bytes::Bytes;
use elasticsearch::http::Method;
use serde_json::{Map, Value, json};

use super::client::{Answer, NoAnswer, Product};
use super::settings::IndexPrefix;
use super::words::request_reason;
use super::{ElasticStore, NAME};
use crate::store::StoreError;

/// The prefix that the files are written with.
const PREFIX: &str = "oversight";
/// In the order of installing: the others refer to the first.
const FILES: [(Shape, &str, &str); 3] = [
    (Shape::Component, "common", include_str!("../../../kibana/templates/common.json")),
    (Shape::Index, "events", include_str!("../../../kibana/templates/events.json")),
    (Shape::Index, "anomalies", include_str!("../../../kibana/templates/anomalies.json")),
];

/// A template as the engine has it, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateReport {
    /// Its name, such as `oversight-events`.
    pub name: String,
    /// What was found.
    pub found: TemplateState,
    /// Whether this program's was put in its place.
    pub installed: bool,
    /// Settings and fields of one of this version that somebody has changed, added or taken away.
    pub changed: Vec<String>,
}

/// What was found in the place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateState {
    /// Nothing.
    Missing,
    /// One of ours, of an earlier version: will be replaced.
    Older(u64),
    /// One of ours, of this version (also if somebody changed it): stays.
    Current,
    /// One of ours, from a later version of this program: stays.
    Newer(u64),
    /// Somebody else's: stays, and documents get its mapping.
    Foreign,
}

impl TemplateState {
    /// Whether ours has to be installed.
    pub fn is_due(self) -> bool {
        matches!(self, Self::Missing | Self::Older(_))
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Component,
    Index,
}

impl Shape {
    fn path(self, name: &str) -> String {
        match self {
            Self::Component => format!("_component_template/{name}"),
            Self::Index => format!("_index_template/{name}"),
        }
    }

    /// The template within the answer to a request for it.
    fn within(self, answer: &Value) -> &Value {
        match self {
            Self::Component => &answer["component_templates"][0]["component_template"],
            Self::Index => &answer["index_templates"][0]["index_template"],
        }
    }
}

impl ElasticStore {
    /// Compares the engine's templates with this program's, and installs those that are due unless it is a dry run.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] where the engine refuses us or the template, [`StoreError::Unreachable`] where it
    /// does not answer as it should.
    pub async fn templates(&self, dry_run: bool) -> Result<Vec<TemplateReport>, StoreError> {
        let product = self.product().await?;
        let mut reports = Vec::with_capacity(FILES.len());
        for (shape, name, text) in FILES {
            let template = rename(text, &self.settings().index_prefix);
            let name = format!("{}-{name}", self.settings().index_prefix.as_str());
            let (found, changed) = self.found(shape, &name, &template).await?;
            let installed = found.is_due() && !dry_run;
            if installed {
                self.install(shape, &name, &template, product).await?;
            }
            reports.push(TemplateReport { name, found, installed, changed });
        }
        Ok(reports)
    }

    /// Takes the templates away that are ours, of whatever version; the names of those that were there. Indices, and
    /// what is in them, stay.
    ///
    /// # Errors
    /// As [`ElasticStore::templates`]; also where somebody else's template is composed of one of ours.
    pub async fn remove_templates(&self) -> Result<Vec<String>, StoreError> {
        let mut removed = Vec::new();
        // those that refer to others first
        for (shape, name, text) in FILES.into_iter().rev() {
            let name = format!("{}-{name}", self.settings().index_prefix.as_str());
            let ours = rename(text, &self.settings().index_prefix);
            let (found, _) = self.found(shape, &name, &ours).await?;
            if matches!(found, TemplateState::Missing | TemplateState::Foreign) {
                continue;
            }
            let answer = self.ask(Method::Delete, &shape.path(&name), None).await?;
            if !matches!(answer.status, 200 | 404) {
                return Err(fault(&format!("template {name}: "), &answer));
            }
            removed.push(name);
        }
        Ok(removed)
    }

    /// Asks who answers. Not every engine says so to everybody: none then.
    ///
    /// # Errors
    /// As [`ElasticStore::templates`]; also where something else than these engines answers.
    pub async fn product(&self) -> Result<Option<Product>, StoreError> {
        let answer = self.ask(Method::Get, "", None).await?;
        if answer.product.is_some() && answer.status != 401 {
            return Ok(answer.product);
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match answer.status {
            200 if body["version"]["distribution"] == "opensearch" => Ok(Some(Product::OpenSearch)),
            200 if body["tagline"] == "You Know, for Search" => Ok(Some(Product::Elasticsearch)),
            200 => Err(unreachable("what answers there is neither Elasticsearch nor OpenSearch".to_owned())),
            // a user who may only write documents does not see the root
            403 | 405 => Ok(None),
            _ => Err(fault("", &answer)),
        }
    }

    /// What is in its place, and what of it was changed.
    async fn found(&self, shape: Shape, name: &str, ours: &Value) -> Result<(TemplateState, Vec<String>), StoreError> {
        let answer = self.ask(Method::Get, &shape.path(name), None).await?;
        match answer.status {
            200 => {
                let body: Value = serde_json::from_slice(&answer.body)
                    .map_err(|error| unreachable(format!("its template {name} is no JSON: {error}")))?;
                let found = shape.within(&body);
                let state = compare(found, ours);
                let same = state == TemplateState::Current;
                Ok((state, if same { changes(&found["template"], &ours["template"]) } else { Vec::new() }))
            }
            404 => Ok((TemplateState::Missing, Vec::new())),
            _ => Err(fault(&format!("template {name}: "), &answer)),
        }
    }

    async fn install(
        &self,
        shape: Shape,
        name: &str,
        ours: &Value,
        product: Option<Product>,
    ) -> Result<(), StoreError> {
        let mut refused = None;
        for dialect in dialects(product) {
            let body = Bytes::from(in_dialect(ours, &dialect).to_string());
            let answer = self.ask(Method::Put, &shape.path(name), Some(body)).await?;
            match answer.status {
                200 => return Ok(()),
                400 => refused = Some(answer),
                _ => return Err(fault(&format!("template {name}: "), &answer)),
            }
        }
        let answer = refused.expect("there is at least one dialect");
        Err(fault(&format!("template {name}: "), &answer))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Answer, StoreError> {
        self.client.send(method, path, &[], body).await.map_err(|NoAnswer(reason)| unreachable(reason))
    }
}

/// What an engine is asked for beyond the file: parts of the mapping and of the index settings.
#[derive(Debug, Clone, Default)]
struct Dialect {
    mapping: Option<(&'static str, Value)>,
    /// Below `index.mapping.total_fields`.
    total_fields: Option<(&'static str, Value)>,
}

/// The best first; the last is understood by all.
fn dialects(product: Option<Product>) -> Vec<Dialect> {
    let subobjects = Some(("subobjects", json!(false)));
    let elasticsearch = [
        // since 8.14: fields beyond the limit are kept in the document instead of refusing it
        Dialect { mapping: subobjects.clone(), total_fields: Some(("ignore_dynamic_beyond_limit", json!(true))) },
        Dialect { mapping: subobjects, total_fields: None },
    ];
    let opensearch = [Dialect { mapping: Some(("disable_objects", json!(true))), total_fields: None }];
    let mut all = match product {
        Some(Product::Elasticsearch) => elasticsearch.to_vec(),
        Some(Product::OpenSearch) => opensearch.to_vec(),
        None => [&elasticsearch[..], &opensearch].concat(),
    };
    all.push(Dialect::default());
    all
}

fn in_dialect(template: &Value, dialect: &Dialect) -> Value {
    let mut template = template.clone();
    if let Some((key, value)) = &dialect.mapping {
        template["template"]["mappings"][*key] = value.clone();
    }
    let limits = template.pointer_mut("/template/settings/index/mapping/total_fields").and_then(Value::as_object_mut);
    if let (Some(limits), Some((key, value))) = (limits, &dialect.total_fields) {
        limits.insert((*key).to_owned(), value.clone());
    }
    template
}

/// The template of a file, its own name, its patterns and its components under another prefix.
fn rename(text: &str, prefix: &IndexPrefix) -> Value {
    let mut template: Map<String, Value> = serde_json::from_str(text).expect("the files are JSON objects");
    for key in ["index_patterns", "composed_of"] {
        for name in template.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            let rest = name.as_str().and_then(|name| name.strip_prefix(PREFIX)).expect("the files name what is ours");
            *name = json!(format!("{}{rest}", prefix.as_str()));
        }
    }
    Value::Object(template)
}

fn compare(found: &Value, ours: &Value) -> TemplateState {
    if found["_meta"]["managed_by"] != ours["_meta"]["managed_by"] {
        return TemplateState::Foreign;
    }
    let version = |template: &Value| template["version"].as_u64().unwrap_or_default();
    match version(found) {
        there if there < version(ours) => TemplateState::Older(there),
        there if there > version(ours) => TemplateState::Newer(there),
        _ => TemplateState::Current,
    }
}

/// Where what was found is not what was installed. Engines keep every setting as a text, and have some that are asked
/// for beyond the file, so only fields count that are there and not ours.
fn changes(found: &Value, ours: &Value) -> Vec<String> {
    let (mut there, mut wanted) = (BTreeMap::new(), BTreeMap::new());
    leaves(found, "", &mut there);
    leaves(ours, "", &mut wanted);
    let fields = "mappings.properties.";
    let changed = wanted.iter().filter(|(path, value)| there.get(*path) != Some(value)).map(|(path, _)| path);
    let added = there.keys().filter(|path| path.starts_with(fields) && !wanted.contains_key(*path));
    changed.chain(added).map(|path| path.trim_start_matches(fields).to_owned()).collect()
}

/// Every value that is no object, as text, by the names above it.
fn leaves(value: &Value, path: &str, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, out);
            }
        }
        Value::String(text) => drop(out.insert(path.to_owned(), text.clone())),
        other => drop(out.insert(path.to_owned(), other.to_string())),
    }
}

fn unreachable(reason: String) -> StoreError {
    StoreError::Unreachable { store: NAME, reason }
}

fn fault(what: &str, answer: &Answer) -> StoreError {
    let reason = format!("{what}{}", request_reason(answer));
    match answer.status {
        400..=403 => StoreError::Forbidden { store: NAME, reason },
        _ => unreachable(reason),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::fields;
    use crate::features;

    /// Types that Elasticsearch (as built for integration tests) and OpenSearch both have.
    const TYPES: [&str; 8] = ["keyword", "text", "date", "ip", "long", "float", "double", "boolean"];

    fn template(name: &str) -> Value {
        let (_, _, text) = FILES.into_iter().find(|(_, file, _)| *file == name).expect("it is one of ours");
        rename(text, &IndexPrefix::default())
    }

    fn properties(name: &str) -> Map<String, Value> {
        template(name)["template"]["mappings"]["properties"].as_object().expect("it has fields").clone()
    }

    #[test]
    fn every_field_that_is_written_by_name_has_a_type() {
        let events: BTreeSet<String> =
            properties("common").into_iter().chain(properties("events")).map(|(k, _)| k).collect();
        let below = |path: &str| events.iter().any(|field| field.starts_with(&format!("{path}.")));
        assert!(events.contains(fields::TIMESTAMP));
        assert!(events.contains(fields::LABEL));
        assert!(events.contains(&format!("{}.{}", fields::EVENT, fields::RISK_SCORE)));
        assert!(below(fields::THREAT));
        for object in [fields::CLASSIFICATION, fields::ANOMALY, fields::INGEST] {
            assert!(below(&format!("{}.{object}", fields::OVERSIGHT)), "{object}");
        }
        for name in features::NAMES {
            assert!(events.contains(name), "{name}");
        }
    }

    #[test]
    fn only_types_that_both_engines_have_are_used() {
        for name in ["common", "events", "anomalies"] {
            for (field, mapping) in properties(name) {
                let kind = mapping["type"].as_str().unwrap_or("object");
                assert!(TYPES.contains(&kind), "{name}: {field} is a {kind}");
            }
        }
    }

    #[test]
    fn another_prefix_reaches_patterns_and_components() {
        let prefix = IndexPrefix::new("team-a").expect("valid");
        let (_, _, text) = FILES[1];
        let events = rename(text, &prefix);
        assert_eq!(events["index_patterns"], json!(["team-a-events-*"]));
        assert_eq!(events["composed_of"], json!(["team-a-common"]));
    }

    #[test]
    fn a_template_is_replaced_only_where_it_is_ours_and_older() {
        let ours = json!({"version": 2, "_meta": {"managed_by": "oversight"}});
        let found = |version: u64| json!({"version": version, "_meta": {"managed_by": "oversight"}});
        assert_eq!(compare(&found(1), &ours), TemplateState::Older(1));
        assert_eq!(compare(&found(2), &ours), TemplateState::Current);
        assert_eq!(compare(&found(3), &ours), TemplateState::Newer(3));
        assert_eq!(compare(&json!({"version": 1}), &ours), TemplateState::Foreign);
        assert_eq!(compare(&Value::Null, &ours), TemplateState::Foreign);
    }

    #[test]
    fn a_change_is_told_by_its_place_and_an_engines_own_form_is_none() {
        let ours = template("common")["template"].clone();
        let mut found = ours.clone();
        found["settings"]["index"]["number_of_shards"] = json!("1");
        found["settings"]["index"]["mapping"]["total_fields"]["ignore_dynamic_beyond_limit"] = json!("true");
        found["mappings"]["subobjects"] = json!(false);
        assert_eq!(changes(&found, &ours), Vec::<String>::new());
        found["settings"]["index"]["refresh_interval"] = json!("1s");
        found["mappings"]["properties"]["tags"]["type"] = json!("text");
        found["mappings"]["properties"]["theirs"] = json!({"type": "long"});
        assert_eq!(changes(&found, &ours), ["tags.type", "settings.index.refresh_interval", "theirs.type"]);
    }

    #[test]
    fn the_last_dialect_is_the_file_itself() {
        let events = template("common");
        for product in [None, Some(Product::Elasticsearch), Some(Product::OpenSearch)] {
            let all = dialects(product);
            assert_eq!(in_dialect(&events, &all[all.len() - 1]), events);
            assert_ne!(in_dialect(&events, &all[0]), events);
        }
    }
}
