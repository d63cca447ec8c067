//! `GET /v1/openapi.json`: what the API takes and answers, as OpenAPI 3.1.
//!
//! Made from the table in [`operations`], from the types that are answered (their JSON Schema), and from the table of who may do
//! what, so that it says nothing that the code does not. Paths in Elasticsearch's shape are not in it; their owners describe them.

mod markdown;
mod operations;

use std::sync::LazyLock;

use bytes::Bytes;
use http::{Method, StatusCode};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use warp::filters::BoxedFilter;
use warp::reply::Response;

pub use self::markdown::reference;

use self::operations::{Answer, OPERATIONS, Operation, Parameter};
use super::measures::Series;
use super::status::Status;
use super::{Health, look, response};
use crate::access::{Needed, needed};
use crate::anomaly::MetricDeclaration;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(document().to_string()));

/// The route; rejects other paths only.
pub fn route() -> BoxedFilter<(Response,)> {
    look(warp::path!("v1" / "openapi.json"), || response(StatusCode::OK, "application/json", DOCUMENT.clone()))
}

fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut schemas = Map::new();
    add::<Status>(&mut generator);
    add::<Health>(&mut generator);
    add::<Series>(&mut generator);
    add::<MetricDeclaration>(&mut generator);
    schemas.extend(generator.take_definitions(true));
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("Refused".to_owned(), refused());
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "oversight",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What oversight has stored, how it goes, and which models judge. On loopback without configuration nobody has to authenticate.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "key": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{}, {"password": []}, {"key": []}],
    })
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    let _ = generator.subschema_for::<T>();
}

fn described(operation: &Operation) -> Value {
    // older paths tell what is wrong in the shape that the door has
    let refusal = if operation.problem { content("application/problem+json", "Problem") } else { plain() };
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({"description": operation.answer.means(), "content": operation.answer.content()}),
    );
    for status in operation.refusals {
        let reason =
            StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason()).unwrap_or("refused");
        let mut response = json!({"description": reason});
        if *status != 304 {
            let same = operation.same.contains(status);
            response["content"] = if same { operation.answer.content() } else { refusal.clone() };
        }
        responses.insert(status.to_string(), response);
    }
    for (status, means) in DOOR {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({"description": means}));
        response["content"]["application/json"] = plain()["application/json"].take();
    }
    let mut described = json!({
        "summary": operation.summary,
        "operationId": operation.name,
        "parameters": operation.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "responses": responses,
        "x-role": role(operation),
    });
    if let Some(body) = operation.body {
        let schema = serde_json::from_str::<Value>(body).expect("a test reads every schema of the table");
        described["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    described
}

/// What the door says before a path is looked at, the same for all.
const DOOR: [(u16, &str); 4] = [
    (401, "nobody who is known"),
    (403, "somebody who may not"),
    (429, "too many wrong passwords came from there"),
    (503, "no place for another connection"),
];

/// The body of what the door refuses, and of older paths.
fn plain() -> Value {
    content("application/json", "Refused")
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({media_type: {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": if parameter.in_path { "path" } else { "query" },
        "required": parameter.required,
        "description": parameter.means,
        "schema": serde_json::from_str::<Value>(parameter.schema).expect("a test reads every schema of the table"),
    })
}

/// What the one table of access asks for here.
fn role(operation: &Operation) -> Value {
    let method = operation.method.parse::<Method>().expect("the table has methods of HTTP");
    match needed(&method, operation.path) {
        Needed::Nothing => Value::Null,
        Needed::Role(role) => json!(role),
    }
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong, as RFC 9457 has it.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        },
    })
}

fn refused() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong, as the doors for events tell it.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["status", "reason"],
                "properties": {"status": {"type": "integer"}, "reason": {"type": "string"}},
            },
        },
    })
}

impl Answer {
    fn means(&self) -> &'static str {
        match self {
            Self::Schema(_) | Self::Object(_) | Self::List(_) => "as asked for",
            Self::Other(_, means) => means,
        }
    }

    fn content(&self) -> Value {
        match self {
            Self::Schema(name) => content("application/json", name),
            Self::Object(means) => json!({"application/json": {"schema": {"type": "object", "description": means}}}),
            Self::List(means) => {
                let schema = json!({"type": "array", "description": means, "items": {"type": "object"}});
                json!({"application/json": {"schema": schema}})
            }
            Self::Other(types, _) => {
                types.iter().map(|one| ((*one).to_owned(), json!({"schema": {"type": "string"}}))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_refers_to_nothing_that_is_not_in_it() {
        let document = document();
        let text = document.to_string();
        let schemas = &document["components"]["schemas"];
        for (place, _) in text.match_indices("\"#/") {
            let reference = text[place + 2..].split('"').next().unwrap();
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
        for name in ["Status", "Health", "Series", "MetricDeclaration", "Accounts", "Problem"] {
            assert!(schemas[name].is_object(), "{name}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_the_role_that_the_door_asks_for() {
        let names: std::collections::BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), OPERATIONS.len());
        let document = document();
        assert_eq!(document["paths"]["/v1/search"]["post"]["x-role"], "read");
        assert_eq!(document["paths"]["/v1/dead-letters/redrive"]["post"]["x-role"], "admin");
        assert_eq!(document["paths"]["/health/live"]["get"]["x-role"], Value::Null);
        for operation in OPERATIONS {
            for parameter in operation.parameters.iter().filter(|parameter| parameter.in_path) {
                assert!(operation.path.contains(&format!("{{{}}}", parameter.name)), "{}", operation.path);
            }
        }
    }
}
