//! The index templates as this program wants them: the files of `kibana/templates/`, under the names and for the options of
//! the settings.
//!
//! Beyond what the files say, each engine is asked for the mapping in which *a field may be an object in one event and a
//! text in the next* (Zeek alone writes both `"id": "F1x"` and `"id.orig_h": …`): Elasticsearch calls it `subobjects`,
//! OpenSearch `disable_objects`. An engine too old for it gets the plain mapping, where the second shape of a field is
//! refused within a day's index.
//!
//! Lists of objects (`oversight.classification.top`, `.explanation`, `oversight.anomaly.metrics`) are mapped field by
//! field and not as `nested`: Kibana's charts cannot use nested fields, and each list element would be a hidden
//! document more. So "which labels come among the top" and "mean contribution" can be asked; "the probability of this
//! label where it came second" cannot, and an anomaly that must be asked for by metric *and* score has a document of
//! its own in `oversight-anomalies-…`. Words and numbers are mixed in `explanation.value`: it is a keyword.

use serde_json::{Map, Value, json};

use super::client::Product;
use super::settings::{IndexPrefix, Retention, Settings};
use crate::store::Kind;

/// The prefix that the files are written with.
const PREFIX: &str = "oversight";
/// In the order of installing: the others refer to the first.
const FILES: [(Option<Kind>, &str, &str); 5] = [
    (None, "common", include_str!("../../../kibana/templates/common.json")),
    (Some(Kind::Event), "events", include_str!("../../../kibana/templates/events.json")),
    (Some(Kind::Anomaly), "anomalies", include_str!("../../../kibana/templates/anomalies.json")),
    (Some(Kind::Health), "health", include_str!("../../../kibana/templates/health.json")),
    (Some(Kind::Threat), "threat", include_str!("../../../kibana/templates/threat.json")),
];

/// A template as it should be.
#[derive(Debug, Clone)]
pub(super) struct Blueprint {
    /// What its indices hold; none for what the others are composed of.
    pub kind: Option<Kind>,
    /// Its name, such as `oversight-events`.
    pub name: String,
    /// What the lifecycle policy of its indices is called, where there is one; none for what the others are composed of.
    pub policy: Option<String>,
    /// Itself.
    pub template: Value,
}

impl Blueprint {
    /// Those that belong into the engine. `lifecycle` says whether index settings may name a lifecycle policy there.
    pub fn wanted(settings: &Settings, lifecycle: bool) -> Vec<Self> {
        let mut all = Self::all(settings);
        all.retain(|one| one.kind != Some(Kind::Threat) || settings.threat_index.is_some());
        for one in &mut all {
            let (Some(kind), Some(policy)) = (one.kind, &one.policy) else { continue };
            if settings.data_streams && kind != Kind::Threat {
                one.template["data_stream"] = json!({});
            }
            if lifecycle && settings.retention.of(kind).is_some() {
                one.template["template"]["settings"]["index"]["lifecycle"] = json!({ "name": policy });
            }
        }
        all
    }

    /// Those that may be there, whatever the options were.
    pub fn all(settings: &Settings) -> Vec<Self> {
        let blueprint = |(kind, file, text): &(Option<Kind>, &str, &str)| Self {
            kind: *kind,
            name: format!("{}-{file}", settings.index_prefix.as_str()),
            policy: kind.map(|kind| Retention::policy(&settings.index_prefix, kind)),
            template: renamed(*kind, text, settings),
        };
        FILES.iter().map(blueprint).collect()
    }

    /// The template that is to be compared with one that was found: what an engine too old for the options of [`Dialect`] was given lacks
    /// some fields.
    pub fn for_comparison(&self, found: &Value) -> Value {
        let mapping = &found["template"]["mappings"];
        let mut template = self.template.clone();
        if OPTIONS.iter().all(|option| mapping[option].is_null()) {
            leave_open_what_has_two_shapes(&mut template);
        }
        template
    }

    /// Where the engine keeps it.
    pub fn path(&self) -> String {
        match self.kind {
            None => format!("_component_template/{}", self.name),
            Some(_) => format!("_index_template/{}", self.name),
        }
    }

    /// The template within the answer to a request for it.
    pub fn within<'a>(&self, answer: &'a Value) -> &'a Value {
        match self.kind {
            None => &answer["component_templates"][0]["component_template"],
            Some(_) => &answer["index_templates"][0]["index_template"],
        }
    }
}

