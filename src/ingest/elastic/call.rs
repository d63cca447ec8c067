//! Which of Elasticsearch's calls a request is, from its method and path alone.

use http::Method;

use super::action::{Action, Metadata, Operation};
use super::bulk::Target;
use super::filter::Filter;
use crate::ingest::text::decoded;

/// A call that is answered here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// Documents.
    Bulk {
        /// The index in the path.
        index: Option<Box<str>>,
    },
    /// One document; its action lacks the pipeline, which stands in the query.
    Document(Action),
    /// `GET /`: who is there?
    Greeting,
    /// `GET /_license`
    License,
    /// `GET /_xpack` of Beats before 8; nothing is there.
    Nothing,
    /// `GET /_cluster/health`
    ClusterHealth,
    /// `GET /_cat/health`
    CatHealth,
    /// `GET /_nodes/…`
    Nodes,
    /// Templates, policies, pipelines, aliases and indices: whatever is asked for is there, whatever is to be made is
    /// acknowledged, and nothing is done. Events keep their way whatever they are called.
    Object,
    /// `POST …/_refresh`: nothing is ever stale.
    Refresh,
    /// A path from here with a method that it does not have.
    WrongMethod {
        /// Those that it has.
        allowed: &'static str,
    },
}

const LOOK: &str = "GET, HEAD";
const WRITE: &str = "POST, PUT";
const KEEP: &str = "GET, HEAD, POST, PUT";

impl Call {
    /// The call; none where the path is not one of Elasticsearch's that shippers use.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let mut names = [""; 4];
        let mut count = 0;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            *names.get_mut(count)? = name;
            count += 1;
        }
        let (call, allowed) = Self::at(method, &names[..count])?;
        let has = |one: &str| allowed.split(", ").any(|known| known == one);
        Some(if has(method.as_str()) { call } else { Self::WrongMethod { allowed } })
    }

    /// The call at these names, and the methods it has.
    fn at(method: &Method, names: &[&str]) -> Option<(Self, &'static str)> {
        let makes = matches!(*method, Method::HEAD | Method::PUT);
        Some(match names {
            [] => (Self::Greeting, LOOK),
            ["_bulk"] => (Self::Bulk { index: None }, WRITE),
            // what stands between was a type once
            [index, "_bulk"] | [index, _, "_bulk"] if is_index(index) => {
                (Self::Bulk { index: Some(name(index)) }, WRITE)
            }
            ["_license"] | ["_xpack", "license"] => (Self::License, LOOK),
            ["_xpack", ..] => (Self::Nothing, LOOK),
            ["_cluster", "health", ..] => (Self::ClusterHealth, LOOK),
            ["_cat", "health"] => (Self::CatHealth, LOOK),
            ["_nodes", ..] => (Self::Nodes, LOOK),
            ["_refresh" | "_flush"] => (Self::Refresh, "GET, POST"),
            [index, "_refresh" | "_flush"] if is_index(index) => (Self::Refresh, "GET, POST"),
            ["_template" | "_index_template" | "_component_template" | "_data_stream" | "_alias", _]
            | ["_ilm", "policy", _]
            | ["_ingest", "pipeline", _] => (Self::Object, KEEP),
            ["_template" | "_index_template" | "_component_template" | "_data_stream" | "_alias" | "_aliases"]
            | ["_ilm", "policy" | "status"]
            | ["_ingest", "pipeline"] => (Self::Object, KEEP),
            [index, "_alias" | "_aliases" | "_mapping" | "_settings", ..] if is_index(index) => (Self::Object, KEEP),
            [index, "_doc"] if is_index(index) => (document(Operation::Index, index, None), "POST"),
            [index, "_doc", id] if is_index(index) => (document(Operation::Index, index, Some(id)), WRITE),
            [index, "_create", id] if is_index(index) => (document(Operation::Create, index, Some(id)), WRITE),
            // looking into an index is no business of a door for events
            [index] if is_index(index) && makes && !OURS.contains(index) => (Self::Object, "HEAD, PUT"),
            // the type that rsyslog writes to unless it is told otherwise
            [index, "events"] if is_index(index) && !OURS.contains(index) => {
                (document(Operation::Index, index, None), "POST")
            }
            [index, "events", id] if is_index(index) && !OURS.contains(index) => {
                (document(Operation::Index, index, Some(id)), WRITE)
            }
            _ => return None,
        })
    }
}

fn document(operation: Operation, index: &str, id: Option<&str>) -> Call {
    Call::Document(Action {
        operation,
        target: Metadata { index: Some(name(index)), id: id.map(name), pipeline: None },
    })
}

/// Paths of our own that are never taken for an index.
const OURS: [&str; 3] = ["v1", "health", "metrics"];

/// Names with an underscore before them are calls.
fn is_index(name: &str) -> bool {
    !name.starts_with('_')
}

/// A part of a path, where a `+` is a `+`.
fn name(part: &str) -> Box<str> {
    let plain = part.replace('+', "%2B");
    String::from_utf8_lossy(&decoded(plain.as_bytes())).into()
}

/// What the query of a request with documents says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub pipeline: Option<Box<str>>,
    pub filter: Filter,
    /// `op_type=create`
    pub create: bool,
}

