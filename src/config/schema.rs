//! The JSON Schema of the configuration, and what is asked of it: shapes, allowed values, the list of all keys.
//!
//! It is generated from the types in `raw.rs`. `x-kind` marks texts with a form of their own (durations, sizes,
//! addresses …); `x-minimum` and `x-maximum` bound durations and sizes.

use std::net::SocketAddr;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::model::Model;
use super::raw::Raw;
use super::units::{DurationText, SizeText};
use super::zone::TimeZone;

/// What environment variables begin with.
pub const VARIABLE_PREFIX: &str = "OVERSIGHT_";

/// The keys below which the declarations of metrics stand.
const METRICS: [&str; 2] = ["anomaly", "metrics"];

/// The schema of the whole configuration.
#[derive(Debug, Clone)]
pub struct Schema {
    root: Value,
    metric_check: Option<fn(Value) -> Result<(), String>>,
}

/// A key that takes a value of its own.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// The environment variable that sets it.
    pub variable: String,
    /// What it takes.
    pub schema: Value,
    /// It is one way among several to give the key above it, as `password.file` is for `password`.
    pub alternative: bool,
}

impl Schema {
    /// Generated from the types; the declarations of metrics are taken as they come.
    pub fn generate() -> Self {
        let root = generator().into_root_schema_for::<Raw>().to_value();
        Self { root, metric_check: None }
    }

    /// Of another YAML file, which is read as a `T`.
    pub fn of<T: JsonSchema>() -> Self {
        Self { root: generator().into_root_schema_for::<T>().to_value(), metric_check: None }
    }

    /// The same, where `T` is the type of a declaration of a metric.
    #[must_use]
    pub fn with_metric<T: JsonSchema + DeserializeOwned>(mut self) -> Self {
        let mut metric = generator().into_root_schema_for::<T>().to_value();
        let definitions = metric.as_object_mut().and_then(|schema| {
            schema.remove("$schema");
            schema.remove("$defs")
        });
        if let Some(Value::Object(definitions)) = definitions {
            let known = self.root.as_object_mut().expect("the schema of a struct is an object");
            let known = known.entry("$defs").or_insert_with(|| Value::Object(Map::new()));
            known.as_object_mut().expect("definitions are an object").extend(definitions);
        }
        let items = self.root.pointer_mut("/properties/anomaly/properties/metrics/items");
        *items.expect("raw.rs declares anomaly.metrics as a list") = metric;
        self.metric_check =
            Some(|value| serde_json::from_value::<T>(value).map(|_| ()).map_err(|error| error.to_string()));
        self
    }

    /// The whole schema as JSON Schema, draft 2020-12.
    pub fn json(&self) -> &Value {
        &self.root
    }

    /// Whether a declaration of a metric can be read; `path` is that of the list it stands in.
    pub fn check_item(&self, path: &str, item: &Value) -> Result<(), String> {
        match self.metric_check {
            Some(check) if path == METRICS.join(".") => check(item.clone()),
            _ => Ok(()),
        }
    }

    /// Follows a reference; any other schema is given back.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|to| self.root.pointer(to.strip_prefix('#')?));
        target.unwrap_or(schema)
    }

    /// The schemas of which a value meets one: itself, or its alternatives without "nothing".
    pub fn alternatives<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolve(schema);
        let several = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        match several {
            // a flattened enum beside keys of its own: left to serde
            _ if schema.get("properties").is_some() => vec![schema],
            Some(several) => several.iter().flat_map(|one| self.alternatives(one)).collect(),
            None if schema["type"] == "null" => Vec::new(),
            None => vec![schema],
        }
    }

    /// Every key that takes a value, in the order of `raw.rs`.
    pub fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.collect(&self.root, &mut Vec::new(), &mut leaves);
        // the keys of a section stand together, before the sections in it
        leaves.sort_by(|a, b| {
            a.path.split_last().map(|(_, parents)| parents).cmp(&b.path.split_last().map(|(_, parents)| parents))
        });
        leaves
    }

    fn collect(&self, schema: &Value, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
        let options = self.alternatives(schema);
        let is_map = |option: &&&Value| option.get("properties").is_some();
        let is_section = options.len() == 1 && options.iter().any(|option| is_map(&option));
        if !is_section {
            leaves.push(leaf(path, self.resolve(schema), false));
        }
        let alternative = options.len() > 1;
        for option in options.iter().filter(is_map) {
            for (name, below) in option["properties"].as_object().into_iter().flatten() {
                path.push(name.clone());
                match alternative {
                    true => leaves.push(leaf(path, below, true)),
                    false => self.collect(below, path, leaves),
                }
                path.pop();
            }
        }
    }
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator()
}

fn leaf(path: &[String], schema: &Value, alternative: bool) -> Leaf {
    let variable = format!("{VARIABLE_PREFIX}{}", path.join("_").to_uppercase());
    Leaf { path: path.to_vec(), variable, schema: schema.clone(), alternative }
}