/// The names and types of all fields that are mapped, by the kind of documents they are in: none are those that all have.
pub fn fields() -> Vec<(Option<Kind>, String, String)> {
    let mut all = Vec::new();
    for (kind, _, text) in FILES {
        let template: Value = serde_json::from_str(text).expect("the files are JSON objects");
        for (name, mapping) in template["template"]["mappings"]["properties"].as_object().into_iter().flatten() {
            all.push((kind, name.clone(), mapping["type"].as_str().unwrap_or("object").to_owned()));
        }
    }
    all
}

/// What the option is called by which a field may be an object in one event and a text in the next: in Elasticsearch, in OpenSearch.
const OPTIONS: [&str; 2] = ["subobjects", "disable_objects"];

/// What an engine is asked for beyond the file: parts of the mapping and of the index settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialect {
    mapping: Option<(&'static str, Value)>,
    /// Below `index.mapping.total_fields`.
    total_fields: Option<(&'static str, Value)>,
}

impl Dialect {
    /// The best first; the last is understood by all.
    pub fn of(product: Option<Product>) -> Vec<Self> {
        let subobjects = Some((OPTIONS[0], json!(false)));
        let elasticsearch = [
            // since 8.14: fields beyond the limit are kept in the document instead of refusing it
            Self { mapping: subobjects.clone(), total_fields: Some(("ignore_dynamic_beyond_limit", json!(true))) },
            Self { mapping: subobjects, total_fields: None },
        ];
        let opensearch = [Self { mapping: Some((OPTIONS[1], json!(true))), total_fields: None }];
        let mut all = match product {
            Some(Product::Elasticsearch) => elasticsearch.to_vec(),
            Some(Product::OpenSearch) => opensearch.to_vec(),
            None => [&elasticsearch[..], &opensearch].concat(),
        };
        all.push(Self::default());
        all
    }

    /// The template as this engine is asked for it.
    pub fn said(&self, blueprint: &Blueprint) -> Value {
        let mut template = blueprint.template.clone();
        // older dashboards look into plain objects
        if blueprint.kind == Some(Kind::Threat) {
            return template;
        }
        match &self.mapping {
            Some((key, value)) => template["template"]["mappings"][*key] = value.clone(),
            None => leave_open_what_has_two_shapes(&mut template),
        }
        let limits =
            template.pointer_mut("/template/settings/index/mapping/total_fields").and_then(Value::as_object_mut);
        if let (Some(limits), Some((key, value))) = (limits, &self.total_fields) {
            limits.insert((*key).to_owned(), value.clone());
        }
        template
    }
}

/// Takes out the fields that are a text and an object: a mapping without the options of [`Dialect`] can have but one of them, and the first
/// event of an index decides which.
fn leave_open_what_has_two_shapes(template: &mut Value) {
    let Some(fields) = template.pointer_mut("/template/mappings/properties").and_then(Value::as_object_mut) else {
        return;
    };
    let lies_in = |name: &str, outer: &str| name.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    let names: Vec<String> = fields.keys().cloned().collect();
    let both = names.iter().filter(|outer| names.iter().any(|name| lies_in(name, outer)));
    for outer in both {
        fields.retain(|name, _| name != outer && !lies_in(name, outer));
    }
}

/// The template of a file, its patterns and its components under the names of the settings.
fn renamed(kind: Option<Kind>, text: &str, settings: &Settings) -> Value {
    let mut template: Map<String, Value> = serde_json::from_str(text).expect("the files are JSON objects");
    for key in ["index_patterns", "composed_of"] {
        for name in template.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            let rest = name.as_str().and_then(|name| name.strip_prefix(PREFIX)).expect("the files name what is ours");
            *name = json!(format!("{}{rest}", settings.index_prefix.as_str()));
        }
    }
    if kind == Some(Kind::Threat) {
        let threats = settings.threat_index.as_ref().map_or(Kind::Threat.word(), IndexPrefix::as_str);
        template["index_patterns"] = json!([format!("{threats}-*")]);
    }
    Value::Object(template)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::fields as names;
    use crate::features;
    use crate::store::elasticsearch::NodeUrl;

    /// Types that Elasticsearch (as built for integration tests) and OpenSearch both have.
    const TYPES: [&str; 8] = ["keyword", "text", "date", "ip", "long", "float", "double", "boolean"];

    fn settings() -> Settings {
        Settings::for_node(NodeUrl::parse("http://127.0.0.1:9200").expect("a url"))
    }

    fn blueprint(settings: &Settings, kind: Kind) -> Blueprint {
        let mut all = Blueprint::wanted(settings, true).into_iter();
        all.find(|one| one.kind == Some(kind)).expect("it is wanted")
    }

    #[test]
    fn every_field_that_is_written_by_name_has_a_type() {
        let of_events = fields().into_iter().filter(|(kind, ..)| matches!(kind, None | Some(Kind::Event)));
        let events: BTreeSet<String> = of_events.map(|(_, name, _)| name).collect();
        let below = |path: &str| events.iter().any(|field| field.starts_with(&format!("{path}.")));
        assert!(events.contains(names::TIMESTAMP));
        assert!(events.contains(names::LABEL));
        assert!(events.contains(&format!("{}.{}", names::EVENT, names::RISK_SCORE)));
        assert!(below(names::THREAT));
        for object in [names::CLASSIFICATION, names::ANOMALY, names::INGEST] {
            assert!(below(&format!("{}.{object}", names::OVERSIGHT)), "{object}");
        }
        for name in features::NAMES {
            assert!(events.contains(name), "{name}");
        }
    }

    #[test]
    fn an_engine_without_the_options_is_not_asked_for_a_field_in_two_shapes() {
        let (mut left_open, plain) = (0, Dialect::default());
        for one in Blueprint::all(&settings()) {
            let asked = plain.said(&one);
            let fields = |template: &Value| template["template"]["mappings"]["properties"].as_object().unwrap().clone();
            let (asked_for, all) = (fields(&asked), fields(&one.template));
            for outer in asked_for.keys() {
                let inner = asked_for.keys().find(|name| name.starts_with(&format!("{outer}.")));
                assert_eq!(inner, None, "{}: {outer} is a word and an object", one.name);
            }
            left_open += all.len() - asked_for.len();
            assert_eq!(one.for_comparison(&asked), asked, "what was given is what is looked for");
            let full = Dialect::of(Some(Product::OpenSearch)).remove(0).said(&one);
            if one.kind != Some(Kind::Threat) {
                assert_eq!(fields(&one.for_comparison(&full)), all);
            }
        }
        assert_eq!(left_open, 3, "service, service.name and service.type, as Zeek and ECS have them");
    }

    #[test]
    fn only_types_that_both_engines_have_are_used() {
        for (kind, field, of) in fields() {
            assert!(TYPES.contains(&of.as_str()), "{kind:?}: {field} is a {of}");
        }
    }

    #[test]
    fn another_prefix_reaches_patterns_and_components() {
        let mut settings = settings();
        settings.index_prefix = IndexPrefix::new("team-a").expect("valid");
        let events = blueprint(&settings, Kind::Event);
        assert_eq!(events.name, "team-a-events");
        assert_eq!(events.template["index_patterns"], json!(["team-a-events-*"]));
        assert_eq!(events.template["composed_of"], json!(["team-a-common"]));
    }

    #[test]
    fn options_change_the_templates_that_they_are_about() {
        let mut settings = settings();
        assert!(!Blueprint::wanted(&settings, true).iter().any(|one| one.kind == Some(Kind::Threat)));
        settings.data_streams = true;
        settings.threat_index = Some(IndexPrefix::new("old").expect("valid"));
        settings.retention = Retention { events: Some(30), ..Retention::default() };
        let policy = |one: &Blueprint| one.template["template"]["settings"]["index"]["lifecycle"]["name"].clone();
        let events = blueprint(&settings, Kind::Event);
        assert_eq!((&events.template["data_stream"], policy(&events)), (&json!({}), json!("oversight-events")));
        let health = blueprint(&settings, Kind::Health);
        assert_eq!((&health.template["data_stream"], policy(&health)), (&json!({}), Value::Null));
        let threats = blueprint(&settings, Kind::Threat);
        assert_eq!(threats.template["index_patterns"], json!(["old-*"]));
        assert_eq!((&threats.template["data_stream"], policy(&threats)), (&Value::Null, json!("oversight-events")));
        let without = Blueprint::wanted(&settings, false);
        assert!(without.iter().all(|one| policy(one).is_null()), "an engine without lifecycles refuses the setting");
    }

    #[test]
    fn the_last_dialect_is_the_file_itself() {
        let all = Blueprint::all(&settings());
        for product in [None, Some(Product::Elasticsearch), Some(Product::OpenSearch)] {
            let dialects = Dialect::of(product);
            assert_eq!(dialects[dialects.len() - 1].said(&all[0]), all[0].template);
            assert_ne!(dialects[0].said(&all[0]), all[0].template);
        }
    }
}