impl Query {
    /// From the text behind the `?`. What is not known (`timeout`, `refresh` …) has no meaning here.
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for pair in text.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || String::from_utf8_lossy(&decoded(value.as_bytes())).into_owned();
            match key {
                "pipeline" => query.pipeline = Some(value()).filter(|text| !text.is_empty()).map(Box::from),
                "filter_path" => query.filter = Filter::parse(&value()),
                "op_type" => query.create = value() == "create",
                _ => {}
            }
        }
        query
    }

    /// The action with what the query says of it.
    pub fn complete(&self, mut action: Action) -> Action {
        action.target.pipeline = self.pipeline.clone();
        if self.create {
            action.operation = Operation::Create;
        }
        action
    }

    /// Where documents go that do not say it themselves.
    pub fn target(&self, index: Option<Box<str>>) -> Target {
        Target { index, pipeline: self.pipeline.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Option<Call> {
        let (method, path) = line.split_once(' ').unwrap();
        Call::of(&method.parse().unwrap(), path)
    }

    fn bulk(index: Option<&str>) -> Option<Call> {
        Some(Call::Bulk { index: index.map(Box::from) })
    }

    #[test]
    fn bulk_requests_may_name_an_index() {
        assert_eq!(call("POST /_bulk"), bulk(None));
        assert_eq!(call("PUT /_bulk/"), bulk(None));
        assert_eq!(call("POST //logs/_bulk"), bulk(Some("logs")));
        assert_eq!(call("POST /logs/_doc/_bulk"), bulk(Some("logs")));
        assert_eq!(call("POST /%3Clogs+a-%7Bnow%2Fd%7D%3E/_bulk"), bulk(Some("<logs+a-{now/d}>")));
        assert_eq!(call("GET /_bulk"), Some(Call::WrongMethod { allowed: "POST, PUT" }));
    }

    #[test]
    fn a_document_may_come_by_itself() {
        let found = |line| match call(line) {
            Some(Call::Document(Action { operation, target })) => {
                (operation, target.index.unwrap().into_string(), target.id.map(String::from))
            }
            other => panic!("{line}: {other:?}"),
        };
        let id = |id: &str| Some(id.to_owned());
        assert_eq!(found("POST /logs/_doc"), (Operation::Index, "logs".to_owned(), None));
        assert_eq!(found("PUT /logs/_doc/a%2Fb"), (Operation::Index, "logs".to_owned(), id("a/b")));
        assert_eq!(found("POST /logs/_doc/1+1"), (Operation::Index, "logs".to_owned(), id("1+1")));
        assert_eq!(found("PUT /logs/_create/7"), (Operation::Create, "logs".to_owned(), id("7")));
        assert_eq!(found("POST /system/events"), (Operation::Index, "system".to_owned(), None));
        assert_eq!(found("PUT /system/events/9"), (Operation::Index, "system".to_owned(), id("9")));
        assert_eq!(call("PUT /logs/_doc"), Some(Call::WrongMethod { allowed: "POST" }));
        for none in ["POST /v1/events", "POST /v1/models", "POST /system/other", "POST /logs/_update/7", "PUT /a/b"] {
            assert_eq!(call(none), None, "{none}");
        }
        let create = Query::parse("op_type=create&pipeline=p")
            .complete(Action { operation: Operation::Index, target: Metadata::default() });
        assert_eq!((create.operation, create.target.pipeline.as_deref()), (Operation::Create, Some("p")));
    }

    #[test]
    fn the_calls_that_shippers_begin_with_are_known() {
        for (line, known) in [
            ("HEAD /", Call::Greeting),
            ("GET /_license", Call::License),
            ("GET /_xpack", Call::Nothing),
            ("GET /_cluster/health", Call::ClusterHealth),
            ("GET /_cat/health", Call::CatHealth),
            ("GET /_nodes/http", Call::Nodes),
            ("GET /_nodes/ingest", Call::Nodes),
            ("HEAD /_template/telegraf", Call::Object),
            ("PUT /_index_template/logs", Call::Object),
            ("PUT /_component_template/logs@mappings", Call::Object),
            ("GET /_ilm/policy/filebeat", Call::Object),
            ("PUT /_ingest/pipeline/filebeat-nginx", Call::Object),
            ("HEAD /logstash", Call::Object),
            ("PUT /%3Clogstash-%7Bnow%2Fd%7D-000001%3E", Call::Object),
            ("POST /_refresh", Call::Refresh),
        ] {
            assert_eq!(call(line), Some(known), "{line}");
        }
        for foreign in [
            "GET /logs",
            "POST /logs",
            "HEAD /metrics",
            "PUT /v1",
            "GET /logs/_search",
            "POST /_search",
            "GET /a/b/c/d/e",
        ] {
            assert_eq!(call(foreign), None, "{foreign}");
        }
        assert_eq!(call("DELETE /_template/x"), Some(Call::WrongMethod { allowed: KEEP }));
    }

    #[test]
    fn the_query_says_what_is_wanted_and_through_which_pipeline() {
        let query = Query::parse("refresh=true&filter_path=errors%2Citems.*.status&pipeline=a%20b");
        assert_eq!((query.pipeline.as_deref(), query.filter), (Some("a b"), Filter::parse("errors,items.*.status")));
        assert_eq!(Query::parse(""), Query::default());
        assert_eq!(Query::parse("pipeline="), Query::default());
    }
}