/// Whether a schema allows JSON values of `name`: `string`, `integer`, `number`, `boolean`, `array` or `object`.
pub fn has_type(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// The form of a text that is more than a text: `duration`, `size`, `secret` …
pub fn kind(schema: &Value) -> Option<&str> {
    schema["x-kind"].as_str()
}

/// The values of a schema that names them.
pub fn choices(schema: &Value) -> Vec<&str> {
    match (&schema["const"], &schema["enum"]) {
        (Value::String(only), _) => vec![only],
        (_, Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether `text` has the form that `kind` asks for and lies within the schema's bounds.
pub fn has_form(kind: &str, text: &str, schema: &Value) -> bool {
    match kind {
        "duration" => within::<DurationText>(text, schema),
        "size" => within::<SizeText>(text, schema),
        "address" => address(text).is_some(),
        "http-url" => is_http_url(text),
        "time-zone" => text.parse::<TimeZone>().is_ok(),
        "index-prefix" => is_index_prefix(text),
        "version" => is_version(text),
        "model" => text.parse::<Model>().is_ok(),
        _ => true,
    }
}

/// What a schema allows, in words.
pub fn allowed(schema: &Value) -> String {
    let words = match kind(schema) {
        Some("duration") => "a duration such as 5s, 2m or 1h30m",
        Some("size") => "a size such as 64MiB or 1GB",
        Some("address") => "an IP address (or localhost) and a port, such as 127.0.0.1:9292",
        Some("http-url") => "an address such as https://es.example.org:9200, without user, query or fragment",
        Some("index-prefix") => "lower-case letters, digits, - and _, beginning with a letter or digit",
        Some("version") => "a version of 7 or more in three numbers, such as 8.19.0",
        Some("time-zone") => "utc, local or an offset such as +02:00",
        Some("model") => "builtin:NAME such as builtin:kdd99, stored:NAME/VERSION, or a folder",
        Some("secret") => "a text, {file: PATH} or {env: NAME}",
        _ if !choices(schema).is_empty() => return format!("one of {}", choices(schema).join(", ")),
        _ if has_type(schema, "boolean") => "true or false",
        _ if has_type(schema, "integer") => "a whole number",
        _ if has_type(schema, "number") => "a number",
        _ if has_type(schema, "array") => "a list",
        _ if has_type(schema, "object") => "a map of keys",
        _ => "a text",
    };
    let bound = |number: &str, text: &str| schema.get(number).or_else(|| schema.get(text)).map(plain);
    match (bound("minimum", "x-minimum"), bound("maximum", "x-maximum")) {
        (Some(low), Some(high)) => format!("{words}, from {low} to {high}"),
        (Some(low), None) => format!("{words}, at least {low}"),
        (None, Some(high)) => format!("{words}, at most {high}"),
        (None, None) => words.to_owned(),
    }
}

/// A scalar of a schema as a person writes it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
            number.to_string().trim_end_matches(".0").to_owned()
        }
        other => other.to_string(),
    }
}

/// The address that `text` means; a name is not looked up, except `localhost`.
pub fn address(text: &str) -> Option<SocketAddr> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().ok()
}

fn within<T: std::str::FromStr + PartialOrd>(text: &str, schema: &Value) -> bool {
    let bound = |key: &str| schema[key].as_str().and_then(|text| text.parse::<T>().ok());
    text.parse::<T>().is_ok_and(|value| {
        bound("x-minimum").is_none_or(|low| value >= low) && bound("x-maximum").is_none_or(|high| value <= high)
    })
}

fn is_http_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// Three numbers, the first of them one that clients still talk to.
fn is_version(text: &str) -> bool {
    let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
    matches!(numbers.as_deref(), Some(&[first, _, _]) if first >= 7)
}

/// As Elasticsearch names indices: lower case, no special characters, and room for what follows the prefix.
fn is_index_prefix(text: &str) -> bool {
    let ordinary = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    text.len() <= 200 && text.chars().all(ordinary) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_has_an_environment_variable_of_its_own() {
        let leaves = Schema::generate().leaves();
        let names: BTreeSet<&str> = leaves.iter().map(|leaf| leaf.variable.as_str()).collect();
        assert_eq!(names.len(), leaves.len());
        for name in
            ["OVERSIGHT_LISTEN", "OVERSIGHT_DATA_DIR", "OVERSIGHT_STORE_ELASTICSEARCH_URL", "OVERSIGHT_ANOMALY_METRICS"]
        {
            assert!(names.contains(name), "{name} is not in {names:?}");
        }
        assert!(names.contains("OVERSIGHT_STORE_ELASTICSEARCH_PASSWORD_FILE"));
        assert!(!names.contains("OVERSIGHT_STORE"));
    }

    #[test]
    fn every_key_says_what_it_means_and_what_it_takes() {
        for leaf in Schema::generate().leaves() {
            assert!(leaf.schema["description"].as_str().is_some_and(|text| text.ends_with('.')), "{:?}", leaf.path);
        }
    }

    #[test]
    fn bounds_are_told_with_the_kind() {
        let schema = serde_json::json!({ "type": "string", "x-kind": "duration", "x-minimum": "1s" });
        assert_eq!(allowed(&schema), "a duration such as 5s, 2m or 1h30m, at least 1s");
        assert!(has_form("duration", "1s", &schema) && !has_form("duration", "999ms", &schema));
        let schema = serde_json::json!({ "type": "integer", "minimum": 1, "maximum": 256.0 });
        assert_eq!(allowed(&schema), "a whole number, from 1 to 256");
    }

    #[test]
    fn an_address_with_a_user_is_no_address() {
        assert!(is_http_url("https://es.example.org:9200") && is_http_url("http://[::1]:9200/path"));
        for bad in ["es:9200", "ftp://es", "https://u:p@es:9200", "http://es?x=1", "/x", "http://"] {
            assert!(!is_http_url(bad), "{bad}");
        }
    }
}
